//! By which scale the oxygen saturation of a patient is scored (clinical §5).

use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::Timestamp;

/// How oxygen saturation is read: by the usual scale, or by the one that is prescribed for whom 88 to 92 % are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Spo2Scale {
    /// For everybody of whom nothing else was said.
    #[default]
    #[n(1)]
    One,
    /// Prescribed by a clinician.
    #[n(2)]
    Two,
}

/// A scale as somebody prescribed it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PrescribedScale {
    /// Which.
    #[n(0)]
    pub scale: Spo2Scale,
    /// Who.
    #[n(1)]
    pub by: String,
    /// When, by the shown clock.
    #[n(2)]
    pub at: Timestamp,
    /// Why.
    #[n(3)]
    pub reason: String,
}

impl Spo2Scale {
    /// The number by which it is prescribed.
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl Serialize for Spo2Scale {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(self.number())
    }
}

impl<'de> Deserialize<'de> for Spo2Scale {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match u8::deserialize(d)? {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            _ => Err(serde::de::Error::custom("a scale of SpO2 is 1 or 2")),
        }
    }
}
