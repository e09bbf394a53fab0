//! Over made-up stays: what is said to fire fires then, and before the next deadline nothing is raised.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::alarms::book::Key;
use crate::core::Core;
use crate::model::alarm::Condition;
use crate::model::ids::PatientId;
use crate::model::observation::Source;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::patient::Deadline;
use crate::patient::explain::{Explained, RuleKind, State};
use crate::tests::world::{PATIENTS, Step, World, step};

fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

/// Time goes on with nothing to take, woken at each deadline.
fn wait(core: &mut Core, offset: Span, to: Timestamp) {
    while let Some(due) = core.next_deadline().filter(|due| *due <= to) {
        let at = due.max(core.now().at);
        let _rows = core.advance(Stamp { at, offset }).into_row();
    }
    let _rows = core.advance(Stamp { at: to, offset }).into_row();
}

/// The alarms of a patient that hold, or did when they were last heard of: a reading may be lost as its delay is over.
fn told(core: &Core, patient: &PatientId) -> BTreeSet<Key> {
    let alarms = core.patients[patient].alarms.iter();
    let holds = alarms.filter(|(_, open)| open.alarm.condition != Condition::Absent);
    holds.map(|(key, _)| key.clone()).collect()
}

/// The alarms of a patient that hold.
fn present(core: &Core, patient: &PatientId) -> BTreeSet<Key> {
    let alarms = core.patients[patient].alarms.iter();
    let holds = alarms.filter(|(_, open)| open.alarm.condition == Condition::Present);
    holds.map(|(key, _)| key.clone()).collect()
}

/// The key of the alarm of a row.
fn key(core: &Core, row: &Explained) -> Key {
    let device = || row.device.clone().unwrap();
    let source = match row.kind {
        RuleKind::Limit => {
            let signal = row.signal.as_deref().unwrap();
            let signal = core.configuration.signals.find(signal).unwrap().id;
            let device = device();
            Source { device, signal, instance: row.instance.clone() }.name()
        }
        RuleKind::Loss | RuleKind::Event | RuleKind::Silence => device().to_string(),
        RuleKind::Combination => "combination".to_owned(),
        other => panic!("no rule of the shipped ones is a {}", other.as_str()),
    };
    Key::new(row.rule.clone(), source)
}

fn fires(row: &Explained) -> Option<Timestamp> {
    match row.state {
        State::DelayRunning { fires_at, .. } | State::RepeatAsked { fires_at, .. } => fires_at,
        _ => None,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_said_to_fire_is_an_alarm_then_and_not_before(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let World { scene, .. } = World::live(&steps);
        let (core, now) = (scene.core, scene.now);
        for patient in PATIENTS {
            let patient: PatientId = patient.parse().unwrap();
            let Some(explained) = core.explain(&patient, None, now) else { continue };
            for row in &explained.rules {
                let Some(at) = fires(row) else { continue };
                let own = now.own(at);
                // Other limits judge anew.
                if explained.limits_change_at.is_some_and(|change| change <= at) {
                    continue;
                }
                let key = key(&core, row);
                let mut later = core.clone();
                let was = present(&later, &patient).contains(&key);
                wait(&mut later, now.offset, own - Span::micros(1));
                let early = present(&later, &patient).contains(&key);
                // One alarm tells of all that is silent of a device.
                prop_assert!(was || row.kind == RuleKind::Silence || !early, "early: {row:?}");
                wait(&mut later, now.offset, own);
                let told = told(&later, &patient).contains(&key);
                let elsewhere = row.kind == RuleKind::Silence && {
                    let again = later.explain(&patient, None, later.now()).unwrap();
                    let same = |other: &&Explained| {
                        (&other.rule, &other.device, &other.signal) == (&row.rule, &row.device, &row.signal)
                    };
                    again.rules.iter().find(same).is_some_and(|row| matches!(row.state, State::NotJudged(_)))
                };
                prop_assert!(told || elsewhere, "not told: {row:?}");
            }
        }
    }

    #[test]
    fn before_the_next_deadline_nothing_is_raised_and_none_is_left_out(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let World { scene, .. } = World::live(&steps);
        let (core, now) = (scene.core, scene.now);
        for patient in PATIENTS {
            let patient: PatientId = patient.parse().unwrap();
            let Some(explained) = core.explain(&patient, None, now) else { continue };
            let due = core.patients[&patient].next_deadline(core.context());
            prop_assert_eq!(explained.due_at, due.map(|due| now.shown(due.decided)));
            let first = explained.rules.iter().filter_map(|row| row.due_at).min();
            prop_assert!(first >= explained.due_at || first.is_none(), "{first:?}");
            let of_a_rule = due.is_some_and(|due| matches!(
                due.deadline,
                Deadline::Delay { .. } | Deadline::Gap { .. } | Deadline::Loss(_) | Deadline::Silence(_)
                    | Deadline::Combination(_)
            ));
            if of_a_rule {
                prop_assert_eq!(first, explained.due_at, "{:?}", due);
            }
            let mut later = core.clone();
            let until = due.map_or(now.at + Span::days(2), |due| due.decided - Span::micros(1));
            wait(&mut later, now.offset, until.max(now.at));
            let before = present(&core, &patient);
            let raised: Vec<_> = present(&later, &patient).difference(&before).cloned().collect();
            prop_assert!(raised.is_empty(), "{raised:?} before {due:?}");
        }
    }

    #[test]
    fn what_is_said_of_open_alarms_is_what_the_book_says(steps in prop::collection::vec(step(), 1..60)) {
        let World { scene, .. } = World::live(&steps);
        let (core, now) = (scene.core, scene.now);
        for patient in PATIENTS {
            let patient: PatientId = patient.parse().unwrap();
            let Some(explained) = core.explain(&patient, None, now) else { continue };
            for (key_of, open) in core.patients[&patient].alarms.iter() {
                let is_of_rule = core.configuration.rules.iter().any(|rule| *rule.id() == key_of.rule);
                let rows = explained.rules.iter();
                let row = rows.clone().find(|row| row.alarm.as_ref().is_some_and(|seen| seen.id == open.alarm.id));
                prop_assert!(!is_of_rule || row.is_some(), "{:?}", open.alarm);
                let Some(row) = row.filter(|row| row.kind != RuleKind::Silence) else { continue };
                let holds = matches!(row.state, State::Alarming { .. } | State::Clearing { .. });
                let wanted = match open.alarm.condition {
                    Condition::Present => true,
                    Condition::Momentary => row.kind == RuleKind::Event,
                    Condition::Absent | Condition::Unknown => false,
                };
                prop_assert_eq!(holds, wanted, "{:?}", row);
                let unknown = matches!(row.state, State::Unknown { .. });
                prop_assert!(unknown || open.alarm.condition != Condition::Unknown, "{row:?}");
            }
        }
    }
}

/// The steps are those of the other laws; here one is enough to see that the laws see rows at all.
#[test]
fn the_laws_see_delays_that_run() {
    let steps = [Step::Burst { device: 0, signal: 0, value: 1, seconds: 5 }];
    let World { scene, .. } = World::live(&steps);
    let explained = scene.core.explain(&"p".parse().unwrap(), None, scene.now).unwrap();
    assert!(explained.rules.iter().any(|row| fires(row).is_some()));
}
