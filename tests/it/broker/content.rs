//! What a broker may send: poison, the devices of others, retained values.

use rumqttc::{Packet, Publish, QoS};
use serde_json::json;

use crate::harness::{eventually, telemetry};
use crate::mosquitto::{Mosquitto, Proxy};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};

use super::{all_there, behind, deliveries, publish, subscribed};

#[test]
#[ignore = "needs mosquitto"]
fn oversize_and_poison_become_dead_letters_and_stop_nothing() {
    let broker = Mosquitto::start("");
    let proxy = Proxy::start(&broker.address(), &[]);
    let gateway = behind(proxy.port, &json!({})).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    let own = "vitalgate/v1/dev-1/telemetry";
    for (topic, payload) in [
        (own, vec![b'x'; 300 << 10]),
        (own, b"no json".to_vec()),
        ("vitalgate/v1/dev-1/telemetry", br#"{"seq":1,"seq":1}"#.to_vec()),
        ("vitalgate/v1/no id/telemetry", br#"{"seq":1}"#.to_vec()),
        ("vitalgate/v1/dev-1/commands", br#"{"seq":1}"#.to_vec()),
        ("vitalgate/v1/dev-1/waves", vec![0xa0; 15 << 20]),
    ] {
        sender.publish(topic, payload, QoS::AtLeastOnce);
        sender.receive_puback();
    }
    publish(&mut sender, &gateway, "dev-1", 1, 10);
    all_there(&gateway, "dev-1", 10);
    assert_eq!(proxy.connections(), 1, "no reconnect");
    let letters: Vec<(String, Option<String>, String, i64, i64)> = gateway.rows(
        "SELECT principal, device, reason, length, length(head) FROM dead_letters ORDER BY id",
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
    );
    let kept: Vec<_> = letters.iter().map(|(_, d, _, l, h)| (d.as_deref(), *l, *h)).collect();
    let dev = Some("dev-1");
    let expected = [
        (dev, 300 << 10, 1_024),
        (dev, 7, 7),
        (dev, 17, 17),
        (None, 9, 9),
        (None, 9, 9),
        (dev, 15 << 20, 1_024),
    ];
    assert_eq!(kept, expected, "{letters:?}");
    assert!(letters.iter().all(|(principal, ..)| principal == "b1"));
    assert_eq!(letters[3].2, "b1 may not speak for no id");
}

#[test]
#[ignore = "needs mosquitto"]
fn only_what_is_assigned_to_the_broker_is_taken_unless_it_says_otherwise() {
    let broker = Mosquitto::start("");
    let setup = Setup::default().rules(RULES).broker(&json!({ "port": broker.port }));
    let gateway = setup.start();
    gateway.admit("p1", "dev-1");
    let (status, _) = gateway.post(
        "/api/v1/devices",
        &json!({ "id": "dev-2", "class": "bedside", "kind": "device", "via": ["b1"] }),
    );
    assert_eq!(status, 201);
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 1, 3);
    publish(&mut sender, &gateway, "dev-2", 1, 3);
    all_there(&gateway, "dev-2", 3);
    assert_eq!(gateway.values("dev-1", "heart_rate"), [0.0; 0]);
    let refused: Vec<String> = gateway.rows("SELECT reason FROM dead_letters", |row| row.get(0));
    assert_eq!(refused, ["b1 may not speak for dev-1"; 3]);
    let connector = gateway.get("/api/v1/devices/b1");
    assert_eq!(connector["kind"], "connector", "{connector}");
}

#[test]
#[ignore = "needs mosquitto"]
fn ten_reconnects_with_a_retained_value_leave_the_silence_alarm_standing() {
    let broker = Mosquitto::start("");
    let proxy = Proxy::start(&broker.address(), &[]);
    let gateway = behind(proxy.port, &json!({})).start();
    for (patient, device) in [("p1", "numbered"), ("p2", "bare")] {
        gateway.admit_with(patient, device, "quick", &["spo2"]);
    }
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    let bare = json!({ "readings": [{ "signal": "spo2", "value": 97, "unit": "%" }] });
    let numbered = telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]);
    for (device, message) in [("numbered", &numbered), ("bare", &bare)] {
        let topic = format!("vitalgate/v1/{device}/telemetry");
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, message.to_string());
        publish.retain = true;
        publish.pkid = 1;
        sender.send(&Packet::Publish(publish));
        sender.receive_puback();
    }
    let silence = |patient: &str| {
        let mut alarms = gateway.open_alarms(patient, "technical").into_iter();
        alarms.find(|a| a["rule"] == "link.silence")
    };
    let before =
        ["p1", "p2"].map(|patient| eventually("the sensor is missed", || silence(patient)));
    let measured = |patient: &str| {
        let vitals = gateway.get(&format!("/api/v1/patients/{patient}"))["vitals"].clone();
        let at = vitals[0]["measured_at"].as_str().expect("a value before").to_owned();
        (vitals.as_array().unwrap().len(), at)
    };
    let values = ["p1", "p2"].map(measured);
    for reconnect in 1..=10 {
        proxy.cut();
        // Each device's retained value once more, besides the first, live one.
        for device in ["numbered", "bare"] {
            eventually("the retained value", || {
                let retained = deliveries(&gateway, device).iter().filter(|d| d.retained).count();
                (retained >= reconnect).then_some(())
            });
        }
    }
    for ((patient, before), value) in ["p1", "p2"].into_iter().zip(before).zip(values) {
        let after = silence(patient).expect("the alarm stands");
        assert_eq!((&after["id"], &after["state"]), (&before["id"], &before["state"]));
        assert_eq!(after["condition"], "present");
        assert_eq!(measured(patient), value, "no newer value");
    }
}
