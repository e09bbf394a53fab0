//! What whoever gets a device by a corrected binding has of what it said (contract §4).

use crate::model::alarm::Condition;
use crate::model::command::{Action, AgeClass};
use crate::model::input::Input;
use crate::model::message::{Comparator, Value};
use crate::model::time::Span;

use super::scene::Scene;

const ASYSTOLE: &str = "vitals_live.asystole_lost";
const APNOEA: &str = "vitals_live.apnoea_lost";
const ZERO: &str = "link.zero_or_off";

/// `p` and `q` of these age classes, and a bedside monitor `dev` of `q`, whose zeros of the arterial pressure say that
/// there is no sensor.
fn of_the_wrong(p: AgeClass, q: AgeClass) -> Scene {
    let mut scene = Scene::empty();
    scene.admit_with("p", |details| details.age_class = p);
    scene.admit_with("q", |details| details.age_class = q);
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "q", &["abp_sys"]);
    scene
}

fn belongs_to(scene: &mut Scene, device: &str, patient: Option<&str>) {
    scene.done(Action::CorrectBinding {
        device: device.parse().unwrap(),
        patient: patient.map(|id| id.parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
}

/// Nothing was taken in for so many seconds.
fn deaf(scene: &mut Scene, seconds: f64) {
    let from = scene.now.at;
    scene.now.at = from + Span::millis((seconds * 1_000.0) as i64);
    let to = scene.now.at;
    scene.fold(&[Input::IntakeGap { from, to }]);
}

#[test]
fn a_zero_is_sudden_after_a_value_that_a_limit_of_the_right_patient_judges() {
    for (right, wrong, sudden) in
        [(AgeClass::Adult, AgeClass::Neonatal, true), (AgeClass::Neonatal, AgeClass::Adult, false)]
    {
        let mut scene = of_the_wrong(right, wrong);
        scene.reading("dev", "abp_sys", 120.0);
        belongs_to(&mut scene, "dev", Some("p"));
        scene.advance(3.0);
        scene.reading("dev", "abp_sys", 0.0);
        assert_eq!(scene.find(ZERO).is_some(), sudden, "{right:?}");
    }
}

#[test]
fn a_bound_hides_no_value_from_limits_that_cannot_say_where_it_lies() {
    let mut scene = of_the_wrong(AgeClass::Adult, AgeClass::Neonatal);
    scene.reading("dev", "spo2", 87.0);
    scene.advance(1.0);
    scene.send("dev", "spo2", 87.0, |_, reading| {
        if let Value::Number { comparator, .. } = &mut reading.value {
            *comparator = Some(Comparator::GreaterOrEqual);
        }
    });
    belongs_to(&mut scene, "dev", Some("p"));
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Present);
}

#[test]
fn a_loss_of_another_device_waits_as_it_did() {
    let mut scene = of_the_wrong(AgeClass::Adult, AgeClass::Adult);
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.reading("other", "heart_rate", 72.0);
    for seconds in [4.0, 4.0, 4.0, 2.0] {
        scene.advance(seconds);
        scene.reading("other", "temperature", 37.0);
    }
    deaf(&mut scene, 12.0);
    scene.reading("dev", "temperature", 37.0);
    belongs_to(&mut scene, "dev", Some("p"));
    assert!(scene.find(ASYSTOLE).is_none(), "senders have 10 s to catch up");
    scene.advance(10.0);
    assert!(scene.find(ASYSTOLE).is_some());
}

#[test]
fn a_loss_that_a_window_without_intake_made_long_is_none_before_its_device_goes_on() {
    let mut scene = of_the_wrong(AgeClass::Adult, AgeClass::Paediatric);
    scene.reading("dev", "respiratory_rate", 16.0);
    for _ in 0..3 {
        scene.advance(6.0);
        scene.reading("dev", "temperature", 37.0);
    }
    deaf(&mut scene, 30.0);
    belongs_to(&mut scene, "dev", Some("p"));
    assert!(scene.find(APNOEA).is_none(), "nothing came since");
}

#[test]
fn a_bound_that_the_right_patients_limits_can_place_is_a_value() {
    let mut scene = of_the_wrong(AgeClass::Unknown, AgeClass::Adult);
    scene.reading("dev", "respiratory_rate", 0.0);
    scene.advance(60.0);
    scene.send("dev", "respiratory_rate", 3.0, |_, reading| {
        if let Value::Number { comparator, .. } = &mut reading.value {
            *comparator = Some(Comparator::Greater);
        }
    });
    belongs_to(&mut scene, "dev", Some("p"));
    assert!(scene.find("vitals_live.apnoea_low").is_none(), "more than 3 breaths are some");
}
