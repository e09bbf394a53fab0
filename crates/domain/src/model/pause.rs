//! Alarm signals that are kept back for a time: of one alarm, and of whatever begins in a scope (contract §5, Pauses).

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{BedId, PatientId, RuleId};
use super::time::Timestamp;
use super::words::words;

words! {
    /// What of an alarm is kept back, after IEC 60601-1-8.
    What {
        /// Its sound.
        Audio = 0 "audio",
        /// Its sound and whatever else calls somebody.
        Alarm = 1 "alarm",
    }
}

words! {
    /// How it is kept back, after IEC 60601-1-8.
    How {
        /// For so long as is usual for its priority at most.
        Paused = 0 "paused",
        /// For as long as a person says and gives a reason for; people are reminded of it.
        Off = 1 "off",
    }
}

/// The signals of an alarm are kept back.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Inactivation {
    /// What of it.
    #[n(0)]
    pub what: What,
    /// How.
    #[n(1)]
    pub how: How,
    /// By whom.
    #[n(2)]
    pub by: String,
    /// Why.
    #[n(3)]
    pub reason: Option<String>,
    /// Since when, by the shown clock.
    #[n(4)]
    pub at: Timestamp,
    /// Until when.
    #[n(5)]
    pub until: Timestamp,
}

/// What somebody said of an alarm.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Comment {
    /// Who.
    #[n(0)]
    pub by: String,
    /// When, by the shown clock.
    #[n(1)]
    pub at: Timestamp,
    /// What.
    #[n(2)]
    pub text: String,
}

/// Which alarms a standing pause is for: those of whom all that is named is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Of this rule.
    #[n(0)]
    #[serde(default)]
    pub rule: Option<RuleId>,
    /// Of this patient.
    #[n(1)]
    #[serde(default)]
    pub patient: Option<PatientId>,
    /// Of whoever lies in this bed.
    #[n(2)]
    #[serde(default)]
    pub bed: Option<BedId>,
}

/// A pause of whatever alarm begins in a scope (row 2).
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Pause {
    /// The number of the transition that made it.
    #[n(0)]
    pub id: u64,
    /// Which alarms.
    #[n(1)]
    pub scope: Scope,
    /// By whom.
    #[n(2)]
    pub by: String,
    /// Why.
    #[n(3)]
    pub reason: String,
    /// Since when, by the shown clock.
    #[n(4)]
    pub at: Timestamp,
    /// Until when.
    #[n(5)]
    pub until: Timestamp,
}

impl Pause {
    /// The one that an alarm of a patient who lies there begins under: of several the one that lasts longest.
    pub fn over<'a>(
        all: &'a [Self],
        (rule, patient, bed): (&RuleId, &PatientId, Option<&BedId>),
        now: Timestamp,
    ) -> Option<&'a Self> {
        let holds = |one: &&Self| one.until > now && one.scope.holds(rule, patient, bed);
        all.iter().filter(holds).max_by_key(|one| (one.until, one.id))
    }
}

impl Scope {
    /// Whether an alarm of a patient who lies there belongs to it.
    pub fn holds(&self, rule: &RuleId, patient: &PatientId, bed: Option<&BedId>) -> bool {
        self.rule.as_ref().is_none_or(|own| own == rule)
            && self.patient.as_ref().is_none_or(|own| own == patient)
            && self.bed.as_ref().is_none_or(|own| Some(own) == bed)
    }
}
