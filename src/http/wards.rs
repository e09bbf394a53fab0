//! `wards` and `beds`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::api::v1::list::List;
use super::api::v1::patient::Monitored;
use super::api::v1::ward::{Bed, LatestValue, PatientLatest, Ward, WardLatest};
use super::auth::Who;
use super::command::ask_one;
use super::error::Problem;
use super::extract::{Body, Id};
use super::rights::Right;
use super::state::Ctx;
use crate::projection::view::{Board, PatientView, Vital};
use vitalgate_domain::model::command::Action;
use vitalgate_domain::model::ids::{BedId, PatientId, WardId};
use vitalgate_domain::model::time::{Span, Timestamp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWard {
    id: WardId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBed {
    id: BedId,
    ward: WardId,
}

/// `GET wards`, each with its beds.
pub(crate) async fn list(State(http): State<Ctx>, who: Who) -> Result<Json<List<Ward>>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    let ward = |(id, beds): (&WardId, &Vec<BedId>)| Ward { beds: beds.clone(), id: id.clone() };
    let own = board.wards.iter().filter(|(id, _)| who.can_in(Right::SeePatients, Some(id)));
    let items = own.map(ward).collect();
    Ok(Json(List { items, next: None, seq: board.seq }))
}

/// Refuses with 404 a ward that is not there: an empty answer would read as if all was well in it.
pub(super) fn there_are<'a>(
    board: &Board,
    asked: impl IntoIterator<Item = &'a WardId>,
) -> Result<(), Problem> {
    let missing = asked.into_iter().find(|ward| !board.wards.contains_key(*ward));
    missing.map_or(Ok(()), |ward| Err(Problem::missing("ward", ward)))
}

/// When judgement is behind by more than this, no value shows how a patient is now (contract §6).
const BEHIND: Span = Span::secs(5);

/// `GET wards/{id}/latest`: every patient of the ward with the latest judged values, from memory.
///
/// Ages are counted by the clock, also while nothing is judged.
pub(crate) async fn latest(
    State(http): State<Ctx>,
    who: Who,
    Id(ward): Id<WardId>,
) -> Result<Json<WardLatest>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    if !board.wards.contains_key(&ward) || !who.can_in(Right::SeePatients, Some(&ward)) {
        return Err(Problem::missing("ward", &ward));
    }
    let now = http.app.handles.clock.wall();
    let inside =
        |p: &&Arc<PatientView>| p.ward.as_ref() == Some(&ward) && p.discharged_at.is_none();
    let items = board.patients.values().filter(inside).map(|p| latest_of(p, &board, now)).collect();
    Ok(Json(WardLatest {
        items,
        judged_to: board.judged_to,
        next: None,
        seq: board.seq,
        server_time: now,
        simulated: board.simulated,
    }))
}

fn latest_of(patient: &PatientView, board: &Board, now: Timestamp) -> PatientLatest {
    let behind = now - board.judged_to > BEHIND;
    PatientLatest {
        bed: patient.bed.clone(),
        monitored: Monitored::new(patient, board),
        patient: patient.id.clone(),
        values: patient.vitals.iter().map(|vital| latest_value(vital, now, behind)).collect(),
    }
}

fn latest_value(vital: &Vital, now: Timestamp, behind: bool) -> LatestValue {
    let none = vital.value.is_none() && vital.text.is_none();
    let old = vital.stale_after.is_none_or(|end| now > end);
    // Where the clock was set back, a value is not younger than now.
    let age_s = vital.measured_at.map(|at| (now - at).as_secs_f64().max(0.0));
    LatestValue::new(vital.clone().into(), age_s, none || old || behind)
}

/// `POST wards`.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    Body(ward): Body<NewWard>,
) -> Result<Response, Problem> {
    who.may_everywhere(Right::ChangePatients, "a new ward")?;
    ask_one(&http, &who, Action::AddWard(ward.id), StatusCode::CREATED).await
}

/// `GET beds`, each with its ward and who lies in it.
pub(crate) async fn beds(State(http): State<Ctx>, who: Who) -> Result<Json<List<Bed>>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    let occupied: BTreeMap<&BedId, &PatientId> = board
        .patients
        .values()
        .filter(|p| p.discharged_at.is_none())
        .filter_map(|p| Some((p.bed.as_ref()?, &p.id)))
        .collect();
    let own = board.wards.iter().filter(|(id, _)| who.can_in(Right::SeePatients, Some(id)));
    let beds = own.flat_map(|(ward, beds)| beds.iter().map(move |bed| (ward, bed)));
    let items = beds
        .map(|(ward, bed)| Bed {
            id: bed.clone(),
            patient: occupied.get(bed).copied().cloned(),
            ward: ward.clone(),
        })
        .collect();
    Ok(Json(List { items, next: None, seq: board.seq }))
}

/// `POST beds`: make it, or move it to another ward.
pub(crate) async fn add_bed(
    State(http): State<Ctx>,
    who: Who,
    Body(bed): Body<NewBed>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    let board = http.board();
    let own = |ward: Option<&WardId>| who.can_in(Right::ChangePatients, ward);
    let stands = board.wards.iter().find(|(_, beds)| beds.contains(&bed.id)).map(|(ward, _)| ward);
    if !own(Some(&bed.ward)) || !own(stands.or(Some(&bed.ward))) {
        who.may_everywhere(Right::ChangePatients, "a bed of another ward")?;
    }
    let action = Action::AddBed { bed: bed.id, ward: bed.ward };
    ask_one(&http, &who, action, StatusCode::CREATED).await
}
