//! The site machine: wards, beds, and alarms of the gateway itself. It never sees a reading.

mod duty;
mod outages;
mod proven;
mod wards;

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

pub use self::duty::Duty;
use crate::alarms::book::{AlarmSubject, Book, Draft, Key};
use crate::alarms::draft;
use crate::model::alarm::{Alarm, Condition, Priority};
use crate::model::cause::Cause;
use crate::model::ids::{BedId, ChannelId, DeviceId, WardId};
use crate::model::input::{LineRefusal, SignInWay, Synchronised};
use crate::model::pause::Pause;
use crate::model::time::{Span, Timestamp};
use crate::output::transition::Change;
use crate::output::{Output, rule};
use crate::text;

const STORE_FAILING: &str = "store.failing";
const DISK_FULL: &str = "store.full";
const INTAKE_GAP: &str = "gateway.deaf";
const CLOCK_BEHIND: &str = "clock.behind";
const REFUSED: &str = "link.refused";
const CLOCK_UNSYNCHRONISED: &str = "clock.unsynchronised";
const BROKER: &str = "link.broker";
const SINK_REFUSED: &str = "influx.refused";
const SINK_BEHIND: &str = "influx.behind";
const LINES_REFUSED: &str = "influx.lines_refused";
const CROWDED: &str = "gateway.crowded";
const OVER_BUDGET: &str = "gateway.sender_over_budget";
const UNDELIVERED: &str = "delivery.failing";
const NOT_TAKEN: &str = "delivery.refused";

/// A wall clock that is further behind the gateway's own time raises an alarm.
const CLOCK_TOLERATED: Span = Span::secs(1);

/// More than this of any minute without intake is an alarm (contract §5).
const DEAF_TOLERATED: Span = Span::secs(5);

/// Wards, beds and the gateway's own alarms.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Site {
    /// Wards.
    #[n(0)]
    pub wards: BTreeSet<WardId>,
    /// Beds, each in its ward.
    #[n(1)]
    pub beds: BTreeMap<BedId, WardId>,
    /// Alarms about the gateway.
    #[n(2)]
    pub alarms: Book,
    /// Who is on duty, and what nobody answers for.
    #[n(40)]
    #[cbor(default)]
    pub duty: Duty,
    /// Pauses of whatever alarm begins in a scope, oldest first; those that are over may stand there for a while.
    #[n(3)]
    #[cbor(default)]
    pub pauses: Vec<Pause>,
    /// The row of its last change; not part of its state.
    #[cbor(skip)]
    pub touched: u64,
}

/// The gateway itself.
const GATEWAY: AlarmSubject<'static> = AlarmSubject { patient: None, ward: None, bed: None };

impl Site {
    /// Keeps only these of its alarms.
    pub(crate) fn keep_alarms(&mut self, keep: impl Fn(&Alarm) -> bool) {
        self.alarms.leave_only(keep);
    }

    /// When the site next wants to be woken, in the gateway's own time.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.alarms.next_deadline().into_iter().chain(self.duty.wakes_at()).min()
    }

    /// What falls due at `due` is done.
    pub fn fire(&mut self, due: Timestamp, out: &mut Output) {
        if self.duty.wakes_at() == Some(due) {
            self.look_at_duty(out);
        }
        if self.alarms.next_deadline() == Some(due) {
            self.alarms.fire(due, out);
        }
    }

    /// Commits fail, or succeed again: silence meanwhile belongs to this one alarm.
    pub fn store(&mut self, failing: bool, out: &mut Output) {
        let key = own_key(STORE_FAILING);
        if failing {
            let text = text::store_failing();
            self.alarms.raise(GATEWAY, present(key, Priority::High, text, out), out);
        } else {
            self.alarms.change(&key, None, out, Alarm::absent);
        }
    }

    /// Whether commits fail.
    pub fn is_store_failing(&self) -> bool {
        self.alarms.holds(&own_key(STORE_FAILING))
    }

    /// The disk is full, or has room again: silence meanwhile belongs to this one alarm.
    pub fn disk(&mut self, full: bool, out: &mut Output) {
        let key = own_key(DISK_FULL);
        if full {
            let text = text::disk_full();
            self.alarms.raise(GATEWAY, present(key, Priority::High, text, out), out);
        } else {
            self.alarms.change(&key, None, out, Alarm::absent);
        }
    }

    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.alarms.holds(&own_key(DISK_FULL))
    }

    /// Nothing proves that what is published to a broker of the site arrives here, or its probe came
    /// back. High: whoever is behind that broker may be watched by nobody.
    pub fn broker(&mut self, id: &DeviceId, fault: Option<&str>, out: &mut Output) {
        let key = Key::new(rule(BROKER), id.as_str());
        let Some(fault) = fault else {
            return self.alarms.change(&key, None, out, Alarm::absent);
        };
        let text = text::broker(id, fault);
        let cause = Cause::noticed(Some(id.clone()), out.wall());
        let draft = Draft { cause, ..present(key, Priority::High, text, out) };
        self.raise_or_reword(draft, out);
    }

    /// The brokers announced as not proven.
    pub fn broker_faults(&self) -> impl Iterator<Item = DeviceId> {
        let announced = self.alarms.iter().filter(|(key, _)| key.rule.as_str() == BROKER);
        announced.filter_map(|(key, _)| key.source.parse().ok())
    }

    /// Connections were closed or turned away for want of places: somebody holds more of them than there
    /// should be, and whoever is to be served may have to try again. Ends by itself.
    pub fn crowded(&mut self, way: SignInWay, ended: u64, address: Option<&str>, out: &mut Output) {
        let key = Key::new(rule(CROWDED), way.as_str());
        if ended == 0 {
            return self.alarms.change(&key, None, out, Alarm::absent);
        }
        let text = text::crowded(way, ended, address);
        self.raise_or_reword(present(key, Priority::Medium, text, out), out);
    }

    /// Where connections are announced to lack places.
    pub fn crowded_ways(&self) -> Vec<SignInWay> {
        let announced = |way: &SignInWay| self.alarms.holds(&Key::new(rule(CROWDED), way.as_str()));
        SignInWay::ALL.into_iter().filter(announced).collect()
    }

    /// A sender sends more than its budget: what is beyond it waits, and comes late. Ends by itself.
    pub fn over_budget(&mut self, sender: &DeviceId, over: bool, out: &mut Output) {
        let key = Key::new(rule(OVER_BUDGET), sender.as_str());
        if !over {
            return self.alarms.change(&key, None, out, Alarm::absent);
        }
        let cause = Cause::noticed(Some(sender.clone()), out.wall());
        let text = text::read_slowly(sender);
        let draft = Draft { cause, ..present(key, Priority::Medium, text, out) };
        self.alarms.raise(GATEWAY, draft, out);
    }

    /// The senders announced to be over budget.
    pub fn over_budgets(&self) -> impl Iterator<Item = DeviceId> {
        let announced = self.alarms.iter().filter(|(key, _)| key.rule.as_str() == OVER_BUDGET);
        announced.filter_map(|(key, _)| key.source.parse().ok())
    }

    /// InfluxDB refuses what is exported to it, or is behind: both end by themselves.
    pub fn sink(&mut self, refused: Option<u16>, behind: bool, words: &str, out: &mut Output) {
        let refused = refused.map(|status| text::sink_refused(status, words));
        let behind = behind.then(|| text::sink_behind(words));
        for (id, priority, text) in
            [(SINK_REFUSED, Priority::Medium, refused), (SINK_BEHIND, Priority::Low, behind)]
        {
            let key = own_key(id);
            let Some(text) = text else {
                self.alarms.change(&key, None, out, Alarm::absent);
                continue;
            };
            self.raise_or_reword(present(key, priority, text, out), out);
        }
    }

    /// InfluxDB will never take some of what was exported: told once for each reason, until somebody has
    /// looked. What concerns all that follows is medium; what concerns only those lines is low.
    pub fn lines_refused(&mut self, why: LineRefusal, lines: u64, words: &str, out: &mut Output) {
        let key = Key::new(rule(LINES_REFUSED), why.as_str());
        if self.alarms.holds(&key) {
            return;
        }
        let (priority, reason) = match why {
            LineRefusal::Line => (Priority::Low, "for a reason of their own"),
            LineRefusal::Retention => (Priority::Low, "older than its bucket keeps anything"),
            LineRefusal::Series => (Priority::Medium, "it takes no new series"),
            LineRefusal::FieldType => (Priority::Medium, "a field has another type there"),
        };
        let text = format!(
            "InfluxDB will never take some of what is exported to it, {lines} points so far: \
             {reason}; the export goes on without them{}",
            text::server_says(words)
        );
        let cause = Cause::noticed(None, out.wall());
        let draft = draft::technical(key, None, priority, Condition::Momentary, text, cause, out);
        self.alarms.raise(GATEWAY, draft, out);
    }

    /// What was announced waits for a channel that does not take it, or all of it was taken: ends by itself.
    /// As grave as what waits.
    pub fn undelivered(
        &mut self,
        channel: &ChannelId,
        waits: Option<Priority>,
        words: &str,
        out: &mut Output,
    ) {
        let key = Key::new(rule(UNDELIVERED), channel.as_str());
        let Some(priority) = waits else {
            return self.alarms.change(&key, None, out, Alarm::absent);
        };
        let text = text::undelivered(channel, words);
        self.raise_or_reword(present(key, priority, text, out), out);
    }

    /// The channels announced as not taking alarms, with how grave that is.
    pub fn undelivered_channels(&self) -> impl Iterator<Item = (ChannelId, Priority)> {
        let announced = self.alarms.iter().filter(|(key, _)| key.rule.as_str() == UNDELIVERED);
        announced.filter_map(|(key, open)| Some((key.source.parse().ok()?, open.alarm.priority)))
    }

    /// The channels that are known to take nothing now.
    pub(crate) fn failing_channels(&self) -> Vec<ChannelId> {
        let fails = self.alarms.iter().filter(|(key, open)| {
            key.rule.as_str() == UNDELIVERED && open.alarm.condition != Condition::Absent
        });
        fails.filter_map(|(key, _)| key.source.parse().ok()).collect()
    }

    /// A channel will never take something that was announced: told once, until somebody has looked.
    pub fn not_taken(&mut self, channel: &ChannelId, words: &str, out: &mut Output) {
        let key = Key::new(rule(NOT_TAKEN), channel.as_str());
        if self.alarms.holds(&key) {
            return;
        }
        let text = text::not_taken(channel, words);
        let cause = Cause::noticed(None, out.wall());
        let (priority, condition) = (Priority::Medium, Condition::Momentary);
        let draft = draft::technical(key, None, priority, condition, text, cause, out);
        self.alarms.raise(GATEWAY, draft, out);
    }

    /// Whether one of its alarms is open that it ends by itself.
    pub fn is_sink_alarming(&self) -> bool {
        let of_sink = |id: &str| [SINK_REFUSED, SINK_BEHIND].contains(&id);
        self.alarms.iter().any(|(key, _)| of_sink(key.rule.as_str()))
    }

    /// The wall clock is `offset` from the gateway's own time. A clock set back is an alarm for as long
    /// as it is behind.
    pub fn clock(&mut self, offset: Span, out: &mut Output) {
        let key = own_key(CLOCK_BEHIND);
        if offset < Span::ZERO - CLOCK_TOLERATED {
            let text = text::clock_behind(Span::ZERO - offset);
            self.alarms.raise(GATEWAY, present(key, Priority::Medium, text, out), out);
        } else {
            self.alarms.change(&key, None, out, Alarm::absent);
        }
    }

    /// The machine's clock is synchronised, or is not, or nobody knows.
    pub fn synchronised(&mut self, word: &Synchronised, out: &mut Output) {
        let key = own_key(CLOCK_UNSYNCHRONISED);
        let (priority, text) = match word {
            Synchronised::Yes => return self.alarms.change(&key, None, out, Alarm::absent),
            Synchronised::NotAsked => {
                let (change, reason) = (Change::RuleChanged, "detection_off");
                return self.alarms.close(&key, change, reason, None, out);
            }
            Synchronised::No => (Priority::Medium, text::unsynchronised()),
            Synchronised::Unknown(why) => (Priority::Low, text::perhaps_unsynchronised(why)),
        };
        self.raise_or_reword(present(key, priority, text, out), out);
    }

    /// Whether the machine's clock was not known to be synchronised when it was last asked.
    pub fn doubts_the_clock(&self) -> bool {
        self.alarms.holds(&own_key(CLOCK_UNSYNCHRONISED))
    }

    /// Intake stood still until now, for so long in all within a minute: one alarm for the gateway, no device is
    /// blamed for it.
    pub fn deaf(&mut self, within_a_minute: Span, out: &mut Output) {
        let key = own_key(INTAKE_GAP);
        if within_a_minute <= DEAF_TOLERATED || self.alarms.holds(&key) {
            return;
        }
        let text = text::deaf(within_a_minute);
        let cause = Cause::noticed(None, out.wall());
        let (priority, condition) = (Priority::Medium, Condition::Momentary);
        let draft = draft::technical(key, None, priority, condition, text, cause, out);
        self.alarms.raise(GATEWAY, draft, out);
    }

    /// Somebody published what it may not: told once, whatever follows.
    pub fn refused(
        &mut self,
        principal: Option<&DeviceId>,
        (name, topic): (Option<&DeviceId>, Option<&str>),
        out: &mut Output,
    ) {
        let key = Key::new(rule(REFUSED), principal.map_or("gateway", DeviceId::as_str));
        if self.alarms.holds(&key) {
            return;
        }
        let text = text::refused(principal, name, topic);
        let cause = Cause::noticed(principal.cloned(), out.wall());
        let (priority, condition) = (Priority::Low, Condition::Momentary);
        let draft = draft::technical(key, principal, priority, condition, text, cause, out);
        self.alarms.raise(GATEWAY, draft, out);
    }

    /// Raises an alarm of the gateway. If it is open already, its text becomes what holds now.
    fn raise_or_reword(&mut self, draft: Draft, out: &mut Output) {
        let (key, text) = (draft.key.clone(), draft.text.clone());
        self.alarms.raise(GATEWAY, draft, out);
        self.alarms.change(&key, None, out, |alarm, _| {
            (alarm.text != text).then(|| {
                alarm.text = text;
                Change::Updated
            })
        });
    }
}

/// The key of an alarm about the gateway as a whole.
fn own_key(id: &'static str) -> Key {
    Key::new(rule(id), "gateway")
}

/// The draft of something that the gateway notices now, and that holds.
fn present(key: Key, priority: Priority, text: String, out: &Output) -> Draft {
    let cause = Cause::noticed(None, out.wall());
    draft::technical(key, None, priority, Condition::Present, text, cause, out)
}
