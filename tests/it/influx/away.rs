//! A server that refuses, is away or is a stranger.

use serde_json::json;

use crate::fake_influx::{Certificates, FakeInflux};
use crate::harness::eventually;
use crate::setup::{RULES, Setup};

use super::{Sent, degraded, expect, gateway, publish, section, technical};

#[test]
fn a_refusal_pauses_tells_and_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    "Token another".clone_into(&mut server.state().authorization);
    let gateway = gateway(dir.path(), server.address.port());
    gateway.admit("p-1", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 20, &mut sent);
    let alarm = eventually("it is announced", || technical(&gateway, "influx.refused"));
    assert!(alarm["text"].as_str().unwrap().contains("401"), "{alarm}");
    assert_eq!((&alarm["kind"], &alarm["priority"]), (&json!("technical"), &json!("medium")));
    assert!(degraded(&gateway).contains("refuses"));
    assert_eq!(server.state().lines, 0);
    "Token secret-token".clone_into(&mut server.state().authorization);
    expect(&server, "dev-1", &sent);
    eventually("it ends", || technical(&gateway, "influx.refused").is_none().then_some(()));
    assert_eq!(degraded(&gateway), "[]");
}

#[test]
fn a_server_that_is_away_shows_as_a_lag_and_catches_up() {
    let dir = tempfile::tempdir().unwrap();
    let away = FakeInflux::start().stop();
    let url = format!("http://127.0.0.1:{}/tsdb", away.port);
    let mut influx = section(dir.path(), &url);
    influx["max_lag"] = json!("1s");
    let gateway = Setup::default().rules(RULES).section("influx", influx).start();
    gateway.admit("p-1", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 50, &mut sent);
    eventually("it is announced", || technical(&gateway, "influx.behind"));
    let server = away.start();
    expect(&server, "dev-1", &sent);
    eventually("it ends", || technical(&gateway, "influx.behind").is_none().then_some(()));
}

#[test]
fn with_tls_the_server_must_show_a_certificate_of_the_ca() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(dir.path());
    let server = FakeInflux::start_tls(&certificates);
    let url = format!("https://localhost:{}/tsdb/", server.address.port());
    let mut influx = section(dir.path(), &url);
    influx["ca"] = json!(certificates.ca);
    let gateway = Setup::default().rules(RULES).section("influx", influx.clone()).start();
    gateway.admit("p-1", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 20, &mut sent);
    expect(&server, "dev-1", &sent);
    assert_eq!(server.state().host, format!("localhost:{}", server.address.port()));
    drop(gateway);

    let other = tempfile::tempdir().unwrap();
    influx["ca"] = json!(Certificates::make(other.path()).ca);
    let lines = server.state().lines;
    let gateway = Setup::default().rules(RULES).section("influx", influx).start();
    publish(&gateway, "dev-1", 1, 1, &mut sent);
    eventually("it is degraded", || degraded(&gateway).contains("influxdb").then_some(()));
    assert_eq!(server.state().lines, lines, "nothing was sent to a stranger");
}
