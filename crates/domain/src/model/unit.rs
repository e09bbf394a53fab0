//! UCUM units the gateway understands, and conversion between units of one quantity.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is measured; units convert only inside one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Events a time.
    Frequency,
    /// A share of a whole, or a burden in percent.
    Ratio,
    /// Pressure.
    Pressure,
    /// Body temperature.
    Temperature,
    /// Glucose concentration, 1 mmol/L = 18.0182 mg/dL (clinical §6.1).
    Glucose,
    /// Mass.
    Mass,
    /// Length.
    Length,
    /// Time.
    Time,
    /// Voltage.
    Voltage,
    /// Electrical resistance or impedance.
    Resistance,
    /// Energy.
    Energy,
    /// Electrical current.
    Current,
    /// Mass by area (body mass index).
    AreaDensity,
    /// Flow of gas.
    Flow,
    /// Insulin.
    Insulin,
    /// Insulin a time.
    InsulinRate,
    /// A pure number.
    Count,
}

macro_rules! units {
    ($($variant:ident = $n:literal, $quantity:ident, $ucum:literal $(| $alias:literal)*, $scale:expr, $offset:expr;)*) => {
        /// A UCUM unit. The number of each is part of the journal and never used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum Unit {
            $(#[doc = concat!("`", $ucum, "`")] #[n($n)] $variant,)*
        }

        impl Unit {
            /// Every unit, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The number that stands for the unit in journal and blocks.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $n,)* }
            }

            /// The UCUM code, as written out.
            pub const fn ucum(self) -> &'static str {
                match self { $(Self::$variant => $ucum,)* }
            }

            /// As people write it: `mmHg`, `°C`; a pure number has none.
            pub fn written(self) -> &'static str {
                match self.ucum() {
                    "mm[Hg]" => "mmHg",
                    "Cel" => "°C",
                    "[degF]" => "°F",
                    "[lb_av]" => "lb",
                    "Ohm" => "Ω",
                    "uV" => "µV",
                    "1" => "",
                    ucum => ucum,
                }
            }

            /// What the unit measures.
            pub const fn quantity(self) -> Quantity {
                match self { $(Self::$variant => Quantity::$quantity,)* }
            }

            /// `canonical = value × scale + offset` within the quantity.
            const fn to_base(self) -> (f64, f64) {
                match self { $(Self::$variant => ($scale, $offset),)* }
            }
        }

        impl FromStr for Unit {
            type Err = UnknownUnit;
            fn from_str(text: &str) -> Result<Self, UnknownUnit> {
                match text {
                    $($ucum $(| $alias)* => Ok(Self::$variant),)*
                    _ => Err(UnknownUnit(text.chars().take(40).collect())),
                }
            }
        }
    };
}

units! {
    PerMinute = 0, Frequency, "/min" | "1/min" | "{beats}/min" | "{breaths}/min", 1.0, 0.0;
    Percent = 1, Ratio, "%", 1.0, 0.0;
    MmHg = 2, Pressure, "mm[Hg]", 1.0, 0.0;
    KiloPascal = 3, Pressure, "kPa", 7.500_615_758_456_564, 0.0;
    Celsius = 4, Temperature, "Cel", 1.0, 0.0;
    Fahrenheit = 5, Temperature, "[degF]", 5.0 / 9.0, -160.0 / 9.0;
    MgPerDl = 6, Glucose, "mg/dL", 1.0, 0.0;
    MmolPerL = 7, Glucose, "mmol/L", 18.018_2, 0.0;
    Kilogram = 8, Mass, "kg", 1.0, 0.0;
    Pound = 9, Mass, "[lb_av]", 0.453_592_37, 0.0;
    Centimetre = 10, Length, "cm", 1.0, 0.0;
    Metre = 11, Length, "m", 100.0, 0.0;
    Millisecond = 12, Time, "ms", 0.001, 0.0;
    Second = 13, Time, "s", 1.0, 0.0;
    Minute = 14, Time, "min", 60.0, 0.0;
    Hour = 15, Time, "h", 3_600.0, 0.0;
    Month = 16, Time, "mo", 2_629_800.0, 0.0;
    Millivolt = 17, Voltage, "mV", 0.001, 0.0;
    Volt = 18, Voltage, "V", 1.0, 0.0;
    Ohm = 19, Resistance, "Ohm", 1.0, 0.0;
    Joule = 20, Energy, "J", 1.0, 0.0;
    Milliampere = 21, Current, "mA", 1.0, 0.0;
    KgPerSqMetre = 22, AreaDensity, "kg/m2", 1.0, 0.0;
    LitrePerMinute = 23, Flow, "L/min", 1.0, 0.0;
    InsulinUnit = 24, Insulin, "U" | "[U]" | "[iU]", 1.0, 0.0;
    InsulinPerHour = 25, InsulinRate, "U/h" | "[U]/h" | "[iU]/h", 1.0, 0.0;
    One = 26, Count, "1" | "{score}" | "{steps}" | "{count}", 1.0, 0.0;
    PerHour = 27, Frequency, "/h" | "1/h", 1.0 / 60.0, 0.0;
    Microvolt = 28, Voltage, "uV", 0.000_001, 0.0;
    HourPerDay = 29, Ratio, "h/d", 100.0 / 24.0, 0.0;
}

/// A unit code that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UCUM unit this gateway knows")]
pub struct UnknownUnit(pub String);

impl Unit {
    /// The unit with this number, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|u| u.number() == number)
    }

    /// `value` of this unit in `to`; `None` when the quantities differ.
    ///
    /// No rounding: a limit is compared in the unit the device sent (contract §2).
    pub fn convert(self, value: f64, to: Self) -> Option<f64> {
        if self == to {
            return Some(value);
        }
        if self.quantity() != to.quantity() {
            return None;
        }
        let (scale, offset) = self.to_base();
        let (to_scale, to_offset) = to.to_base();
        Some((value * scale + offset - to_offset) / to_scale)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ucum())
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.ucum())
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_meet_the_published_pairs() {
        let check = |value: f64, from: Unit, to: Unit, expected: f64| {
            let got = from.convert(value, to).unwrap();
            assert!((got - expected).abs() < 0.005, "{value} {from} = {got} {to}");
        };
        check(98.6, Unit::Fahrenheit, Unit::Celsius, 37.0);
        check(37.0, Unit::Celsius, Unit::Fahrenheit, 98.6);
        check(3.1, Unit::MmolPerL, Unit::MgPerDl, 55.86);
        check(16.0, Unit::KiloPascal, Unit::MmHg, 120.01);
        assert_eq!(Unit::Celsius.convert(37.0, Unit::MmHg), None);
    }

    #[test]
    fn every_unit_reads_back_its_own_code_and_number() {
        for unit in Unit::ALL.iter().copied() {
            assert_eq!(unit.ucum().parse::<Unit>().unwrap(), unit);
            assert_eq!(Unit::from_number(unit.number()), Some(unit));
        }
    }
}
