//! The gateway ends or is killed while it exports.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::{FakeInflux, Mood};
use crate::harness::{eventually, telemetry};
use crate::setup::{RULES, Setup};

use super::{Sent, expect, held, publish, section};

#[test]
fn killed_while_it_catches_up_nothing_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let away = FakeInflux::start().stop();
    let url = format!("http://127.0.0.1:{}/tsdb", away.port);
    let mut influx = section(dir.path(), &url);
    influx["batch_bytes"] = json!(4_096);
    let mut gateway = Setup::default().rules(RULES).section("influx", influx).start();
    gateway.admit("p-1", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 1_000, &mut sent);
    let server = away.start();
    let slow = Mood::Slow(Duration::from_millis(30));
    for kill in 1..=5 {
        server.state().moods = std::iter::repeat_n(slow, 2_000).collect();
        let before = server.state().lines;
        eventually("it goes on", || (server.state().lines > before + 50).then_some(()));
        publish(&gateway, "dev-1", 1_000 * (kill + 1), 5, &mut sent);
        gateway.restart();
    }
    server.state().moods.clear();
    expect(&server, "dev-1", &sent);
    assert!(server.state().lines > sent.len(), "some of it was exported again");
    gateway.stop();
    gateway.start_again();
    let exported = server.state().lines;
    publish(&gateway, "dev-1", 9_000, 1, &mut sent);
    expect(&server, "dev-1", &sent);
    let again = server.state().lines - exported;
    assert!(again <= 20, "stopped in order it goes on where it was, and exported {again} lines");
}

#[test]
fn what_was_committed_before_it_stopped_is_exported_before_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    let mut influx = section(dir.path(), &format!("http://{}/tsdb", server.address));
    influx["batch_age"] = json!("60s");
    let setup = Setup::default().rules(RULES).section("influx", influx);
    let mut gateway = setup.args(&["--clock", "stream"]).start();
    gateway.register("dev-1", "bedside", &json!([]));
    let begin: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
    let mut client = gateway.mqtt("dev-1");
    let mut sent = Sent::new();
    for seq in 1..=20 {
        let at = begin + Span::secs(seq);
        client.telemetry("dev-1", &telemetry(seq as u64, at, &[("heart_rate", 70.0, "/min")]));
        sent.insert(("heart_rate".to_owned(), at.as_micros() * 1_000), 70.0);
    }
    // What comes last settles what came before; itself it waits for the next run.
    let later = begin + Span::mins(5);
    client.telemetry("dev-1", &telemetry(21, later, &[("heart_rate", 71.0, "/min")]));
    gateway.stop();
    assert_eq!(held(&server, "dev-1"), sent);
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
    let (mut sent, mut said, mut seq) = (Sent::new(), BTreeMap::new(), 0);
    let mut send = |client: &mut crate::mqtt::Client, at: Timestamp| {
        seq += 1;
        let (rate, code) = (60.0 + (seq % 30) as f64, format!("c{seq}"));
        let mut message = telemetry(seq, at, &[("heart_rate", rate, "/min")]);
        let word = json!({ "at": at, "signal": "battery_status", "code": code });
        message["readings"].as_array_mut().unwrap().push(word);
        client.telemetry("dev-1", &message);
        sent.insert(("heart_rate".to_owned(), at.as_micros() * 1_000), rate);
        said.insert(at.as_micros() * 1_000, code);
    };
    let mut client = gateway.mqtt("dev-1");
    for second in 0..1_500 {
        send(&mut client, begin + Span::secs(second));
    }
    // After a start with so many rows a snapshot is written, and the journal needs them no more.
    gateway.restart();
    let mut client = gateway.mqtt("dev-1");
    let mut minutes = 30;
    eventually("the journal loses what was not exported", || {
        minutes += 5;
        send(&mut client, begin + Span::mins(minutes));
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
        eventually("history is exported", || {
            let state = server.state();
            let exported = state.lines > before + 50 && state.last < lost;
            drop(state);
            (exported && gateway.metric(refilling) == 1).then_some(())
        });
        gateway.restart();
    }
    server.state().moods.clear();
    // The last seconds of a stream wait until it goes on.
    let mut client = gateway.mqtt("dev-1");
    for _ in 0..2 {
        minutes += 5;
        send(&mut client, begin + Span::mins(minutes));
    }
    let last = (begin + Span::mins(minutes)).as_micros() * 1_000;
    sent.remove(&("heart_rate".to_owned(), last));
    expect(&server, "dev-1", &sent);
    assert!(server.state().lines > sent.len() + said.len(), "some of it was exported again");
    said.remove(&last);
    // What was said stays in a table of its own, whatever the journal lost.
    eventually("all that was said is there", || (held_words(&server) == said).then_some(()));
}

/// The codes that the server holds, by time.
fn held_words(server: &FakeInflux) -> BTreeMap<i64, String> {
    let state = server.state();
    let words = state.points.iter().filter(|(head, _)| head.starts_with("vitalgate_word,"));
    let code = |fields: &String| {
        let code = fields.split(',').find_map(|field| field.strip_prefix("code=")).unwrap();
        code.trim_matches('"').to_owned()
    };
    words.flat_map(|(_, points)| points.iter().map(|(at, fields)| (*at, code(fields)))).collect()
}
