//! What is judged again, or known no more: nothing is told twice, nothing hangs, and nothing that is known is passed over.

use crate::model::alarm::{Condition, Side};
use crate::model::command::{Action, AgeClass};
use crate::model::message::Phase::{Single, Start};
use crate::model::message::{ReadingTime, Status};
use crate::model::time::Span;

use super::differed::again;
use super::scene::{Scene, at};

const SPO2: &str = "vitals_live.spo2_low";

/// A device that reports once a minute, at second 1,000.
fn wearable() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "wearable", &["spo2", "heart_rate"]);
    scene.bind("dev", "p");
    scene.advance(1_000.0);
    scene
}

fn unbind(scene: &mut Scene, device: &str) {
    scene.done(Action::Unbind { device: device.parse().unwrap(), replaces: None });
}

fn stamped_years_ago(scene: &mut Scene, signal: &str, value: f64) {
    scene.send("dev", signal, value, |_, reading| {
        reading.time = ReadingTime::At(at(0.0) - Span::days(2_000));
    });
}

#[test]
fn a_late_excursion_does_not_reach_over_a_value_that_was_known_once() {
    let mut scene = wearable();
    for minute in 0..2 {
        scene.reading("dev", "spo2", 97.0);
        scene.advance(60.0);
        if minute == 1 {
            scene.measured_at("dev", "spo2", 86.0, 1_030.0);
        }
    }
    for _ in 0..5 {
        scene.reading("dev", "spo2", 97.0);
        scene.advance(60.0);
    }
    scene.skip();
    // 97 % at 1,000 s lies between, and is forgotten by now.
    scene.measured_at("dev", "spo2", 86.0, 970.0);
    scene.expect(&[]);
}

#[test]
fn a_loss_that_an_unbinding_made_unknown_ends_with_the_next_value() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "heart_rate", 72.0);
    for _ in 0..14 {
        scene.advance(1.0);
        scene.reading("dev", "spo2", 97.0);
    }
    assert_eq!(scene.alarm("vitals_live.asystole_lost").condition, Condition::Present);
    unbind(&mut scene, "dev");
    scene.bind("dev", "p");
    assert_eq!(scene.alarm("vitals_live.asystole_lost").condition, Condition::Unknown);
    scene.advance(1.0);
    scene.reading("dev", "heart_rate", 72.0);
    assert_eq!(scene.alarm("vitals_live.asystole_lost").condition, Condition::Absent);
}

#[test]
fn what_was_told_late_is_not_told_again_under_other_rules() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    for second in 0..20 {
        scene.measured_at("dev", "spo2", 86.0, 500.0 + f64::from(second));
    }
    scene.skip();
    scene.reconfigure(
        "hysteresis = \"2 %\"\ngap = \"10s\"\nadults_only",
        "hysteresis = \"3 %\"\ngap = \"10s\"\nadults_only",
    );
    scene.skip();
    for second in 0..20 {
        scene.measured_at("dev", "spo2", 86.0, 500.5 + f64::from(second));
    }
    scene.advance(2.0);
    scene.expect(&[]);
}

#[test]
fn an_outbox_of_the_stay_before_is_one_excursion_by_its_own_interval() {
    let mut scene = wearable();
    scene.done(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: None,
        replaces: None,
    });
    scene.admit("p");
    scene.skip();
    for minute in 0..4 {
        scene.measured_at("dev", "spo2", 87.0, 700.0 + 60.0 * f64::from(minute));
    }
    scene.advance(2.0);
    scene.expect(&["late raised low vitals_live.spo2_low: alarming, momentary"]);
}

#[test]
fn an_emergency_is_found_before_what_follows_from_it() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.change(Some(AgeClass::Unknown), None);
    scene.reading("dev", "etco2", 9.0);
    scene.reading("dev", "heart_rate", 0.0);
    scene.advance(3.0);
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some("q".parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
    let asystole = scene.alarm("vitals_live.asystole_low").id.to_string();
    assert_eq!(scene.alarm("vitals_live.etco2_low").group, Some(asystole));
}

#[test]
fn intake_that_stands_still_is_told_again_when_the_alarm_of_yesterday_has_run_out() {
    use crate::model::input::Input;
    let mut scene = Scene::bedside();
    for pause in [12.0, 86_400.0] {
        scene.advance(pause - 8.0);
        scene.skip();
        let from = scene.now.at;
        scene.now.at = from + Span::secs(8);
        scene.fold(&[Input::IntakeGap { from, to: scene.now.at }]);
        let news = scene.news();
        let told = news.iter().filter(|line| line.contains("gateway.deaf: alarming")).count();
        assert_eq!(told, 1, "{news:?}");
    }
}

#[test]
fn a_correction_to_what_was_sent_before_contradicts_nothing() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "heart_rate", 72.0);
    let second = scene.second();
    scene.send("dev", "heart_rate", 74.0, |_, reading| reading.quality = Some(0.2));
    scene.advance(1.0);
    scene.send("dev", "heart_rate", 74.0, again(second, Status::Corrected));
    scene.advance(40.0);
    scene.skip();
    scene.reading("dev", "heart_rate", 75.0);
    let ended = scene.news().iter().any(|line| line.contains("link.silence: closed"));
    assert!(ended, "a value after it is a sign of life");
}

#[test]
fn a_doubtful_value_does_not_hurry_the_wait_for_another_measurement() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 120.0);
    let second = scene.second();
    scene.advance(3_000.0);
    stamped_years_ago(&mut scene, "nibp_sys", 120.0);
    scene.advance(1.0);
    scene.skip();
    scene.send("dev", "nibp_sys", 85.0, again(second, Status::Corrected));
    scene.advance(60.0);
    assert!(
        scene.find("vitals_live.nibp_sys_low_repeat_due").is_some(),
        "it waits for five minutes"
    );
    assert!(scene.find("vitals_live.nibp_sys_low").is_none());
}

#[test]
fn a_stamp_ahead_of_now_belongs_to_whom_the_device_is_bound_when_it_comes() {
    let mut scene = Scene::empty();
    for patient in ["p", "q"] {
        scene.admit(patient);
    }
    scene.device("dev", "bedside", &["spo2"]);
    scene.bind("dev", "p");
    scene.advance(10.0);
    unbind(&mut scene, "dev");
    scene.bind("dev", "q");
    scene.advance(2.0);
    scene.skip();
    let ahead = scene.second() + 240.0;
    scene.measured_at("dev", "spo2", 60.0, ahead);
    let news = scene.news();
    assert!(news.iter().any(|line| line.contains("link.unattributed")), "{news:?}");
}

#[test]
fn what_no_limit_judges_ends_nothing() {
    let mut scene = Scene::bedside();
    scene.limit("nibp_sys", Side::High, Some(170.0));
    scene.reading("dev", "nibp_sys", 60.0);
    scene.advance(400.0);
    scene.change(Some(AgeClass::Paediatric), None);
    for _ in 0..3 {
        scene.advance(60.0);
        scene.reading("dev", "nibp_sys", 100.0);
    }
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").condition, Condition::Unknown);
}

#[test]
fn what_lay_beyond_long_before_its_limit_came_is_unknown_by_then() {
    let mut scene = Scene::bedside();
    scene.change(Some(AgeClass::Unknown), None);
    scene.reading("dev", "abp_sys", 230.0);
    scene.advance(3_600.0);
    stamped_years_ago(&mut scene, "abp_sys", 120.0);
    scene.change(Some(AgeClass::Adult), None);
    assert_eq!(scene.alarm("vitals_live.abp_sys_high").condition, Condition::Unknown);
}

#[test]
fn a_withdrawal_near_a_change_of_patients_is_nobodys_reading() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.reading("dev", "spo2", 97.0);
    let second = scene.second();
    unbind(&mut scene, "dev");
    scene.bind("dev", "q");
    scene.advance(1.0);
    scene.skip();
    scene.send("dev", "spo2", 97.0, again(second, Status::EnteredInError));
    scene.expect(&[]);
}

#[test]
fn an_episode_that_begins_within_a_second_of_the_last_news_waits_for_that_second() {
    let mut scene = Scene::bedside();
    scene.event("dev", "battery_eri", Some("ep-1"), Single);
    scene.skip();
    scene.advance(0.5);
    scene.event("dev", "battery_eri", Some("ep-2"), Start);
    scene.expect(&[]);
    scene.advance(0.6);
    scene.expect(&["recurred medium cied.battery: alarming, present"]);
}

#[test]
fn one_value_told_of_two_as_bad_is_the_first() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    for second in 0..20 {
        scene.measured_at("dev", "spo2", 86.0, 500.0 + f64::from(second));
    }
    scene.send("dev", "spo2", 97.0, again(515.0, Status::EnteredInError));
    assert!(scene.find(SPO2).is_some(), "what is told stands on the first");
}
