//! Behind Mosquitto: what it acknowledged and delivers is never lost, and silence of the way
//! through it is told.

use std::fs;
use std::path::Path;

use rumqttc::{Packet, Publish, QoS};
use serde_json::{Value, json};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, Message};

use crate::harness::{Gateway, eventually, telemetry};
use crate::mosquitto::{Mosquitto, Proxy};
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
        sender.hear_puback();
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

#[test]
#[ignore = "needs mosquitto"]
fn what_waited_while_the_gateway_was_down_comes_as_backlog() {
    let broker = Mosquitto::start("");
    let mut gateway = behind(broker.port, &json!({})).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 1, 10);
    all_there(&gateway, "dev-1", 10);
    gateway.stop();
    publish(&mut sender, &gateway, "dev-1", 11, 1_000);
    gateway.start_again();
    all_there(&gateway, "dev-1", 1_010);
    // A probe of the new connection came back: whatever comes now is live.
    let probes = |gateway: &Gateway| deliveries(gateway, "b1").len();
    let before = probes(&gateway);
    eventually("a probe", || (probes(&gateway) > before).then_some(()));
    publish(&mut sender, &gateway, "dev-1", 1_011, 10);
    all_there(&gateway, "dev-1", 1_020);
    let resumed: Vec<bool> = deliveries(&gateway, "dev-1").iter().map(|d| d.resumed).collect();
    assert!(resumed[..10].iter().all(|resumed| !resumed));
    assert!(resumed[10..1_010].iter().all(|resumed| *resumed));
    assert!(resumed[1_010..].iter().all(|resumed| !resumed));
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_restarts_with_its_memory_loses_nothing() {
    let mut broker = Mosquitto::start("persistence true");
    let mut gateway = behind(broker.port, &json!({})).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 1, 100);
    gateway.kill();
    publish(&mut sender, &gateway, "dev-1", 101, 100);
    broker.stop();
    broker.start_again();
    gateway.start_again();
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 201, 100);
    all_there(&gateway, "dev-1", 300);
    broker.stop();
    eventually("the gateway notices", || (!degraded(&gateway).is_empty()).then_some(()));
    broker.start_again();
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 301, 100);
    all_there(&gateway, "dev-1", 400);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_forgot_the_session_is_subscribed_to_again() {
    let mut broker = Mosquitto::start("persistence false");
    let gateway = behind(broker.port, &json!({})).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    for restart in 0..3 {
        let mut sender = Client::connect(&broker.address(), "sender");
        publish(&mut sender, &gateway, "dev-1", 1 + restart * 100, 100);
        all_there(&gateway, "dev-1", (restart + 1) * 100);
        broker.stop();
        eventually("the gateway notices", || (!degraded(&gateway).is_empty()).then_some(()));
        broker.start_again();
        subscribed(&gateway);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn connections_cut_in_the_middle_lose_and_double_nothing() {
    let broker = Mosquitto::start("");
    // Within a header, within a payload, after few messages and after many.
    let cuts = [0, 5, 300, 7_777, 20_003, 64_000, 99_999];
    let proxy = Proxy::start(&broker.address(), &cuts);
    let mut gateway = behind(broker.port, &json!({})).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    gateway.stop();
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 1, 2_000);
    gateway.point_at("b1", proxy.port);
    gateway.start_again();
    all_there(&gateway, "dev-1", 2_000);
    publish(&mut sender, &gateway, "dev-1", 2_001, 100);
    all_there(&gateway, "dev-1", 2_100);
    assert!(proxy.connections() > cuts.len() as u64);
    let again = deliveries(&gateway, "dev-1").iter().filter(|d| d.dup).count();
    assert!(again > 0, "a cut that makes nobody send again shows nothing");
}

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
        sender.hear_puback();
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
        sender.hear_puback();
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

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_stands_still_is_told_until_its_probe_comes_back() {
    let broker = Mosquitto::start("");
    let mut gateway = behind(broker.port, &json!({ "probe_within": "3s" })).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 1, 3);
    all_there(&gateway, "dev-1", 3);
    assert_eq!(broker_alarm(&gateway), None);
    broker.signal("STOP");
    let alarm = eventually("the alarm", || broker_alarm(&gateway));
    assert_eq!((&alarm["priority"], &alarm["kind"]), (&json!("high"), &json!("technical")));
    assert!(
        alarm["text"].as_str().unwrap().starts_with("broker b1: no probe came back"),
        "{alarm}"
    );
    // It stands over a restart of the gateway, which cannot reach the broker either.
    gateway.restart();
    assert_eq!(broker_alarm(&gateway).expect("it stands")["id"], alarm["id"]);
    broker.signal("CONT");
    eventually("the alarm ends", || broker_alarm(&gateway).is_none().then_some(()));
    publish(&mut sender, &gateway, "dev-1", 4, 3);
    all_there(&gateway, "dev-1", 6);
    let items = gateway.get("/api/v1/patients")["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "the probe is nobody's patient");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_cannot_be_reached_is_told_and_one_no_longer_configured_is_forgotten() {
    let port = crate::mosquitto::free_port();
    let mut gateway = behind(port, &json!({ "probe_within": "2s" })).start();
    let alarm = eventually("the alarm", || broker_alarm(&gateway));
    assert!(alarm["text"].as_str().unwrap().contains("cannot reach 127.0.0.1"), "{alarm}");
    assert!(
        degraded(&gateway)[0].starts_with("broker b1: cannot reach"),
        "{:?}",
        degraded(&gateway)
    );
    gateway.stop();
    gateway.forget_brokers();
    gateway.start_again();
    eventually("nobody waits for it", || broker_alarm(&gateway).is_none().then_some(()));
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_whose_access_list_keeps_the_gateway_out_is_told() {
    let broker = Mosquitto::start_with("", |dir, _| {
        let list = dir.join("acl");
        fs::write(&list, "topic write vitalgate/v1/+/+\n").unwrap();
        format!("acl_file {}\n", list.display())
    });
    let gateway = behind(broker.port, &json!({ "probe_within": "3s" })).start();
    let alarm = eventually("the alarm", || broker_alarm(&gateway));
    assert!(alarm["text"].as_str().unwrap().contains("no probe came back for 3 s"), "{alarm}");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_user_logs_in_with_the_password_of_a_file() {
    let broker = Mosquitto::start_with("per_listener_settings true", |dir, port| {
        let passwords = dir.join("passwords");
        let status = std::process::Command::new("mosquitto_passwd")
            .arg("-b")
            .arg("-c")
            .arg(&passwords)
            .args(["gateway", "se cret"])
            .status()
            .expect("mosquitto_passwd");
        assert!(status.success());
        fs::write(dir.join("password"), "se cret\n").unwrap();
        fs::write(dir.join("port"), port.to_string()).unwrap();
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\n\
             password_file {}\n",
            passwords.display()
        )
    });
    let closed: u16 = fs::read_to_string(broker.dir().join("port")).unwrap().parse().unwrap();
    let with = |password: &Path| json!({ "user": "gateway", "password_file": password });
    let gateway = behind(closed, &with(&broker.dir().join("password"))).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let wrong = broker.dir().join("wrong");
    fs::write(&wrong, "wrong").unwrap();
    let other = behind(closed, &with(&wrong)).start();
    eventually("the refusal", || {
        degraded(&other).first().filter(|why| why.contains("the broker refuses")).map(drop)
    });
    assert!(!other.log().contains("wrong") && !gateway.log().contains("se cret"));
}

#[test]
#[ignore = "needs mosquitto"]
fn tls_with_a_client_certificate() {
    let pki = crate::pki::Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let (server, client, ca) = (
        pki.issue(folder.path(), "server", "broker.test"),
        pki.issue(folder.path(), "client", "vitalgate"),
        pki.authority(folder.path()),
    );
    let broker = Mosquitto::start_with("per_listener_settings true", |dir, port| {
        fs::write(dir.join("port"), port.to_string()).unwrap();
        let list = dir.join("acl");
        fs::write(&list, "user vitalgate\ntopic readwrite vitalgate/v1/#\n").unwrap();
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\ncafile {}\ncertfile {}\n\
             keyfile {}\nrequire_certificate true\nuse_identity_as_username true\nacl_file {}\n",
            ca.display(),
            server.0.display(),
            server.1.display(),
            list.display()
        )
    });
    let port: u16 = fs::read_to_string(broker.dir().join("port")).unwrap().parse().unwrap();
    let tls = |name: &str| {
        json!({ "port": port, "speaks_for": "registered", "tls": {
            "ca": ca, "certificate": client.0, "key": client.1, "server_name": name,
        }})
    };
    let gateway = Setup::default().rules(RULES).broker(&tls("broker.test")).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 1, 100);
    all_there(&gateway, "dev-1", 100);
    // A broker that is not who it should be is not spoken to.
    let other = Setup::default().rules(RULES).broker(&tls("other.test")).start();
    let why = eventually("the refusal", || {
        degraded(&other).into_iter().find(|why| why.contains("TLS with 127.0.0.1"))
    });
    assert!(why.contains("certificate"), "{why}");
}
