//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::auth::{Right, Who};
use super::error::Problem;
use super::state::Ctx;
use crate::clock::Stopwatch;

/// The pipeline counts as standing still after this many seconds without a step, and judgement as
/// behind when it is this many seconds behind the clock (contract §6).
const LATE_S: f64 = 5.0;

/// Says when the pipeline last stepped, and whether the listeners are up; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    last: Mutex<Stopwatch>,
    listening: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        let last = Mutex::new(Stopwatch::start());
        Self(Arc::new(Inner { last, listening: AtomicBool::new(false) }))
    }
}

impl Pulse {
    /// The pipeline stepped.
    pub fn beat(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
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
    (status, Json(json!({ "status": word, "last_step_s": age }))).into_response()
}

/// `/readyz`: listening, store committing, core caught up; nothing else.
pub(crate) async fn readyz(State(http): State<Ctx>) -> Response {
    let board = http.board();
    let behind = (http.app.clock.wall() - board.judged_to).as_secs_f64();
    let conditions = [
        (!http.app.pulse.0.listening.load(Ordering::Acquire), "not listening".to_owned()),
        (board.store_failing, "the store fails to commit".to_owned()),
        (behind > LATE_S, format!("judgement is {behind:.1} s behind")),
    ];
    let reasons: Vec<String> =
        conditions.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (
        status,
        Json(json!({
            "ready": ready,
            "reasons": reasons,
            "degraded": http.app.degraded.lines(),
            "simulated": board.simulated,
        })),
    )
        .into_response()
}

/// `/metrics`.
pub(crate) async fn metrics(State(http): State<Ctx>, who: Who) -> Result<Response, Problem> {
    who.may(Right::SeeHealth)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], http.app.metrics.exposition()).into_response())
}
