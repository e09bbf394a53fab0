//! A sender over its budget waits, loses nothing, and harms nobody else (docs/decisions/0042-budgets.md).

use std::fs;
use std::path::Path;

use rumqttc::QoS;
use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};

/// Transitions in the alarm log, and their bytes.
fn alarm_log(gateway: &Gateway) -> (i64, i64) {
    let sql = "SELECT count(*), ifnull(sum(length(body)), 0) FROM transitions";
    gateway.rows(sql, |row| Ok((row.get(0)?, row.get(1)?)))[0]
}

/// Bytes of the store, its log included.
fn stored(gateway: &Gateway) -> u64 {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let file = gateway.database();
    bytes(&file) + bytes(&file.with_extension("db-wal"))
}

/// A message of episodes with ever new ids that begin and end at once.
fn episodes(gateway: &Gateway, seq: u64, count: u64) -> String {
    let phase = |id: u64, phase| json!({ "event": "vt_detected", "id": format!("ep-{id}"), "phase": phase });
    let ids = seq * count..(seq + 1) * count;
    let events: Vec<Value> = ids.flat_map(|id| [phase(id, "start"), phase(id, "end")]).collect();
    let now = gateway.now();
    json!({ "boot": 1, "seq": seq, "sent_at": now, "at": now, "clock": { "source": "ntp" }, "events": events })
        .to_string()
}

/// One device makes so many messages of so many episodes each.
fn flood(messages: u64, count: u64) {
    let gateway = Setup::default().start();
    gateway.admit("p1", "dev-1");
    let events = gateway.events();
    let (before, log) = (stored(&gateway), alarm_log(&gateway));
    let mut device = gateway.mqtt("dev-1");
    let mut sent = 0;
    for seq in 0..messages {
        let message = episodes(&gateway, seq, count);
        sent += message.len() as u64;
        device.publish("vitalgate/v1/dev-1/events", message, QoS::AtLeastOnce);
        device.receive_puback();
    }
    let alarms = events.received().into_iter().filter(|event| event.name == "alarm");
    let streamed: usize = alarms.map(|event| event.data.to_string().len()).sum();
    let (after, (count, bytes)) = (stored(&gateway), alarm_log(&gateway));
    let made = (count - log.0, bytes - log.1);
    let grown = after - before;
    let found = format!(
        "{sent} bytes of events: {made:?} transitions, {streamed} streamed, {grown} stored"
    );
    assert!((240..1_000).contains(&made.0), "{found}");
    assert!(streamed < 2_000_000, "{found}");
    // The journal holds what was sent, compressed; the log of the database is as large as it may be at most.
    assert!(grown < sent + (64 << 20), "{found}");
    let technical = gateway.open_alarms("p1", "technical");
    assert!(technical.iter().any(|alarm| alarm["rule"] == "link.over_budget"), "{technical:?}");
}

#[test]
fn events_without_end_make_an_alarm_log_that_ends() {
    flood(60, 50);
}

#[test]
#[ignore = "needs 64 MiB of events"]
fn a_great_flood_of_events_makes_an_alarm_log_that_ends() {
    flood(1_200, 500);
}

#[test]
fn who_sends_too_much_is_read_slowly_and_nobody_else_waits() {
    let budget = json!({ "messages_an_hour": 100 });
    let gateway = Setup::default().rules(RULES).section("budget", budget).start();
    gateway.admit("p1", "dev-1");
    gateway.admit("p2", "flood");
    let events = gateway.events();
    let mut flood = gateway.mqtt("flood");
    for seq in 1..=400 {
        flood.send_telemetry(
            "flood",
            &telemetry(seq, gateway.now(), &[("heart_rate", 70.0, "/min")]),
        );
    }
    let named = |alarm: &Value| alarm["rule"] == "gateway.sender_over_budget";
    let alarm = events.alarm("the alarm that names it", named).data;
    assert!(alarm["text"].as_str().unwrap().starts_with("flood sends more"), "{alarm}");
    events.alarm("its patient's", |alarm| alarm["rule"] == "link.read_slowly");
    let mut good = gateway.mqtt("dev-1");
    good.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));

    let kept = || gateway.values("flood", "heart_rate").len();
    let mut acknowledged = 0;
    eventually("what was read is acknowledged", || {
        acknowledged += usize::from(!flood.is_silent());
        (acknowledged >= 100 && acknowledged >= kept()).then_some(())
    });
    assert!(acknowledged < 300, "{acknowledged}");
    assert!(gateway.metric("vitalgate_slowed_total") > 0);
}

#[test]
fn made_up_devices_are_let_in_up_to_a_number() {
    let devices = json!({ "max_admitted": 5 });
    let gateway = Setup::default().rules(RULES).section("devices", devices).start();
    gateway.admit("p1", "dev-1");
    let clients: Vec<_> = (0..5).map(|n| gateway.mqtt(&format!("made-up-{n}"))).collect();
    assert!(Client::log_in(gateway.address("mqtt"), "made-up-5", "").is_none());
    let again = gateway.mqtt("made-up-0");
    let mut known = gateway.mqtt("dev-1");
    known.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
    drop((clients, again));
}
