//! What InfluxDB replied and what the store holds, as one: pure.

use std::collections::BTreeMap;

use super::query::{Bucket, Summary, unit_of};
use super::reply::Reply;
use crate::influx::query::Summed;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::point::{Point, settle};
use vitalgate_store::types::{Sample, SeriesKey};

/// The numbers of both as one history, by time and then by series. What both hold is there once.
pub(super) fn settled(samples: Vec<Sample>) -> Vec<Sample> {
    let mut of_series: BTreeMap<SeriesKey, Vec<Point>> = BTreeMap::new();
    for sample in samples {
        let point = Point::of(&sample);
        of_series.entry(sample.series).or_default().push(point);
    }
    let mut samples = Vec::new();
    for (series, mut points) in of_series {
        settle(&mut points);
        samples.extend(points.into_iter().map(|point| point.sample(series.clone())));
    }
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// Where the border of each series is, but for those of the store alone: after the last number that
/// retention pruned. Before it only InfluxDB is counted and after it only the store, so that a bucket
/// across the border counts everything once.
pub(super) fn borders(
    replies: &[Reply<Summed>],
    store_alone: &BTreeMap<SeriesKey, &'static str>,
) -> BTreeMap<SeriesKey, Timestamp> {
    let mut borders: BTreeMap<SeriesKey, Timestamp> = BTreeMap::new();
    for part in replies.iter().flat_map(|reply| &reply.question.parts) {
        if !store_alone.contains_key(&part.series) {
            let border = borders.entry(part.series.clone()).or_insert(part.to);
            *border = part.to.max(*border);
        }
    }
    borders
}

/// What InfluxDB counts in one bucket of a series.
pub(super) type Sums = BTreeMap<(SeriesKey, usize), (Summary, Timestamp)>;

/// The sums of every series that has a border, in the unit of the table: those in several units and
/// under several names are put together.
pub(super) fn sums(
    replies: &[Reply<Summed>],
    borders: &BTreeMap<SeriesKey, Timestamp>,
    table: &SignalTable,
) -> Sums {
    let mut sums = Sums::new();
    for Reply { question, rows, .. } in replies {
        for (part, summed) in rows.iter().flatten() {
            let series = &question.parts[*part].series;
            if summed.count == 0 || !borders.contains_key(series) {
                continue;
            }
            let Some(summary) = converted(summed, unit_of(series, table)) else { continue };
            let next = (summary, summed.last_at);
            let key = (series.clone(), summed.place);
            let together = match sums.remove(&key) {
                None => next,
                Some(held) if held.1 <= next.1 => (then(held.0, next.0), next.1),
                Some(held) => (then(next.0, held.0), held.1),
            };
            sums.insert(key, together);
        }
    }
    sums
}

/// Conversion may follow the summing: every conversion is linear and rising.
fn converted(summed: &Summed, to: Unit) -> Option<Summary> {
    let convert = |value: f64| summed.unit.convert(value, to);
    Some(Summary {
        count: summed.count,
        min: convert(summed.min)?,
        max: convert(summed.max)?,
        mean: convert(summed.sum / summed.count as f64)?,
        last: convert(summed.last)?,
    })
}

/// Two summaries as one; `b` holds what is last in time.
fn then(a: Summary, b: Summary) -> Summary {
    let count = a.count + b.count;
    let sum = a.mean * a.count as f64 + b.mean * b.count as f64;
    Summary {
        count,
        min: a.min.min(b.min),
        max: a.max.max(b.max),
        mean: sum / count as f64,
        last: b.last,
    }
}

/// The buckets of the store with those of InfluxDB. InfluxDB's end where the store's begin.
pub(super) fn joined(
    local: Vec<Bucket>,
    sums: Sums,
    grid: Grid,
    table: &SignalTable,
) -> Vec<Bucket> {
    let mut of_series: BTreeMap<SeriesKey, Vec<Bucket>> = BTreeMap::new();
    for bucket in local {
        of_series.entry(bucket.series.clone()).or_default().push(bucket);
    }
    for ((series, index), (older, _)) in sums {
        let unit = unit_of(&series, table);
        let empty = || {
            let bucket =
                |(from, to)| Bucket { series: series.clone(), unit, from, to, values: None };
            grid.all().map(bucket).collect::<Vec<_>>()
        };
        let buckets = of_series.entry(series.clone()).or_insert_with(empty);
        let Some(bucket) = buckets.get_mut(index) else { continue };
        bucket.values = Some(bucket.values.map_or(older, |held| then(older, held)));
    }
    let mut buckets: Vec<Bucket> = of_series.into_values().flatten().collect();
    buckets.sort_by_key(|bucket| bucket.from);
    buckets
}
