//! Cases of `tests/oracle/cases`: what is played, and what the second implementation of the rules
//! says must be raised.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::harness::{python, root};

/// Second 0 of every recording.
pub(crate) const START: &str = "2026-03-02T00:00:00Z";

/// One test for every case: the function is given its name, and how many of its crossings are late.
macro_rules! cases {
    ($check:ident) => {
        $crate::oracle::cases! { $check
            a_monitor_whose_zeros_mean_no_sensor: "mimic2_s00001", 0;
            a_monitor_that_sends_nothing_without_a_sensor: "mimic2_s00001_gaps", 0;
            a_charted_stay_with_a_mistyped_pair_of_limits: "mimic3_icu204132", 3;
            a_charted_stay_entered_in_bursts: "mimic3_icu217724", 13;
            a_long_charted_stay_with_arterial_pressure: "mimic3_icu286020", 7;
            a_week_of_glucose_with_many_highs: "hupa_0001P", 0;
            a_week_of_glucose_with_many_lows: "hupa_0002P", 0;
        }
    };
    ($check:ident $($test:ident: $name:literal, $late:literal;)*) => {
        $(
            #[test]
            #[ignore = "needs the recordings"]
            fn $test() {
                $check($name, $late);
            }
        )*
    };
}
pub(crate) use cases;

/// So many seconds into the recording.
pub(crate) fn at(seconds: f64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + Span::millis((seconds * 1_000.0).round() as i64)
}

/// One case.
pub(crate) struct Case {
    path: PathBuf,
    json: Value,
    /// A copy of the recording whose zeros were not sent.
    gaps: Option<tempfile::TempDir>,
}

/// The limits of a patient from a time on.
pub(crate) struct Limits {
    pub(crate) from: Timestamp,
    /// As `PUT patients/{id}/limits` takes them.
    pub(crate) all: Value,
    /// Whether a pair is mistyped, so that the whole must be refused.
    pub(crate) mistyped: bool,
}

impl Case {
    pub(crate) fn load(name: &str) -> Self {
        let path = root().join(format!("tests/oracle/cases/{name}.json"));
        let json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut case = Self { path, json, gaps: None };
        if case.json["zeros_are_gaps"] == true {
            let dir = tempfile::tempdir().unwrap();
            let copy = without_zeros(&std::fs::read_to_string(case.recording()).unwrap());
            std::fs::write(dir.path().join(case.text("recording")), copy).unwrap();
            case.gaps = Some(dir);
        }
        case
    }

    /// `patient`, `device` or `class`.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.json[field].as_str().expect("text")
    }

    /// How often every signal comes.
    pub(crate) fn interval(&self) -> Span {
        Span::secs(self.json["interval_s"].as_i64().expect("seconds"))
    }

    /// The columns played, each with its signal and unit.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let columns = self.json["columns"].as_object().expect("columns");
        columns.iter().map(|(name, about)| {
            let text = |field: &str| about[field].as_str().expect("text");
            (name.as_str(), text("signal"), text("unit"))
        })
    }

    /// Signals whose 0 means "no sensor".
    pub(crate) fn zero_means_no_sensor(&self) -> Vec<&str> {
        let declared = |signal: &str| self.json["rules"][signal]["zero_means_no_sensor"] == true;
        self.columns().map(|(_, signal, _)| signal).filter(|signal| declared(signal)).collect()
    }

    /// The CSV file.
    pub(crate) fn recording(&self) -> PathBuf {
        if let Some(dir) = &self.gaps {
            return dir.path().join(self.text("recording"));
        }
        let folder = std::env::var_os("VITALGATE_RECORDINGS")
            .map_or_else(|| root().join("../shared/data/recordings"), PathBuf::from);
        assert!(folder.is_dir(), "no recordings in {}", folder.display());
        folder.join(self.text("recording"))
    }

    /// Every change of the limits the nurses set, each valid from the time it was charted; none
    /// before the first. A mistyped pair is part of one change only. Critical limits are off.
    pub(crate) fn charted_limits(&self) -> Vec<Limits> {
        let Some(names) = self.json["charted_limits"].as_object() else { return Vec::new() };
        let mut rows: BTreeMap<i64, BTreeMap<String, f64>> = BTreeMap::new();
        for line in std::fs::read_to_string(self.recording()).unwrap().lines() {
            if let [time, _, signal, value] = line.split(',').collect::<Vec<_>>()[..]
                && signal.starts_with("alarm_")
            {
                let row = rows.entry(time.parse().unwrap()).or_default();
                row.insert(signal.to_owned(), value.parse().unwrap());
            }
        }
        let mut pairs: BTreeMap<&str, [Option<f64>; 2]> = BTreeMap::new();
        let none = Limits { from: at(-60.0), all: self.limits(&pairs), mistyped: false };
        let mut changes = vec![none];
        for (time, row) in rows {
            for (signal, name) in names {
                let before = pairs.get(signal.as_str()).copied().unwrap_or_default();
                let name = name.as_str().expect("name");
                let charted = |side: &str| row.get(&format!("alarm_{name}_{side}")).copied();
                let pair = [charted("lo").or(before[0]), charted("hi").or(before[1])];
                if pair == before {
                    continue;
                }
                let mistyped = matches!(pair, [Some(low), Some(high)] if low >= high);
                pairs.insert(signal, pair);
                changes.push(Limits { from: at(time as f64), all: self.limits(&pairs), mistyped });
                if mistyped {
                    pairs.insert(signal, before);
                }
            }
        }
        changes
    }

    fn limits(&self, pairs: &BTreeMap<&str, [Option<f64>; 2]>) -> Value {
        let mut limits = Vec::new();
        for (_, signal, unit) in self.columns() {
            let pair = pairs.get(signal).copied().unwrap_or_default();
            for (side, value) in ["low", "high"].into_iter().zip(pair) {
                for (critical, value) in [(false, value), (true, None)] {
                    limits.push(json!({
                        "signal": signal, "side": side, "critical": critical,
                        "value": value, "unit": unit,
                    }));
                }
            }
        }
        json!(limits)
    }

    /// Compares what moved in the gateway (change and alarm, in order) with the oracle.
    #[track_caller]
    pub(crate) fn compare(&self, moved: &[(String, Value)], late: usize) {
        let oracle = Oracle::of(&self.path, self.recording().parent().expect("a folder"));
        let changed = |changes: &[&str], fits: &dyn Fn(&Value) -> bool| {
            let opened = |change: &str| changes.contains(&change);
            count(
                moved
                    .iter()
                    .filter(|(change, a)| opened(change) && fits(a))
                    .filter_map(|(_, a)| self.opening(a)),
            )
        };
        let openings = |fits: &dyn Fn(&Value) -> bool| changed(&["raised", "recurred"], fits);
        let is_late = |a: &Value| a["late"] == true;
        let is_lost = |a: &Value| a["rule"] == "link.zero_or_off";
        let is_gone = |a: &Value| a["rule"].as_str().is_some_and(|rule| rule.ends_with("_lost"));
        let is_live = |a: &Value| a["kind"] == "physiological" && !is_late(a) && !is_gone(a);

        let live = oracle.openings("opened");
        assert!(!live.is_empty(), "a case without an alarm shows nothing");
        same("live", &openings(&is_live), &live);
        // Two delays that run out at one instant open and raise at once, or open at the higher level.
        let apart = |mut rose: BTreeMap<Opening, usize>| {
            rose.retain(|opening, _| !live.contains_key(opening));
            rose
        };
        let worse = changed(&["priority_rose"], &is_live);
        same("worse", &apart(worse), &apart(oracle.openings("rose")));
        same("lost sensors", &openings(&is_lost), &oracle.openings("lost"));
        same("lost signals", &openings(&is_gone), &oracle.openings("gone"));

        // A late crossing raises an alarm of its own unless one of that signal and side is open; so
        // the gateway may announce fewer than the oracle, and never another.
        let crossings = oracle.openings("late");
        assert_eq!(crossings.values().sum::<usize>(), late, "late crossings in the recording");
        let announced = openings(&is_late);
        for opening in announced.keys() {
            assert!(crossings.contains_key(opening), "late only for the gateway: {opening:?}");
        }
        for (signal, side, at) in crossings.keys() {
            let known = |(s, d, _): &Opening| s == signal && d == side;
            let any = announced.keys().chain(live.keys()).any(known);
            assert!(any, "the late crossing of {signal} {side} at {at} is not announced at all");
        }
    }

    fn opening(&self, alarm: &Value) -> Option<Opening> {
        let trigger = &alarm["trigger"];
        let signal = trigger["signal"].as_str()?;
        // Silence and loss have a signal and were measured by nobody; a loss has its last value.
        let lost = alarm["kind"] == "physiological";
        let last = alarm["latest"]["measured_at"].as_str().filter(|_| lost);
        let measured = trigger["measured_at"].as_str().or(last)?;
        self.columns().any(|(_, ours, _)| ours == signal).then(|| {
            let side = trigger["side"].as_str().unwrap_or("low");
            (signal.to_owned(), side.to_owned(), measured.parse().unwrap())
        })
    }
}

/// An alarm that opened: signal, side, and the measured time that began it.
type Opening = (String, String, Timestamp);

/// What the oracle says of a case.
struct Oracle(Vec<Value>);

impl Oracle {
    fn of(case: &Path, recordings: &Path) -> Self {
        let output = Command::new(python())
            .args(["-m", "oracle"])
            .arg(case)
            .arg("--recordings")
            .arg(recordings)
            .current_dir(root().join("tests/oracle"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        Self(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// Openings of a kind, with how often each comes.
    fn openings(&self, kind: &str) -> BTreeMap<Opening, usize> {
        let text = |o: &Value, field: &str| o[field].as_str().expect("text").to_owned();
        count(self.0.iter().filter(|o| o["what"] == kind).map(|o| {
            (text(o, "signal"), text(o, "side"), at(o["measured"].as_f64().expect("seconds")))
        }))
    }
}

/// A recording in which what was 0 was not sent.
fn without_zeros(recording: &str) -> String {
    let cells = |line: &str| {
        let cells = line.split(',').enumerate();
        let sent = cells.map(|(i, cell)| if i > 0 && cell.parse() == Ok(0.0) { "" } else { cell });
        sent.collect::<Vec<_>>().join(",")
    };
    recording.lines().map(|line| cells(line) + "\n").collect()
}

fn count(all: impl Iterator<Item = Opening>) -> BTreeMap<Opening, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
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
