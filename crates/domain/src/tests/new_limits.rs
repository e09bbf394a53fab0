//! What is known last, judged by limits that are new to it (contract §4, row 22).

use crate::model::alarm::{Condition, Side};
use crate::model::message::ReadingTime;
use crate::model::time::Span;

use super::scene::{Scene, at};

#[test]
fn what_is_told_goes_on_under_limits_that_it_is_beyond_as_well() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.skip();
    scene.limit("spo2", Side::Low, Some(86.0));
    scene.expect(&[]);
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Present);
}

#[test]
fn limits_that_were_lifted_judge_nothing_and_refresh_nothing() {
    let mut scene = Scene::bedside();
    scene.change(None, Some(true));
    scene.limit("temperature", Side::Low, Some(34.0));
    scene.limits(Vec::new(), None, None);
    scene.advance(4_000.0);
    scene.skip();
    scene.reading("dev", "temperature", 37.0);
    assert!(!scene.news().iter().any(|line| line.contains("link.silence")), "nothing ends");
}

#[test]
fn a_value_that_no_limit_judged_is_known_to_the_limits_that_come() {
    let mut scene = Scene::bedside();
    scene.change(None, Some(true));
    scene.reading("dev", "temperature", 34.5);
    scene.send("dev", "temperature", 36.0, |_, reading| {
        reading.time = ReadingTime::At(at(0.0) - Span::days(2_000));
    });
    scene.skip();
    scene.limit("temperature", Side::Low, Some(35.5));
    scene.expect(&["raised medium vitals_live.temperature_low: alarming, present"]);
}

#[test]
fn a_late_value_is_no_reason_to_end_what_only_doubt_holds() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "glucose_blood", 110.0);
    scene.advance(600.0);
    scene.send("dev", "glucose_blood", 260.0, |_, reading| {
        reading.time = ReadingTime::At(at(0.0) - Span::days(2_000));
    });
    scene.send("dev", "glucose_blood", 110.0, |message, reading| {
        message.delivery.retained = true;
        reading.time = ReadingTime::At(at(599.0));
    });
    scene.skip();
    scene.limit("glucose_blood", Side::Low, Some(60.0));
    assert_eq!(scene.alarm("glucose.blood_high").condition, Condition::Present);
}

#[test]
fn a_changed_high_limit_says_nothing_of_a_low_alarm() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.reading("dev", "spo2", 95.0);
    scene.skip();
    scene.limit("spo2", Side::High, Some(99.0));
    scene.expect(&[]);
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Present);
}
