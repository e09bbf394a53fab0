//! Ranges that only InfluxDB holds: retention took them here, and the answer is what it was before.

mod incomplete;
mod waiting;
mod whole;

use std::path::Path;

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::{FakeInflux, PREFIX};
use crate::harness::{Gateway, eventually, telemetry};
use crate::setup::{RULES, Setup};

/// Seconds of one message.
const A_MESSAGE: i64 = 60;

/// Messages of the past.
const MESSAGES: i64 = 150;

/// A name with all that a tag needs help with.
const INSTANCE: &str = "left, a=\"b\" 50% \\ $";

/// A patient's device that spoke for hours of a stream, before InfluxDB.
struct Past {
    gateway: Gateway,
    server: FakeInflux,
    begin: Timestamp,
    seq: u64,
    _secret: tempfile::TempDir,
}

impl Past {
    fn start(read_timeout: &str) -> Self {
        Self::of(|influx| Setup::default().section("influx", influx), read_timeout)
    }

    /// By a store that knows nothing of InfluxDB, and whose journal keeps little.
    fn without() -> Self {
        Self::of(|_| Setup::default(), "1m")
    }

    fn of(setup: impl FnOnce(Value) -> Setup, read_timeout: &str) -> Self {
        let secret = tempfile::tempdir().unwrap();
        let server = FakeInflux::start();
        let setup = setup(section(secret.path(), &server, read_timeout)).rules(RULES);
        let store = json!({ "history_keep": "10d", "journal_keep": "1m" });
        let gateway = setup.section("store", store).args(&["--clock", "stream"]).start();
        let begin = (gateway.now() - Span::hours(6)).to_the_second();
        let mut past = Self { gateway, server, begin, seq: 0, _secret: secret };
        // A stream has no time before its first message.
        past.gateway.register("dev-0", "bedside", &json!([]));
        past.gateway.mqtt("dev-0").telemetry("dev-0", &telemetry(1, begin, &[("spo2", 97.0, "%")]));
        past.gateway.admit("p1", "dev-1");
        past.publish(0..MESSAGES);
        past
    }

    /// Sends messages of one minute each.
    fn publish(&mut self, minutes: std::ops::Range<i64>) {
        let mut client = self.gateway.mqtt("dev-1");
        for minute in minutes {
            let from = self.begin + Span::secs(minute * A_MESSAGE);
            let mut readings = Vec::new();
            let mut put = |at: i64, signal: &str, instance: &str, value: f64, unit: &str| {
                let at = from + Span::secs(at) + Span::micros(at);
                readings.push(json!({
                    "at": at, "signal": signal, "instance": instance, "value": value, "unit": unit,
                }));
            };
            for second in 0..A_MESSAGE {
                // Once a minute a value that cannot be.
                let rate = if second == 30 { 999.0 } else { 60.0 + (second % 7) as f64 * 0.3 };
                put(second, "heart_rate", "", rate, "/min");
                if second % 10 == 0 {
                    put(second, "spo2", "", 95.0 + (minute % 4) as f64, "%");
                    put(second, "spo2", INSTANCE, 96.0 + (second % 3) as f64, "%");
                }
            }
            let (value, unit) = if minute % 2 == 0 { (101.0, "mg/dL") } else { (5.7, "mmol/L") };
            put(0, "glucose_cgm", "", value, unit);
            self.seq += 1;
            let message = json!({
                "boot": 1, "seq": self.seq, "sent_at": from + Span::secs(A_MESSAGE),
                "clock": { "source": "ntp" }, "readings": readings,
            });
            client.telemetry("dev-1", &message);
        }
    }

    fn at(&self, minute: i64) -> Timestamp {
        self.begin + Span::secs(minute * A_MESSAGE)
    }

    /// What was measured in the past that ended at minute [`MESSAGES`].
    fn series(&self, of: &str, query: &str) -> Value {
        let (from, to) = (self.at(-10), self.at(MESSAGES));
        self.gateway.get(&format!("/api/v1/{of}/series?from={from}&to={to}&{query}"))
    }

    /// All pages.
    fn pages(&self, of: &str, query: &str) -> Vec<Value> {
        self.pages_but_for(&Value::Null, of, query)
    }

    fn pages_but_for(&self, incomplete: &Value, of: &str, query: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.series(of, &format!("{query}{cursor}"));
            // The last pages are of what is here alone.
            let is_whole = page["incomplete"].is_null();
            assert!(is_whole || page["incomplete"] == *incomplete, "{}", page["older"]);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            cursor = format!("&cursor={next}");
        }
    }

    /// Waits until InfluxDB has all of the past, then keeps an hour of it here.
    fn forget(&mut self) {
        // What is exported last is settled by what comes after it.
        self.publish(MESSAGES..MESSAGES + 2);
        let exported = (self.at(MESSAGES)).as_micros() * 1_000 - 1_000_000_000;
        eventually("InfluxDB has the past", || (self.server.state().last > exported).then_some(()));
        self.take();
    }

    /// Keeps an hour here.
    fn take(&mut self) {
        self.gateway.set("store", "history_keep", &json!("1h"));
        self.gateway.restart();
        let mut minute = MESSAGES + 2;
        eventually("retention took what is older", || {
            self.publish(minute..minute + 1);
            minute += 1;
            let gone = "SELECT count(*) FROM gone JOIN series ON id = series
                          WHERE device = 'dev-1' AND upto > ?";
            let far = self.at(60).as_micros();
            let gone = gone.replace('?', &far.to_string());
            (self.gateway.rows(&gone, |row| row.get::<_, i64>(0))[0] == 4).then_some(())
        });
    }
}

fn section(dir: &Path, server: &FakeInflux, read_timeout: &str) -> Value {
    let secret = dir.join("influx-secret");
    std::fs::write(&secret, "secret-token\n").unwrap();
    json!({
        "url": format!("http://{}{PREFIX}", server.address), "org": "o", "bucket": "b",
        "secret_file": secret, "batch_age": "50ms", "timeout": "2s", "read_timeout": read_timeout,
    })
}

/// The series of a line's head, of the device of the past.
fn is_of(head: &str, part: &Value) -> bool {
    let has = |text: &str| head.contains(text);
    let instance = part["instance"].as_str().unwrap();
    let signal = format!(",signal={},", part["signal"].as_str().unwrap());
    has("device=dev-1,") && has(&signal) && has(",instance=") != instance.is_empty()
}

const SIGNALS: &str = "signal=heart_rate,spo2,glucose_cgm";
