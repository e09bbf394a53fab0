//! A patient's own limits: by measured time, with versions, refused where mistyped.

use crate::model::alarm::{LimitFrom, Side};
use crate::model::command::{Outcome, PatientLimit};
use crate::model::unit::Unit;

use super::scene::{Scene, at};

fn systolic(side: Side, critical: bool, value: Option<f64>) -> PatientLimit {
    PatientLimit { signal: "nibp_sys".to_owned(), side, critical, value, unit: Unit::MmHg }
}

fn low(value: f64) -> Vec<PatientLimit> {
    vec![systolic(Side::Low, false, Some(value)), systolic(Side::Low, true, Some(40.0))]
}

#[test]
fn a_reading_is_judged_by_the_limits_of_its_time() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    scene.reading("dev", "heart_rate", 70.0);
    scene.skip();
    assert_eq!(scene.limits(low(60.0), None, None).0, Outcome::Done);
    scene.measured_at("dev", "nibp_sys", 85.0, 89.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 85.0, 90.0);
    scene.expect(&[
        "raised medium vitals_live.nibp_sys_low: alarming, present",
        "ended low vitals_live.nibp_sys_low_repeat_due: closed ended",
    ]);
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").trigger.limit_from, Some(LimitFrom::Pack));
    scene.advance(10.0);
    scene.reading("dev", "nibp_sys", 85.0);
    scene.expect(&["latched medium vitals_live.nibp_sys_low: latched, absent"]);
}

#[test]
fn a_late_reading_is_judged_by_the_old_limits() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.limits(low(60.0), None, None);
    scene.advance(1_000.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 85.0, 1_500.0);
    scene.expect(&[]);
    scene.measured_at("dev", "nibp_sys", 85.0, 500.0);
    scene.expect(&["late raised low vitals_live.nibp_sys_low: alarming, momentary"]);
}

#[test]
fn limits_set_later_for_an_earlier_time_replace_what_stood_from_then_on() {
    let mut scene = Scene::bedside();
    scene.limits(low(60.0), Some(at(200.0)), None);
    scene.limits(low(70.0), Some(at(100.0)), None);
    let patient = &scene.core.patients["p"];
    assert_eq!(patient.limits_at(at(50.0)).1, 0);
    assert_eq!(patient.limits_at(at(150.0)).1, 2);
    assert_eq!(patient.limits_at(at(250.0)).1, 2);
    assert_eq!(patient.limits_version(), 2);
}

#[test]
fn a_version_that_no_longer_stands_is_refused() {
    let mut scene = Scene::bedside();
    assert_eq!(scene.limits(low(60.0), None, Some(0)).0, Outcome::Done);
    assert_eq!(scene.limits(low(65.0), None, Some(0)).0, Outcome::Stale);
    assert_eq!(scene.limits(low(65.0), None, Some(1)).0, Outcome::Done);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut scene = Scene::bedside();
    let unit = |unit| PatientLimit { unit, ..systolic(Side::Low, false, Some(60.0)) };
    let glucose = PatientLimit {
        signal: "glucose_cgm".to_owned(),
        side: Side::Low,
        critical: true,
        value: None,
        unit: Unit::MgPerDl,
    };
    for limits in [
        vec![systolic(Side::Low, false, Some(120.0)), systolic(Side::High, false, Some(110.0))],
        vec![systolic(Side::Low, false, Some(190.0))],
        vec![systolic(Side::Low, false, Some(5_000.0))],
        vec![systolic(Side::Low, false, Some(f64::NAN))],
        vec![systolic(Side::Low, false, Some(60.0)), systolic(Side::Low, false, Some(61.0))],
        vec![unit(Unit::PerMinute)],
        vec![glucose],
    ] {
        let text = format!("{limits:?}");
        assert_eq!(scene.limits(limits, None, None).0, Outcome::Invalid, "{text}");
    }
    assert_eq!(scene.core.patients["p"].limits_version(), 0);
}

#[test]
fn one_limit_switched_off_leaves_the_other_side() {
    let mut scene = Scene::bedside();
    let off = |critical| systolic(Side::Low, critical, None);
    scene.limits(vec![off(false), off(true)], None, None);
    scene.reading("dev", "nibp_sys", 40.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.reading("dev", "nibp_sys", 230.0);
    scene.expect(&["raised high vitals_live.nibp_sys_high: alarming, present"]);
}

#[test]
fn a_limit_in_another_unit_is_compared_in_the_unit_sent() {
    let mut scene = Scene::bedside();
    scene.send("dev", "glucose_blood", 3.1, |_, reading| {
        if let crate::model::message::Value::Number { unit, .. } = &mut reading.value {
            *unit = Unit::MmolPerL;
        }
        reading.implausible = false;
    });
    scene.expect(&["raised high glucose.blood_low: alarming, present"]);
    let trigger = scene.alarm("glucose.blood_low").trigger;
    assert_eq!((trigger.limit, trigger.unit), (Some(3.1), Some(Unit::MmolPerL)));
}

#[test]
fn a_late_crossing_is_announced_again_after_good_live_values() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 85.0, 500.0);
    scene.expect(&["late raised low vitals_live.nibp_sys_low: alarming, momentary"]);
    assert_eq!(scene.reset("vitals_live.nibp_sys_low", None), Outcome::Done);
    scene.reading("dev", "nibp_sys", 120.0);
    scene.advance(2_000.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 84.0, 2_000.0);
    scene.expect(&["late raised low vitals_live.nibp_sys_low: alarming, momentary"]);
}

#[test]
fn a_late_value_that_is_worse_than_the_one_announced_is_announced_too() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.skip();
    for second in 0..40 {
        let value = if second < 20 { 87.0 } else { 60.0 };
        scene.measured_at("dev", "spo2", value, 500.0 + f64::from(second));
    }
    scene.expect(&[
        "late raised low vitals_live.spo2_low: alarming, momentary",
        "late recurred medium vitals_live.spo2_low: alarming, momentary",
    ]);
    assert!(scene.alarm("vitals_live.spo2_low").text.starts_with("SpO2 60 %"));
}

#[test]
fn late_data_worse_than_an_open_alarm_are_noted_and_may_raise_it() {
    for (rules, expected) in [
        ("medium", vec!["note late"]),
        (
            "low",
            vec!["note late", "priority_rose medium vitals_live.nibp_sys_low: alarming, present"],
        ),
    ] {
        let mut scene = Scene::bedside();
        let id = "id = \"vitals_live.nibp_sys\"\n";
        scene.reconfigure(id, &format!("{id}priorities = {{ low = \"{rules}\" }}\n"));
        scene.advance(1_000.0);
        scene.reading("dev", "nibp_sys", 85.0);
        scene.advance(1.0);
        scene.reading("dev", "nibp_sys", 85.0);
        scene.skip();
        scene.measured_at("dev", "nibp_sys", 70.0, 500.0);
        scene.expect(&expected);
        scene.measured_at("dev", "nibp_sys", 69.0, 501.0);
        scene.expect(&[]);
    }
}

const DUE: &str = "raised low vitals_live.nibp_sys_low_repeat_due: alarming, present";
const DUE_OVER: &str = "ended low vitals_live.nibp_sys_low_repeat_due: closed ended";
const LOW: &str = "raised medium vitals_live.nibp_sys_low: alarming, present";

#[test]
fn a_single_measurement_in_the_medium_band_asks_for_another() {
    for (second, expected) in [(84.0, vec![LOW, DUE_OVER]), (120.0, vec![DUE_OVER])] {
        let mut scene = Scene::bedside();
        scene.reading("dev", "nibp_sys", 85.0);
        scene.expect(&[DUE]);
        let text = scene.alarm("vitals_live.nibp_sys_low_repeat_due").text;
        assert!(text.contains("85") && text.ends_with("repeat due"), "{text}");
        scene.advance(60.0);
        let news = scene.news();
        assert!(news.iter().all(|line| line.contains("link.")), "{news:?}");
        scene.reading("dev", "nibp_sys", second);
        let news: Vec<String> = scene.news().into_iter().filter(|l| l.contains("nibp")).collect();
        assert_eq!(news, expected);
    }
}

#[test]
fn without_another_measurement_the_first_stands_by_itself() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    scene.stream("dev", "heart_rate", 70.0, 299);
    scene.expect(&[DUE]);
    scene.stream("dev", "heart_rate", 70.0, 1);
    scene.expect(&[LOW, DUE_OVER]);
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").raised_at, at(300.0));
}

#[test]
fn a_critical_measurement_counts_at_once_and_so_does_one_entered_by_hand() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
    scene.stream("dev", "heart_rate", 70.0, 400);
    scene.expect(&[]);
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "charted", &[]);
    scene.bind("dev", "p");
    scene.reading("dev", "nibp_sys", 85.0);
    scene.expect(&[LOW]);
}

#[test]
fn a_limit_changed_or_a_rule_changed_takes_the_request_back() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    scene.skip();
    scene.limits(low(60.0), None, None);
    scene.expect(&["limit_changed low vitals_live.nibp_sys_low_repeat_due: closed limit_changed"]);
    scene.stream("dev", "heart_rate", 70.0, 400);
    scene.expect(&[]);
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    scene.skip();
    scene.reconfigure("confirm = \"5m\"\n", "");
    scene.expect(&[
        "rule_changed low vitals_live.nibp_sys_low_repeat_due: closed rule_changed",
        LOW,
    ]);
}
