//! Floods, durations and what is covered.

use jiff::tz::TimeZone;

use crate::tools::backtest::coverage::{Coverage, Shifts};
use crate::tools::backtest::figures::{Durations, Figures, Floods, Place};
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::time::{Span, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_772_409_600_000) + Span::secs(seconds)
}

fn floods(times: &[i64]) -> u64 {
    let (patient, mut floods) = ("p".parse::<PatientId>().unwrap(), Floods::default());
    for seconds in times {
        floods.note(&patient, at(*seconds));
    }
    floods.count
}

#[test]
fn a_flood_is_more_than_ten_within_ten_minutes_and_counts_once() {
    let every = |seconds: i64, count: i64| (0..count).map(|n| n * seconds).collect::<Vec<_>>();
    assert_eq!(floods(&every(1, 10)), 0, "ten are none");
    assert_eq!(floods(&every(1, 11)), 1);
    assert_eq!(floods(&every(59, 11)), 1, "590 s from the first to the last");
    assert_eq!(floods(&every(60, 11)), 0, "10 min from the first to the last");
    assert_eq!(floods(&every(30, 200)), 1, "it lasts");
    let mut two = every(1, 20);
    two.extend(every(1, 20).iter().map(|at| at + 700));
    assert_eq!(floods(&two), 2);
    let mut of_two = Floods::default();
    for n in 0..20 {
        let patient: PatientId = ["a", "b"][n % 2].parse().unwrap();
        of_two.note(&patient, at(n as i64));
    }
    assert_eq!(of_two.count, 0, "ten of either are none");
}

#[test]
fn the_median_is_that_of_all_durations() {
    let of = |seconds: &[i64]| {
        let mut durations = Durations::default();
        for s in seconds {
            durations.note(Span::secs(*s));
        }
        (durations.median_s(), durations.longest, durations.of)
    };
    assert_eq!(of(&[]), (None, None, 0));
    assert_eq!(of(&[7]), (Some(7), Some(Span::secs(7)), 1));
    assert_eq!(of(&[30, 10, 20]).0, Some(20));
    assert_eq!(of(&[10, 20, 30, 40]).0, Some(20), "the lower one of two");
    assert_eq!(of(&[4_000, 4_000, 1]).0, Some(3_960), "to the minute beyond an hour");
}

#[test]
fn a_patient_is_covered_for_as_long_as_a_message_counts_as_live() {
    let (patient, bed) = ("p".parse::<PatientId>().unwrap(), "b1".parse().unwrap());
    let mut coverage = Coverage::new();
    coverage.shifts = Some(Shifts(TimeZone::get("Europe/Berlin").unwrap()));
    let window = Span::secs(60);
    for seconds in [0, 30, 60, 500, 560] {
        let first = coverage.heard(&patient, Some(&bed), at(seconds), window);
        assert_eq!(first, seconds == 0);
    }
    coverage.finish(at(580));
    assert_eq!((coverage.patients, coverage.gaps), (1, 1));
    assert_eq!(coverage.gaps_for, Span::secs(500 - 120));
    assert_eq!(coverage.covered, Span::secs(120 + 80));
    assert_eq!(coverage.by_bed[&Some(bed)], coverage.covered);
    // Midnight in UTC is one o'clock there.
    assert_eq!(coverage.by_shift, [Span::ZERO, Span::ZERO, coverage.covered]);
}

#[test]
fn what_lasts_over_a_change_of_shift_is_parted_there() {
    let patient: PatientId = "p".parse().unwrap();
    let mut coverage = Coverage::new();
    coverage.shifts = Some(Shifts(TimeZone::get("Europe/Berlin").unwrap()));
    coverage.heard(&patient, None, at(0), Span::hours(24));
    coverage.finish(at(86_400));
    assert_eq!(coverage.by_shift, [Span::hours(8); 3]);
    // 29 March 2026 has 23 hours in Berlin: the night of it is short.
    let mut coverage = Coverage::new();
    coverage.shifts = Some(Shifts(TimeZone::get("Europe/Berlin").unwrap()));
    let night: Timestamp = "2026-03-28T22:00:00+01:00".parse().unwrap();
    coverage.heard(&patient, None, night, Span::hours(8));
    coverage.finish(night + Span::hours(8));
    assert_eq!(coverage.by_shift, [Span::hours(1), Span::ZERO, Span::hours(7)]);
}

#[test]
fn an_announcement_counts_by_priority_rule_bed_and_shift() {
    let mut figures = Figures::default();
    let (patient, bed) = ("p".parse().unwrap(), "b1".parse().unwrap());
    let rule = "vitals_live.spo2_low".parse().unwrap();
    let of = Place { patient: &patient, bed: Some(&bed), shift: Some(1) };
    figures.announced(&rule, Priority::High, at(0), Some(of));
    figures.announced(&rule, Priority::Low, at(9), Some(Place { bed: None, shift: None, ..of }));
    figures.announced(&"link.broker".parse().unwrap(), Priority::High, at(9), None);
    assert_eq!(figures.of_gateway, 1);
    assert_eq!((figures.by_priority, figures.by_rule[&rule]), ([1, 0, 1], [1, 0, 1]));
    assert_eq!((figures.by_bed[&Some(bed)], figures.by_bed[&None]), (1, 1));
    assert_eq!(figures.by_shift, [0, 1, 0]);
}
