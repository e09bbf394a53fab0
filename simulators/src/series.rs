//! Cases for both judges: what is measured × the shape of what happens × how it is sent. Each is a
//! history in the form of `tests/model`, and its first line says what was truly measured, so that
//! whoever judges it can be held to it. Pure and seeded.

mod cohort;
mod course;
mod way;

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock;
use crate::http::Request;
use crate::noise::Rng;
use crate::sender::{Measured, Reach, SenderPlan, Sending, WrongClock};
use crate::wire::Mode;

pub use cohort::Cohort;
pub use course::Course;
pub use way::Way;

/// When histories begin: 2026-11-21T10:00:00Z.
pub const BEGIN: Timestamp = Timestamp::constant(1_795_255_200, 0);

/// The device of every case.
const DEVICE: &str = "dev-1";
/// Its patient.
const PATIENT: &str = "p-1";
/// The ward of a case that is sent to a gateway.
const WARD: &str = "series";
/// The device was at its patient before it measured.
const BOUND_BEFORE: Duration = Duration::from_secs(60);
/// Time goes on after the last message, so that what waits for it is told, in seconds.
const AFTERWARDS_S: [f64; 3] = [2.0, 120.0, 7200.0];

/// One history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Who measures what.
    pub cohort: Cohort,
    /// What happens.
    pub course: Course,
    /// How it is sent.
    pub way: Way,
}

/// A case as it is sent.
#[derive(Clone, Debug)]
pub struct Series {
    case: Case,
    begin: Timestamp,
    measured: Vec<Measured>,
    clock: WrongClock,
    sendings: Vec<Sending>,
    back: Option<Timestamp>,
}

/// Every case, in order.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for cohort in Cohort::value_variants() {
        for course in Course::value_variants() {
            for way in Way::value_variants() {
                cases.push(Case { cohort: *cohort, course: *course, way: *way });
            }
        }
    }
    cases
}

impl Case {
    /// Its name, such as `cgm-glucose/ramp/lossy`.
    pub fn name(self) -> String {
        let words = [word(&self.cohort), word(&self.course), word(&self.way)];
        words.join("/")
    }

    /// The case as it is sent where it begins at `begin`.
    pub fn series(self, seed: u64, begin: Timestamp, mode: Mode) -> Series {
        let facts = self.cohort.facts();
        let seed = Rng::fork(seed, hash(&self.name())).bits();
        let plan = self.way.plan(&facts, clock::add(begin, BOUND_BEFORE));
        let values = self.course.values(&facts, plan.onset, &mut Rng::fork(seed, 30));
        let mut measured = plan.measured(&facts, &values);
        measured.retain(|measured| measured.value.is_finite());
        let sender = SenderPlan {
            device: DEVICE.to_owned(),
            measured,
            reach: plan.reach,
            clock: plan.clock,
            mode,
            seed,
        };
        let sendings = sender.sendings();
        let back = match sender.reach {
            Reach::Away { to, .. } => Some(to),
            Reach::Always | Reach::Visits { .. } | Reach::Lossy { .. } => None,
        };
        Series { case: self, begin, measured: sender.measured, clock: sender.clock, sendings, back }
    }

    /// The case placed so that its sender comes back at `now` if it was away, else begins then.
    pub fn series_now(self, seed: u64, now: Timestamp, mode: Mode) -> Series {
        let series = self.series(seed, now, mode);
        let Some(back) = series.back else { return series };
        let begin = now.checked_sub(back.duration_since(now)).unwrap_or(now);
        let mut series = self.series(seed, begin, mode);
        series.sendings.retain(|sending| sending.at >= now);
        series
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = all().into_iter().find(|case| case.name() == text);
        found.ok_or_else(|| {
            "no case has this name; `vitalgate-sim series --names` lists them".to_owned()
        })
    }
}

impl Series {
    /// Everything sent, in order.
    pub fn sendings(&self) -> &[Sending] {
        &self.sendings
    }

    /// Who connects.
    pub fn principal(&self) -> &'static str {
        DEVICE
    }

    /// The lines of its history.
    pub fn lines(&self) -> Vec<Value> {
        let facts = self.case.cohort.facts();
        let interval_s = facts.interval.as_secs();
        let signals =
            json!([{ "signal": facts.signal.name, "interval": format!("{interval_s}s") }]);
        let command = |mut command: Value| {
            command["actor"] = json!("nurse");
            json!({ "t": 0.0, "command": command })
        };
        let mut lines = vec![
            self.header(interval_s),
            command(json!({ "do": "admit", "patient": PATIENT, "age_class": "adult" })),
            command(json!({
                "do": "register", "device": DEVICE, "class": facts.class, "kind": "device",
                "via": [], "signals": signals,
            })),
            command(json!({
                "do": "bind", "device": DEVICE, "patient": PATIENT, "zero_means_no_sensor": [],
            })),
        ];
        lines.extend(self.sendings.iter().map(|sending| self.line(sending)));
        let end = self.sendings.last().map_or(0.0, |sending| self.seconds(sending.at));
        lines.extend(AFTERWARDS_S.map(|after| json!({ "t": millis(end + after), "tick": true })));
        lines
    }

    /// What a gateway must know before the case is sent to it, in this order.
    pub fn registration(&self) -> Vec<Request> {
        let facts = self.case.cohort.facts();
        let interval = format!("{}s", facts.interval.as_secs());
        let bed = format!("bed-{DEVICE}");
        let patient = json!({ "id": PATIENT, "age_class": "adult", "bed": bed });
        let device = json!({
            "id": DEVICE, "class": facts.class, "kind": "device",
            "signals": [{ "signal": facts.signal.name, "interval": interval }],
        });
        let binding = json!({ "patient": PATIENT, "from": self.begin.to_string() });
        vec![
            Request::post("/api/v1/wards", json!({ "id": WARD })),
            Request::post("/api/v1/beds", json!({ "id": bed, "ward": WARD })),
            Request::post("/api/v1/patients", patient),
            Request::post("/api/v1/devices", device),
            Request::put(format!("/api/v1/devices/{DEVICE}/binding"), binding),
        ]
    }

    fn header(&self, interval_s: u64) -> Value {
        let facts = self.case.cohort.facts();
        let brings = |n, sending: &Sending| (sending.carries.0..=sending.carries.1).contains(&n);
        let arrival = |n| {
            let sending = self.sendings.iter().find(|sending| brings(n, sending));
            sending.map(|sending| self.seconds(sending.at))
        };
        let measured: Vec<Value> = self
            .measured
            .iter()
            .enumerate()
            .map(|(n, m)| json!([self.seconds(m.at), m.value, arrival(n), self.shown(m.at)]))
            .collect();
        json!({
            "history": self.case.name(), "site": "site-1", "time_zone": "Europe/Berlin",
            "begin": self.begin.to_string(), "rules": null,
            "truth": {
                "patient": PATIENT, "source": DEVICE, "class": facts.class,
                "signal": facts.signal.name, "unit": facts.signal.unit, "interval_s": interval_s,
                "measured": measured,
            },
        })
    }

    fn line(&self, sending: &Sending) -> Value {
        json!({
            "t": self.seconds(sending.at),
            "message": {
                "principal": DEVICE, "device": DEVICE, "kind": "telemetry",
                "body": sending.message, "qos": 1, "retain": false, "dup": sending.dup,
                "backlog": false,
            },
        })
    }

    /// The sender's clock at `at`.
    fn shown(&self, at: Timestamp) -> f64 {
        self.seconds(self.clock.shown(at))
    }

    /// Seconds after the begin.
    fn seconds(&self, at: Timestamp) -> f64 {
        millis(at.duration_since(self.begin).as_secs_f64())
    }
}

fn millis(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// FNV-1a, so that a case has the same noise whatever other cases there are.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
