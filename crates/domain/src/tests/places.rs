//! Wards, beds, and changes of what is known of a patient (contract §4, §6).

use crate::model::alarm::Alarm;
use crate::model::command::{Action, AgeClass, Outcome};
use crate::model::ids::{BedId, WardId};

use super::scene::Scene;

/// Wards `w1` and `w2`, a bed in each, and `p` in the first with a medium alarm.
fn in_bed() -> Scene {
    let mut scene = Scene::empty();
    for (ward, bed) in [("w1", "b1"), ("w2", "b2")] {
        scene.done(Action::AddWard(ward.parse().unwrap()));
        scene.done(add_bed(bed, ward));
    }
    scene.admit_with("p", |details| details.bed = Some("b1".parse().unwrap()));
    scene.device("dev", "bedside", &[]);
    scene.bind("dev", "p");
    scene.stream("dev", "spo2", 85.0, 16);
    scene.skip();
    scene
}

fn add_bed(bed: &str, ward: &str) -> Action {
    Action::AddBed { bed: bed.parse().unwrap(), ward: ward.parse().unwrap() }
}

fn transfer(bed: &str) -> Action {
    Action::TransferPatient {
        patient: "p".parse().unwrap(),
        bed: Some(bed.parse().unwrap()),
        replaces: None,
    }
}

/// Where it was raised, and where its patient lies.
fn places(alarm: &Alarm) -> [Option<&str>; 4] {
    [
        alarm.ward.as_ref().map(WardId::as_str),
        alarm.bed.as_ref().map(BedId::as_str),
        alarm.ward_now.as_ref().map(WardId::as_str),
        alarm.bed_now.as_ref().map(BedId::as_str),
    ]
}

#[test]
fn nobody_is_moved_or_discharged_on_an_old_view() {
    let mut scene = in_bed();
    let seen = scene.core.patients["p"].version;
    let to = |replaces| Action::TransferPatient {
        patient: "p".parse().unwrap(),
        bed: Some("b2".parse().unwrap()),
        replaces,
    };
    let home = |replaces| Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: None,
        replaces,
    };
    assert_eq!(scene.command(to(Some(seen + 1))).0, Outcome::Stale);
    assert_eq!(scene.command(to(Some(seen))).0, Outcome::Done);
    assert_eq!(scene.command(home(Some(seen))).0, Outcome::Stale, "he lies elsewhere by now");
    assert!(scene.core.patients["p"].discharged_at.is_none());
    let seen = scene.core.patients["p"].version;
    assert_eq!(scene.command(home(Some(seen))).0, Outcome::Done);
}

const MOVED: &str = "moved medium vitals_live.spo2_low: alarming, present";

#[test]
fn a_transfer_takes_the_alarms_along() {
    let mut scene = in_bed();
    scene.done(transfer("b2"));
    scene.expect(&[MOVED]);
    let alarm = scene.alarm("vitals_live.spo2_low");
    assert_eq!(places(&alarm), ["w1", "b1", "w2", "b2"].map(Some));
    assert_eq!(alarm.ward_shown().map(WardId::as_str), Some("w2"));
    assert_eq!(scene.command(transfer("b2")).0, Outcome::AlreadySo);
    scene.stream("dev", "spo2", 70.0, 6);
    scene.expect(&["priority_rose high vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm("vitals_live.spo2_low").ward_now, Some("w2".parse().unwrap()));
}

#[test]
fn a_bed_that_is_moved_takes_its_patient_along() {
    let mut scene = in_bed();
    scene.done(add_bed("b1", "w2"));
    scene.expect(&[MOVED]);
    assert_eq!(scene.core.patients["p"].ward, Some("w2".parse().unwrap()));
    assert_eq!(places(&scene.alarm("vitals_live.spo2_low")), ["w1", "b1", "w2", "b1"].map(Some));
}

#[test]
fn a_change_of_a_patient_undoes_no_transfer() {
    let mut scene = in_bed();
    let seen = scene.core.patients["p"].version;
    scene.done(transfer("b2"));
    let change = |replaces| Action::ChangePatient {
        patient: "p".parse().unwrap(),
        age_class: None,
        continuous: Some(true),
        pregnant: None,
        replaces,
        spo2_scale: None,
        reason: None,
    };
    assert_eq!(scene.command(change(Some(seen))).0, Outcome::Stale, "a second writer");
    scene.done(change(None));
    let details = &scene.core.patients["p"].details;
    assert_eq!((details.bed.as_ref(), details.continuous), (Some(&"b2".parse().unwrap()), true));
    assert_eq!(details.age_class, AgeClass::Adult);
    assert_eq!(scene.command(change(None)).0, Outcome::AlreadySo);
}

#[test]
fn a_binding_that_says_otherwise_what_a_zero_means_takes_effect() {
    let mut scene = Scene::bedside();
    let bind = |scene: &Scene| Action::Bind {
        device: "dev".parse().unwrap(),
        patient: "p".parse().unwrap(),
        from: None,
        zero_means_no_sensor: Some(vec![scene.signal("heart_rate")]),
        replaces: None,
    };
    let action = bind(&scene);
    scene.done(action.clone());
    assert_eq!(scene.command(action).0, Outcome::AlreadySo);
    scene.skip();
    scene.reading("dev", "heart_rate", 70.0);
    scene.advance(1.0);
    scene.reading("dev", "heart_rate", 0.0);
    scene.expect(&["raised high link.zero_or_off: alarming, present"]);
}
