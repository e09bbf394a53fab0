//! `hand-over`: who has alarms hands all of them over, and who comes takes all of them or none.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::alarms::{SeenAlarm, may_answer, no_seq};
use super::auth::Who;
use super::command::ask_one;
use super::error::Problem;
use super::extract::Body;
use super::rights::Right;
use super::state::Ctx;
use vitalgate_domain::model::command::Action;

/// Alarms taken in one request at most.
const MAX_AT_ONCE: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offer {
    /// A person of the plan, else an actor.
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Taking {
    from: String,
    alarms: Vec<SeenAlarm>,
}

/// `POST hand-over`: every alarm of whoever sends it, to somebody who must take them.
pub(crate) async fn offer(
    State(http): State<Ctx>,
    who: Who,
    Body(Offer { to }): Body<Offer>,
) -> Result<Response, Problem> {
    who.may(Right::AnswerAlarms)?;
    ask_one(&http, &who, Action::HandOver { to }, StatusCode::OK).await
}

/// `POST hand-over/take`: all that somebody hands over to whoever sends it, each with the `seq` that was seen.
pub(crate) async fn take(
    State(http): State<Ctx>,
    who: Who,
    Body(Taking { from, alarms }): Body<Taking>,
) -> Result<Response, Problem> {
    who.may(Right::AnswerAlarms)?;
    if alarms.is_empty() || alarms.len() > MAX_AT_ONCE {
        let detail = format!("`alarms` must name 1 to {MAX_AT_ONCE} alarms");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let board = http.board();
    let mut seen = Vec::new();
    for SeenAlarm { id, seq } in alarms {
        may_answer(&board, &who, &id)?;
        seen.push((id, seq.ok_or_else(no_seq)?));
    }
    ask_one(&http, &who, Action::TakeOver { from, alarms: seen }, StatusCode::OK).await
}
