//! Somebody who is to be watched continuously and whom no device watches (contract §4).

use crate::model::command::{Action, PatientDetails};
use crate::tests::scene::Scene;

const RAISED: &str = "raised medium patient.no_device: alarming, present";
const ENDED: &str = "ended medium patient.no_device: closed ended";

fn continuous(details: &mut PatientDetails) {
    details.continuous = true;
}

/// Somebody who is to be watched continuously, and devices bound to him.
fn watched_by(devices: &[&str]) -> Scene {
    let mut scene = Scene::empty();
    scene.admit_with("p", continuous);
    for device in devices {
        scene.device(device, "bedside", &[]);
        scene.bind(device, "p");
        scene.stream(device, "heart_rate", 70.0, 1);
    }
    scene
}

fn flag(scene: &mut Scene, continuous: bool) {
    scene.done(Action::ChangePatient {
        patient: "p".parse().unwrap(),
        age_class: None,
        continuous: Some(continuous),
        pregnant: None,
        replaces: None,
        spo2_scale: None,
        reason: None,
    });
}

fn unbind(scene: &mut Scene, device: &str) {
    scene.done(Action::Unbind { device: device.parse().unwrap(), replaces: None });
}

#[test]
fn who_is_to_be_watched_and_loses_the_last_device_has_an_alarm_until_one_is_judged() {
    let mut scene = watched_by(&["dev", "other"]);
    unbind(&mut scene, "other");
    scene.expect(&[]);
    unbind(&mut scene, "dev");
    scene.expect(&[RAISED]);
    scene.bind("dev", "p");
    scene.expect(&[]);
    scene.send("dev", "heart_rate", 70.0, |message, _| {
        message.mode = crate::model::message::Mode::Test;
    });
    assert!(scene.find("patient.no_device").is_some());
    scene.skip();
    scene.reading("dev", "heart_rate", 70.0);
    assert!(scene.news().contains(&ENDED.to_owned()));
    // Nobody else is asked for.
    flag(&mut scene, false);
    unbind(&mut scene, "dev");
    scene.advance(1e5);
    scene.expect(&[]);
}

#[test]
fn a_revoked_device_watches_nobody() {
    let mut scene = watched_by(&["dev"]);
    scene.done(Action::RevokeDevice("dev".parse().unwrap()));
    scene.expect(&[RAISED]);
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.reading("other", "heart_rate", 70.0);
    scene.expect(&[ENDED]);
}

#[test]
fn whoever_is_to_be_watched_has_a_device_after_five_minutes() {
    let mut scene = watched_by(&[]);
    scene.advance(299.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.expect(&[RAISED]);
    flag(&mut scene, false);
    scene.expect(&[ENDED]);
    flag(&mut scene, true);
    scene.advance(250.0);
    scene.device("dev", "bedside", &[]);
    scene.bind("dev", "p");
    scene.advance(1.0);
    scene.reading("dev", "heart_rate", 70.0);
    scene.advance(2.0);
    unbind(&mut scene, "dev");
    scene.expect(&[RAISED]);
}
