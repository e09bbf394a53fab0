//! `pauses`: what is paused before it begins, of a rule, a patient or a bed: the standing list, and the commands.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::api::v1::list::List;
use super::api::v1::pause::Pause;
use super::auth::Who;
use super::command::ask_one;
use super::error::Problem;
use super::extract::{Body, Id};
use super::rights::Right;
use super::scope::Scope as Wards;
use super::state::Ctx;
use crate::projection::view::Board;
use vitalgate_domain::model::command::Action;
use vitalgate_domain::model::ids::{BedId, PatientId, RuleId, WardId};
use vitalgate_domain::model::pause::Scope;
use vitalgate_domain::model::time::Timestamp;

/// A pause to be begun: of a rule, a patient or a bed, or of a rule with one of the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPause {
    rule: Option<RuleId>,
    patient: Option<PatientId>,
    bed: Option<BedId>,
    reason: String,
    until: Timestamp,
}

/// `GET pauses`: those that stand, the one that ends first first.
pub(crate) async fn list(State(http): State<Ctx>, who: Who) -> Result<Json<List<Pause>>, Problem> {
    who.may(Right::SeePatients)?;
    let board = http.board();
    let now = http.app.handles.clock.wall();
    let stand = board.pauses.iter().filter(|pause| pause.until > now);
    let own = stand.filter(|pause| is_shown(&who.scope, &board, &pause.scope));
    let mut items: Vec<Pause> = own
        .map(|pause| Pause::new(pause.clone(), ward_of(&board, &pause.scope).cloned()))
        .collect();
    items.sort_by_key(|pause| (pause.until, pause.id));
    Ok(Json(List { items, next: None, seq: board.seq }))
}

/// `POST pauses`.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    Body(new): Body<NewPause>,
) -> Result<Response, Problem> {
    who.may(Right::AnswerAlarms)?;
    let NewPause { rule, patient, bed, reason, until } = new;
    let scope = Scope { rule, patient, bed };
    is_own(&who, &http.board(), &scope)?;
    ask_one(&http, &who, Action::Pause { scope, reason, until }, StatusCode::CREATED).await
}

/// `DELETE pauses/{id}`: ends it, and that of what began under it.
pub(crate) async fn end(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<u64>,
) -> Result<Response, Problem> {
    who.may(Right::AnswerAlarms)?;
    let board = http.board();
    if let Some(pause) = board.pauses.iter().find(|pause| pause.id == id) {
        if !is_shown(&who.scope, &board, &pause.scope) {
            return Err(Problem::missing("pause", &id));
        }
        is_own(&who, &board, &pause.scope)?;
    }
    ask_one(&http, &who, Action::EndPause { id }, StatusCode::OK).await
}

/// The ward that a pause is for now; `None` where it is for a rule, or for who or what is in no ward.
fn ward_of<'a>(board: &'a Board, scope: &Scope) -> Option<&'a WardId> {
    if let Some(patient) = &scope.patient {
        return board.patients.get(patient)?.ward.as_ref();
    }
    let bed = scope.bed.as_ref()?;
    board.wards.iter().find(|(_, beds)| beds.contains(bed)).map(|(ward, _)| ward)
}

/// Whether somebody is shown the pause: of his own wards, or of a rule, which is everybody's.
fn is_shown(own: &Wards, board: &Board, scope: &Scope) -> bool {
    let everybodys = scope.patient.is_none() && scope.bed.is_none();
    everybodys || own.has(ward_of(board, scope))
}

/// Whoever is bound to wards pauses, and ends, what is for them alone.
fn is_own(who: &Who, board: &Board, scope: &Scope) -> Result<(), Problem> {
    match (&scope.patient, &scope.bed) {
        (None, None) => who.may_everywhere(Right::AnswerAlarms, "a rule of every ward"),
        _ if who.can_in(Right::AnswerAlarms, ward_of(board, scope)) => Ok(()),
        (Some(patient), _) => Err(Problem::missing("patient", patient)),
        (None, Some(bed)) => Err(Problem::missing("bed", bed)),
    }
}
