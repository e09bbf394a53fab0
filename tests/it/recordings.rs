//! Recordings of real patients, sent through MQTT as a device would have sent them, against the
//! second judge.

use std::process::Command;

use serde_json::{Value, json};
use vitalgate_domain::model::time::Timestamp;

use crate::cases::{Case, Limits, START, at, cases};
use crate::harness::Gateway;
use crate::setup::Setup;

/// Bound to nobody: its readings only move the time on.
const CLOCK: &str = "ward-clock";

cases!(check);

fn check(name: &str, late: usize) {
    let case = Case::load(name);
    let gateway = Setup::default().args(&["--clock", "stream"]).start();
    let mut clock = Player { gateway: &gateway, device: CLOCK, boot: 0 };
    admit(&case, &gateway, &mut clock);
    play(&case, &gateway, &mut clock);
    case.compare(&moved(&gateway), late);
}

fn admit(case: &Case, gateway: &Gateway, clock: &mut Player<'_>) {
    let (patient, device) = (case.text("patient"), case.text("device"));
    let signals: Vec<Value> = case
        .columns()
        .map(|(_, signal, _)| json!({ "signal": signal, "interval": case.interval() }))
        .collect();
    let made = |path: &str, body: Value| {
        let (status, answer) = gateway.post(&format!("/api/v1/{path}"), &body);
        assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
    };
    // Whoever is admitted and bound is so in the last minute before the recording.
    made("devices", json!({ "id": CLOCK, "class": "charted" }));
    clock.move_to(at(-60.0));
    made("wards", json!({ "id": "w1" }));
    made("beds", json!({ "id": "b1", "ward": "w1" }));
    made("patients", json!({ "id": patient, "age_class": "adult", "bed": "b1" }));
    made("devices", json!({ "id": device, "class": case.text("class"), "signals": signals }));
    let (status, answer) = gateway.put(
        &format!("/api/v1/devices/{device}/binding"),
        &json!({
            "patient": patient, "from": at(-60.0),
            "zero_means_no_sensor": case.zero_means_no_sensor(),
        }),
    );
    assert!((200..300).contains(&status), "bind: {status} {answer}");
}

/// The recording, and each change of the limits when it was charted.
fn play(case: &Case, gateway: &Gateway, clock: &mut Player<'_>) {
    let recording = std::fs::read_to_string(case.recording()).unwrap();
    let mut device = Player { gateway, device: case.text("device"), boot: 0 };
    let mut played = at(-60.0);
    for change in case.charted_limits() {
        if change.from > played {
            device.replay(case, &arrived(&recording, |at| (played..change.from).contains(&at)));
            clock.move_to(change.from);
            played = change.from;
        }
        put_limits(case, gateway, &change);
    }
    device.replay(case, &arrived(&recording, |at| at >= played));
}

fn put_limits(case: &Case, gateway: &Gateway, change: &Limits) {
    let path = format!("/api/v1/patients/{}/limits", case.text("patient"));
    let body = json!({ "limits": change.all, "from": change.from, "reason": "as charted" });
    let (status, answer) = gateway.put(&path, &body);
    let expected = if change.mistyped { 422 } else { 200 };
    assert_eq!(status, expected, "{body}: {answer}");
}

/// The lines of a recording that arrived at such times, below its header.
fn arrived(recording: &str, then: impl Fn(Timestamp) -> bool) -> String {
    let (header, lines) = recording.split_once('\n').expect("a header");
    let column = usize::from(header.split(',').nth(1) == Some("stored_s"));
    let lines = lines.lines().filter(|line| {
        let cell = line.split(',').nth(column).expect("a time");
        then(at(cell.parse().unwrap()))
    });
    std::iter::once(header).chain(lines).flat_map(|line| [line, "\n"]).collect()
}

/// A device whose recording comes in parts, each with a boot of its own.
struct Player<'a> {
    gateway: &'a Gateway,
    device: &'a str,
    boot: u64,
}

impl Player<'_> {
    fn replay(&mut self, case: &Case, part: &str) {
        let (header, lines) = part.split_once('\n').expect("a header");
        let long = header.contains("stored_s");
        // A long file must hold every column that is asked for.
        let has = |name: &str| !long || lines.lines().any(|l| l.split(',').nth(2) == Some(name));
        let columns: Vec<String> = case
            .columns()
            .filter(|(name, ..)| has(name))
            .map(|(name, signal, unit)| format!("{name}={signal}:{unit}"))
            .collect();
        if !columns.is_empty() && !lines.is_empty() {
            self.send(&columns, START, part);
        }
    }

    fn move_to(&mut self, time: Timestamp) {
        let columns = ["hr_bpm=heart_rate:/min".to_owned()];
        self.send(&columns, &time.to_string(), "time_s,hr_bpm\n0,70\n");
    }

    fn send(&mut self, columns: &[String], start: &str, recording: &str) {
        self.boot += 1;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part.csv");
        std::fs::write(&path, recording).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vitalgate"));
        command.args(["replay", "--mqtt", self.gateway.address("mqtt")]);
        command.args(["--device", self.device, "--start", start]);
        command.args(["--boot", &self.boot.to_string()]);
        for column in columns {
            command.args(["--column", column]);
        }
        let output = command.arg(path).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {}\n{printed}", output.status);
    }
}

/// Every move of every alarm.
fn moved(gateway: &Gateway) -> Vec<(String, Value)> {
    let sql = "SELECT change, body FROM transitions WHERE kind = 'alarm' ORDER BY seq";
    let rows = gateway.rows(sql, |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    rows.into_iter().map(|(change, body)| (change, serde_json::from_str(&body).unwrap())).collect()
}
