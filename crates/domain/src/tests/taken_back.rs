//! Readings corrected or withdrawn: what stood on them, and what goes on (contract §2, row 26).

use crate::model::alarm::{Condition, Priority};
use crate::model::message::{Reading, Status};

use super::differed::again;
use super::scene::Scene;

const SPO2: &str = "vitals_live.spo2_low";

#[test]
fn a_correction_of_one_signal_takes_back_no_request_about_another() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "temperature", 39.0);
    scene.reading("dev", "nibp_sys", 190.0);
    scene.skip();
    scene.send("dev", "temperature", 38.0, again(0.0, Status::Corrected));
    scene.expect(&["retracted medium vitals_live.temperature_high: closed retracted"]);
    assert!(scene.find("vitals_live.nibp_sys_high_repeat_due").is_some());
}

#[test]
fn three_values_can_be_withdrawn_one_after_another() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 120.0);
    for second in 1..4 {
        scene.advance(1.0);
        scene.reading("dev", "nibp_sys", 120.0 + f64::from(second));
    }
    for second in (1..4).rev() {
        scene.send(
            "dev",
            "nibp_sys",
            120.0 + f64::from(second),
            again(f64::from(second), Status::EnteredInError),
        );
    }
    let latest = scene.latest("p", "dev", "nibp_sys").map(|latest| latest.number.value);
    assert_eq!(latest, Some(120.0));
}

#[test]
fn a_silence_that_another_alarm_told_of_is_told_when_that_is_taken_back() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["respiratory_rate"]);
    scene.bind("dev", "p");
    scene.reading("dev", "respiratory_rate", 7.0);
    scene.advance(40.0);
    assert!(
        scene.find("link.lost_while_pending").is_some() && scene.find("link.silence").is_none()
    );
    scene.skip();
    scene.send("dev", "respiratory_rate", 7.0, again(0.0, Status::EnteredInError));
    let news = scene.news();
    assert!(news.iter().any(|line| line.contains("link.silence: alarming")), "{news:?}");
}

#[test]
fn an_end_that_is_repeated_is_no_sign_of_life() {
    let mut scene = Scene::bedside();
    let end = crate::model::message::Phase::End;
    scene.event("dev", "pacing_failure", Some("ep-1"), end);
    scene.advance(30.0);
    assert!(scene.find("link.silence").is_some());
    scene.event("dev", "pacing_failure", Some("ep-1"), end);
    assert!(scene.find("link.silence").is_some(), "it was heard before");
}

#[test]
fn a_silence_is_urgent_once_the_last_glucose_is_known_to_have_been_low() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cgm", &["glucose_cgm"]);
    scene.bind("dev", "p");
    scene.reading("dev", "glucose_cgm", 110.0);
    scene.advance(1_800.0);
    assert_eq!(scene.alarm("link.silence").priority, Priority::Low);
    scene.send("dev", "glucose_cgm", 65.0, again(0.0, Status::Corrected));
    assert_eq!(scene.alarm("link.silence").priority, Priority::High);
}

#[test]
fn what_corrects_a_reading_that_was_never_judged_waits_for_its_delay() {
    let mut scene = Scene::bedside();
    scene.send("dev", "spo2", 87.0, |_, reading| reading.quality = Some(0.2));
    scene.send("dev", "spo2", 86.0, again(0.0, Status::Corrected));
    scene.skip();
    scene.advance(12.0);
    scene.expect(&["raised medium link.lost_while_pending: alarming, present"]);
}

#[test]
fn a_stamp_that_is_withdrawn_says_nothing_of_the_clock_now() {
    let mut scene = Scene::bedside();
    scene.skip();
    scene.send("dev", "spo2", 97.0, again(7_200.0, Status::EnteredInError));
    scene.expect(&[]);
}

#[test]
fn two_probes_that_come_off_are_told_each() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["spo2"]);
    let of = |probe: &'static str| {
        move |_: &mut crate::model::message::Message, reading: &mut Reading| {
            reading.instance = probe.into();
        }
    };
    for probe in ["A", "B"] {
        scene.send("dev", "spo2", 97.0, of(probe));
    }
    scene.advance(1.0);
    scene.skip();
    for probe in ["A", "B"] {
        scene.send("dev", "spo2", 0.0, of(probe));
    }
    let told = scene.news().iter().filter(|line| line.contains("link.zero_or_off")).count();
    assert_eq!(told, 2);
}

#[test]
fn a_delay_goes_on_where_the_reading_that_began_it_is_taken_back() {
    for status in [Status::EnteredInError, Status::Corrected] {
        let mut scene = Scene::bedside();
        scene.stream("dev", "spo2", 85.0, 10);
        let value = if status == Status::Corrected { 86.0 } else { 85.0 };
        scene.send("dev", "spo2", value, again(0.0, status));
        scene.stream("dev", "spo2", 85.0, 7);
        assert!(scene.find(SPO2).is_some(), "16 s of 17 are left: {status:?}");
    }
}

#[test]
fn an_asystole_is_told_though_every_fourth_zero_is_withdrawn() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "heart_rate", 70.0);
    scene.advance(1.0);
    for _ in 0..5 {
        let first = scene.second();
        scene.stream("dev", "heart_rate", 0.0, 4);
        scene.send("dev", "heart_rate", 0.0, again(first, Status::EnteredInError));
    }
    assert!(scene.find("vitals_live.asystole_low").is_some());
}

#[test]
fn what_is_corrected_to_beyond_shows_that_it_was_not_over() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 85.0, 20);
    let inside = scene.second();
    scene.stream("dev", "spo2", 97.0, 50);
    for second in 5..45 {
        scene.send("dev", "spo2", 85.0, again(inside + f64::from(second), Status::Corrected));
    }
    scene.stream("dev", "spo2", 97.0, 14);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Present);
}

/// A second of a monitor that corrects each of its preliminary values at once.
fn corrected(scene: &mut Scene, first: f64, then: f64) {
    scene.reading("dev", "heart_rate", first);
    scene.send("dev", "heart_rate", then, |_, reading| reading.status = Status::Corrected);
    scene.advance(1.0);
}

#[test]
fn an_excursion_goes_on_where_the_value_that_ended_it_is_corrected() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "heart_rate", 70.0, 3);
    scene.skip();
    for _ in 0..4 {
        corrected(&mut scene, 70.0, 0.0);
    }
    assert!(scene.find("vitals_live.asystole_low").is_none());
    corrected(&mut scene, 70.0, 0.0);
    assert_eq!(scene.alarm("vitals_live.asystole_low").condition, Condition::Present);
    // What is inside after all ended it, and so did a value that stands.
    let mut scene = Scene::bedside();
    for _ in 0..4 {
        corrected(&mut scene, 70.0, 0.0);
    }
    corrected(&mut scene, 70.0, 80.0);
    for _ in 0..4 {
        corrected(&mut scene, 70.0, 0.0);
    }
    scene.stream("dev", "heart_rate", 70.0, 1);
    for _ in 0..4 {
        corrected(&mut scene, 70.0, 0.0);
    }
    assert!(scene.find("vitals_live.asystole_low").is_none());
}
