//! What comes in comes out: every reading that was acknowledged is in the series and in the export, as it was sent.

use std::fs;

use serde_json::{Value, json};

use crate::harness::Gateway;
use crate::mqtt::Client;

/// Patient `p1` on `dev-1`, which sends.
struct Home {
    gateway: Gateway,
    link: Client,
    sent: u64,
}

impl Home {
    fn start() -> Self {
        let gateway = Gateway::start();
        gateway.admit("p1", "dev-1");
        let link = gateway.mqtt("dev-1");
        Self { gateway, link, sent: 0 }
    }

    /// An acknowledged message of a clock that is kept, without a time of its own.
    fn send(&mut self, readings: &[Value]) {
        self.sent += 1;
        let message = json!({
            "boot": 1, "seq": self.sent, "clock": { "source": "ntp" }, "readings": readings,
        });
        self.link.telemetry("dev-1", &message);
    }

    /// What series and export say of a signal, number by number: the columns of the export with its words for what
    /// is not there.
    fn told(&self, signal: &str) -> Vec<[String; 4]> {
        let span = "from=2000-01-01T00:00:00Z&to=2099-01-01T00:00:00Z";
        let path = format!("/api/v1/devices/dev-1/series?signal={signal}&{span}");
        let series = self.gateway.get(&path);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row = |item: &Value, from: &str| {
            let mut flags: Vec<String> =
                item["flags"].as_array().unwrap().iter().map(word).collect();
            flags.retain(|flag| flag == "corrected" || flag == "entered_in_error");
            [
                item["value"].as_f64().unwrap().to_string(),
                word(&item["comparator"]),
                word(&item[from]),
                flags.join(" "),
            ]
        };
        let items = series["items"].as_array().unwrap();
        let in_series: Vec<[String; 4]> = items.iter().map(|item| row(item, "from")).collect();

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("export");
        let args = ["--identified", "--format", "jsonl", "--signal", signal];
        let out = ["--out", file.to_str().unwrap()];
        let output = self.gateway.command_line("export", &[&out[..], &args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let in_export: Vec<[String; 4]> = lines.map(|line| row(&line, "measured_from")).collect();
        assert_eq!(in_series, in_export);
        in_series
    }
}

fn spo2(at: &str, value: f64, status: &str) -> Value {
    json!({ "at": at, "signal": "spo2", "value": value, "unit": "%", "status": status })
}

#[test]
fn equal_values_of_a_clock_that_was_never_set_are_there_each_and_a_correction_takes_its_own() {
    let mut home = Home::start();
    let minute = |n: usize| format!("1970-01-01T00:{n:02}:00Z");
    let readings: Vec<Value> = (0..40).map(|n| spo2(&minute(n), 97.0, "final")).collect();
    home.send(&readings);
    assert_eq!(home.told("spo2").len(), 40);
    home.send(&[spo2(&minute(38), 88.0, "corrected"), spo2(&minute(39), 97.0, "entered-in-error")]);
    home.gateway.restart();
    let told = home.told("spo2");
    let of = |flags: &str| told.iter().filter(|row| row[3] == flags).count();
    assert_eq!((told.len(), of("corrected"), of("entered_in_error")), (40, 1, 1));
    assert!(told.iter().all(|row| (row[0] == "88") == (row[3] == "corrected")), "{told:?}");
}

#[test]
fn bounds_and_both_ends_of_a_period_come_out_as_they_were_sent() {
    let mut home = Home::start();
    let now = home.gateway.now();
    for comparator in ["<", "<=", ">=", ">"] {
        home.send(&[json!({
            "signal": "glucose_cgm", "value": 39, "unit": "mg/dL", "comparator": comparator,
        })]);
    }
    let ends = [(20, 10), (10, 5), (1, 1)].map(|(from, to)| {
        let before = |seconds| now - vitalgate_domain::model::time::Span::secs(seconds);
        (before(from), before(to))
    });
    let over = ends.map(|(from, to)| {
        json!({ "from": from, "to": to, "signal": "heart_rate", "value": 70, "unit": "/min" })
    });
    home.send(&over);
    home.gateway.restart();
    let bounds: Vec<String> = home.told("glucose_cgm").into_iter().map(|[_, c, ..]| c).collect();
    assert_eq!(bounds, ["<", "<=", ">=", ">"]);
    let begins: Vec<String> =
        home.told("heart_rate").into_iter().map(|[.., from, _]| from).collect();
    assert_eq!(begins, ends.map(|(from, _)| from.to_string()));
}
