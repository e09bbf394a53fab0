//! `audit`: who did what and when, and who tried what he may not. No patient is named.

use axum::Json;
use axum::extract::State;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Right, Who};
use super::error::Problem;
use super::extract::{List, Params, page_size};
use super::ports::Act;
use super::state::Ctx;

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
) -> Result<Json<List<Value>>, Problem> {
    who.may(Right::SeeAudit)?;
    let limit = page_size(which.limit);
    let acts = http.read_log(move |log| log.audit(which.cursor, limit)).await?;
    let next = acts.last().filter(|_| acts.len() == limit).map(|act| act.seq.to_string());
    let items = acts.iter().map(shown).collect();
    Ok(Json(List { items, next, seq: http.board().seq }))
}

fn shown(act: &Act) -> Value {
    let tried = act.tried.as_deref().map(serde_json::from_str::<Value>);
    json!({
        "seq": act.seq,
        "at": act.at,
        "actor": act.actor,
        "what": act.what,
        "outcome": act.outcome,
        "tried": tried.and_then(Result::ok),
        "hash": HEXLOWER.encode(&act.hash),
        "chain": HEXLOWER.encode(&act.chain),
    })
}
