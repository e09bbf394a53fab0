//! What people do about an alarm, and what they are shown of it.

use serde_json::{Value, json};

use crate::harness::{Gateway, eventually};

use super::{Bedside, SPO2};

#[test]
fn a_new_patient_on_the_same_device_inherits_neither_alarm_nor_acknowledgement() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let (status, body) = bedside.gateway.command(&bedside.alarm(SPO2), "acknowledge");
    assert_eq!(status, 200, "{body}");

    bedside.gateway.admit_with("p2", "dev-2", "bedside", &["spo2"]);
    let (status, _) =
        bedside.gateway.put("/api/v1/devices/dev-1/binding", &json!({ "patient": "p2" }));
    assert_eq!(status, 409, "a device has one patient at a time");
    let (status, body) = bedside.gateway.delete("/api/v1/devices/dev-1/binding");
    assert!((200..300).contains(&status), "{status} {body}");
    bedside.gateway.bind_from("dev-1", "p2", bedside.gateway.now(), &[]);
    assert!(bedside.gateway.alarms("p2").is_empty());

    // Readings near the change of binding belong to nobody, so the device goes on until one counts.
    let alarm = eventually("the new patient's own alarm", || {
        bedside.spo2(83.0);
        bedside.gateway.alarms("p2").pop()
    });
    assert_eq!((&alarm["state"], &alarm["acknowledged"]), (&json!("alarming"), &Value::Null));
    assert_eq!(bedside.alarm(SPO2)["condition"], "unknown");
}

#[test]
fn a_command_needs_the_seq_that_was_seen_and_refuses_an_older_picture() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let seen = bedside.alarm_in(SPO2, "alarming");
    let id = seen["id"].as_str().unwrap();
    let (status, _) = bedside.gateway.post(&format!("/api/v1/alarms/{id}/acknowledge"), &json!({}));
    assert_eq!(status, 428);

    bedside.spo2(70.0);
    eventually("the priority rises", || (bedside.alarm(SPO2)["priority"] == "high").then_some(()));
    let (status, _) = bedside.gateway.command(&seen, "acknowledge");
    assert_eq!(status, 409);
    assert_eq!(bedside.alarm(SPO2)["state"], "alarming");
}

#[test]
fn a_command_on_an_alarm_that_is_over_gets_the_alarm_as_it_ended() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    bedside.alarm_in(SPO2, "alarming");
    bedside.spo2(95.0);
    let latched = bedside.alarm_in(SPO2, "latched");
    assert_eq!(bedside.gateway.command(&latched, "reset").0, 200);
    let (status, problem) = bedside.gateway.command(&latched, "acknowledge");
    assert_eq!((status, &problem["alarm"]["state"]), (409, &json!("closed")), "{problem}");
    assert_eq!(problem["alarm"]["closed_reason"], "reset");
}

#[test]
fn an_alarm_keeps_the_readings_and_the_limits_it_was_raised_on() {
    let mut bedside = Bedside::new();
    let own = |value: f64| {
        json!({ "limits": [
            { "signal": "spo2", "side": "low", "value": value, "unit": "%" },
            { "signal": "heart_rate", "side": "high", "value": 150.0, "unit": "/min" },
        ] })
    };
    let path = "/api/v1/patients/p1/limits";
    assert_eq!(bedside.gateway.put(path, &own(91.0)).0, 200);
    for n in 0..25 {
        bedside.measure(&[("spo2", 92.0 + f64::from(n) / 10.0, "%"), ("heart_rate", 70.0, "/min")]);
    }
    bedside.spo2(90.5);
    let alarm = bedside.alarm_in(SPO2, "alarming");
    let kept = |gateway: &Gateway| {
        let kept = gateway.get(&format!("/api/v1/alarms/{}", alarm["id"].as_str().unwrap()));
        (kept["limits"].clone(), kept["readings"].clone())
    };
    let (limits, readings) = kept(&bedside.gateway);
    let limit = |critical: bool, value: f64, from: &str| {
        json!({
            "rule": SPO2, "signal": "spo2", "side": "low", "critical": critical, "value": value,
            "unit": "%", "from": from,
        })
    };
    assert_eq!(limits, json!([limit(false, 91.0, "patient"), limit(true, 80.0, "pack")]));
    let values = |readings: &Value| -> Vec<f64> {
        readings.as_array().unwrap().iter().map(|r| r["value"].as_f64().unwrap()).collect()
    };
    let expected: Vec<f64> = (6..25).map(|n| 92.0 + f64::from(n) / 10.0).chain([90.5]).collect();
    assert_eq!(values(&readings), expected);
    assert_eq!(readings[19]["at"], alarm["trigger"]["measured_at"], "{readings}");
    assert_eq!((&readings[19]["unit"], &readings[19]["flags"]), (&json!("%"), &json!([])));

    bedside.spo2(90.4);
    assert_eq!(bedside.gateway.put(path, &own(85.0)).0, 200);
    bedside.restart();
    assert_eq!(kept(&bedside.gateway), (limits, readings), "the copy stays as it was");
}
