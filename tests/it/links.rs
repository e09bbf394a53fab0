//! Connections as such: handshakes, wills, the line of acks.

use rumqttc::{LastWill, Packet, QoS};
use serde_json::json;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::Body;

use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;

/// Wills in the journal of a device.
pub(crate) fn wills(gateway: &Gateway, device: &str) -> usize {
    let is_will = |input: &Input| {
        matches!(input, Input::Message(message) if message.device.as_str() == device
            && matches!(message.body, Body::Status { will: true, .. }))
    };
    gateway.journal().iter().filter(|input| is_will(input)).count()
}

/// The ends of a device's connections, as journalled: `true` where it was clean.
pub(crate) fn ends(gateway: &Gateway, device: &str) -> Vec<bool> {
    let of_link = |input: &Input| match input {
        Input::Link { principal, connected: false, clean } if principal.as_str() == device => {
            Some(*clean)
        }
        _ => None,
    };
    gateway.journal().iter().filter_map(of_link).collect()
}

fn with_will(gateway: &Gateway, device: &str) -> Client {
    let topic = format!("vitalgate/v1/{device}/status");
    let will = LastWill::new(topic, "lost", QoS::AtLeastOnce, false);
    Client::connect_with(gateway.address("mqtt"), device, true, Some(will)).0
}

#[test]
fn a_will_fires_when_the_connection_breaks_and_not_on_a_disconnect() {
    let gateway = Gateway::start();
    with_will(&gateway, "clean").disconnect();
    drop(with_will(&gateway, "broken"));
    eventually("the will", || (wills(&gateway, "broken") == 1).then_some(()));
    eventually("the clean end", || (ends(&gateway, "clean") == [true]).then_some(()));
    assert_eq!(ends(&gateway, "broken"), [false]);
    assert_eq!(wills(&gateway, "clean"), 0);
}

#[test]
fn a_message_of_qos_2_is_one_reading_however_often_it_is_sent() {
    let gateway = Gateway::start();
    let message = telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]);
    let mut client = gateway.mqtt("dev-1");
    for _ in 0..2 {
        let id =
            client.publish("vitalgate/v1/dev-1/telemetry", message.to_string(), QoS::ExactlyOnce);
        match client.receive() {
            Packet::PubRec(received) => assert_eq!(received.pkid, id),
            other => panic!("expected a PUBREC, received {other:?}"),
        }
        client.release(id);
        match client.receive() {
            Packet::PubComp(complete) => assert_eq!(complete.pkid, id),
            other => panic!("expected a PUBCOMP, received {other:?}"),
        }
    }
    assert_eq!(gateway.values("dev-1", "spo2"), [97.0]);
}

#[test]
fn a_device_cannot_speak_for_another() {
    let gateway = Gateway::start();
    let message = telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]);
    let mut client = gateway.mqtt("dev-1");
    let id = client.send_telemetry("dev-2", &message);
    assert_eq!(client.receive_puback(), id, "3.1.1 has no refusal: it is a dead letter");
    let letters = gateway.get("/api/v1/dead-letters");
    let letter = &letters["items"][0];
    assert_eq!(
        (&letter["principal"], &letter["device"]),
        (&json!("dev-1"), &json!(null)),
        "{letters}"
    );
    client.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
    let of_another = |input: &Input| matches!(input, Input::Message(message) if message.device.as_str() == "dev-2");
    assert!(!gateway.journal().iter().any(of_another), "never stored under the other device");
}
