//! `patients/{id}/limits`: a patient's own limits, guarded against lost updates by their version.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::v1::limits::{Limit, Limits};
use super::auth::{Right, Who};
use super::command::{ask_one, etag};
use super::error::Problem;
use super::extract::{Body, Id};
use super::patients::find;
use super::state::Ctx;
use vitalgate_domain::model::command::{Action, PatientLimit};
use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::time::Timestamp;

/// All limits of a patient. For a rule that is not named, the limits of its pack apply.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLimits {
    limits: Vec<PatientLimit>,
    /// They apply to what is measured from then on; left out, from now on.
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
    let patient = find(&http, &id)?;
    let limits = patient.limits.iter().cloned().map(Limit::from).collect();
    let body = Limits { limits, version: patient.limits_version };
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
    let replaces = version_seen(&headers)?;
    let NewLimits { limits, from, reason } = new;
    let action = Action::SetLimits { patient, limits, from, replaces, reason };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// The version in `If-Match`; none, or `*`, replaces whatever is there.
fn version_seen(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = tag.to_str().unwrap_or_default();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    version.and_then(|v| v.parse().ok()).map(Some).ok_or_else(|| {
        let detail = "`If-Match` must be the `ETag` of the limits, such as \"3\"";
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}
