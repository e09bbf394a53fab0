//! A pause of more than the sound holds the ladder, of a high alarm for two minutes at most; one of the sound does not.

use crate::model::alarm::State;
use crate::model::command::{Action, AlarmAct, Outcome};
use crate::model::pause::{Scope, What};
use crate::model::time::Span;

use super::{SPO2, bedside, desaturated, usual};

fn paused(what: What) -> AlarmAct {
    AlarmAct::Pause { what, reason: None, until: None }
}

#[test]
fn row_02_the_ladder_waits_for_the_end_of_the_pause_and_no_longer() {
    let mut scene = bedside(usual());
    let scope = Scope { patient: Some("p".parse().unwrap()), ..Scope::default() };
    let until = scene.now.wall() + Span::hours(1);
    scene.done(Action::Pause { scope, reason: "CT".to_owned(), until });
    scene.low_for(6);
    assert_eq!(scene.asked(SPO2), "unassigned");
    assert!(scene.find("duty.exhausted").is_none(), "it is meant to wait");
    scene.low_for(118);
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.low_for(3);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn row_14_a_pause_of_the_sound_never_delays_the_ladder() {
    let mut scene = desaturated(usual());
    scene.by("n2", SPO2, paused(What::Audio));
    scene.low_for(181);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn row_14_a_pause_of_all_of_it_goes_on_where_it_was() {
    let mut scene = desaturated(usual());
    scene.low_for(181);
    scene.by("n2", SPO2, paused(What::Alarm));
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.low_for(30);
    scene.by("n2", SPO2, AlarmAct::Resume);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn what_is_switched_off_and_high_asks_after_two_minutes_all_the_same() {
    let mut scene = desaturated(usual());
    let until = Some(scene.now.wall() + Span::hours(2));
    let off = AlarmAct::Off { what: What::Alarm, reason: Some("CT".to_owned()), until };
    scene.by("n2", SPO2, off);
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.low_for(121);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn renewing_a_pause_holds_the_ladder_of_a_high_alarm_no_longer_than_one_does() {
    let mut scene = desaturated(usual());
    scene.by("n2", SPO2, paused(What::Alarm));
    for _ in 0..2 {
        scene.low_for(45);
        scene.by("n2", SPO2, paused(What::Alarm));
        assert_eq!(scene.asked(SPO2), "unassigned");
    }
    scene.low_for(31);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1", "two minutes after the first");
    scene.low_for(10);
    scene.by("n2", SPO2, paused(What::Alarm));
    assert_eq!(scene.alarm(SPO2).state, State::Paused);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1", "who is asked stays asked");
    for _ in 0..4 {
        scene.low_for(45);
        scene.by("n2", SPO2, paused(What::Alarm));
    }
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1", "three minutes after the nurse");
}

#[test]
fn what_is_paused_then_off_then_paused_is_held_two_minutes_in_all() {
    let mut scene = desaturated(usual());
    scene.by("n2", SPO2, paused(What::Alarm));
    scene.low_for(60);
    let until = Some(scene.now.wall() + Span::hours(2));
    let off = AlarmAct::Off { what: What::Alarm, reason: Some("CT".to_owned()), until };
    scene.by("n2", SPO2, off);
    scene.low_for(50);
    scene.by("n2", SPO2, paused(What::Alarm));
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.low_for(11);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn a_pause_after_the_alarm_was_told_again_is_a_new_one() {
    let mut scene = desaturated(usual());
    scene.by("n2", SPO2, paused(What::Alarm));
    scene.low_for(121);
    assert_eq!(scene.alarm(SPO2).state, State::Alarming);
    scene.by("n2", SPO2, paused(What::Alarm));
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.low_for(121);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn what_nobody_has_heard_of_is_announced_after_two_minutes_however_often_it_is_paused() {
    for what in [What::Alarm, What::Audio] {
        let mut scene = bedside(usual());
        let scope = Scope { patient: Some("p".parse().unwrap()), ..Scope::default() };
        let until = scene.now.wall() + Span::hours(1);
        scene.done(Action::Pause { scope, reason: "CT".to_owned(), until });
        scene.low_for(96);
        scene.by("n2", SPO2, paused(what));
        scene.low_for(31);
        assert_eq!(scene.alarm(SPO2).state, State::Alarming, "{what:?}");
        assert_eq!(scene.asked(SPO2), "notified 1 nurse n1", "{what:?}");
    }
}

#[test]
fn what_cannot_be_seen_or_is_too_long_is_no_reason_and_no_comment() {
    let mut scene = desaturated(usual());
    let until = Some(scene.now.wall() + Span::hours(2));
    for text in ["", "\u{200b}\u{2060}", "\u{a0} \u{feff}", &"x".repeat(1_001)] {
        let reason = Some(text.to_owned());
        let off = AlarmAct::Off { what: What::Alarm, reason: reason.clone(), until };
        assert_eq!(scene.by("n2", SPO2, off).0, Outcome::Invalid, "{text:?}");
        let comment = AlarmAct::Comment { text: text.to_owned() };
        assert_eq!(scene.by("n2", SPO2, comment).0, Outcome::Invalid, "{text:?}");
        if !text.is_empty() {
            let pause = AlarmAct::Pause { what: What::Audio, reason, until: None };
            assert_eq!(scene.by("n2", SPO2, pause).0, Outcome::Invalid, "{text:?}");
        }
    }
    let comment = AlarmAct::Comment { text: "x".repeat(1_000) };
    assert_eq!(scene.by("n2", SPO2, comment).0, Outcome::Done);
}
