//! Values of one time: which is the newest, which limits judge it, and what one of them ends (contract §2 to §4).

use crate::model::alarm::{Condition, Side};
use crate::model::command::{AgeClass, Outcome, PatientLimit};
use crate::model::message::{Message, Reading, ReadingTime, Relay, Status};
use crate::model::unit::Unit;

use super::limits::systolic;
use super::scene::{Scene, at};

/// An adult `p` with a device of a class.
fn with(class: &str) -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", class, &[]);
    scene.bind("dev", "p");
    scene
}

/// By a clock that says nothing but this stamp.
fn stamped(second: f64, status: Status) -> impl FnOnce(&mut Message, &mut Reading) {
    move |message, reading| {
        (message.clock, message.sent_at) = (None, None);
        (reading.time, reading.status) = (ReadingTime::At(at(second)), status);
    }
}

#[test]
fn what_corrects_one_of_several_values_of_the_newest_instant_is_the_newest() {
    let mut scene = with("sleeping");
    scene.reading("dev", "nibp_sys", 190.0);
    scene.advance(43_000.0);
    let second = scene.second();
    scene.send("dev", "nibp_sys", 190.0, stamped(second, Status::Final));
    scene.advance(2_800_000.0);
    assert_eq!(scene.alarm("vitals_live.nibp_sys_high").condition, Condition::Unknown);
    scene.send("dev", "nibp_sys", 85.0, stamped(second, Status::Final));
    scene.advance(1_800.0);
    scene.send("dev", "nibp_sys", 190.0, stamped(second, Status::EnteredInError));
    scene.advance(500_000.0);
    scene.send("dev", "nibp_sys", 190.0, stamped(second, Status::Corrected));
    assert_eq!(scene.alarm("vitals_live.nibp_sys_high").condition, Condition::Present);
}

#[test]
fn what_people_chart_ahead_is_judged_by_the_limits_of_its_own_arrival() {
    let mut scene = with("charted");
    scene.measured_at("dev", "nibp_sys", 130.0, 5_000.0);
    let (outcome, _) =
        scene.limits(vec![systolic(Side::Low, false, Some(85.0))], Some(at(20.0)), None);
    assert_eq!(outcome, Outcome::Done);
    scene.advance(40.0);
    scene.measured_at("dev", "nibp_sys", 86.0, 5_000.0);
    assert!(scene.find("vitals_live.nibp_sys_low").is_none(), "its limit is 85 by then");
}

#[test]
fn a_delay_outlasts_a_doubtful_value_that_no_limit_judged() {
    let mut scene = with("wearable");
    scene.change(Some(AgeClass::Paediatric), None);
    let limit = |side, value| PatientLimit {
        signal: "heart_rate".to_owned(),
        side,
        critical: false,
        value,
        unit: Unit::PerMinute,
        until: None,
        ends: None,
    };
    for value in [72.0, 135.0] {
        scene.measured_at("dev", "heart_rate", value, 0.0);
    }
    scene.limits(vec![limit(Side::Low, None)], None, None);
    scene.advance(30.0);
    scene.limits(vec![limit(Side::High, Some(73.0))], None, None);
    scene.advance(1.0);
    scene.measured_at("dev", "heart_rate", 126.0, 29.0);
    scene.advance(20.0);
    assert_eq!(scene.alarm("vitals_live.heart_rate_high").condition, Condition::Present);
}

#[test]
fn of_late_values_of_one_time_by_two_clocks_the_milder_one_parts_nothing() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.reading("dev", "spo2", 93.0);
    scene.send("dev", "spo2", 93.0, |message, reading| {
        reading.time = ReadingTime::At(at(924.0));
        message.relay = Some(Relay {
            id: "relay".parse().unwrap(),
            device_clock: Some(at(924.0)),
            received_at: Some(at(944.0)),
            sent_at: Some(at(944.0)),
        });
    });
    for (second, value) in [(934.0, 86.0), (959.0, 87.0), (944.0, 87.0)] {
        scene.measured_at("dev", "spo2", value, second);
    }
    assert!(scene.alarm("vitals_live.spo2_low").late, "it lasted for 25 s");
}
