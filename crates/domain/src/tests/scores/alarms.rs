//! Bands, and the rows of the table of transitions.

use super::*;
use crate::model::alarm::{Condition, Priority, Response};
use crate::model::command::AlarmAct;
use crate::model::message::Comparator;
use crate::model::pause::Scope;
use crate::model::time::Span;

const CALM: [(&str, f64); 3] = [("respiratory_rate", 16.0), ("spo2", 97.0), ("heart_rate", 70.0)];

#[test]
fn a_band_that_held_for_the_delay_is_an_alarm_of_the_patient() {
    let mut scene = calm();
    assert_eq!(scene.sum(), (0, true, None));
    scene.reading("mon", "heart_rate", 131.0);
    assert_eq!(scene.sum(), (3, true, Some(Band::Single)));
    scene.moves_after(60.0, &["raised low news2.score: alarming, present"]);
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.text, "NEWS2 3, single: pulse 3");
    assert_eq!((alarm.source.as_str(), alarm.device.clone()), ("score", None));
    assert_eq!((alarm.response, alarm.group.clone()), (Response::Prompt, None));
    assert_eq!(alarm.raised_at, scene.now.wall());
    assert!(alarm.advice.is_some());
}

#[test]
fn five_is_medium_and_seven_is_high_and_to_be_answered_at_once() {
    for (oxygen, breaths, priority, response, total) in [
        ("oxygen", 26.0, Priority::Medium, Response::Prompt, 5),
        ("oxygen", 26.0, Priority::High, Response::Immediate, 8),
    ] {
        let mut scene = calm();
        scene.word("chart", "supplemental_oxygen", oxygen);
        scene.reading("mon", "respiratory_rate", breaths);
        if priority == Priority::High {
            scene.word("chart", "consciousness", "C");
        }
        scene.advance(60.0);
        let alarm = scene.alarm(RULE);
        assert_eq!((alarm.priority, alarm.response), (priority, response));
        assert_eq!(scene.sum().0, total);
    }
}

#[test]
fn a_band_that_does_not_hold_is_nothing() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 131.0);
    scene.advance(59.0);
    scene.reading("mon", "heart_rate", 100.0);
    scene.advance(120.0);
    scene.reading("mon", "heart_rate", 131.0);
    scene.moves_after(60.0, &["raised low news2.score: alarming, present"]);
}

#[test]
fn what_a_graver_band_reached_counts_for_the_milder_one() {
    let mut scene = calm();
    scene.word("chart", "supplemental_oxygen", "oxygen");
    scene.word("chart", "consciousness", "V");
    scene.reading("mon", "respiratory_rate", 26.0);
    assert_eq!(scene.sum(), (8, true, Some(Band::High)));
    scene.advance(30.0);
    scene.word("chart", "consciousness", "A");
    assert_eq!(scene.sum(), (5, true, Some(Band::Medium)));
    scene.moves_after(30.0, &["raised medium news2.score: alarming, present"]);
}

#[test]
fn a_higher_band_that_held_calls_again_and_a_lower_one_changes_nothing() {
    // Rows 12 and 21.
    let mut scene = calm();
    scene.word("chart", "consciousness", "V");
    scene.advance(60.0);
    scene.moves(&["raised low news2.score: alarming, present"]);
    scene.acknowledge(RULE);
    scene.skip();
    scene.word("chart", "supplemental_oxygen", "oxygen");
    scene.reading("mon", "respiratory_rate", 22.0);
    assert_eq!(scene.sum(), (7, true, Some(Band::High)));
    scene.moves_after(60.0, &["priority_rose high news2.score: alarming, present"]);
    assert_eq!(scene.alarm(RULE).text, "NEWS2 7, high: respiration 2, oxygen 2, consciousness 3");
    let moves = scene.transitions_of_scores();
    scene.word("chart", "supplemental_oxygen", "air");
    assert_eq!(scene.sum(), (5, true, Some(Band::Medium)));
    scene.advance(120.0);
    // Within a band nothing moves either.
    scene.reading("mon", "heart_rate", 95.0);
    scene.advance(120.0);
    assert_eq!(scene.sum(), (6, true, Some(Band::Medium)));
    assert_eq!(scene.transitions_of_scores(), moves);
    assert_eq!(scene.alarm(RULE).priority, Priority::High);
}

#[test]
fn it_is_over_when_it_was_complete_and_in_no_band_all_the_time() {
    // Row 5, and row 4 for what is low.
    for (word, raised, over) in [
        ("C", "raised low", "ended low news2.score: closed ended"),
        ("oxygen", "raised medium", "latched medium news2.score: latched, absent"),
    ] {
        let mut scene = calm();
        scene.word("chart", "consciousness", "C");
        if word == "oxygen" {
            scene.word("chart", "supplemental_oxygen", word);
        }
        scene.advance(60.0);
        assert!(scene.moved()[0].starts_with(raised));
        scene.word("chart", "consciousness", "A");
        scene.advance(300.0);
        // Another point begins nothing anew, one in a band does.
        scene.reading("mon", "heart_rate", 95.0);
        scene.advance(200.0);
        scene.word("chart", "consciousness", "P");
        scene.advance(1.0);
        scene.word("chart", "consciousness", "A");
        monitored_calm(&mut scene);
        scene.moves_after(600.0, &[over]);
    }
}

#[test]
fn acknowledged_it_is_closed_when_it_is_over_and_runs_out_before() {
    // Rows 9 to 11.
    let mut scene = calm();
    scene.word("chart", "consciousness", "C");
    scene.word("chart", "supplemental_oxygen", "oxygen");
    scene.advance(60.0);
    scene.acknowledge(RULE);
    scene.skip();
    scene.monitored(60, &CALM);
    scene.moves(&["acknowledgement_over medium news2.score: alarming, present"]);
    scene.acknowledge(RULE);
    scene.skip();
    charted_calm(&mut scene);
    monitored_calm(&mut scene);
    scene.moves_after(600.0, &["ended medium news2.score: closed ended"]);
}

#[test]
fn a_latched_one_recurs_when_a_band_held_again() {
    // Row 20.
    let mut scene = calm();
    scene.word("chart", "consciousness", "C");
    scene.word("chart", "supplemental_oxygen", "oxygen");
    scene.advance(60.0);
    charted_calm(&mut scene);
    scene.advance(600.0);
    monitored_calm(&mut scene);
    scene.advance(1.0);
    scene.skip();
    scene.reading("mon", "heart_rate", 135.0);
    scene.moves_after(60.0, &["recurred medium news2.score: alarming, present"]);
    assert_eq!(scene.alarm(RULE).recurrence, 1);
    // A person who looks ends it; it begins again with another id.
    scene.reading("mon", "heart_rate", 70.0);
    scene.advance(600.0);
    let before = scene.alarm(RULE).id;
    scene.acknowledge(RULE);
    monitored_calm(&mut scene);
    scene.advance(1.0);
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(60.0);
    assert_ne!(scene.alarm(RULE).id, before);
}

#[test]
fn an_incomplete_score_is_a_lower_bound_and_alarms_all_the_same() {
    let mut scene = bedside();
    scene.reading("mon", "respiratory_rate", 26.0);
    scene.reading("mon", "spo2", 91.0);
    assert_eq!(scene.sum(), (6, false, Some(Band::Medium)));
    scene.moves_after(60.0, &["raised medium news2.score: alarming, present"]);
    assert_eq!(
        scene.alarm(RULE).text,
        "NEWS2 at least 6, medium: respiration 3, SpO2 3; missing: oxygen, systolic pressure, \
         pulse, consciousness, temperature"
    );
}

#[test]
fn a_bound_that_later_ones_pushed_out_of_memory_holds_no_band_any_more() {
    let mut scene = bedside();
    let bound = |scene: &mut Scene, value, bound| {
        scene.send("mon", "spo2", value, |_, reading| {
            if let Value::Number { comparator, .. } = &mut reading.value {
                *comparator = Some(bound);
            }
        });
    };
    bound(&mut scene, 91.0, Comparator::LessOrEqual);
    scene.moves_after(60.0, &["raised low news2.score: alarming, present"]);
    for _ in 0..3 {
        scene.advance(1.0);
        bound(&mut scene, 95.0, Comparator::GreaterOrEqual);
        scene.moves(&[]);
    }
    scene.advance(1.0);
    bound(&mut scene, 95.0, Comparator::GreaterOrEqual);
    scene.moves(&["unknown low news2.score: alarming, unknown"]);
}

#[test]
fn what_is_incomplete_and_in_no_band_is_unknown_at_once_and_ends_nothing() {
    // Rows 6, 7 and 8.
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(60.0);
    scene.skip();
    scene.advance(838.999);
    scene.moves(&[]);
    assert_eq!(scene.sum(), (3, true, Some(Band::Single)));
    scene.advance(1.001);
    scene.moves(&["unknown low news2.score: alarming, unknown"]);
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.condition_reason.as_deref(), Some("incomplete"));
    assert_eq!(alarm.text, "NEWS2 at least 0, no band; missing: respiration, SpO2, pulse");
    scene.advance(7_200.0);
    scene.moves(&[]);
    // In a band again, it is back at once.
    scene.reading("mon", "heart_rate", 135.0);
    scene.moves(&["back_present low news2.score: alarming, present"]);
    scene.advance(901.0);
    scene.moves(&["unknown low news2.score: alarming, unknown"]);
    // Complete and in no band: after the clear delay.
    monitored_calm(&mut scene);
    scene.moves_after(600.0, &["ended low news2.score: closed ended_after_gap"]);
}

#[test]
fn what_is_back_and_graver_calls_as_that_at_once() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(961.0);
    scene.skip();
    assert_eq!(scene.alarm(RULE).condition, Condition::Unknown);
    scene.word("chart", "supplemental_oxygen", "oxygen");
    scene.moves(&[]);
    scene.word("chart", "consciousness", "U");
    scene.moves(&["back_present medium news2.score: alarming, present"]);
    assert_eq!(scene.sum().2, Some(Band::Medium));
    scene.advance(120.0);
    scene.moves(&[]);
}

#[test]
fn under_a_pause_of_its_rule_it_is_paused_when_it_begins() {
    // Row 2.
    let mut scene = calm();
    let until = scene.now.wall() + Span::hours(1);
    let scope = Scope { rule: Some(RULE.parse().unwrap()), patient: None, bed: None };
    scene.done(Action::Pause { scope, reason: "looked after".to_owned(), until });
    scene.reading("mon", "heart_rate", 135.0);
    scene.word("chart", "supplemental_oxygen", "oxygen");
    scene.moves_after(60.0, &["raised medium news2.score: paused, present"]);
    scene.word("chart", "consciousness", "U");
    scene.moves_after(60.0, &["priority_rose high news2.score: alarming, present"]);
    let paused =
        AlarmAct::Pause { what: crate::model::pause::What::Alarm, reason: None, until: None };
    scene.act(RULE, paused);
    scene.moves(&["paused high news2.score: paused, present"]);
    scene.moves_after(120.0, &["pause_over high news2.score: alarming, present"]);
}

#[test]
fn at_a_discharge_it_is_closed_and_nothing_of_it_stays() {
    // Row 25.
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(60.0);
    scene.skip();
    let patient = "p".parse().unwrap();
    scene.done(Action::DischargePatient { patient, reason: None, replaces: None });
    scene.moves(&["discharged low news2.score: closed discharged"]);
    assert_eq!(scene.core.patients["p"].several, None);
    assert_eq!(scene.core.scores().count(), 0);
    scene.admit("p");
    assert_eq!(scene.sum(), (0, false, None));
}

#[test]
fn nothing_follows_from_it_and_it_follows_from_nothing() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.reading("mon", "spo2", 84.0);
    for _ in 0..70 {
        scene.advance(1.0);
        scene.reading("mon", "heart_rate", 0.0);
        scene.reading("mon", "spo2", 84.0);
    }
    let score = scene.alarm(RULE);
    assert_eq!(score.group, None);
    let follows = scene.core.patients["p"].alarms.iter();
    let follows =
        follows.filter(|(_, open)| open.alarm.group.as_deref() == Some(score.id.as_str()));
    assert_eq!(follows.count(), 0);
}

#[test]
fn a_window_without_intake_begins_the_delays_anew() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(30.0);
    scene.restart(20.0);
    scene.moves_after(60.0, &["raised low news2.score: alarming, present"]);
    monitored_calm(&mut scene);
    scene.advance(500.0);
    scene.restart(5.0);
    scene.advance(300.0);
    monitored_calm(&mut scene);
    scene.moves_after(300.0, &["ended low news2.score: closed ended"]);
}

#[test]
fn what_grows_too_old_in_such_a_window_is_put_off() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(890.0);
    scene.skip();
    scene.restart(20.0);
    scene.advance(5.0);
    scene.reading("mon", "spo2", 95.0);
    assert_eq!(scene.sum(), (4, true, Some(Band::Single)), "15 min and 15 s old");
    scene.moves_after(5.0, &["unknown low news2.score: alarming, unknown"]);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(30.0);
    scene.core = super::super::scene::restored(&scene.core);
    scene.moves_after(30.0, &["raised low news2.score: alarming, present"]);
}
