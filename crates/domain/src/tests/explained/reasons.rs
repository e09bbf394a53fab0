//! Why rules do not judge, and why nobody hears of what they find.

use super::{LOW, explained, kept, row, stands};
use crate::model::alarm::Side;
use crate::model::command::{Action, AgeClass, AlarmAct};
use crate::model::message::Mode;
use crate::model::message::ReadingTime;
use crate::model::pause::{Scope, What};
use crate::model::time::Span;
use crate::patient::explain::{KeptBack, NotJudged, State};
use crate::tests::scene::{Scene, at};

const FLOOR: &str = "vitals_live.spo2_floor_low";

#[test]
fn rules_for_adults_say_that_they_refuse_and_those_for_others_are_not_there() {
    for age in [AgeClass::Paediatric, AgeClass::Unknown] {
        let mut scene = Scene::empty();
        scene.admit_with("p", |details| details.age_class = age);
        scene.device("dev", "bedside", &["spo2", "etco2"]);
        scene.bind("dev", "p");
        scene.stream("dev", "spo2", 97.0, 2);
        scene.reading("dev", "etco2", 38.0);
        assert_eq!(stands(&scene, LOW), "not_judged age_class");
        assert_eq!(stands(&scene, "vitals_live.etco2_lost"), "not_judged age_class");
        assert_eq!(stands(&scene, FLOOR), "watching", "it is lethal for everybody");
        let rules = explained(&scene).rules;
        assert!(!rules.iter().any(|row| row.rule.as_str().contains("neonate")), "{rules:?}");
    }
    let mut scene = Scene::bedside();
    scene.change(None, Some(true));
    scene.reading("dev", "spo2", 97.0);
    assert_eq!(stands(&scene, LOW), "not_judged age_class");
    // What a person put judges whom those for adults refuse.
    scene.limit("spo2", Side::Low, Some(92.0));
    scene.reading("dev", "spo2", 97.0);
    assert_eq!(stands(&scene, LOW), "watching");
}

#[test]
fn a_floor_that_another_limit_says_is_covered_by_that() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 97.0);
    let State::NotJudged(NotJudged::Covered { by }) = row(&scene, FLOOR).state else { panic!() };
    assert_eq!(by.as_str(), LOW);
    scene.limit("spo2", Side::Low, Some(85.0));
    scene.reading("dev", "spo2", 97.0);
    assert_eq!(stands(&scene, FLOOR), "watching", "the critical limit is switched off");
}

#[test]
fn what_a_person_switched_off_says_so_and_names_who() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 97.0);
    scene.limit("spo2", Side::Low, None);
    scene.reading("dev", "spo2", 50.0);
    let row = row(&scene, LOW);
    assert_eq!(row.state, State::NotJudged(NotJudged::SwitchedOff));
    for level in &row.levels {
        assert_eq!(level.value, None);
        assert_eq!(level.put.as_ref().unwrap().by, "nurse");
    }
    assert_eq!(row.levels.len(), 2);
}

#[test]
fn a_side_for_adults_that_nobody_put_a_limit_to_refuses() {
    let mut scene = Scene::bedside();
    scene.change(Some(AgeClass::Paediatric), None);
    scene.limit("heart_rate", Side::Low, Some(60.0));
    scene.reading("dev", "heart_rate", 97.0);
    assert_eq!(stands(&scene, "vitals_live.heart_rate_high"), "not_judged age_class");
    assert_eq!(stands(&scene, "vitals_live.heart_rate_low"), "watching");
}

#[test]
fn a_side_for_which_nobody_has_a_limit_is_not_there_until_somebody_puts_one() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 97.0);
    let high = |scene: &Scene| {
        explained(scene).rules.iter().any(|row| row.rule.as_str() == "vitals_live.spo2_high")
    };
    assert!(!high(&scene));
    scene.limit("spo2", Side::High, Some(98.0));
    assert_eq!(stands(&scene, "vitals_live.spo2_high"), "watching");
}

#[test]
fn what_no_device_sends_and_what_was_never_heard_are_two_things() {
    let mut scene = Scene::empty();
    scene.admit("p");
    assert_eq!(stands(&scene, LOW), "not_judged no_device");
    assert_eq!(stands(&scene, "vitals_live.etco2_lost"), "not_judged no_device");
    assert_eq!(stands(&scene, "cied.vf"), "not_judged no_device");
    scene.device("dev", "bedside", &["spo2", "etco2"]);
    scene.bind("dev", "p");
    assert_eq!(stands(&scene, LOW), "not_judged never_heard");
    assert_eq!(stands(&scene, "vitals_live.etco2_lost"), "not_judged never_heard");
    assert_eq!(stands(&scene, "vitals_live.heart_rate_low"), "not_judged no_device");
    scene.reading("dev", "spo2", 97.0);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    assert_eq!(stands(&scene, LOW), "not_judged no_device");
}

#[test]
fn an_alarm_whose_device_left_is_unknown() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 75.0, 6);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    let State::Unknown { why, .. } = row(&scene, LOW).state else { panic!() };
    assert_eq!(why, "source unbound");
}

#[test]
fn the_last_reading_in_doubt_says_why() {
    type Doubt = fn(&mut crate::model::message::Message, &mut crate::model::message::Reading);
    let cases: [(Doubt, &str, Option<&str>); 5] = [
        (|_, r| r.quality = Some(0.2), "quality 0.20", None),
        (|m, _| m.mode = Mode::Test, "test mode", None),
        (|_, r| r.unit_doubtful = true, "unit doubtful", Some("unit")),
        (
            |m, r| {
                m.delivery.dup = true;
                r.time = ReadingTime::Unstated;
            },
            "clock: time unknown",
            Some("time"),
        ),
        (
            |_, r| {
                let unit = crate::model::unit::Unit::Percent;
                let comparator = Some(crate::model::message::Comparator::Less);
                r.value = crate::model::message::Value::Number { value: 95.0, unit, comparator };
            },
            "only a bound is known",
            Some("bound"),
        ),
    ];
    for (doubt, said, of_value) in cases {
        let mut scene = Scene::bedside();
        scene.stream("dev", "spo2", 97.0, 3);
        scene.send("dev", "spo2", 96.0, doubt);
        let row = row(&scene, LOW);
        let State::NotJudged(NotJudged::Doubtful { why }) = &row.state else {
            panic!("{said}: {:?}", row.state)
        };
        assert_eq!(why, said);
        assert_eq!(row.doubtful.map(|value| value.doubt.as_str()), of_value);
        assert_eq!(row.last.map(|last| last.number.value), Some(97.0));
        scene.advance(1.0);
        scene.reading("dev", "spo2", 97.0);
        assert_eq!(stands(&scene, LOW), "watching", "{said}");
    }
}

#[test]
fn what_is_late_or_contradicted_is_in_doubt_too() {
    let mut scene = Scene::bedside();
    scene.advance(200.0);
    scene.send("dev", "spo2", 97.0, |_, reading| reading.time = ReadingTime::At(at(10.0)));
    let late = row(&scene, LOW);
    assert_eq!(late.state, State::Unknown { since: None, why: "late".to_owned() });
    assert_eq!((late.doubtful.unwrap().doubt.as_str(), late.last), ("late", None));
    scene.reading("dev", "spo2", 97.0);
    scene.reading("dev", "spo2", 96.0);
    assert_eq!(row(&scene, LOW).doubtful.unwrap().doubt.as_str(), "conflict");
    assert_eq!(stands(&scene, LOW), "not_judged doubtful");
}

#[test]
fn a_doubtful_reading_beyond_runs_its_delay() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 3);
    scene.send("dev", "spo2", 85.0, |message, reading| {
        message.delivery.dup = true;
        reading.time = ReadingTime::Unstated;
    });
    assert_eq!(stands(&scene, LOW), "delay_running");
}

#[test]
fn a_sensor_that_is_off_is_no_loss_and_a_device_that_measures_singly_loses_nothing() {
    const LOSS: &str = "vitals_live.etco2_lost";
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["etco2"]);
    scene.reading("dev", "etco2", 38.0);
    scene.advance(1.0);
    scene.reading("dev", "etco2", 0.0);
    assert_eq!(stands(&scene, LOSS), "not_judged sensor_off");
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "charted", &[]);
    scene.bind("dev", "p");
    scene.reading("dev", "etco2", 38.0);
    assert_eq!(stands(&scene, LOSS), "not_judged single");
    assert_eq!(stands(&scene, "link.silence"), "not_judged no_ladder");
}

#[test]
fn whatever_begins_under_a_pause_of_a_scope_says_whose_that_is_and_so_does_what_began() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 97.0);
    let patient = Some("p".parse().unwrap());
    let scope = Scope { patient, ..Scope::default() };
    let until = at(600.0);
    scene.done(Action::Pause { scope, reason: "washing".to_owned(), until });
    let KeptBack::Paused(pause) = row(&scene, LOW).kept_back.remove(0) else { panic!() };
    assert_eq!((pause.by.as_str(), pause.reason.as_deref()), ("nurse", Some("washing")));
    assert_eq!((pause.until, pause.scope, pause.what), (until, true, What::Alarm));
    assert_eq!(stands(&scene, LOW), "watching", "it is judged all the same");
    scene.stream("dev", "spo2", 85.0, 16);
    let KeptBack::Paused(pause) = row(&scene, LOW).kept_back.remove(0) else { panic!() };
    assert!(pause.scope);
    assert_eq!(Some(pause.until), scene.alarm(LOW).inactivation.map(|one| one.until));
    assert_eq!(stands(&scene, LOW), "alarming");
}

#[test]
fn one_alarm_paused_by_a_person_says_who_and_until_when() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 85.0, 16);
    let act = AlarmAct::Pause { what: What::Audio, reason: None, until: None };
    scene.act(LOW, act);
    let KeptBack::Paused(pause) = row(&scene, LOW).kept_back.remove(0) else { panic!() };
    assert_eq!((pause.by.as_str(), pause.what, pause.scope), ("nurse", What::Audio, false));
    assert_eq!(pause.until, scene.now.wall() + Span::mins(10));
}

#[test]
fn what_was_announced_twice_within_the_hour_is_quiet_until_a_time() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2"]);
    scene.bind("dev", "p");
    for _ in 0..3 {
        scene.reading("dev", "spo2", 97.0);
        // The second rung would be news.
        scene.advance(20.0);
    }
    let quiet = scene.alarm("link.silence").quiet_until;
    let [KeptBack::Quiet(until)] = row(&scene, "link.silence").kept_back[..] else {
        panic!("{:?}", row(&scene, "link.silence"))
    };
    assert_eq!(Some(until), quiet);
}

#[test]
fn what_is_for_the_record_and_what_its_device_may_not_tell_are_kept_back() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("cgm", "cgm", &[]);
    scene.bind("cgm", "p");
    for _ in 0..12 {
        scene.reading("cgm", "glucose_cgm", 200.0);
        scene.advance(300.0);
    }
    let high = row(&scene, "cgm.glucose_high");
    assert_eq!(kept(&scene, "cgm.glucose_high"), ["information"], "{high:?}");
    let mut scene = Scene::bedside();
    for n in 0..400 {
        let phase = crate::model::message::Phase::Start;
        scene.event("dev", "vt_detected", Some(&n.to_string()), phase);
        scene.event("dev", "vt_detected", Some(&n.to_string()), crate::model::message::Phase::End);
        scene.advance(1.5);
    }
    let rule = scene.core.configuration.rules.event("vt_detected").unwrap().id.to_string();
    assert!(scene.find("link.over_budget").is_some());
    let [KeptBack::Budget(Some(until))] = row(&scene, &rule).kept_back[..] else {
        panic!("{:?}", row(&scene, &rule))
    };
    assert!(until > scene.now.wall());
}
