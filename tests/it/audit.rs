//! The audit: what people did and what devices tried, in one chain.

use rumqttc::QoS;
use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, telemetry};

fn acts(gateway: &Gateway, what: &str) -> Vec<Value> {
    let acts = gateway.get("/api/v1/audit")["items"].as_array().unwrap().clone();
    acts.into_iter().filter(|act| act["what"] == what).collect()
}

#[test]
fn publishing_under_another_name_is_in_the_audit_once_an_hour_and_stored_nowhere() {
    let mut gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let low = telemetry(1, gateway.now(), &[("spo2", 70.0, "%")]).to_string();
    let intrude = |gateway: &Gateway| {
        let mut intruder = gateway.mqtt("intruder");
        let id = intruder.publish("vitalgate/v1/dev-1/telemetry", low.clone(), QoS::AtLeastOnce);
        assert_eq!(intruder.receive_puback(), id, "MQTT 3.1.1 has no word for it");
    };
    intrude(&gateway);
    let tried = eventually("it is in the audit", || acts(&gateway, "not_allowed").pop());
    assert_eq!((&tried["actor"], &tried["outcome"]), (&json!("intruder"), &Value::Null));
    assert_eq!(tried["tried"]["name"], "dev-1", "{tried}");
    assert_eq!(acts(&gateway, "bind")[0]["outcome"], "done");
    assert!(acts(&gateway, "bind")[0]["actor"].is_string());
    gateway.verify();

    for _ in 0..4 {
        intrude(&gateway);
    }
    gateway.stop();
    gateway.start_again();
    let counts: Vec<Value> =
        acts(&gateway, "not_allowed").iter().map(|act| act["tried"]["count"].clone()).collect();
    assert_eq!((counts.len(), &counts[0]), (2, &json!(5)), "the rest is stored before the end");
    assert!(gateway.values("dev-1", "spo2").is_empty() && gateway.alarms("p1").is_empty());
    assert!(!gateway.get("/api/v1/audit").to_string().contains("p1"), "no patient is named");
}
