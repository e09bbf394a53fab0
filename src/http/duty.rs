//! `duty`: who is on duty now, and when nobody will be.

use axum::Json;
use axum::extract::State;

use super::api::v1::duty::Duty;
use super::auth::Who;
use super::error::Problem;
use super::rights::Right;
use super::state::Ctx;
use vitalgate_domain::model::duty::Team;

/// `GET duty`.
pub(crate) async fn list(State(http): State<Ctx>, who: Who) -> Result<Json<Duty>, Problem> {
    who.may(Right::SeeDuty)?;
    let now = http.app.handles.clock.wall();
    let own = |team: &Team| {
        team.wards.is_empty()
            || team.wards.iter().any(|ward| who.can_in(Right::SeeDuty, Some(ward)))
    };
    Ok(Json(match &http.board().duty {
        Some(plan) => Duty::at(plan, now, own),
        None => Duty { holes: Vec::new(), items: Vec::new(), until: None },
    }))
}
