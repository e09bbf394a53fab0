//! `/healthz`, `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::v1::health::{Health, Readiness};
use super::auth::{Right, Who};
use super::error::Problem;
use super::state::Ctx;
use crate::clock::{Clock, Stopwatch};
use crate::operate::systemd::Watchdog;
use crate::projection::view::Board;
use crate::telemetry::{Sampled, Ward};
use vitalgate_domain::model::ids::WardId;

/// The pipeline counts as standing still after this many seconds without a step, and judgement as
/// behind when it is this many seconds behind the clock (contract §6).
const LATE_S: f64 = 5.0;

/// How far judgement is behind the clock, in seconds.
fn judged_lag_s(board: &Board, clock: &Clock) -> f64 {
    (clock.wall() - board.judged_to).as_secs_f64().max(0.0)
}

/// Whether judgement keeps up with the clock.
pub fn is_fresh(board: &Board, clock: &Clock) -> bool {
    judged_lag_s(board, clock) <= LATE_S
}

/// Why the gateway is not ready; empty when it is (contract §6).
pub fn not_ready(board: &Board, clock: &Clock, pulse: &Pulse) -> Vec<String> {
    let behind = judged_lag_s(board, clock);
    let conditions = [
        (!pulse.0.listening.load(Ordering::Acquire), "not listening".to_owned()),
        (board.store_failing, "the store fails to commit".to_owned()),
        (behind > LATE_S, format!("judgement is {behind:.1} s behind")),
    ];
    conditions.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect()
}

/// Says when the pipeline last stepped, and whether the listeners are up; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    last: Mutex<Stopwatch>,
    watchdog: Mutex<Option<Watchdog>>,
    listening: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        let last = Mutex::new(Stopwatch::start());
        let (watchdog, listening) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { last, watchdog, listening }))
    }
}

impl Pulse {
    /// From here on every step feeds this watchdog.
    pub fn feed(&self, watchdog: Watchdog) {
        *self.0.watchdog.lock().unwrap_or_else(PoisonError::into_inner) = Some(watchdog);
    }

    /// The pipeline stepped.
    pub fn beat(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
        let mut watchdog = self.0.watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watchdog) = &mut *watchdog {
            watchdog.stepped();
        }
    }

    /// Seconds since the last step.
    pub fn age_s(&self) -> f64 {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).seconds()
    }

    /// Every listener is up, or intake has stopped.
    pub fn set_listening(&self, listening: bool) {
        self.0.listening.store(listening, Ordering::Release);
    }
}

/// `/healthz`: the pipeline stepped within 5 s.
pub(crate) async fn healthz(State(http): State<Ctx>) -> Response {
    let age = http.app.pulse.age_s();
    let (status, word) = if age <= LATE_S {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "standing still")
    };
    (status, Json(Health { last_step_s: age, status: word })).into_response()
}

/// `/readyz`: listening, store committing, core caught up; nothing else.
pub(crate) async fn readyz(State(http): State<Ctx>) -> Response {
    let board = http.board();
    let reasons = not_ready(&board, &http.app.clock, &http.app.pulse);
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let degraded = http.app.degraded.lines();
    let readiness = Readiness { degraded, ready, reasons, simulated: board.simulated };
    (status, Json(readiness)).into_response()
}

/// `/metrics`.
pub(crate) async fn metrics(State(http): State<Ctx>, who: Who) -> Result<Response, Problem> {
    who.may(Right::SeeHealth)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], http.app.metrics.exposition_with(&sample(&http)))
        .into_response())
}

/// What is looked at only when somebody asks.
fn sample(http: &Ctx) -> Sampled {
    let board = http.board();
    let (inflight_messages, inflight_bytes) = http.app.inbox.inflight();
    let mut open_alarms = BTreeMap::<_, i64>::new();
    let mut wards: BTreeMap<&WardId, [BTreeMap<&'static str, i64>; 2]> =
        board.wards.keys().map(|ward| (ward, Default::default())).collect();
    for alarm in board.alarms.values() {
        *open_alarms.entry((alarm.priority.as_str(), alarm.state.as_str())).or_default() += 1;
        if let Some([alarms, _]) = alarm.ward.as_ref().and_then(|ward| wards.get_mut(ward)) {
            *alarms.entry(alarm.priority.as_str()).or_default() += 1;
        }
    }
    for patient in board.patients.values().filter(|patient| patient.discharged_at.is_none()) {
        if let Some([_, patients]) = patient.ward.as_ref().and_then(|ward| wards.get_mut(ward)) {
            *patients.entry(patient.monitored.state).or_default() += 1;
        }
    }
    let ward = |(id, [alarms, patients]): (&WardId, [BTreeMap<&'static str, i64>; 2])| Ward {
        id: id.to_string(),
        patients: patients.into_iter().collect(),
        alarms: alarms.into_iter().collect(),
        watched: http.app.ring.is_watched(id),
    };
    Sampled {
        judged_lag_s: judged_lag_s(&board, &http.app.clock),
        last_step_s: http.app.pulse.age_s(),
        store_failing: board.store_failing,
        silent_devices: board.silent_devices(),
        inflight_messages,
        inflight_bytes,
        open_alarms: open_alarms
            .into_iter()
            .map(|((priority, state), n)| (priority, state, n))
            .collect(),
        wards: wards.into_iter().map(ward).collect(),
    }
}
