//! The gateway before an InfluxDB 2: every point there once, whatever happens to either.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::{Certificates, FakeInflux, Mood};
use crate::harness::{Gateway, eventually, telemetry};
use crate::setup::{RULES, Setup};

/// `[influx]` for a server at `url`; the secret is in `dir`.
fn section(dir: &Path, url: &str) -> Value {
    let secret = dir.join("influx-secret");
    fs::write(&secret, "secret-token\n").unwrap();
    json!({
        "url": url, "org": "o", "bucket": "b", "secret_file": secret,
        "batch_age": "50ms", "timeout": "2s",
    })
}

fn gateway(dir: &Path, port: u16) -> Gateway {
    let url = format!("http://127.0.0.1:{port}/tsdb");
    Setup::default().rules(RULES).section("influx", section(dir, &url)).start()
}

/// What a device said, by signal and nanosecond.
type Said = BTreeMap<(String, i64), f64>;

/// Publishes so many messages of heart rate and SpO2 from `from` on, a second apart.
fn publish(gateway: &Gateway, device: &str, from: u64, messages: u64, said: &mut Said) {
    let mut client = gateway.mqtt(device);
    let now = gateway.now();
    for seq in from..from + messages {
        let at = Timestamp::from_millis(now.as_millis() - 1_000 * (from + messages - seq) as i64);
        let at = at + Span::micros((seq % 1_000) as i64);
        let (rate, spo2) = (60.0 + (seq % 30) as f64, 95.0 + (seq % 4) as f64);
        let readings = [("heart_rate", rate, "/min"), ("spo2", spo2, "%")];
        client.telemetry(device, &telemetry(seq, at, &readings));
        for (signal, value, _) in readings {
            said.insert((signal.to_owned(), at.as_micros() * 1_000), value);
        }
    }
    client.disconnect();
}

/// What the server holds of a device.
fn held(server: &FakeInflux, device: &str) -> Said {
    let mut held = Said::new();
    for (head, points) in &server.state().points {
        let tags: BTreeMap<&str, &str> =
            head.split(',').skip(1).map(|tag| tag.split_once('=').unwrap()).collect();
        if tags.get("device") != Some(&device) || !head.starts_with("vitalgate_reading,") {
            continue;
        }
        assert_eq!(tags["site"], "site-1");
        for (time, fields) in points {
            let value = fields.split(',').next().unwrap().strip_prefix("value=").unwrap();
            held.insert((tags["signal"].to_owned(), *time), value.parse().unwrap());
        }
    }
    held
}

fn expect(server: &FakeInflux, device: &str, said: &Said) {
    eventually("all of it is there", || {
        (server.count("vitalgate_reading") >= said.len()).then_some(())
    });
    assert_eq!(held(server, device), *said);
}

fn technical(gateway: &Gateway, rule: &str) -> Option<Value> {
    let list = gateway.get("/api/v1/alarms");
    let found = list["items"].as_array().unwrap().iter().find(|a| a["rule"] == rule).cloned();
    found.filter(|alarm| alarm["state"] != "closed")
}

fn degraded(gateway: &Gateway) -> String {
    let ready = eventually("it is ready", || {
        let (status, ready) = gateway.ask("/readyz");
        (status == 200).then_some(ready)
    });
    ready["degraded"].to_string()
}

#[test]
fn readings_and_alarms_arrive_under_names_only_the_site_can_trace() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    let gateway = gateway(dir.path(), server.address.port());
    gateway.admit("p-17", "dev-1");
    let mut said = Said::new();
    publish(&gateway, "dev-1", 1, 20, &mut said);
    let at = gateway.now();
    let mut client = gateway.mqtt("dev-1");
    client.telemetry("dev-1", &telemetry(50, at, &[("spo2", 70.0, "%")]));
    said.insert(("spo2".to_owned(), at.as_micros() * 1_000), 70.0);
    expect(&server, "dev-1", &said);
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
    let mut said = Said::new();
    publish(&gateway, "dev-1", 1, 400, &mut said);
    eventually("every mood is met", || server.state().moods.is_empty().then_some(()));
    let refused = said.iter().filter(|((signal, _), value)| {
        signal == "heart_rate" && value.to_bits() == 77.0_f64.to_bits()
    });
    let refused: Vec<_> = refused.map(|(key, _)| key.clone()).collect();
    assert!(!refused.is_empty());
    said.retain(|key, _| !refused.contains(key));
    expect(&server, "dev-1", &said);
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
}

#[test]
fn what_is_older_than_the_bucket_keeps_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    let gateway = gateway(dir.path(), server.address.port());
    let keeps_from = (gateway.now() - Span::secs(120)).as_micros() * 1_000;
    server.state().keeps_from = keeps_from;
    gateway.admit("p-1", "dev-1");
    let mut said = Said::new();
    publish(&gateway, "dev-1", 1, 400, &mut said);
    let all = said.len();
    said.retain(|(_, time), _| *time >= keeps_from);
    let old = all - said.len();
    assert!(said.len() > 100 && old > 300);
    expect(&server, "dev-1", &said);
    eventually("all that is old is counted", || {
        let refused = gateway.metric("vitalgate_sink_refused_lines_total{sink=\"influx\"}");
        (refused == old as u64).then_some(())
    });
    assert!(technical(&gateway, "influx.refused").is_none());
    let letters = "SELECT count(*) FROM dead_letters WHERE principal = 'influxdb'";
    assert_eq!(gateway.rows(letters, |row| row.get::<_, i64>(0)), [0]);
}

#[test]
fn a_refusal_pauses_tells_and_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    "Token another".clone_into(&mut server.state().authorization);
    let gateway = gateway(dir.path(), server.address.port());
    gateway.admit("p-1", "dev-1");
    let mut said = Said::new();
    publish(&gateway, "dev-1", 1, 20, &mut said);
    let alarm = eventually("it is told", || technical(&gateway, "influx.refused"));
    assert!(alarm["text"].as_str().unwrap().contains("401"), "{alarm}");
    assert_eq!((&alarm["kind"], &alarm["priority"]), (&json!("technical"), &json!("medium")));
    assert!(degraded(&gateway).contains("refuses"));
    assert_eq!(server.state().lines, 0);
    "Token secret-token".clone_into(&mut server.state().authorization);
    expect(&server, "dev-1", &said);
    eventually("it ends", || technical(&gateway, "influx.refused").is_none().then_some(()));
    assert_eq!(degraded(&gateway), "[]");
}

#[test]
fn a_server_that_is_away_is_told_as_a_lag_and_catches_up() {
    let dir = tempfile::tempdir().unwrap();
    let away = FakeInflux::start().stop();
    let url = format!("http://127.0.0.1:{}/tsdb", away.port);
    let mut influx = section(dir.path(), &url);
    influx["max_lag"] = json!("1s");
    let gateway = Setup::default().rules(RULES).section("influx", influx).start();
    gateway.admit("p-1", "dev-1");
    let mut said = Said::new();
    publish(&gateway, "dev-1", 1, 50, &mut said);
    eventually("it is told", || technical(&gateway, "influx.behind"));
    let server = away.start();
    expect(&server, "dev-1", &said);
    eventually("it ends", || technical(&gateway, "influx.behind").is_none().then_some(()));
}

#[test]
fn killed_while_it_catches_up_nothing_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let away = FakeInflux::start().stop();
    let url = format!("http://127.0.0.1:{}/tsdb", away.port);
    let mut influx = section(dir.path(), &url);
    influx["batch_bytes"] = json!(4_096);
    let mut gateway = Setup::default().rules(RULES).section("influx", influx).start();
    gateway.admit("p-1", "dev-1");
    let mut said = Said::new();
    publish(&gateway, "dev-1", 1, 1_000, &mut said);
    let server = away.start();
    let slow = Mood::Slow(Duration::from_millis(30));
    for kill in 1..=5 {
        server.state().moods = std::iter::repeat_n(slow, 2_000).collect();
        let before = server.state().lines;
        eventually("it goes on", || (server.state().lines > before + 50).then_some(()));
        publish(&gateway, "dev-1", 1_000 * (kill + 1), 5, &mut said);
        gateway.restart();
    }
    server.state().moods.clear();
    expect(&server, "dev-1", &said);
    assert!(server.state().lines > said.len(), "some of it was told again");
    gateway.stop();
    gateway.start_again();
    let told = server.state().lines;
    publish(&gateway, "dev-1", 9_000, 1, &mut said);
    expect(&server, "dev-1", &said);
    let again = server.state().lines - told;
    assert!(again <= 20, "stopped in order it goes on where it was, and told {again} lines");
}

#[test]
fn what_was_committed_before_it_stopped_is_told_before_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    let mut influx = section(dir.path(), &format!("http://{}/tsdb", server.address));
    influx["batch_age"] = json!("60s");
    let setup = Setup::default().rules(RULES).section("influx", influx);
    let mut gateway = setup.args(&["--clock", "stream"]).start();
    gateway.register("dev-1", "bedside", &json!([]));
    let begin: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
    let mut client = gateway.mqtt("dev-1");
    let mut said = Said::new();
    for seq in 1..=20 {
        let at = begin + Span::secs(seq);
        client.telemetry("dev-1", &telemetry(seq as u64, at, &[("heart_rate", 70.0, "/min")]));
        said.insert(("heart_rate".to_owned(), at.as_micros() * 1_000), 70.0);
    }
    // What comes last settles what came before; itself it waits for the next run.
    let later = begin + Span::mins(5);
    client.telemetry("dev-1", &telemetry(21, later, &[("heart_rate", 71.0, "/min")]));
    gateway.stop();
    assert_eq!(held(&server, "dev-1"), said);
}

#[test]
fn killed_while_history_tells_what_the_journal_lost_nothing_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let away = FakeInflux::start().stop();
    let url = format!("http://127.0.0.1:{}/tsdb", away.port);
    let mut influx = section(dir.path(), &url);
    influx["batch_bytes"] = json!(4_096);
    let store = json!({ "journal_max_bytes": 40_000, "journal_keep": "1m" });
    let setup = Setup::default().rules(RULES).section("influx", influx).section("store", store);
    let mut gateway = setup.args(&["--clock", "stream"]).start();
    gateway.register("dev-1", "bedside", &json!([]));
    let begin: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
    let (mut said, mut seq) = (Said::new(), 0);
    let mut tell = |client: &mut crate::mqtt::Client, at: Timestamp| {
        seq += 1;
        let rate = 60.0 + (seq % 30) as f64;
        client.telemetry("dev-1", &telemetry(seq, at, &[("heart_rate", rate, "/min")]));
        said.insert(("heart_rate".to_owned(), at.as_micros() * 1_000), rate);
    };
    let mut client = gateway.mqtt("dev-1");
    for second in 0..1_500 {
        tell(&mut client, begin + Span::secs(second));
    }
    // After a start with so many rows a snapshot is written, and the journal needs them no more.
    gateway.restart();
    let mut client = gateway.mqtt("dev-1");
    let mut minutes = 30;
    eventually("the journal loses what was not told", || {
        minutes += 5;
        tell(&mut client, begin + Span::mins(minutes));
        let first = gateway.rows("SELECT min(n) FROM journal", |row| row.get::<_, i64>(0))[0];
        (first > 1_000).then_some(())
    });
    let server = away.start();
    let slow = Mood::Slow(Duration::from_millis(50));
    let refilling = "vitalgate_sink_refilling{sink=\"influx\"}";
    let lost = (begin + Span::secs(900)).as_micros() * 1_000;
    for _ in 0..3 {
        server.state().moods = std::iter::repeat_n(slow, 2_000).collect();
        let before = server.state().lines;
        eventually("history tells", || {
            let state = server.state();
            let told = state.lines > before + 50 && state.last < lost;
            drop(state);
            (told && gateway.metric(refilling) == 1).then_some(())
        });
        gateway.restart();
    }
    server.state().moods.clear();
    // The last seconds of a stream wait until it goes on.
    let mut client = gateway.mqtt("dev-1");
    for _ in 0..2 {
        minutes += 5;
        tell(&mut client, begin + Span::mins(minutes));
    }
    let last = (begin + Span::mins(minutes)).as_micros() * 1_000;
    said.remove(&("heart_rate".to_owned(), last));
    expect(&server, "dev-1", &said);
    assert!(server.state().lines > said.len(), "some of it was told again");
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
    let mut said = Said::new();
    publish(&gateway, "dev-1", 1, 20, &mut said);
    expect(&server, "dev-1", &said);
    assert_eq!(server.state().host, format!("localhost:{}", server.address.port()));
    drop(gateway);

    let other = tempfile::tempdir().unwrap();
    influx["ca"] = json!(Certificates::make(other.path()).ca);
    let lines = server.state().lines;
    let gateway = Setup::default().rules(RULES).section("influx", influx).start();
    publish(&gateway, "dev-1", 1, 1, &mut said);
    eventually("it is degraded", || degraded(&gateway).contains("influxdb").then_some(()));
    assert_eq!(server.state().lines, lines, "nothing was said to a stranger");
}
