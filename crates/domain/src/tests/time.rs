//! Restarts, windows without intake, clock steps, redelivery, and what other gateways got wrong.

use crate::model::input::{Input, Synchronised};
use crate::model::message::{Body, Kind};
use crate::model::time::Span;

use super::scene::{Scene, at};

const SPO2: &str = "vitals_live.spo2_low";

/// Killed at 7 of 10 s of a delay, back after some seconds with the data sent meanwhile.
#[test]
fn a_delay_goes_on_through_a_restart() {
    let mut scene = Scene::bedside();
    scene.reconfigure("delay = \"15s\"", "delay = \"10s\"");
    scene.stream("dev", "spo2", 84.0, 7);
    scene.expect(&[]);
    scene.restart(2.0);
    for second in 7..9 {
        scene.measured_at("dev", "spo2", 84.0, f64::from(second));
    }
    scene.reading("dev", "spo2", 84.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.reading("dev", "spo2", 84.0);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm(SPO2).raised_at, at(10.0));
}

#[test]
fn what_falls_due_in_a_window_without_intake_waits_and_keeps_its_own_time() {
    let mut scene = Scene::bedside();
    scene.reconfigure("delay = \"15s\"", "delay = \"10s\"");
    scene.stream("dev", "spo2", 84.0, 7);
    scene.restart(60.0);
    scene.expect(&["raised medium gateway.deaf: alarming, momentary"]);
    scene.advance(9.9);
    scene.expect(&[]);
    scene.advance(0.1);
    let news = scene.news();
    assert_eq!(
        news,
        [
            "raised medium vitals_live.spo2_low: alarming, present",
            "unknown medium vitals_live.spo2_low: alarming, unknown",
            "raised medium link.silence: alarming, present",
        ]
    );
    assert_eq!(scene.alarm(SPO2).raised_at, at(10.0));
}

#[test]
fn data_redelivered_after_the_window_overtake_the_deadline() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 7);
    scene.restart(30.0);
    scene.skip();
    for second in 7..37 {
        scene.measured_at("dev", "spo2", 97.0, f64::from(second));
    }
    scene.stream("dev", "spo2", 97.0, 20);
    scene.expect(&[]);
}

#[test]
fn a_deadline_is_put_off_once_however_many_windows_follow() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.restart(12.0);
    scene.advance(3.0);
    scene.skip();
    scene.restart(12.0);
    let news = scene.news();
    assert!(news.contains(&"raised low link.silence: alarming, present".to_owned()), "{news:?}");
    scene.advance(1.0);
    scene.reading("dev", "spo2", 97.0);
    scene.expect(&["ended low link.silence: closed ended"]);
}

#[test]
fn a_short_window_blames_nobody_and_a_long_one_the_gateway() {
    for (seconds, count) in [(5.0, 0), (6.0, 1)] {
        let mut scene = Scene::empty();
        scene.advance(1.0);
        scene.restart(seconds);
        assert_eq!(scene.news().len(), count);
    }
}

#[test]
fn a_clock_set_back_changes_no_duration() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 7);
    let back = Span::hours(-1);
    scene.now.offset = back;
    scene.fold(&[Input::ClockStep { from_us: 0, to_us: back.as_micros() }]);
    scene.expect(&["note clock_step", "raised medium clock.behind: alarming, present"]);
    scene.stream("dev", "spo2", 84.0, 8);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    let alarm = scene.alarm(SPO2);
    assert_eq!(alarm.raised_at, at(15.0) + back, "shown by the clock people see");
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 3_599);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 84.0, 2);
    scene.expect(&["acknowledgement_over medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn a_clock_set_back_is_an_alarm_until_it_is_right_again() {
    let mut scene = Scene::empty();
    for (from, to, more) in [
        (0, -3_600_000_000, vec!["raised medium clock.behind: alarming, present"]),
        (-3_600_000_000, -60_000_000, vec![]),
        (-60_000_000, 0, vec!["ended medium clock.behind: closed ended"]),
        (0, 3_600_000_000, vec![]),
    ] {
        scene.now.offset = Span::micros(to);
        scene.fold(&[Input::ClockStep { from_us: from, to_us: to }]);
        let expected: Vec<_> = std::iter::once("note clock_step").chain(more).collect();
        scene.expect(&expected);
    }
}

#[test]
fn a_message_redelivered_after_a_restart_counts_once() {
    let mut scene = Scene::bedside();
    let mut message = scene.message("dev");
    let reading = scene.measured("nibp_sys", 70.0);
    message.body = Body::Telemetry { readings: vec![reading], refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message.clone()))]);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
    let id = scene.alarm("vitals_live.nibp_sys_low").id;
    scene.restart(2.0);
    message.delivery.dup = true;
    scene.fold(&[Input::Message(Box::new(message.clone()))]);
    scene.expect(&[]);
    // The same reading in another message.
    (message.seq, message.hash) = (Some(999), 999);
    scene.fold(&[Input::Message(Box::new(message))]);
    scene.expect(&[]);
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").id, id);
}

#[test]
fn an_acknowledgement_survives_a_restart_and_runs_out_on_time() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.acknowledge("vitals_live.nibp_sys_low");
    scene.restart(5.0);
    assert!(scene.alarm("vitals_live.nibp_sys_low").acknowledged.is_some());
    scene.advance(500.0);
    scene.skip();
    scene.advance(94.9);
    scene.expect(&[]);
    scene.advance(0.1);
    scene.expect(&["acknowledgement_over high vitals_live.nibp_sys_low: alarming, unknown"]);
}

#[test]
fn a_second_desaturation_after_the_first_was_resolved_alarms() {
    let mut scene = Scene::bedside();
    for _ in 0..2 {
        scene.stream("dev", "spo2", 84.0, 16);
        scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
        scene.stream("dev", "spo2", 97.0, 61);
        scene.skip();
        scene.reset(SPO2, None);
        scene.stream("dev", "spo2", 97.0, 180);
        scene.skip();
    }
}

#[test]
fn two_bad_signals_of_one_message_are_two_alarms() {
    let mut scene = Scene::bedside();
    let mut message = scene.message("dev");
    let mut readings =
        vec![scene.measured("nibp_sys", 70.0), scene.measured("glucose_blood", 50.0)];
    readings[1].index = 1;
    message.body = Body::Telemetry { readings, refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
    scene.expect(&[
        "raised high vitals_live.nibp_sys_low: alarming, present",
        "raised high glucose.blood_low: alarming, present",
    ]);
}

#[test]
fn garbage_in_any_number_stops_nothing() {
    let mut scene = Scene::bedside();
    for _ in 0..1_001 {
        let mut message = scene.message("dev");
        message.seq = None;
        message.body = Body::Undecodable { kind: Kind::Telemetry, reason: "syntax".to_owned() };
        scene.fold(&[Input::Message(Box::new(message))]);
    }
    scene.reading("dev", "nibp_sys", 70.0);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn a_value_on_the_limit_is_inside_and_a_fraction_beyond_is_not() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 90.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.reading("dev", "nibp_sys", 89.9);
    scene.expect(&["raised low vitals_live.nibp_sys_low_repeat_due: alarming, present"]);
}

/// A device whose clock runs free: it says when it sends, and nobody keeps it right.
fn free_running(scene: &mut Scene, value: f64, ahead: Span) {
    let stamp = scene.now.at + ahead;
    scene.send("dev", "spo2", value, |message, reading| {
        message.clock = None;
        message.sent_at = Some(stamp);
        reading.time = crate::model::message::ReadingTime::At(stamp);
    });
    scene.advance(1.0);
}

#[test]
fn a_step_of_the_wall_clock_makes_no_device_late() {
    for hours in [-1, 1] {
        let mut scene = Scene::bedside();
        for _ in 0..15 {
            free_running(&mut scene, 97.0, Span::ZERO);
        }
        let to = Span::hours(hours);
        scene.now.offset = to;
        scene.fold(&[Input::ClockStep { from_us: 0, to_us: to.as_micros() }]);
        scene.skip();
        for _ in 0..16 {
            free_running(&mut scene, 84.0, Span::ZERO);
        }
        scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    }
}

#[test]
fn one_wrong_time_of_sending_is_suspect_and_teaches_nothing() {
    let mut scene = Scene::bedside();
    for _ in 0..15 {
        free_running(&mut scene, 97.0, Span::ZERO);
    }
    scene.skip();
    free_running(&mut scene, 97.0, Span::hours(2));
    scene.expect(&["raised medium clock.suspect: alarming, present"]);
    free_running(&mut scene, 97.0, Span::ZERO);
    scene.expect(&[]);
    for _ in 0..16 {
        free_running(&mut scene, 84.0, Span::ZERO);
    }
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn a_clock_not_known_to_be_synchronised_is_an_alarm_until_it_is() {
    let mut scene = Scene::empty();
    let mut after = |word: Synchronised, expected: &[&str]| {
        scene.fold(&[Input::Synchronised(word)]);
        scene.expect(expected);
    };
    let unknown = || Synchronised::Unknown("no such program".to_owned());
    after(Synchronised::Yes, &[]);
    after(unknown(), &["raised low clock.unsynchronised: alarming, present"]);
    after(unknown(), &[]);
    after(Synchronised::No, &["priority_rose medium clock.unsynchronised: alarming, present"]);
    after(unknown(), &["updated medium clock.unsynchronised: alarming, present"]);
    after(Synchronised::Yes, &["ended medium clock.unsynchronised: closed ended"]);
    after(Synchronised::No, &["raised medium clock.unsynchronised: alarming, present"]);
    after(
        Synchronised::NotAsked,
        &["rule_changed medium clock.unsynchronised: closed detection_off"],
    );
    after(Synchronised::NotAsked, &[]);
}

#[test]
fn time_that_caused_something_makes_a_row_and_other_time_need_not() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    let row = scene.core.row();
    assert!(scene.core.advance(scene.now).is_nothing());
    assert_eq!(scene.core.row(), row);
    scene.now.at = scene.now.at + Span::hours(1);
    let silent = scene.core.advance(scene.now);
    assert!(!silent.is_nothing());
    assert!(!silent.into_row().transitions.is_empty());
    assert_eq!(scene.core.row(), row + 1);
}
