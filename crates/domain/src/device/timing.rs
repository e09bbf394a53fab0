//! When something was measured, as far as that can be known (contract §3).

use super::binding::{Attribution, attribution};
use super::offset::is_near;
use super::{Device, Taken};
use crate::model::alarm::TimeQuality;
use crate::model::message::{Body, Message, ReadingTime, Relay};
use crate::model::observation::{Timeliness, Timing};
use crate::model::time::{IntakeGap, Span, Stamp, Timestamp};
use crate::rules::Class;

/// A stamp further ahead of corrected now than this is absurd (contract §3).
const AHEAD: Span = Span::mins(5);

/// People may enter the readings of a `charted` device so far ahead.
const CHARTED_AHEAD: Span = Span::hours(2);

/// A live stamp so long before the registration of its device, or so old at all, is of a broken clock.
const BEFORE_REGISTRATION: Span = Span::days(1);
const OLDEST: Span = Span::days(365);

/// What the time of a reading is judged by, besides its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace<'a> {
    pub(super) class: Option<&'a Class>,
    /// How often the signal comes, where that is stated.
    pub(super) interval: Option<Span>,
    /// Rule time of the newest reading of the series judged live.
    pub(super) newest: Option<Timestamp>,
    /// Rule time of the first reading of its instant: one instant has one time.
    pub(super) instant: Option<Timestamp>,
    /// It corrects what came of its instant, and is of that time whatever its clock does.
    pub(super) is_correction: bool,
    pub(super) intake_gaps: &'a [IntakeGap],
    /// Its clock stands still, or lags: it is of now.
    pub(super) of_now: bool,
    /// How its message was taken.
    pub(super) taken: Taken,
}

/// How old what is live may be, of a device of this class that sends the signal so often.
pub(super) fn live_window(class: Option<&Class>, interval: Option<Span>) -> Span {
    class.map_or(Span::mins(1), |class| class.live_window_for(interval))
}

/// Whether something of a clock that lags is of now: too old by its stamp, and not by the newest one beside it.
pub(super) fn is_of_now(
    device: &Device,
    message: &Message,
    time: ReadingTime,
    (class, interval, taken): (Option<&Class>, Option<Span>, Taken),
    now: Stamp,
) -> bool {
    let Some((behind, stamp)) = taken.behind.zip(device_time(message, time)) else { return false };
    let corrected = stamp + implant_correction(message) + device.clock_of(message).correction();
    let window = live_window(class, interval);
    let is_late = behind.lag > window && now.wall() - corrected > window;
    is_late && behind.newest - corrected <= window && class.is_none_or(|class| !class.charted)
}

/// When it was measured; and whether its stamp is absurd.
pub(super) fn timing(
    device: &Device,
    message: &Message,
    time: ReadingTime,
    pace: Pace<'_>,
    now: Stamp,
) -> (Timing, bool) {
    let received = now.wall();
    let relay_at = message.relay.as_ref().and_then(|r| r.received_at);
    let by = |measured: Timestamp, rule_at: Timestamp, quality, timeliness| Timing {
        measured,
        own: now.own(measured).min(now.at),
        rule_at,
        received,
        relay_at,
        quality,
        timeliness,
    };
    let timeliness = |rule_at: Timestamp| {
        let window = live_window(pace.class, pace.interval);
        let age = now.at - rule_at - overlap((rule_at, now.at), pace.intake_gaps);
        let passed = age > window || pace.newest.is_some_and(|newest| rule_at < newest);
        if passed || pace.taken.old || message.delivery.retained {
            Timeliness::Late
        } else {
            Timeliness::Live
        }
    };
    let fresh = message.delivery.could_be_live() && !pace.taken.old;
    let at_arrival = |quality| {
        let rule_at = now.at.max(pace.newest.unwrap_or(now.at));
        let timeliness = if pace.taken.old { Timeliness::Late } else { Timeliness::Live };
        by(received, rule_at, quality, timeliness)
    };
    let Some(stamp) = device_time(message, time) else {
        // Without any time the moment of arrival is the time, if it came live (contract §3).
        return match time {
            _ if !fresh => (at_arrival(TimeQuality::Unknown), false),
            ReadingTime::Age(age) => {
                let rule_at = now.at - age;
                let timeliness = timeliness(rule_at);
                (by(received - age, rule_at, TimeQuality::Synced, timeliness), false)
            }
            ReadingTime::At(_) | ReadingTime::Period(..) | ReadingTime::Unstated => {
                (at_arrival(TimeQuality::Synced), false)
            }
        };
    };
    let stamp = stamp + implant_correction(message);
    let clock = device.clock_of(message);
    let corrected = stamp + clock.correction();
    let charted = pace.class.is_some_and(|class| class.charted);
    if charted && corrected > received && corrected <= received + CHARTED_AHEAD {
        return (by(corrected, now.at, TimeQuality::Synced, timeliness(now.at)), false);
    }
    let sent_at = hop_sent_at(message).or_else(|| newest_reading(message));
    let before_registration = now.shown(device.registered_at) - BEFORE_REGISTRATION;
    let broken = pace.of_now
        || corrected < received - OLDEST
        || (corrected < before_registration && !clock.is_queue(sent_at, now));
    let absurd = corrected > received + AHEAD
        || stamp.min(corrected) < Timestamp::YEAR_2000
        || clock.is_previous(message.clock.as_ref())
        || (fresh && broken);
    if absurd {
        let quality = if fresh { TimeQuality::Arrival } else { TimeQuality::Unknown };
        let named = pace.instant.filter(|_| pace.is_correction);
        let then = named.map(|rule_at| by(received, rule_at, quality, timeliness(rule_at)));
        return (then.unwrap_or_else(|| at_arrival(quality)), true);
    }
    let rule_at = pace.instant.unwrap_or(now.own(corrected)).min(now.at);
    let by_old_clock = pace.taken.stepped.is_some() && !is_near(received - stamp, Span::ZERO);
    let certain = charted || (clock.is_certain(sent_at, now) && !by_old_clock);
    let quality = if certain { TimeQuality::Synced } else { TimeQuality::Estimated };
    (by(corrected, rule_at, quality, timeliness(rule_at)), false)
}

/// Whether an entry of a backlog is older than it is kept, by its corrected time. A stamp that cannot be says
/// nothing of its age.
pub(super) fn is_too_old(message: &Message, index: u32, timing: &Timing, suspect: bool) -> bool {
    let kept = message.kept_of_old(index).filter(|_| !suspect);
    kept.is_some_and(|kept| timing.measured < timing.received - kept)
}

/// The reading's instant by the device's clock.
pub(crate) fn device_time(message: &Message, time: ReadingTime) -> Option<Timestamp> {
    match time {
        ReadingTime::At(at) | ReadingTime::Period(_, at) => Some(at),
        ReadingTime::Age(age) => message.sent_at.map(|sent_at| sent_at - age),
        ReadingTime::Unstated => None,
    }
}

pub(super) fn newest_reading(message: &Message) -> Option<Timestamp> {
    match &message.body {
        Body::Telemetry { readings, .. } => {
            readings.iter().filter_map(|r| device_time(message, r.time)).max()
        }
        Body::Events { events, .. } => {
            events.iter().filter_map(|e| device_time(message, e.time)).max()
        }
        Body::Waves { chunks, .. } => chunks.iter().map(|c| c.at).max(),
        Body::Status { .. } | Body::Info { .. } | Body::Undecodable { .. } => None,
    }
}

/// The clock of the last hop: the relay's where there is one.
pub(super) fn hop_sent_at(message: &Message) -> Option<Timestamp> {
    message.relay.as_ref().and_then(|r| r.sent_at.or(r.received_at)).or(message.sent_at)
}

/// Implant time to relay time.
pub(super) fn implant_correction(message: &Message) -> Span {
    message.relay.as_ref().map_or(Span::ZERO, Relay::implant_correction)
}

/// How much of `span` lies in intake gaps.
fn overlap(span: (Timestamp, Timestamp), intake_gaps: &[IntakeGap]) -> Span {
    let within = |(from, to): &IntakeGap| (span.1.min(*to) - span.0.max(*from)).max(Span::ZERO);
    intake_gaps.iter().map(within).fold(Span::ZERO, |sum, one| sum + one)
}

impl Device {
    /// Whose something is. What a clock that was put right may have stamped before is nobody's, where that would
    /// make it another's; a suspect stamp, that nobody was bound to then.
    pub(super) fn whose(
        &self,
        message: &Message,
        time: ReadingTime,
        (timing, suspect): (&Timing, bool),
        taken: Taken,
        now: Stamp,
    ) -> Attribution<'_> {
        let here = attribution(&self.bindings, timing.own);
        let stamp = device_time(message, time).map(|stamp| stamp + implant_correction(message));
        let Some((before, stamp)) = taken.stepped.zip(stamp) else { return here };
        if is_near(timing.received - stamp, Span::ZERO) {
            return here;
        }
        let then = attribution(&self.bindings, now.own(stamp + before));
        match (here.patient(), then.patient()) {
            (here, then) if here == then => {}
            (Some(_), None) if suspect => {}
            (Some(patient), _) | (None, Some(patient)) => return Attribution::Uncertain(patient),
            (None, None) => {}
        }
        here
    }
}
