//! `hand-over`: who has alarms hands all of them over, and who comes takes all of them or none. So nobody is offered what
//! they could not take.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::alarms::{SeenAlarm, may_answer, no_seq};
use super::auth::{Auth, Who};
use super::command::ask_one;
use super::error::Problem;
use super::extract::Body;
use super::rights::Right;
use super::state::{Ctx, Http};
use crate::people::Person as Account;
use crate::projection::view::Board;
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::command::Action;
use vitalgate_domain::model::duty::DutyPlan;
use vitalgate_domain::model::responsibility::Assignment;

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
    let board = http.board();
    let receiver = receiver(&http, board.duty.as_deref(), &to)?;
    let own = owned_by(&board, &who.name);
    let beyond = own.iter().filter(|alarm| !can_answer(&who, alarm)).count();
    if beyond > 0 {
        return Err(out_of_reach(&who, beyond));
    }
    if let Some(receiver) = receiver {
        let foreign: Vec<&Alarm> =
            own.into_iter().filter(|alarm| !can_answer(&receiver, alarm)).collect();
        if !foreign.is_empty() {
            return Err(not_theirs(&to, &foreign));
        }
    }
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
    all_within_reach(&board, &who, &from)?;
    let mut seen = Vec::new();
    for SeenAlarm { id, seq } in alarms {
        may_answer(&board, &who, &id)?;
        seen.push((id, seq.ok_or_else(no_seq)?));
    }
    ask_one(&http, &who, Action::TakeOver { from, alarms: seen }, StatusCode::OK).await
}

/// Whoever is to take alarms, with what they may; `None` where a provider alone could say that. Refuses whoever could
/// never take any.
fn receiver(http: &Http, plan: Option<&DutyPlan>, to: &str) -> Result<Option<Who>, Problem> {
    let person = plan.and_then(|plan| plan.named(to));
    if plan.is_some() && person.is_none() {
        return Err(nobody(to, "is nobody of the duty plan"));
    }
    let actor = person.map_or(to, |person| &person.actor);
    let auth = &http.app.auth;
    if let Auth::Local(only) = &*auth.now()
        && plan.is_none()
        && only != actor
    {
        return Err(nobody(to, "is nobody here"));
    }
    let account = auth
        .people()
        .and_then(|people| people.look(|book| book.people.get(actor).map(Account::can_sign_in)));
    match auth.by_name(actor) {
        Some(who) if !account.unwrap_or(true) => {
            Err(nobody(to, &format!("is `{}`, who never set a password", who.name)))
        }
        Some(who) if who.may(Right::AnswerAlarms).is_err() => {
            Err(nobody(to, &format!("is a {} and answers no alarms", who.role.as_str())))
        }
        Some(who) => Ok(Some(who)),
        None if person.is_some() && account.is_none() && auth.oidc().is_some() => Ok(None),
        None => Err(nobody(to, "cannot sign in here")),
    }
}

fn nobody(to: &str, why: &str) -> Problem {
    let to: String = to.escape_default().take(80).collect();
    let detail = format!("`{to}` {why}: hand over to somebody who can take the alarms");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Open alarms that somebody has.
fn owned_by<'a>(board: &'a Board, name: &str) -> Vec<&'a Alarm> {
    let name = id_of(board, name);
    let has = |alarm: &&Alarm| {
        let answers = alarm.responsibility.as_ref();
        answers.is_some_and(|it| {
            it.state == Assignment::Accepted && it.person.as_deref() == Some(name)
        })
    };
    board.shown_alarms().map(|(alarm, _)| alarm).filter(has).collect()
}

/// What alarms call somebody.
fn id_of<'a>(board: &'a Board, name: &'a str) -> &'a str {
    let person = board.duty.as_ref().and_then(|plan| plan.named(name));
    person.map_or(name, |person| person.id.as_str())
}

/// Whether somebody's wards let them answer it.
fn can_answer(who: &Who, alarm: &Alarm) -> bool {
    !who.scope.is_limited() || who.scope.answers(alarm)
}

/// All are handed over or none, and some are nothing that whoever asks sees: they are counted, not named.
fn out_of_reach(who: &Who, beyond: usize) -> Problem {
    let detail = if who.signs_at().is_some() {
        format!(
            "{beyond} of the alarms of `{}` are of no ward of this station: hand over where you are signed in by name",
            who.name
        )
    } else {
        format!(
            "{beyond} of the alarms of `{}` are of patients who are in none of your wards any more: somebody there accepts them first",
            who.name
        )
    };
    Problem::new(StatusCode::CONFLICT, detail)
}

/// All are taken or none, and some are beyond the wards of whoever is to take them.
fn not_theirs(to: &str, foreign: &[&Alarm]) -> Problem {
    let named: Vec<String> = foreign
        .iter()
        .map(|alarm| match alarm.ward_shown().filter(|_| alarm.is_of_patients()) {
            Some(ward) => format!("{} of {ward}", alarm.id),
            None => format!("{} of no ward", alarm.id),
        })
        .collect();
    let detail = format!(
        "`{to}` answers no alarms there, and would have to take all or none: {}; release them first, or hand over to somebody of all these wards",
        named.join(", ")
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Refuses to take what is handed over where some of it is out of reach since, or at this station. It is not named.
fn all_within_reach(board: &Board, who: &Who, from: &str) -> Result<(), Problem> {
    let own = id_of(board, &who.name);
    let offered = |alarm: &&Alarm| {
        let answers = alarm.responsibility.as_ref();
        answers.is_some_and(|it| it.offered.as_deref() == Some(own))
    };
    let beyond = owned_by(board, from)
        .into_iter()
        .filter(offered)
        .filter(|alarm| !can_answer(who, alarm))
        .count();
    if beyond == 0 {
        return Ok(());
    }
    let todo = if who.signs_at().is_some() {
        "take them where you are signed in by name"
    } else {
        "accept the others one by one, and have the rest handed over to somebody else"
    };
    let detail = format!("{beyond} of what is handed over lie in none of the wards here: {todo}");
    Err(Problem::new(StatusCode::CONFLICT, detail))
}
