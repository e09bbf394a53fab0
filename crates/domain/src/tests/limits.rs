//! A patient's own limits: by measured time, with versions, refused where mistyped.

use crate::model::alarm::{LimitFrom, Side};
use crate::model::command::{Action, Outcome, PatientLimit};
use crate::model::unit::Unit;

use super::scene::{Scene, at};

pub(super) fn systolic(side: Side, critical: bool, value: Option<f64>) -> PatientLimit {
    PatientLimit {
        signal: "nibp_sys".to_owned(),
        side,
        critical,
        value,
        unit: Unit::MmHg,
        until: None,
        ends: None,
    }
}

pub(super) fn low(value: f64) -> Vec<PatientLimit> {
    vec![systolic(Side::Low, false, Some(value)), systolic(Side::Low, true, Some(40.0))]
}

#[test]
fn a_reading_is_judged_by_the_limits_of_its_time() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    scene.reading("dev", "heart_rate", 70.0);
    scene.skip();
    assert_eq!(scene.limits(low(60.0), None, None).0, Outcome::Done);
    scene.measured_at("dev", "nibp_sys", 85.0, 59.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 85.0, 90.0);
    scene.expect(&[
        "raised medium vitals_live.nibp_sys_low: alarming, present",
        "ended low vitals_live.nibp_sys_low_repeat_due: closed ended",
    ]);
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").trigger.limit_from, Some(LimitFrom::Pack));
    scene.advance(10.0);
    scene.reading("dev", "nibp_sys", 85.0);
    scene.expect(&[]);
    scene.stream("dev", "heart_rate", 70.0, 30);
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
    assert_eq!(patient.limits_at(at(50.0)).version, 0);
    assert_eq!(patient.limits_at(at(150.0)).version, 2);
    assert_eq!(patient.limits_at(at(250.0)).version, 2);
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
        until: None,
        ends: None,
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

pub(super) fn spo2(side: Side, critical: bool, value: f64) -> PatientLimit {
    PatientLimit {
        signal: "spo2".to_owned(),
        side,
        critical,
        value: Some(value),
        unit: Unit::Percent,
        until: None,
        ends: None,
    }
}

fn glucose(signal: &str, value: Option<f64>) -> PatientLimit {
    let signal = signal.to_owned();
    PatientLimit {
        signal,
        side: Side::Low,
        critical: true,
        value,
        unit: Unit::MgPerDl,
        until: None,
        ends: None,
    }
}

#[test]
fn a_limit_by_code_is_the_limit_of_its_signal() {
    let mut scene = Scene::bedside();
    let by_code = PatientLimit { signal: "mdc:150456".to_owned(), ..spo2(Side::Low, false, 94.0) };
    assert_eq!(scene.limits(vec![by_code.clone()], None, None).0, Outcome::Done);
    scene.stream("dev", "spo2", 92.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    let twice = vec![by_code, spo2(Side::Low, false, 93.0)];
    assert_eq!(scene.limits(twice, None, None).0, Outcome::Invalid);
}

#[test]
fn a_limit_that_would_do_nothing_is_refused() {
    let mut scene = Scene::bedside();
    let nobody = PatientLimit {
        signal: "temperature_skin".to_owned(),
        side: Side::Low,
        critical: false,
        value: Some(35.0),
        unit: Unit::Celsius,
        until: None,
        ends: None,
    };
    let (outcome, why) = scene.limits(vec![nobody], None, None);
    assert_eq!(outcome, Outcome::Invalid, "{why}");
    assert!(why.contains("no rule judges"), "{why}");
    // A side for which the rules have no limit takes one of the patient's own.
    assert_eq!(scene.limits(vec![spo2(Side::High, false, 95.0)], None, None).0, Outcome::Done);
    scene.skip();
    scene.stream("dev", "spo2", 99.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_high: alarming, present"]);
}

#[test]
fn limits_rise_from_the_critical_low_to_the_critical_high() {
    let mut scene = Scene::bedside();
    for wrong in [
        vec![systolic(Side::Low, true, Some(100.0))],
        vec![systolic(Side::Low, true, Some(185.0))],
        vec![systolic(Side::High, true, Some(150.0))],
        vec![systolic(Side::High, true, Some(85.0)), systolic(Side::High, false, Some(84.0))],
    ] {
        let text = format!("{wrong:?}");
        assert_eq!(scene.limits(wrong, None, None).0, Outcome::Invalid, "{text}");
    }
}

#[test]
fn no_way_leads_around_the_urgent_low_of_glucose() {
    let mut scene = Scene::bedside();
    for wrong in [
        glucose("glucose_cgm", None),
        glucose("mdc:160368", None),
        glucose("glucose_blood", None),
        glucose("glucose_cgm", Some(20.0)),
        PatientLimit { unit: Unit::MmolPerL, ..glucose("glucose_cgm", Some(2.0)) },
    ] {
        let text = format!("{wrong:?}");
        assert_eq!(scene.limits(vec![wrong], None, None).0, Outcome::Invalid, "{text}");
    }
    assert_eq!(scene.limits(vec![glucose("glucose_cgm", Some(65.0))], None, None).0, Outcome::Done);
}

#[test]
fn one_wrong_pair_costs_only_its_own_signal() {
    let mut scene = Scene::bedside();
    scene.limits(vec![spo2(Side::Low, false, 94.0)], None, None);
    // Two pairs as they are typed in a hurry: one of them the wrong way round.
    let pairs = vec![
        systolic(Side::Low, false, Some(100.0)),
        spo2(Side::Low, false, 90.0),
        spo2(Side::High, false, 85.0),
    ];
    let (outcome, said) = scene.limits(pairs, None, None);
    assert_eq!(outcome, Outcome::Done);
    assert!(
        said.starts_with("refused: spo2: the low limit 90 is not below the high limit 85"),
        "{said}"
    );
    let limits = &scene.core.patients["p"].limits.last().unwrap().limits;
    let stands: Vec<_> = limits.iter().map(|l| (l.signal.as_str(), l.value)).collect();
    assert_eq!(stands, [("nibp_sys", Some(100.0)), ("spo2", Some(94.0))]);
}

#[test]
fn where_all_that_was_asked_is_refused_nothing_changes() {
    let mut scene = Scene::bedside();
    let both = vec![spo2(Side::Low, false, 94.0), systolic(Side::Low, false, Some(100.0))];
    scene.limits(both, None, None);
    let version = scene.core.patients["p"].limits_version();
    let (outcome, said) = scene.limits(vec![spo2(Side::Low, false, 5_000.0)], None, None);
    assert_eq!(outcome, Outcome::Invalid);
    assert!(said.contains("spo2"), "{said}");
    let patient = &scene.core.patients["p"];
    assert_eq!(patient.limits_version(), version);
    assert_eq!(patient.limits.last().unwrap().limits.len(), 2);
}

#[test]
fn limits_of_one_signal_are_changed_without_those_of_others() {
    let mut scene = Scene::bedside();
    scene.limits(
        vec![spo2(Side::Low, false, 94.0), systolic(Side::Low, false, Some(100.0))],
        None,
        None,
    );
    let only = |limits| Action::SetLimits {
        patient: "p".parse().unwrap(),
        limits,
        from: None,
        replaces: None,
        reason: None,
        only: Some("spo2".to_owned()),
    };
    scene.done(only(vec![spo2(Side::Low, false, 92.0)]));
    assert_eq!(scene.command(only(vec![spo2(Side::Low, false, 92.0)])).0, Outcome::AlreadySo);
    let stands = |scene: &Scene| -> Vec<_> {
        let limits = &scene.core.patients["p"].limits.last().unwrap().limits;
        limits.iter().map(|l| (l.signal.clone(), l.value)).collect()
    };
    let systolic = ("nibp_sys".to_owned(), Some(100.0));
    assert_eq!(stands(&scene), [systolic.clone(), ("spo2".to_owned(), Some(92.0))]);
    scene.done(only(Vec::new()));
    assert_eq!(stands(&scene), [systolic]);
}

#[test]
fn limits_of_one_signal_end_no_alarm_of_another() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 85.0, 20);
    scene.reading("dev", "glucose_cgm", 60.0);
    scene.skip();
    let fast = PatientLimit {
        signal: "heart_rate".to_owned(),
        side: Side::High,
        critical: false,
        value: Some(140.0),
        unit: Unit::PerMinute,
        until: None,
        ends: None,
    };
    scene.limits(vec![fast], None, None);
    scene.expect(&[]);
}

#[test]
fn new_limits_end_nothing_that_something_doubtful_holds_open() {
    for doubtful in [78.0, 82.0] {
        let mut scene = Scene::bedside();
        scene.stream("dev", "spo2", 85.0, 20);
        scene.send("dev", "spo2", doubtful, |_, reading| reading.unit_doubtful = true);
        scene.skip();
        scene.limits(vec![spo2(Side::Low, false, 81.0), spo2(Side::Low, true, 75.0)], None, None);
        let of_spo2 = |line: &String| line.contains("spo2");
        assert!(!scene.news().iter().any(of_spo2), "{doubtful}");
    }
}

#[test]
fn a_tighter_limit_judges_the_last_measurement_at_once() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 95.0);
    scene.expect(&[]);
    scene.limits(vec![systolic(Side::Low, false, Some(100.0))], None, None);
    scene.expect(&["raised medium vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn limits_end_with_the_stay_and_are_offered_at_the_next() {
    let mut scene = Scene::bedside();
    let off = |critical| systolic(Side::Low, critical, None);
    scene.limits(vec![off(false), off(true)], None, None);
    scene.done(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: None,
        replaces: None,
    });
    scene.admit("p");
    scene.bind("dev", "p");
    let patient = &scene.core.patients["p"];
    assert_eq!((patient.limits_version(), patient.offered_limits().len()), (2, 2));
    scene.advance(10.0);
    scene.skip();
    scene.reading("dev", "nibp_sys", 40.0);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn what_only_something_doubtful_holds_outlives_a_change_of_its_rule() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 70.0, |_, reading| reading.unit_doubtful = true);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
    scene.reconfigure("low = [\"90 mm[Hg]\"]", "low = [\"91 mm[Hg]\"]");
    scene.expect(&[
        "rule_changed high vitals_live.nibp_sys_low: closed rule_changed",
        "raised high vitals_live.nibp_sys_low: alarming, present",
    ]);
}

#[test]
fn a_refused_change_changes_nothing_and_speaks_of_nothing_else() {
    let mut scene = Scene::bedside();
    let off = |critical| systolic(Side::Low, critical, None);
    scene.limits(vec![off(false), off(true), spo2(Side::Low, false, 92.0)], None, None);
    let version = scene.core.patients["p"].limits_version();
    for (limit, expected) in [
        (spo2(Side::Low, false, 5_000.0), Outcome::Invalid),
        (spo2(Side::Low, false, 93.0), Outcome::Done),
    ] {
        let action = Action::SetLimits {
            patient: "p".parse().unwrap(),
            limits: vec![limit],
            from: None,
            replaces: None,
            reason: None,
            only: Some("spo2".to_owned()),
        };
        let (outcome, said) = scene.command(action);
        assert_eq!(outcome, expected, "{said}");
        assert!(!said.contains("nibp_sys"), "{said}");
        if expected == Outcome::Invalid {
            assert_eq!(scene.core.patients["p"].limits_version(), version);
        }
    }
}

#[test]
fn glucose_above_the_target_is_shown_and_not_announced() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("cgm", "cgm", &[]);
    scene.bind("cgm", "p");
    scene.reading("cgm", "glucose_cgm", 190.0);
    assert_eq!(scene.told(), [""; 0]);
    let alarm = scene.alarm("cgm.glucose_high");
    assert_eq!(
        (alarm.priority.as_str(), alarm.text.as_str()),
        ("info", "Glucose, sensor 190 mg/dL above 180 mg/dL")
    );
    scene.advance(300.0);
    scene.reading("cgm", "glucose_cgm", 251.0);
    assert_eq!(scene.told(), ["medium cgm.glucose_high"]);
}
