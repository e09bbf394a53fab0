//! What is known of a series, a loss or an event where limits, rules or a binding changed (contract §3, §4).

use crate::model::alarm::{Condition, Priority, Side};
use crate::model::command::{Action, AgeClass, PatientLimit};
use crate::model::fate::Fate;
use crate::model::message::Phase::{End, Single, Start};
use crate::model::message::{Comparator, ReadingTime, Status, Value};
use crate::model::time::Span;

use super::differed::again;
use super::scene::{Scene, at};

const SILENCE: &str = "link.silence";

fn correct_binding(scene: &mut Scene, patient: &str) {
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some(patient.parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
}

#[test]
fn whether_a_series_is_heard_of_is_asked_by_the_limits_of_the_right_patient() {
    let mut scene = Scene::bedside();
    scene.admit_with("q", |q| q.age_class = AgeClass::Unknown);
    scene.reading("dev", "heart_rate", 0.0);
    scene.advance(1.0);
    scene.send("dev", "heart_rate", 38.0, again(0.0, Status::Final));
    correct_binding(&mut scene, "q");
    scene.advance(9.0);
    let asystole = scene.alarm("vitals_live.asystole_low");
    assert_eq!(asystole.condition, Condition::Unknown, "38 is beyond no limit of theirs");
}

#[test]
fn a_loss_of_which_nothing_is_known_is_the_right_patients_too() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.reading("dev", "heart_rate", 72.0);
    for _ in 0..14 {
        scene.advance(1.0);
        scene.reading("dev", "spo2", 97.0);
    }
    scene.advance(30.0);
    assert_eq!(scene.alarm("vitals_live.asystole_lost").condition, Condition::Unknown);
    correct_binding(&mut scene, "q");
    let lost = scene.alarm("vitals_live.asystole_lost");
    assert_eq!((lost.condition, lost.patient.unwrap().as_str()), (Condition::Unknown, "q"));
}

#[test]
fn a_loss_that_was_decided_is_one_for_the_right_patient_at_once() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.reading("dev", "heart_rate", 72.0);
    for pause in [1.0, 5.0, 4.2] {
        scene.advance(pause);
        scene.reading("dev", "spo2", 97.0);
    }
    scene.advance(1.5);
    assert!(scene.find("vitals_live.asystole_lost").is_some());
    correct_binding(&mut scene, "q");
    let lost = scene.alarm("vitals_live.asystole_lost");
    assert_eq!(lost.patient.unwrap().as_str(), "q");
}

#[test]
fn a_sensor_that_came_off_does_not_keep_its_loss_known() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["heart_rate"]);
    scene.reading("dev", "heart_rate", 72.0);
    for _ in 0..14 {
        scene.advance(1.0);
        scene.reading("dev", "spo2", 97.0);
    }
    scene.reading("dev", "heart_rate", 0.0);
    scene.advance(10.0);
    scene.reading("dev", "spo2", 97.0);
    scene.advance(10.0);
    assert_eq!(scene.alarm("vitals_live.asystole_lost").condition, Condition::Present);
    scene.advance(10.0);
    assert_eq!(scene.alarm("vitals_live.asystole_lost").condition, Condition::Unknown);
}

#[test]
fn what_comes_by_a_limit_put_since_is_known_whatever_was_lost_before() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "etco2", 9.0, 12);
    scene.advance(30.0);
    scene.change(Some(AgeClass::Paediatric), None);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.bind("dev", "p");
    scene.reading("dev", "etco2", 9.0);
    let unit = scene.core.configuration.signals.find("etco2").unwrap().unit.unwrap();
    let (signal, side, critical) = ("etco2".to_owned(), Side::Low, true);
    scene.limits(
        vec![PatientLimit {
            signal,
            side,
            critical,
            value: Some(22.0),
            unit,
            until: None,
            ends: None,
        }],
        None,
        None,
    );
    for _ in 0..3 {
        scene.advance(3.0);
        scene.reading("dev", "etco2", 9.0);
    }
    scene.advance(1.5);
    assert_eq!(scene.alarm("vitals_live.etco2_low").condition, Condition::Present);
}

#[test]
fn a_value_that_nobody_judged_is_what_an_implausible_one_is_measured_by() {
    let mut scene = Scene::bedside();
    scene.change(Some(AgeClass::Unknown), None);
    scene.reading("dev", "abp_sys", 120.0);
    scene.change(Some(AgeClass::Adult), None);
    scene.advance(5.0);
    scene.reading("dev", "abp_sys", 400.0);
    assert_eq!(scene.alarm("link.implausible").priority, Priority::High);
}

#[test]
fn more_than_none_is_not_none() {
    let mut scene = Scene::bedside();
    scene.change(None, Some(true));
    scene.reading("dev", "respiratory_rate", 0.0);
    scene.advance(18.0);
    assert!(scene.find("link.lost_while_pending").is_some());
    scene.send("dev", "respiratory_rate", 0.0, |_, reading| {
        if let Value::Number { comparator, .. } = &mut reading.value {
            *comparator = Some(Comparator::Greater);
        }
    });
    assert!(scene.find("link.lost_while_pending").is_none(), "some breath came");
}

#[test]
fn what_explains_most_is_found_first_where_rules_changed() {
    let mut scene = Scene::empty();
    scene.admit("p");
    for device in ["a", "b"] {
        scene.device(device, "bedside", &[]);
        scene.bind(device, "p");
    }
    for _ in 0..7 {
        scene.reading("a", "heart_rate", 20.0);
        scene.reading("b", "heart_rate", 0.0);
        scene.advance(1.0);
    }
    scene.reconfigure("gap = \"10s\"", "gap = \"11s\"");
    let alarms = &scene.core.patients["p"].alarms;
    let of_rule = alarms.iter().filter(|(key, _)| key.rule.as_str().contains("bradycardia"));
    let follows: Vec<bool> = of_rule.map(|(_, open)| open.alarm.group.is_some()).collect();
    assert_eq!(follows, [true, true], "both follow from the asystole");
}

#[test]
fn an_end_that_was_heard_of_the_wrong_patient_is_no_news_of_the_right_one() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.event("dev", "vf_detected", Some("ep-1"), End);
    correct_binding(&mut scene, "q");
    scene.advance(20.0);
    scene.event("dev", "vf_detected", Some("ep-1"), End);
    assert!(scene.find(SILENCE).is_some(), "a repetition is no sign of life");
}

#[test]
fn an_end_that_came_before_its_event_is_a_repetition_thereafter() {
    let mut scene = Scene::bedside();
    scene.event("dev", "shock_delivered", Some("ep-1"), End);
    scene.event("dev", "shock_delivered", Some("ep-1"), Single);
    scene.advance(20.0);
    scene.event("dev", "shock_delivered", Some("ep-1"), End);
    assert!(scene.find(SILENCE).is_some());
}

#[test]
fn an_episode_that_came_late_has_to_end_as_well() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.event("dev", "vf_detected", Some("ep-1"), Start);
    scene.event_at("dev", "vf_detected", Some("ep-2"), Start, 500.0);
    scene.event("dev", "vf_detected", Some("ep-1"), End);
    assert_eq!(scene.alarm("cied.vf").condition, Condition::Present);
    scene.event("dev", "vf_detected", Some("ep-2"), End);
    assert_eq!(scene.alarm("cied.vf").condition, Condition::Absent);
}

#[test]
fn what_keeps_a_clock_is_known_by_a_backlog_too() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cgm", &["glucose_cgm"]);
    scene.bind("dev", "p");
    scene.advance(3_000.0);
    assert!(scene.find(SILENCE).is_some());
    scene.send("dev", "glucose_cgm", 110.0, |message, reading| {
        message.delivery.resumed = true;
        message.sent_at = Some(at(2_940.0));
        reading.time = ReadingTime::At(at(2_940.0));
    });
    assert!(scene.find(SILENCE).is_none());
}

#[test]
fn how_glucose_fell_is_not_measured_by_what_was_known_of_an_earlier_binding() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cgm", &["glucose_cgm"]);
    scene.bind("dev", "p");
    scene.reading("dev", "glucose_cgm", 140.0);
    scene.advance(1.0);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.bind("dev", "p");
    scene.advance(299.0);
    scene.reading("dev", "glucose_cgm", 110.0);
    scene.advance(1_300.0);
    assert_eq!(scene.alarm(SILENCE).priority, Priority::Low);
}

#[test]
fn what_was_poor_of_one_signal_says_nothing_of_another() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "heart_rate", 72.0);
    scene.advance(10.0);
    scene.send("dev", "temperature", 37.0, |_, reading| reading.quality = Some(0.2));
    scene.advance(8.0);
    scene.device("dev", "bedside", &["heart_rate", "temperature"]);
    assert!(scene.find(SILENCE).is_some(), "the heart rate is silent for 18 s");
}

#[test]
fn what_was_poor_of_one_signal_says_nothing_of_what_never_came() {
    let mut scene = Scene::bedside();
    scene.advance(10.0);
    scene.send("dev", "temperature", 37.0, |_, reading| reading.quality = Some(0.2));
    scene.device("dev", "bedside", &["heart_rate", "temperature"]);
    scene.advance(6.0);
    assert!(scene.find(SILENCE).is_some(), "nothing came of the heart rate");
}

#[test]
fn a_correction_of_poor_quality_is_no_sign_that_anything_comes() {
    let mut scene = Scene::bedside();
    scene.device("dev", "bedside", &["heart_rate"]);
    scene.reading("dev", "heart_rate", 72.0);
    scene.advance(10.0);
    scene.send("dev", "heart_rate", 80.0, |message, reading| {
        again(0.0, Status::Corrected)(message, reading);
        reading.quality = Some(0.2);
    });
    scene.advance(6.0);
    assert!(scene.find(SILENCE).is_some(), "nothing came for 16 s");
}

#[test]
fn the_oldest_reading_that_is_known_is_contradicted_by_another_value_of_its_time() {
    let mut scene = Scene::bedside();
    scene.advance(30.0);
    for second in (15..=30).rev() {
        scene.measured_at("dev", "nibp_sys", 120.0, f64::from(second));
    }
    scene.measured_at("dev", "nibp_sys", 110.0, 30.0);
    let device = scene.core.devices.values().next().unwrap();
    assert_eq!(device.fates()[&Fate::Conflict], 1);
}

#[test]
fn what_came_while_own_limits_judged_alone_is_news_of_what_stayed_unknown() {
    let mut scene = Scene::bedside();
    for (second, value) in [(0.0, 9.0), (60.0, 38.0)] {
        // Years ago, so that it is taken as of now and doubtful.
        scene.send("dev", "etco2", value, |_, reading| {
            reading.time = ReadingTime::At(at(second) - Span::days(2_000));
        });
        scene.advance(60.0);
    }
    scene.limit("etco2", Side::Low, Some(20.0));
    scene.change(None, Some(true));
    scene.advance(10.0);
    scene.reading("dev", "etco2", 9.0);
    let low = "vitals_live.etco2_low";
    assert_eq!(scene.alarm(low).condition, Condition::Unknown, "it has not lasted");
    scene.change(None, Some(false));
    assert_eq!(scene.alarm(low).condition, Condition::Present);
}

#[test]
fn what_was_silent_when_something_poor_came_of_it_is_given_no_longer() {
    let mut scene = Scene::bedside();
    for _ in 0..2 {
        scene.reading("dev", "heart_rate", 72.0);
        scene.advance(10.0);
    }
    scene.send("dev", "temperature", 37.0, |_, reading| reading.quality = Some(0.2));
    scene.device("dev", "bedside", &["heart_rate", "temperature"]);
    assert!(scene.find(SILENCE).is_some(), "nothing came of the temperature for 20 s");
}
