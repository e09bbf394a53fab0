//! Behind Mosquitto: what it acknowledged and delivers is never lost, and silence of the way
//! through it is announced.

mod content;
mod login;
mod probes;
mod sessions;

use serde_json::{Value, json};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, Message};

use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};

/// A gateway that subscribes to port `port` and takes every registered device.
fn behind(port: u16, more: &Value) -> Setup {
    let mut broker = json!({ "port": port, "speaks_for": "registered" });
    broker.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Setup::default().rules(RULES).broker(&broker)
}

fn degraded(gateway: &Gateway) -> Vec<String> {
    let (_, ready) = gateway.ask("/readyz");
    ready["degraded"].as_array().unwrap().iter().map(|d| d.as_str().unwrap().to_owned()).collect()
}

/// Waits until the broker has granted the subscription.
fn subscribed(gateway: &Gateway) {
    eventually("the subscription", || degraded(gateway).is_empty().then_some(()));
}

/// Publishes `count` messages with values from `first` on; all are acknowledged by the broker.
fn publish(sender: &mut Client, gateway: &Gateway, device: &str, first: u64, count: u64) {
    for seq in first..first + count {
        sender.send_telemetry(device, &reading(gateway, seq));
    }
    for _ in 0..count {
        sender.receive_puback();
    }
}

fn reading(gateway: &Gateway, seq: u64) -> Value {
    telemetry(seq, gateway.now(), &[("heart_rate", value(seq), "/min")])
}

/// The value message `seq` carries: never out of limits, and each its own.
fn value(seq: u64) -> f64 {
    60.0 + seq as f64 / 1_000.0
}

/// Waits until the values of `1..=count` are there, each once, and nothing else is.
fn all_there(gateway: &Gateway, device: &str, count: u64) {
    let seq = |value: &f64| ((value - 60.0) * 1_000.0).round() as u64;
    let mut found: Vec<u64> = eventually("everything is stored", || {
        let values = gateway.values(device, "heart_rate");
        (values.len() as u64 >= count).then(|| values.iter().map(seq).collect())
    });
    found.sort_unstable();
    assert!(found.iter().copied().eq(1..=count), "{} instead of {count}", found.len());
}

/// How messages of a device came, from the journal.
fn deliveries(gateway: &Gateway, device: &str) -> Vec<Delivery> {
    messages(gateway, device).into_iter().map(|message| message.delivery).collect()
}

fn messages(gateway: &Gateway, device: &str) -> Vec<Message> {
    let inputs = gateway.journal().into_iter();
    let messages = inputs.filter_map(|input| match input {
        Input::Message(message) => Some(*message),
        _ => None,
    });
    messages.filter(|message| message.device.as_str() == device).collect()
}

/// The open alarm that says a broker is not proven.
fn broker_alarm(gateway: &Gateway) -> Option<Value> {
    let list = gateway.get("/api/v1/alarms");
    let mut items = list["items"].as_array().unwrap().iter();
    items.find(|a| a["rule"] == "link.broker" && a["state"] != "closed").cloned()
}
