//! A gateway that stands still again and again: what is silent meanwhile is told all the same.

use crate::model::alarm::Priority;
use crate::model::input::Input;
use crate::model::time::Span;
use crate::output::transition::TransitionBody;

use super::scene::{Scene, at};

/// The last message of the device, and how long a bedside monitor may be silent.
const LAST: f64 = 4.0;
const RUNGS: [(Priority, f64); 2] = [(Priority::Low, 15.0), (Priority::Medium, 60.0)];
/// A deadline that fell into a window waits so long after it (contract §0.10).
const GRACE: f64 = 10.0;

/// A monitor that has said its last word.
fn silent() -> Scene {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene
}

/// The pipeline steps ten times a second.
fn runs(scene: &mut Scene, seconds: f64) {
    let end = scene.now.at + Span::millis((seconds * 1_000.0) as i64);
    while scene.now.at < end {
        let left = (end - scene.now.at).as_secs_f64();
        scene.advance(left.min(0.1));
    }
}

/// Nothing was taken in for so long.
fn stands_still(scene: &mut Scene, seconds: f64) {
    let from = scene.now.at;
    scene.now.at = from + Span::millis((seconds * 1_000.0) as i64);
    let to = scene.now.at;
    scene.fold(&[Input::IntakeGap { from, to }]);
    // The next window begins when intake was open last, which is after the end of this one.
    scene.advance(0.001);
}

/// Commits fail for so long.
fn store_fails(scene: &mut Scene, seconds: f64) {
    scene.fold(&[Input::Store { failing: true }]);
    runs(scene, seconds);
    scene.fold(&[Input::Store { failing: false }]);
    scene.advance(0.001);
}

/// The rungs of silence that were told, each with the second at which that was noticed.
fn told(scene: &Scene, before: &mut usize, into: &mut Vec<(Priority, f64)>) {
    for transition in &scene.log[*before..] {
        let TransitionBody::Alarm { alarm, .. } = &transition.body else { continue };
        let rung = alarm.priority;
        if alarm.rule.as_str() == "link.silence" && into.iter().all(|(known, _)| *known != rung) {
            into.push((rung, scene.second()));
        }
    }
    *before = scene.log.len();
}

/// Every rung is told in time, however `turn` goes on. A window of at most `longest` covers its deadline,
/// and another one the end of its grace.
fn expect_every_rung(mut scene: Scene, longest: f64, mut turn: impl FnMut(&mut Scene)) {
    let (mut heard, mut before) = (Vec::new(), 0);
    while heard.len() < RUNGS.len() && scene.second() < 300.0 {
        turn(&mut scene);
        told(&scene, &mut before, &mut heard);
    }
    assert_eq!(heard.len(), RUNGS.len(), "{heard:?}");
    for ((expected, after), (rung, second)) in RUNGS.into_iter().zip(heard) {
        let due = LAST + after;
        let latest = due + longest + GRACE + longest;
        assert_eq!(rung, expected);
        assert!((due..=latest).contains(&second), "{rung:?} due at {due} s, told at {second} s");
    }
    assert_eq!(scene.alarm("link.silence").raised_at, at(LAST + RUNGS[0].1));
}

#[test]
fn a_machine_stopped_for_1_3_s_every_8_s_tells_silence_in_time() {
    for phase in 0..16 {
        let mut scene = silent();
        runs(&mut scene, f64::from(phase) * 0.5);
        expect_every_rung(scene, 1.5, |scene| {
            stands_still(scene, 1.3);
            runs(scene, 6.699);
        });
    }
}

#[test]
fn commits_that_stall_for_1_to_3_s_one_after_another_tell_silence_in_time() {
    for phase in 0..12 {
        let mut scene = silent();
        runs(&mut scene, f64::from(phase) * 0.25);
        let mut stalls = [1.1, 3.0, 1.7, 2.3].into_iter().cycle();
        expect_every_rung(scene, 3.1, |scene| stands_still(scene, stalls.next().unwrap()));
    }
}

#[test]
fn a_store_that_fails_for_some_seconds_again_and_again_tells_silence_in_time() {
    for phase in 0..12 {
        let mut scene = silent();
        runs(&mut scene, f64::from(phase) * 0.25);
        expect_every_rung(scene, 6.1, |scene| {
            stands_still(scene, 3.0);
            store_fails(scene, 3.0);
            runs(scene, 0.5);
        });
    }
}
