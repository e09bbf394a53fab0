//! The context of an alarm: the series it was raised by, and the limits that were in force.

use serde::{Deserialize, Serialize};

use crate::model::alarm::{Alarm, LimitFrom, Side};
use crate::model::ids::RuleId;
use crate::model::observation::Source;
use crate::model::sample::SeriesKey;
use crate::model::time::Timestamp;
use crate::model::unit::Unit;

/// What an alarm was judged by, as of the moment it was raised.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmContext {
    /// Its series; `None` where no number raised it: an event, silence, the gateway itself.
    pub series: Option<SeriesKey>,
    /// When the last reading that counted was measured.
    pub until: Timestamp,
    /// The limits of its signal, by which it was judged.
    pub limits: Vec<LimitInForce>,
}

impl AlarmContext {
    /// The context of an alarm raised just now; its limits are added by the core, which knows them.
    pub(crate) fn of(alarm: &Alarm, series: Option<&Source>) -> Self {
        let latest = alarm.latest.as_ref().map(|latest| latest.measured_at);
        Self {
            series: series.map(SeriesKey::from),
            until: alarm.trigger.measured_at.max(latest).unwrap_or(alarm.raised_at),
            limits: Vec::new(),
        }
    }
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
