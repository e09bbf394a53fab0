//! Cases of `tests/model/cases`: what is played, and what the second judge says must move in the alarms.

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
        $crate::cases::cases! { $check
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

/// The limits that a person puts at a time.
pub(crate) struct Limits {
    pub(crate) from: Timestamp,
    /// As `PUT patients/{id}/limits` takes them.
    pub(crate) all: Value,
    /// Whether a pair is mistyped, so that the whole must be refused.
    pub(crate) mistyped: bool,
}

impl Case {
    pub(crate) fn load(name: &str) -> Self {
        let path = root().join(format!("tests/model/cases/{name}.json"));
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
        recordings().join(self.text("recording"))
    }

    /// Every change of the limits the nurses set, each put at the time it was charted; none before
    /// the first. A mistyped pair is part of one change only. Critical limits are off.
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

    /// Compares what moved in the gateway (change and alarm, in order) with the second judge.
    #[track_caller]
    pub(crate) fn compare(&self, moved: &[(String, Value)], late: usize) {
        let judge = Judge::of(&self.path);
        let told = count(moved.iter().filter_map(|(change, alarm)| Move::of(change, alarm)));
        let live = |one: &Move| one.kind == "physiological" && !one.late;
        assert!(told.keys().any(live), "a case without an alarm shows nothing");
        same(&told, &judge.moves());

        // On an alarm that is open a late crossing is a note; one of its signal and side is told.
        let crossings = judge.late_crossings();
        assert_eq!(crossings.len(), late, "late crossings in the recording");
        for (signal, side, at) in crossings {
            let any = told.keys().any(|one| {
                one.kind == "physiological"
                    && one.signal.as_ref() == Some(&signal)
                    && one.rule.ends_with(&format!("_{side}"))
            });
            assert!(any, "the late crossing of {signal} {side} at {at} is not announced at all");
        }
    }
}

/// What became of an alarm, and the measured time of the reading it stands on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Move {
    measured: Option<Timestamp>,
    rule: String,
    change: String,
    kind: String,
    priority: String,
    late: bool,
    signal: Option<String>,
}

impl Move {
    fn of(change: &str, alarm: &Value) -> Option<Self> {
        let change = match change {
            "raised" | "recurred" | "priority_rose" | "back_present" | "unknown" => change,
            "latched" | "back_absent" | "ended" | "limit_changed" | "expired" => "over",
            _ => return None,
        };
        let rule = alarm["rule"].as_str().expect("a rule");
        // Silence was measured by nobody, and a loss has its last value.
        let measured = match rule {
            "link.silence" => &Value::Null,
            _ if rule.ends_with("_lost") => &alarm["latest"]["measured_at"],
            _ => &alarm["trigger"]["measured_at"],
        };
        let measured = measured.as_str().map(|at| at.parse().unwrap());
        let signal = alarm["trigger"]["signal"].as_str().map(str::to_owned);
        Some(Self::new(change, alarm, signal.filter(|_| measured.is_some()), measured))
    }

    fn new(
        change: &str,
        said: &Value,
        signal: Option<String>,
        measured: Option<Timestamp>,
    ) -> Self {
        let text = |field: &str| said[field].as_str().expect("text").to_owned();
        Self {
            measured,
            rule: text("rule"),
            change: change.to_owned(),
            kind: text("kind"),
            priority: text("priority"),
            late: said["late"] == true,
            signal,
        }
    }
}

/// What the second judge says of a case.
struct Judge(Vec<Value>);

impl Judge {
    fn of(case: &Path) -> Self {
        let output = Command::new(python())
            .args(["-m", "model.recordings"])
            .arg(case)
            .arg("--recordings")
            .arg(recordings())
            .current_dir(root().join("tests"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        Self(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    fn moves(&self) -> BTreeMap<Move, usize> {
        count(self.0.iter().filter(|said| said["change"] != "late_crossing").map(|said| {
            let signal = said["signal"].as_str().map(str::to_owned);
            Move::new(
                said["change"].as_str().expect("a word"),
                said,
                signal,
                said["measured"].as_f64().map(at),
            )
        }))
    }

    fn late_crossings(&self) -> Vec<(String, String, Timestamp)> {
        let text = |said: &Value, field: &str| said[field].as_str().expect("text").to_owned();
        let all = self.0.iter().filter(|said| said["change"] == "late_crossing");
        all.map(|said| {
            (
                text(said, "signal"),
                text(said, "side"),
                at(said["measured"].as_f64().expect("seconds")),
            )
        })
        .collect()
    }
}

/// Where they are.
pub(crate) fn recordings() -> PathBuf {
    let folder = std::env::var_os("VITALGATE_RECORDINGS")
        .map_or_else(|| root().join("../shared/data/recordings"), PathBuf::from);
    assert!(folder.is_dir(), "no recordings in {}", folder.display());
    folder
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

fn count(all: impl Iterator<Item = Move>) -> BTreeMap<Move, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

#[track_caller]
fn same(gateway: &BTreeMap<Move, usize>, judge: &BTreeMap<Move, usize>) {
    let only = |a: &BTreeMap<Move, usize>, b: &BTreeMap<Move, usize>| {
        let only: Vec<String> = a
            .iter()
            .filter(|(one, n)| b.get(one) != Some(n))
            .map(|(one, n)| {
                let at = one.measured.map_or("-".to_owned(), |at| at.to_string());
                let late = if one.late { " late" } else { "" };
                format!("  {at} {} {} {}{late} ×{n}", one.change, one.priority, one.rule)
            })
            .collect();
        only.join("\n")
    };
    assert!(
        gateway == judge,
        "only the gateway\n{}\nonly the second judge\n{}",
        only(gateway, judge),
        only(judge, gateway)
    );
}
