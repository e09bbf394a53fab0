//! What a window without intake puts off is put off for what is judged again as well (contract §3).

use crate::model::alarm::{Condition, Side};
use crate::model::message::Status;

use super::differed::again;
use super::scene::Scene;

#[test]
fn what_is_expected_anew_is_not_silent_before_senders_caught_up() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2"]);
    scene.bind("dev", "p");
    scene.advance(4.0);
    scene.restart(30.0);
    scene.advance(3.0);
    scene.device("dev", "bedside", &["spo2", "heart_rate"]);
    assert!(scene.find("link.silence").is_none(), "its rung fell in the window");
    scene.advance(7.0);
    assert!(scene.find("link.silence").is_some());
}

#[test]
fn new_limits_find_a_series_known_whose_gap_is_put_off() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 90.0);
    scene.advance(1.0);
    scene.restart(12.0);
    scene.limit("spo2", Side::Low, Some(92.0));
    scene.advance(10.0);
    assert!(scene.find("link.lost_while_pending").is_some(), "a delay ran when it was lost");
}

#[test]
fn other_rules_find_a_series_known_whose_gap_is_put_off() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 17);
    scene.restart(12.0);
    scene.reconfigure(
        "hysteresis = \"2 %\"\ngap = \"10s\"\nadults_only",
        "hysteresis = \"3 %\"\ngap = \"10s\"\nadults_only",
    );
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Present);
    scene.advance(10.0);
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Unknown);
}

#[test]
fn a_correction_waits_for_a_window_as_its_reading_would_have() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "heart_rate", 80.0);
    scene.advance(2.0);
    scene.restart(30.0);
    scene.advance(3.0);
    scene.send("dev", "heart_rate", 20.0, again(0.0, Status::Corrected));
    assert!(scene.find("vitals_live.bradycardia_low").is_none());
    scene.advance(7.0);
    assert!(scene.find("vitals_live.bradycardia_low").is_some());
}

#[test]
fn a_delay_that_runs_out_brings_nothing_back_that_is_unknown() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2", "abp_sys"]);
    scene.bind("dev", "p");
    scene.advance(9.0);
    scene.reading("dev", "abp_sys", 0.0);
    scene.advance(5.0);
    let low = "vitals_live.abp_sys_low";
    assert!(scene.told().iter().any(|told| told.contains(low)));
    scene.restart(8.0);
    scene.advance(10.0);
    assert_eq!(scene.alarm(low).condition, Condition::Unknown);
    assert!(!scene.told().iter().any(|told| told.contains(low)), "nothing came");
}
