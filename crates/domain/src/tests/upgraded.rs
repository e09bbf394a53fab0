//! The first row after an upgrade: what an older core announced is settled with what this one holds.

use proptest::prelude::*;

use super::scene::{Scene, restored};
use crate::core::journal::RowBody;
use crate::model::alarm::{Acknowledgement, Alarm, Condition, Priority, State};
use crate::model::command::{AlarmAct, Outcome};
use crate::model::input::Input;
use crate::model::message::Phase;
use crate::output::transition::TransitionBody;

const LOW: &str = "vitals_live.spo2_low";

/// A patient whose oxygen saturation is too low; the alarm has been announced.
fn low() -> Scene {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 78.0, 30);
    scene.alarm(LOW);
    scene.skip();
    scene
}

fn held(scene: &Scene) -> Vec<Alarm> {
    let of_patients = scene.core.patients.values().flat_map(|p| p.alarms.iter());
    let all = of_patients.chain(scene.core.site.alarms.iter());
    all.map(|(_, open)| open.alarm.clone()).collect()
}

/// The store reports these alarms as open, and continues with this transition.
fn upgrade(scene: &mut Scene, next_seq: u64, held: Vec<Alarm>) {
    let input = Input::Upgraded { from: 0, next_seq, held };
    let body = RowBody { inputs: vec![input.clone()], exceptions: Vec::new() };
    assert_eq!(RowBody::decode(1, &body.encode()).unwrap(), body);
    scene.fold(&[input]);
}

fn upgraded(scene: &mut Scene, held: Vec<Alarm>) {
    let next_seq = scene.core.next_seq();
    upgrade(scene, next_seq, held);
}

/// The numbers of the transitions since the last look.
fn seqs(scene: &Scene, since: usize) -> Vec<u64> {
    scene.log[since..].iter().map(|t| t.seq).collect()
}

#[test]
fn where_both_agree_nothing_moves() {
    let mut scene = low();
    let mut silent = Scene::bedside();
    silent.advance(300.0);
    for scene in [&mut scene, &mut silent] {
        let before = (held(scene), scene.core.next_seq());
        assert!(!before.0.is_empty());
        scene.skip();
        upgraded(scene, before.0.clone());
        scene.expect(&[]);
        assert_eq!((held(scene), scene.core.next_seq()), before);
    }
    assert_eq!(scene.acknowledge(LOW), Outcome::Done);
}

#[test]
fn what_was_announced_and_is_not_held_stays_until_a_person_closes_it() {
    for good in [false, true] {
        let announced = low().alarm(LOW);
        let mut scene = Scene::bedside();
        upgrade(&mut scene, announced.seq + 1, vec![announced.clone()]);
        scene.expect(&["upgraded high vitals_live.spo2_low: latched, absent"]);
        let kept = scene.alarm(LOW);
        assert_eq!((&kept.id, kept.condition_reason.as_deref()), (&announced.id, Some("upgraded")));
        assert_eq!((kept.priority, &kept.text), (announced.priority, &announced.text));
        if good {
            scene.stream("dev", "spo2", 97.0, 120);
        } else {
            scene.advance(100_000.0);
        }
        assert_eq!(scene.alarm(LOW).state, State::Latched);
        scene.skip();
        let seen = announced.seq;
        let (outcome, _) = scene.command(crate::model::command::Action::Alarm {
            id: announced.id,
            seen,
            act: AlarmAct::Acknowledge,
        });
        assert_eq!(outcome, Outcome::Conflict, "the person saw it as it was before");
        assert_eq!(scene.reset(LOW, None), Outcome::Done);
        scene.expect(&["reset high vitals_live.spo2_low: closed reset"]);
        assert!(scene.find(LOW).is_none());
    }
}

#[test]
fn nor_does_anything_end_what_is_technical_or_momentary() {
    let mut before = Scene::bedside();
    before.stream("dev", "spo2", 97.0, 1);
    before.reading("dev", "spo2", 300.0);
    before.event("dev", "battery_low", None, Phase::Single);
    before.fold(&[Input::Unwatched(vec!["w1".parse().unwrap()])]);
    let announced = held(&before);
    let rules: Vec<&str> = announced.iter().map(|a| a.rule.as_str()).collect();
    assert_eq!(rules, ["event.other", "link.implausible", "ward.unwatched"]);

    let mut scene = Scene::bedside();
    upgraded(&mut scene, announced.clone());
    assert_eq!(scene.news().len(), announced.len());
    scene.stream("dev", "spo2", 97.0, 120);
    scene.fold(&[Input::Unwatched(Vec::new())]);
    scene.advance(200_000.0);
    for announced in &announced {
        let kept = scene.alarm(announced.rule.as_str());
        assert_eq!(
            (kept.id, kept.state),
            (announced.id.clone(), State::Latched),
            "{}",
            announced.rule
        );
    }
    assert!(scene.core.site.unwatched_wards().is_empty());
    scene.skip();
    scene.fold(&[Input::Unwatched(vec!["w1".parse().unwrap()])]);
    scene.expect(&["recurred medium ward.unwatched: alarming, present"]);
    scene.reading("dev", "spo2", 300.0);
    assert_eq!(scene.alarm("link.implausible").state, State::Alarming);
}

#[test]
fn a_kept_alarm_comes_back_when_its_condition_does() {
    let announced = low().alarm(LOW);
    let mut scene = Scene::bedside();
    upgraded(&mut scene, vec![announced.clone()]);
    scene.skip();
    scene.stream("dev", "spo2", 78.0, 30);
    let alarm = scene.alarm(LOW);
    assert_eq!((alarm.id, alarm.state, alarm.recurrence), (announced.id, State::Alarming, 1));
}

#[test]
fn once_a_person_closed_it_the_same_cause_makes_another_alarm() {
    let announced = low().alarm(LOW);
    let again = |scene: &mut Scene| {
        scene.stream("dev", "spo2", 78.0, 30);
        scene.alarm(LOW).id
    };
    assert_eq!(again(&mut Scene::bedside()), announced.id, "the cause is the same");
    for restarted in [false, true] {
        let mut scene = Scene::bedside();
        upgraded(&mut scene, vec![announced.clone()]);
        assert_eq!(scene.reset(LOW, None), Outcome::Done);
        if restarted {
            scene.core = restored(&scene.core);
        }
        assert_ne!(again(&mut scene), announced.id, "a closed alarm does not come back");
    }
}

#[test]
fn what_is_held_and_was_not_announced_is_raised_now_under_a_new_number() {
    for next_seq in [1, 1_000] {
        let mut scene = low();
        assert_eq!(scene.acknowledge(LOW), Outcome::Done);
        scene.skip();
        let (alarm, looked) = (scene.alarm(LOW), scene.log.len());
        upgrade(&mut scene, next_seq, Vec::new());
        scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
        assert_eq!(seqs(&scene, looked), [next_seq]);
        let raised = scene.alarm(LOW);
        assert_eq!((raised.id, raised.raised_at), (alarm.id, alarm.raised_at));
        assert_eq!((raised.seq, raised.acknowledged), (next_seq, None));
        assert_eq!(scene.core.next_seq(), next_seq + 1);
        assert_eq!(scene.acknowledge(LOW), Outcome::Done, "its new number is what was seen");
    }
}

#[test]
fn where_they_differ_the_present_judgement_is_announced_and_never_less_grave() {
    let mut scene = low();
    assert_eq!(scene.acknowledge(LOW), Outcome::Done);
    let acknowledged = scene.alarm(LOW);
    scene.skip();
    let announced =
        Alarm { seq: 3, state: State::Alarming, acknowledged: None, ..acknowledged.clone() };
    upgrade(&mut scene, 4, vec![announced]);
    scene.expect(&[]);
    assert_eq!(scene.alarm(LOW).state, State::Alarming, "nobody took note of what was announced");

    let mut scene = low();
    let alarm = scene.alarm(LOW);
    let who = Acknowledgement { by: "nurse".into(), at: alarm.raised_at, until: None, seq: 1 };
    let announced = Alarm { state: State::Acknowledged, acknowledged: Some(who), ..alarm };
    upgraded(&mut scene, vec![announced]);
    scene.expect(&["upgraded high vitals_live.spo2_low: alarming, present"]);

    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 90);
    let medium = scene.alarm(LOW);
    assert_eq!(medium.priority, Priority::Medium);
    scene.skip();
    let announced = Alarm { priority: Priority::High, priority_peak: Priority::High, ..medium };
    upgraded(&mut scene, vec![announced]);
    scene.expect(&["upgraded medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm(LOW).priority_peak, Priority::High);
}

#[test]
fn two_alarms_of_one_place_and_those_of_nobody_known_are_all_kept() {
    let mut scene = low();
    let own = scene.alarm(LOW);
    let another = Alarm { id: "another".parse().unwrap(), ..own.clone() };
    let stranger = Alarm {
        id: "stranger".parse().unwrap(),
        patient: Some("gone".parse().unwrap()),
        ..own.clone()
    };
    upgraded(&mut scene, vec![own.clone(), another.clone(), stranger.clone()]);
    scene.expect(&["upgraded high vitals_live.spo2_low: latched, absent"; 2]);
    let open = held(&scene);
    assert_eq!(open.len(), 3);
    for alarm in open.iter().filter(|a| a.id != own.id) {
        let (id, seen) = (alarm.id.clone(), alarm.seq);
        let act = AlarmAct::Reset { reason: None };
        scene.done(crate::model::command::Action::Alarm { id, seen, act });
    }
    assert_eq!(held(&scene), [own]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_announced_nothing_ends_and_no_number_is_used_twice(
        known in prop::collection::vec(any::<bool>(), 3),
        announced in prop::collection::vec(any::<bool>(), 3),
        next_seq in 1..1_000_u64,
    ) {
        const SIGNALS: [(&str, f64); 3] = [("spo2", 78.0), ("heart_rate", 200.0), ("respiratory_rate", 60.0)];
        let world = |which: &[bool]| {
            let mut scene = Scene::bedside();
            for ((signal, value), _) in SIGNALS.iter().zip(which).filter(|(_, yes)| **yes) {
                scene.stream("dev", signal, *value, 40);
            }
            scene
        };
        let announced = held(&world(&announced));
        let mut scene = world(&known);
        let (before, looked) = (held(&scene), scene.log.len());
        upgrade(&mut scene, next_seq, announced.clone());
        let after = held(&scene);
        for alarm in announced.iter().chain(&before) {
            prop_assert!(after.iter().any(|a| a.id == alarm.id), "{} ended", alarm.rule);
        }
        let seqs = seqs(&scene, looked);
        let expected: Vec<u64> = (next_seq..).take(seqs.len()).collect();
        prop_assert_eq!(seqs, expected);
        prop_assert_eq!(scene.core.next_seq(), next_seq + scene.log[looked..].len() as u64);
        for transition in &scene.log[looked..] {
            if let TransitionBody::Alarm { alarm, .. } = &transition.body {
                prop_assert!(alarm.is_open());
                prop_assert_eq!(alarm.seq, transition.seq);
                let only_announced = before.iter().all(|b| b.id != alarm.id);
                prop_assert_eq!(alarm.condition == Condition::Absent, only_announced);
            }
        }
    }
}
