//! A way through the broker that is not proven is an alarm.

use std::fs;

use serde_json::json;

use crate::harness::eventually;
use crate::mosquitto::Mosquitto;
use crate::mqtt::Client;

use super::{all_there, behind, broker_alarm, degraded, publish, subscribed};

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_stands_still_is_an_alarm_until_its_probe_comes_back() {
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
    let stands_still = |lines: Vec<String>| {
        lines.iter().any(|line| line.starts_with("broker b1: no probe came back for 3 s"))
    };
    assert!(stands_still(degraded(&gateway)), "{:?}", degraded(&gateway));
    // It stands over a restart of the gateway, which cannot reach the broker either.
    gateway.restart();
    assert_eq!(broker_alarm(&gateway).expect("it stands")["id"], alarm["id"]);
    broker.signal("CONT");
    eventually("the alarm ends", || broker_alarm(&gateway).is_none().then_some(()));
    subscribed(&gateway);
    publish(&mut sender, &gateway, "dev-1", 4, 3);
    all_there(&gateway, "dev-1", 6);
    let items = gateway.get("/api/v1/patients")["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "the probe is nobody's patient");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_cannot_be_reached_is_an_alarm_and_one_no_longer_configured_is_forgotten() {
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
fn a_broker_whose_access_list_keeps_the_gateway_out_is_an_alarm() {
    let broker = Mosquitto::start_with("", |dir, _| {
        let list = dir.join("acl");
        fs::write(&list, "topic write vitalgate/v1/+/+\n").unwrap();
        format!("acl_file {}\n", list.display())
    });
    let gateway = behind(broker.port, &json!({ "probe_within": "3s" })).start();
    let alarm = eventually("the alarm", || broker_alarm(&gateway));
    assert!(alarm["text"].as_str().unwrap().contains("no probe came back for 3 s"), "{alarm}");
}
