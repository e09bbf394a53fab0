//! `dead-letters`: what was refused, with its first bytes.

use axum::Json;
use axum::extract::State;
use data_encoding::BASE64;
use serde::Deserialize;

use super::api::v1::dead_letter::DeadLetter;
use super::api::v1::list::List;
use super::auth::{Right, Who};
use super::error::Problem;
use super::extract::{Params, page_size};
use super::state::Ctx;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_store::reader::DeadLetterRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    device: Option<DeviceId>,
    cursor: Option<u64>,
    limit: Option<usize>,
}

/// `GET dead-letters`, newest first.
pub(crate) async fn list(
    State(http): State<Ctx>,
    who: Who,
    Params(which): Params<Which>,
) -> Result<Json<List<DeadLetter>>, Problem> {
    who.may(Right::SeeDeadLetters)?;
    let limit = page_size(which.limit);
    let (device, before) = (which.device, which.cursor);
    let letters =
        http.read_log(move |reader| reader.dead_letters(device.as_ref(), before, limit)).await?;
    let next =
        letters.last().filter(|_| letters.len() == limit).map(|letter| letter.id.to_string());
    let items = letters.into_iter().map(shown).collect();
    Ok(Json(List { items, next, seq: http.board().seq }))
}

fn shown(letter: DeadLetterRow) -> DeadLetter {
    DeadLetter {
        at: letter.at,
        device: letter.device,
        head_base64: BASE64.encode(&letter.head),
        id: letter.id,
        kind: None,
        length: letter.length,
        principal: letter.principal,
        reason: letter.reason,
        topic: letter.topic,
    }
}
