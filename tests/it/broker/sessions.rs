//! Restarts and cuts of either side: nothing acknowledged is lost or doubled.

use serde_json::json;

use crate::harness::{Gateway, eventually};
use crate::mosquitto::{Mosquitto, Proxy};
use crate::mqtt::Client;

use super::{all_there, behind, degraded, deliveries, publish, subscribed};

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
