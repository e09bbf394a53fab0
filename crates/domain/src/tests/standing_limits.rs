//! A patient's own limits as somebody reads them: who put each, since when, and what holds after its end.

use crate::model::alarm::Side;
use crate::model::command::{Action, Command, PatientLimit};
use crate::model::input::Input;
use crate::model::time::Timestamp;
use crate::model::unit::Unit;
use crate::patient::{Afterwards, Standing};

use super::limits::spo2;
use super::scene::{Scene, at, restored};

fn put(scene: &mut Scene, actor: &str, limit: PatientLimit, from: Option<Timestamp>) {
    let action = Action::SetLimits {
        patient: "p".parse().unwrap(),
        only: Some(limit.signal.clone()),
        limits: vec![limit],
        from,
        replaces: None,
        reason: Some(format!("{actor} says so")),
    };
    let actor = actor.to_owned();
    scene.fold(&[Input::Command(Box::new(Command { actor, action }))]);
}

fn fast(value: f64) -> PatientLimit {
    let limit = spo2(Side::High, false, value);
    PatientLimit { signal: "heart_rate".to_owned(), unit: Unit::PerMinute, ..limit }
}

fn until(limit: PatientLimit, second: f64) -> PatientLimit {
    PatientLimit { until: Some(at(second)), ..limit }
}

/// Signal, who, since when, and what holds after it.
fn standing(scene: &Scene) -> Vec<(String, String, Timestamp, Option<Afterwards>)> {
    let core = restored(&scene.core);
    let configuration = &scene.core.configuration;
    let patient = &core.patients["p"];
    let all = patient.standing_limits(scene.now.at, &configuration.signals, &configuration.rules);
    all.into_iter()
        .map(|Standing { limit, by, from, reason, then }| {
            assert_eq!(reason, Some(format!("{by} says so")));
            (limit.signal, by, from, then)
        })
        .collect()
}

#[test]
fn a_limit_is_whoevers_who_put_it_and_not_whoevers_who_left_it() {
    let mut scene = Scene::bedside();
    scene.advance(10.0);
    put(&mut scene, "anna", until(spo2(Side::Low, false, 92.0), 500.0), None);
    scene.advance(10.0);
    put(&mut scene, "ben", until(fast(150.0), 600.0), None);
    let spo2_low = || "spo2".to_owned();
    let heart_rate = || "heart_rate".to_owned();
    let (anna, ben) = (|| "anna".to_owned(), || "ben".to_owned());
    assert_eq!(
        standing(&scene),
        [
            (heart_rate(), ben(), at(20.0), Some(Afterwards { value: Some(130.0) })),
            (spo2_low(), anna(), at(10.0), Some(Afterwards { value: Some(88.0) })),
        ]
    );
    // Whoever puts the same again changes nothing; whoever puts another is who put it.
    put(&mut scene, "ben", until(spo2(Side::Low, false, 92.0), 500.0), None);
    assert_eq!(standing(&scene)[1].1, "anna");
    scene.advance(10.0);
    put(&mut scene, "ben", spo2(Side::Low, false, 90.0), None);
    assert_eq!(standing(&scene)[1], (spo2_low(), ben(), at(30.0), None), "it has no end");
    scene.advance(600.0);
    assert_eq!(standing(&scene), [(spo2_low(), ben(), at(30.0), None)]);
}

#[test]
fn what_others_take_the_place_of_before_its_end_is_said_to_end_in_nothing_else() {
    let mut scene = Scene::bedside();
    put(&mut scene, "anna", until(spo2(Side::Low, false, 92.0), 500.0), None);
    put(&mut scene, "ben", spo2(Side::Low, false, 90.0), Some(at(300.0)));
    assert_eq!(standing(&scene), [("spo2".to_owned(), "anna".to_owned(), at(0.0), None)]);
    scene.advance(300.0);
    assert_eq!(standing(&scene), [("spo2".to_owned(), "ben".to_owned(), at(300.0), None)]);
}
