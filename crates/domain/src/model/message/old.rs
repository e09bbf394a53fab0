//! What of a message may be older than it is kept.

use minicbor::{Decode, Encode};

use super::{DeadLetter, Message, RefusalReason};
use crate::model::time::Span;

/// So many entries are named in a dead letter.
const NAMED: usize = 16;

/// What of a backlog is, by its own stamps, older than it is kept. Whether it is by its corrected times as well the
/// core decides, which knows them; what else the dead letter of it says stands here.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OldByStamp {
    /// The entries, by their places in the message, and how long each is kept.
    #[n(0)]
    pub kept: Vec<(u32, Span)>,
    /// The topic, at most 256 bytes.
    #[n(1)]
    pub topic: String,
    /// How long the payload was.
    #[n(2)]
    pub length: u64,
    /// Its first bytes, at most 1 KiB.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub head: Vec<u8>,
}

impl Message {
    /// How long an entry is kept that by its own stamp is older.
    pub(crate) fn kept_of_old(&self, index: u32) -> Option<Span> {
        let kept = &self.old.as_ref()?.kept;
        kept.iter().find(|(old, _)| *old == index).map(|(_, kept)| *kept)
    }

    /// The dead letter of entries that are too old.
    pub(crate) fn dead_letter_of_old(&self, mut entries: Vec<u32>) -> Option<DeadLetter> {
        let OldByStamp { kept: _, topic, length, head } = &**self.old.as_ref()?;
        entries.sort_unstable();
        let named: Vec<String> = entries.iter().take(NAMED).map(u32::to_string).collect();
        let more = if entries.len() > NAMED { ", …" } else { "" };
        let reason = format!(
            "{}: {} older than kept: {}{more}",
            RefusalReason::TooOld.as_str(),
            entries.len(),
            named.join(", "),
        );
        Some(DeadLetter {
            principal: self.principal.clone(),
            device: Some(self.device.clone()),
            topic: topic.clone(),
            kind: Some(self.body.kind()),
            reason,
            length: *length,
            head: head.clone(),
        })
    }
}
