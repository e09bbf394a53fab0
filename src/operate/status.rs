//! `status`: what a running gateway says of itself on one screen, over the control socket.

use serde::{Deserialize, Serialize};

use crate::handles::Handles;
use crate::pipeline::pulse::{Pulse, not_ready};
use crate::projection::view::Board;
use vitalgate_domain::model::alarm::{Alarm, AlarmKind, Priority, State};
use vitalgate_domain::model::order::in_order;
use vitalgate_domain::model::pause::{Pause, Scope};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::types::Identity;

/// Names beyond this many are counted only: it is one screen.
const SHOWN: usize = 20;

/// What a gateway is asked with in place of a command; no command begins like this.
pub(crate) const QUESTION: &[u8] = b"status";

/// A running gateway at one moment. Grows only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// The store's site.
    pub site: String,
    /// The store's id.
    pub store: String,
    /// Whether nothing of it happened to patients.
    pub simulated: bool,
    /// The clock shown.
    pub now: Timestamp,
    /// Why it is not ready; empty when it is.
    pub not_ready: Vec<String>,
    /// Judged and committed up to here.
    pub judged_to: Timestamp,
    /// Seconds since the pipeline's last step.
    pub last_step_s: f64,
    /// Whether commits fail.
    pub store_failing: bool,
    /// Whether the disk is full, so that nothing of devices is taken in.
    pub disk_full: bool,
    /// Messages between socket and commit.
    pub inflight_messages: usize,
    /// Their bytes.
    pub inflight_bytes: usize,
    /// Streams open.
    pub watchers: i64,
    /// MQTT connections open, and brokers, sinks and channels by name, as `/metrics` has them.
    pub gauges: Vec<(String, f64)>,
    /// Patients present.
    pub patients: usize,
    /// Of those, how many are not monitored or only partly.
    pub unmonitored: usize,
    /// Devices registered.
    pub devices: usize,
    /// Of those, how many are connected.
    pub connected: usize,
    /// Silent devices.
    pub silent: Shown,
    /// Open alarms of high priority.
    pub high: Shown,
    /// Alarms whose signals somebody paused or turned off.
    pub paused: Shown,
    /// Rules, patients and beds of which whatever begins is paused.
    pub pauses: Vec<StandingPause>,
    /// All open alarms.
    pub open_alarms: usize,
}

/// A pause of whatever begins in a scope, on one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StandingPause {
    /// Of what.
    pub of: String,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
}

/// Some alarms by name, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
    /// How many.
    pub count: usize,
    /// The first of them, as the page orders them.
    pub first: Vec<Line>,
}

/// An alarm on one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// The patient's key, where it is about one.
    pub patient: Option<String>,
    /// Where.
    pub ward: Option<String>,
    /// The device, where it is about one.
    pub device: Option<String>,
    /// What to read out.
    pub text: String,
    /// Its state.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
}

/// Where a status comes from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// What every interface holds of the gateway.
    pub handles: Handles,
    /// Steps and listeners.
    pub pulse: Pulse,
    /// What the store is.
    pub identity: Identity,
}

impl Sources {
    /// The gateway now.
    pub fn status(&self) -> Status {
        let board = self.handles.board();
        let (inflight_messages, inflight_bytes) = self.handles.inbox.inflight();
        let present: Vec<_> =
            board.patients.values().filter(|patient| patient.discharged_at.is_none()).collect();
        let shown = |wanted: &dyn Fn(&Alarm) -> bool| Shown::of(&board, wanted);
        let now = self.handles.clock.wall();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            site: self.identity.site.to_string(),
            store: self.identity.store.clone(),
            simulated: self.identity.is_simulated(),
            now,
            not_ready: not_ready(&board, &self.handles.clock, &self.pulse),
            judged_to: board.judged_to,
            last_step_s: self.pulse.age_s(),
            store_failing: board.store_failing,
            disk_full: board.disk_full,
            inflight_messages,
            inflight_bytes,
            watchers: self.handles.metrics.watching(),
            gauges: gauges(&self.handles.metrics.exposition()),
            patients: present.len(),
            unmonitored: if board.store_failing || board.disk_full {
                present.len()
            } else {
                present.iter().filter(|p| p.monitored.state != "monitored").count()
            },
            devices: board.devices.len(),
            connected: board.devices.values().filter(|d| d.connectivity == "connected").count(),
            silent: shown(&|a| a.kind == AlarmKind::Technical && a.rule.as_str() == "link.silence"),
            high: shown(&|a| a.priority == Priority::High),
            paused: shown(&|a| matches!(a.state, State::Paused | State::Off)),
            pauses: board.pauses.iter().filter(|p| p.until > now).map(StandingPause::of).collect(),
            open_alarms: board.shown_alarms().count(),
        }
    }
}

impl Shown {
    fn of(board: &Board, wanted: &dyn Fn(&Alarm) -> bool) -> Self {
        let mut alarms: Vec<&Alarm> =
            board.shown_alarms().map(|(alarm, _)| alarm).filter(|alarm| wanted(alarm)).collect();
        alarms.sort_by(|a, b| in_order(a, b));
        Self { count: alarms.len(), first: alarms.into_iter().take(SHOWN).map(Line::of).collect() }
    }
}

impl StandingPause {
    fn of(pause: &Pause) -> Self {
        let Scope { rule, patient, bed } = &pause.scope;
        let words = [
            rule.as_ref().map(|rule| format!("rule {rule}")),
            patient.as_ref().map(|patient| format!("patient {patient}")),
            bed.as_ref().map(|bed| format!("bed {bed}")),
        ];
        let of = words.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let (by, reason, until) = (pause.by.clone(), pause.reason.clone(), pause.until);
        Self { of, by, reason, until }
    }
}

impl Line {
    fn of(alarm: &Alarm) -> Self {
        Self {
            patient: alarm.patient.as_ref().map(ToString::to_string),
            ward: alarm.ward_shown().map(ToString::to_string),
            device: alarm.device.as_ref().map(ToString::to_string),
            text: alarm.text.clone(),
            state: alarm.state.to_string(),
            since: alarm.raised_at,
        }
    }
}

/// Connections, brokers, sinks and channels, whichever this gateway has.
fn gauges(exposition: &str) -> Vec<(String, f64)> {
    const WANTED: [&str; 4] =
        ["connections", "broker_connected", "sink_lag_seconds", "delivery_wait_seconds"];
    let gauge = |line: &str| {
        let (name, value) = line.strip_prefix("vitalgate_")?.rsplit_once(' ')?;
        let wanted = WANTED.contains(&name.split('{').next()?);
        wanted.then_some((name.to_owned(), value.parse().ok()?))
    };
    exposition.lines().filter_map(gauge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_metrics_only_ways_in_and_out_are_taken() {
        let text = "# TYPE vitalgate_connections gauge\nvitalgate_connections 8\n\
                    vitalgate_connects_total{result=\"bad\"} 1\n\
                    vitalgate_sink_lag_seconds{sink=\"influx\"} 1.5\n# EOF\n";
        let lag = ("sink_lag_seconds{sink=\"influx\"}".to_owned(), 1.5);
        assert_eq!(gauges(text), [("connections".to_owned(), 8.0), lag]);
    }

    #[test]
    fn a_status_of_another_version_is_read_as_far_as_it_is_known() {
        let status: Status = serde_json::from_str(r#"{ "version": "9", "new": 1 }"#).unwrap();
        assert_eq!(status, Status { version: "9".into(), ..Status::default() });
    }
}
