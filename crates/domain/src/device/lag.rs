//! Stamps that lag behind their arrival by a steady amount, or stand still: that is a wrong clock, and what it stamps is
//! not old (contract §3).

use minicbor::{Decode, Encode};

use super::Device;
use super::offset::is_near;
use super::pace::{Advance, MESSAGES, WATCHED, advance};
use super::timing::{device_time, implant_correction};
use crate::model::message::{Body, Message, Relay, Status};
use crate::model::time::{Span, Stamp, Timestamp};

/// Stamps younger than this may stand still, as those do that are given by the minute.
const STANDS: Span = Span::mins(2);

/// A relay that kept a message for longer than this explains its lag.
const KEPT: Span = Span::secs(30);

/// The newest stamps of one sender's messages, corrected and in the gateway's own time, beside their arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Lag {
    /// The last message that settled by how much they lag.
    #[n(0)]
    known: Option<Mark>,
    /// Messages in a row that lag by another amount.
    #[n(1)]
    run: Option<Run>,
}

/// An arrival and the newest stamp that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Mark {
    #[n(0)]
    arrived: Timestamp,
    #[n(1)]
    stamp: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Run {
    #[n(0)]
    first: Mark,
    #[n(1)]
    last: Timestamp,
    #[n(2)]
    messages: u32,
    /// The time of sending of the last.
    #[n(3)]
    sent_at: Option<Timestamp>,
}

/// One message, to its sender's lag.
#[derive(Clone, Copy, Debug)]
struct Came {
    mark: Mark,
    sent_at: Option<Timestamp>,
    /// It has a number of its own, and is no old one sent once more.
    numbered: bool,
}

/// A message of a clock that lags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    /// Its newest stamp, corrected.
    pub(super) newest: Timestamp,
    /// By how much its clock lags.
    pub(super) lag: Span,
    /// Its clock stands still.
    pub(super) stands: bool,
}

impl Mark {
    fn lag(self) -> Span {
        self.arrived - self.stamp
    }
}

impl Run {
    fn of(came: Came) -> Self {
        Self { first: came.mark, last: came.mark.stamp, messages: 1, sent_at: came.sent_at }
    }

    /// Whether nothing of a clock moved since the run began; what a device says again tells when it is sent.
    fn stands(&self, came: Came) -> bool {
        let stands = self.first.stamp == self.last && came.mark.stamp == self.last;
        stands && came.sent_at == self.sent_at
    }

    fn has_stood(&self, now: Timestamp) -> bool {
        let long = now - self.first.arrived >= WATCHED && self.messages >= MESSAGES;
        long && self.first.stamp == self.last && now - self.last > STANDS
    }
}

impl Lag {
    /// A message came; by how much its clock lags, and whether that stands still, once either is known.
    fn observe(&mut self, came: Came) -> Option<(Span, bool)> {
        let Mark { arrived, stamp } = came.mark;
        if is_near(came.mark.lag(), Span::ZERO) {
            *self = Self::default();
            return None;
        }
        if let Some(known) = self.known.filter(|known| is_near(came.mark.lag(), known.lag())) {
            self.run = None;
            // A clock drifts; a queue that runs away leaves what is known.
            if advance(arrived - known.arrived, stamp - known.stamp, MESSAGES) == Advance::AtPace {
                self.known = Some(came.mark);
            }
            return Some((known.lag(), false));
        }
        let Some(run) = &mut self.run else {
            self.run = Some(Run::of(came));
            return None;
        };
        if run.stands(came) {
            run.messages += u32::from(came.numbered);
            return run.has_stood(arrived).then_some((came.mark.lag(), true));
        }
        let (took, told) = (arrived - run.first.arrived, stamp - run.first.stamp);
        let goes_on = stamp >= run.last && is_near(took, told);
        run.messages += 1;
        match advance(took, told, run.messages) {
            Advance::AtPace if goes_on => {
                *self = Self { known: Some(came.mark), run: None };
                return Some((came.mark.lag(), false));
            }
            Advance::Unknown if goes_on => {
                (run.last, run.sent_at) = (stamp, came.sent_at);
            }
            Advance::AtPace | Advance::Unknown | Advance::Faster | Advance::Slower => {
                *run = Run::of(came);
            }
        }
        None
    }

    /// What is known of a message that shows nothing itself.
    fn of(&self, mark: Mark) -> Option<(Span, bool)> {
        let steady = self.known.filter(|known| is_near(mark.lag(), known.lag()));
        let stands = || {
            let run = self.run.as_ref()?;
            (run.last == mark.stamp && run.has_stood(mark.arrived)).then_some((mark.lag(), true))
        };
        steady.map(|known| (known.lag(), false)).or_else(stands)
    }
}

impl Device {
    /// What a message that came live shows of its clock. Readings show it, events are taken by what is known.
    pub(super) fn observe_lag(&mut self, message: &Message, now: Stamp) -> Option<Behind> {
        let stamp = newest_of_now(message)? + implant_correction(message);
        let kept = |relay: &Relay| relay.sent_at.zip(relay.received_at);
        if message.relay.as_ref().and_then(kept).is_some_and(|(sent, came)| sent - came > KEPT) {
            return None;
        }
        let newest = stamp + self.clock_of(message).correction();
        let mark = Mark { arrived: now.at, stamp: now.own(newest) };
        let (sent_at, numbered) = (message.sent_at, message.seq.is_some());
        let lag = &mut self.clock_of_mut(message).lag;
        let shows = matches!(message.body, Body::Telemetry { .. });
        let known =
            if shows { lag.observe(Came { mark, sent_at, numbered }) } else { lag.of(mark) };
        let (lag, stands) = known?;
        Some(Behind { newest, lag, stands })
    }
}

/// The newest stamp of what does not name something of before.
fn newest_of_now(message: &Message) -> Option<Timestamp> {
    match &message.body {
        Body::Telemetry { readings, .. } => {
            let of_now =
                readings.iter().filter(|r| matches!(r.status, Status::Final | Status::Preliminary));
            of_now.filter_map(|r| device_time(message, r.time)).max()
        }
        Body::Events { events, .. } => {
            events.iter().filter_map(|e| device_time(message, e.time)).max()
        }
        Body::Waves { .. } | Body::Status { .. } | Body::Info { .. } | Body::Undecodable { .. } => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + s * 1_000)
    }

    /// What is known after messages of an arrival and a stamp, in seconds: by how much they lag, and whether they stand.
    fn after(messages: impl IntoIterator<Item = (i64, i64)>) -> Option<(i64, bool)> {
        let mut lag = Lag::default();
        let mut known = None;
        for (arrived, stamp) in messages {
            let mark = Mark { arrived: at(arrived), stamp: at(stamp) };
            known = lag.observe(Came { mark, sent_at: None, numbered: true });
        }
        known.map(|(lag, stands)| (lag.as_micros() / 1_000_000, stands))
    }

    #[test]
    fn a_steady_lag_shows_after_ten_seconds_and_three_messages() {
        assert_eq!(after((0..10).map(|s| (s, s - HOUR))), None);
        assert_eq!(after((0..11).map(|s| (s, s - HOUR))), Some((HOUR, false)));
        assert_eq!(after([(0, -HOUR), (20, 20 - HOUR)]), None);
        assert_eq!(
            after([(0, -HOUR), (600, 600 - HOUR), (1_200, 1_210 - HOUR)]),
            Some((HOUR - 10, false))
        );
    }

    #[test]
    fn what_comes_faster_or_by_another_amount_each_time_shows_nothing() {
        assert_eq!(after((0..3_000).map(|n| (n / 2, n - HOUR))), None, "a queue");
        assert_eq!(after((0..40).map(|n| (n * 60, n * 60 - HOUR - n % 2 * 40))), None);
    }

    #[test]
    fn a_clock_that_drifts_goes_on_lagging() {
        let drifts = (0..20_000).map(|s| (s, s * 99 / 100 - HOUR));
        let mut lag = Lag::default();
        for (arrived, stamp) in drifts {
            let mark = Mark { arrived: at(arrived), stamp: at(stamp) };
            let known = lag.observe(Came { mark, sent_at: None, numbered: true });
            assert!(known.is_some() || arrived < 15, "{arrived}");
        }
    }

    #[test]
    fn a_queue_that_follows_a_known_lag_leaves_it() {
        let clock = (0..60).map(|s| (s, s - HOUR));
        let queue = (0..60).map(|n| (60 + n / 10, 60 - HOUR + n));
        assert_eq!(after(clock.chain(queue)), None);
    }

    #[test]
    fn stamps_that_stand_show_once_they_are_older_than_any_minute() {
        assert_eq!(after((0..11).map(|s| (s, -HOUR))), Some((HOUR + 10, true)));
        assert_eq!(after((0..10).map(|s| (s, -HOUR))), None);
        assert_eq!(after((0..121).map(|s| (s, 0))), None);
        assert_eq!(after((0..122).map(|s| (s, 0))), Some((121, true)));
    }
}
