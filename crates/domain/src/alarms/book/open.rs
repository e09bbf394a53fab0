//! An open alarm, and the draft of one.

use minicbor::{Decode, Encode};

use super::{Key, Muted, Ongoing};
use crate::alarms::responsibility::Ladder;
use crate::model::alarm::{
    Alarm, AlarmKind, Condition, Latest, Priority, Response, State, Trigger,
};
use crate::model::cause::Cause;
use crate::model::crossing::Crossing;
use crate::model::ids::DeviceId;
use crate::model::observation::{DeviceInstant, Source};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::transition::Change;

/// An open alarm with what only the core needs.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Open {
    /// The alarm.
    #[n(0)]
    pub alarm: Alarm,
    /// The transition of its last news: a command of somebody who saw less is refused.
    #[n(1)]
    pub news_seq: u64,
    /// The signal it watches.
    #[n(2)]
    pub signal: Option<SignalId>,
    /// Its device is no longer bound to the patient.
    #[n(3)]
    pub unbound: bool,
    /// When its acknowledgement runs out or it expires, in the gateway's own time.
    #[n(4)]
    pub wake_at: Option<Timestamp>,
    /// Episodes of a device that began and have not ended: the condition holds as long as one does.
    #[n(5)]
    #[cbor(default)]
    pub ongoing: Vec<Ongoing>,
    /// The series whose numbers raised it.
    #[n(6)]
    pub series: Option<Source>,
    /// Which of its readings raised it last, by its device's clock.
    #[n(7)]
    pub sent: Option<DeviceInstant>,
    /// How long an acknowledgement holds, where its rule says so.
    #[n(8)]
    pub acknowledge_for: Option<Span>,
    /// Whether only a reading beyond its limit shows that its condition goes on.
    #[n(9)]
    #[cbor(default)]
    pub by_reading: bool,
    /// Acknowledged last, in the gateway's own time.
    #[n(13)]
    pub acknowledged_at: Option<Timestamp>,
    /// When something last showed that it holds, in the gateway's own time.
    #[n(10)]
    pub held_at: Option<Timestamp>,
    /// Announced last, in the gateway's own time.
    #[n(11)]
    pub told_at: Option<Timestamp>,
    /// News since then that waits, so that there is one announcement a second.
    #[n(12)]
    #[cbor(default)]
    pub untold: bool,
    /// Whether a person may end it with a reason while it holds: nothing else may ever do.
    #[n(14)]
    #[cbor(default)]
    pub resettable: bool,
    /// What follows from it while it is present.
    #[n(15)]
    #[cbor(default)]
    pub folds: Vec<SignalId>,
    /// What it followed from is over: when it stands by itself if it still holds, in the gateway's own time.
    #[n(16)]
    pub unfolds_at: Option<Timestamp>,
    /// When it is announced that was kept back, in the gateway's own time.
    #[n(17)]
    pub quiet_until: Option<Timestamp>,
    /// Where its series stands to its limit: its text says so at each transition.
    #[n(18)]
    pub crossing: Option<Crossing>,
    /// When something last said whether it holds, in the gateway's own time, if not when it was last held. Of an
    /// episode: since when nobody knows whether it goes on.
    #[n(19)]
    pub known_at: Option<Timestamp>,
    /// How it moved, which waits because its device makes too much news.
    #[n(20)]
    pub owed: Option<Change>,
    /// How people were shown it last.
    #[n(21)]
    pub shown: Option<State>,
    /// Whether it was shown last as following from another, and not announced.
    #[n(22)]
    #[cbor(default)]
    pub shown_following: bool,
    /// Where it stands on its way to somebody who answers for it.
    #[n(40)]
    #[cbor(default)]
    pub ladder: Ladder,
    /// What it waits for while its signals are kept back.
    #[n(23)]
    pub muted: Option<Muted>,
    /// By whom its device came, if it may follow from that sender's outage.
    #[n(24)]
    pub way: Option<Way>,
}

/// What has outlasted so many outages of a sender follows from no other one.
const OUTLASTED: u8 = 2;

/// By whom a device came that is silent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Way {
    /// The sender.
    #[n(0)]
    pub by: DeviceId,
    /// How long it may be silent once that sender is back.
    #[n(1)]
    pub within: Span,
    /// How many outages of that sender it has outlasted, one after the other.
    #[n(2)]
    #[cbor(default)]
    pub outlasted: u8,
}

impl Way {
    /// Whether it may follow from an outage still: a sender that comes and goes hides nobody for ever.
    pub fn may_follow(&self) -> bool {
        self.outlasted < OUTLASTED
    }
}

/// A new alarm, as its rule drafts it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Rule and source.
    pub key: Key,
    /// Physiological or technical.
    pub kind: AlarmKind,
    /// The device.
    pub device: Option<DeviceId>,
    /// The signal it watches.
    pub signal: Option<SignalId>,
    /// The series whose numbers raise it.
    pub series: Option<Source>,
    /// Which of its readings raises it, by its device's clock.
    pub sent: Option<DeviceInstant>,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// Present or momentary.
    pub condition: Condition,
    /// What to read out.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
    /// Why it is doubtful.
    pub reason: Option<String>,
    /// What began it.
    pub cause: Cause,
    /// The reading or event.
    pub trigger: Trigger,
    /// The limits it was judged by.
    pub rule_version: u64,
    /// When its condition had held for its delay, by the shown clock.
    pub raised_at: Timestamp,
    /// From late data.
    pub late: bool,
    /// The latest judged value of its signal.
    pub latest: Option<Latest>,
    /// News even if the alarm is open and its condition present: an event with an id of its own.
    pub news: bool,
    /// How long an acknowledgement holds, where its rule says so.
    pub acknowledge_for: Option<Span>,
    /// Whether only a reading beyond its limit shows that its condition goes on.
    pub by_reading: bool,
    /// Whether a person may end it with a reason while it holds: nothing else may ever do.
    pub resettable: bool,
    /// What follows from it: alarms over these signals are shown and not announced while it is present.
    pub folds: Vec<SignalId>,
    /// Where its series stands to its limit, if its text moves with that.
    pub crossing: Option<Crossing>,
    /// When something last said that it holds, in the gateway's own time, if not now.
    pub known_at: Option<Timestamp>,
    /// By whom its device came, if it may follow from that sender's outage.
    pub way: Option<Way>,
}
