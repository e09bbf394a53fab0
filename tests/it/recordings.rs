//! Recordings of real patients, sent through MQTT as a device would have sent them, against the
//! second implementation of the rules in `tests/oracle`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use vitalgate::domain::time::{Span, Timestamp};

use crate::harness::{Gateway, python, root};
use crate::setup::Setup;

/// Second 0 of every recording.
const START: &str = "2026-03-02T00:00:00Z";

fn recordings() -> PathBuf {
    let folder = std::env::var_os("VITALGATE_RECORDINGS")
        .map_or_else(|| root().join("../shared/data/recordings"), PathBuf::from);
    assert!(folder.is_dir(), "no recordings in {}", folder.display());
    folder
}

fn at(seconds: f64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + Span::millis((seconds * 1_000.0).round() as i64)
}

/// An alarm that opened: signal, side, and the measured time that began it.
type Opening = (String, String, Timestamp);

/// What the oracle says of a case, by kind.
struct Oracle(Vec<Value>);

impl Oracle {
    fn of(case: &Path) -> Self {
        let output = Command::new(python())
            .args(["-m", "oracle"])
            .arg(case)
            .arg("--recordings")
            .arg(recordings())
            .current_dir(root().join("tests/oracle"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        Self(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// Openings of a kind, in order, with how often each comes.
    fn openings(&self, kind: &str) -> BTreeMap<Opening, usize> {
        let text = |o: &Value, field: &str| o[field].as_str().expect("text").to_owned();
        count(self.0.iter().filter(|o| o["what"] == kind).map(|o| {
            (text(o, "signal"), text(o, "side"), at(o["began"].as_f64().expect("number")))
        }))
    }
}

fn count<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

/// A case of `tests/oracle/cases`, played into a gateway of its own.
struct Played {
    gateway: Gateway,
    case: Value,
}

impl Played {
    fn play(case: &Path) -> Self {
        let case: Value = serde_json::from_slice(&std::fs::read(case).unwrap()).unwrap();
        let gateway = Setup::default().args(&["--clock", "stream"]).start();
        let played = Self { gateway, case };
        played.admit();
        played.set_charted_limits();
        played.replay();
        played
    }

    fn text(&self, field: &str) -> &str {
        self.case[field].as_str().expect("text")
    }

    /// Judged columns, each with its signal and unit.
    fn columns(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let columns = self.case["columns"].as_object().expect("columns");
        columns.iter().map(|(name, about)| {
            (
                name.as_str(),
                about["signal"].as_str().expect("signal"),
                about["unit"].as_str().expect("unit"),
            )
        })
    }

    fn admit(&self) {
        let (patient, device, class) =
            (self.text("patient"), self.text("device"), self.text("class"));
        let interval = format!("{}s", self.case["interval_s"]);
        let signals: Vec<Value> = self
            .columns()
            .map(|(_, signal, _)| json!({ "signal": signal, "interval": interval }))
            .collect();
        for (path, body) in [
            ("wards", json!({ "id": "w1" })),
            ("beds", json!({ "id": "b1", "ward": "w1" })),
            ("patients", json!({ "id": patient, "age_class": "adult", "bed": "b1" })),
            (
                "devices",
                json!({ "id": device, "class": class, "kind": "device", "signals": signals }),
            ),
        ] {
            let (status, answer) = self.gateway.post(&format!("/api/v1/{path}"), &body);
            assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
        }
        let zero: Vec<&str> = self
            .columns()
            .filter(|(_, signal, _)| self.case["rules"][signal]["zero_means_no_sensor"] == true)
            .map(|(_, signal, _)| signal)
            .collect();
        let (status, answer) = self.gateway.put(
            &format!("/api/v1/devices/{device}/binding"),
            &json!({ "patient": patient, "from": at(-60.0), "zero_means_no_sensor": zero }),
        );
        assert!((200..300).contains(&status), "bind: {status} {answer}");
    }

    /// The limits the nurses set, each valid from the time it was charted; a mistyped pair is
    /// refused, and the pair before it stays.
    fn set_charted_limits(&self) {
        let Some(names) = self.case["charted_limits"].as_object() else { return };
        let mut rows: BTreeMap<i64, Vec<(String, f64)>> = BTreeMap::new();
        let text = std::fs::read_to_string(recordings().join(self.text("recording"))).unwrap();
        for line in text.lines().filter(|line| line.contains(",alarm_")) {
            let [time, _, signal, value] = line.split(',').collect::<Vec<_>>()[..] else {
                continue;
            };
            let row = rows.entry(time.parse().unwrap()).or_default();
            row.push((signal.to_owned(), value.parse().unwrap()));
        }
        let mut pairs: BTreeMap<String, [Option<f64>; 2]> = BTreeMap::new();
        for (time, row) in rows {
            for (signal, name) in names {
                let name = name.as_str().expect("name");
                let before = pairs.get(signal).copied().unwrap_or_default();
                let value = |side: &str, old: Option<f64>| {
                    let key = format!("alarm_{name}_{side}");
                    row.iter().find(|(signal, _)| *signal == key).map(|(_, v)| *v).or(old)
                };
                let pair = [value("lo", before[0]), value("hi", before[1])];
                if pair == before {
                    continue;
                }
                let status = self.put_limits(at(time as f64), &pairs, Some((signal, pair)));
                if matches!(pair, [Some(low), Some(high)] if low >= high) {
                    assert_eq!(status, 422, "{signal} {pair:?} at {time} s is a typing error");
                } else {
                    assert_eq!(status, 200, "{signal} {pair:?} at {time} s");
                    pairs.insert(signal.clone(), pair);
                }
            }
        }
    }

    fn put_limits(
        &self,
        from: Timestamp,
        pairs: &BTreeMap<String, [Option<f64>; 2]>,
        change: Option<(&String, [Option<f64>; 2])>,
    ) -> u16 {
        let mut pairs = pairs.clone();
        pairs.extend(change.map(|(signal, pair)| (signal.clone(), pair)));
        let unit = |signal: &str| {
            let (_, _, unit) = self.columns().find(|(_, s, _)| *s == signal).expect("a column");
            unit
        };
        let mut limits = Vec::new();
        for (_, signal, _) in self.columns() {
            let pair = pairs.get(signal).copied().unwrap_or_default();
            for (side, value) in ["low", "high"].into_iter().zip(pair) {
                for (critical, value) in [(false, value), (true, None)] {
                    limits.push(json!({
                        "signal": signal, "side": side, "critical": critical,
                        "value": value, "unit": unit(signal),
                    }));
                }
            }
        }
        let body = json!({ "limits": limits, "from": from, "reason": "as charted" });
        let (status, _) =
            self.gateway.put(&format!("/api/v1/patients/{}/limits", self.text("patient")), &body);
        status
    }

    fn replay(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vitalgate"));
        command.args(["replay", "--mqtt", self.gateway.address("mqtt")]);
        command.args(["--device", self.text("device"), "--start", START]);
        for (column, signal, unit) in self.columns() {
            command.args(["--column", &format!("{column}={signal}:{unit}")]);
        }
        let output = command.arg(recordings().join(self.text("recording"))).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    }

    /// Alarms that opened over the judged signals: raised, or come back after they had ended.
    fn openings(&self, fits: impl Fn(&str, &Value) -> bool) -> BTreeMap<Opening, usize> {
        let sql = "SELECT change, body FROM transitions WHERE kind = 'alarm' ORDER BY seq";
        let rows =
            self.gateway.rows(sql, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let signals: Vec<&str> = self.columns().map(|(_, signal, _)| signal).collect();
        count(rows.into_iter().filter_map(|(change, body)| {
            let alarm: Value = serde_json::from_str(&body).unwrap();
            let trigger = &alarm["trigger"];
            let signal = trigger["signal"].as_str()?;
            let ours = alarm["kind"] == "physiological" && signals.contains(&signal);
            (ours && fits(&change, &alarm)).then(|| {
                let measured = trigger["measured_at"].as_str().expect("measured_at");
                let side = trigger["side"].as_str().unwrap_or_default();
                (signal.to_owned(), side.to_owned(), measured.parse().unwrap())
            })
        }))
    }
}

fn opened(change: &str) -> bool {
    matches!(change, "raised" | "recurred")
}

#[track_caller]
fn same(what: &str, gateway: &BTreeMap<Opening, usize>, oracle: &BTreeMap<Opening, usize>) {
    let only = |a: &BTreeMap<Opening, usize>, b: &BTreeMap<Opening, usize>| {
        let only: Vec<String> = a
            .iter()
            .filter(|(opening, n)| b.get(opening) != Some(n))
            .map(|((signal, side, at), n)| format!("  {signal} {side} {at} ×{n}"))
            .collect();
        only.join("\n")
    };
    assert!(
        gateway == oracle,
        "{what}: only the gateway\n{}\n{what}: only the oracle\n{}",
        only(gateway, oracle),
        only(oracle, gateway)
    );
}

/// Plays a case and compares every opening; `late` says how many of them must be late.
#[track_caller]
fn check(name: &str, late: usize) {
    let case = root().join(format!("tests/oracle/cases/{name}.json"));
    let oracle = Oracle::of(&case);
    let played = Played::play(&case);
    let lost = |alarm: &Value| alarm["trigger"]["value"] == 0.0;
    let zeros = oracle.openings("lost");

    let live = oracle.openings("opened");
    assert!(!live.is_empty(), "a case without an alarm shows nothing");
    let is_live =
        |change: &str, alarm: &Value| opened(change) && alarm["late"] == false && !lost(alarm);
    same("live", &played.openings(is_live), &live);
    same("lost sensors", &played.openings(|change, alarm| opened(change) && lost(alarm)), &zeros);

    // A late crossing raises an alarm of its own unless one of that signal and side is open; so the
    // gateway may tell fewer than the oracle, and never another.
    let crossings = oracle.openings("late");
    assert_eq!(crossings.values().sum::<usize>(), late, "late crossings in the recording");
    let told = played.openings(|change, alarm| opened(change) && alarm["late"] == true);
    for opening in told.keys() {
        assert!(crossings.contains_key(opening), "late only for the gateway: {opening:?}");
    }
    for (signal, side, at) in crossings.keys() {
        let known = |(s, d, _): &&Opening| s == signal && d == side;
        let any = told.keys().chain(live.keys()).any(|opening| known(&opening));
        assert!(any, "the late crossing of {signal} {side} at {at} is not told at all");
    }
}

#[test]
#[ignore = "needs the recordings"]
fn a_monitor_whose_zeros_mean_no_sensor() {
    check("mimic2_s00001", 0);
}

#[test]
#[ignore = "needs the recordings"]
fn a_charted_stay_with_a_mistyped_pair_of_limits() {
    check("mimic3_icu204132", 3);
}

#[test]
#[ignore = "needs the recordings"]
fn a_charted_stay_entered_in_bursts() {
    check("mimic3_icu217724", 13);
}

#[test]
#[ignore = "needs the recordings"]
fn a_long_charted_stay_with_arterial_pressure() {
    check("mimic3_icu286020", 7);
}

#[test]
#[ignore = "needs the recordings"]
fn a_week_of_glucose_with_many_highs() {
    check("hupa_0001P", 0);
}

#[test]
#[ignore = "needs the recordings"]
fn a_week_of_glucose_with_many_lows() {
    check("hupa_0002P", 0);
}
