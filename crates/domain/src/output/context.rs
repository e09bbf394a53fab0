//! What an alarm stands on: the series it was raised by, and the limits that were in force.

use serde::{Deserialize, Serialize};

use super::transition::{Change, Transition, TransitionBody};
use crate::model::alarm::{Alarm, LimitFrom, Side};
use crate::model::ids::RuleId;
use crate::model::sample::SeriesKey;
use crate::model::time::Timestamp;
use crate::model::unit::Unit;

/// What an alarm stands on, told when it is raised.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmContext {
    /// Its series; `None` where no number raised it: an event, silence, the gateway itself.
    pub series: Option<SeriesKey>,
    /// When the last reading that counted was measured.
    pub until: Timestamp,
    /// The limits of its signal, by which it was judged.
    pub limits: Vec<LimitInForce>,
}

/// A limit as it stood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitInForce {
    /// The rule it belongs to.
    pub rule: RuleId,
    /// The signal's name.
    pub signal: String,
    /// Low or high.
    pub side: Side,
    /// Whether it is the critical limit.
    pub critical: bool,
    /// The limit; `None` where it was switched off for the patient.
    pub value: Option<f64>,
    /// Its unit: as sent where the readings had one.
    pub unit: Unit,
    /// Whose it was.
    pub from: LimitFrom,
}

/// The alarm that a transition raised.
pub fn raised(transition: &Transition) -> Option<&Alarm> {
    match &transition.body {
        TransitionBody::Alarm { change: Change::Raised, alarm, .. } => Some(alarm),
        TransitionBody::Alarm { .. }
        | TransitionBody::Answer { .. }
        | TransitionBody::Note { .. }
        | TransitionBody::NotAllowed { .. } => None,
    }
}
