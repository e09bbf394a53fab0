//! A number with its unit, as written in the rules: `88 %`, `55 mg/dL`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::model::unit::Unit;

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    /// The number; finite.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

/// Text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount: write a number, a space and a UCUM unit, such as `88 %`")]
pub struct NotAnAmount(String);

impl FromStr for Amount {
    type Err = NotAnAmount;
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let fail = || NotAnAmount(text.to_owned());
        let (value, unit) = text.split_once(' ').ok_or_else(fail)?;
        let value: f64 = value.parse().map_err(|_| fail())?;
        let unit = unit.trim().parse().map_err(|_| fail())?;
        if value.is_finite() { Ok(Self { value, unit }) } else { Err(fail()) }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value, self.unit)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
