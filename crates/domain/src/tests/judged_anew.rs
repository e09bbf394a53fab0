//! What is judged by what is known of a series: values that were withdrawn, bounds, what is in doubt (contract §2 to §5).

use crate::model::alarm::{Condition, Side};
use crate::model::command::{Action, AgeClass};
use crate::model::message::{Comparator, Message, Reading, ReadingTime, Status, Value};

use super::differed::again;
use super::scene::{Scene, at};

const SPO2: &str = "vitals_live.spo2_low";
const HEART_LOW: &str = "vitals_live.bradycardia_low";
const TEMPERATURE_LOW: &str = "vitals_live.temperature_low";

/// An adult `p` with a device of a class, and another, `q`.
fn with(class: &str) -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.admit("q");
    scene.device("dev", class, &[]);
    scene.bind("dev", "p");
    scene
}

fn unbind(scene: &mut Scene) {
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
}

fn belongs_to(scene: &mut Scene, patient: &str) {
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some(patient.parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
}

/// By a clock that says nothing but this stamp.
fn stamped(second: f64) -> impl Fn(&mut Message, &mut Reading) {
    move |message, reading| {
        (message.clock, message.sent_at) = (None, None);
        reading.time = ReadingTime::At(at(second));
    }
}

#[test]
fn a_bound_that_says_nothing_to_other_rules_hides_no_value_before_it() {
    let mut scene = with("wearable");
    scene.change(Some(AgeClass::Paediatric), None);
    scene.reading("dev", "spo2", 87.0);
    scene.advance(1.0);
    scene.send("dev", "spo2", 87.0, |_, reading| {
        if let Value::Number { comparator, .. } = &mut reading.value {
            *comparator = Some(Comparator::Greater);
        }
    });
    belongs_to(&mut scene, "q");
    assert_eq!(scene.alarm(SPO2).condition, Condition::Present);
}

#[test]
fn limits_end_what_is_unknown_where_a_value_inside_was_heard_of_since() {
    let mut scene = with("bedside");
    scene.reading("dev", "temperature", 34.5);
    scene.advance(600.0);
    assert_eq!(scene.alarm(TEMPERATURE_LOW).condition, Condition::Unknown);
    scene.change(Some(AgeClass::Paediatric), None);
    scene.advance(600.0);
    scene.reading("dev", "temperature", 34.5);
    scene.advance(5.0);
    scene.limit("temperature", Side::Low, Some(34.5));
    assert_eq!(scene.alarm(TEMPERATURE_LOW).condition, Condition::Absent);
}

#[test]
fn what_is_lost_again_by_now_is_not_told_because_rules_judge_again() {
    let mut scene = with("wearable");
    scene.reading("dev", "spo2", 60.0);
    scene.advance(600.0);
    scene.change(None, Some(true));
    scene.advance(600.0);
    scene.reading("dev", "spo2", 60.0);
    scene.advance(6_000.0);
    scene.skip();
    scene.change(None, Some(false));
    assert_eq!(scene.alarm(SPO2).condition, Condition::Unknown);
    let told = scene.told();
    assert!(!told.iter().any(|told| told.contains(SPO2)), "{told:?}");
}

#[test]
fn what_showed_first_that_it_was_over_may_be_withdrawn_however_many_came_since() {
    let mut scene = with("bedside");
    scene.stream("dev", "heart_rate", 20.0, 6);
    scene.stream("dev", "heart_rate", 80.0, 24);
    scene.send("dev", "heart_rate", 80.0, again(6.0, Status::EnteredInError));
    scene.stream("dev", "heart_rate", 80.0, 45);
    assert_eq!(scene.alarm(HEART_LOW).condition, Condition::Present);
    scene.stream("dev", "heart_rate", 80.0, 20);
    assert_eq!(scene.alarm(HEART_LOW).condition, Condition::Absent);
}

#[test]
fn what_came_late_without_a_time_hides_nothing_live() {
    let mut scene = with("bedside");
    scene.advance(100.0);
    scene.send("dev", "respiratory_rate", 32.0, |message, reading| {
        (message.clock, message.sent_at) = (None, None);
        message.delivery.retained = true;
        reading.time = ReadingTime::Unstated;
    });
    scene.send("dev", "respiratory_rate", 32.0, stamped(55.0));
    belongs_to(&mut scene, "q");
    let alarm = scene.alarm("vitals_live.respiratory_rate_high");
    assert_eq!(alarm.condition, Condition::Present);
}

#[test]
fn the_sixteenth_reading_before_is_known_to_the_next() {
    let mut scene = with("bedside");
    scene.stream("dev", "heart_rate", 20.0, 6);
    scene.stream("dev", "heart_rate", 80.0, 16);
    scene.measured_at("dev", "heart_rate", 72.0, 6.0);
    scene.stream("dev", "heart_rate", 80.0, 12);
    assert_eq!(scene.alarm(HEART_LOW).condition, Condition::Unknown, "nothing certain came");
}

#[test]
fn what_corrects_nothing_that_counts_has_the_time_of_the_last_that_did() {
    let mut scene = with("bedside");
    scene.advance(200.0);
    scene.send("dev", "temperature", 36.8, stamped(0.0));
    scene.send("dev", "temperature", 36.8, again(0.0, Status::EnteredInError));
    for (value, second) in [(37.0, 500.0), (37.1, 506.0), (37.2, 512.0)] {
        scene.advance(second - scene.second());
        scene.send("dev", "temperature", value, stamped(0.0));
    }
    scene.send("dev", "temperature", 36.8, again(0.0, Status::EnteredInError));
    scene.advance(5.0);
    scene.send("dev", "temperature", 34.5, |message, reading| {
        stamped(0.0)(message, reading);
        reading.status = Status::Corrected;
    });
    assert_eq!(scene.alarm(TEMPERATURE_LOW).condition, Condition::Present);
}

#[test]
fn a_correction_is_no_sign_of_life_to_rules_that_judge_later() {
    let mut scene = with("bedside");
    scene.change(Some(AgeClass::Unknown), None);
    scene.reading("dev", "pulse_rate", 72.0);
    scene.advance(9.0);
    scene.send("dev", "pulse_rate", 80.0, stamped(-100_000.0));
    scene.advance(5.0);
    scene.send("dev", "pulse_rate", 135.0, again(0.0, Status::Corrected));
    scene.change(Some(AgeClass::Adult), None);
    let alarm = scene.alarm("vitals_live.pulse_rate_high");
    assert_eq!(alarm.condition, Condition::Unknown, "nothing certain came for 14 s");
}

#[test]
fn what_came_of_an_earlier_binding_is_known_beside_what_a_correction_hands_over() {
    let mut scene = with("bedside");
    scene.change(Some(AgeClass::Paediatric), None);
    scene.advance(100.0);
    scene.reading("dev", "spo2", 97.0);
    scene.advance(10.0);
    unbind(&mut scene);
    scene.bind("dev", "q");
    scene.advance(100.0);
    scene.reading("dev", "spo2", 97.0);
    belongs_to(&mut scene, "p");
    for second in [97.0, 103.0] {
        scene.measured_at("dev", "spo2", 60.0, second);
    }
    assert!(scene.find("vitals_live.spo2_floor_low").is_none(), "97 % at 100 s lies between");
}

#[test]
fn a_copy_that_was_nobodys_does_not_hide_that_its_clock_stands_still() {
    let mut scene = with("bedside");
    scene.advance(200.0);
    for value in [85.0, 190.0] {
        scene.send("dev", "abp_sys", value, |message, reading| {
            stamped(0.0)(message, reading);
            message.delivery.retained = true;
        });
    }
    scene.advance(200.0);
    unbind(&mut scene);
    scene.bind("dev", "q");
    scene.advance(3.0);
    scene.send("dev", "abp_sys", 85.0, stamped(0.0));
    scene.advance(3.0);
    scene.send("dev", "abp_sys", 85.0, stamped(0.0));
    scene.advance(20.0);
    assert!(scene.find("vitals_live.abp_sys_low").is_some());
}
