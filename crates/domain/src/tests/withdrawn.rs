//! Withdrawals and corrections: whom they reach, what they show, and what they leave (contract §2, "Same reading").

use crate::model::alarm::{Condition, Side};
use crate::model::command::{Action, AgeClass, Outcome};
use crate::model::input::Input;
use crate::model::message::{Body, Message, Mode, Reading, ReadingTime, Status};
use crate::model::time::Span;

use super::differed::again;
use super::scene::{Scene, at};

fn belongs_to(scene: &mut Scene, patient: Option<&str>) {
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: patient.map(|id| id.parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
}

/// By a clock that stood at the begin of the scene.
fn at_the_begin(message: &mut Message, reading: &mut Reading) {
    message.sent_at = None;
    reading.time = ReadingTime::At(at(0.0));
}

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

#[test]
fn what_corrects_one_of_several_values_that_were_nobodys_is_no_sign_of_life() {
    let mut scene = Scene::empty();
    scene.admit_with("p", |details| details.continuous = true);
    scene.admit("q");
    scene.device("dev", "wearable", &[]);
    scene.bind("dev", "q");
    belongs_to(&mut scene, None);
    scene.advance(301.0);
    for value in [78.0, 97.0] {
        scene.send("dev", "spo2", value, again(300.0, Status::Final));
    }
    belongs_to(&mut scene, Some("p"));
    scene.send("dev", "spo2", 78.0, again(300.0, Status::Corrected));
    assert!(scene.find("patient.no_device").is_some(), "nothing came but a correction");
    scene.reading("dev", "spo2", 97.0);
    assert!(scene.find("patient.no_device").is_none());
}

#[test]
fn what_cannot_be_judged_and_comes_again_tells_nobody_that_it_is_nobodys() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.admit("q");
    scene.device("dev", "bedside", &[]);
    for _ in 0..3 {
        scene.send("dev", "temperature", 37.0, at_the_begin);
        scene.advance(60.0);
    }
    scene.bind("dev", "p");
    scene.advance(60.0);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.bind("dev", "q");
    scene.advance(3.0);
    scene.send("dev", "temperature", 37.0, |message, reading| {
        at_the_begin(message, reading);
        message.mode = Mode::Demo;
    });
    assert!(scene.find("clock.suspect").is_some(), "its clock stands still");
    assert!(scene.find("link.unattributed").is_none());
}

#[test]
fn a_late_alarm_that_is_taken_back_leaves_the_delay_that_runs() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "spot", &[]);
    scene.bind("dev", "p");
    scene.advance(120.0);
    scene.send("dev", "nibp_sys", 190.0, |_, reading| {
        reading.time = ReadingTime::At(at(0.0) - Span::days(2_000));
    });
    scene.advance(10.0);
    scene.send("dev", "nibp_sys", 190.0, |message, reading| {
        reading.time = ReadingTime::At(at(60.0));
        message.delivery.retained = true;
    });
    let high = "vitals_live.nibp_sys_high";
    assert!(scene.alarm(high).late);
    scene.send("dev", "nibp_sys", 120.0, again(60.0, Status::Corrected));
    assert!(scene.find(high).is_none());
    scene.advance(300.0);
    assert_eq!(scene.alarm(high).condition, Condition::Present);
}

#[test]
fn a_delay_begins_with_whichever_reading_is_left() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 86.0, 2);
    scene.reading("dev", "spo2", 86.0);
    for second in [1.0, 0.0] {
        scene.send("dev", "spo2", 86.0, again(second, Status::EnteredInError));
    }
    scene.advance(1.0);
    scene.stream("dev", "spo2", 86.0, 14);
    scene.reading("dev", "spo2", 86.0);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn before_a_withdrawn_value_is_what_no_limit_judged_as_well() {
    let mut scene = Scene::empty();
    scene.admit_with("p", |details| details.age_class = AgeClass::Unknown);
    scene.device("dev", "spot", &[]);
    scene.bind("dev", "p");
    for value in [85.0, 190.0] {
        scene.reading("dev", "nibp_sys", value);
        scene.advance(100.0);
    }
    assert_eq!(scene.limit("nibp_sys", Side::Low, Some(88.0)), Outcome::Done);
    scene.advance(4_000.0);
    scene.reading("dev", "nibp_sys", 120.0);
    scene.send("dev", "nibp_sys", 120.0, again(4_200.0, Status::EnteredInError));
    assert!(scene.find("vitals_live.nibp_sys_low").is_none(), "the one before is 190 mm[Hg]");
}
