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
use crate::config::{
    MOST_BYTES, NotPut, Places, Teams, TeamsFile, Unanswered, leaves_nobody, left_out, version,
};
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
    /// Where it is meant that nobody is called any more.
    #[serde(default)]
    nobody_for: BTreeSet<Unanswered>,
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
    Body(NewPlan { text, .. }): Body<NewPlan>,
) -> Result<Json<Checked>, Problem> {
    let file = file(&http, &who)?;
    looked_at(&http, file, text).await.map(Json)
}

/// `PUT duty/plan`: puts a plan in force; `If-Match` names the version that it takes the place of.
pub(crate) async fn set(
    State(http): State<Ctx>,
    who: Who,
    headers: HeaderMap,
    Body(NewPlan { text, nobody_for }): Body<NewPlan>,
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
    let unmeant: BTreeSet<_> = checked.nobody_for.difference(&nobody_for).cloned().collect();
    if !unmeant.is_empty() {
        return Err(nobody_called(unmeant));
    }
    let (act, subject) = (PersonAct::ChangePlan, checked.version.clone());
    ask(&http, &who, vec![Action::Person { act, subject }]).await?;
    run(move || file.put(&text, seen.as_deref())).await?;
    // Whatever the last SIGHUP found wrong with the file is not in it any more.
    http.app.handles.degraded.set("teams", None);
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
    let auth = http.app.auth.clone();
    run(move || {
        let config = file.config();
        let in_28_days = |teams: &Teams| teams.plan(&config.site.time_zone, now, AHEAD);
        let plan = in_28_days(&file.check(&text)?);
        // Of one that is wrong nobody knows whom it called.
        let before = file.text().ok().and_then(|text| file.check(&text).ok());
        let before = before.map(|teams| auth.attended(in_28_days(&teams)));
        let attended = auth.attended(plan.clone());
        let nobody_for = leaves_nobody(before.as_ref(), &attended, Some(&places), now);
        let holes = attended.holes(now).into_iter().map(Hole::from).collect();
        let mut warnings = left_out(&plan, &config.channel, Some(&places));
        warnings.extend(auth.asked_in_vain(&plan));
        Ok(Checked { holes, nobody_for, version: version(&text), warnings })
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

/// Whoever means it says so, by the names of those places.
fn nobody_called(places: BTreeSet<Unanswered>) -> Problem {
    let words: Vec<String> = places.iter().map(Unanswered::words).collect();
    let detail = format!(
        "by this plan nobody is called for some or all alarms of: {}; to put it all the same, send it with these places in `nobody_for`",
        words.join(", ")
    );
    Problem::new(StatusCode::CONFLICT, detail).with_nobody_for(places)
}

fn problem(why: &NotPut) -> Problem {
    match why {
        // Where the file lies is no matter of whoever writes what is in it.
        NotPut::Bad(bad) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, &*bad.message),
        NotPut::Stale => Problem::new(StatusCode::PRECONDITION_FAILED, why.to_string()),
        NotPut::File { .. } => Problem::busy(why.to_string(), 60),
    }
}
