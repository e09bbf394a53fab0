//! `alarms`: the lists, one alarm with its story, and what a person does with it.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Right, Who};
use super::command::{ask, ask_one, item};
use super::error::Problem;
use super::extract::{Body, Id, List, Params, page_size};
use super::ports::{ClosedFilter, KeptGrounds, LoggedAlarm};
use super::state::Ctx;
use vitalgate_domain::model::alarm::{Alarm, AlarmOnWire, State as AlarmState};
use vitalgate_domain::model::command::{Action, AlarmAct};
use vitalgate_domain::model::ids::{AlarmId, PatientId, WardId};
use vitalgate_domain::model::sample::flag;
use vitalgate_store::history::point::Point;

/// Alarms acknowledged in one request at most.
const MAX_AT_ONCE: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// One or more states with commas; left out: every open alarm. `closed` stands alone.
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
pub(crate) struct Several {
    alarms: Vec<SeenAlarm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenAlarm {
    id: AlarmId,
    seq: Option<u64>,
}

/// `GET alarms`: the open ones, most serious and newest first, or the closed ones, newest first.
pub(crate) async fn list(
    State(http): State<Ctx>,
    who: Who,
    Params(which): Params<Which>,
) -> Result<Json<List<Value>>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    if which.state.as_deref() == Some("closed") {
        let limit = page_size(which.limit);
        let filter =
            ClosedFilter { ward: which.ward, patient: which.patient, before: which.cursor };
        let closed = http.read_log(move |log| log.closed(&filter, limit)).await?;
        let next = (closed.len() == limit).then(|| closed.last().map(|a| a.seq.to_string()));
        let items = closed.iter().map(alarm_as_logged).collect();
        return Ok(Json(List { items, next: next.flatten(), seq: board.seq }));
    }
    let states = open_states(which.state.as_deref())?;
    let mut alarms: Vec<&Alarm> = board.alarms.values().map(AsRef::as_ref).collect();
    alarms.retain(|alarm| {
        states.contains(&alarm.state)
            && which.ward.as_ref().is_none_or(|w| alarm.ward.as_ref() == Some(w))
            && which.patient.as_ref().is_none_or(|p| alarm.patient.as_ref() == Some(p))
    });
    alarms.sort_by_key(|alarm| std::cmp::Reverse((alarm.priority, alarm.announced_at)));
    let items = alarms.into_iter().map(on_wire).collect();
    Ok(Json(List { items, next: None, seq: board.seq }))
}

/// `GET alarms/{id}`: the alarm, every transition with its actor, and what it was raised on: the
/// limits in force and the last readings.
pub(crate) async fn get(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
) -> Result<Json<Value>, Problem> {
    who.may(Right::SeePatients)?;
    let wanted = id.clone();
    let (story, kept) =
        http.read_log(move |log| Ok((log.of_alarm(&wanted)?, log.grounds(&wanted)?))).await?;
    let board = http.board();
    let alarm = match board.alarms.get(&id) {
        Some(open) => on_wire(open),
        None => story.last().map(alarm_as_logged).ok_or_else(|| Problem::missing("alarm", &id))?,
    };
    let (limits, readings) = kept.as_ref().map_or((json!([]), json!([])), grounds);
    let transitions: Vec<Value> = story.iter().map(transition).collect();
    Ok(Json(json!({
        "alarm": alarm,
        "transitions": transitions,
        "limits": limits,
        "readings": readings,
    })))
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

/// `POST alarms/acknowledge`: several at once, each answered by itself with a `status` of its own.
pub(crate) async fn acknowledge_several(
    State(http): State<Ctx>,
    who: Who,
    Body(several): Body<Several>,
) -> Result<Json<List<Value>>, Problem> {
    who.may(Right::AnswerAlarms)?;
    if several.alarms.is_empty() || several.alarms.len() > MAX_AT_ONCE {
        let detail = format!("`alarms` must name 1 to {MAX_AT_ONCE} alarms");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let mut ids = Vec::new();
    let mut actions = Vec::new();
    for SeenAlarm { id, seq } in several.alarms {
        let seen = seq.ok_or_else(no_seq)?;
        ids.push(id.clone());
        actions.push(Action::Alarm { id, seen, act: AlarmAct::Acknowledge });
    }
    let answers = ask(&http, &who, actions).await?;
    let with_id = |(id, answer): (AlarmId, _)| {
        let mut item = item(answer);
        if let Some(members) = item.as_object_mut() {
            members.insert("id".to_owned(), id.as_str().into());
        }
        item
    };
    let items = ids.into_iter().zip(&answers).map(with_id).collect();
    Ok(Json(List { items, next: None, seq: http.board().seq }))
}

async fn act(
    http: &Ctx,
    who: &Who,
    id: AlarmId,
    seen: Option<u64>,
    act: AlarmAct,
) -> Result<Response, Problem> {
    who.may(Right::AnswerAlarms)?;
    let seen = seen.ok_or_else(no_seq)?;
    let action = Action::Alarm { id: id.clone(), seen, act };
    let answer = ask_one(http, who, action, StatusCode::OK).await;
    match answer {
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            Err(closed(http, id).await?.unwrap_or(problem))
        }
        other => other,
    }
}

/// A command on an alarm that is over is refused with the alarm as it ended.
async fn closed(http: &Ctx, id: AlarmId) -> Result<Option<Problem>, Problem> {
    let story = http.read_log(move |log| log.of_alarm(&id)).await?;
    let Some(last) = story.last() else { return Ok(None) };
    let problem = Problem::new(StatusCode::CONFLICT, "the alarm is closed")
        .with("alarm", alarm_as_logged(last));
    Ok(Some(problem))
}

fn no_seq() -> Problem {
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

fn on_wire(alarm: &Alarm) -> Value {
    json!(AlarmOnWire::new(alarm, true))
}

fn alarm_as_logged(logged: &LoggedAlarm) -> Value {
    serde_json::from_str(&logged.body).unwrap_or_else(|e| {
        tracing::error!(seq = logged.seq, error = %e, "a stored transition is no JSON");
        Value::Null
    })
}

fn transition(logged: &LoggedAlarm) -> Value {
    let alarm = alarm_as_logged(logged);
    json!({
        "seq": logged.seq,
        "at": logged.at,
        "change": logged.change,
        "actor": logged.actor,
        "state": alarm["state"],
        "condition": alarm["condition"],
        "condition_reason": alarm["condition_reason"],
        "priority": alarm["priority"],
        "text": alarm["text"],
        "closed_reason": alarm["closed_reason"],
    })
}

fn grounds(kept: &KeptGrounds) -> (Value, Value) {
    let limits = serde_json::from_str(&kept.limits).unwrap_or_else(|e| {
        tracing::error!(error = %e, "the limits kept with an alarm are no JSON");
        Value::Null
    });
    (limits, kept.readings.iter().map(reading).collect())
}

fn reading(point: &Point) -> Value {
    json!({
        "at": point.at,
        "received_at": point.received,
        "value": point.value,
        "comparator": flag::comparator(point.flags),
        "unit": point.unit,
        "flags": flag::words(point.flags).collect::<Vec<_>>(),
    })
}
