//! Which late readings are of one excursion, and which of what was told (contract §3, "Late").

use crate::model::alarm::Side;
use crate::model::command::{Action, Outcome};
use crate::model::message::{Message, Reading, ReadingTime, Status};

use super::differed::again;
use super::scene::{Scene, at};

const SPO2: &str = "vitals_live.spo2_low";
const HEART_HIGH: &str = "vitals_live.heart_rate_high";
const PRESSURE_LOW: &str = "vitals_live.abp_sys_low";
const PRESSURE_HIGH: &str = "vitals_live.abp_sys_high";
const TEMPERATURE: &str = "vitals_live.temperature_high";

/// Readings of one signal that came at once, each measured at a second of its own.
fn came(scene: &mut Scene, signal: &str, values: &[(f64, f64)]) {
    for (value, second) in values {
        scene.measured_at("dev", signal, *value, *second);
    }
}

/// Readings of one signal, each measured and sent at a second of its own.
fn live(scene: &mut Scene, signal: &str, values: &[(f64, f64)]) {
    for (value, second) in values {
        scene.advance(second - scene.second());
        scene.reading("dev", signal, *value);
    }
}

#[test]
fn what_joins_what_was_told_brings_nothing_along_that_is_further_away() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    came(&mut scene, "spo2", &[(78.0, 500.0), (78.0, 505.2), (70.0, 606.6), (87.0, 504.2)]);
    scene.advance(2.0);
    scene.skip();
    came(&mut scene, "spo2", &[(78.0, 572.4)]);
    scene.expect(&["late recurred medium vitals_live.spo2_low: alarming, momentary"]);
}

#[test]
fn what_lay_inside_parts_what_was_told_from_what_comes_later() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    let values = [(60.0, 510.0), (60.0, 506.0), (120.0, 508.0), (60.0, 500.0)];
    came(&mut scene, "abp_sys", &values);
    assert!(scene.alarm(PRESSURE_LOW).late, "it lasted for 6 s");
    scene.advance(2.0);
    scene.skip();
    came(&mut scene, "abp_sys", &[(60.0, 590.0)]);
    scene.expect(&["late recurred medium vitals_live.abp_sys_low: alarming, momentary"]);
}

#[test]
fn what_lay_inside_beside_a_third_parts_two_excursions() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    came(&mut scene, "heart_rate", &[(135.0, 500.0)]);
    live(
        &mut scene,
        "heart_rate",
        &[(80.0, 1_000.0), (135.0, 1_001.0), (135.0, 1_002.0), (135.0, 1_003.0), (80.0, 1_004.0)],
    );
    scene.advance(100.0);
    came(&mut scene, "heart_rate", &[(135.0, 1_002.5), (135.0, 495.0)]);
    assert!(scene.find(HEART_HIGH).is_none(), "80 /min at 1000 s lies between");
}

#[test]
fn what_lies_inside_the_ordinary_limit_parts_what_is_critical_as_well() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cgm", &["glucose_cgm"]);
    scene.bind("dev", "p");
    let inside = [(110.0, 1_500.0), (110.0, 2_100.0), (110.0, 2_700.0), (110.0, 3_300.0)];
    live(&mut scene, "glucose_cgm", &[(65.0, 0.0), (140.0, 300.0)]);
    live(&mut scene, "glucose_cgm", &inside);
    came(&mut scene, "glucose_cgm", &[(50.0, 100.0)]);
    scene.advance(2.0);
    scene.skip();
    came(&mut scene, "glucose_cgm", &[(50.0, 430.0)]);
    scene.expect(&["late recurred medium cgm.glucose_low: alarming, momentary"]);
}

#[test]
fn each_value_parts_by_the_limits_in_force_when_it_was_measured() {
    let mut scene = Scene::bedside();
    for (limit, value, second) in [(92.0, 90.0, 1_005.0), (88.0, 97.0, 1_030.0)] {
        scene.advance(second - 5.0 - scene.second());
        scene.limit("spo2", Side::Low, Some(limit));
        live(&mut scene, "spo2", &[(value, second)]);
    }
    scene.advance(200.0);
    came(&mut scene, "spo2", &[(86.0, 995.0), (86.0, 1_026.0)]);
    assert!(scene.alarm(SPO2).late, "90 % at 1005 s lay beyond 92 %");
}

#[test]
fn nothing_takes_away_a_late_value_but_what_contradicts_it() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    came(&mut scene, "nibp_sys", &[(190.0, 498.0), (130.0, 500.0)]);
    for second in 0..17 {
        live(&mut scene, "nibp_sys", &[(120.0, 1_000.0 + f64::from(second))]);
    }
    came(&mut scene, "nibp_sys", &[(121.0, 1_016.0), (120.0, 500.0)]);
    scene.skip();
    came(&mut scene, "nibp_sys", &[(190.0, 502.0)]);
    scene.expect(&["late recurred low vitals_live.nibp_sys_high: alarming, momentary"]);
}

#[test]
fn a_value_that_another_of_its_instant_contradicts_parts_nothing() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.reading("dev", "spo2", 97.0);
    scene.reading("dev", "spo2", 84.0);
    scene.advance(200.0);
    came(&mut scene, "spo2", &[(84.0, 990.0), (84.0, 1_006.0)]);
    assert!(scene.alarm(SPO2).late, "nobody knows that it was over at 1000 s");
}

#[test]
fn what_was_told_as_critical_was_told_as_beyond_the_ordinary_limit() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.stream("dev", "abp_sys", 230.0, 7);
    scene.stream("dev", "abp_sys", 120.0, 70);
    scene.skip();
    came(&mut scene, "abp_sys", &[(190.0, 1_020.0), (190.0, 820.0)]);
    assert!(!scene.alarm(PRESSURE_HIGH).late, "what was told lies between");
}

#[test]
fn what_lies_within_what_was_told_as_it_happened_is_of_it_whatever_came_late() {
    let mut scene = Scene::bedside();
    let values = [(39.0, 0.0), (39.0, 600.0), (36.8, 610.0), (36.8, 660.0)];
    live(&mut scene, "temperature", &values);
    came(&mut scene, "temperature", &[(36.8, 300.0), (36.8, 500.0), (39.0, 400.0)]);
    assert!(!scene.alarm(TEMPERATURE).late, "its alarm stood all the while");
}

#[test]
fn what_lay_inside_before_it_began_again_parts() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.stream("dev", "spo2", 97.0, 1);
    live(&mut scene, "spo2", &[(97.0, 45.0), (84.0, 50.0)]);
    scene.advance(1.0);
    scene.stream("dev", "spo2", 97.0, 100);
    scene.skip();
    came(&mut scene, "spo2", &[(84.0, 26.0), (84.0, 42.0)]);
    scene.expect(&["late recurred medium vitals_live.spo2_low: alarming, momentary"]);
}

#[test]
fn a_value_of_a_clock_that_stood_still_was_not_told_once_it_is_withdrawn() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "kiosk", &["spo2"]);
    scene.bind("dev", "p");
    let stood = |message: &mut Message, reading: &mut Reading| {
        (message.clock, message.sent_at) = (None, None);
        reading.time = ReadingTime::At(at(0.0));
    };
    scene.send("dev", "spo2", 90.0, stood);
    scene.advance(360.0);
    scene.send("dev", "spo2", 87.0, stood);
    assert!(scene.find(SPO2).is_some());
    scene.advance(40.0);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.reset(SPO2, Some("seen"));
    scene.send("dev", "spo2", 90.0, again(0.0, Status::EnteredInError));
    scene.measured_at("dev", "spo2", 87.0, 200.0);
    assert!(scene.alarm(SPO2).late);
}

#[test]
fn what_was_measured_later_and_came_first_is_not_before_what_was_told() {
    let mut scene = Scene::bedside();
    live(&mut scene, "nibp_sys", &[(130.0, 100.0), (180.0, 100.0), (130.0, 107.0)]);
    scene.advance(2.0);
    scene.measured_at("dev", "nibp_sys", 72.0, 103.0);
    live(&mut scene, "nibp_sys", &[(120.0, 134.0), (120.0, 200.0)]);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 85.0, 134.0);
    scene.expect(&[]);
}

#[test]
fn what_lay_inside_while_an_alarm_stood_parts_what_came_late_beside_it() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 16);
    scene.advance(184.0);
    came(&mut scene, "spo2", &[(70.0, 120.0)]);
    live(
        &mut scene,
        "spo2",
        &[(97.0, 201.0), (97.0, 202.0), (97.0, 203.0), (97.0, 204.0), (97.0, 205.0)],
    );
    scene.advance(30.0);
    assert_eq!(scene.reset(SPO2, Some("seen")), Outcome::Done);
    came(&mut scene, "spo2", &[(70.0, 201.5)]);
    assert!(scene.find(SPO2).is_none(), "nothing says that it lasted");
}

#[test]
fn what_is_of_one_that_was_told_as_critical_makes_up_no_other() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    came(&mut scene, "spo2", &[(60.0, 500.0), (70.0, 505.0), (86.0, 506.0), (78.0, 507.0)]);
    scene.advance(2.0);
    scene.skip();
    came(&mut scene, "spo2", &[(60.0, 900.0)]);
    scene.expect(&[]);
}
