//! Rows 20 to 26: it recurs, or what it goes by changes.

use crate::model::alarm::{Condition, Side};
use crate::model::command::{Action, Outcome};
use crate::tests::scene::Scene;

use super::{SPO2, low_event, low_spo2};

#[test]
fn row_20_a_latched_alarm_recurs() {
    let mut scene = low_spo2();
    scene.stream("dev", "spo2", 97.0, 61);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 16);
    scene.expect(&["recurred medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm(SPO2).recurrence, 1);
}

#[test]
fn row_21_the_peak_stands_until_the_alarm_is_over() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 16);
    scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
    scene.stream("dev", "spo2", 84.0, 11);
    scene.stream("dev", "spo2", 70.0, 16);
    scene.expect(&[]);
    let alarm = scene.alarm(SPO2);
    assert_eq!([alarm.priority.as_str(), alarm.priority_peak.as_str()], ["high", "high"]);
}

#[test]
fn row_22_a_limit_changed_so_that_the_value_is_inside() {
    let mut scene = low_spo2();
    assert_eq!(scene.limit("spo2", Side::Low, Some(80.0)), Outcome::Done);
    scene.expect(&["limit_changed medium vitals_live.spo2_low: latched, absent"]);
    assert_eq!(scene.alarm(SPO2).condition_reason.as_deref(), Some("limit_changed"));
    scene.stream("dev", "spo2", 84.0, 20);
    scene.expect(&[]);
}

#[test]
fn row_22_a_limit_still_crossed_moves_nothing() {
    let mut scene = low_spo2();
    assert_eq!(scene.limit("spo2", Side::Low, Some(86.0)), Outcome::Done);
    scene.expect(&[]);
}

#[test]
fn row_23_a_changed_rule_closes_and_judges_anew_at_once() {
    let mut scene = low_spo2();
    scene.reconfigure("low = [\"88 %\"]", "low = [\"87 %\"]");
    scene.expect(&[
        "rule_changed medium vitals_live.spo2_low: closed rule_changed",
        "raised medium vitals_live.spo2_low: alarming, present",
    ]);
    scene.reconfigure("low = [\"88 %\"]", "low = [\"83 %\"]");
    scene.expect(&["rule_changed medium vitals_live.spo2_low: closed rule_changed"]);
}

#[test]
fn row_23_an_unknown_condition_is_not_closed_by_a_changed_rule() {
    let mut scene = low_spo2();
    scene.advance(11.0);
    let since = scene.alarm(SPO2).condition_since;
    scene.advance(5.0);
    scene.skip();
    scene.reconfigure("low = [\"88 %\"]", "low = [\"87 %\"]");
    scene.expect(&[
        "rule_changed medium vitals_live.spo2_low: closed rule_changed",
        "raised medium vitals_live.spo2_low: alarming, unknown",
    ]);
    let alarm = scene.alarm(SPO2);
    assert_eq!(
        (alarm.condition_reason.as_deref(), alarm.condition_since),
        (Some("no data"), since)
    );
}

#[test]
fn row_23_what_is_unknown_hides_nothing_that_another_device_finds() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "temperature", 34.5);
    scene.advance(600.0);
    scene.reading("dev", "temperature", 34.5);
    scene.advance(36_000.0);
    let rule = "vitals_live.temperature_low";
    assert_eq!(scene.alarm(rule).condition, Condition::Unknown);
    scene.device("zz", "bedside", &[]);
    scene.bind("zz", "p");
    scene.reading("zz", "temperature", 34.5);
    scene.advance(600.0);
    scene.reading("zz", "temperature", 34.5);
    scene.skip();
    scene.reconfigure("gap = \"5m\"", "gap = \"6m\"");
    scene.expect(&[
        "rule_changed medium vitals_live.temperature_low: closed rule_changed",
        "rule_changed medium vitals_live.temperature_low: closed rule_changed",
        "raised medium vitals_live.temperature_low: alarming, unknown",
        "raised medium vitals_live.temperature_low: alarming, present",
    ]);
    let alarms = scene.core.patients["p"].alarms.iter().map(|(_, open)| &open.alarm);
    let found: Vec<_> = alarms.filter(|alarm| alarm.rule.as_str() == rule).collect();
    assert!(found.len() == 2 && found.iter().all(|alarm| alarm.group.is_none()), "{found:?}");
}

#[test]
fn row_23_an_event_that_goes_on_is_raised_under_its_changed_rule() {
    let mut scene = low_event();
    scene.reconfigure("text = \"Atrial episode\"", "text = \"Atrial arrhythmia\"");
    scene.expect(&[
        "rule_changed low cied.atrial: closed rule_changed",
        "raised low cied.atrial: alarming, present",
    ]);
    assert_eq!(scene.alarm("cied.atrial").text, "Atrial arrhythmia");
}

#[test]
fn row_23_an_unchanged_rule_goes_on() {
    let mut scene = low_spo2();
    scene.reconfigure("high = [\"38.5 Cel\"]", "high = [\"38.6 Cel\"]");
    scene.expect(&[]);
}

#[test]
fn row_24_an_unbound_source_leaves_its_alarm_to_the_next_or_to_a_person() {
    let mut scene = low_spo2();
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.expect(&["source_unbound medium vitals_live.spo2_low: alarming, unknown"]);
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.reading("other", "heart_rate", 70.0);
    scene.expect(&[]);
    scene.reading("other", "spo2", 97.0);
    scene.expect(&["source_replaced medium vitals_live.spo2_low: closed source_replaced"]);
}

#[test]
fn row_24_what_a_lost_sensor_hid_stays_with_the_patient() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 3);
    scene.advance(11.0);
    scene.expect(&["raised medium link.lost_while_pending: alarming, present"]);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.expect(&["source_unbound medium link.lost_while_pending: alarming, unknown"]);
    assert_eq!(scene.reset("link.lost_while_pending", Some("sensor changed")), Outcome::Done);
}

#[test]
fn row_25_discharge_closes_and_a_high_alarm_needs_a_reason() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 6);
    scene.skip();
    let discharge = |reason: Option<&str>| Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: reason.map(str::to_owned),
        replaces: None,
    };
    assert_eq!(scene.command(discharge(None)).0, Outcome::Conflict);
    scene.expect(&[]);
    scene.done(discharge(Some("to another house")));
    scene.expect(&["discharged high vitals_live.spo2_low: closed discharged"]);
    scene.reading("dev", "spo2", 70.0);
    scene.advance(3_600.0);
    scene.expect(&[]);
}

#[test]
fn row_26_a_reading_entered_in_error_retracts_what_it_raised() {
    use crate::model::message::{ReadingTime, Status};
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.skip();
    scene.advance(5.0);
    scene.send("dev", "nibp_sys", 70.0, |_, reading| {
        reading.status = Status::EnteredInError;
        reading.time = ReadingTime::At(crate::tests::scene::at(0.0));
    });
    scene.expect(&["retracted high vitals_live.nibp_sys_low: closed retracted"]);
    assert!(scene.latest("p", "dev", "nibp_sys").is_none(), "it never was");
}

#[test]
fn row_26_a_corrected_binding_retracts_and_judges_for_the_right_patient() {
    let mut scene = low_spo2();
    scene.admit("q");
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some("q".parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
    scene.expect(&[
        "retracted medium vitals_live.spo2_low: closed retracted",
        "raised medium vitals_live.spo2_low: alarming, present",
    ]);
    assert_eq!(scene.alarm(SPO2).patient.unwrap().as_str(), "q");
}
