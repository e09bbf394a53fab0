//! What becomes of its alarm (rows 1 to 8, 20, 23 and 25).

use super::*;
use crate::model::alarm::{AlarmKind, Condition, Response};
use crate::model::command::{Action, AgeClass};
use crate::tests::scene::restored;

#[test]
fn what_holds_at_once_for_the_delay_is_an_alarm_of_the_patient() {
    // Row 1: silent by single limits, whose critical ones lie lower.
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.text, "Heart rate 42 /min below 50 /min, SpO2 89 % below 90 %");
    assert_eq!((alarm.source.as_str(), alarm.device.clone()), ("combination", None));
    assert_eq!((alarm.kind, alarm.response), (AlarmKind::Physiological, Response::Immediate));
    assert_eq!(alarm.advice.as_deref(), Some("Look at once"));
    assert_eq!(alarm.raised_at, scene.now.wall());
}

#[test]
fn it_must_be_met_at_every_moment_for_the_delay() {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.advance(9.0);
    scene.reading("mon", "spo2", 93.0);
    scene.advance(1.0);
    scene.reading("mon", "spo2", 89.0);
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
    // What nobody knows parts it as well.
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.advance(1.0);
    scene.done(Action::Unbind { device: "mon".parse().unwrap(), replaces: None });
    scene.bind("mon", "p");
    scene.both(42.0, 89.0);
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
}

#[test]
fn one_condition_alone_is_none() {
    for (heart_rate, spo2) in [(42.0, 95.0), (60.0, 85.0), (50.0, 89.0), (42.0, 90.0)] {
        let mut scene = bedside();
        scene.both(heart_rate, spo2);
        scene.goes_on(60, heart_rate, spo2);
        scene.moves(&[]);
        assert_eq!(scene.verdict(), Some(false), "{heart_rate} {spo2}");
    }
}

#[test]
fn at_least_so_many_are_enough_and_decide_while_the_rest_is_open() {
    let mut scene = two_of_three();
    scene.both(42.0, 89.0);
    assert_eq!(scene.verdict(), Some(true), "whatever the third says");
    scene.reading("mon", "spo2", 97.0);
    let mut scene = two_of_three();
    scene.reading("mon", "heart_rate", 42.0);
    assert_eq!(scene.verdict(), None, "either of two open ones may hold");
    scene.reading("mon", "spo2", 97.0);
    assert_eq!(scene.verdict(), None);
    scene.reading("mon", "respiratory_rate", 20.0);
    assert_eq!(scene.verdict(), Some(false));
    let mut scene = two_of_three();
    scene.both(60.0, 97.0);
    assert_eq!(scene.verdict(), Some(false), "the open one alone is too few");
}

#[test]
fn it_is_over_when_it_was_not_met_at_every_moment_for_the_clear_delay() {
    // Row 5, and row 4 for what is low.
    for (priority, over) in [
        ("high", "latched high together.slow_and_low: latched, absent"),
        ("low", "ended low together.slow_and_low: closed ended"),
    ] {
        let mut scene = bedside_by("priority = \"high\"", &format!("priority = \"{priority}\""));
        scene.both(42.0, 89.0);
        scene.advance(10.0);
        scene.skip();
        scene.reading("mon", "heart_rate", 60.0);
        scene.advance(29.0);
        scene.reading("mon", "heart_rate", 42.0);
        scene.advance(1.0);
        scene.reading("mon", "heart_rate", 60.0);
        scene.moves_after(30.0, &[over]);
    }
}

#[test]
fn while_undecided_its_alarm_is_unknown_at_once_and_nothing_undecided_ends_it() {
    // Rows 6, 7 and 8.
    let mut scene = alarming();
    scene.moves_after(50.0, &["unknown high together.slow_and_low: alarming, unknown"]);
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.condition_reason.as_deref(), Some("incomplete"));
    assert_eq!(alarm.text, "No condition holds; not known: Heart rate; SpO2");
    scene.advance(3_600.0);
    scene.moves(&[]);
    // Met again it is back, at once.
    scene.both(41.0, 88.0);
    scene.moves(&["back_present high together.slow_and_low: alarming, present"]);
    assert_eq!(scene.alarm(RULE).text, "Heart rate 41 /min below 50 /min, SpO2 88 % below 90 %");
    scene.advance(60.0);
    scene.moves(&["unknown high together.slow_and_low: alarming, unknown"]);
    // Not met it is unknown until the clear delay is over; one that does not hold is enough for that.
    scene.reading("mon", "spo2", 96.0);
    scene.moves_after(30.0, &["back_absent high together.slow_and_low: latched, absent"]);
    assert_eq!(scene.alarm(RULE).condition_reason.as_deref(), Some("ended_after_gap"));
}

#[test]
fn what_is_undecided_raises_nothing() {
    let mut scene = bedside();
    scene.reading("mon", "heart_rate", 30.0);
    scene.advance(120.0);
    scene.moves(&[]);
    assert_eq!(scene.verdict(), None);
}

#[test]
fn a_latched_one_recurs_when_it_was_met_for_the_delay_again() {
    // Row 20.
    let mut scene = alarming();
    scene.reading("mon", "heart_rate", 60.0);
    scene.advance(30.0);
    scene.skip();
    scene.both(42.0, 89.0);
    scene.moves_after(10.0, &["recurred high together.slow_and_low: alarming, present"]);
    assert_eq!(scene.alarm(RULE).recurrence, 1);
}

#[test]
fn it_is_never_retracted() {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    let then = scene.second();
    scene.advance(10.0);
    scene.skip();
    scene.send("mon", "spo2", 89.0, |_, reading| {
        reading.time = crate::model::message::ReadingTime::At(crate::tests::scene::at(then));
        reading.status = crate::model::message::Status::EnteredInError;
    });
    scene.moves(&["unknown high together.slow_and_low: alarming, unknown"]);
    scene.done(Action::CorrectBinding {
        device: "mon".parse().unwrap(),
        patient: None,
        reason: "nobody's".to_owned(),
        replaces: None,
    });
    scene.moves(&[]);
}

#[test]
fn another_condition_or_value_makes_no_transition() {
    let mut scene = two_of_three();
    scene.both(42.0, 89.0);
    scene.advance(10.0);
    scene.skip();
    scene.both(40.0, 80.0);
    scene.reading("mon", "respiratory_rate", 35.0);
    scene.reading("oxi", "heart_rate", 38.0);
    // Others hold now.
    scene.advance(1.0);
    scene.reading("mon", "heart_rate", 70.0);
    scene.goes_on(50, 70.0, 80.0);
    scene.moves(&[]);
    let alarm = scene.alarm(RULE);
    assert!(
        alarm.text.starts_with("Heart rate 42 /min below 50 /min, SpO2 89 %"),
        "{}",
        alarm.text
    );
    assert_eq!(alarm.condition, Condition::Present);
}

#[test]
fn it_is_for_adults_and_for_its_wards() {
    let mut scene = alarming();
    scene.change(Some(AgeClass::Paediatric), None);
    scene.moves(&["rule_changed high together.slow_and_low: closed rule_changed"]);
    scene.goes_on(60, 42.0, 89.0);
    scene.moves(&[]);
    scene.change(Some(AgeClass::Adult), None);
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
    let mut scene = bedside_by("# wards = [\"west\"]", "wards = [\"west\"]");
    scene.both(42.0, 89.0);
    scene.goes_on(60, 42.0, 89.0);
    scene.moves(&[]);
    scene.command(Action::AddWard("west".parse().unwrap()));
    scene.done(Action::AddBed { bed: "w-1".parse().unwrap(), ward: "west".parse().unwrap() });
    scene.done(Action::TransferPatient {
        patient: "p".parse().unwrap(),
        bed: Some("w-1".parse().unwrap()),
        replaces: None,
    });
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
}

#[test]
fn a_rule_that_is_new_begins_with_what_is_known_and_one_that_changed_raises_it_anew() {
    // Row 23.
    let mut scene = bedside();
    scene.configured(shipped());
    scene.both(42.0, 89.0);
    scene.advance(20.0);
    scene.configured(texts("", ""));
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
    scene.configured(texts("priority = \"high\"", "priority = \"medium\""));
    scene.moves(&[
        "rule_changed high together.slow_and_low: closed rule_changed",
        "raised medium together.slow_and_low: alarming, present",
    ]);
    // By a figure that is not passed it is over.
    scene.configured(texts("below = 50", "below = 40"));
    scene.moves(&["rule_changed medium together.slow_and_low: closed rule_changed"]);
    scene.advance(60.0);
    scene.moves(&[]);
    // With one condition more, of which nothing is known.
    let mut scene = alarming();
    let more = TWO_OF_THREE.replace("at_least = 2\n", "at_least = 3\n");
    scene.configured(texts("[[combination.condition]]\nsignal = \"heart_rate\"", &more));
    scene.moves(&[
        "rule_changed high together.slow_and_low: closed rule_changed",
        "raised high together.slow_and_low: alarming, unknown",
    ]);
    scene.reading("mon", "respiratory_rate", 31.0);
    scene.moves(&["back_present high together.slow_and_low: alarming, present"]);
}

#[test]
fn a_window_without_intake_begins_the_delays_anew_and_puts_off_what_grows_too_old() {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.advance(5.0);
    scene.restart(20.0);
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
    scene.reading("mon", "spo2", 89.0);
    scene.reading("mon", "heart_rate", 60.0);
    scene.advance(20.0);
    scene.restart(5.0);
    scene.advance(10.0);
    scene.both(60.0, 95.0);
    scene.moves_after(20.0, &["latched high together.slow_and_low: latched, absent"]);
    let mut scene = alarming();
    scene.advance(45.0);
    scene.restart(20.0);
    scene.moves_after(10.0, &["unknown high together.slow_and_low: alarming, unknown"]);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.advance(5.0);
    scene.core = restored(&scene.core);
    scene.moves_after(5.0, &["raised high together.slow_and_low: alarming, present"]);
}

#[test]
fn at_a_discharge_it_is_closed_and_nothing_of_it_stays() {
    // Row 25.
    let mut scene = alarming();
    let (patient, reason) = ("p".parse().unwrap(), Some("moved to another house".to_owned()));
    scene.done(Action::DischargePatient { patient, reason, replaces: None });
    scene.moves(&["discharged high together.slow_and_low: closed discharged"]);
    assert_eq!(scene.core.patients["p"].several, None);
}

#[test]
fn nothing_follows_from_it_and_it_follows_from_nothing() {
    let mut scene = bedside();
    for _ in 0..60 {
        scene.both(0.0, 70.0);
        scene.advance(1.0);
    }
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.group, None);
    let open = || scene.core.patients["p"].alarms.iter().map(|(_, open)| &open.alarm);
    assert!(open().count() > 1, "limits alarm beside it");
    assert_eq!(open().filter(|other| other.group.as_deref() == Some(alarm.id.as_str())).count(), 0);
}
