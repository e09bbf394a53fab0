//! An open alarm is found by its id wherever it is held, and a closed one nowhere.

use crate::model::alarm::Alarm;
use crate::model::command::{Action, AlarmAct, Command, Outcome};
use crate::model::input::Input;
use crate::output::transition::{Change, TransitionBody};

use super::scene::{Scene, restored};

const LOW: &str = "vitals_live.spo2_low";

fn acknowledge(alarm: &Alarm) -> Action {
    Action::Alarm { id: alarm.id.clone(), seen: alarm.seq, act: AlarmAct::Acknowledge }
}

fn unwatched(wards: &[&str]) -> Input {
    Input::Unwatched(wards.iter().map(|ward| ward.parse().unwrap()).collect())
}

/// An alarm of a patient and one of the gateway.
fn two_alarms() -> (Scene, Alarm, Alarm) {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 78.0, 30);
    scene.fold(&[unwatched(&["w1"])]);
    let alarms = [LOW, "ward.unwatched"].map(|rule| scene.alarm(rule));
    let [of_patient, of_gateway] = alarms;
    (scene, of_patient, of_gateway)
}

#[test]
fn it_is_found_before_and_after_a_restart() {
    for restarted in [false, true] {
        let (mut scene, of_patient, of_gateway) = two_alarms();
        if restarted {
            scene.core = restored(&scene.core);
        }
        scene.done(acknowledge(&of_patient));
        scene.done(acknowledge(&of_gateway));
    }
}

#[test]
fn one_that_closed_is_not_found() {
    let (mut scene, of_patient, of_gateway) = two_alarms();
    scene.done(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: Some("home".to_owned()),
        replaces: None,
    });
    scene.fold(&[unwatched(&[])]);
    for alarm in [of_patient, of_gateway] {
        let answer = scene.command(acknowledge(&alarm));
        assert_eq!(answer, (Outcome::NotFound, "no open alarm has this id".to_owned()));
    }
}

#[test]
fn one_raised_by_the_input_before_is_found_by_the_next() {
    let mut twin = Scene::empty();
    twin.fold(&[unwatched(&["w1"])]);
    let Alarm { id, seq, .. } = twin.alarm("ward.unwatched");
    let act = AlarmAct::Acknowledge;
    let command =
        Command { actor: "nurse".to_owned(), action: Action::Alarm { id, seen: seq, act } };
    let mut scene = Scene::empty();
    scene.fold(&[unwatched(&["w1"]), Input::Command(Box::new(command))]);
    let changes: Vec<Change> = scene
        .log
        .iter()
        .filter_map(|transition| match &transition.body {
            TransitionBody::Alarm { change, .. } => Some(*change),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [Change::Raised, Change::Acknowledged]);
}

#[test]
fn one_of_a_patient_admitted_only_later_stays_with_the_site() {
    let stranger = Alarm { patient: Some("later".parse().unwrap()), ..two_alarms().1 };
    let mut scene = Scene::bedside();
    let next_seq = scene.core.next_seq().max(stranger.seq + 1);
    scene.fold(&[Input::Upgraded { from: 0, next_seq, held: vec![stranger] }]);
    scene.admit("later");
    let kept = scene.alarm(LOW);
    scene.done(acknowledge(&kept));
    assert!(scene.find(LOW).is_none(), "a person looked at what nothing holds");
}
