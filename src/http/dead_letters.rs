//! `dead-letters`: what was refused, and for those who may see values its first bytes.

use axum::Json;
use axum::extract::State;
use data_encoding::{BASE64, HEXLOWER};
use ring::hmac;
use serde::Deserialize;

use super::api::v1::dead_letter::DeadLetter;
use super::api::v1::list::List;
use super::auth::Who;
use super::error::Problem;
use super::extract::{Params, page_size};
use super::rights::{Place, Right, can};
use super::state::{Ctx, Http};
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
    who.may_everywhere(Right::SeeDeadLetters, "what was refused of all senders")?;
    let limit = page_size(which.limit);
    let (device, before) = (which.device.clone(), which.cursor);
    let letters =
        http.read_log(move |reader| reader.dead_letters(device.as_ref(), before, limit)).await?;
    // What nobody registered is refused under its own name, too.
    let nowhere = |id: &DeviceId| letters.is_empty() && !http.board().devices.contains_key(id);
    if let Some(id) = which.device.filter(|id| before.is_none() && nowhere(id)) {
        return Err(Problem::missing("device", &id));
    }
    let next =
        letters.last().filter(|_| letters.len() == limit).map(|letter| letter.id.to_string());
    let sees_values = can(&who, Right::SeePatients, Place::Somewhere);
    let items = letters.into_iter().map(|letter| shown(&http, letter, sees_values)).collect();
    Ok(Json(List { items, next, seq: http.board().seq }))
}

fn shown(http: &Http, letter: DeadLetterRow, sees_values: bool) -> DeadLetter {
    DeadLetter {
        at: letter.at,
        device: letter.device,
        head_base64: sees_values.then(|| BASE64.encode(&letter.head)),
        head_digest: HEXLOWER.encode(hmac::sign(&http.letters, &letter.head).as_ref()),
        id: letter.id,
        kind: None,
        length: letter.length,
        principal: letter.principal,
        reason: letter.reason,
        topic: letter.topic,
    }
}
