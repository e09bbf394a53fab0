//! Pauses of the device, the process and the store.

use crate::model::input::Input;
use crate::model::message::{Mode, Phase};

use super::{RAISED, beats, both, breathing, expect};

#[test]
fn a_device_that_falls_silent_altogether_is_silent_and_loses_nothing() {
    let mut scene = breathing();
    beats(&mut scene, 1);
    scene.advance(600.0);
    expect(&mut scene, &[]);
    // Its signals come back a moment apart.
    for _ in 0..20 {
        scene.reading("dev", "heart_rate", 70.0);
        scene.advance(0.5);
        scene.reading("dev", "etco2", 38.0);
        scene.advance(29.5);
    }
    expect(&mut scene, &[]);
}

#[test]
fn a_pause_of_the_device_counts_as_half_at_most() {
    for (pause, more) in [(2.0, 4), (9.0, 1), (9.9, 1), (10.0, 9), (100.0, 9)] {
        let mut scene = breathing();
        beats(&mut scene, 4);
        // It has lasted 3 s.
        scene.advance(pause - 1.0);
        beats(&mut scene, more);
        expect(&mut scene, &[]);
        beats(&mut scene, 1);
        expect(&mut scene, &[RAISED]);
    }
}

#[test]
fn a_device_that_sends_in_bursts_is_no_exception() {
    let mut scene = breathing();
    for _ in 0..4 {
        scene.reading("dev", "heart_rate", 70.0);
        scene.advance(5.0);
    }
    expect(&mut scene, &[RAISED]);
}

#[test]
fn a_device_that_sends_only_events_does_not_count_as_sending_on() {
    let mut scene = breathing();
    for n in 0..30 {
        scene.event("dev", "button", Some(&n.to_string()), Phase::Single);
        scene.advance(1.0);
    }
    expect(&mut scene, &[]);
}

#[test]
fn another_device_does_not_stand_for_it_and_a_restart_forgets_nothing() {
    let mut scene = breathing();
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.stream("other", "heart_rate", 70.0, 60);
    expect(&mut scene, &[]);
}

#[test]
fn a_loss_goes_on_through_a_restart_and_waits_for_what_is_redelivered() {
    for gap in [3.0, 60.0] {
        let mut scene = breathing();
        beats(&mut scene, 8);
        scene.restart(gap);
        scene.skip();
        beats(&mut scene, 9);
        expect(&mut scene, &[]);
        beats(&mut scene, 1);
        expect(&mut scene, &[RAISED]);
    }
    // A value observed again in time overtakes it.
    let mut scene = breathing();
    beats(&mut scene, 8);
    scene.restart(3.0);
    beats(&mut scene, 9);
    both(&mut scene, 5);
    expect(&mut scene, &[]);
}

#[test]
fn while_the_store_fails_what_is_not_taken_in_is_not_lost() {
    let mut scene = breathing();
    beats(&mut scene, 8);
    scene.fold(&[Input::Store { failing: true }]);
    scene.advance(300.0);
    scene.fold(&[Input::Store { failing: false }]);
    beats(&mut scene, 9);
    both(&mut scene, 5);
    expect(&mut scene, &[]);
}

#[test]
fn a_device_in_test_mode_does_not_go_on() {
    let mut scene = breathing();
    for _ in 0..30 {
        scene.send("dev", "heart_rate", 70.0, |m, _| m.mode = Mode::Test);
        scene.advance(1.0);
    }
    expect(&mut scene, &[]);
}
