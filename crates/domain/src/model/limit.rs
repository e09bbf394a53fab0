//! A limit of one patient's own, as a person puts it, and its end.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::alarm::Side;
use super::time::Timestamp;
use super::unit::Unit;

/// One limit of a patient, in place of the pack's.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PatientLimit {
    /// The signal's name; applies to every limit rule over it.
    #[n(0)]
    pub signal: String,
    /// Low or high.
    #[n(1)]
    pub side: Side,
    /// Whether it is the critical limit.
    #[n(2)]
    #[serde(default)]
    pub critical: bool,
    /// The limit; `None` switches it off, which needs a reason.
    #[n(3)]
    pub value: Option<f64>,
    /// Its unit.
    #[n(4)]
    pub unit: Unit,
    /// When it ends, by the shown clock; `None` is with the stay.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The same once it is put.
    #[n(6)]
    #[serde(skip)]
    pub ends: Option<LimitEnd>,
}

/// The end of a limit that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LimitEnd {
    /// In the gateway's own time, which no step of the clock moves.
    #[n(0)]
    pub at: Timestamp,
    /// When it is told that it is near, if it is.
    #[n(1)]
    pub told_at: Option<Timestamp>,
}

impl PatientLimit {
    /// Whether a person asks for the same by both.
    pub fn is_same(&self, other: &Self) -> bool {
        Self { ends: None, ..self.clone() } == Self { ends: None, ..other.clone() }
    }

    /// Whether both are of one signal, side and level.
    pub fn is_in_place_of(&self, other: &Self) -> bool {
        (&self.signal, self.side, self.critical) == (&other.signal, other.side, other.critical)
    }

    /// Whether it still holds at an instant of the gateway's own time, having begun before.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.ends.is_none_or(|end| end.at > at)
    }
}
