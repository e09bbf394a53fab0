//! Withdrawals and corrections: whom they reach, what they show, and what they leave (contract §2, "Same reading").

use crate::model::alarm::Condition;
use crate::model::command::{Action, AgeClass};
use crate::model::input::Input;
use crate::model::message::{Body, ReadingTime, Status};

use super::differed::again;
use super::scene::{Scene, at};

#[test]
fn a_withdrawal_reaches_whoever_the_reading_was_told_of() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cgm", &[]);
    scene.reading("dev", "glucose_cgm", 110.0);
    scene.advance(10.0);
    scene.bind("dev", "p");
    scene.advance(400.0);
    scene.send("dev", "glucose_cgm", 65.0, |message, reading| {
        message.sent_at = None;
        reading.time = ReadingTime::At(at(0.0));
    });
    assert!(scene.find("cgm.glucose_low").is_some(), "its clock stands still");
    scene.send("dev", "glucose_cgm", 65.0, again(0.0, Status::EnteredInError));
    assert!(scene.find("cgm.glucose_low").is_none());
}

#[test]
fn a_series_that_is_silent_stays_unknown_where_a_reading_is_taken_back() {
    for status in [Status::EnteredInError, Status::Corrected] {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", "bedside", &["nibp_sys"]);
        scene.bind("dev", "p");
        scene.reading("dev", "nibp_sys", 60.0);
        scene.advance(10.0);
        scene.reading("dev", "nibp_sys", 65.0);
        scene.advance(390.0);
        scene.skip();
        scene.send("dev", "nibp_sys", 120.0, again(0.0, status));
        let news = scene.news();
        assert!(news.iter().any(|line| line.contains("closed retracted")), "{news:?}");
        assert_eq!(scene.alarm("vitals_live.nibp_sys_low").condition, Condition::Unknown);
    }
}

#[test]
fn of_two_corrections_in_one_message_neither_takes_the_place_of_the_other() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cied", &[]);
    scene.bind("dev", "p");
    let readings = [2_500.0, 500.0].map(|value| {
        let mut reading = scene.measured("impedance", value);
        reading.status = Status::Corrected;
        reading
    });
    let mut message = scene.message("dev");
    message.body = Body::Telemetry { readings: readings.to_vec(), refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
    assert!(scene.find("cied.impedance_high").is_some());
}

#[test]
fn what_corrects_nothing_that_came_waits_like_any_other() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 97.0);
    scene.advance(100.0);
    scene.send("dev", "spo2", 97.0, again(95.0, Status::EnteredInError));
    scene.send("dev", "spo2", 84.0, again(95.0, Status::Corrected));
    assert!(scene.find("vitals_live.spo2_low").is_none(), "it has not lasted");
    scene.advance(16.0);
    let known = scene.find("vitals_live.spo2_low").or(scene.find("link.lost_while_pending"));
    assert!(known.is_some());
}

#[test]
fn a_correction_does_not_show_that_a_device_goes_on() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "heart_rate", 72.0);
    scene.advance(1.0);
    scene.reading("dev", "pulse_rate", 72.0);
    scene.advance(8.0);
    scene.send("dev", "pulse_rate", 65.0, again(1.0, Status::Corrected));
    scene.advance(4.0);
    scene.reading("dev", "pulse_rate", 72.0);
    scene.advance(3.0);
    assert!(scene.find("vitals_live.asystole_lost").is_none(), "the device paused for 12 s");
}

#[test]
fn a_value_that_nobody_judged_gives_way_to_the_one_before_where_it_is_withdrawn() {
    let mut scene = Scene::bedside();
    scene.change(Some(AgeClass::Paediatric), None);
    scene.reading("dev", "temperature", 39.0);
    scene.advance(60.0);
    scene.reading("dev", "temperature", 37.0);
    scene.change(Some(AgeClass::Adult), None);
    assert!(scene.find("vitals_live.temperature_high").is_none());
    scene.send("dev", "temperature", 37.0, again(60.0, Status::EnteredInError));
    assert!(scene.find("vitals_live.temperature_high").is_some());
}

#[test]
fn nothing_of_an_earlier_binding_comes_back_where_a_value_is_withdrawn() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 60.0);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.bind("dev", "p");
    scene.reset("vitals_live.nibp_sys_low", Some("seen"));
    scene.advance(60.0);
    scene.reading("dev", "nibp_sys", 120.0);
    scene.send("dev", "nibp_sys", 120.0, again(60.0, Status::EnteredInError));
    assert!(scene.find("vitals_live.nibp_sys_low").is_none());
}

#[test]
fn what_was_nobodys_when_it_first_came_is_nobodys_when_it_comes_again() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    let ahead = again(200.0, Status::Final);
    scene.send("dev", "heart_rate", 80.0, ahead);
    scene.advance(10.0);
    scene.bind("dev", "p");
    scene.advance(2.0);
    scene.send("dev", "heart_rate", 0.0, again(200.0, Status::Final));
    scene.advance(9.0);
    assert!(scene.find("vitals_live.asystole_low").is_none(), "it was measured before the binding");
}

#[test]
fn what_first_lay_inside_shows_nothing_once_it_is_withdrawn_however_long_ago_it_came() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "wearable", &[]);
    scene.bind("dev", "p");
    for value in [86.0, 86.0, 97.0, 97.0, 97.0, 97.0, 97.0, 97.0, 97.0] {
        scene.reading("dev", "spo2", value);
        scene.advance(60.0);
    }
    scene.send("dev", "spo2", 97.0, again(120.0, Status::EnteredInError));
    for _ in 0..4 {
        scene.reading("dev", "spo2", 97.0);
        scene.advance(60.0);
    }
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Present);
}
