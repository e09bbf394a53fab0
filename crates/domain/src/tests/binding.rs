//! Whose a reading is (contract §4).

use crate::model::command::{Action, Outcome};
use crate::model::time::Span;

use super::scene::Scene;

fn unbind() -> Action {
    Action::Unbind { device: "dev".parse().unwrap(), replaces: None }
}

#[test]
fn a_new_patient_inherits_nothing() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 16);
    scene.acknowledge("vitals_live.spo2_low");
    scene.done(unbind());
    scene.admit("q");
    scene.advance(60.0);
    scene.bind("dev", "q");
    scene.skip();
    let q = &scene.core.patients["q"];
    assert!(q.alarms.is_empty() && q.series.is_empty());
    scene.advance(6.0);
    scene.stream("dev", "spo2", 84.0, 16);
    let news = scene.news();
    assert!(
        news.contains(&"raised medium vitals_live.spo2_low: alarming, present".to_owned()),
        "a delay of its own, no acknowledgement: {news:?}"
    );
}

#[test]
fn nothing_measured_before_a_binding_is_of_the_new_patient() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    scene.done(unbind());
    scene.admit("q");
    scene.advance(100.0);
    scene.bind("dev", "q");
    scene.advance(14.0);
    scene.skip();
    scene.measured_at("dev", "spo2", 70.0, 150.0);
    scene.measured_at("dev", "nibp_sys", 70.0, 190.0);
    assert!(scene.latest("q", "dev", "spo2").is_none());
    scene.expect(&[]);
    scene.advance(2.0);
    scene.expect(&["raised low link.silence: alarming, present"]);
}

#[test]
fn a_reading_between_two_patients_is_nobodys_and_raises_an_alarm() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.advance(100.0);
    scene.done(unbind());
    scene.bind("dev", "q");
    scene.skip();
    for second in [96.0, 104.0] {
        scene.now.at = scene.now.at + Span::secs(5);
        scene.measured_at("dev", "nibp_sys", 70.0, second);
    }
    scene.expect(&["raised low link.unattributed: alarming, momentary"]);
    assert!(scene.latest("q", "dev", "nibp_sys").is_none());
    scene.measured_at("dev", "nibp_sys", 70.0, 106.0);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn a_device_has_one_patient_at_a_time() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    let bind = |patient: &str, from| Action::Bind {
        device: "dev".parse().unwrap(),
        patient: patient.parse().unwrap(),
        from,
        zero_means_no_sensor: None,
        replaces: None,
    };
    assert_eq!(scene.command(bind("q", None)).0, Outcome::Conflict);
    assert_eq!(scene.command(bind("p", None)).0, Outcome::AlreadySo);
    scene.advance(10.0);
    scene.done(unbind());
    let before = Some(super::scene::at(5.0));
    assert_eq!(scene.command(bind("q", before)).0, Outcome::Conflict);
    assert_eq!(scene.command(bind("nobody", None)).0, Outcome::NotFound);
}

#[test]
fn a_patient_who_comes_back_never_sees_an_old_alarm_id_again() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2"]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        scene.bind("dev", "p");
        scene.advance(20.0);
        ids.push(scene.alarm("link.silence").id);
        let reason = Some("home".to_owned());
        scene.done(Action::DischargePatient {
            patient: "p".parse().unwrap(),
            reason,
            replaces: None,
        });
        scene.admit("p");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_correction_to_nobody_retracts_and_hands_on_nothing() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.skip();
    let correct = |reason: &str| Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: None,
        reason: reason.to_owned(),
        replaces: None,
    };
    assert_eq!(scene.command(correct("")).0, Outcome::Invalid);
    scene.done(correct("a phantom"));
    scene.expect(&["retracted high vitals_live.nibp_sys_low: closed retracted"]);
    scene.reading("dev", "spo2", 70.0);
    scene.advance(1e5);
    scene.expect(&[]);
}

/// A low SpO2 of `dev`, which is unbound then.
fn left() -> Scene {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 16);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.advance(60.0);
    scene
}

#[test]
fn the_same_device_bound_again_goes_on_where_it_was() {
    let mut scene = left();
    scene.bind("dev", "p");
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 30);
    assert!(!scene.news().iter().any(|line| line.contains("spo2")), "unknown until it is over");
    scene.stream("dev", "spo2", 97.0, 31);
    scene.expect(&["back_absent medium vitals_live.spo2_low: latched, absent"]);
    let mut scene = left();
    scene.bind("dev", "p");
    scene.advance(10.0);
    scene.skip();
    scene.reading("dev", "spo2", 84.0);
    scene.expect(&["back_present medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn what_a_person_ended_while_it_was_unknown_begins_anew() {
    let mut scene = left();
    assert_eq!(scene.reset("vitals_live.spo2_low", Some("another monitor")), Outcome::Done);
    scene.bind("dev", "p");
    scene.advance(10.0);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 14);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 84.0, 2);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn a_loss_that_nothing_will_end_is_ended_by_a_person_with_a_reason() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 5);
    scene.advance(20.0);
    let lost = "link.lost_while_pending";
    assert_eq!(scene.reset(lost, None), Outcome::Conflict);
    assert_eq!(scene.reset(lost, Some("the probe is with another patient")), Outcome::Done);
}

#[test]
fn a_change_of_a_registration_ends_no_silence() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.advance(11.0 * 86_400.0);
    scene.skip();
    scene.device("dev", "bedside", &["spo2", "heart_rate"]);
    let alarm = scene.alarm("link.silence");
    assert_eq!((alarm.state.as_str(), alarm.priority.as_str()), ("alarming", "medium"));
    assert!(alarm.text.contains("SpO2") && alarm.text.contains("Heart rate"), "{}", alarm.text);
    assert!(scene.news().iter().all(|line| line.starts_with("updated")));
}

#[test]
fn one_lost_sensor_is_one_announcement() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2", "heart_rate"]);
    scene.bind_with_zeros("dev", "p", &["spo2"]);
    scene.stream("dev", "heart_rate", 70.0, 1);
    scene.reading("dev", "spo2", 97.0);
    scene.advance(1.0);
    scene.skip();
    for _ in 0..600 {
        scene.reading("dev", "spo2", 0.0);
        scene.reading("dev", "heart_rate", 70.0);
        scene.advance(1.0);
    }
    scene.expect(&["raised high link.zero_or_off: alarming, present"]);
}
