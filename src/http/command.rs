//! From a request to a command in the inbox, and from its answer to a status.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::auth::Who;
use super::error::Problem;
use super::state::Http;
use crate::inbox::{Receipt, Submission};
use vitalgate_domain::model::alarm::AlarmOnWire;
use vitalgate_domain::model::command::{Action, Command, CommandAnswer, Outcome};
use vitalgate_domain::model::input::Input;

/// What a command counts in the inbox, in bytes.
const COMMAND_BYTES: usize = 512;
/// A commit that takes longer than this leaves the outcome unknown to the client.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Hands commands to the pipeline as one submission and waits for the commit that holds them.
pub(crate) async fn ask(
    http: &Http,
    who: &Who,
    actions: Vec<Action>,
) -> Result<Vec<CommandAnswer>, Problem> {
    let mut board = http.app.board.clone();
    if board.borrow_and_update().store_failing {
        return Err(failing());
    }
    let asked = actions.len();
    let inputs = actions
        .into_iter()
        .map(|action| Input::Command(Box::new(Command { actor: who.name.clone(), action })))
        .collect();
    let (receipt, waiting) = Receipt::new();
    let submission = Submission::of(inputs, asked * COMMAND_BYTES, receipt);
    tokio::select! {
        biased;
        handed = http.app.inbox.submit(submission) => {
            handed.map_err(|closed| Problem::busy(closed.to_string(), 5))?;
        }
        _ = board.wait_for(|b| b.store_failing) => return Err(failing()),
    }
    let committed = tokio::select! {
        biased;
        committed = waiting => committed
            .map_err(|_| Problem::busy("the gateway did not accept the command; try again", 5))?,
        _ = board.wait_for(|b| b.store_failing) => return Err(unknown()),
        () = tokio::time::sleep(ANSWER_WAIT) => return Err(unknown()),
    };
    if committed.answers.len() == asked {
        return Ok(committed.answers);
    }
    tracing::error!(asked, answered = committed.answers.len(), "commands without an answer");
    Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the command got no answer; see the log"))
}

/// One command, and its answer as a response with status `done` when it is done.
pub(crate) async fn ask_one(
    http: &Http,
    who: &Who,
    action: Action,
    done: StatusCode,
) -> Result<Response, Problem> {
    let answer = ask(http, who, vec![action]).await?.pop().ok_or_else(unknown)?;
    reply(&answer, done)
}

/// The answer as a response; refusals are problems.
pub(crate) fn reply(answer: &CommandAnswer, done: StatusCode) -> Result<Response, Problem> {
    let status = status_of(answer.outcome, done);
    if !status.is_success() {
        return Err(Problem::new(status, answer.detail.clone())
            .with("outcome", outcome_word(answer.outcome))
            .with("alarm", alarm_of(answer))
            .with("version", answer.version));
    }
    let mut response = (status, Json(body_of(answer))).into_response();
    if let Some(version) = answer.version {
        response.headers_mut().insert(header::ETAG, etag(version));
    }
    Ok(response)
}

/// The answer as an item of a list: the body with its status.
pub(crate) fn item(answer: &CommandAnswer) -> Value {
    let mut body = body_of(answer);
    if let Some(members) = body.as_object_mut() {
        let status = status_of(answer.outcome, StatusCode::OK);
        members.insert("status".to_owned(), status.as_u16().into());
    }
    body
}

/// A version as a strong entity tag.
pub(crate) fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

fn body_of(answer: &CommandAnswer) -> Value {
    json!({
        "outcome": outcome_word(answer.outcome),
        "detail": answer.detail,
        "alarm": alarm_of(answer),
        "version": answer.version,
    })
}

fn alarm_of(answer: &CommandAnswer) -> Value {
    answer.alarm.as_ref().map_or(Value::Null, |alarm| json!(AlarmOnWire::new(alarm, true)))
}

fn status_of(outcome: Outcome, done: StatusCode) -> StatusCode {
    match outcome {
        Outcome::Done => done,
        Outcome::AlreadySo => StatusCode::OK,
        Outcome::NotFound => StatusCode::NOT_FOUND,
        Outcome::Conflict => StatusCode::CONFLICT,
        Outcome::Stale => StatusCode::PRECONDITION_FAILED,
        Outcome::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn outcome_word(outcome: Outcome) -> Value {
    serde_json::to_value(outcome).unwrap_or_default()
}

fn failing() -> Problem {
    Problem::busy("the store fails; nothing can be changed until it recovers", 5)
        .with("outcome", "refused")
}

fn unknown() -> Problem {
    Problem::busy("the store failed while this was being written; look before trying again", 5)
        .with("outcome", "unknown")
}
