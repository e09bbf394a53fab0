//! `patients/{id}/limits`: a patient's own limits, guarded against lost updates by their version.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::v1::limits::{Limit, Limits, Standing, WaitingLimits};
use super::auth::Who;
use super::command::ask_one;
use super::error::Problem;
use super::extract::{Body, Id};
use super::patients::{find, within};
use super::rights::Right;
use super::state::Ctx;
use super::version::{etag, version_seen};
use vitalgate_domain::model::command::{Action, PatientLimit};
use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;

/// All limits of a patient. For a rule that is not named, the limits of its pack apply.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLimits {
    limits: Vec<PatientLimit>,
    /// They apply to what is measured from then on; left out, from now on.
    from: Option<Timestamp>,
    reason: Option<String>,
}

/// All limits of one signal of a patient.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsOfSignal {
    signal: String,
    limits: Vec<PatientLimit>,
    from: Option<Timestamp>,
    reason: Option<String>,
}

/// `GET patients/{id}/limits`, with their version as `ETag`.
pub(crate) async fn get(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<PatientId>,
) -> Result<Response, Problem> {
    who.may(Right::SeePatients)?;
    let patient = find(&http, &who, &id)?;
    let limits = patient.limits.iter().cloned().map(Standing::from).collect();
    // One that has ended is nothing to put again.
    let now = http.app.handles.clock.wall();
    let lasts = |limit: &&PatientLimit| limit.until.is_none_or(|until| until > now);
    let offered = patient.limits_offered.iter().filter(lasts).cloned().map(Limit::from).collect();
    let waiting = patient.limits_waiting.iter().cloned().map(WaitingLimits::from).collect();
    let body = Limits { limits, offered, version: patient.limits_version, waiting };
    Ok(([(header::ETAG, etag(patient.limits_version))], Json(body)).into_response())
}

/// `PUT patients/{id}/limits`: replaces all of them; `If-Match` names the version replaced.
pub(crate) async fn set(
    State(http): State<Ctx>,
    who: Who,
    Id(patient): Id<PatientId>,
    headers: HeaderMap,
    Body(new): Body<NewLimits>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &patient)?;
    let replaces = version_seen(&headers, "the limits")?;
    let NewLimits { limits, from, reason } = new;
    no_fraction(&http, &limits)?;
    let action = Action::SetLimits { patient, limits, from, replaces, reason, only: None };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// `PATCH patients/{id}/limits`: replaces those of one signal; without any its pack's apply again.
pub(crate) async fn change(
    State(http): State<Ctx>,
    who: Who,
    Id(patient): Id<PatientId>,
    headers: HeaderMap,
    Body(new): Body<LimitsOfSignal>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &patient)?;
    let replaces = version_seen(&headers, "the limits")?;
    let LimitsOfSignal { signal, limits, from, reason } = new;
    if let Some(other) = limits.iter().find(|limit| limit.signal != signal) {
        let detail =
            format!("`{}` is not the signal `{signal}`: ask for each by itself", other.signal);
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    no_fraction(&http, &limits)?;
    let action = Action::SetLimits { patient, limits, from, replaces, reason, only: Some(signal) };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// A limit of SpO2 at or below 1 % is a fraction that somebody typed: in force it would never be reached.
fn no_fraction(http: &Ctx, limits: &[PatientLimit]) -> Result<(), Problem> {
    let signals = http.signals();
    let is_spo2 = |name: &str| signals.find(name).is_some_and(|s| s.name == "spo2");
    for PatientLimit { signal, value, unit, .. } in limits {
        let Some(value) = value.filter(|value| *unit == Unit::Percent && *value <= 1.0) else {
            continue;
        };
        if is_spo2(signal) {
            let meant = if value > 0.0 {
                format!(": if {value} of 1 is meant, that is {} %", (value * 1e6).round() / 1e4)
            } else {
                String::new()
            };
            let detail = format!("{signal} {value} % is no limit; it is given in per cent{meant}");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
    }
    Ok(())
}
