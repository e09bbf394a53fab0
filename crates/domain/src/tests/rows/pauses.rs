//! Rows 2, 13 to 18 and 24 to 26: signals that a person keeps back.

use crate::model::alarm::{Alarm, Condition, State};
use crate::model::command::{AlarmAct, Outcome};
use crate::model::message::Phase;
use crate::model::pause::{How, What};
use crate::model::time::Span;
use crate::output::transition::{Change, TransitionBody};
use crate::tests::scene::Scene;

use super::{SPO2, low_event, low_spo2};

const ATRIAL: &str = "cied.atrial";

fn pause(what: What) -> AlarmAct {
    AlarmAct::Pause { what, reason: None, until: None }
}

/// A pause of the alarm until so many seconds from now.
fn pause_for(scene: &Scene, seconds: i64) -> AlarmAct {
    let until = Some(scene.now.wall() + Span::secs(seconds));
    AlarmAct::Pause { what: What::Alarm, reason: None, until }
}

fn off_for(scene: &Scene, seconds: i64, reason: Option<&str>) -> AlarmAct {
    let until = Some(scene.now.wall() + Span::secs(seconds));
    AlarmAct::Off { what: What::Alarm, reason: reason.map(str::to_owned), until }
}

/// SpO2 is so low that it is high.
fn very_low_spo2() -> Scene {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 75.0, 6);
    scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
    scene
}

fn paused(mut scene: Scene, rule: &str) -> Scene {
    assert_eq!(scene.act(rule, pause(What::Alarm)).0, Outcome::Done);
    scene.skip();
    scene
}

#[test]
fn row_14_a_pause_says_who_what_and_until_when() {
    let mut scene = low_spo2();
    scene.act(
        SPO2,
        AlarmAct::Pause { what: What::Audio, reason: Some("washing".to_owned()), until: None },
    );
    scene.expect(&["paused medium vitals_live.spo2_low: paused, present"]);
    let kept_back = scene.alarm(SPO2).inactivation.unwrap();
    assert_eq!((kept_back.what, kept_back.how), (What::Audio, How::Paused));
    assert_eq!((&*kept_back.by, kept_back.reason.as_deref()), ("nurse", Some("washing")));
    assert_eq!(kept_back.until, kept_back.at + Span::mins(10), "the longest of its priority");
}

#[test]
fn row_14_no_pause_is_longer_than_its_priority_allows() {
    let at_most =
        [(low_spo2(), SPO2, 600), (very_low_spo2(), SPO2, 120), (low_event(), ATRIAL, 3_600)];
    for (mut scene, rule, longest) in at_most {
        for refused in [longest + 1, 0, -1] {
            let act = pause_for(&scene, refused);
            assert_eq!(scene.act(rule, act).0, Outcome::Invalid, "{refused} s");
        }
        scene.expect(&[]);
        let act = pause_for(&scene, longest);
        assert_eq!(scene.act(rule, act).0, Outcome::Done, "{longest} s");
    }
}

#[test]
fn row_14_off_needs_a_reason_and_an_end() {
    let mut scene = low_spo2();
    for refused in [
        off_for(&scene, 3_600, None),
        off_for(&scene, 3_600, Some(" ")),
        off_for(&scene, 0, Some("CT")),
        off_for(&scene, 24 * 3_600 + 1, Some("CT")),
        AlarmAct::Off { what: What::Alarm, reason: Some("CT".to_owned()), until: None },
    ] {
        assert_eq!(scene.act(SPO2, refused).0, Outcome::Invalid);
    }
    scene.expect(&[]);
    let act = off_for(&scene, 24 * 3_600, Some("CT"));
    assert_eq!(scene.act(SPO2, act).0, Outcome::Done);
    scene.expect(&["off medium vitals_live.spo2_low: off, present"]);
}

#[test]
fn row_14_of_what_is_off_people_are_reminded() {
    let mut scene = very_low_spo2();
    let act = off_for(&scene, 420, Some("CT"));
    scene.act(SPO2, act);
    scene.skip();
    scene.stream("dev", "spo2", 75.0, 419);
    let reminded = "reminded high vitals_live.spo2_low: off, present";
    scene.expect(&[reminded; 3]);
    scene.advance(1.0);
    scene.expect(&["pause_over high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_14_what_is_acknowledged_or_latched_is_paused_too() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.act(SPO2, pause(What::Alarm));
    let alarm = scene.alarm(SPO2);
    assert_eq!((alarm.state, alarm.acknowledged.is_some()), (State::Paused, true));

    let mut scene = low_spo2();
    scene.stream("dev", "spo2", 97.0, 61);
    let act = pause_for(&scene, 60);
    assert_eq!(scene.act(SPO2, act).0, Outcome::Done);
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 60);
    scene.expect(&["resumed medium vitals_live.spo2_low: latched, absent"]);
    // It was over before, so there is nothing to tell, whoever ends the pause.
    scene.act(SPO2, pause(What::Alarm));
    scene.act(SPO2, AlarmAct::Resume);
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 700);
    scene.expect(&[]);
}

#[test]
fn row_14_only_more_than_a_pause_of_sound_holds_the_ladder_and_no_longer_than_the_longest() {
    let held = |scene: &Scene| scene.alarm(SPO2).ladder_held_until(scene.now.wall());
    let mut scene = very_low_spo2();
    let now = scene.now.wall();
    assert_eq!(held(&scene), None);
    scene.act(SPO2, pause(What::Audio));
    assert_eq!(held(&scene), None);
    let act = off_for(&scene, 3_600, Some("CT"));
    scene.act(SPO2, act);
    assert_eq!(held(&scene), Some(now + Span::mins(2)));
    scene.advance(120.0);
    assert_eq!(held(&scene), None);

    let mut scene = low_spo2();
    let act = off_for(&scene, 3_600, Some("CT"));
    scene.act(SPO2, act);
    assert_eq!(held(&scene), Some(scene.now.wall() + Span::mins(10)));
}

#[test]
fn row_15_what_is_still_true_is_announced_at_that_moment() {
    let mut scene = paused(very_low_spo2(), SPO2);
    scene.stream("dev", "spo2", 75.0, 119);
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.advance(1.0);
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
    let alarm = scene.alarm(SPO2);
    assert_eq!((alarm.state, alarm.announced_at), (State::Alarming, scene.now.wall()));
    assert_eq!(alarm.inactivation, None);
}

#[test]
fn row_15_so_is_what_nobody_knows() {
    let mut scene = paused(low_spo2(), SPO2);
    scene.advance(30.0);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Unknown);
    scene.skip();
    scene.stream("dev", "heart_rate", 70.0, 571);
    assert_eq!(scene.told(), ["medium vitals_live.spo2_low"]);
    assert_eq!(scene.alarm(SPO2).state, State::Alarming);
}

#[test]
fn row_15_a_person_ends_it_before_its_time() {
    let mut scene = paused(low_spo2(), SPO2);
    assert_eq!(scene.act(SPO2, AlarmAct::Resume).0, Outcome::Done);
    scene.expect(&["pause_over medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.act(SPO2, AlarmAct::Resume).0, Outcome::AlreadySo);
    scene.stream("dev", "spo2", 84.0, 700);
    scene.expect(&[]);
}

#[test]
fn row_15_voids_what_was_acknowledged_before() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    let mut scene = paused(scene, SPO2);
    scene.stream("dev", "spo2", 84.0, 600);
    scene.expect(&["pause_over medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm(SPO2).acknowledged, None);
}

#[test]
fn row_10_waits_for_the_end_of_a_pause() {
    let mut scene = very_low_spo2();
    scene.acknowledge(SPO2);
    scene.stream("dev", "spo2", 75.0, 590);
    let mut scene = paused(scene, SPO2);
    scene.stream("dev", "spo2", 75.0, 119);
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.advance(1.0);
    scene.expect(&["pause_over high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_16_what_latches_and_is_over_is_told_at_the_end_of_the_pause() {
    let mut scene = paused(low_spo2(), SPO2);
    scene.stream("dev", "spo2", 97.0, 599);
    scene.expect(&["latched medium vitals_live.spo2_low: latched, absent"]);
    assert_eq!(scene.alarm(SPO2).inactivation, None);
    scene.advance(1.0);
    scene.expect(&["ended_while_paused medium vitals_live.spo2_low: latched, absent"]);
}

#[test]
fn row_16_so_is_what_closed() {
    let mut scene = low_event();
    let act = pause_for(&scene, 10);
    scene.act(ATRIAL, act);
    scene.skip();
    scene.event("dev", "af_detected", Some("a"), Phase::End);
    scene.expect(&["ended low cied.atrial: closed ended_while_paused"]);
    scene.restart(1.0);
    scene.advance(8.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.expect(&["ended_while_paused low cied.atrial: closed ended_while_paused"]);
    let told = scene.log.last().unwrap();
    let TransitionBody::Alarm { change, alarm, .. } = &told.body else { panic!("{told:?}") };
    assert_eq!((*change, alarm.seq), (Change::EndedWhilePaused, told.seq));
}

#[test]
fn row_17_what_is_worse_breaks_through() {
    for off in [false, true] {
        let mut scene = low_spo2();
        let act = if off { off_for(&scene, 3_600, Some("CT")) } else { pause(What::Alarm) };
        scene.act(SPO2, act);
        scene.skip();
        scene.stream("dev", "spo2", 75.0, 6);
        scene.expect(&["priority_rose high vitals_live.spo2_low: alarming, present"]);
        assert_eq!(scene.alarm(SPO2).inactivation, None);
    }
}

#[test]
fn row_12_another_event_and_row_20_a_recurrence_break_through() {
    let mut scene = paused(low_event(), ATRIAL);
    scene.advance(1.0);
    scene.event("dev", "af_detected", Some("b"), Phase::Start);
    scene.expect(&["recurred low cied.atrial: alarming, present"]);

    let mut scene = low_spo2();
    scene.stream("dev", "spo2", 97.0, 61);
    let mut scene = paused(scene, SPO2);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.expect(&["recurred medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_07_data_that_come_back_are_no_news_to_whoever_paused() {
    let mut scene = paused(low_spo2(), SPO2);
    scene.advance(20.0);
    scene.stream("dev", "spo2", 84.0, 16);
    let of_spo2 = |line: &String| line.contains("spo2");
    let news: Vec<_> = scene.news().into_iter().filter(of_spo2).collect();
    assert_eq!(
        news,
        [
            "unknown medium vitals_live.spo2_low: paused, unknown",
            "back_present medium vitals_live.spo2_low: paused, present",
        ]
    );
}

#[test]
fn under_a_pause_of_sound_whoever_is_called_is_called_as_ever() {
    // Row 7: the data come back.
    let mut scene = low_spo2();
    scene.act(SPO2, pause(What::Audio));
    scene.skip();
    scene.advance(20.0);
    scene.stream("dev", "spo2", 84.0, 16);
    assert!(scene.told().contains(&"medium vitals_live.spo2_low".to_owned()));
    assert_eq!(scene.alarm(SPO2).state, State::Paused);

    // Row 10: an acknowledgement runs out.
    let mut scene = very_low_spo2();
    scene.acknowledge(SPO2);
    scene.stream("dev", "spo2", 75.0, 590);
    scene.act(SPO2, pause(What::Audio));
    scene.skip();
    scene.stream("dev", "spo2", 75.0, 11);
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
    let alarm = scene.alarm(SPO2);
    assert_eq!((alarm.state, alarm.acknowledged), (State::Paused, None));
    scene.skip();
    scene.stream("dev", "spo2", 75.0, 120);
    scene.expect(&["pause_over high vitals_live.spo2_low: alarming, present"]);

    // Row 13: it is taken back.
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.act(SPO2, pause(What::Audio));
    scene.skip();
    scene.act(SPO2, AlarmAct::Unacknowledge);
    assert_eq!(scene.told(), ["medium vitals_live.spo2_low"]);
}

#[test]
fn row_18_to_acknowledge_ends_the_pause() {
    for act in [pause(What::Alarm), off_for(&low_spo2(), 600, Some("CT"))] {
        let mut scene = low_spo2();
        scene.act(SPO2, act);
        scene.skip();
        assert_eq!(scene.acknowledge(SPO2), Outcome::Done);
        scene.expect(&["acknowledged medium vitals_live.spo2_low: acknowledged, present"]);
        assert_eq!(scene.alarm(SPO2).inactivation, None);
        scene.stream("dev", "spo2", 84.0, 700);
        scene.expect(&[]);
    }
}

#[test]
fn row_19_what_is_over_is_reset_though_paused() {
    for act in [AlarmAct::Acknowledge, AlarmAct::Reset { reason: None }] {
        let mut scene = low_spo2();
        scene.stream("dev", "spo2", 97.0, 61);
        let mut scene = paused(scene, SPO2);
        assert_eq!(scene.act(SPO2, act).0, Outcome::Done);
        scene.expect(&["reset medium vitals_live.spo2_low: closed reset"]);
        scene.advance(700.0);
        assert!(!scene.news().iter().any(|line| line.contains("spo2_low")));
    }
}

#[test]
fn row_13_an_acknowledgement_is_taken_back_and_the_pause_stays() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    let mut scene = paused(scene, SPO2);
    assert_eq!(scene.act(SPO2, AlarmAct::Unacknowledge).0, Outcome::Done);
    assert_eq!(scene.told(), Vec::<String>::new());
    let alarm = scene.alarm(SPO2);
    assert_eq!((alarm.state, alarm.acknowledged), (State::Paused, None));
    assert_eq!(scene.act(SPO2, AlarmAct::Unacknowledge).0, Outcome::AlreadySo);
}

#[test]
fn rows_22_25_and_26_end_a_pause_with_the_alarm() {
    use crate::model::alarm::Side;
    use crate::model::command::Action;
    let mut scene = paused(low_spo2(), SPO2);
    scene.limit("spo2", Side::Low, Some(80.0));
    scene.expect(&["limit_changed medium vitals_live.spo2_low: latched, absent"]);
    assert_eq!(scene.alarm(SPO2).inactivation, None);

    let mut scene = paused(very_low_spo2(), SPO2);
    let reason = Some("to another house".to_owned());
    scene.done(Action::DischargePatient { patient: "p".parse().unwrap(), reason, replaces: None });
    scene.expect(&["discharged high vitals_live.spo2_low: closed discharged"]);

    let mut scene = paused(very_low_spo2(), SPO2);
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: None,
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
    let news = scene.news();
    assert_eq!(news[0], "retracted high vitals_live.spo2_low: closed retracted");
    scene.advance(600.0);
    assert!(!scene.news().iter().any(|line| line.contains("spo2")));
}

#[test]
fn row_24_of_a_device_that_is_unbound_the_pause_goes_on() {
    use crate::model::command::Action;
    let mut scene = paused(low_spo2(), SPO2);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.expect(&["source_unbound medium vitals_live.spo2_low: paused, unknown"]);
    scene.advance(600.0);
    scene.expect(&["pause_over medium vitals_live.spo2_low: alarming, unknown"]);
}

#[test]
fn a_pause_outlives_a_restart() {
    let mut scene = paused(very_low_spo2(), SPO2);
    let before: Alarm = scene.alarm(SPO2);
    scene.restart(4.0);
    assert_eq!(scene.alarm(SPO2), before);
    scene.stream("dev", "spo2", 75.0, 116);
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
}

#[test]
fn a_comment_is_part_of_the_story_and_answers_nothing() {
    let mut scene = low_spo2();
    let comment = |text: &str| AlarmAct::Comment { text: text.to_owned() };
    assert_eq!(scene.act(SPO2, comment("probe moved to the ear")).0, Outcome::Done);
    scene.expect(&["commented medium vitals_live.spo2_low: alarming, present"]);
    let said = scene.alarm(SPO2).comment.unwrap();
    assert_eq!((&*said.by, &*said.text), ("nurse", "probe moved to the ear"));
    for refused in [" ".to_owned(), "x".repeat(1_001)] {
        assert_eq!(scene.act(SPO2, comment(&refused)).0, Outcome::Invalid);
    }
}
