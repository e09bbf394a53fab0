//! The audit: what people did and what devices tried, in one chain.

use std::collections::{BTreeMap, BTreeSet};

use rumqttc::QoS;
use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;

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

#[test]
fn a_failed_sign_in_is_in_the_audit_with_name_and_address_and_counted_by_the_minute() {
    let mut gateway = Gateway::start();
    let token = json!({ "id": "dev-1", "class": "bedside", "token_sha256": "ab".repeat(32) });
    assert_eq!(gateway.post("/api/v1/devices", &token).0, 201);
    let guess = |gateway: &Gateway| {
        assert!(Client::log_in(gateway.address("mqtt"), "dev-1", "guess").is_none());
    };
    guess(&gateway);
    let tried = eventually("it is in the audit", || acts(&gateway, "sign_in_failed").pop());
    assert_eq!((&tried["actor"], &tried["outcome"]), (&Value::Null, &Value::Null));
    let mut refusal = tried["tried"].clone();
    refusal.as_object_mut().unwrap().remove("since");
    let expected = json!({
        "address": "127.0.0.1", "count": 1, "name": "dev-1", "principal": null, "topic": null,
        "way": "mqtt", "why": "wrong token",
    });
    assert_eq!(refusal, expected);
    for _ in 0..4 {
        guess(&gateway);
    }
    gateway.stop();
    gateway.start_again();
    // An entry counts what its minute had: of each minute the last one holds.
    let mut of_minutes = BTreeMap::new();
    for act in acts(&gateway, "sign_in_failed").into_iter().rev() {
        let tried = &act["tried"];
        of_minutes.insert(tried["since"].to_string(), tried["count"].as_u64().unwrap());
    }
    assert_eq!(of_minutes.values().sum::<u64>(), 5, "{of_minutes:?}");
    gateway.verify();
}

#[test]
fn a_topic_of_no_meaning_is_in_the_audit_as_it_was_called() {
    let gateway = Gateway::start();
    let mut device = gateway.mqtt("dev-1");
    for topic in ["weather/today", "weather/today", "a\u{7}b"] {
        let id = device.publish(topic, "{}".to_owned(), QoS::AtLeastOnce);
        assert_eq!(device.receive_puback(), id);
    }
    let topics = eventually("both are in the audit", || {
        let acts = acts(&gateway, "not_allowed");
        let topics: BTreeSet<String> = acts
            .iter()
            .filter_map(|act| Some(act["tried"]["topic"].as_str()?.to_owned()))
            .collect();
        (topics.len() == 2).then_some(topics)
    });
    assert_eq!(topics, BTreeSet::from(["weather/today", "a\\u{7}b"].map(str::to_owned)));
    let alarms = gateway.get("/api/v1/alarms")["items"].to_string();
    assert!(alarms.contains("dev-1 publishes to weather/today, which is no device's"), "{alarms}");
}
