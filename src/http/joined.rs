//! What InfluxDB told and what the store holds as one: pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::series::query::{Bucket, PrunedPart, Summary, unit_of};
use crate::influx::query::{Origin, Reading, Selection, Summed};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::point::{Point, settle};
use vitalgate_store::types::{Sample, SeriesKey};

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
    pub(super) parts: Vec<PrunedPart>,
    /// Which of them InfluxDB has been told of, before it was asked.
    pub(super) is_told: Vec<bool>,
}

/// A row that says up to when there is something.
pub(super) trait Upto {
    /// The last instant it speaks of.
    fn upto(&self) -> Timestamp;
}

impl Upto for Reading {
    fn upto(&self) -> Timestamp {
        self.point.at
    }
}

impl Upto for Summed {
    fn upto(&self) -> Timestamp {
        self.upto
    }
}

/// What is known of a question.
#[derive(Debug)]
pub(super) struct Told<T> {
    pub(super) question: Question,
    /// Rows of the series asked for, by their place in `question.parts`.
    pub(super) rows: Result<Vec<(usize, T)>, &'static str>,
    /// Some rows carry a name that this gateway gives to none of its patients.
    pub(super) strange: bool,
    /// From here on nothing is known; the next page says it.
    pub(super) until: Option<Timestamp>,
}

impl<T: Upto> Told<T> {
    /// Why not all of a part is there.
    fn doubt(&self, place: usize, part: &PrunedPart) -> Option<&'static str> {
        let rows = match &self.rows {
            Err(why) => return Some(*why),
            Ok(_) if self.strange => return Some("another_name"),
            Ok(_) if !self.question.is_told[place] => return Some("not_told"),
            Ok(rows) => rows,
        };
        if self.until.is_some_and(|until| until < part.to) {
            return None;
        }
        let of_part = rows.iter().filter(|(of, _)| *of == place);
        let is_held = match of_part.map(|(_, row)| row.upto()).max() {
            None => false,
            // The last that was taken is known: if that is missing, so may be others.
            Some(upto) => !part.held_something || upto + Span::micros(1) >= part.to,
        };
        (!is_held).then_some("not_held")
    }
}

/// What became of each part; for the series `of_store` the store speaks, for these reasons.
pub(super) fn older<T: Upto>(
    told: &[Told<T>],
    of_store: &BTreeMap<SeriesKey, &'static str>,
    table: &SignalTable,
) -> Older {
    let mut older = Vec::new();
    for one in told {
        for (place, part) in one.question.parts.iter().enumerate() {
            let other = of_store.get(&part.series).copied();
            let is_told = one.rows.is_ok() && other.is_none();
            let incomplete = one.rows.as_ref().err().copied().or(other);
            let incomplete = incomplete.or_else(|| one.doubt(place, part));
            let PrunedPart { series, from, to, .. } = part.clone();
            older.push(Part {
                device: series.device,
                signal: table.name(series.signal),
                instance: series.instance,
                from,
                to,
                source: if is_told { "influxdb" } else { "store" },
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

/// The series of which a part was not told, and why: a chart of them is the store's alone.
pub(super) fn of_store(told: &[Told<Summed>]) -> BTreeMap<SeriesKey, &'static str> {
    let mut of_store = BTreeMap::new();
    for Told { question, rows, .. } in told {
        let Err(why) = rows else { continue };
        of_store.extend(question.parts.iter().map(|part| (part.series.clone(), *why)));
    }
    of_store
}

/// Of each other series, up to where InfluxDB speaks for it: up to the last that retention took, and
/// no further. The store speaks from there on, so that a bucket across the border counts everything
/// once.
pub(super) fn borders(
    told: &[Told<Summed>],
    of_store: &BTreeMap<SeriesKey, &'static str>,
) -> BTreeMap<SeriesKey, Timestamp> {
    let mut borders: BTreeMap<SeriesKey, Timestamp> = BTreeMap::new();
    for part in told.iter().flat_map(|told| &told.question.parts) {
        if !of_store.contains_key(&part.series) {
            let border = borders.entry(part.series.clone()).or_insert(part.to);
            *border = part.to.max(*border);
        }
    }
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
            if summed.count == 0 || !whole.contains_key(series) {
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

impl Question {
    /// Which part a row is of.
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
    use crate::influx::query::Wanted;

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
            series: vec![Wanted {
                signal: "glucose_cgm".to_owned(),
                instance: Instance::default(),
                to: border,
            }],
            instance: None,
            from: at(0),
            simulated: false,
        };
        let held_something = true;
        let parts = vec![PrunedPart { series, from: at(0), to: border, held_something }];
        Question { selection, parts, is_told: vec![true] }
    }

    fn told<T>(border: Timestamp, rows: Result<Vec<T>, &'static str>) -> Told<T> {
        let rows = rows.map(|rows| rows.into_iter().map(|row| (0, row)).collect());
        Told { question: question(border), rows, strange: false, until: None }
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
                upto: at(minute),
            });
            one.count += 1;
            one.min = one.min.min(value);
            one.max = one.max.max(value);
            one.sum += value;
            one.last = value;
            one.last_at = at(minute);
            one.upto = at(minute);
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
            let borders = borders(&told, &BTreeMap::new());
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
        let grid = Grid::new(at(0), at(MINUTES), 6);
        let rows = summed(&[(9, 70.0, Unit::MgPerDl)], grid);
        let told = [told(at(10), Ok(rows)), told::<Summed>(at(20), Err("too_slow"))];
        let store = of_store(&told);
        assert!(borders(&told, &store).is_empty());
        let said = older(&told, &store, &table());
        let said: Vec<_> = said.older.iter().map(|part| (part.source, part.incomplete)).collect();
        assert_eq!(said, [("store", Some("too_slow")); 2], "nothing of the first is shown either");
    }

    #[test]
    fn what_may_be_missing_never_looks_whole() {
        let table = table();
        let said = |told: Told<Reading>| {
            let older = older(&[told], &BTreeMap::new(), &table);
            assert_eq!(older.older[0].source, "influxdb");
            older.incomplete
        };
        let reading = |minute: i64| Reading {
            origin: Origin {
                patient: None,
                signal: "glucose_cgm".to_owned(),
                instance: Instance::default(),
            },
            point: Point {
                at: at(minute),
                received: at(minute),
                value: 70.0,
                unit: Unit::MgPerDl,
                flags: 0,
            },
        };
        // What was taken last was measured at minute 10.
        let border = at(10) + Span::micros(1);
        let of = |minutes: &[i64]| told(border, Ok(minutes.iter().map(|m| reading(*m)).collect()));
        assert_eq!(said(of(&[3, 10])), None);
        assert_eq!(said(of(&[3, 9])), Some("not_held"), "the last is missing");
        assert_eq!(said(of(&[])), Some("not_held"));
        let inside = |mut told: Told<Reading>| {
            told.question.parts[0].held_something = false;
            told
        };
        assert_eq!(said(inside(of(&[3]))), None, "it ends before the border");
        assert_eq!(said(inside(of(&[]))), Some("not_held"));
        let cut = |minute: i64| Told { until: Some(at(minute)), ..of(&[3]) };
        assert_eq!(said(cut(4)), None, "the next page says it");
        assert_eq!(said(cut(11)), Some("not_held"));
        let mut behind = of(&[3, 10]);
        behind.question.is_told = vec![false];
        assert_eq!(said(behind), Some("not_told"));
        assert_eq!(said(Told { strange: true, ..of(&[3, 10]) }), Some("another_name"));
    }

    #[test]
    fn each_series_has_a_border_of_its_own() {
        let mut one = told::<Summed>(at(20), Ok(Vec::new()));
        let other = SeriesKey { instance: "left".into(), ..series() };
        one.question.parts.push(PrunedPart {
            series: other.clone(),
            from: at(0),
            to: at(50),
            held_something: true,
        });
        let borders = borders(&[one], &BTreeMap::new());
        assert_eq!(borders, BTreeMap::from([(series(), at(20)), (other, at(50))]));
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
        let corrected = vitalgate_store::types::flag::CORRECTED;
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
