//! What two judges of the contract answered differently, and each is told once (contract §2, §3, §5).

use crate::model::alarm::{Condition, Side};
use crate::model::command::{Action, Outcome};
use crate::model::message::Phase::{End, Single, Update};
use crate::model::message::{Body, Message, Reading, ReadingTime, Status};
use crate::model::time::Span;

use super::differed::again;
use super::scene::{Scene, at};

const HEART_HIGH: &str = "vitals_live.heart_rate_high";

/// Of a second of the scene, from a device that says no time of sending.
fn stamped(second: f64) -> impl FnOnce(&mut Message, &mut Reading) {
    move |message, reading| {
        message.sent_at = None;
        reading.time = ReadingTime::At(at(second));
    }
}

/// Retained by a broker since a second of the scene.
fn retained(second: f64) -> impl FnOnce(&mut Message, &mut Reading) {
    move |message, reading| {
        message.delivery.retained = true;
        reading.time = ReadingTime::At(at(second));
    }
}

fn unbind(scene: &mut Scene) {
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
}

#[test]
fn what_was_told_when_an_emergency_ended_is_not_told_again_for_the_next() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "kiosk", &["heart_rate"]);
    scene.bind("dev", "p");
    let mut news = Vec::new();
    for value in [0.0, 170.0, 0.0, 20.0, 170.0, 170.0, 170.0] {
        scene.reading("dev", "heart_rate", value);
        scene.advance(3_600.0);
        news.extend(scene.news());
    }
    let again = news.iter().filter(|line| line.contains("unfolded") && line.contains(HEART_HIGH));
    assert_eq!(again.count(), 0, "{news:?}");
    assert!(news.iter().any(|line| line.contains("recurred") && line.contains(HEART_HIGH)));
}

#[test]
fn a_delay_that_runs_out_is_nothing_heard_of_what_an_emergency_explains() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["heart_rate"]);
    scene.bind("dev", "p");
    scene.reading("dev", "heart_rate", 0.0);
    scene.advance(2.0);
    scene.send("dev", "heart_rate", 170.0, again(0.0, Status::Final));
    scene.advance(7.0);
    scene.reading("dev", "heart_rate", 170.0);
    scene.advance(14.0);
    assert_eq!(scene.alarm("vitals_live.asystole_low").condition, Condition::Unknown);
    let milder = scene.alarm("vitals_live.heart_rate_low");
    assert_eq!(milder.group, Some(scene.alarm("vitals_live.asystole_low").id.to_string()));
}

#[test]
fn an_emergency_is_heard_of_with_whatever_its_series_is_beyond() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["heart_rate", "respiratory_rate"]);
    scene.bind("dev", "p");
    scene.reading("dev", "heart_rate", 126.0);
    scene.advance(2.0);
    scene.send("dev", "heart_rate", 44.0, again(0.0, Status::Final));
    scene.advance(1.0);
    scene.reading("dev", "respiratory_rate", 40.0);
    scene.advance(4.0);
    scene.reading("dev", "heart_rate", 0.0);
    scene.reading("dev", "respiratory_rate", 32.0);
    scene.advance(4.0);
    scene.send("dev", "heart_rate", 38.0, again(10.8, Status::Final));
    scene.advance(1.0);
    scene.reading("dev", "heart_rate", 38.0);
    scene.advance(1.0);
    scene.reading("dev", "respiratory_rate", 7.0);
    scene.advance(25.0);
    assert!(scene.alarm("vitals_live.asystole_lost").group.is_some(), "both are asystole");
}

#[test]
fn an_event_stays_used_up_for_whom_it_was_judged_though_another_hears_its_end() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.admit("q");
    scene.device("dev", "cied", &[]);
    scene.bind("dev", "p");
    scene.event("dev", "shock_delivered", Some("ep-1"), Single);
    scene.advance(100.0);
    unbind(&mut scene);
    scene.advance(100.0);
    scene.bind("dev", "q");
    scene.advance(100.0);
    scene.event("dev", "shock_delivered", Some("ep-1"), End);
    scene.skip();
    scene.event_at("dev", "shock_delivered", Some("ep-1"), Update, 50.0);
    scene.expect(&[]);
}

#[test]
fn a_correction_reaches_whoever_was_told_of_the_reading() {
    let mut scene = Scene::empty();
    scene.admit("q");
    scene.admit("p");
    scene.device("dev", "cgm", &["glucose_cgm"]);
    scene.bind("dev", "q");
    scene.reading("dev", "glucose_cgm", 140.0);
    scene.advance(100.0);
    unbind(&mut scene);
    scene.bind("dev", "p");
    scene.advance(86_400.0);
    scene.send("dev", "glucose_cgm", 260.0, stamped(0.0));
    assert!(scene.find("cgm.glucose_high").is_some());
    scene.send("dev", "glucose_cgm", 110.0, |message, reading| {
        message.sent_at = None;
        again(0.0, Status::Corrected)(message, reading);
    });
    assert!(scene.find("cgm.glucose_high").is_none(), "it was told in error");
}

#[test]
fn a_correction_of_what_was_nobodys_lets_no_other_value_of_its_instant_count() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2"]);
    scene.send("dev", "spo2", 70.0, stamped(0.0));
    scene.advance(10.0);
    scene.bind("dev", "p");
    scene.advance(1_000.0);
    scene.send("dev", "spo2", 70.0, |message, reading| {
        message.sent_at = None;
        again(0.0, Status::Corrected)(message, reading);
    });
    scene.advance(10.0);
    scene.send("dev", "spo2", 97.0, stamped(0.0));
    assert!(scene.find("clock.suspect").is_none());
}

#[test]
fn a_suspect_clock_is_not_over_with_a_message_that_shows_it_again() {
    let mut scene = Scene::bedside();
    let ahead = |scene: &Scene| ReadingTime::At(scene.now.wall() + Span::hours(6));
    let first = ahead(&scene);
    scene.send("dev", "temperature", 37.0, |_, reading| reading.time = first);
    scene.advance(7_200.0);
    scene.skip();
    let (good, next) = (scene.measured("spo2", 97.0), ahead(&scene));
    scene.send("dev", "temperature", 37.0, |message, reading| {
        reading.time = next;
        if let Body::Telemetry { readings, .. } = &mut message.body {
            readings.push(good);
        }
    });
    let news = scene.news();
    assert!(!news.iter().any(|line| line.contains("clock.suspect")), "{news:?}");
}

#[test]
fn what_is_no_value_contradicts_none_of_its_message() {
    type About = fn(&mut Reading);
    let none: [(f64, About); 3] = [
        (0.0, |_| ()),
        (400.0, |reading| reading.implausible = true),
        (80.0, |reading| reading.quality = Some(0.1)),
    ];
    for (value, about) in none {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", "bedside", &["heart_rate"]);
        scene.bind_with_zeros("dev", "p", &["heart_rate"]);
        let mut other = scene.measured("heart_rate", value);
        about(&mut other);
        scene.send("dev", "heart_rate", 72.0, |message, _| {
            if let Body::Telemetry { readings, .. } = &mut message.body {
                readings.push(other);
            }
        });
        let latest = scene.latest("p", "dev", "heart_rate").map(|latest| latest.number.value);
        assert_eq!(latest, Some(72.0), "judged beyond doubt beside {value}");
    }
}

#[test]
fn what_a_patients_own_limit_found_goes_on_when_more_limits_judge_him() {
    let mut scene = Scene::bedside();
    scene.change(None, Some(true));
    scene.limit("spo2", Side::Low, Some(90.0));
    scene.stream("dev", "spo2", 84.0, 20);
    scene.reading("dev", "spo2", 97.0);
    scene.change(None, Some(false));
    scene.skip();
    scene.advance(1.0);
    scene.reading("dev", "spo2", 97.0);
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Present);
    scene.expect(&[]);
}

#[test]
fn what_was_told_as_critical_is_not_told_late_as_less() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    scene.reading("dev", "spo2", 78.0);
    scene.advance(6.0);
    assert!(scene.find("vitals_live.spo2_low").is_some());
    unbind(&mut scene);
    assert_eq!(scene.reset("vitals_live.spo2_low", Some("seen")), Outcome::Done);
    scene.skip();
    scene.measured_at("dev", "spo2", 75.0, 90.0);
    scene.measured_at("dev", "spo2", 75.0, 76.0);
    scene.expect(&[]);
}

#[test]
fn a_single_measurement_that_was_told_late_stands_however_long() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.send("dev", "glucose_blood", 40.0, retained(500.0));
    assert!(scene.find("glucose.blood_low").is_some());
    scene.advance(30.0 * 86_400.0);
    scene.skip();
    let before = scene.second() - 500.0;
    scene.send("dev", "glucose_blood", 40.0, retained(before));
    scene.expect(&[]);
}

#[test]
fn values_that_came_late_and_contradict_each_other_part_nothing_however_they_came() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.send("dev", "temperature", 34.5, retained(500.0));
    assert!(scene.find("vitals_live.temperature_low").is_some());
    scene.send("dev", "temperature", 37.2, retained(530.0));
    scene.send("dev", "temperature", 36.8, retained(530.0));
    scene.skip();
    scene.send("dev", "temperature", 34.5, retained(570.0));
    scene.expect(&[]);
}

#[test]
fn a_zero_that_corrects_a_value_says_that_there_was_no_sensor() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["heart_rate", "spo2"]);
    scene.bind_with_zeros("dev", "p", &["heart_rate"]);
    scene.reading("dev", "heart_rate", 80.0);
    scene.skip();
    scene.send("dev", "heart_rate", 0.0, again(0.0, Status::Corrected));
    scene.expect(&[]);
    assert!(scene.latest("p", "dev", "heart_rate").is_none(), "it never was a value");
}

#[test]
fn a_zero_that_takes_the_place_of_what_was_implausible_is_told_once() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["heart_rate", "spo2"]);
    scene.bind_with_zeros("dev", "p", &["heart_rate"]);
    scene.reading("dev", "heart_rate", 80.0);
    scene.advance(4.0);
    scene.reading("dev", "heart_rate", 0.0);
    scene.send("dev", "heart_rate", 400.0, again(0.0, Status::Corrected));
    scene.skip();
    scene.send("dev", "heart_rate", 0.0, again(0.0, Status::Corrected));
    scene.expect(&["retracted high link.implausible: closed retracted"]);
}

#[test]
fn a_delay_that_begins_is_no_news_of_what_came_late_within_an_emergency() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["heart_rate"]);
    scene.device("other", "bedside", &["heart_rate"]);
    scene.bind("dev", "p");
    scene.bind("other", "p");
    scene.advance(100.0);
    scene.reading("other", "heart_rate", 20.0);
    scene.advance(6.0);
    scene.measured_at("dev", "heart_rate", 20.0, 50.0);
    scene.measured_at("dev", "heart_rate", 20.0, 56.0);
    scene.advance(20.0);
    scene.skip();
    scene.reading("dev", "heart_rate", 20.0);
    scene.advance(4.0);
    let news = scene.news();
    assert!(!news.iter().any(|line| line.contains("unfolded")), "{news:?}");
}

#[test]
fn an_emergency_that_a_reading_confirms_to_be_over_explains_nothing_of_that_reading() {
    let mut scene = Scene::empty();
    scene.admit("p");
    for device in ["dev", "other"] {
        scene.device(device, "kiosk", &["heart_rate"]);
        scene.bind(device, "p");
    }
    scene.reading("dev", "heart_rate", 0.0);
    scene.advance(3_600.0);
    scene.reading("dev", "heart_rate", 100.0);
    scene.advance(3_600.0);
    scene.skip();
    scene.reading("other", "heart_rate", 170.0);
    assert_eq!(scene.alarm("vitals_live.asystole_low").condition, Condition::Absent);
    assert_eq!(scene.alarm(HEART_HIGH).group, None);
}
