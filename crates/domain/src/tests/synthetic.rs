//! The synthetic patient is judged as anybody is, and is seen nowhere; what stays of it, and alarms that are late, are
//! alarms of the gateway.

use super::scene::{Scene, at, shipped};
use crate::core::Core;
use crate::core::configuration::{Configuration, Texts};
use crate::model::command::{Action, AgeClass, Outcome, PatientDetails, Registration};
use crate::model::input::{Input, LateAlarms, Stretch};
use crate::model::message::{Body, Message, Mode};
use crate::model::synthetic::{SYNTHETIC, SyntheticSeen};

/// What the gateway sends: SpO2 of so many per cent, numbered.
fn synthetic(scene: &mut Scene, seq: u64, spo2: f64) -> Message {
    let mut message = scene.message(SYNTHETIC);
    let reading = scene.measured("spo2", spo2);
    if let Body::Telemetry { readings, .. } = &mut message.body {
        readings.push(reading);
    }
    Message { boot: Some(7), seq: Some(seq), mode: Mode::Probe, ..message }
}

fn judged(scene: &mut Scene, seq: u64, spo2: f64) -> Option<bool> {
    let message = synthetic(scene, seq, spo2);
    let row = scene.core.row() + 1;
    let out = scene.core.fold(row, scene.now, &[Input::Message(Box::new(message))]);
    assert!(out.transitions.is_empty() && out.samples.is_empty() && out.words.is_empty());
    let seen = out.synthetic.unwrap();
    assert_eq!(seen, SyntheticSeen { boot: Some(7), seq: Some(seq), raised: seen.raised });
    seen.raised
}

#[test]
fn the_synthetic_patient_is_judged_by_the_rules_in_force_and_is_seen_nowhere() {
    let mut scene = Scene::bedside();
    let (devices, patients) = (scene.core.devices.len(), scene.core.patients.len());
    let next = scene.core.next_seq();
    assert_eq!(judged(&mut scene, 1, 40.0), Some(true));
    assert_eq!(judged(&mut scene, 2, 97.0), Some(false), "what is well raises nothing");
    scene.advance(86_400.0);
    scene.skip();
    assert_eq!(judged(&mut scene, 3, 40.0), Some(true), "and again a day later");
    scene.fold(&[Input::Link {
        principal: SYNTHETIC.parse().unwrap(),
        connected: true,
        clean: false,
    }]);
    assert_eq!((scene.core.devices.len(), scene.core.patients.len()), (devices, patients));
    assert!(scene.core.next_seq() >= next);
}

#[test]
fn rules_that_judge_nothing_of_it_say_so() {
    let texts = Texts {
        rules:
            "quality_min = 0.5\n[class.bedside]\nexpected_interval = \"1s\"\nmax_delay = \"5s\"\n"
                .into(),
        ..shipped()
    };
    let mut scene = Scene::empty();
    let configuration = Configuration::parse(texts).unwrap();
    scene.core = Core::new("site-1".parse().unwrap(), false, configuration);
    assert_eq!(judged(&mut scene, 1, 40.0), None);
}

#[test]
fn nobody_else_is_registered_by_its_name() {
    let mut scene = Scene::empty();
    let (outcome, detail) = scene.command(Action::AddDevice(Registration {
        id: SYNTHETIC.parse().unwrap(),
        class: Some("bedside".into()),
        kind: None,
        token_sha256: None,
        via: None,
        signals: None,
        replaces: None,
        while_unbound: false,
    }));
    assert_eq!(outcome, Outcome::Invalid, "{detail}");
}

#[test]
fn nobody_else_is_admitted_by_its_name() {
    let mut scene = Scene::empty();
    let (outcome, detail) = scene.command(Action::AdmitPatient(PatientDetails {
        id: SYNTHETIC.parse().unwrap(),
        age_class: AgeClass::Adult,
        continuous: false,
        bed: None,
        pregnant: None,
    }));
    assert_eq!(outcome, Outcome::Invalid, "{detail}");
    assert!(scene.core.patients.is_empty());
}

#[test]
fn a_synthetic_patient_that_stays_away_is_an_alarm_until_it_comes() {
    let mut scene = Scene::empty();
    let stays = |fault: Option<&str>| Input::Synthetic { fault: fault.map(str::to_owned) };
    scene.fold(&[stays(None)]);
    scene.expect(&[]);
    scene.fold(&[stays(Some("the listener does not answer"))]);
    scene.expect(&["raised high gateway.synthetic: alarming, present"]);
    assert!(scene.alarm("gateway.synthetic").text.ends_with("the listener does not answer"));
    assert!(scene.core.site.misses_the_synthetic());
    scene.fold(&[stays(Some("the core does not judge"))]);
    scene.expect(&["updated high gateway.synthetic: alarming, present"]);
    scene.fold(&[stays(None)]);
    scene.expect(&["ended high gateway.synthetic: closed ended"]);
    assert!(!scene.core.site.misses_the_synthetic());
}

#[test]
fn alarms_that_are_late_are_an_alarm_themselves_for_each_stretch_of_the_way() {
    let mut scene = Scene::empty();
    let found = Some(LateAlarms { late: 2, all: 40, within_ms: 5_000, worst_ms: 12_500 });
    scene.fold(&[Input::Late { stretch: Stretch::Taken, found }]);
    scene.expect(&["raised medium alarms.late: alarming, present"]);
    let alarm = scene.alarm("alarms.late");
    assert_eq!((alarm.source.as_str(), alarm.raised_at), ("taken", at(0.0)));
    assert_eq!(
        alarm.text,
        "2 of 40 alarms of an hour were taken by a channel later than 5 s, the slowest after 12.5 s"
    );
    assert_eq!(scene.core.site.late_stretches(), [Stretch::Taken]);
    scene.fold(&[Input::Late { stretch: Stretch::Announced, found: None }]);
    scene.expect(&[]);
    scene.fold(&[Input::Late { stretch: Stretch::Taken, found: None }]);
    scene.expect(&["ended medium alarms.late: closed ended"]);
}
