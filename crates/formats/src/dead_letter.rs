//! Dead letters: what was refused, why, and how it began.

use super::Request;
use super::fields::cut;
use vitalgate_domain::model::message::{DeadLetter, OldByStamp, Refused};
use vitalgate_domain::model::time::Span;

/// So much of the payload is kept.
const HEAD: usize = 1_024;
const MAX_TOPIC: usize = 256;
const MAX_REASON: usize = 512;

/// The dead letter of a message.
pub(super) fn of(request: &Request<'_>, reason: &str) -> DeadLetter {
    DeadLetter {
        principal: request.principal.clone(),
        device: Some(request.device.clone()),
        topic: cut(request.topic, MAX_TOPIC).to_owned(),
        kind: Some(request.kind),
        reason: cut(reason, MAX_REASON).to_owned(),
        length: request.payload.len() as u64,
        head: request.payload[..request.payload.len().min(HEAD)].to_vec(),
    }
}

/// What the dead letter of a backlog says of entries that are older than they are kept.
pub(super) fn of_old(request: &Request<'_>, kept: Vec<(u32, Span)>) -> OldByStamp {
    let DeadLetter { topic, length, head, .. } = of(request, "");
    OldByStamp { kept, topic, length, head }
}

/// One line for the entries refused: how many of how many, then each with its reason, as many as
/// fit. `None` if none was.
pub(super) fn summary(entry: &str, total: usize, refused: &[Refused]) -> Option<String> {
    if refused.is_empty() {
        return None;
    }
    let mut line = format!("{} of {total} refused", refused.len());
    for (n, one) in refused.iter().enumerate() {
        let part = format!("; {entry} {}: {}: {}", one.index, one.reason.as_str(), one.detail);
        if line.len() + part.len() > MAX_REASON - 20 {
            return Some(format!("{line}; {} more", refused.len() - n));
        }
        line.push_str(&part);
    }
    Some(line)
}
