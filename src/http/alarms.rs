//! `alarms`: the lists, one alarm with its story, and the commands of people.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::api::v1::alarm::Alarm;
use super::api::v1::command::AnswerOf;
use super::api::v1::list::List;
use super::auth::Who;
use super::command::{ask, ask_one, status_of};
use super::error::Problem;
use super::extract::{Body, Id, Params, page_size};
use super::rights::Right;
use super::state::Ctx;
use super::story::{as_logged, story};
use super::wards::there_are;
use crate::projection::view::Board;
use vitalgate_domain::model::alarm::{self as domain, State as AlarmState};
use vitalgate_domain::model::command::{Action, AlarmAct};
use vitalgate_domain::model::ids::{AlarmId, PatientId, WardId};
use vitalgate_domain::model::order::in_order;
use vitalgate_domain::model::pause::What;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::reader::AlarmFilter;

/// Alarms acknowledged in one request at most.
const MAX_AT_ONCE: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// One or more states with commas; left out: every open alarm. `closed` is asked for alone.
    state: Option<String>,
    ward: Option<WardId>,
    patient: Option<PatientId>,
    cursor: Option<u64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    seq: Option<u64>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptBack {
    seq: Option<u64>,
    /// Left out: its sound, which leaves whoever is called when nobody answers untouched.
    #[serde(default = "sound")]
    what: What,
    reason: Option<String>,
    until: Option<Timestamp>,
}

fn sound() -> What {
    What::Audio
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    seq: Option<u64>,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Several {
    alarms: Vec<SeenAlarm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenAlarm {
    pub(super) id: AlarmId,
    pub(super) seq: Option<u64>,
}

/// `GET alarms`: the open ones in the order of the page, or the closed ones, newest first.
pub(crate) async fn list(
    State(http): State<Ctx>,
    who: Who,
    Params(which): Params<Which>,
) -> Result<Json<List<Option<Alarm>>>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    who.scope.shows(which.ward.clone().map(|ward| BTreeSet::from([ward])))?;
    there_are(&board, &which.ward)?;
    let seen = |patient: &&PatientId| {
        board.patients.contains_key(*patient) && who.scope.has_named(&board, patient)
    };
    let unseen = which.patient.clone().filter(|patient| !seen(&patient));
    if which.state.as_deref() == Some("closed") {
        let limit = page_size(which.limit);
        let states = vec![AlarmState::Closed.as_str().to_owned()];
        let wards = who.scope.wards().map(|own| own.iter().cloned().collect());
        let filter = AlarmFilter { states, ward: which.ward, patient: which.patient, wards };
        let closed =
            http.read_log(move |reader| reader.alarms(&filter, which.cursor, limit)).await?;
        // Of whoever is elsewhere now what was here is shown.
        if let Some(patient) = unseen.filter(|_| closed.is_empty() && which.cursor.is_none()) {
            return Err(Problem::missing("patient", &patient));
        }
        let next = (closed.len() == limit).then(|| closed.last().map(|a| a.seq.to_string()));
        let items = closed.iter().map(|logged| as_logged(logged).map(Alarm::from)).collect();
        return Ok(Json(List { items, next: next.flatten(), seq: board.seq }));
    }
    if let Some(patient) = unseen {
        return Err(Problem::missing("patient", &patient));
    }
    if which.cursor.is_some() {
        let detail = "open alarms have no pages: `cursor` is for `state=closed`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let states = open_states(which.state.as_deref())?;
    let mut alarms: Vec<(&domain::Alarm, bool)> = board.shown_alarms().collect();
    alarms.retain(|(alarm, _)| {
        states.contains(&alarm.state)
            && who.scope.has_alarm(alarm)
            && which.ward.as_ref().is_none_or(|w| alarm.ward_shown() == Some(w))
            && which.patient.as_ref().is_none_or(|p| alarm.patient.as_ref() == Some(p))
    });
    alarms.sort_by(|(a, _), (b, _)| in_order(a, b));
    let mut members = board.members();
    let mut shown = |(alarm, confirmed): (&domain::Alarm, bool)| {
        let members = members.remove(alarm.id.as_str()).unwrap_or_default();
        Some(Alarm { confirmed, members, ..alarm.clone().into() })
    };
    let items = alarms.into_iter().map(&mut shown).collect();
    Ok(Json(List { items, next: None, seq: board.seq }))
}

/// `POST alarms/{id}/acknowledge`.
pub(crate) async fn acknowledge(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Acknowledge).await
}

/// `POST alarms/{id}/unacknowledge`.
pub(crate) async fn unacknowledge(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Unacknowledge).await
}

/// `POST alarms/{id}/reset`.
pub(crate) async fn reset(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Reset { reason: seen.reason }).await
}

/// `POST alarms/{id}/pause`: its sound, unless more is named, until `until`, else for as long as its priority allows.
pub(crate) async fn pause(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(kept_back): Body<KeptBack>,
) -> Result<Response, Problem> {
    let KeptBack { seq, what, reason, until } = kept_back;
    act(&http, &who, id, seq, AlarmAct::Pause { what, reason, until }).await
}

/// `POST alarms/{id}/off`: with a reason, until a time.
pub(crate) async fn switch_off(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(kept_back): Body<KeptBack>,
) -> Result<Response, Problem> {
    let KeptBack { seq, what, reason, until } = kept_back;
    act(&http, &who, id, seq, AlarmAct::Off { what, reason, until }).await
}

/// `POST alarms/{id}/resume`.
pub(crate) async fn resume(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Resume).await
}

/// `POST alarms/{id}/accept`: whoever sends it takes care of it.
pub(crate) async fn accept(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Accept).await
}

/// `POST alarms/{id}/reject`: whoever is asked does not take it, so that the next is asked.
pub(crate) async fn reject(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Reject).await
}

/// `POST alarms/{id}/release`: whoever has it gives it back.
pub(crate) async fn release(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Release).await
}

/// `POST alarms/{id}/received`: the news arrived at whoever sends it; steers nothing.
pub(crate) async fn received(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(seen): Body<Seen>,
) -> Result<Response, Problem> {
    act(&http, &who, id, seen.seq, AlarmAct::Received).await
}

/// `POST alarms/{id}/comment`.
pub(crate) async fn comment(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
    Body(said): Body<Said>,
) -> Result<Response, Problem> {
    act(&http, &who, id, said.seq, AlarmAct::Comment { text: said.text }).await
}

/// `POST alarms/acknowledge`: several at once. Each has an answer with a `status` of its own.
pub(crate) async fn acknowledge_several(
    State(http): State<Ctx>,
    who: Who,
    Body(several): Body<Several>,
) -> Result<Json<List<AnswerOf>>, Problem> {
    who.may(Right::AnswerAlarms)?;
    if several.alarms.is_empty() || several.alarms.len() > MAX_AT_ONCE {
        let detail = format!("`alarms` must name 1 to {MAX_AT_ONCE} alarms");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let board = http.board();
    let (mut ids, mut actions) = (Vec::new(), Vec::new());
    let mut items = Vec::new();
    for SeenAlarm { id, seq } in several.alarms {
        let seen = seq.ok_or_else(no_seq)?;
        if let Err(problem) = may_answer(&board, &who, &id) {
            items.push(AnswerOf::refused(id, problem.status().as_u16(), problem.detail()));
            continue;
        }
        ids.push(id.clone());
        actions.push(Action::Alarm { id, seen, act: AlarmAct::Acknowledge });
    }
    if !actions.is_empty() {
        let answers = ask(&http, &who, actions).await?;
        items.extend(ids.into_iter().zip(answers).map(|(id, answer)| {
            let status = status_of(answer.outcome, StatusCode::OK).as_u16();
            AnswerOf::new(id, status, answer)
        }));
    }
    Ok(Json(List { items, next: None, seq: http.board().seq }))
}

/// Whether somebody who is bound to wards may answer an open alarm: one of his patients, not of the gateway itself. What
/// is not open is left to the core, or was nobody's to see.
pub(super) fn may_answer(board: &Board, who: &Who, id: &AlarmId) -> Result<(), Problem> {
    if !who.scope.is_limited() {
        return Ok(());
    }
    let open = board.unconfirmed.get(id).or_else(|| board.alarms.get(id));
    match open.filter(|alarm| who.scope.has_alarm(alarm)) {
        Some(alarm) if !who.scope.answers(alarm) => {
            who.may_everywhere(Right::AnswerAlarms, "an alarm of the gateway itself")
        }
        Some(_) => Ok(()),
        None => Err(Problem::missing("open alarm", id)),
    }
}

/// Does something with an alarm as somebody, who must be able to.
pub(super) async fn act(
    http: &Ctx,
    who: &Who,
    id: AlarmId,
    seen: Option<u64>,
    act: AlarmAct,
) -> Result<Response, Problem> {
    who.may(Right::AnswerAlarms)?;
    let seen = seen.ok_or_else(no_seq)?;
    let action = Action::Alarm { id: id.clone(), seen, act };
    let answer = match may_answer(&http.board(), who, &id) {
        Ok(()) => ask_one(http, who, action, StatusCode::OK).await,
        Err(problem) => Err(problem),
    };
    match answer {
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            Err(closed(http, who, id).await?.unwrap_or(problem))
        }
        other => other,
    }
}

/// A command about a closed alarm is refused, with the alarm as it was when it closed.
async fn closed(http: &Ctx, who: &Who, id: AlarmId) -> Result<Option<Problem>, Problem> {
    let story = http.read_log(move |reader| story(reader, &id)).await?;
    let Some(last) = story.last() else { return Ok(None) };
    let alarm = as_logged(last);
    let elsewhere = |alarm: &domain::Alarm| !who.scope.has_alarm(alarm) || alarm.is_open();
    if who.scope.is_limited() && alarm.as_ref().is_none_or(elsewhere) {
        return Ok(None);
    }
    let alarm = alarm.map(Alarm::from);
    Ok(Some(Problem::new(StatusCode::CONFLICT, "the alarm is closed").with_alarm(alarm)))
}

pub(super) fn no_seq() -> Problem {
    let detail = "`seq` is missing: send the `seq` of the alarm as it was seen";
    Problem::new(StatusCode::PRECONDITION_REQUIRED, detail)
}

fn open_states(asked: Option<&str>) -> Result<BTreeSet<AlarmState>, Problem> {
    const OPEN: [AlarmState; 5] = [
        AlarmState::Alarming,
        AlarmState::Acknowledged,
        AlarmState::Paused,
        AlarmState::Off,
        AlarmState::Latched,
    ];
    let Some(asked) = asked else { return Ok(OPEN.into()) };
    let named = |word: &str| {
        OPEN.into_iter().find(|state| state.as_str() == word).ok_or_else(|| {
            let detail = format!(
                "`state={word}`: write alarming, acknowledged, paused, off, latched, or closed alone"
            );
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })
    };
    asked.split(',').map(named).collect()
}
