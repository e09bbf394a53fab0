//! `GET alarms/{id}`: one alarm with its whole story, put together from the log.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;

use super::api::v1::alarm::{Alarm, Inactivation};
use super::api::v1::limits::LimitInForce;
use super::api::v1::story::{AlarmStory, Delivery, Reading, Step, Transition};
use super::auth::Who;
use super::error::Problem;
use super::extract::Id;
use super::rights::Right;
use super::state::Ctx;
use crate::pipeline::stored;
use crate::projection::view::Board;
use vitalgate_domain::model::alarm as domain;
use vitalgate_domain::model::ids::{AlarmId, ChannelId};
use vitalgate_domain::model::responsibility::{Delivery as Outcome, Told};
use vitalgate_domain::output::transition::Change;
use vitalgate_store::deliveries::Delivered;
use vitalgate_store::history::point::Point;
use vitalgate_store::reader::TransitionRow;
use vitalgate_store::{ReadError, Reader};

/// A transition, and the alarm as it was then.
type Then<'a> = (&'a TransitionRow, Option<domain::Alarm>);

/// `GET alarms/{id}`: the alarm, what it was raised on (the limits in force and the last readings), every transition with
/// its actor, every step of the ladder, and everything that was told.
pub(crate) async fn get(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<AlarmId>,
) -> Result<Json<AlarmStory>, Problem> {
    who.may(Right::SeePatients)?;
    let wanted = id.clone();
    let (shared, now) = (Ctx::clone(&http), http.app.handles.clock.wall());
    let read = move |reader: &Reader| {
        let story = story(reader, &wanted)?;
        let mut waiting = Vec::new();
        for waits in &shared.app.waits {
            let seqs = waits.of(&story, now).into_iter();
            waiting.extend(seqs.map(|seq| (seq, waits.channel().clone())));
        }
        let settled = reader.deliveries(&wanted)?;
        Ok((story, reader.alarm_grounds(&wanted)?, settled, waiting))
    };
    let (story, kept, settled, waiting) = http.read_log(read).await?;
    let board = http.board();
    let alarm = match board.alarms.get(&id) {
        Some(open) => Some(open.as_ref().clone()),
        None => story.last().map(as_logged).ok_or_else(|| Problem::missing("alarm", &id))?,
    };
    let elsewhere = |alarm: &domain::Alarm| !who.scope.has_alarm(alarm);
    if alarm.as_ref().map_or(who.scope.is_limited(), elsewhere) {
        return Err(Problem::missing("alarm", &id));
    }
    let transitions = story.iter().map(transition).collect();
    let then: Vec<_> = story.iter().map(|row| (row, as_logged(row))).collect();
    // As it was when that was kept.
    let raised = then.iter().rev().find(|(row, _)| row.change == Change::Raised.as_str());
    let raised = raised.and_then(|(_, alarm)| alarm.as_ref()).or(alarm.as_ref());
    let kept = kept.map(|(limits, readings)| (limits, own(&board, raised, readings)));
    let (limits, readings) = kept.map_or_else(|| (Some(Vec::new()), Vec::new()), context);
    let (ladder, deliveries) = (ladder(&then), deliveries(&then, alarm.as_ref(), settled, waiting));
    let members = board.members().remove(id.as_str()).unwrap_or_default();
    let alarm = alarm.map(|alarm| Alarm { members, ..alarm.into() });
    Ok(Json(AlarmStory { alarm, deliveries, ladder, limits, readings, transitions }))
}

/// Every transition of an alarm, oldest first.
pub(super) fn story(reader: &Reader, id: &AlarmId) -> Result<Vec<TransitionRow>, ReadError> {
    let mut rows = reader.alarm_history(id)?;
    rows.retain(|row| row.kind == "alarm");
    Ok(rows)
}

/// The alarm as it was at a transition; `None` where its stored body cannot be read.
pub(super) fn as_logged(logged: &TransitionRow) -> Option<domain::Alarm> {
    stored::alarm(&logged.body)
        .inspect_err(|e| {
            tracing::error!(seq = logged.seq, error = %e, "a stored transition is no JSON");
        })
        .ok()
}

fn transition(logged: &TransitionRow) -> Transition {
    let TransitionRow { seq, at, change, actor, .. } = logged.clone();
    let alarm = as_logged(logged);
    let then = alarm.as_ref();
    let said = then.and_then(|alarm| alarm.comment.clone()).map(|comment| comment.text);
    let kept_back = then.and_then(|alarm| alarm.inactivation.clone());
    Transition {
        actor,
        at,
        change,
        closed_reason: then.and_then(|alarm| alarm.closed_reason.clone()),
        comment: said.filter(|_| logged.change == Change::Commented.as_str()),
        condition: then.map(|alarm| alarm.condition),
        condition_reason: then.and_then(|alarm| alarm.condition_reason.clone()),
        inactivation: kept_back.map(Inactivation::from),
        priority: then.map(|alarm| alarm.priority),
        seq,
        state: then.map(|alarm| alarm.state),
        text: alarm.map(|alarm| alarm.text),
    }
}

/// Those of the alarm's own patient; none where nobody can say whose they are.
fn own(board: &Board, alarm: Option<&domain::Alarm>, readings: Vec<Point>) -> Vec<Point> {
    let Some(alarm) = alarm else { return Vec::new() };
    let device = alarm.device.as_ref().and_then(|device| board.devices.get(device));
    let bindings = device.into_iter().flat_map(|device| &device.bindings);
    stored::own_readings(alarm, bindings.map(|b| (b.patient.as_ref(), b.from, b.to)), readings)
}

/// The limits and the readings that an alarm was raised on.
fn context((limits, readings): (String, Vec<Point>)) -> (Option<Vec<LimitInForce>>, Vec<Reading>) {
    let limits = stored::limits(&limits)
        .inspect_err(|e| tracing::error!(error = %e, "the limits kept with an alarm are no JSON"));
    let limits = limits.ok().map(|limits| limits.into_iter().map(LimitInForce::from).collect());
    (limits, readings.iter().map(Reading::from).collect())
}

/// Whenever it was somebody else's, or otherwise.
fn ladder(story: &[Then<'_>]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (row, alarm) in story {
        let Some(now) = alarm.as_ref().and_then(|alarm| alarm.responsibility.as_ref()) else {
            continue;
        };
        let is_as_before = steps.last().is_some_and(|last| {
            (last.state, last.step, last.deadline) == (now.state, now.step, now.deadline)
                && (&last.team, &last.role, &last.person, &last.offered)
                    == (&now.team, &now.role, &now.person, &now.offered)
        });
        if !is_as_before {
            let now = now.clone();
            steps.push(Step {
                actor: row.actor.clone(),
                at: row.at,
                change: row.change.clone(),
                deadline: now.deadline,
                offered: now.offered,
                person: now.person,
                role: now.role,
                seq: row.seq,
                state: now.state,
                step: now.step,
                team: now.team,
            });
        }
    }
    steps
}

/// Everything that was told, each with what is known of it last: what the alarm says of people, and what the channels did.
fn deliveries(
    story: &[Then<'_>],
    present: Option<&domain::Alarm>,
    settled: Vec<Delivered>,
    waiting: Vec<(u64, ChannelId)>,
) -> Vec<Delivery> {
    let mut told: BTreeMap<(u64, Option<ChannelId>, Option<String>), Delivery> = BTreeMap::new();
    let alarms = story.iter().filter_map(|(_, alarm)| alarm.as_ref()).chain(present);
    for Told { to, channel, at, result, seq } in
        alarms.filter_map(|alarm| alarm.responsibility.as_ref()).flat_map(|r| &r.told)
    {
        let (to, channel, result) = (Some(to.clone()), channel.clone(), word(*result).to_owned());
        let (key, at, seq) = ((*seq, channel.clone(), to.clone()), *at, *seq);
        told.insert(key, Delivery { at, channel, result, seq, settled_at: None, to, tries: None });
    }
    let at = |seq: u64| story.iter().find(|(row, _)| row.seq == seq).map(|(row, _)| row.at);
    let mut by_channel = |seq: u64, channel: ChannelId, result: String, how: Option<&Delivered>| {
        let is_it = |(of, by, _): &&(u64, Option<ChannelId>, Option<String>)| {
            *of == seq && by.as_ref() == Some(&channel)
        };
        let people: Vec<_> = told.keys().filter(is_it).cloned().collect();
        let (settled_at, tries) = (how.map(|how| how.at), how.map(|how| how.tries));
        for key in &people {
            if let Some(known) = told.get_mut(key) {
                (known.settled_at, known.tries) = (settled_at, tries);
                // That somebody has it is more than that the channel took it; and that it failed once, more than that it is
                // tried again.
                let is_known = |outcome| known.result == word(outcome);
                if !is_known(Outcome::Received) && (how.is_some() || !is_known(Outcome::Failed)) {
                    known.result.clone_from(&result);
                }
            }
        }
        if let Some(at) = at(seq).filter(|_| people.is_empty()) {
            let (channel, to) = (Some(channel), None);
            let key = (seq, channel.clone(), None);
            told.insert(key, Delivery { at, channel, result, seq, settled_at, to, tries });
        }
    };
    for how in settled {
        by_channel(how.seq, how.channel.clone(), how.result.clone(), Some(&how));
    }
    for (seq, channel) in waiting {
        by_channel(seq, channel, word(Outcome::Waiting).to_owned(), None);
    }
    told.into_values().collect()
}

fn word(result: Outcome) -> &'static str {
    match result {
        Outcome::Shown => "shown",
        Outcome::Waiting => "waiting",
        Outcome::Taken => "taken",
        Outcome::Failed => "failed",
        Outcome::Received => "received",
    }
}
