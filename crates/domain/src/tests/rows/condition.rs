//! Rows 1 to 8: a condition comes, ends, is lost and comes back.

use crate::model::alarm::{AlarmKind, Condition, Response};
use crate::model::command::Outcome;
use crate::model::instance::Instance;
use crate::model::message::Phase;
use crate::tests::scene::Scene;

use super::{SPO2, low_event, low_spo2};

#[test]
fn row_01_a_condition_raises_when_it_has_held_for_its_delay() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 14);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 84.0, 1);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    let alarm = scene.alarm(SPO2);
    assert_eq!(alarm.text, "SpO2 84 % below 88 %");
    assert_eq!(
        alarm.trigger.measured_at,
        Some(crate::tests::scene::at(0.0)),
        "the first reading beyond"
    );
    assert_eq!(alarm.raised_at, crate::tests::scene::at(15.0));
}

#[test]
fn row_01_at_once_for_spot_values_and_for_what_is_true_at_the_start() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn the_response_rises_with_the_priority_and_stays() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "respiratory_rate", 32.0, 21);
    scene.expect(&["raised medium vitals_live.respiratory_rate_high: alarming, present"]);
    let response = |scene: &Scene| scene.alarm("vitals_live.respiratory_rate_high").response;
    assert_eq!(response(&scene), Response::Prompt);
    scene.stream("dev", "respiratory_rate", 40.0, 21);
    scene.expect(&["priority_rose high vitals_live.respiratory_rate_high: alarming, present"]);
    assert_eq!(response(&scene), Response::Immediate);
    scene.stream("dev", "respiratory_rate", 32.0, 90);
    scene.acknowledge("vitals_live.respiratory_rate_high");
    assert_eq!(response(&scene), Response::Immediate, "until it is closed");
}

#[test]
fn row_03_data_lost_in_a_delay_are_announced_with_the_priority_of_the_rule() {
    for (value, priority) in [(84.0, "medium"), (70.0, "high")] {
        let mut scene = Scene::bedside();
        scene.stream("dev", "spo2", value, 3);
        scene.advance(6.0);
        if priority == "high" {
            // 5 s have passed and nothing better was observed: the delay itself ran out.
            scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
            continue;
        }
        scene.expect(&[]);
        scene.advance(3.0);
        scene.expect(&[&format!("raised {priority} link.lost_while_pending: alarming, present")]);
        assert_eq!(scene.alarm("link.lost_while_pending").kind, AlarmKind::Technical);
        scene.stream("dev", "spo2", 97.0, 1);
        scene.expect(&["ended medium link.lost_while_pending: closed ended"]);
    }
}

#[test]
fn row_04_a_condition_that_ends_closes_what_does_not_latch() {
    let mut scene = low_event();
    scene.event("dev", "af_detected", Some("a"), Phase::End);
    scene.expect(&["ended low cied.atrial: closed ended"]);
}

#[test]
fn row_05_a_condition_that_ends_latches_medium_and_high() {
    let mut scene = low_spo2();
    scene.stream("dev", "spo2", 89.0, 20);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 92.0, 60);
    scene.expect(&[]);
    scene.reading("dev", "spo2", 92.0);
    scene.expect(&["latched medium vitals_live.spo2_low: latched, absent"]);
}

#[test]
fn row_06_lost_input_makes_it_unknown_and_ends_nothing() {
    let mut scene = low_spo2();
    assert_eq!(scene.acknowledge(SPO2), Outcome::Done);
    scene.skip();
    scene.advance(10.0);
    scene.expect(&["unknown medium vitals_live.spo2_low: acknowledged, unknown"]);
    assert_eq!(scene.alarm(SPO2).condition_reason.as_deref(), Some("no data"));
    scene.advance(3_600.0);
    let news = scene.news();
    assert!(
        news.contains(
            &"acknowledgement_over medium vitals_live.spo2_low: alarming, unknown".to_owned()
        ),
        "{news:?}"
    );
}

#[test]
fn row_07_back_and_still_so_is_announced_again() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.advance(12.0);
    scene.skip();
    let before = scene.alarm(SPO2).announced_at;
    scene.reading("dev", "spo2", 84.0);
    scene.expect(&["back_present medium vitals_live.spo2_low: alarming, present"]);
    let alarm = scene.alarm(SPO2);
    assert!(alarm.acknowledged.is_none() && alarm.announced_at > before);
}

#[test]
fn row_08_back_and_over_needs_the_clear_delay() {
    for (acknowledged, expected) in [
        (false, "back_absent medium vitals_live.spo2_low: latched, absent"),
        (true, "ended medium vitals_live.spo2_low: closed ended_after_gap"),
    ] {
        let mut scene = low_spo2();
        if acknowledged {
            scene.acknowledge(SPO2);
        }
        scene.advance(12.0);
        scene.skip();
        scene.stream("dev", "spo2", 97.0, 60);
        scene.expect(&[]);
        scene.reading("dev", "spo2", 97.0);
        scene.expect(&[expected]);
    }
}

#[test]
fn row_03_what_is_lost_while_an_emergency_becomes_unknown_does_not_follow_from_it() {
    let mut scene = Scene::bedside();
    let breathless = |scene: &mut Scene| {
        scene.send("dev", "respiratory_rate", 0.0, |_, reading| {
            reading.instance = Instance::from("B");
        });
    };
    for _ in 0..21 {
        breathless(&mut scene);
        scene.advance(1.0);
    }
    breathless(&mut scene);
    scene.reading("dev", "respiratory_rate", 7.0);
    assert_eq!(scene.alarm("vitals_live.apnoea_low").condition, Condition::Present);
    scene.skip();
    scene.advance(15.0);
    assert_eq!(scene.alarm("vitals_live.apnoea_low").condition, Condition::Unknown);
    let told = scene.told();
    assert!(told.contains(&"medium link.lost_while_pending".to_owned()), "{told:?}");
}
