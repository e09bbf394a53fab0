//! Whatever the server answers, every point is there once in the end.

use std::time::Duration;

use serde_json::json;

use crate::fake_influx::{FakeInflux, Mood};
use crate::harness::{eventually, telemetry};
use crate::setup::{RULES, Setup};

use super::{Sent, expect, gateway, lines_refused, publish, section};

#[test]
fn readings_and_alarms_arrive_under_names_only_the_site_can_trace() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    let gateway = gateway(dir.path(), server.address.port());
    gateway.admit("p-17", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 20, &mut sent);
    let at = gateway.now();
    let mut client = gateway.mqtt("dev-1");
    client.telemetry("dev-1", &telemetry(50, at, &[("spo2", 70.0, "%")]));
    sent.insert(("spo2".to_owned(), at.as_micros() * 1_000), 70.0);
    expect(&server, "dev-1", &sent);
    let moves = gateway.rows("SELECT count(*) FROM transitions WHERE kind = 'alarm'", |row| {
        row.get::<_, i64>(0).map(|n| n as usize)
    });
    assert!(moves[0] > 0);
    eventually("every move of an alarm is there", || {
        (server.count("vitalgate_alarm") == moves[0]).then_some(())
    });
    let state = server.state();
    assert_eq!(state.host, server.address.to_string());
    let everything = format!("{:?}", state.points);
    assert!(!everything.contains("p-17"), "{everything}");
    assert!(everything.contains("vitalgate_reading,device=dev-1,patient="), "{everything}");
    drop(state);
    let metrics = gateway.metric("vitalgate_sink_requests_total{sink=\"influx\",status=\"204\"}");
    assert!(metrics > 0);
    assert!(!gateway.log().contains("secret-token"));
}

#[test]
fn whatever_the_server_answers_it_ends_complete() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    server.state().moods = [
        Mood::Well,
        Mood::Answer(429, Some(1)),
        Mood::Well,
        Mood::Answer(500, None),
        Mood::Well,
        Mood::Slow(Duration::from_millis(1_500)),
        Mood::Cut,
        Mood::Well,
        Mood::Nonsense,
        Mood::Well,
        Mood::Endless,
        Mood::Well,
        Mood::Never,
        Mood::Well,
        Mood::Answer(413, None),
        Mood::Answer(503, Some(0)),
    ]
    .into();
    server.state().bad = Some("heart_rate,site=site-1 value=77.0,".to_owned());
    server.state().most_bytes = 450;
    let url = format!("http://127.0.0.1:{}/tsdb", server.address.port());
    let mut influx = section(dir.path(), &url);
    influx["batch_bytes"] = json!(16_384);
    let gateway = Setup::default().rules(RULES).section("influx", influx).start();
    gateway.admit("p-1", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 400, &mut sent);
    eventually("every mood is met", || server.state().moods.is_empty().then_some(()));
    let refused = sent.iter().filter(|((signal, _), value)| {
        signal == "heart_rate" && value.to_bits() == 77.0_f64.to_bits()
    });
    let refused: Vec<_> = refused.map(|(key, _)| key.clone()).collect();
    assert!(!refused.is_empty());
    sent.retain(|key, _| !refused.contains(key));
    expect(&server, "dev-1", &sent);
    let dead = eventually("the refused lines are dead letters", || {
        let dead = gateway
            .rows("SELECT reason FROM dead_letters WHERE principal = 'influxdb'", |row| {
                row.get::<_, String>(0)
            });
        (dead.len() >= refused.len()).then_some(dead)
    });
    let letters = gateway.rows(
        "SELECT reason || cast(head AS TEXT) FROM dead_letters WHERE principal = 'influxdb'",
        |row| row.get::<_, String>(0),
    );
    assert_eq!(dead.len(), refused.len(), "{refused:?} {letters:?}");
    assert!(dead[0].contains("400") && dead[0].contains("invalid"), "{dead:?}");
    assert!(server.state().answered.iter().filter(|status| **status == 413).count() > 1);
    let alarm = eventually("it is told", || lines_refused(&gateway, "line"));
    assert_eq!(alarm["priority"], "low");
}
