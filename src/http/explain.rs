//! `patients/{id}/explain`: what watches a patient now, and why something does not alarm.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::api::v1::explain::Explanation;
use super::auth::Who;
use super::error::Problem;
use super::extract::{Id, Params};
use super::patients::find;
use super::rights::Right;
use super::state::Ctx;
use vitalgate_domain::model::ids::PatientId;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only what is over this signal.
    signal: Option<String>,
}

/// `GET patients/{id}/explain`: asked of the core itself, so that it is true when it is given.
pub(crate) async fn get(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<PatientId>,
    Params(which): Params<Which>,
) -> Result<Json<Explanation>, Problem> {
    who.may(Right::SeePatients)?;
    find(&http, &who, &id)?;
    let only = which.signal.map(|name| {
        let signal = http.signals().find(&name).map(|signal| signal.id);
        let none = || format!("`{name}` is no signal");
        signal.ok_or_else(|| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, none()))
    });
    let answer = http.app.ask.explain(id.clone(), only.transpose()?).await;
    let busy = |_| Problem::busy("the gateway is overloaded; try again", 5);
    let explanation = answer.map_err(busy)?.ok_or_else(|| Problem::missing("patient", &id))?;
    Ok(Json(Explanation::new(id, explanation)))
}
