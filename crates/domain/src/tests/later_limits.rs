//! Limits put for a later time: they wait, hold when it comes, and say which of them hold no more.

use crate::model::alarm::Side;
use crate::model::command::{Action, Outcome, PatientLimit};
use crate::model::unit::Unit;

use super::limits::{spo2, systolic};
use super::scene::{Scene, at};

/// Limits of one signal, from so many seconds on.
fn change(scene: &Scene, limits: Vec<PatientLimit>, seconds: Option<f64>) -> Action {
    Action::SetLimits {
        patient: "p".parse().unwrap(),
        only: Some(limits[0].signal.clone()),
        limits,
        from: seconds.map(|seconds| at(scene.second() + seconds)),
        replaces: None,
        reason: Some("as usual for this patient".to_owned()),
    }
}

#[test]
fn a_limit_meant_for_later_waits_whatever_is_changed_meanwhile() {
    let mut scene = Scene::bedside();
    let later = change(&scene, vec![spo2(Side::Low, false, 84.0)], Some(86_400.0));
    scene.done(later);
    let fast = PatientLimit {
        side: Side::High,
        signal: "heart_rate".to_owned(),
        unit: Unit::PerMinute,
        ..spo2(Side::High, false, 120.0)
    };
    let now = change(&scene, vec![fast], None);
    scene.done(now);
    scene.skip();
    scene.stream("dev", "spo2", 86.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    // And what is put now holds beside what comes later.
    let patient = &scene.core.patients["p"];
    let names = |second: f64| -> Vec<(String, Option<f64>)> {
        let own = patient.limits_at(at(second)).own;
        own.iter().map(|limit| (limit.signal.clone(), limit.value)).collect()
    };
    let fast = ("heart_rate".to_owned(), Some(120.0));
    assert_eq!(names(10.0), std::slice::from_ref(&fast));
    assert_eq!(names(90_000.0), [fast, ("spo2".to_owned(), Some(84.0))]);
}

#[test]
fn what_holds_only_later_is_not_so_already() {
    let mut scene = Scene::bedside();
    let limits = || vec![spo2(Side::Low, false, 92.0)];
    let later = change(&scene, limits(), Some(600.0));
    scene.done(later.clone());
    assert_eq!(scene.command(later).0, Outcome::AlreadySo);
    let now = change(&scene, limits(), None);
    scene.done(now.clone());
    assert_eq!(scene.command(now).0, Outcome::AlreadySo);
    scene.skip();
    scene.stream("dev", "spo2", 91.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn limits_put_for_a_later_time_judge_what_is_known_when_it_comes() {
    let mut scene = Scene::bedside();
    scene.done(change(&scene, vec![spo2(Side::Low, false, 92.0)], Some(60.0)));
    assert_eq!(scene.core.patients["p"].waiting_limits().count(), 1);
    scene.stream("dev", "spo2", 91.0, 58);
    scene.expect(&[]);
    // With no row of the patient: the delay runs from then on.
    scene.advance(2.0);
    scene.expect(&["note limits_in_force"]);
    assert_eq!(scene.core.patients["p"].waiting_limits().count(), 0);
    scene.stream("dev", "spo2", 91.0, 14);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 91.0, 2);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm("vitals_live.spo2_low").trigger.limit, Some(92.0));
}

#[test]
fn limits_put_for_a_later_time_end_what_lies_inside_then_and_nothing_before() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 86.0, 20);
    scene.skip();
    scene.done(change(&scene, vec![spo2(Side::Low, false, 84.0)], Some(10.0)));
    scene.stream("dev", "spo2", 86.0, 9);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 86.0, 1);
    scene.expect(&[
        "note limits_in_force",
        "limit_changed medium vitals_live.spo2_low: latched, absent",
    ]);
}

#[test]
fn what_is_stamped_ahead_is_judged_by_the_limits_of_its_arrival() {
    let mut scene = Scene::bedside();
    let limits =
        vec![systolic(Side::Low, false, Some(60.0)), systolic(Side::Low, true, Some(50.0))];
    scene.done(change(&scene, limits, Some(30.0)));
    scene.measured_at("dev", "nibp_sys", 70.0, scene.second() + 60.0);
    assert_eq!(scene.told(), ["high vitals_live.nibp_sys_low"]);
}

#[test]
fn limits_that_are_taken_back_before_their_time_never_hold() {
    let mut scene = Scene::bedside();
    scene.done(change(&scene, vec![spo2(Side::Low, false, 92.0)], Some(60.0)));
    scene.limits(vec![spo2(Side::Low, false, 90.0)], None, None);
    assert_eq!(scene.core.patients["p"].waiting_limits().count(), 0);
    scene.stream("dev", "spo2", 91.0, 90);
    scene.expect(&[]);
}

#[test]
fn a_floor_stands_from_when_the_limit_beside_it_is_lifted() {
    let mut scene = Scene::bedside();
    let off = PatientLimit { value: None, ..spo2(Side::Low, true, 0.0) };
    scene.done(change(&scene, vec![spo2(Side::Low, false, 60.0), off], Some(20.0)));
    scene.stream("dev", "spo2", 65.0, 19);
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
    scene.stream("dev", "spo2", 65.0, 10);
    assert_eq!(scene.told(), ["high vitals_live.spo2_floor_low"]);
}

#[test]
fn limits_put_for_all_say_which_later_ones_hold_no_more() {
    let mut scene = Scene::bedside();
    let later = change(&scene, vec![spo2(Side::Low, false, 92.0)], Some(600.0));
    scene.done(later);
    let (outcome, said) = scene.limits(vec![spo2(Side::Low, false, 90.0)], None, None);
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(said, "what was to hold from 2026-11-21T10:10:00Z holds no more");
}
