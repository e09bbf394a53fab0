//! NEWS2, the National Early Warning Score 2, as a table and nothing else (clinical §5): points of each input, their
//! sum, its band. Whole numbers: a value is rounded half up to the step of its input before it is compared.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::model::message::Comparator;
use crate::model::observation::Number;
use crate::model::spo2_scale::Spo2Scale;
use crate::model::unit::Unit;

/// What the score adds up, in the order in which it is read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Breaths a minute.
    Respiration,
    /// Oxygen saturation, in per cent.
    #[serde(rename = "oxygen_saturation")]
    Saturation,
    /// Whether oxygen is given.
    Oxygen,
    /// Systolic pressure, in mm Hg.
    Systolic,
    /// Beats a minute.
    Pulse,
    /// Alert, newly confused, or answering to voice, to pain, to nothing.
    Consciousness,
    /// Body temperature, in tenths of a degree Celsius.
    Temperature,
}

/// How grave a total is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// One input alone has 3.
    #[n(0)]
    Single,
    /// From 5.
    #[n(1)]
    Medium,
    /// From 7.
    #[n(2)]
    High,
}

/// The steps that a number may stand for, from and to: one, but of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    least: i32,
    most: i32,
}

/// What the inputs add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Of the inputs that are known.
    pub total: u8,
    /// Whether all of them are.
    pub complete: bool,
    /// Of the total as far as it is known.
    pub band: Option<Band>,
}

/// The last step of each row, and its points; the last row has no end.
type Rows = &'static [(i32, u8)];

const NO_END: i32 = i32::MAX;
const RESPIRATION: Rows = &[(8, 3), (11, 1), (20, 0), (24, 2), (NO_END, 3)];
const SCALE_1: Rows = &[(91, 3), (93, 2), (95, 1), (NO_END, 0)];
const SCALE_2_ON_AIR: Rows = &[(83, 3), (85, 2), (87, 1), (NO_END, 0)];
const SCALE_2_ON_OXYGEN: Rows =
    &[(83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (NO_END, 3)];
const SYSTOLIC: Rows = &[(90, 3), (100, 2), (110, 1), (219, 0), (NO_END, 3)];
const PULSE: Rows = &[(40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (NO_END, 3)];
const TEMPERATURE: Rows = &[(350, 3), (360, 1), (380, 0), (390, 1), (NO_END, 2)];

/// What words say, each with its points.
const CONSCIOUSNESS: &[(&str, u8)] = &[("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)];
const OXYGEN: &[(&str, u8)] = &[("air", 0), ("oxygen", 2)];

/// Parts of a unit that are still told apart: finer than any device measures, and coarser than what the conversion of
/// a unit leaves behind its last digit.
const PARTS: i64 = 1_000_000;

impl Input {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Respiration,
        Self::Saturation,
        Self::Oxygen,
        Self::Systolic,
        Self::Pulse,
        Self::Consciousness,
        Self::Temperature,
    ];

    /// Its place in [`Input::ALL`].
    pub const fn place(self) -> usize {
        self as usize
    }

    /// The unit of its table, and how many steps of it one unit has; `None` where words say it.
    fn measure(self) -> Option<(Unit, i64)> {
        match self {
            Self::Respiration | Self::Pulse => Some((Unit::PerMinute, 1)),
            Self::Saturation => Some((Unit::Percent, 1)),
            Self::Systolic => Some((Unit::MmHg, 1)),
            Self::Temperature => Some((Unit::Celsius, 10)),
            Self::Oxygen | Self::Consciousness => None,
        }
    }

    /// The steps that a number stands for; `None` where it is no number of this input.
    pub fn steps(self, number: &Number) -> Option<Steps> {
        let (unit, steps) = self.measure()?;
        let value = number.unit.convert(number.value, unit)?;
        let parts = (value * PARTS as f64).round();
        if !parts.is_finite() {
            return None;
        }
        // Half a step up, and whole steps of that.
        let (parts, step) = (parts as i64, PARTS / steps);
        let to_step = |parts: i64| {
            let whole = parts.saturating_add(step / 2).div_euclid(step);
            whole.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
        };
        let (exact, below) = (to_step(parts), to_step(parts.saturating_sub(1)));
        Some(match number.comparator {
            None => Steps { least: exact, most: exact },
            Some(Comparator::GreaterOrEqual | Comparator::Greater) => {
                Steps { least: exact, most: NO_END }
            }
            Some(Comparator::LessOrEqual) => Steps { least: i32::MIN, most: exact },
            Some(Comparator::Less) => Steps { least: i32::MIN, most: below },
        })
    }

    /// The points of a number, where all that it may stand for has the same. `on_oxygen` is `None` where nobody said.
    pub fn points(self, number: &Number, scale: Spo2Scale, on_oxygen: Option<bool>) -> Option<u8> {
        let steps = self.steps(number)?;
        let rows = match (self, scale) {
            (Self::Respiration, _) => RESPIRATION,
            (Self::Saturation, Spo2Scale::One) => SCALE_1,
            (Self::Saturation, Spo2Scale::Two) if on_oxygen == Some(true) => SCALE_2_ON_OXYGEN,
            (Self::Saturation, Spo2Scale::Two) => SCALE_2_ON_AIR,
            (Self::Systolic, _) => SYSTOLIC,
            (Self::Pulse, _) => PULSE,
            (Self::Temperature, _) => TEMPERATURE,
            (Self::Oxygen | Self::Consciousness, _) => return None,
        };
        let row = |step: i32| rows.iter().position(|(last, _)| step <= *last);
        let mut reached = rows.get(row(steps.least)?..=row(steps.most)?)?.iter();
        let (_, first) = reached.next()?;
        reached.all(|(_, points)| points == first).then_some(*first)
    }

    /// The points of a word; `None` where it is none of this input.
    pub fn points_of_word(self, word: &str) -> Option<u8> {
        let words = match self {
            Self::Consciousness => CONSCIOUSNESS,
            Self::Oxygen => OXYGEN,
            Self::Respiration
            | Self::Saturation
            | Self::Systolic
            | Self::Pulse
            | Self::Temperature => &[],
        };
        words.iter().find(|(known, _)| *known == word).map(|(_, points)| *points)
    }
}

impl Sum {
    /// Of the points of each input, in the order of [`Input::ALL`]; `None` is missing.
    pub fn of(points: &[Option<u8>; Input::ALL.len()]) -> Self {
        let known = || points.iter().flatten();
        let total = known().sum();
        let band = match total {
            7.. => Some(Band::High),
            5.. => Some(Band::Medium),
            _ => known().any(|points| *points == 3).then_some(Band::Single),
        };
        Self { total, complete: points.iter().all(Option::is_some), band }
    }
}

impl Band {
    /// From the mildest on.
    pub const ALL: [Self; 3] = [Self::Single, Self::Medium, Self::High];

    /// Its place in [`Band::ALL`].
    pub const fn place(self) -> usize {
        self as usize
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[cfg(test)]
mod tests;
