//! What is said of where it stands.

use super::*;
use crate::model::command::AgeClass;
use crate::model::signal::SignalId;
use crate::patient::explain::{Explained, NotJudged, RuleKind, State};
use crate::tests::scene::at;

fn rows(scene: &Scene, only: Option<SignalId>) -> Vec<Explained> {
    let explained = scene.core.explain(&"p".parse().unwrap(), only, scene.now).unwrap();
    explained.rules.into_iter().filter(|row| row.rule.as_str() == RULE).collect()
}

#[track_caller]
fn row(scene: &Scene) -> Explained {
    let mut rows = rows(scene, None);
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[test]
fn it_says_since_when_it_is_met_and_when_it_alarms() {
    let mut scene = bedside();
    scene.both(60.0, 97.0);
    assert_eq!(row(&scene).state, State::Watching);
    scene.advance(5.0);
    scene.both(42.0, 89.0);
    let state = row(&scene).state;
    let running =
        |fires_at| State::DelayRunning { level: None, since: at(5.0), fires_at, lost_at: None };
    assert_eq!(state, running(Some(at(15.0))));
    let said = row(&scene);
    assert_eq!((said.kind, said.label.as_str()), (RuleKind::Combination, "Heart rate + SpO2"));
    assert_eq!((said.device, said.signal, said.due_at), (None, None, Some(at(15.0))));
    scene.advance(9.999);
    scene.moves(&[]);
    scene.advance(0.001);
    scene.moves(&["raised high together.slow_and_low: alarming, present"]);
    assert_eq!(row(&scene).state, State::Alarming { level: None });
    assert!(row(&scene).alarm.is_some());
}

#[test]
fn it_says_no_time_where_what_it_stands_on_is_too_old_before() {
    let mut scene = bedside();
    scene.reading("mon", "heart_rate", 42.0);
    scene.advance(50.0);
    scene.reading("mon", "spo2", 89.0);
    let running = |scene: &Scene| match row(scene).state {
        State::DelayRunning { fires_at, .. } => fires_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(running(&scene), Some(at(60.0)), "what has held until then comes first");
    scene.advance(1.0);
    scene.reading("mon", "spo2", 92.0);
    scene.advance(1.0);
    scene.reading("mon", "spo2", 89.0);
    assert_eq!(running(&scene), None);
    assert_eq!(row(&scene).due_at, Some(at(60.0)));
    scene.advance(60.0);
    scene.moves(&[]);
}

#[test]
fn it_says_when_its_alarm_is_over_and_that_nobody_knows() {
    let mut scene = alarming();
    scene.reading("mon", "heart_rate", 60.0);
    assert_eq!(row(&scene).state, State::Clearing { since: at(10.0), ends_at: at(40.0) });
    scene.advance(30.0);
    scene.moves(&["latched high together.slow_and_low: latched, absent"]);
    assert_eq!(row(&scene).state, State::Watching);
    let mut scene = alarming();
    scene.advance(60.0);
    let why = "incomplete".to_owned();
    assert_eq!(row(&scene).state, State::Unknown { since: Some(at(60.0)), why });
}

#[test]
fn it_says_why_it_does_not_judge() {
    let mut scene = bedside();
    let not = |scene: &Scene| match row(scene).state {
        State::NotJudged(why) => why.as_str(),
        state => state.as_str(),
    };
    assert_eq!(not(&scene), NotJudged::NoDevice.as_str());
    scene.reading("mon", "heart_rate", 42.0);
    assert_eq!(not(&scene), "no_device", "nobody sends one of two");
    scene.reading("oxi", "spo2", 85.0);
    scene.advance(61.0);
    assert_eq!(row(&scene).alarm.map(|alarm| alarm.state.to_string()), Some("alarming".to_owned()));
    let mut scene = bedside();
    scene.both(42.0, 97.0);
    scene.advance(61.0);
    assert_eq!(row(&scene).state, State::Unknown { since: None, why: "incomplete".to_owned() });
    scene.change(Some(AgeClass::Unknown), None);
    assert_eq!(not(&scene), "age_class");
    let mut scene = bedside_by("# wards = [\"west\"]", "wards = [\"west\"]");
    scene.both(42.0, 89.0);
    assert_eq!(not(&scene), "other_ward");
}

#[test]
fn of_one_signal_it_is_said_where_it_reads_that() {
    let mut scene = bedside();
    scene.both(42.0, 97.0);
    assert_eq!(rows(&scene, Some(scene.signal("spo2"))).len(), 1);
    assert_eq!(rows(&scene, Some(scene.signal("temperature"))).len(), 0);
}
