//! Readings: when, what, and how far it can be trusted.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::usual;
use crate::model::instance::Instance;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::model::unit::Unit;

/// `from` and `to` around the mean, one instant, or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ReadingTime {
    /// At an instant of the device's clock.
    #[n(0)]
    At(#[n(0)] Timestamp),
    /// Over a period; the reading counts at its end.
    #[n(1)]
    Period(#[n(0)] Timestamp, #[n(1)] Timestamp),
    /// So long before `sent_at` or, without it, before arrival.
    #[n(2)]
    Age(#[n(0)] Span),
    /// Not stated.
    #[n(3)]
    Unstated,
}

/// The true value lies on this side of the one sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
pub enum Comparator {
    /// `<`
    #[n(0)]
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[n(1)]
    #[serde(rename = "<=")]
    LessOrEqual,
    /// `>=`
    #[n(2)]
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// `>`
    #[n(3)]
    #[serde(rename = ">")]
    Greater,
}

impl Comparator {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Value {
    /// A finite number in the unit the device sent.
    #[n(0)]
    Number {
        /// The number.
        #[n(0)]
        #[cbor(with = "crate::model::decimal")]
        value: f64,
        /// Its unit.
        #[n(1)]
        unit: Unit,
        /// Where the device only knows a bound.
        #[n(2)]
        comparator: Option<Comparator>,
    },
    /// A code such as `mdc:754113`.
    #[n(1)]
    Code(#[n(0)] String),
    /// An instant.
    #[n(2)]
    Time(#[n(0)] Timestamp),
    /// Words.
    #[n(3)]
    Text(#[n(0)] String),
    /// Not measured, with the reason given.
    #[n(4)]
    Absent(#[n(0)] String),
}

/// `status` of a reading, after FHIR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Status {
    /// As measured.
    #[default]
    #[n(0)]
    Final,
    /// To be confirmed.
    #[n(1)]
    Preliminary,
    /// Replaces an earlier value of the same time.
    #[n(2)]
    Corrected,
    /// Never was.
    #[n(3)]
    EnteredInError,
}

/// One accepted reading.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Reading {
    /// Its place in the message's list, from 0.
    #[n(0)]
    pub index: u32,
    /// What was measured.
    #[n(1)]
    pub signal: SignalId,
    /// Lead, zone or channel; empty where there is only one.
    #[n(2)]
    #[cbor(skip_if = "usual")]
    pub instance: Instance,
    /// When, by the device's clock.
    #[n(3)]
    pub time: ReadingTime,
    /// The value.
    #[n(4)]
    pub value: Value,
    /// 0..1; `low`, `medium`, `high` count as 0.25, 0.6, 0.9. `None` is not stated, not 1.
    #[n(5)]
    pub quality: Option<f32>,
    /// Final unless stated otherwise.
    #[n(6)]
    #[cbor(skip_if = "usual")]
    pub status: Status,
    /// Outside the plausible range of the signal.
    #[n(7)]
    #[cbor(skip_if = "usual")]
    pub implausible: bool,
    /// Glucose of 10-33 "mg/dL" (contract §2).
    #[n(8)]
    #[cbor(skip_if = "usual")]
    pub unit_doubtful: bool,
}
