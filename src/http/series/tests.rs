//! What InfluxDB and the store hold as one, without either of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::joined::{borders, joined, settled, sums};
use super::query::{Bucket, PrunedPart, Summary};
use super::question::{Question, grouped};
use super::reply::{Reply, older, store_alone};
use crate::config::Config;
use crate::influx::query::{Origin, Reading, Selection, Summed, Wanted};
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::point::Point;
use vitalgate_store::types::{Sample, Sent, SeriesKey};

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
    Question { selection, parts, exported: vec![true] }
}

fn reply<T>(border: Timestamp, rows: Result<Vec<T>, &'static str>) -> Reply<T> {
    let rows = rows.map(|rows| rows.into_iter().map(|row| (0, row)).collect());
    Reply { question: question(border), rows, has_foreign_names: false, until: None }
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
        let inside = points.iter().filter(|(minute, ..)| from <= at(*minute) && at(*minute) < to);
        let values: Vec<f64> =
            inside.map(|(_, value, unit)| unit.convert(*value, Unit::MgPerDl).unwrap()).collect();
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
        let replies = [reply(at(border), Ok(summed(older, grid)))];
        let table = table();
        let borders = borders(&replies, &BTreeMap::new());
        prop_assert_eq!(&borders, &BTreeMap::from([(series(), at(border))]));
        let joined = joined(brute(newer, grid), sums(&replies, &borders, &table), grid, &table);
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
fn a_series_of_which_a_part_could_not_be_read_is_the_stores_alone() {
    let grid = Grid::new(at(0), at(MINUTES), 6);
    let rows = summed(&[(9, 70.0, Unit::MgPerDl)], grid);
    let replies = [reply(at(10), Ok(rows)), reply::<Summed>(at(20), Err("too_slow"))];
    let alone = store_alone(&replies);
    assert!(borders(&replies, &alone).is_empty());
    let older = older(&replies, &alone, &table());
    let parts: Vec<_> = older.parts.iter().map(|part| (part.source, part.incomplete)).collect();
    assert_eq!(parts, [("store", Some("too_slow")); 2], "nothing of the first is shown either");
}

#[test]
fn what_may_be_missing_never_looks_whole() {
    let table = table();
    let incomplete = |reply: Reply<Reading>| {
        let older = older(&[reply], &BTreeMap::new(), &table);
        assert_eq!(older.parts[0].source, "influxdb");
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
            sent: Sent::default(),
            received: at(minute),
            value: 70.0,
            unit: Unit::MgPerDl,
            flags: 0,
        },
    };
    // What was pruned last was measured at minute 10.
    let border = at(10) + Span::micros(1);
    let of = |minutes: &[i64]| reply(border, Ok(minutes.iter().map(|m| reading(*m)).collect()));
    assert_eq!(incomplete(of(&[3, 10])), None);
    assert_eq!(incomplete(of(&[3, 9])), Some("not_held"), "the last is missing");
    assert_eq!(incomplete(of(&[])), Some("not_held"));
    let inside = |mut reply: Reply<Reading>| {
        reply.question.parts[0].held_something = false;
        reply
    };
    assert_eq!(incomplete(inside(of(&[3]))), None, "it ends before the border");
    assert_eq!(incomplete(inside(of(&[]))), Some("not_held"));
    let cut = |minute: i64| Reply { until: Some(at(minute)), ..of(&[3]) };
    assert_eq!(incomplete(cut(4)), None, "the next page covers it");
    assert_eq!(incomplete(cut(11)), Some("not_held"));
    let mut behind = of(&[3, 10]);
    behind.question.exported = vec![false];
    assert_eq!(incomplete(behind), Some("not_told"));
    assert_eq!(incomplete(Reply { has_foreign_names: true, ..of(&[3, 10]) }), Some("another_name"));
}

#[test]
fn each_series_has_a_border_of_its_own() {
    let mut one = reply::<Summed>(at(20), Ok(Vec::new()));
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
    let sample = |minute: i64, value: f64, flags: u16| Sample {
        series: series(),
        at: at(minute),
        sent: Sent::default(),
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

#[test]
fn parts_of_a_device_that_end_within_two_days_make_one_question() {
    let part = |device: &str, instance: &str, from: i64, days: i64| PrunedPart {
        series: SeriesKey {
            device: device.parse().unwrap(),
            instance: instance.into(),
            ..series()
        },
        from: at(from),
        to: at(0) + Span::days(days),
        held_something: true,
    };
    let parts = vec![
        part("dev-2", "", 0, 5),
        part("dev-1", "left", 0, 9),
        part("dev-1", "right", 0, 7),
        part("dev-1", "", 0, 10),
        part("dev-1", "", 1, 7),
    ];
    let groups: Vec<Vec<_>> = grouped(parts)
        .into_iter()
        .map(|group| group.iter().map(|part| part.to).collect())
        .collect();
    let day = |n: i64| at(0) + Span::days(n);
    assert_eq!(groups, [vec![day(7), day(9)], vec![day(10)], vec![day(5)], vec![day(7)]]);
}
