//! `audit`: who did what and when, and who tried what was not allowed. No patient is named.

use axum::Json;
use axum::extract::State;
use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::api::v1;
use super::api::v1::list::List;
use super::auth::Who;
use super::error::Problem;
use super::extract::{Params, page_size};
use super::rights::Right;
use super::state::Ctx;
use crate::pipeline::stored::{self, StoredRefusal};
use vitalgate_store::reader::ActRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    cursor: Option<u64>,
    limit: Option<usize>,
}

/// `GET audit`, newest first.
pub(crate) async fn list(
    State(http): State<Ctx>,
    who: Who,
    Params(which): Params<Which>,
) -> Result<Json<List<v1::audit::Act>>, Problem> {
    who.may_everywhere(Right::SeeAudit, "the audit")?;
    let limit = page_size(which.limit);
    let acts = http.read_log(move |reader| reader.audit(which.cursor, limit)).await?;
    let next = acts.last().filter(|_| acts.len() == limit).map(|act| act.seq.to_string());
    let items = acts.into_iter().map(shown).collect();
    Ok(Json(List { items, next, seq: http.board().seq }))
}

fn shown(act: ActRow) -> v1::audit::Act {
    let ActRow { seq, at, actor, what, outcome, tried, hash, chain } = act;
    v1::audit::Act {
        actor,
        at,
        chain: HEXLOWER.encode(&chain),
        hash: HEXLOWER.encode(&hash),
        outcome,
        seq,
        tried: tried.and_then(|body| stored::refusal(&body).ok()).map(refusal),
        what,
    }
}

fn refusal(refused: StoredRefusal) -> v1::audit::Refusal {
    let StoredRefusal { principal, name, topic, way, address, why, count, since } = refused;
    v1::audit::Refusal { address, count, name, principal, since, topic, way, why }
}
