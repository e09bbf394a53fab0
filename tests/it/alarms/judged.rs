//! What raises an alarm, and what does not.

use serde_json::{Value, json};
use vitalgate_domain::model::time::Span;

use crate::harness::{Gateway, eventually, measured_earlier, telemetry};
use crate::setup::RULES;

use super::{Bedside, PULSELESS, SPO2};

#[test]
fn two_zeros_in_one_message_are_two_alarms_of_high_priority() {
    let mut bedside = Bedside::new();
    bedside.measure(&[("heart_rate", 0.0, "/min"), ("spo2", 0.0, "%")]);
    for rule in [SPO2, PULSELESS] {
        let alarm = bedside.alarm(rule);
        assert_eq!(alarm["priority"], "high", "{alarm}");
        assert_eq!(alarm["trigger"]["value"], 0.0, "{alarm}");
        assert_eq!(alarm["confirmed"], true, "{alarm}");
    }
    assert_eq!(bedside.gateway.alarms("p1").len(), 2);
}

#[test]
fn a_second_desaturation_alarms_again_whether_the_first_was_reset_or_not() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let first = bedside.alarm_in(SPO2, "alarming");
    bedside.spo2(95.0);
    let latched = bedside.alarm_in(SPO2, "latched");
    assert_eq!(latched["id"], first["id"]);

    bedside.spo2(83.0);
    let again = bedside.alarm_in(SPO2, "alarming");
    assert_eq!((&again["id"], &again["recurrence"]), (&first["id"], &json!(1)));

    bedside.spo2(96.0);
    let latched = bedside.alarm_in(SPO2, "latched");
    let (status, body) = bedside.gateway.command(&latched, "reset");
    assert_eq!(status, 200, "{body}");
    assert!(bedside.gateway.alarms("p1").is_empty());

    bedside.spo2(82.0);
    let second = bedside.alarm_in(SPO2, "alarming");
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["recurrence"], 0);
}

#[test]
fn a_value_that_was_beyond_the_limit_before_the_limit_was_there_alarms() {
    let mut bedside = Bedside::new();
    bedside.spo2(91.0);
    assert!(bedside.gateway.alarms("p1").is_empty());
    bedside.gateway.restart_under(&RULES.replace("88 %", "93 %"));
    bedside.device = bedside.gateway.mqtt("dev-1");
    bedside.spo2(91.0);
    let alarm = bedside.alarm_in(SPO2, "alarming");
    assert_eq!(alarm["trigger"]["limit"], 93.0, "{alarm}");
}

#[test]
fn data_back_after_a_gap_announce_an_acknowledged_alarm_again() {
    let mut bedside = Bedside::new();
    let events = bedside.gateway.events();
    bedside.heart_rate(20.0);
    let (status, body) = bedside.gateway.command(&bedside.alarm(PULSELESS), "acknowledge");
    assert_eq!(status, 200, "{body}");
    let of_rule = |alarm: &Value| alarm["rule"] == PULSELESS;
    events.alarm("unknown after the gap", |a| of_rule(a) && a["condition"] == "unknown");
    bedside.heart_rate(20.0);
    let back = events.alarm("present again", |a| of_rule(a) && a["condition"] == "present");
    assert_eq!(back.data["state"], "alarming");
    assert_eq!(back.data["acknowledged"], Value::Null);
}

#[test]
fn old_readings_clear_nothing_and_raise_only_as_late() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    bedside.alarm_in(SPO2, "alarming");
    let now = bedside.gateway.now();
    let healthy = telemetry(2, now, &[("spo2", 97.0, "%")]);
    bedside.device.telemetry("dev-1", &measured_earlier(Span::mins(30), healthy, now));
    let slow = telemetry(3, now, &[("heart_rate", 20.0, "/min")]);
    bedside.device.telemetry("dev-1", &measured_earlier(Span::mins(30), slow, now));

    let late = bedside.alarm(PULSELESS);
    assert_eq!(late["late"], true, "{late}");
    let live = bedside.alarm_in(SPO2, "alarming");
    assert_eq!((&live["condition"], &live["late"]), (&json!("present"), &json!(false)));
}

#[test]
fn silence_of_a_device_that_never_sent_and_of_one_sensor_is_announced() {
    let gateway = Gateway::start();
    gateway.admit_with("p1", "never", "quick", &["spo2"]);
    gateway.admit_with("p2", "half", "quick", &["spo2", "heart_rate"]);
    let mut device = gateway.mqtt("half");
    eventually("the silent device is announced", || gateway.open_alarms("p1", "technical").pop());

    let mut seq = 0;
    let silent = eventually("the silent sensor is announced", || {
        seq += 1;
        let message = telemetry(seq, gateway.now(), &[("spo2", 97.0, "%")]);
        device.telemetry("half", &message);
        gateway
            .open_alarms("p2", "technical")
            .into_iter()
            .find(|a| a.to_string().contains("heart_rate"))
    });
    assert_eq!(silent["kind"], "technical");
}

#[test]
fn a_whole_limit_is_compared_with_the_fraction_sent() {
    let mut bedside = Bedside::new();
    bedside.spo2(88.0);
    assert!(bedside.gateway.alarms("p1").is_empty(), "the limit itself is inside");
    bedside.spo2(87.99);
    assert_eq!(bedside.alarm(SPO2)["trigger"]["value"], 87.99);
}

#[test]
fn one_side_switched_off_leaves_the_other_working() {
    let mut bedside = Bedside::new();
    let off = |critical| json!({ "signal": "heart_rate", "side": "high", "critical": critical, "value": null, "unit": "/min" });
    let (status, body) = bedside.gateway.put(
        "/api/v1/patients/p1/limits",
        &json!({ "limits": [off(false), off(true)], "reason": "paced at 170" }),
    );
    assert!((200..300).contains(&status), "{status} {body}");
    bedside.heart_rate(170.0);
    assert!(bedside.gateway.alarms("p1").is_empty());
    bedside.heart_rate(25.0);
    assert_eq!(bedside.alarm(PULSELESS)["priority"], "high");
}

#[test]
fn a_limit_that_ended_while_nothing_ran_is_told_of_afterwards() {
    let mut bedside = Bedside::new();
    let path = "/api/v1/patients/p1/limits";
    let until = bedside.gateway.now() + Span::secs(2);
    let low =
        json!({ "signal": "spo2", "side": "low", "value": 92.0, "unit": "%", "until": until });
    let (status, body) = bedside.gateway.put(path, &json!({ "limits": [low] }));
    assert!((200..300).contains(&status), "{status} {body}");
    let stands = bedside.gateway.get(path);
    assert_eq!((&stands["limits"][0]["until"], &stands["version"]), (&json!(until), &json!(1)));
    bedside.gateway.kill();
    bedside.restart();
    let expired = |alarm: &Value| alarm["rule"] == "limit.expired";
    let told = eventually("limit.expired", || {
        bedside.gateway.open_alarms("p1", "technical").into_iter().find(expired)
    });
    assert_eq!(told["text"], "SpO2: low limit 92 % has ended, now 88 %");
    assert_eq!((&told["priority"], &told["condition"]), (&json!("low"), &json!("momentary")));
    let stands = bedside.gateway.get(path);
    assert_eq!((&stands["limits"], &stands["version"]), (&json!([]), &json!(2)));
}
