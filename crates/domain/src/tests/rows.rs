//! Contract §5, row by row.

use crate::model::alarm::{AlarmKind, Side};
use crate::model::command::{Action, AlarmAct, Outcome};
use crate::model::message::Phase;

use super::scene::Scene;

const SPO2: &str = "vitals_live.spo2_low";

/// SpO2 has been below its limit for its delay: medium.
fn low_spo2() -> Scene {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    scene
}

/// A low alarm of an event that goes on: it does not latch.
fn low_event() -> Scene {
    let mut scene = Scene::bedside();
    scene.event("dev", "af_detected", Some("a"), Phase::Start);
    scene.expect(&["raised low cied.atrial: alarming, present"]);
    scene
}

#[test]
fn row_01_a_condition_raises_when_it_has_held_for_its_delay() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 14);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 84.0, 1);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    let alarm = scene.alarm(SPO2);
    assert_eq!(alarm.text, "SpO2 84 % below 88 %");
    assert_eq!(alarm.trigger.measured_at, Some(super::scene::at(0.0)), "the first reading beyond");
    assert_eq!(alarm.raised_at, super::scene::at(15.0));
}

#[test]
fn row_01_at_once_for_spot_values_and_for_what_is_true_at_the_start() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn row_03_data_lost_in_a_delay_are_told_with_the_priority_of_the_rule() {
    for (value, priority) in [(84.0, "medium"), (70.0, "high")] {
        let mut scene = Scene::bedside();
        scene.stream("dev", "spo2", value, 3);
        scene.advance(6.0);
        if priority == "high" {
            // 5 s have passed with nothing better heard: the delay itself ran out.
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
    scene.stream("dev", "spo2", 92.0, 10);
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
    for (acknowledged, told) in [
        (false, "back_absent medium vitals_live.spo2_low: latched, absent"),
        (true, "ended medium vitals_live.spo2_low: closed ended_after_gap"),
    ] {
        let mut scene = low_spo2();
        if acknowledged {
            scene.acknowledge(SPO2);
        }
        scene.advance(12.0);
        scene.skip();
        scene.stream("dev", "spo2", 97.0, 10);
        scene.expect(&[]);
        scene.reading("dev", "spo2", 97.0);
        scene.expect(&[told]);
    }
}

#[test]
fn row_09_acknowledging_holds_for_the_time_of_its_priority() {
    let mut scene = low_spo2();
    assert_eq!(scene.acknowledge(SPO2), Outcome::Done);
    scene.expect(&["acknowledged medium vitals_live.spo2_low: acknowledged, present"]);
    let taken = scene.alarm(SPO2).acknowledged.unwrap();
    assert_eq!(taken.by, "nurse");
    assert_eq!(taken.until.unwrap(), taken.at + crate::model::time::Span::mins(60));
    let (outcome, detail) = scene.act(SPO2, AlarmAct::Acknowledge);
    assert_eq!(outcome, Outcome::AlreadySo);
    assert!(detail.contains("nurse"), "{detail}");
}

#[test]
fn row_10_an_acknowledgement_runs_out() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 6);
    scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
    scene.acknowledge(SPO2);
    scene.stream("dev", "spo2", 70.0, 599);
    scene.expect(&["acknowledged high vitals_live.spo2_low: acknowledged, present"]);
    scene.stream("dev", "spo2", 70.0, 1);
    scene.expect(&["acknowledgement_over high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_11_over_while_acknowledged_closes() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 11);
    scene.expect(&["ended medium vitals_live.spo2_low: closed ended"]);
}

#[test]
fn row_12_worse_voids_the_acknowledgement() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 70.0, 4);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 70.0, 1);
    scene.expect(&["priority_rose high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_12_a_new_event_id_voids_it_too() {
    let mut scene = low_event();
    scene.acknowledge("cied.atrial");
    scene.skip();
    scene.event("dev", "af_detected", Some("b"), Phase::Start);
    scene.expect(&["recurred low cied.atrial: alarming, present"]);
    assert_eq!(scene.alarm("cied.atrial").recurrence, 1);
}

#[test]
fn row_13_an_acknowledgement_is_taken_back() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.skip();
    assert_eq!(scene.act(SPO2, AlarmAct::Unacknowledge).0, Outcome::Done);
    scene.expect(&["unacknowledged medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.act(SPO2, AlarmAct::Unacknowledge).0, Outcome::AlreadySo);
}

#[test]
fn row_19_a_latched_alarm_is_reset_by_either_word() {
    for act in [AlarmAct::Acknowledge, AlarmAct::Reset { reason: None }] {
        let mut scene = low_spo2();
        assert_eq!(scene.reset(SPO2, None), Outcome::Conflict, "while present");
        scene.stream("dev", "spo2", 97.0, 11);
        scene.skip();
        assert_eq!(scene.act(SPO2, act).0, Outcome::Done);
        scene.expect(&["reset medium vitals_live.spo2_low: closed reset"]);
    }
}

#[test]
fn row_19_while_unknown_only_with_a_reason() {
    let mut scene = low_spo2();
    scene.advance(10.0);
    scene.skip();
    assert_eq!(scene.reset(SPO2, None), Outcome::Conflict);
    assert_eq!(scene.reset(SPO2, Some(" ")), Outcome::Conflict);
    assert_eq!(scene.reset(SPO2, Some("patient is in theatre")), Outcome::Done);
    scene.expect(&["reset medium vitals_live.spo2_low: closed reset"]);
}

#[test]
fn row_20_a_latched_alarm_recurs() {
    let mut scene = low_spo2();
    scene.stream("dev", "spo2", 97.0, 11);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 16);
    scene.expect(&["recurred medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm(SPO2).recurrence, 1);
}

#[test]
fn row_21_the_priority_falls_and_its_peak_stays() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 16);
    scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
    scene.stream("dev", "spo2", 84.0, 11);
    scene.expect(&["priority_fell medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm(SPO2).priority_peak.as_str(), "high");
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
    scene.skip();
    scene.reconfigure("low = [\"88 %\"]", "low = [\"87 %\"]");
    scene.expect(&[
        "rule_changed medium vitals_live.spo2_low: closed rule_changed",
        "raised medium vitals_live.spo2_low: alarming, present",
        "unknown medium vitals_live.spo2_low: alarming, unknown",
    ]);
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
    scene.done(Action::Unbind("dev".parse().unwrap()));
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
    scene.done(Action::Unbind("dev".parse().unwrap()));
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
        reading.time = ReadingTime::At(super::scene::at(0.0));
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
    });
    scene.expect(&[
        "retracted medium vitals_live.spo2_low: closed retracted",
        "raised medium vitals_live.spo2_low: alarming, present",
    ]);
    assert_eq!(scene.alarm(SPO2).patient.unwrap().as_str(), "q");
}

#[test]
fn row_27_a_closed_alarm_takes_no_command() {
    let mut scene = low_event();
    let before = scene.alarm("cied.atrial");
    scene.event("dev", "af_detected", Some("a"), Phase::End);
    scene.skip();
    for act in [
        AlarmAct::Acknowledge,
        AlarmAct::Unacknowledge,
        AlarmAct::Reset { reason: Some("x".to_owned()) },
    ] {
        let action = Action::Alarm { id: before.id.clone(), seen: before.seq, act };
        let (outcome, _) = scene.command(action);
        assert!(matches!(outcome, Outcome::NotFound | Outcome::Conflict), "{outcome:?}");
    }
    scene.expect(&[]);
}

#[test]
fn a_command_of_somebody_who_saw_less_is_refused() {
    let mut scene = low_spo2();
    let seen = scene.alarm(SPO2);
    scene.stream("dev", "spo2", 70.0, 6);
    scene.skip();
    let act = AlarmAct::Acknowledge;
    let (outcome, _) = scene.command(Action::Alarm { id: seen.id, seen: seen.seq, act });
    assert_eq!(outcome, Outcome::Conflict);
    assert_eq!(scene.acknowledge(SPO2), Outcome::Done);
}

#[test]
fn an_acknowledged_alarm_of_the_gateway_sounds_again_too() {
    use crate::model::input::Input;
    let mut scene = Scene::empty();
    scene.fold(&[Input::Store { failing: true }]);
    scene.acknowledge("store.failing");
    scene.skip();
    scene.advance(600.0);
    scene.expect(&["acknowledgement_over high store.failing: alarming, present"]);
    scene.fold(&[Input::Store { failing: false }]);
    scene.expect(&["ended high store.failing: closed ended"]);
}
