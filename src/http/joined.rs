//! What InfluxDB told and what the store holds as one: pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ports::{Bucket, Gone, Summary};
use crate::domain::ids::DeviceId;
use crate::domain::instance::Instance;
use crate::domain::signal::SignalTable;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;
use crate::influx::query::{Origin, Selection, Summed};
use crate::store::buckets::Grid;
use crate::store::point::{Point, settle};
use crate::store::types::{Sample, SeriesKey};

/// What became of the parts that retention took, as the answer says it.
#[derive(Debug)]
pub(super) struct Older {
    pub(super) older: Vec<Part>,
    /// Why not all of it is there; `null` where all is.
    pub(super) incomplete: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Part {
    device: DeviceId,
    signal: String,
    instance: Instance,
    from: Timestamp,
    to: Timestamp,
    /// `influxdb`, or `store` where only remnants are shown.
    source: &'static str,
    incomplete: Option<&'static str>,
}

/// Parts of one device that are asked for at once.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) selection: Selection,
    pub(super) parts: Vec<Gone>,
}

/// What is known of a question.
#[derive(Debug)]
pub(super) struct Told<T> {
    pub(super) question: Question,
    /// Rows of the series asked for, by their place in `question.parts`.
    pub(super) rows: Result<Vec<(usize, T)>, &'static str>,
    /// Some rows carry a name that this gateway gives to none of its patients.
    pub(super) strange: bool,
}

/// What became of each part.
pub(super) fn older<T>(told: &[Told<T>], is_cut: bool, table: &SignalTable) -> Older {
    let mut older = Vec::new();
    for Told { question, rows, strange } in told {
        for (place, part) in question.parts.iter().enumerate() {
            let Gone { series, from, to, held_something } = part.clone();
            let incomplete = match rows {
                Err(why) => Some(*why),
                Ok(_) if *strange => Some("another_name"),
                Ok(rows) => {
                    let is_empty = !rows.iter().any(|(of, _)| *of == place);
                    (is_empty && held_something && !is_cut).then_some("not_held")
                }
            };
            older.push(Part {
                device: series.device,
                signal: table.name(series.signal),
                instance: series.instance,
                from,
                to,
                source: if rows.is_ok() { "influxdb" } else { "store" },
                incomplete,
            });
        }
    }
    let incomplete = older.iter().find_map(|part| part.incomplete);
    Older { older, incomplete }
}

/// One history of what both hold: what is there twice becomes one, by time and then by series.
pub(super) fn settled(samples: Vec<Sample>) -> Vec<Sample> {
    let mut of_series: BTreeMap<SeriesKey, Vec<Point>> = BTreeMap::new();
    for sample in samples {
        let point = Point::of(&sample);
        of_series.entry(sample.series).or_default().push(point);
    }
    let mut samples = Vec::new();
    for (series, mut points) in of_series {
        settle(&mut points);
        samples.extend(points.into_iter().map(|Point { at, received, value, unit, flags }| {
            Sample { series: series.clone(), at, received, value, unit, flags }
        }));
    }
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// Of each series all of whose parts were told, up to where InfluxDB speaks for it; the store speaks
/// from there on, so that a bucket across the border counts everything once.
pub(super) fn borders(told: &[Told<Summed>]) -> BTreeMap<SeriesKey, Timestamp> {
    let mut borders: BTreeMap<SeriesKey, Timestamp> = BTreeMap::new();
    let mut untold = BTreeSet::new();
    for Told { question, rows, .. } in told {
        for part in &question.parts {
            let border = borders.entry(part.series.clone()).or_insert(question.selection.to);
            *border = question.selection.to.max(*border);
            if rows.is_err() {
                untold.insert(&part.series);
            }
        }
    }
    borders.retain(|series, _| !untold.contains(series));
    borders
}

/// What InfluxDB counts in one bucket of a series.
pub(super) type Sums = BTreeMap<(SeriesKey, usize), (Summary, Timestamp)>;

/// Puts together what has several units or was told under several names, in the unit of the table.
pub(super) fn sums(
    told: &[Told<Summed>],
    whole: &BTreeMap<SeriesKey, Timestamp>,
    table: &SignalTable,
) -> Sums {
    let mut sums = Sums::new();
    for Told { question, rows, .. } in told {
        for (part, summed) in rows.iter().flatten() {
            let series = &question.parts[*part].series;
            if !whole.contains_key(series) {
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

/// Every conversion is linear and rising, so that it may follow the summing.
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

/// The buckets of the store with those of InfluxDB, which end where the store's begin.
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
    for ((series, place), (older, _)) in sums {
        let unit = unit_of(&series, table);
        let empty = || {
            let bucket =
                |(from, to)| Bucket { series: series.clone(), unit, from, to, values: None };
            grid.all().map(bucket).collect::<Vec<_>>()
        };
        let buckets = of_series.entry(series.clone()).or_insert_with(empty);
        let Some(bucket) = buckets.get_mut(place) else { continue };
        bucket.values = Some(bucket.values.map_or(older, |held| then(older, held)));
    }
    let mut buckets: Vec<Bucket> = of_series.into_values().flatten().collect();
    buckets.sort_by_key(|bucket| bucket.from);
    buckets
}

fn unit_of(series: &SeriesKey, table: &SignalTable) -> Unit {
    table.get(series.signal).and_then(|signal| signal.unit).unwrap_or(Unit::One)
}

impl Question {
    /// Which part a row is of. Series that nobody asked for have rows too: the store holds all of
    /// those, or the gateway does not know them.
    pub(super) fn place(&self, origin: &Origin, table: &SignalTable) -> Option<usize> {
        self.parts.iter().position(|part| {
            part.series.instance == origin.instance
                && table.name(part.series.signal) == origin.signal
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;
    use crate::domain::time::Span;

    const MINUTES: i64 = 60;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000) + Span::mins(minute)
    }

    fn table() -> SignalTable {
        Config::built_in().unwrap().configuration().unwrap().signals
    }

    fn series() -> SeriesKey {
        let signal = table().find("glucose_cgm").unwrap().id;
        SeriesKey { device: "dev-1".parse().unwrap(), signal, instance: Instance::default() }
    }

    fn question(border: Timestamp) -> Question {
        let series = series();
        let selection = Selection {
            measurement: "m",
            site: "north".to_owned(),
            device: "dev-1".to_owned(),
            signals: vec!["glucose_cgm".to_owned()],
            instance: None,
            from: at(0),
            to: border,
            simulated: false,
        };
        let held_something = true;
        let parts = vec![Gone { series, from: at(0), to: border, held_something }];
        Question { selection, parts }
    }

    fn told<T>(border: Timestamp, rows: Result<Vec<T>, &'static str>) -> Told<T> {
        let rows = rows.map(|rows| rows.into_iter().map(|row| (0, row)).collect());
        Told { question: question(border), rows, strange: false }
    }

    /// What InfluxDB sums up: in each place each unit by itself.
    fn summed(points: &[(i64, f64, Unit)], grid: Grid) -> Vec<Summed> {
        let place = |minute: i64| (at(minute) - at(0)).as_micros() / grid.width().as_micros();
        let mut sums: BTreeMap<(i64, Unit), Summed> = BTreeMap::new();
        for &(minute, value, unit) in points {
            let origin = Origin {
                patient: None,
                signal: "glucose_cgm".to_owned(),
                instance: Instance::default(),
            };
            let place = place(minute);
            let one = sums.entry((place, unit)).or_insert(Summed {
                origin,
                unit,
                place: place as usize,
                count: 0,
                min: value,
                max: value,
                sum: 0.0,
                last: value,
                last_at: at(minute),
            });
            one.count += 1;
            one.min = one.min.min(value);
            one.max = one.max.max(value);
            one.sum += value;
            one.last = value;
            one.last_at = at(minute);
        }
        sums.into_values().collect()
    }

    /// Every bucket by brute force, in the unit of the table; none where nothing is held.
    fn brute(points: &[(i64, f64, Unit)], grid: Grid) -> Vec<Bucket> {
        let bucket = |(from, to): (Timestamp, Timestamp)| {
            let inside =
                points.iter().filter(|(minute, ..)| from <= at(*minute) && at(*minute) < to);
            let values: Vec<f64> = inside
                .map(|(_, value, unit)| unit.convert(*value, Unit::MgPerDl).unwrap())
                .collect();
            let values = values.last().map(|last| Summary {
                count: values.len() as u64,
                min: values.iter().copied().fold(f64::INFINITY, f64::min),
                max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                mean: values.iter().sum::<f64>() / values.len() as f64,
                last: *last,
            });
            Bucket { series: series(), unit: Unit::MgPerDl, from, to, values }
        };
        if points.is_empty() { Vec::new() } else { grid.all().map(bucket).collect() }
    }

    proptest! {
        #[test]
        fn a_chart_across_the_border_is_that_of_all_points(
            values in prop::collection::btree_map(0..MINUTES, (1_u8..200, any::<bool>()), 0..40),
            border in 0..MINUTES,
            points in 1_usize..20,
        ) {
            let grid = Grid::new(at(0), at(MINUTES), points);
            let unit = |mmol| if mmol { Unit::MmolPerL } else { Unit::MgPerDl };
            let all: Vec<(i64, f64, Unit)> = values
                .into_iter()
                .map(|(minute, (value, mmol))| (minute, f64::from(value), unit(mmol)))
                .collect();
            let (older, newer) = all.split_at(all.partition_point(|(minute, ..)| *minute < border));
            let told = [told(at(border), Ok(summed(older, grid)))];
            let table = table();
            let borders = borders(&told);
            prop_assert_eq!(&borders, &BTreeMap::from([(series(), at(border))]));
            let joined = joined(brute(newer, grid), sums(&told, &borders, &table), grid, &table);
            let expected = brute(&all, grid);
            prop_assert_eq!(joined.len(), expected.len());
            for (joined, expected) in joined.iter().zip(&expected) {
                prop_assert_eq!((joined.from, joined.to), (expected.from, expected.to));
                prop_assert_eq!(joined.values.is_some(), expected.values.is_some());
                let (Some(a), Some(b)) = (joined.values, expected.values) else { continue };
                prop_assert_eq!(a.count, b.count);
                for (a, b) in [(a.min, b.min), (a.max, b.max), (a.mean, b.mean), (a.last, b.last)] {
                    prop_assert!((a - b).abs() < 1e-9, "{} {}", a, b);
                }
            }
        }
    }

    #[test]
    fn the_store_speaks_for_a_series_of_which_a_part_was_not_told() {
        let told = [told(at(10), Ok(Vec::new())), told::<Summed>(at(20), Err("too_slow"))];
        assert!(borders(&told).is_empty());
        let said = older(&told, false, &table());
        let said: Vec<_> = said.older.iter().map(|part| (part.source, part.incomplete)).collect();
        assert_eq!(said, [("influxdb", Some("not_held")), ("store", Some("too_slow"))]);
        let strange = Told { strange: true, ..self::told::<Summed>(at(10), Ok(Vec::new())) };
        assert_eq!(older(&[strange], false, &table()).incomplete, Some("another_name"));
    }

    #[test]
    fn what_both_hold_is_there_once_and_a_correction_alone() {
        let sample = |minute: i64, value: f64, flags: u8| Sample {
            series: series(),
            at: at(minute),
            received: at(minute + 1),
            value,
            unit: Unit::MgPerDl,
            flags,
        };
        let corrected = crate::store::types::flag::CORRECTED;
        let both = vec![
            sample(2, 80.0, 0),
            sample(1, 70.0, 0),
            sample(3, 90.0, 0),
            sample(2, 80.0, 0),
            sample(3, 91.0, corrected),
        ];
        let values: Vec<f64> = settled(both).into_iter().map(|sample| sample.value).collect();
        assert_eq!(values, [70.0, 80.0, 91.0]);
    }
}
