//! One number of a series as history keeps it.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

pub use super::settle::{ReadingCopy, settle};
use crate::types::{Sample, Sent, SeriesKey, flag};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;

/// One number of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it was measured, corrected.
    pub at: Timestamp,
    /// What its device's clock said.
    #[serde(default, skip_serializing_if = "Sent::is_plain")]
    pub sent: Sent,
    /// When it arrived, in whole milliseconds: the rest is noise that does not compress.
    pub received: Timestamp,
    /// The value in the unit sent.
    pub value: f64,
    /// That unit.
    pub unit: Unit,
    /// Bits of [`flag`].
    pub flags: u16,
}

impl Point {
    /// The point a sample becomes.
    pub fn of(sample: &Sample) -> Self {
        Self {
            at: sample.at,
            sent: sample.sent,
            received: Timestamp::from_millis(sample.received.as_millis()),
            value: sample.value,
            unit: sample.unit,
            flags: sample.flags,
        }
    }

    /// From when on it was measured, where it is over a period.
    pub fn from(&self) -> Option<Timestamp> {
        self.sent.period.map(|period| self.at - period)
    }

    /// It as a sample of its series.
    pub fn sample(self, series: SeriesKey) -> Sample {
        let Self { at, sent, received, value, unit, flags } = self;
        Sample { series, at, sent, received, value, unit, flags }
    }

    /// Whether minimum, mean and maximum may contain it: plausible and not entered in error.
    pub fn counts(&self) -> bool {
        counts(self.flags)
    }
}

impl ReadingCopy for Point {
    fn identity(&self) -> (Timestamp, i64) {
        (self.at, self.sent.ahead)
    }

    fn flags(&self) -> u16 {
        self.flags
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits()
            && self.unit == other.unit
            && flag::comparator(self.flags) == flag::comparator(other.flags)
    }

    fn order(&self, other: &Self) -> Ordering {
        self.identity()
            .cmp(&other.identity())
            .then(self.received.cmp(&other.received))
            .then(self.flags.cmp(&other.flags))
            .then(self.value.total_cmp(&other.value))
            .then(self.unit.cmp(&other.unit))
    }
}

/// Whether a point with these flags counts: plausible and not entered in error.
pub(crate) fn counts(flags: u16) -> bool {
    flags & (flag::IMPLAUSIBLE | flag::ERROR) == 0
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use vitalgate_domain::model::time::Span;

    /// A point with few enough times, values and marks that they meet.
    pub(crate) fn any_point() -> impl Strategy<Value = Point> {
        let flags = prop_oneof![
            6 => Just(0_u16),
            1 => Just(flag::LATE),
            1 => Just(flag::IMPLAUSIBLE),
            1 => Just(flag::CORRECTED),
            1 => Just(flag::BELOW | flag::OR_EQUAL),
            1 => Just(flag::ERROR)
        ];
        let unit = prop_oneof![4 => Just(Unit::MgPerDl), 1 => Just(Unit::MmolPerL)];
        let ahead = prop_oneof![8 => Just(0_i64), 2 => Just(-3_200_000), 1 => -2_i64..2];
        let times = (0_i64..400, ahead, 0_i64..20);
        (times, 0_u8..5, unit, flags).prop_map(|((at, ahead, delay), value, unit, flags)| {
            let at = Timestamp::from_millis(1_700_000_000_000 + at * 250);
            Point {
                at,
                sent: Sent { ahead, period: (value == 3).then(|| Span::secs(at.as_millis() % 7)) },
                received: Timestamp::from_millis(at.as_millis() + delay),
                value: f64::from(value) * 1.5,
                unit,
                flags,
            }
        })
    }

    fn point(at: i64, received: i64, value: f64, flags: u16) -> Point {
        let (at, received) = (Timestamp::from_millis(at), Timestamp::from_millis(received));
        Point { at, sent: Sent::default(), received, value, unit: Unit::PerMinute, flags }
    }

    #[test]
    fn each_reading_is_settled_for_itself() {
        let check = |mut given: Vec<Point>, expected: &[Point]| {
            settle(&mut given);
            assert_eq!(given, expected);
        };
        let first = point(1, 2, 70.0, 0);
        let again = point(1, 9, 70.0, flag::LATE);
        let other = point(1, 5, 71.0, 0);
        let corrected = point(1, 4, 80.0, flag::CORRECTED);
        let error = point(1, 6, 80.0, flag::ERROR);
        let elsewhere = point(0, 7, 70.0, 0);
        check(vec![again, first], &[first]);
        check(vec![other, again, first], &[first, other]);
        check(vec![other, corrected, first], &[corrected]);
        check(vec![error, corrected, first], &[error]);
        check(vec![first, elsewhere, corrected], &[elsewhere, corrected]);
        check(vec![], &[]);
        // Of another time by the device's clock, and corrected to the same.
        let apart = Point { sent: Sent { ahead: 1, ..Sent::default() }, ..again };
        check(vec![apart, first], &[first, apart]);
        check(vec![apart, corrected, first], &[corrected, apart]);
        check(
            vec![Point { sent: Sent { ahead: 1, ..Sent::default() }, ..error }, first, apart],
            &[first, Point { sent: Sent { ahead: 1, ..Sent::default() }, ..error }],
        );
    }

    proptest! {
        #[test]
        fn settling_parts_first_changes_nothing(
            points in prop::collection::vec(any_point(), 0..200),
            cut in 0_usize..200,
        ) {
            let mut whole = points.clone();
            settle(&mut whole);
            let cut = cut.min(points.len());
            let mut left = points[..cut].to_vec();
            let mut right = points[cut..].to_vec();
            settle(&mut left);
            settle(&mut right);
            right.append(&mut left);
            settle(&mut right);
            prop_assert_eq!(whole, right);
        }
    }
}
