//! A sender over its budget waits, loses nothing, and harms nobody else (docs/decisions/0042-budgets.md).

use rumqttc::QoS;
use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};

/// Bytes of the alarm log.
fn alarm_log(gateway: &Gateway) -> (i64, i64) {
    let sql = "SELECT count(*), ifnull(sum(length(body)), 0) FROM transitions";
    gateway.rows(sql, |row| Ok((row.get(0)?, row.get(1)?)))[0]
}

fn episode(gateway: &Gateway, seq: u64, id: u64, phase: &str) -> Value {
    let event = json!({ "event": "vt_detected", "id": format!("ep-{id}"), "phase": phase });
    json!({ "boot": 1, "seq": seq, "sent_at": gateway.now(), "at": gateway.now(),
            "clock": { "source": "ntp" }, "events": [event] })
}

#[test]
fn events_without_end_make_an_alarm_log_that_ends() {
    const EVENTS: u64 = 6_000;
    let gateway = Setup::default().start();
    gateway.admit("p1", "dev-1");
    let before = alarm_log(&gateway);
    let mut device = gateway.mqtt("dev-1");
    for seq in 0..EVENTS {
        let phase = if seq % 2 == 0 { "start" } else { "end" };
        let event = episode(&gateway, seq, seq / 2, phase).to_string();
        device.publish("vitalgate/v1/dev-1/events", event, QoS::AtLeastOnce);
        if seq % 64 == 63 {
            for _ in 0..64 {
                device.receive_puback();
            }
        }
    }
    for _ in 0..EVENTS % 64 {
        device.receive_puback();
    }
    let (count, bytes) = alarm_log(&gateway);
    let made = (count - before.0, bytes - before.1);
    assert!((240..700).contains(&made.0), "{made:?}");
    let technical = gateway.open_alarms("p1", "technical");
    assert!(technical.iter().any(|alarm| alarm["rule"] == "link.over_budget"), "{technical:?}");
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
