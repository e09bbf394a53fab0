//! What is technical of a patient is announced at most twice an hour for one cause (contract §5).

use crate::model::alarm::{Condition, Priority, State};
use crate::model::command::Outcome;
use crate::tests::scene::{Scene, at};

const ZERO: &str = "link.zero_or_off";
const OFF: &str = "raised high link.zero_or_off: alarming, present";

/// A monitor whose zeros mean that the sensor is off; its heart rate is lost now.
fn off() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["heart_rate"]);
    scene.reading("dev", "heart_rate", 70.0);
    scene.reading("dev", "heart_rate", 0.0);
    scene
}

/// The sensor is on again, and off once more after `seconds`.
fn again(scene: &mut Scene, seconds: f64) {
    scene.advance(10.0);
    scene.reading("dev", "heart_rate", 70.0);
    assert!(scene.find(ZERO).is_none());
    while seconds - scene.second() > 10.0 {
        scene.advance(10.0);
        scene.reading("dev", "heart_rate", 70.0);
    }
    scene.advance(seconds - scene.second());
    scene.skip();
    scene.reading("dev", "heart_rate", 0.0);
    scene.expect(&[OFF]);
}

#[test]
fn the_third_time_in_an_hour_is_open_and_shown_and_announced_when_the_hour_is_over() {
    let mut scene = off();
    assert_eq!(scene.alarm(ZERO).quiet_until, None);
    again(&mut scene, 600.0);
    assert_eq!(scene.alarm(ZERO).quiet_until, None);
    again(&mut scene, 1_200.0);
    let alarm = scene.alarm(ZERO);
    assert_eq!((alarm.state, alarm.condition), (State::Alarming, Condition::Present));
    assert_eq!(alarm.quiet_until, Some(at(3_600.0)));
    scene.advance(2_399.0);
    scene.skip();
    scene.advance(1.0);
    scene.expect(&["unfolded high link.zero_or_off: alarming, present"]);
    let alarm = scene.alarm(ZERO);
    assert_eq!((alarm.quiet_until, alarm.announced_at), (None, at(3_600.0)));
}

#[test]
fn what_was_kept_back_and_is_over_is_announced_no_more_and_counts_for_nothing() {
    let mut scene = off();
    again(&mut scene, 600.0);
    again(&mut scene, 1_200.0);
    again(&mut scene, 3_700.0);
    assert_eq!(scene.alarm(ZERO).quiet_until, None);
    again(&mut scene, 3_800.0);
    assert_eq!(scene.alarm(ZERO).quiet_until, Some(at(4_200.0)));
}

#[test]
fn what_was_kept_back_is_known_after_a_restart() {
    let mut scene = off();
    again(&mut scene, 600.0);
    scene.restart(1.0);
    again(&mut scene, 1_200.0);
    assert_eq!(scene.alarm(ZERO).quiet_until, Some(at(3_600.0)));
    scene.restart(1.0);
    scene.advance(2_399.0);
    assert_eq!(scene.alarm(ZERO).quiet_until, None);
}

#[test]
fn who_answers_what_was_kept_back_is_not_told_of_it_when_the_hour_is_over() {
    let mut scene = off();
    again(&mut scene, 600.0);
    again(&mut scene, 3_000.0);
    assert_eq!(scene.acknowledge(ZERO), Outcome::Done);
    assert_eq!(scene.alarm(ZERO).quiet_until, None);
    scene.advance(599.0);
    scene.skip();
    scene.advance(2.0);
    assert_eq!(scene.alarm(ZERO).state, State::Acknowledged);
}

#[test]
fn what_is_graver_than_all_that_was_announced_in_the_hour_is_announced() {
    let mut scene = Scene::bedside();
    let implausible = |scene: &mut Scene, good: Option<f64>| {
        scene.advance(10.0);
        if let Some(value) = good {
            scene.reading("dev", "spo2", value);
            scene.advance(10.0);
        }
        scene.reading("dev", "spo2", 120.0);
        scene.alarm("link.implausible")
    };
    assert_eq!(implausible(&mut scene, Some(80.0)).priority, Priority::Medium);
    assert_eq!(implausible(&mut scene, Some(80.0)).quiet_until, None);
    assert!(implausible(&mut scene, Some(80.0)).quiet_until.is_some());
    let graver = implausible(&mut scene, Some(97.0));
    assert_eq!((graver.priority, graver.quiet_until), (Priority::High, None));
    assert!(implausible(&mut scene, Some(97.0)).quiet_until.is_some());
}

#[test]
fn another_signal_is_another_cause() {
    let mut scene = Scene::bedside();
    for signal in ["spo2", "pulse_rate"] {
        for _ in 0..2 {
            scene.advance(10.0);
            scene.reading("dev", signal, 80.0);
            scene.advance(10.0);
            scene.reading("dev", signal, 900.0);
            let quiet = |alarm: crate::model::alarm::Alarm| alarm.quiet_until.is_some();
            assert!(!scene.find("link.implausible").is_some_and(quiet));
        }
        scene.advance(10.0);
        scene.reading("dev", signal, 80.0);
    }
}

#[test]
fn a_request_for_another_measurement_is_of_the_patient_and_always_announced() {
    let mut scene = Scene::bedside();
    for _ in 0..4 {
        scene.reading("dev", "nibp_sys", 190.0);
        assert_eq!(scene.alarm("vitals_live.nibp_sys_high_repeat_due").quiet_until, None);
        scene.advance(60.0);
        scene.reading("dev", "nibp_sys", 120.0);
        scene.advance(60.0);
    }
}
