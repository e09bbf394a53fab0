//! Which reading counts of a condition.

use super::*;
use crate::model::command::Action;
use crate::model::input::Input;
use crate::model::message::{Body, Comparator, Message, Mode, Reading, ReadingTime, Status, Value};
use crate::model::time::Span;
use crate::model::unit::Unit;
use crate::tests::scene::at;

fn bound(scene: &mut Scene, signal: &str, value: f64, bound: Comparator) -> Option<bool> {
    scene.advance(1.0);
    scene.send("mon", signal, value, |_, reading| {
        if let Value::Number { comparator, .. } = &mut reading.value {
            *comparator = Some(bound);
        }
    });
    scene.verdict()
}

#[test]
fn the_last_measured_counts_of_whatever_device_and_of_two_at_once_the_one_that_holds() {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.reading("oxi", "spo2", 97.0);
    assert_eq!(scene.verdict(), Some(true), "of two at once the one that holds");
    scene.advance(2.0);
    scene.reading("oxi", "spo2", 97.0);
    assert_eq!(scene.verdict(), Some(false));
    scene.measured_at("mon", "spo2", 80.0, 1.0);
    assert_eq!(scene.verdict(), Some(false), "it was measured before");
    scene.advance(1.0);
    scene.reading("mon", "spo2", 80.0);
    assert_eq!(scene.verdict(), Some(true));
}

#[test]
fn it_counts_until_it_is_as_old_as_within_and_nothing_measured_before_it_does() {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.advance(30.0);
    scene.reading("mon", "heart_rate", 42.0);
    scene.advance(29.999);
    assert_eq!(scene.verdict(), Some(true));
    scene.advance(0.001);
    assert_eq!(scene.verdict(), None);
    // What is measured singly counts for no longer.
    let mut scene = bedside();
    scene.device("chart", "charted", &[]);
    scene.bind("chart", "p");
    scene.both(42.0, 97.0);
    scene.advance(20.0);
    scene.reading("chart", "spo2", 88.0);
    scene.reading("mon", "heart_rate", 42.0);
    scene.advance(59.999);
    assert_eq!(scene.verdict(), Some(true));
    scene.advance(0.001);
    assert_eq!(scene.verdict(), None, "what was measured before it does not count again");
}

#[test]
fn a_value_is_compared_as_it_is_in_the_unit_of_the_condition() {
    let mut scene = bedside();
    scene.both(49.999, 89.999);
    assert_eq!(scene.verdict(), Some(true));
    scene.advance(1.0);
    scene.both(50.0, 89.0);
    assert_eq!(scene.verdict(), Some(false), "the figure itself does not hold");
    let warm = "signal = \"temperature\"\nabove = 100.4\nunit = \"[degF]\"";
    let mut scene = bedside_by("signal = \"heart_rate\"\nbelow = 50\nunit = \"/min\"", warm);
    scene.reading("mon", "spo2", 85.0);
    scene.reading("mon", "temperature", 39.0);
    assert_eq!(scene.verdict(), Some(true), "102.2 °F");
    scene.advance(10.0);
    assert_eq!(scene.alarm(RULE).text, "Temperature 102.2 °F above 100.4 °F, SpO2 85 % below 90 %");
    scene.reading("mon", "temperature", 37.0);
    assert_eq!(scene.verdict(), Some(false));
    scene.send("mon", "temperature", 101.0, |_, reading| {
        reading.time = ReadingTime::At(at(10.5));
        reading.value = Value::Number { value: 101.0, unit: Unit::Fahrenheit, comparator: None };
        reading.implausible = false;
    });
    assert_eq!(scene.verdict(), Some(true));
}

#[test]
fn a_bound_counts_where_every_value_it_allows_gives_the_same_answer() {
    let mut scene = bedside();
    scene.both(42.0, 97.0);
    let mut is = |value, allows| bound(&mut scene, "spo2", value, allows);
    assert_eq!(is(90.0, Comparator::Less), Some(true), "each below 90");
    assert_eq!(is(90.0, Comparator::GreaterOrEqual), Some(false));
    assert_eq!(is(89.0, Comparator::GreaterOrEqual), Some(false), "passed over");
    assert_eq!(is(89.0, Comparator::LessOrEqual), Some(true));
    assert_eq!(is(90.0, Comparator::LessOrEqual), Some(true), "passed over: it may be 90");
    assert_eq!(is(90.0, Comparator::Greater), Some(false));
    assert_eq!(is(91.0, Comparator::Less), Some(false), "passed over");
    let mut scene = bedside_by("below = 90.0", "above = 90");
    scene.both(42.0, 80.0);
    let mut is = |value, allows| bound(&mut scene, "spo2", value, allows);
    assert_eq!(is(90.0, Comparator::Greater), Some(true));
    assert_eq!(is(90.0, Comparator::LessOrEqual), Some(false));
    assert_eq!(is(90.0, Comparator::GreaterOrEqual), Some(false), "passed over: it may be 90");
    assert_eq!(is(90.5, Comparator::GreaterOrEqual), Some(true));
}

#[test]
fn a_bound_that_came_before_the_rule_is_known_to_it() {
    let mut scene = bedside();
    scene.configured(shipped());
    scene.reading("mon", "heart_rate", 42.0);
    bound(&mut scene, "spo2", 70.0, Comparator::LessOrEqual);
    scene.configured(texts("", ""));
    assert_eq!(scene.verdict(), Some(true));
}

#[test]
fn of_the_bounds_of_a_series_the_last_four_are_known() {
    let mut scene = bedside_by(
        "signal = \"heart_rate\"\nbelow = 50\nunit = \"/min\"",
        "signal = \"spo2\"\nabove = 80\nunit = \"%\"",
    );
    assert_eq!(bound(&mut scene, "spo2", 80.0, Comparator::Less), Some(false));
    for _ in 0..3 {
        assert_eq!(bound(&mut scene, "spo2", 80.0, Comparator::Greater), Some(true));
    }
    assert_eq!(bound(&mut scene, "spo2", 80.0, Comparator::Greater), None, "below 90 is open");
}

#[test]
fn what_is_in_doubt_is_passed_over_and_what_is_withdrawn_or_corrected_counts_no_more() {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.advance(10.0);
    scene.send("mon", "spo2", 97.0, |_, reading| reading.quality = Some(0.2));
    scene.send("mon", "spo2", 97.0, |message, _| message.mode = Mode::Test);
    scene.send("mon", "spo2", 97.0, |_, reading| reading.unit_doubtful = true);
    scene.reading("mon", "spo2", 900.0);
    assert_eq!(scene.verdict(), Some(true));
    scene.advance(1.0);
    scene.reading("mon", "spo2", 97.0);
    let then = scene.second();
    let of_then = |status| {
        move |_: &mut Message, reading: &mut Reading| {
            (reading.time, reading.status) = (ReadingTime::At(at(then)), status);
        }
    };
    assert_eq!(scene.verdict(), Some(false));
    scene.advance(1.0);
    scene.send("mon", "spo2", 97.0, of_then(Status::EnteredInError));
    assert_eq!(scene.verdict(), Some(true), "the one before counts again");
    scene.reading("mon", "heart_rate", 70.0);
    let then = scene.second();
    let of_then = |status| {
        move |_: &mut Message, reading: &mut Reading| {
            (reading.time, reading.status) = (ReadingTime::At(at(then)), status);
        }
    };
    scene.advance(1.0);
    assert_eq!(scene.verdict(), Some(false));
    scene.send("mon", "heart_rate", 45.0, of_then(Status::Corrected));
    assert_eq!(scene.verdict(), Some(true));
    scene.send("mon", "heart_rate", 900.0, of_then(Status::Corrected));
    assert_eq!(scene.verdict(), Some(true), "42 counts again");
}

#[test]
fn what_is_corrected_to_something_in_doubt_is_gone_though_that_says_the_same() {
    let mut scene = bedside();
    scene.both(42.0, 97.0);
    scene.advance(1.0);
    scene.reading("mon", "spo2", 85.0);
    assert_eq!(scene.verdict(), Some(true));
    let then = scene.second();
    scene.advance(1.0);
    scene.send("mon", "spo2", 84.0, |_, reading| {
        (reading.time, reading.status) = (ReadingTime::At(at(then)), Status::Corrected);
        reading.unit_doubtful = true;
    });
    assert_eq!(scene.verdict(), Some(false), "97 counts again");
}

#[test]
fn what_was_measured_before_a_binding_counts_for_nothing_and_a_device_that_left_is_open() {
    let mut scene = alarming();
    scene.done(Action::Unbind { device: "mon".parse().unwrap(), replaces: None });
    scene.moves(&["unknown high together.slow_and_low: alarming, unknown"]);
    scene.bind("mon", "p");
    scene.measured_at("mon", "heart_rate", 42.0, 9.0);
    scene.measured_at("mon", "spo2", 85.0, 9.0);
    assert_eq!(scene.verdict(), None);
    scene.advance(1.0);
    scene.both(42.0, 89.0);
    scene.moves(&["back_present high together.slow_and_low: alarming, present"]);
}

#[test]
fn two_conditions_of_one_signal_are_two() {
    let mut scene = bedside_by(
        "signal = \"heart_rate\"\nbelow = 50\nunit = \"/min\"",
        "signal = \"spo2\"\nabove = 80\nunit = \"%\"",
    );
    for (value, met) in [(85.0, true), (90.0, false), (80.0, false), (80.5, true)] {
        scene.advance(1.0);
        scene.reading("mon", "spo2", value);
        assert_eq!(scene.verdict(), Some(met), "{value}");
    }
    scene.advance(10.0);
    assert_eq!(scene.alarm(RULE).text, "SpO2 80.5 % above 80 %, SpO2 80.5 % below 90 %");
}

#[test]
fn of_a_message_it_is_taken_once() {
    let mut scene = alarming();
    scene.advance(60.0);
    scene.moves(&["unknown high together.slow_and_low: alarming, unknown"]);
    let mut message = scene.message("mon");
    let mut readings = vec![scene.measured("heart_rate", 42.0), scene.measured("spo2", 89.0)];
    readings.push(scene.measured("spo2", 97.0));
    for (index, reading) in readings.iter_mut().enumerate() {
        reading.index = index as u32;
        reading.time = ReadingTime::At(scene.now.wall() + Span::micros(index as i64));
    }
    message.body = Body::Telemetry { readings, refused: Vec::new() };
    scene.now.at = scene.now.at + Span::millis(1);
    message.sent_at = Some(scene.now.wall());
    scene.fold(&[Input::Message(Box::new(message))]);
    scene.moves(&[]);
    assert_eq!(scene.verdict(), Some(false), "between its readings it was met");
}
