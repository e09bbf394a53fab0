//! An alarm as everybody sees it (contract §5). How it moves is in `lifecycle.rs`.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{AlarmId, BedId, DeviceId, PatientId, RuleId, SiteId, WardId};
use super::message::Comparator;
use super::pause::{Comment, Inactivation, What};
use super::responsibility::Responsibility;
use super::time::Timestamp;
use super::unit::Unit;
use super::words::words;

/// The rule of alarms that nothing comes by a sender any more: of patients of a ward, though of none of them.
pub(crate) const OUTAGE: &str = "link.outage";

words! {
    /// How serious, after IEC 60601-1-8; ordered from `info` to `high`.
    Priority {
        /// For the record.
        Info = 0 "info",
        /// Awareness.
        Low = 1 "low",
        /// Prompt response.
        Medium = 2 "medium",
        /// Immediate response.
        High = 3 "high",
    }
}

words! {
    /// How fast somebody must act; a setting of its own beside the priority.
    Response {
        /// Now; may wake somebody.
        Immediate = 0 "immediate",
        /// Within minutes.
        Prompt = 1 "prompt",
        /// Today.
        SameDay = 2 "same_day",
        /// By the next working day.
        NextWorkingDay = 3 "next_working_day",
    }
}

words! {
    /// Of the patient or of the equipment.
    AlarmKind {
        /// Patient-related.
        Physiological = 0 "physiological",
        /// Equipment-related; never latches.
        Technical = 1 "technical",
    }
}

words! {
    /// The word for lists; the other fields are the truth.
    State {
        /// Announced, nobody has answered.
        Alarming = 0 "alarming",
        /// Somebody took note, until a time.
        Acknowledged = 1 "acknowledged",
        /// Signals inactivated for a time.
        Paused = 2 "paused",
        /// Signals inactivated until somebody acts.
        Off = 3 "off",
        /// The condition ended, a person has not yet looked.
        Latched = 4 "latched",
        /// Over.
        Closed = 5 "closed",
    }
}

words! {
    /// Whether what raised the alarm holds.
    Condition {
        /// It holds.
        Present = 0 "present",
        /// It does not.
        Absent = 1 "absent",
        /// The data that would decide are missing.
        Unknown = 2 "unknown",
        /// An event without an end.
        Momentary = 3 "momentary",
    }
}

words! {
    /// Which side of a limit.
    Side {
        /// Below the lower limit.
        Low = 0 "low",
        /// Above the upper limit.
        High = 1 "high",
    }
}

words! {
    /// Whose limit was crossed.
    LimitFrom {
        /// Set for this patient.
        Patient = 0 "patient",
        /// Set for a group of patients.
        Cohort = 1 "cohort",
        /// The default of the rule pack.
        Pack = 2 "pack",
    }
}

words! {
    /// How far the time of a reading can be trusted.
    TimeQuality {
        /// The sender's clock, its offset known.
        Synced = 0 "synced",
        /// The offset is not established yet.
        Estimated = 1 "estimated",
        /// The time of arrival, because the sender's is missing or absurd.
        Arrival = 2 "arrival",
        /// Nothing is known.
        Unknown = 3 "unknown",
    }
}

/// Who took note, and for how long.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Acknowledgement {
    /// The actor.
    #[n(0)]
    pub by: String,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// When the alarm sounds again; `None` for a momentary condition.
    #[n(2)]
    pub until: Option<Timestamp>,
    /// The transition the person saw.
    #[n(3)]
    pub seq: u64,
}

/// What began the alarm.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Trigger {
    /// The signal's name, or the event's.
    #[n(0)]
    pub signal: String,
    /// The value, in the unit the device sent.
    #[n(1)]
    pub value: Option<f64>,
    /// Where the device only knew a bound.
    #[n(2)]
    pub comparator: Option<Comparator>,
    /// The unit sent.
    #[n(3)]
    pub unit: Option<Unit>,
    /// Which limit.
    #[n(4)]
    pub side: Option<Side>,
    /// The limit, in the unit sent.
    #[n(5)]
    pub limit: Option<f64>,
    /// Whose limit.
    #[n(6)]
    pub limit_from: Option<LimitFrom>,
    /// By the device's clock, corrected.
    #[n(7)]
    pub measured_at: Option<Timestamp>,
    /// When a relay took it, corrected.
    #[n(8)]
    pub relay_at: Option<Timestamp>,
    /// When it reached the gateway.
    #[n(9)]
    pub received_at: Option<Timestamp>,
    /// How far `measured_at` can be trusted.
    #[n(10)]
    pub time_quality: TimeQuality,
}

impl Trigger {
    /// A signal or an event by name; nothing else of it is known yet.
    pub(crate) fn new(signal: String, time_quality: TimeQuality) -> Self {
        Self {
            signal,
            value: None,
            comparator: None,
            unit: None,
            side: None,
            limit: None,
            limit_from: None,
            measured_at: None,
            relay_at: None,
            received_at: None,
            time_quality,
        }
    }
}

/// The latest judged value of the alarm's signal when the transition was made.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Latest {
    /// The value.
    #[n(0)]
    pub value: f64,
    /// Its unit.
    #[n(1)]
    pub unit: Unit,
    /// When it was measured.
    #[n(2)]
    pub measured_at: Timestamp,
    /// Its age then, in seconds.
    #[n(3)]
    pub age_s: f64,
    /// Whether it was older than its signal's tolerated gap.
    #[n(4)]
    pub stale: bool,
}

/// One alarm, as of its transition `seq`.
///
/// It is read back from CBOR and from the JSON of older transitions: a field that is added needs a
/// default in both.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Alarm {
    /// Derived from the cause.
    #[n(0)]
    pub id: AlarmId,
    /// Of its last transition; a client drops anything not newer.
    #[n(1)]
    pub seq: u64,
    /// The store's site.
    #[n(2)]
    pub site: SiteId,
    /// Whom it is about; `None` for the gateway itself.
    #[n(3)]
    pub patient: Option<PatientId>,
    /// Where the patient lay when it was raised.
    #[n(4)]
    pub ward: Option<WardId>,
    /// Likewise.
    #[n(5)]
    pub bed: Option<BedId>,
    /// The device whose data raised it.
    #[n(6)]
    pub device: Option<DeviceId>,
    /// The device for rules over one signal, `patient` for rules over several.
    #[n(7)]
    pub source: String,
    /// Alarms announced together.
    #[n(8)]
    pub group: Option<String>,
    /// Whether the store is simulated.
    #[n(9)]
    pub simulated: bool,
    /// Which rule.
    #[n(10)]
    pub rule: RuleId,
    /// The version of the patient's limits it was judged by; 0 for the pack's own.
    #[n(11)]
    pub rule_version: u64,
    /// Of the patient or of the equipment.
    #[n(12)]
    pub kind: AlarmKind,
    /// What to read out: `SpO2 84 % below 88 %`.
    #[n(13)]
    pub text: String,
    /// What to do, where the rule states it.
    #[n(14)]
    pub advice: Option<String>,
    /// How serious now.
    #[n(15)]
    pub priority: Priority,
    /// How serious at its worst; decides latching.
    #[n(16)]
    pub priority_peak: Priority,
    /// How fast somebody must act.
    #[n(17)]
    pub response: Response,
    /// The word for lists.
    #[n(18)]
    pub state: State,
    /// Whether it holds.
    #[n(19)]
    pub condition: Condition,
    /// Since when.
    #[n(20)]
    pub condition_since: Timestamp,
    /// Why it is unknown, doubtful or silent.
    #[n(21)]
    pub condition_reason: Option<String>,
    /// Who took note.
    #[n(22)]
    pub acknowledged: Option<Acknowledgement>,
    /// What began it.
    #[n(23)]
    pub trigger: Trigger,
    /// The latest judged value.
    #[n(24)]
    pub latest: Option<Latest>,
    /// When its condition had held for its delay.
    #[n(25)]
    pub raised_at: Timestamp,
    /// When it was last announced.
    #[n(26)]
    pub announced_at: Timestamp,
    /// When the condition ended.
    #[n(27)]
    pub ended_at: Option<Timestamp>,
    /// When it was closed.
    #[n(28)]
    pub closed_at: Option<Timestamp>,
    /// Why: `ended`, `reset`, `discharged`, `rule_changed`, …
    #[n(29)]
    pub closed_reason: Option<String>,
    /// Raised by late data; no "now" wording.
    #[n(30)]
    pub late: bool,
    /// How often the condition came back.
    #[n(31)]
    pub recurrence: u32,
    /// Where the patient lies now; `None` in what an older core wrote, too.
    #[n(32)]
    #[serde(default)]
    pub ward_now: Option<WardId>,
    /// Likewise.
    #[n(33)]
    #[serde(default)]
    pub bed_now: Option<BedId>,
    /// Until when it is not announced, because it was twice within an hour.
    #[n(34)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_until: Option<Timestamp>,
    /// Who answers for it; `None` where nobody ever was asked.
    #[n(40)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsibility: Option<Responsibility>,
    /// What somebody said of it last.
    #[n(36)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment>,
    /// Its signals are kept back.
    #[n(35)]
    #[serde(default)]
    pub inactivation: Option<Inactivation>,
}

impl Alarm {
    /// Whether it is not closed.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Whether it is shown and not announced: it is for the record, follows from another, was announced twice within
    /// the hour, or a person keeps back all that calls somebody.
    pub fn is_shown_only(&self) -> bool {
        self.is_quiet() || self.is_muted()
    }

    /// Whether nobody is told of it, whatever people do with it: it is for the record, follows from another, or was
    /// announced twice within the hour.
    pub fn is_quiet(&self) -> bool {
        self.priority == Priority::Info || self.group.is_some() || self.quiet_until.is_some()
    }

    /// Whether whoever looks after patients answers it: it is about one, or about why several are silent.
    pub fn is_of_patients(&self) -> bool {
        self.patient.is_some() || self.rule.as_str() == OUTAGE
    }

    /// Whether a person keeps back all of it that calls somebody, and not its sound alone.
    pub fn is_muted(&self) -> bool {
        self.inactivation.as_ref().is_some_and(|one| one.what == What::Alarm)
    }

    /// Whether it waits for somebody to answer, who may be called: it is alarming, or no more than its sound is kept
    /// back.
    pub fn calls(&self) -> bool {
        match self.state {
            State::Alarming => true,
            State::Paused | State::Off => !self.is_muted() && self.waits_for_an_answer(),
            State::Acknowledged | State::Latched | State::Closed => false,
        }
    }

    /// Whether it waits for somebody to answer, be it kept back meanwhile.
    pub fn waits_for_an_answer(&self) -> bool {
        match self.state {
            State::Alarming => true,
            State::Paused | State::Off => {
                self.acknowledged.is_none() && self.condition != Condition::Absent
            }
            State::Acknowledged | State::Latched | State::Closed => false,
        }
    }

    /// The ward whose lists and streams it belongs to: where the patient lies, and for one who lies nowhere where it
    /// was raised.
    pub fn ward_shown(&self) -> Option<&WardId> {
        self.ward_now.as_ref().or(self.ward.as_ref())
    }

    /// High always latches, medium into a status note; technical, low and info never.
    pub fn latches(&self) -> bool {
        self.kind == AlarmKind::Physiological && self.priority_peak >= Priority::Medium
    }
}
