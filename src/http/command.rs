//! Commands: from a request into the inbox, and from the pipeline's answer to a status.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::v1;
use super::api::v1::problem::Refused;
use super::auth::Who;
use super::error::Problem;
use super::state::Http;
use super::version::etag;
use crate::inbox::{Receipt, Submission};
use vitalgate_domain::model::command::{Action, Command, CommandAnswer, Outcome, PersonAct};
use vitalgate_domain::model::input::Input;

/// How many bytes of the inbox a command counts for.
const COMMAND_BYTES: usize = 512;
/// When a commit takes longer than this, the client is answered that the outcome is unknown.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Hands commands to the pipeline as one submission and waits for the commit that holds them.
pub(crate) async fn ask(
    http: &Http,
    who: &Who,
    actions: Vec<Action>,
) -> Result<Vec<CommandAnswer>, Problem> {
    let mut board = http.app.handles.board.clone();
    if board.borrow_and_update().store_failing {
        return Err(failing());
    }
    // Where an act was signed stands before it in the record, in the same commit.
    let sign = |at: &str| Action::Person { act: PersonAct::Sign, subject: at.to_owned() };
    let signed: Vec<Action> = who.signs_at().map(sign).into_iter().collect();
    let before = signed.len();
    let asked = before + actions.len();
    let inputs = signed
        .into_iter()
        .chain(actions)
        .map(|action| Input::Command(Box::new(Command { actor: who.name.clone(), action })))
        .collect();
    let (receipt, waiting) = Receipt::new();
    let submission = Submission::of(inputs, asked * COMMAND_BYTES, receipt);
    tokio::select! {
        biased;
        handed = http.app.handles.inbox.submit(submission) => {
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
        return Ok(committed.answers.into_iter().skip(before).collect());
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
    reply(answer, done)
}

/// The answer as a response; refusals are problems.
fn reply(answer: CommandAnswer, done: StatusCode) -> Result<Response, Problem> {
    let status = status_of(answer.outcome, done);
    if let Some(outcome) = refused(answer.outcome) {
        return Err(Problem::new(status, answer.detail)
            .with_outcome(outcome)
            .with_alarm(answer.alarm.map(v1::alarm::Alarm::from))
            .with_version(answer.version));
    }
    let version = answer.version;
    let mut response = (status, Json(v1::command::Answer::from(answer))).into_response();
    if let Some(version) = version {
        response.headers_mut().insert(header::ETAG, etag(version));
    }
    Ok(response)
}

/// The status of an outcome; `done` where it is done.
pub(crate) fn status_of(outcome: Outcome, done: StatusCode) -> StatusCode {
    match outcome {
        Outcome::Done => done,
        Outcome::AlreadySo => StatusCode::OK,
        Outcome::NotFound => StatusCode::NOT_FOUND,
        Outcome::Conflict => StatusCode::CONFLICT,
        Outcome::Stale => StatusCode::PRECONDITION_FAILED,
        Outcome::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn refused(outcome: Outcome) -> Option<Refused> {
    match outcome {
        Outcome::Done | Outcome::AlreadySo => None,
        Outcome::NotFound => Some(Refused::NotFound),
        Outcome::Conflict => Some(Refused::Conflict),
        Outcome::Stale => Some(Refused::Stale),
        Outcome::Invalid => Some(Refused::Invalid),
    }
}

fn failing() -> Problem {
    Problem::busy("the store fails; nothing can be changed until it recovers", 5)
        .with_outcome(Refused::Refused)
}

fn unknown() -> Problem {
    Problem::busy("the store failed while this was being written; look before trying again", 5)
        .with_outcome(Refused::Unknown)
}
