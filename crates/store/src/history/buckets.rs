//! Buckets of equal length: minimum, maximum, mean, last and count of what lies inside each.

use super::block::{Aggregate, Summary};
use super::point::Point;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;

/// More buckets than any screen has columns.
pub const MOST_BUCKETS: usize = 10_000;

/// Equal buckets from `from` up to `to`; the last may be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    width: i64,
}

impl Grid {
    /// At most `points` buckets, 1 to [`MOST_BUCKETS`], from `from` up to but without `to`.
    pub fn new(from: Timestamp, to: Timestamp, points: usize) -> Self {
        let points = points.clamp(1, MOST_BUCKETS) as i64;
        let length = (to - from).as_micros().max(1);
        Self { from, to, width: (length - 1) / points + 1 }
    }

    /// How long each bucket is.
    pub fn width(&self) -> Span {
        Span::micros(self.width)
    }

    /// Every bucket there is: its first instant, and the first after it.
    pub fn all(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let grid = *self;
        (0..self.buckets()).map(move |place| grid.bucket(place))
    }

    /// The bucket that holds an instant: its first instant, and the first after it.
    pub(crate) fn bucket_of(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.place(at).map(|place| self.bucket(place))
    }

    fn bucket(&self, place: usize) -> (Timestamp, Timestamp) {
        let begin = self.from + Span::micros(place as i64 * self.width);
        (begin, (begin + Span::micros(self.width)).min(self.to))
    }

    fn place(&self, at: Timestamp) -> Option<usize> {
        let inside = self.from <= at && at < self.to;
        inside.then(|| ((at - self.from).as_micros() / self.width) as usize)
    }

    fn buckets(&self) -> usize {
        let length = (self.to - self.from).as_micros();
        if length <= 0 { 0 } else { ((length - 1) / self.width + 1) as usize }
    }
}

/// One bucket that holds at least one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its first instant.
    pub from: Timestamp,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The last value in time.
    pub last: f64,
    /// How many values.
    pub count: u64,
}

/// Buckets being filled, in any order.
#[derive(Debug)]
pub(crate) struct Filling {
    grid: Grid,
    unit: Unit,
    slots: Vec<Option<Slot>>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    values: Aggregate,
    last_at: Timestamp,
}

impl Filling {
    pub(crate) fn new(grid: Grid, unit: Unit) -> Self {
        Self { grid, unit, slots: vec![None; grid.buckets()] }
    }

    /// Adds a point, if it counts.
    pub(crate) fn point(&mut self, point: &Point) {
        if point.counts() {
            self.value(point.at, point.unit, point.value);
        }
    }

    /// Adds a value that counts.
    pub(crate) fn value(&mut self, at: Timestamp, unit: Unit, value: f64) {
        if let Some(place) = self.grid.place(at) {
            self.add(place, at, unit, Aggregate::of(value));
        }
    }

    /// Adds a whole block by its summary, if it lies inside one bucket; says whether it did.
    pub(crate) fn summary(&mut self, summary: &Summary) -> bool {
        let (Some(place), Some(end)) = (self.grid.place(summary.t0), self.grid.place(summary.t1))
        else {
            return false;
        };
        if place == end
            && let Some(values) = summary.values
        {
            self.add(place, summary.t1, summary.unit, values);
        }
        place == end
    }

    pub(crate) fn buckets(self) -> Vec<Bucket> {
        let Self { grid, slots, .. } = self;
        let filled = slots.into_iter().enumerate().filter_map(|(place, slot)| Some((place, slot?)));
        filled
            .map(|(place, Slot { values, .. })| Bucket {
                from: grid.from + Span::micros(place as i64 * grid.width),
                min: values.min,
                max: values.max,
                mean: values.sum / values.count as f64,
                last: values.last,
                count: values.count,
            })
            .collect()
    }

    fn add(&mut self, place: usize, at: Timestamp, unit: Unit, values: Aggregate) {
        let Some(values) = convert(values, unit, self.unit) else { return };
        let Some(slot) = self.slots.get_mut(place) else { return };
        *slot = Some(match *slot {
            None => Slot { values, last_at: at },
            Some(held) if held.last_at <= at => {
                Slot { values: held.values.then(values), last_at: at }
            }
            Some(held) => Slot { values: values.then(held.values), ..held },
        });
    }
}

/// Every conversion is linear and rising, so that it may follow the summing.
fn convert(values: Aggregate, from: Unit, to: Unit) -> Option<Aggregate> {
    if from == to {
        return Some(values);
    }
    let count = values.count as f64;
    Some(Aggregate {
        count: values.count,
        min: from.convert(values.min, to)?,
        max: from.convert(values.max, to)?,
        sum: from.convert(values.sum / count, to)? * count,
        last: from.convert(values.last, to)?,
    })
}
