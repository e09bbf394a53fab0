//! `patients`: who is there; admission, transfer and discharge.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::v1::list::List;
use super::api::v1::patient::Patient;
use super::auth::Who;
use super::command::ask_one;
use super::error::Problem;
use super::extract::{Body, Id, Params, page_size};
use super::rights::Right;
use super::state::{Ctx, Http};
use super::version::{etag, version_seen};
use super::wards::there_are;
use crate::projection::view::PatientView;
use vitalgate_domain::model::command::{Action, AgeClass, PatientDetails};
use vitalgate_domain::model::ids::{BedId, PatientId, WardId};
use vitalgate_domain::model::spo2_scale::Spo2Scale;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    ward: Option<WardId>,
    /// Also those discharged.
    #[serde(default)]
    discharged: bool,
    cursor: Option<PatientId>,
    limit: Option<usize>,
}

/// What may be changed of a patient. What is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    age_class: Option<AgeClass>,
    continuous: Option<bool>,
    pregnant: Option<bool>,
    /// Needs a reason.
    spo2_scale: Option<Spo2Scale>,
    reason: Option<String>,
}

/// An admission.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPatient {
    id: PatientId,
    age_class: Option<AgeClass>,
    #[serde(default)]
    continuous: bool,
    pregnant: Option<bool>,
    bed: Option<BedId>,
}

/// An admission whose patient is named by the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admission {
    age_class: Option<AgeClass>,
    #[serde(default)]
    continuous: bool,
    pregnant: Option<bool>,
    bed: Option<BedId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transfer {
    /// `null` is none; the field must be there, so that nobody is taken out of bed by what was forgotten.
    #[serde(deserialize_with = "Option::deserialize")]
    bed: Option<BedId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Discharge {
    reason: Option<String>,
}

/// `GET patients`, by id.
pub(crate) async fn list(
    State(http): State<Ctx>,
    who: Who,
    Params(which): Params<Which>,
) -> Result<Json<List<Patient>>, Problem> {
    who.may(Right::SeePatients)?;
    who.scope.shows(which.ward.clone().map(|ward| BTreeSet::from([ward])))?;
    let board = http.board();
    there_are(&board, &which.ward)?;
    let limit = page_size(which.limit);
    let mut found: Vec<&PatientView> = board
        .patients
        .values()
        .map(AsRef::as_ref)
        .filter(|p| which.cursor.as_ref().is_none_or(|after| p.id > *after))
        .filter(|p| who.scope.has_patient(p))
        .filter(|p| which.discharged || p.discharged_at.is_none())
        .filter(|p| which.ward.is_none() || p.ward == which.ward)
        .take(limit + 1)
        .collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|p| p.id.to_string());
    let items = found.into_iter().map(|p| Patient::new(p, &board)).collect();
    Ok(Json(List { items, next, seq: board.seq }))
}

/// `GET patients/{id}`, with its version as `ETag`.
pub(crate) async fn get(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<PatientId>,
) -> Result<Response, Problem> {
    who.may(Right::SeePatients)?;
    let patient = find(&http, &who, &id)?;
    let body = Json(Patient::new(&patient, &http.board()));
    Ok(([(header::ETAG, etag(patient.version))], body).into_response())
}

/// `POST patients`: admit.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    Body(new): Body<NewPatient>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    let NewPatient { id, age_class, continuous, pregnant, bed } = new;
    let age_class = stated(age_class)?;
    may_admit(&http, &who, &id, bed.as_ref())?;
    let details = PatientDetails { id, age_class, continuous, bed, pregnant };
    ask_one(&http, &who, Action::AdmitPatient(details), StatusCode::CREATED).await
}

/// `POST patients/{id}/admit`: admit, or admit again.
pub(crate) async fn admit(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<PatientId>,
    Body(admission): Body<Admission>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    let Admission { age_class, continuous, pregnant, bed } = admission;
    let age_class = stated(age_class)?;
    may_admit(&http, &who, &id, bed.as_ref())?;
    let details = PatientDetails { id, age_class, continuous, bed, pregnant };
    ask_one(&http, &who, Action::AdmitPatient(details), StatusCode::OK).await
}

/// The age class of an admission, which decides what is judged: it is never assumed.
fn stated(age_class: Option<AgeClass>) -> Result<AgeClass, Problem> {
    age_class.ok_or_else(|| {
        let detail = "`age_class` is missing: `adult`, `paediatric`, `neonatal`, or `unknown` \
            where nobody knows it; limits for adults are not applied to an unknown age";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })
}

/// `PATCH patients/{id}`; `If-Match` names the version changed.
pub(crate) async fn change(
    State(http): State<Ctx>,
    who: Who,
    Id(patient): Id<PatientId>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &patient)?;
    let replaces = version_seen(&headers, "the patient")?;
    let Change { age_class, continuous, pregnant, spo2_scale, reason } = change;
    let action = Action::ChangePatient {
        patient,
        age_class,
        continuous,
        pregnant,
        replaces,
        spo2_scale,
        reason,
    };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// `POST patients/{id}/transfer`; `If-Match` names the version of the patient that was seen.
pub(crate) async fn transfer(
    State(http): State<Ctx>,
    who: Who,
    Id(patient): Id<PatientId>,
    headers: HeaderMap,
    Body(to): Body<Transfer>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &patient)?;
    into_own_bed(&http, &who, to.bed.as_ref())?;
    let replaces = version_seen(&headers, "the patient")?;
    let action = Action::TransferPatient { patient, bed: to.bed, replaces };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// `POST patients/{id}/discharge`; `If-Match` as above.
pub(crate) async fn discharge(
    State(http): State<Ctx>,
    who: Who,
    Id(patient): Id<PatientId>,
    headers: HeaderMap,
    Body(why): Body<Discharge>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &patient)?;
    let replaces = version_seen(&headers, "the patient")?;
    let action = Action::DischargePatient { patient, reason: why.reason, replaces };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// The patient, or 404: who is elsewhere is not there for whoever is bound to wards.
pub(crate) fn find(http: &Http, who: &Who, id: &PatientId) -> Result<Arc<PatientView>, Problem> {
    let known = http.board().patients.get(id).cloned();
    let own = known.filter(|patient| who.scope.has_patient(patient));
    own.ok_or_else(|| Problem::missing("patient", id))
}

/// Whether somebody may act on the patient, as far as wards say: whether there is one is the core's to answer.
pub(crate) fn within(http: &Http, who: &Who, id: &PatientId) -> Result<(), Problem> {
    if who.scope.has_named(&http.board(), id) {
        return Ok(());
    }
    Err(Problem::missing("patient", id))
}

/// Whoever is bound to wards admits into beds of them, and nobody who is elsewhere.
fn may_admit(http: &Http, who: &Who, id: &PatientId, bed: Option<&BedId>) -> Result<(), Problem> {
    let board = http.board();
    let present = board.patients.get(id).filter(|patient| patient.discharged_at.is_none());
    if present.is_some_and(|patient| !who.scope.has_patient(patient)) {
        who.may_everywhere(Right::ChangePatients, "a patient who is elsewhere")?;
    }
    into_own_bed(http, who, bed)
}

/// Whoever is bound to wards puts patients into beds of them: one in no bed, or elsewhere, would be out of sight.
fn into_own_bed(http: &Http, who: &Who, bed: Option<&BedId>) -> Result<(), Problem> {
    let board = http.board();
    let has = |bed: &BedId| {
        board
            .wards
            .iter()
            .any(|(ward, beds)| beds.contains(bed) && who.can_in(Right::ChangePatients, Some(ward)))
    };
    if bed.is_some_and(has) {
        Ok(())
    } else {
        who.may_everywhere(Right::ChangePatients, "any other bed, or none")
    }
}
