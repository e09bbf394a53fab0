//! `/healthz`, `/readyz` and `/metrics`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::v1::health::{Health, Readiness};
use super::auth::Who;
use super::error::Problem;
use super::rights::Right;
use super::state::Ctx;
use crate::pipeline::pulse::{judged_lag_s, not_ready};
use crate::telemetry::{Sampled, Ward};
use vitalgate_domain::model::ids::WardId;

/// `/healthz`: whether the pipeline stepped within 5 s.
pub(crate) async fn healthz(State(http): State<Ctx>) -> Response {
    let age = http.app.pulse.age_s();
    let (status, word) = if http.app.pulse.is_alive() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "standing still")
    };
    (status, Json(Health { last_step_s: age, status: word })).into_response()
}

/// `/readyz`: whether the gateway listens, the store commits and the core keeps up; nothing else counts.
pub(crate) async fn readyz(State(http): State<Ctx>) -> Response {
    let board = http.board();
    let reasons = not_ready(&board, &http.app.handles.clock, &http.app.pulse);
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let degraded = http.app.handles.degraded.lines();
    let readiness = Readiness { degraded, ready, reasons, simulated: board.simulated };
    (status, Json(readiness)).into_response()
}

/// `/metrics`.
pub(crate) async fn metrics(State(http): State<Ctx>, who: Who) -> Result<Response, Problem> {
    who.may_everywhere(Right::SeeHealth, "the whole of the metrics")?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], http.app.handles.metrics.exposition_with(&sample(&http)))
        .into_response())
}

/// What is counted only when metrics are asked for.
fn sample(http: &Ctx) -> Sampled {
    let board = http.board();
    let (inflight_messages, inflight_bytes) = http.app.handles.inbox.inflight();
    let mut open_alarms = BTreeMap::<_, i64>::new();
    let mut wards: BTreeMap<&WardId, [BTreeMap<&'static str, i64>; 2]> =
        board.wards.keys().map(|ward| (ward, Default::default())).collect();
    for alarm in board.alarms.values() {
        *open_alarms.entry((alarm.priority.as_str(), alarm.state.as_str())).or_default() += 1;
        if let Some([alarms, _]) = alarm.ward_shown().and_then(|ward| wards.get_mut(ward)) {
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
        judged_lag_s: judged_lag_s(&board, &http.app.handles.clock),
        last_step_s: http.app.pulse.age_s(),
        store_failing: board.store_failing,
        disk_full: board.disk_full,
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
