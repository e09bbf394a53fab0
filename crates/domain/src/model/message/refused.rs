//! What of a message was refused, and why.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::signal::SignalId;

/// Why one reading, event or chunk was refused.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// Its place in the message's list, from 0.
    #[n(0)]
    pub index: u32,
    /// The signal, if that much could be read: its silence then names the reason.
    #[n(1)]
    pub signal: Option<SignalId>,
    /// The class of the reason.
    #[n(2)]
    pub reason: RefusalReason,
    /// The reason in words, at most 200 bytes, without the value.
    #[n(3)]
    pub detail: String,
}

/// The classes of refusal, as counted in `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Not the shape of contract §2: missing, doubled or contradictory fields.
    #[n(0)]
    Shape,
    /// The signal is not in the table.
    #[n(1)]
    UnknownSignal,
    /// The unit is unknown or of another quantity.
    #[n(2)]
    Unit,
    /// Not a finite number, or a text, code or id out of bounds.
    #[n(3)]
    Value,
    /// No usable time.
    #[n(4)]
    Time,
    /// Older than retention.
    #[n(5)]
    TooOld,
    /// Larger than allowed.
    #[n(6)]
    TooLarge,
    /// Not JSON or CBOR, or nested too deeply.
    #[n(7)]
    Syntax,
}

impl RefusalReason {
    /// The word used in labels and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::UnknownSignal => "unknown_signal",
            Self::Unit => "unit",
            Self::Value => "value",
            Self::Time => "time",
            Self::TooOld => "too_old",
            Self::TooLarge => "too_large",
            Self::Syntax => "syntax",
        }
    }
}
