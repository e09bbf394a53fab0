//! What watches a patient now, asked of a running gateway: while a delay runs, while it alarms, and while nothing comes.

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::harness::{Gateway, eventually, telemetry};
use crate::setup::{RULES, Setup};

const LOW: &str = "test.spo2_low";

/// The row of a rule of `p1` over what `dev-1` sends.
fn row(gateway: &Gateway, rule: &str) -> Value {
    let explained = gateway.get("/api/v1/patients/p1/explain");
    let rows = explained["rules"].as_array().unwrap();
    let row = rows.iter().find(|row| row["rule"] == rule).cloned();
    row.unwrap_or_else(|| panic!("{rule}: {explained}"))
}

fn instant(text: &Value) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

#[test]
fn what_watches_a_patient_is_told_while_it_waits_while_it_alarms_and_while_nothing_comes() {
    let rules = RULES
        .replacen("hysteresis = \"2 %\"", "delay = \"10m\"\nhysteresis = \"2 %\"", 1)
        .replacen("gap = \"10m\"", "gap = \"1h\"", 1);
    let mut gateway = Setup::default().rules(&rules).start();
    assert_eq!(gateway.ask("/api/v1/patients/p1/explain").0, 404);
    gateway.admit("p1", "dev-1");
    let never = row(&gateway, LOW);
    let reason = (&never["state"]["is"], &never["state"]["reason"]);
    assert_eq!(reason, (&json!("not_judged"), &json!("never_heard")), "{never}");
    let limit =
        json!({ "signal": "spo2", "side": "low", "critical": false, "value": 90.0, "unit": "%" });
    let put = json!({ "limits": [limit], "reason": "as usual" });
    assert_eq!(gateway.put("/api/v1/patients/p1/limits", &put).0, 200);

    let mut device = gateway.mqtt("dev-1");
    let now = gateway.now();
    device.telemetry("dev-1", &telemetry(1, now, &[("spo2", 89.0, "%")]));
    let waits = eventually("a delay runs", || {
        Some(row(&gateway, LOW)).filter(|row| row["state"]["is"] == "delay_running")
    });
    let fires_at = instant(&waits["state"]["fires_at"]);
    // What came a moment after it was measured is due that moment later.
    assert!(fires_at >= instant(&waits["state"]["since"]) + Span::mins(10), "{waits}");
    assert_eq!(waits["levels"][0]["due_at"], waits["state"]["fires_at"], "{waits}");
    assert_eq!(waits["levels"][0]["due_at"], waits["due_at"], "{waits}");
    assert_eq!(waits["alarm"], Value::Null);
    device.telemetry("dev-1", &telemetry(2, gateway.now(), &[("spo2", 70.0, "%")]));
    let alarming = eventually("it alarms", || {
        Some(row(&gateway, LOW)).filter(|row| row["state"]["is"] == "alarming")
    });
    assert_eq!(alarming["state"]["critical"], true, "{alarming}");
    let own = &alarming["levels"][0];
    assert_eq!((&own["from"], &own["reason"]), (&json!("patient"), &json!("as usual")), "{own}");
    assert_eq!((&own["value"], &own["delay_s"]), (&json!(90.0), &json!(600.0)), "{own}");
    let alarm = gateway.alarms("p1").into_iter().find(|alarm| alarm["rule"] == LOW).unwrap();
    assert_eq!(alarming["alarm"]["id"], alarm["id"]);
    let of_signal = gateway.get("/api/v1/patients/p1/explain?signal=heart_rate");
    let rows = of_signal["rules"].as_array().unwrap();
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row["signal"] == "heart_rate"),
        "{of_signal}"
    );

    // What is said is made of what a restart brings back.
    let before = alarming["alarm"]["id"].clone();
    gateway.restart();
    let after = row(&gateway, LOW);
    assert_eq!(after["alarm"]["id"], before, "{after}");
    assert_eq!(after["levels"][0]["by"], own["by"], "{after}");
}

#[test]
fn a_combination_comes_in_by_mqtt_goes_out_as_an_alarm_and_is_explained() {
    const RULE: &str = "vitals_live.bradycardia_desaturation";
    let pack = include_str!("../../config/packs/vitals_live.toml");
    let quick = pack.replace("\ndelay = \"10s\"", "\ndelay = \"100ms\"");
    assert_ne!(pack, quick);
    let mut gateway = Setup::default().rules(&format!("{RULES}\n{quick}")).start();
    gateway.admit("p1", "dev-1");
    let state = |gateway: &Gateway| row(gateway, RULE)["state"].clone();
    assert_eq!(state(&gateway)["why"], "incomplete", "it is said to come, and nothing has");
    let events = gateway.events();
    let mut device = gateway.mqtt("dev-1");
    let both = [("heart_rate", 42.0, "/min"), ("spo2", 89.0, "%")];
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &both));
    let alarm = events.alarm("both at once", |alarm| alarm["rule"] == RULE).data;
    assert_eq!(alarm["text"], "Heart rate 42 /min below 50 /min, SpO2 89 % below 90 %");
    assert_eq!(
        (&alarm["priority"], &alarm["response"], &alarm["source"]),
        (&json!("high"), &json!("immediate"), &json!("combination"))
    );
    let alarming = row(&gateway, RULE);
    assert_eq!(
        (&alarming["kind"], &alarming["label"], &alarming["state"]["is"]),
        (&json!("combination"), &json!("Heart rate + SpO2"), &json!("alarming"))
    );
    assert_eq!(alarming["alarm"]["id"], alarm["id"]);
    let rules = gateway.get("/api/v1/patients/p1/explain?signal=spo2")["rules"].clone();
    let rules = rules.as_array().unwrap();
    assert!(rules.iter().any(|row| row["rule"] == RULE), "{rules:?}");
    gateway.restart();
    assert_eq!(row(&gateway, RULE)["alarm"]["id"], alarm["id"]);
}
