//! What parts excursions that come late from each other, and from what was told (contract §3, "Late").

use crate::model::command::Action;
use crate::model::message::{Message, Reading, ReadingTime, Status};

use super::differed::again;
use super::scene::{Scene, at};

const SPO2: &str = "vitals_live.spo2_low";
const TEMPERATURE: &str = "vitals_live.temperature_high";

fn unbind(scene: &mut Scene) {
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
}

fn withdraw(scene: &mut Scene, signal: &str, value: f64, second: f64) {
    scene.send("dev", signal, value, again(second, Status::EnteredInError));
}

/// Temperatures in the order in which they come, each at a second of its own.
fn temperatures(scene: &mut Scene, values: &[(f64, f64)]) {
    for (value, second) in values {
        scene.advance(second - scene.second());
        scene.reading("dev", "temperature", *value);
    }
}

#[test]
fn the_last_four_values_part_after_the_device_was_unbound_as_well() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    scene.stream("dev", "spo2", 97.0, 4);
    unbind(&mut scene);
    scene.measured_at("dev", "spo2", 86.0, 80.0);
    scene.measured_at("dev", "spo2", 86.0, 100.5);
    assert!(scene.find(SPO2).is_none(), "97 % at 100 s lies between");
}

#[test]
fn a_value_that_was_withdrawn_parts_nothing() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.measured_at("dev", "spo2", 86.0, 500.0);
    scene.measured_at("dev", "spo2", 97.0, 510.0);
    withdraw(&mut scene, "spo2", 97.0, 510.0);
    scene.skip();
    scene.measured_at("dev", "spo2", 86.0, 530.0);
    scene.expect(&["late raised low vitals_live.spo2_low: alarming, momentary"]);
}

#[test]
fn a_value_that_was_withdrawn_is_no_part_of_what_was_told() {
    let mut scene = Scene::bedside();
    temperatures(&mut scene, &[(39.0, 0.0), (36.8, 60.0), (39.0, 120.0)]);
    withdraw(&mut scene, "temperature", 39.0, 120.0);
    temperatures(&mut scene, &[(36.8, 200.0), (36.8, 240.0)]);
    scene.measured_at("dev", "temperature", 39.0, 150.0);
    assert!(scene.alarm(TEMPERATURE).late, "36.8 °C at 60 s lies between");
}

#[test]
fn an_excursion_of_nothing_but_a_corrected_value_is_none() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.measured_at("dev", "abp_sys", 230.0, 500.0);
    scene.send("dev", "abp_sys", 120.0, again(500.0, Status::Corrected));
    scene.measured_at("dev", "abp_sys", 230.0, 530.0);
    assert!(scene.find("vitals_live.abp_sys_high").is_none(), "nothing lasted");
}

#[test]
fn where_an_alarm_is_taken_back_what_came_late_is_still_known() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.measured_at("dev", "spo2", 86.0, 500.0);
    scene.stream("dev", "spo2", 87.0, 16);
    scene.reading("dev", "spo2", 97.0);
    withdraw(&mut scene, "spo2", 87.0, 1_000.0);
    assert!(scene.find(SPO2).is_none());
    scene.measured_at("dev", "spo2", 86.0, 530.0);
    assert!(scene.alarm(SPO2).late, "it lasted for 30 s");
}

#[test]
fn what_lies_in_a_gap_of_what_was_told_is_another_excursion() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.advance(100.0);
    scene.stream("dev", "spo2", 84.0, 3);
    scene.stream("dev", "spo2", 97.0, 70);
    for second in 60..80 {
        scene.measured_at("dev", "spo2", 84.0, f64::from(second));
    }
    assert!(scene.alarm(SPO2).late);
}

#[test]
fn what_comes_late_beside_what_is_told_as_it_happens_begins_nothing() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.advance(11.0);
    scene.send("dev", "spo2", 84.0, |message, reading| {
        message.delivery.retained = true;
        reading.time = ReadingTime::At(at(25.0));
    });
    scene.reset(SPO2, Some("seen"));
    scene.advance(200.0);
    scene.measured_at("dev", "spo2", 84.0, 60.0);
    assert!(scene.find(SPO2).is_none(), "84 % at 25 s was of what was told");
}

#[test]
fn what_lay_inside_before_the_device_was_unbound_parts_what_was_told() {
    let mut scene = Scene::bedside();
    let inside = [60.0, 61.0, 62.0, 63.0, 64.0].map(|second| (36.8, second));
    temperatures(&mut scene, &[(39.0, 0.0)]);
    temperatures(&mut scene, &inside);
    unbind(&mut scene);
    scene.reset(TEMPERATURE, Some("seen"));
    scene.measured_at("dev", "temperature", 39.0, 60.5);
    assert!(scene.alarm(TEMPERATURE).late, "it was over by 60 s");
}

#[test]
fn values_of_one_instant_have_one_time_whatever_the_clock_did_since() {
    let mut scene = Scene::bedside();
    let sent = |sent: f64, measured: f64| {
        move |message: &mut Message, reading: &mut Reading| {
            (message.clock, message.sent_at) = (None, Some(at(sent)));
            reading.time = ReadingTime::At(at(measured));
        }
    };
    for (now, value, says, measured) in [
        (10.0, 95.0, 10.0, 10.0),
        // Its clock is 3 s ahead from here on.
        (20.0, 97.0, 23.0, 23.0),
        (30.0, 70.0, 33.0, 10.0),
        (31.0, 78.0, 34.0, 20.0),
    ] {
        scene.advance(now - scene.second());
        scene.send("dev", "spo2", value, sent(says, measured));
    }
    assert!(scene.alarm(SPO2).late, "95 % of the same instant parts nothing");
}

#[test]
fn a_milder_reading_that_shows_that_a_delay_is_over_tells_it() {
    use crate::model::alarm::Condition;
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    for second in 0..20 {
        scene.measured_at("dev", "spo2", 78.0, 500.0 + f64::from(second));
    }
    scene.measured_at("dev", "spo2", 86.0, 988.0);
    scene.measured_at("dev", "spo2", 87.0, 988.0);
    scene.advance(4.0);
    scene.reading("dev", "spo2", 97.0);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Present, "it lay beyond for 16 s");
}

/// Readings of one signal that came at once, each measured at a second of its own.
fn came(scene: &mut Scene, signal: &str, values: &[(f64, f64)]) {
    for (value, second) in values {
        scene.measured_at("dev", signal, *value, *second);
    }
}

#[test]
fn the_reading_after_what_was_told_parts_it_whatever_came_between() {
    let mut scene = Scene::bedside();
    temperatures(&mut scene, &[(39.0, 100.0), (39.0, 200.0)]);
    came(&mut scene, "temperature", &[(39.0, 190.0), (36.8, 195.0)]);
    temperatures(&mut scene, &[(36.8, 300.0), (36.8, 400.0)]);
    for minute in 0..4_u8 {
        temperatures(&mut scene, &[(36.8, 460.0 + 60.0 * f64::from(minute))]);
    }
    scene.skip();
    scene.measured_at("dev", "temperature", 39.0, 350.0);
    scene.expect(&["late recurred medium vitals_live.temperature_high: alarming, momentary"]);
}

#[test]
fn readings_further_apart_than_is_told_are_of_two_excursions() {
    let mut scene = Scene::bedside();
    scene.advance(100_000.0);
    came(&mut scene, "heart_rate", &[(135.0, 500.0)]);
    scene.reading("dev", "heart_rate", 38.0);
    scene.skip();
    came(&mut scene, "heart_rate", &[(135.0, 99_999.0)]);
    scene.expect(&[]);
}

#[test]
fn what_was_told_parts_what_lies_on_both_its_sides() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    scene.stream("dev", "abp_sys", 190.0, 12);
    scene.advance(300.0);
    scene.reset("vitals_live.abp_sys_high", Some("seen"));
    scene.skip();
    came(&mut scene, "abp_sys", &[(190.0, 60.0), (190.0, 150.0)]);
    scene.expect(&[]);
}

#[test]
fn what_came_late_within_the_gap_of_what_was_told_is_of_it() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    for _ in 0..3 {
        scene.reading("dev", "spo2", 86.0);
        scene.advance(4.0);
    }
    let old = |message: &mut Message, reading: &mut Reading| {
        message.boot = Some(0);
        reading.time = ReadingTime::At(at(111.0));
    };
    scene.send("dev", "spo2", 87.0, old);
    scene.advance(300.0);
    scene.reset(SPO2, Some("seen"));
    scene.skip();
    came(&mut scene, "spo2", &[(86.0, 150.0)]);
    scene.expect(&[]);
}

#[test]
fn what_lay_beyond_between_two_measurements_inside_is_remembered_as_long_as_it_is_known() {
    let mut scene = Scene::bedside();
    temperatures(&mut scene, &[(39.0, 100.0), (36.8, 200.0)]);
    came(&mut scene, "temperature", &[(36.8, 150.0), (39.0, 160.0)]);
    temperatures(&mut scene, &[(39.0, 210.0), (36.8, 300.0), (36.8, 400.0)]);
    assert!(!scene.alarm(TEMPERATURE).late);
    scene.skip();
    came(&mut scene, "temperature", &[(39.0, 161.0)]);
    scene.expect(&[]);
}

#[test]
fn the_milder_of_two_values_of_one_instant_parts_nothing_from_what_waits_for_another() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    let ahead = |seconds: f64| {
        move |message: &mut Message, reading: &mut Reading| {
            message.boot = Some(2);
            reading.time = ReadingTime::At(at(100.0 + seconds));
        }
    };
    // Both are of the moment in which they came.
    scene.send("dev", "nibp_sys", 130.0, ahead(20.0));
    scene.send("dev", "nibp_sys", 190.0, ahead(21.0));
    came(&mut scene, "nibp_sys", &[(190.0, 99.0)]);
    scene.advance(10.0);
    scene.skip();
    let old = |message: &mut Message, reading: &mut Reading| {
        message.boot = Some(0);
        reading.time = ReadingTime::At(at(110.0));
    };
    scene.send("dev", "nibp_sys", 190.0, old);
    scene.expect(&[]);
}

#[test]
fn what_is_known_of_an_earlier_binding_stays_when_the_last_was_somebody_elses() {
    let mut scene = Scene::bedside();
    temperatures(&mut scene, &[(39.0, 100.0), (36.8, 150.0)]);
    scene.advance(50.0);
    unbind(&mut scene);
    scene.bind("dev", "p");
    scene.advance(50.0);
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: None,
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
    scene.skip();
    for second in [180.0, 120.0] {
        came(&mut scene, "temperature", &[(39.0, second)]);
        scene.advance(2.0);
    }
    let told = scene.told();
    assert_eq!(told.len(), 2, "36.8 °C at 150 s lies between: {told:?}");
}

#[test]
fn what_is_contradicted_parts_nothing_however_many_came_since() {
    let mut scene = Scene::bedside();
    scene.advance(980.0);
    scene.reading("dev", "spo2", 97.0);
    scene.advance(1.0);
    scene.measured_at("dev", "spo2", 86.0, 970.0);
    scene.advance(10.0);
    scene.stream("dev", "spo2", 97.0, 5);
    scene.measured_at("dev", "spo2", 86.0, 990.0);
    scene.measured_at("dev", "spo2", 96.0, 980.0);
    scene.skip();
    scene.measured_at("dev", "spo2", 86.0, 989.5);
    scene.expect(&["late raised low vitals_live.spo2_low: alarming, momentary"]);
}

#[test]
fn what_is_withdrawn_leaves_another_value_of_its_time() {
    for came in [false, true] {
        let mut scene = Scene::bedside();
        scene.advance(2.0);
        // By a clock that is ahead it is of now.
        scene.measured_at("dev", "spo2", 93.0, 242.0);
        scene.advance(3.0);
        scene.measured_at("dev", "spo2", 86.0, 1.0);
        if came {
            scene.measured_at("dev", "spo2", 87.0, 2.0);
        }
        withdraw(&mut scene, "spo2", 87.0, 2.0);
        scene.advance(86.0);
        scene.stream("dev", "spo2", 97.0, 5);
        scene.measured_at("dev", "spo2", 86.0, 50.0);
        assert!(scene.find(SPO2).is_none(), "93 % at 2 s lies between: {came}");
    }
}
