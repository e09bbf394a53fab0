//! InfluxDB is away while a ward goes on for a day of its own time, and comes back after it.
//!
//! `VITALGATE_DAY_SECONDS=86400` is the whole day; by default it is a hundredth of it.
//! `VITALGATE_GATEWAYS` names the folder of the gateway, such as `target/release`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use vitalgate::clock::Stopwatch;
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::FakeInflux;
use crate::harness::{Gateway, eventually_within, measured_earlier, telemetry};
use crate::setup::{RULES, Setup};

const PATIENTS: u64 = 100;
const SIGNALS: [(&str, &str, f64); 6] = [
    ("heart_rate", "/min", 70.0),
    ("pulse_rate", "/min", 70.0),
    ("spo2", "%", 96.0),
    ("respiratory_rate", "/min", 14.0),
    ("abp_sys", "mm[Hg]", 120.0),
    ("abp_dia", "mm[Hg]", 80.0),
];
/// Messages between two looks for acknowledgements.
const WINDOW: u64 = 48;
/// What else a gateway may take between a fifth of the day and its end: heads fill meanwhile.
const GROWTH_KIB: u64 = 48 << 10;
/// For a whole day on a busy machine.
const CATCH_UP_S: f64 = 3_600.0;

fn seconds() -> u64 {
    std::env::var("VITALGATE_DAY_SECONDS").map_or(864, |text| text.parse().unwrap())
}

fn begin() -> Timestamp {
    "2026-01-10T00:00:00Z".parse().unwrap()
}

/// What patient `bed` measures in that second: now and then his saturation is low for a while.
fn readings(bed: u64, second: u64) -> Vec<(&'static str, f64, &'static str)> {
    let wave = ((second + 7 * bed) % 11) as f64 / 4.0;
    let low = bed % 10 == 3 && second % 300 >= 200 && second % 300 < 230;
    let of = |(signal, unit, usual): (&'static str, &'static str, f64)| {
        let value = if low && signal == "spo2" { 84.0 } else { usual + wave };
        (signal, value, unit)
    };
    SIGNALS.into_iter().map(of).collect()
}

fn ward(setup: Setup) -> Gateway {
    let gateway = setup.rules(RULES).args(&["--clock", "stream"]).start();
    let post = |path: &str, body: Value| {
        let (status, answer) = gateway.post(path, &body);
        assert!((200..300).contains(&status), "{path} {body}: {answer}");
    };
    let device = |id: &str, kind: &str, via: Value| {
        let class = if kind == "relay" { "unknown" } else { "bedside" };
        json!({ "id": id, "class": class, "kind": kind, "via": via, "signals": [] })
    };
    post("/api/v1/wards", json!({ "id": "w1" }));
    post("/api/v1/devices", device("relay", "relay", json!([])));
    for bed in 0..PATIENTS {
        let id = format!("d-{bed}");
        post("/api/v1/beds", json!({ "id": id, "ward": "w1" }));
        let patient = format!("p-{bed}");
        post(
            "/api/v1/patients",
            json!({ "id": patient, "age_class": "adult", "bed": id, "continuous": false }),
        );
        post("/api/v1/devices", device(&id, "device", json!(["relay"])));
        let path = format!("/api/v1/devices/{id}/binding");
        let (status, answer) = gateway.put(&path, &json!({ "patient": patient }));
        assert!((200..300).contains(&status), "{answer}");
    }
    gateway
}

/// The whole day, in order over one connection; memory at a fifth of it and at its end.
fn live(gateway: &Gateway) -> [u64; 2] {
    let mut relay = gateway.mqtt("relay");
    let (mut open, mut early) = (0, 0);
    for second in 0..seconds() {
        let at = begin() + Span::secs(second as i64);
        for bed in 0..PATIENTS {
            let message = telemetry(second + 1, at, &readings(bed, second));
            relay.send_telemetry(&format!("d-{bed}"), &message);
            open += 1;
            if open == WINDOW {
                relay.receive_puback();
                open -= 1;
            }
        }
        if second == seconds() / 5 {
            early = gateway.resident_kib();
        }
    }
    // The last seconds wait until the stream has gone on: something once more, sent later.
    let (last, by) = (seconds() - 1, Span::secs(10));
    let at = begin() + Span::secs(last as i64);
    let again = telemetry(seconds() + 1, at + by, &readings(0, last));
    relay.send_telemetry("d-0", &measured_earlier(by, again, at + by));
    for _ in 0..=open {
        relay.receive_puback();
    }
    relay.disconnect();
    [early, gateway.resident_kib()]
}

/// Every move of an alarm about a patient, in order for each, with the measurement that caused it.
/// The stamps are those of batches, and batches are cut as it happens.
fn alarms(gateway: &Gateway) -> Vec<(String, String)> {
    gateway.rows(
        "SELECT patient, change || ' ' || (body ->> 'rule') || ' ' ||
             ifnull(body -> 'trigger' ->> 'measured_at', '') FROM transitions
           WHERE kind = 'alarm' AND patient IS NOT NULL ORDER BY patient, seq",
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

#[test]
#[expect(clippy::print_stderr, reason = "figures for who runs the whole day")]
fn influxdb_away_for_a_day_changes_nothing_and_lacks_nothing_afterwards() {
    let alone = ward(Setup::default());
    let watch = Stopwatch::start();
    let [_, alone_kib] = live(&alone);
    let alone_s = watch.seconds();
    let expected = alarms(&alone);
    let raised = |(_, what): &(String, String)| what.starts_with("raised test.spo2_low 2026");
    assert!(expected.iter().any(raised), "{expected:?}");
    drop(alone);

    let dir = tempfile::tempdir().unwrap();
    let away = FakeInflux::start().stop();
    let secret = dir.path().join("secret");
    fs::write(&secret, "secret-token").unwrap();
    let influx = json!({
        "url": format!("http://127.0.0.1:{}/tsdb", away.port), "org": "o", "bucket": "b",
        "secret_file": secret, "max_lag": "5m", "timeout": "10s",
    });
    // The journal keeps a part of the day: the rest must come from history.
    let bytes = 2_000 * seconds();
    let store = json!({ "journal_max_bytes": bytes, "journal_keep": "1m" });
    let gateway = ward(Setup::default().section("influx", influx).section("store", store));
    let watch = Stopwatch::start();
    let [early_kib, late_kib] = live(&gateway);
    let away_s = watch.seconds();
    assert_eq!(alarms(&gateway), expected, "whoever listens to it, alarms are the same");
    assert!(late_kib < early_kib + GROWTH_KIB, "{early_kib} KiB, then {late_kib} KiB");
    let oldest = gateway.rows("SELECT min(n) FROM journal", |row| row.get::<_, i64>(0))[0];

    let watch = Stopwatch::start();
    let server = away.start();
    server.state().thin = true;
    let all = (seconds() * PATIENTS) as usize * SIGNALS.len();
    let mut most_kib = late_kib;
    eventually_within(CATCH_UP_S, "all of it is there", || {
        most_kib = most_kib.max(gateway.resident_kib());
        (server.state().thin_count() >= all).then_some(())
    });
    let catch_up_s = watch.seconds();
    let state = server.state();
    assert_eq!(state.thin_count(), all, "point by point");
    let mut by_device: BTreeMap<&str, usize> = BTreeMap::new();
    for (head, times) in &state.times {
        let device = head.split("device=").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
        assert!(head.contains(",patient=") && head.contains(",signal="), "{head}");
        let expected: Vec<i64> = (0..seconds())
            .map(|second| (begin() + Span::secs(second as i64)).as_micros() * 1_000)
            .collect();
        assert!(times.iter().copied().eq(expected), "{head}");
        *by_device.entry(device).or_default() += 1;
    }
    assert_eq!(by_device.len(), PATIENTS as usize);
    assert!(by_device.values().all(|signals| *signals == SIGNALS.len()), "{by_device:?}");
    drop(state);
    assert!(most_kib < late_kib + GROWTH_KIB, "{late_kib} KiB, then {most_kib} KiB");
    eprintln!(
        "{} s of {PATIENTS} patients: {all} points in {alone_s:.0} s alone, {away_s:.0} s with \
         InfluxDB away; memory {alone_kib} KiB alone, {early_kib} then {late_kib} KiB away, \
         {most_kib} KiB while catching up for {catch_up_s:.0} s; first row left in the journal: \
         {oldest}",
        seconds()
    );
}
