//! The gateway before an InfluxDB 2: every point there once, whatever happens to either.

mod answers;
mod away;
mod ended;
mod refused;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::FakeInflux;
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

/// What a device sent, by signal and nanosecond.
type Sent = BTreeMap<(String, i64), f64>;

/// Publishes so many messages of heart rate and SpO2 from `from` on, a second apart.
fn publish(gateway: &Gateway, device: &str, from: u64, messages: u64, sent: &mut Sent) {
    let mut client = gateway.mqtt(device);
    let now = gateway.now();
    for seq in from..from + messages {
        let at = Timestamp::from_millis(now.as_millis() - 1_000 * (from + messages - seq) as i64);
        let at = at + Span::micros((seq % 1_000) as i64);
        let (rate, spo2) = (60.0 + (seq % 30) as f64, 95.0 + (seq % 4) as f64);
        let readings = [("heart_rate", rate, "/min"), ("spo2", spo2, "%")];
        client.telemetry(device, &telemetry(seq, at, &readings));
        for (signal, value, _) in readings {
            sent.insert((signal.to_owned(), at.as_micros() * 1_000), value);
        }
    }
    client.disconnect();
}

/// What the server holds of a device.
fn held(server: &FakeInflux, device: &str) -> Sent {
    let mut held = Sent::new();
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

fn expect(server: &FakeInflux, device: &str, sent: &Sent) {
    eventually("all of it is there", || {
        (server.count("vitalgate_reading") >= sent.len()).then_some(())
    });
    assert_eq!(held(server, device), *sent);
}

fn technical(gateway: &Gateway, rule: &str) -> Option<Value> {
    let list = gateway.get("/api/v1/alarms");
    let found = list["items"].as_array().unwrap().iter().find(|a| a["rule"] == rule).cloned();
    found.filter(|alarm| alarm["state"] != "closed")
}

/// The alarm that lines are refused for good for this reason.
fn lines_refused(gateway: &Gateway, why: &str) -> Option<Value> {
    let list = gateway.get("/api/v1/alarms");
    let mut all = list["items"].as_array().unwrap().iter();
    all.find(|a| a["rule"] == "influx.lines_refused" && a["source"] == why).cloned()
}

/// Lines refused for good for this reason, as they are counted.
fn count_refused(gateway: &Gateway, why: &str) -> u64 {
    let metric = format!("vitalgate_sink_refusals_total{{sink=\"influx\",why=\"{why}\"}}");
    gateway.metric(&metric)
}

fn degraded(gateway: &Gateway) -> String {
    let ready = eventually("it is ready", || {
        let (status, ready) = gateway.ask("/readyz");
        (status == 200).then_some(ready)
    });
    ready["degraded"].to_string()
}
