//! Every text of an alarm once, as the page has to know it in other languages: `tests/fixtures/texts.txt`.

use std::fmt::Write as _;

use crate::model::alarm::Side;
use crate::model::crossing::{Crossing, Seen};
use crate::model::ids::DeviceId;
use crate::model::input::{LateAlarms, SignInWay, Stretch};
use crate::model::message::Comparator;
use crate::model::observation::Number;
use crate::model::signal::SignalId;
use crate::model::time::Span;
use crate::model::unit::Unit;
use crate::rules::Criterion;
use crate::text;

/// Made by other functions of [`text`], or of words that are no alarm's.
const NONE: [&str; 3] = ["hole", "server_says", "seen"];

fn number(value: f64, unit: Unit) -> Number {
    Number { value, unit, comparator: None, unit_doubtful: false }
}

fn crossing(name: Option<&str>, side: Side, now: f64, worst: f64) -> String {
    let number = |value| number(value, Unit::Percent);
    text::crossing(&Crossing {
        name: name.map(str::to_owned),
        label: "SpO2".to_owned(),
        side,
        limit: 80.0,
        unit: Unit::Percent,
        now: number(now),
        worst: Seen { number: number(worst), sent: None },
    })
}

fn trend(
    label: &str,
    (median, limit): (f64, f64),
    usual: Option<f64>,
    hours: i64,
    unit: Unit,
) -> String {
    let side = if median < limit { Side::Low } else { Side::High };
    text::trend(label, Span::hours(hours), (median, limit), usual, side, unit)
}

fn prediction(label: &str, side: Side, now: f64, limit: f64, unit: Unit) -> String {
    text::prediction(label, &number(now, unit), side, limit, Span::mins(20))
}

/// Each text by the name of its function.
fn all() -> Vec<(&'static str, String)> {
    let dev: DeviceId = "dev-1".parse().unwrap();
    let other: DeviceId = "hub-1".parse().unwrap();
    let (team, role, ward, channel) = (
        &"icu".parse().unwrap(),
        &"nurse".parse().unwrap(),
        &"icu-2".parse().unwrap(),
        &"pager".parse().unwrap(),
    );
    let bound = Number { comparator: Some(Comparator::Less), ..number(39.0, Unit::MgPerDl) };
    let silent = [("Heart rate", text::NO_DATA), ("SpO2", "quality"), (text::ANYTHING, "late")];
    let percent = |value| Some(number(value, Unit::Percent));
    let (low, high) = ((Side::Low, false), (Side::High, true));
    let beats = || Some(number(150.0, Unit::PerMinute));
    let late = &LateAlarms { late: 3, all: 40, within_ms: 5_000, worst_ms: 12_500 };
    vec![
        ("crossing", crossing(None, Side::Low, 74.0, 74.0)),
        ("crossing", crossing(None, Side::Low, 74.0, 68.5)),
        ("crossing", crossing(None, Side::Low, 97.0, 68.0)),
        ("crossing", crossing(None, Side::High, 90.0, 90.0)),
        ("crossing", crossing(None, Side::High, 90.0, 95.0)),
        ("crossing", crossing(None, Side::High, 70.0, 95.0)),
        ("crossing", crossing(Some("Asystole"), Side::Low, 0.0, 0.0)),
        ("crossing", crossing(Some("Extreme bradycardia"), Side::Low, 25.0, 22.0)),
        ("nobody_on_duty", text::nobody_on_duty(team, role, true)),
        ("nobody_on_duty", text::nobody_on_duty(team, role, false)),
        ("plan_ends", text::plan_ends()),
        ("unanswered", text::unanswered(Some(team), None)),
        ("unanswered", text::unanswered(None, Some(ward))),
        ("unanswered", text::unanswered(None, None)),
        ("trend", trend("Activity", (1.9, 2.17), Some(3.1), 168, Unit::HourPerDay)),
        ("trend", trend("Ventricular extrasystoles", (130.5, 110.0), None, 168, Unit::PerHour)),
        ("trend", trend("Pacing", (78.0, 80.0), Some(96.0), 48, Unit::Percent)),
        ("frozen", text::frozen("Arterial pressure, mean", &number(80.0, Unit::MmHg))),
        ("prediction", prediction("Glucose, sensor", Side::Low, 80.0, 55.0, Unit::MgPerDl)),
        ("prediction", prediction("Heart rate", Side::High, 120.0, 130.0, Unit::PerMinute)),
        ("count", text::count("VT/VF storm", 3, Span::hours(48))),
        ("count", text::count("VT/VF storm", 12, Span::days(7))),
        ("late", text::late(&crossing(None, Side::Low, 74.0, 74.0))),
        ("repeat_due", text::repeat_due(&crossing(None, Side::Low, 74.0, 74.0))),
        ("score", score([Some(0); 7])),
        ("score", score([Some(2), Some(0), Some(2), Some(0), Some(0), Some(3), Some(0)])),
        ("score", score([Some(3), Some(2), None, Some(0), Some(0), None, Some(0)])),
        ("score", score([None, Some(0), Some(0), Some(0), None, Some(0), Some(0)])),
        ("combination", combination(&[42.0, 89.0], &[])),
        ("combination", combination(&[42.0], &[])),
        ("combination", combination(&[42.0], &[1])),
        ("combination", combination(&[42.0, 89.0], &[2])),
        ("combination", combination(&[], &[])),
        ("combination", combination(&[], &[0, 2])),
        ("lost", text::lost(Some("Apnoea"), "Respiratory rate")),
        ("lost", text::lost(None, "SpO2")),
        ("lost_beyond", text::lost_beyond("SpO2", &number(84.0, Unit::Percent))),
        ("implausible", text::implausible("Glucose, sensor", &bound)),
        ("zero_or_off", text::zero_or_off("Heart rate")),
        ("silent", text::silent(&dev, silent.into_iter())),
        ("test_mode", text::test_mode(&dev)),
        ("clock_suspect", text::clock_suspect(&dev)),
        ("clock_stepped", text::clock_stepped(&dev)),
        ("boot_reset", text::boot_reset(&dev)),
        ("too_rare", text::too_rare(&dev)),
        ("over_budget", text::over_budget(&dev)),
        ("read_slowly", text::read_slowly(&dev)),
        ("waits_behind", text::waits_behind(&dev, &other)),
        ("more_findings", text::more_findings(3, "Shock delivered")),
        ("no_device", text::no_device()),
        ("unattributed", text::unattributed(&dev)),
        ("age_class", text::age_class()),
        ("limit_expiring", text::limit_expiring("SpO2", low, percent(92.0), percent(88.0))),
        ("limit_expiring", text::limit_expiring("SpO2", low, None, percent(88.0))),
        ("limit_expiring", text::limit_expiring("Heart rate", high, None, None)),
        ("limit_expiring", text::limit_expiring("Heart rate", high, beats(), None)),
        ("limit_expired", text::limit_expired("SpO2", low, percent(92.0), percent(88.0))),
        ("limit_expired", text::limit_expired("Heart rate", high, beats(), None)),
        ("event", text::event("Shock delivered", None, None)),
        ("event", text::event("Event reported by the device", Some("door_open"), Some("left"))),
        ("store_failing", text::store_failing()),
        ("disk_full", text::disk_full()),
        ("unwatched", text::unwatched(ward)),
        ("unattended", text::unattended(ward)),
        ("synthetic", text::synthetic("no answer")),
        ("late_alarms", text::late_alarms(Stretch::Announced, late)),
        ("late_alarms", text::late_alarms(Stretch::Taken, late)),
        ("broker", text::broker(&dev, "no answer")),
        ("outage", text::outage(&other, 12)),
        ("crowded", text::crowded(SignInWay::Mqtt, 12, Some("10.0.0.7"))),
        ("crowded", text::crowded(SignInWay::Http, 12, None)),
        ("sink_refused", text::sink_refused(401, "unauthorized")),
        ("sink_refused", text::sink_refused(401, "")),
        ("sink_behind", text::sink_behind("")),
        ("sink_behind", text::sink_behind("too many")),
        ("undelivered", text::undelivered(channel, "")),
        ("undelivered", text::undelivered(channel, "gone")),
        ("not_taken", text::not_taken(channel, "")),
        ("not_taken", text::not_taken(channel, "gone")),
        ("clock_behind", text::clock_behind(Span::secs(90))),
        ("unsynchronised", text::unsynchronised()),
        ("perhaps_unsynchronised", text::perhaps_unsynchronised("no answer")),
        ("deaf", text::deaf(Span::secs(12))),
        ("refused", text::refused(Some(&dev), Some(&other), None)),
        ("refused", text::refused(Some(&dev), None, Some("a/b"))),
        ("refused", text::refused(Some(&dev), None, None)),
        ("refused", text::refused(None, Some(&other), None)),
        ("refused", text::refused(None, None, Some("a/b"))),
        ("refused", text::refused(None, None, None)),
    ]
}

fn score(points: [Option<u8>; 7]) -> String {
    text::score("NEWS2", crate::rules::news2::Sum::of(&points), &points)
}

/// The first conditions hold by these values, and of some nothing is known.
fn combination(values: &[f64], open: &[usize]) -> String {
    let (low, high, beats) = (Side::Low, Side::High, Unit::PerMinute);
    let conditions: Vec<Criterion> = [
        ("Heart rate", low, 50.0, beats),
        ("SpO2", low, 90.0, Unit::Percent),
        ("Arterial pressure, mean", high, 120.0, Unit::MmHg),
    ]
    .into_iter()
    .map(|(label, side, figure, unit)| {
        let (signal, label) = (SignalId(1), label.to_owned());
        Criterion { signal, label, side, figure, unit }
    })
    .collect();
    let numbers = values.iter().zip(&conditions).map(|(value, of)| number(*value, of.unit));
    let numbers: Vec<Number> = numbers.collect();
    let open = open.iter().map(|place| &conditions[*place]);
    text::combination(conditions.iter().zip(&numbers), open)
}

#[test]
fn the_texts_are_those_that_the_page_knows_in_other_languages() {
    let mut lines = String::from(
        "# Every text of an alarm by the function that makes it; held to crates/domain/src/text.rs.\n",
    );
    for (name, said) in all() {
        writeln!(lines, "{name}\t{said}").unwrap();
    }
    assert_eq!(include_str!("../../../../tests/fixtures/texts.txt"), lines);
}

#[test]
fn no_text_is_left_out() {
    let all = all();
    let files = [include_str!("../text.rs"), include_str!("../text/several.rs")];
    let functions = files
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("pub(crate) fn ").or(line.strip_prefix("pub fn ")))
        .filter_map(|rest| rest.split(['(', '<']).next());
    for function in functions.filter(|name| !NONE.contains(name)) {
        assert!(all.iter().any(|(name, _)| *name == function), "{function} is in no line");
    }
}
