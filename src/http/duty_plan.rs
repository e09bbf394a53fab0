//! `duty/plan`: the plan of who is on duty, as the text of `teams.toml`, for whoever makes it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::v1::duty::{Checked, Hole, PlanText};
use super::auth::Who;
use super::command::ask;
use super::error::Problem;
use super::extract::Body;
use super::rights::Right;
use super::state::{Ctx, Http};
use super::version::{etag, version_seen};
use crate::config::{MOST_BYTES, NotPut, Places, Teams, TeamsFile, left_out, version};
use crate::projection::view::Board;
use vitalgate_domain::model::command::{Action, PersonAct};
use vitalgate_domain::model::time::Span;

/// A plan is looked at so far ahead.
const AHEAD: Span = Span::days(28);

/// A plan that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlan {
    text: String,
}

/// `GET duty/plan`, with its version as `ETag`.
pub(crate) async fn get(State(http): State<Ctx>, who: Who) -> Result<Response, Problem> {
    let file = file(&http, &who)?;
    let text = run(move || file.text()).await?;
    let version = version(&text);
    Ok(([(header::ETAG, etag(&version))], Json(PlanText { text, version })).into_response())
}

/// `POST duty/plan/check`: what would be wrong with a plan, and what it would leave out; nothing is changed.
pub(crate) async fn check(
    State(http): State<Ctx>,
    who: Who,
    Body(NewPlan { text }): Body<NewPlan>,
) -> Result<Json<Checked>, Problem> {
    let file = file(&http, &who)?;
    looked_at(&http, file, text).await.map(Json)
}

/// `PUT duty/plan`: puts a plan in force; `If-Match` names the version that it takes the place of.
pub(crate) async fn set(
    State(http): State<Ctx>,
    who: Who,
    headers: HeaderMap,
    Body(NewPlan { text }): Body<NewPlan>,
) -> Result<Response, Problem> {
    let file = file(&http, &who)?;
    let seen: Option<String> = version_seen(&headers, "the plan")?;
    let checked = looked_at(&http, Arc::clone(&file), text.clone()).await?;
    if let Some(seen) = &seen {
        let present = Arc::clone(&file);
        if version(&run(move || present.text()).await?) != *seen {
            return Err(problem(&NotPut::Stale));
        }
    }
    let (act, subject) = (PersonAct::ChangePlan, checked.version.clone());
    ask(&http, &who, vec![Action::Person { act, subject }]).await?;
    run(move || file.put(&text, seen.as_deref())).await?;
    Ok(([(header::ETAG, etag(&checked.version))], Json(checked)).into_response())
}

/// The file, for whoever makes the plan.
fn file(http: &Http, who: &Who) -> Result<Arc<TeamsFile>, Problem> {
    who.may_everywhere(Right::ChangeDuty, "the plan of duty")?;
    who.is_not_a_program()?;
    let none = "no `[teams] file` in gateway.toml says who is on duty";
    http.app.teams.clone().ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, none))
}

async fn looked_at(http: &Http, file: Arc<TeamsFile>, text: String) -> Result<Checked, Problem> {
    if text.len() > MOST_BYTES {
        let detail = format!("a plan has {MOST_BYTES} bytes at most");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let (places, now) = (places(&http.board()), http.app.handles.clock.wall());
    run(move || {
        let teams: Teams = file.check(&text)?;
        let config = file.config();
        let plan = teams.plan(&config.site.time_zone, now, AHEAD);
        let holes = plan.holes(now).into_iter().map(Hole::from).collect();
        let warnings = left_out(&plan, &config.channel, Some(&places));
        Ok(Checked { holes, version: version(&text), warnings })
    })
    .await
}

/// Where patients are, or may be.
fn places(board: &Board) -> Places {
    let of_patients = || board.patients.values().filter(|patient| patient.discharged_at.is_none());
    let with_beds = board.wards.iter().filter(|(_, beds)| !beds.is_empty()).map(|(ward, _)| ward);
    let in_use: BTreeSet<_> = of_patients()
        .filter_map(|patient| patient.ward.as_ref())
        .chain(with_beds)
        .cloned()
        .collect();
    let in_none = of_patients().any(|patient| patient.ward.is_none());
    Places { all: board.wards.keys().cloned().collect(), in_use, in_none }
}

async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotPut> + Send + 'static,
) -> Result<T, Problem> {
    let lost = |_| Problem::busy("the plan could not be looked at; try again", 5);
    tokio::task::spawn_blocking(work).await.map_err(lost)?.map_err(|why| problem(&why))
}

fn problem(why: &NotPut) -> Problem {
    match why {
        // Where the file lies is no matter of whoever writes what is in it.
        NotPut::Bad(bad) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, &*bad.message),
        NotPut::Stale => Problem::new(StatusCode::PRECONDITION_FAILED, why.to_string()),
        NotPut::File { .. } => Problem::busy(why.to_string(), 60),
    }
}
