//! `wards` and `beds`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Right, Who};
use super::command::ask_one;
use super::error::Problem;
use super::extract::{Body, List};
use super::state::Ctx;
use crate::domain::command::Action;
use crate::domain::ids::{BedId, PatientId, WardId};

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
pub(crate) async fn list(State(http): State<Ctx>, who: Who) -> Result<Json<List<Value>>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    let items = board.wards.iter().map(|(id, beds)| json!({ "id": id, "beds": beds })).collect();
    Ok(Json(List { items, next: None, seq: board.seq }))
}

/// `POST wards`.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    Body(ward): Body<NewWard>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    ask_one(&http, &who, Action::AddWard(ward.id), StatusCode::CREATED).await
}

/// `GET beds`, each with its ward and who lies in it.
pub(crate) async fn beds(State(http): State<Ctx>, who: Who) -> Result<Json<List<Value>>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    let occupied: BTreeMap<&BedId, &PatientId> = board
        .patients
        .values()
        .filter(|p| p.discharged_at.is_none())
        .filter_map(|p| Some((p.bed.as_ref()?, &p.id)))
        .collect();
    let beds = board.wards.iter().flat_map(|(ward, beds)| beds.iter().map(move |bed| (ward, bed)));
    let items = beds
        .map(|(ward, bed)| json!({ "id": bed, "ward": ward, "patient": occupied.get(bed) }))
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
    let action = Action::AddBed { bed: bed.id, ward: bed.ward };
    ask_one(&http, &who, action, StatusCode::CREATED).await
}
