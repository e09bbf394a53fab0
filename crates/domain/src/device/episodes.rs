//! Which events a device has reported already (contract §2, `events`).

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::model::message::Phase;
use crate::model::time::Timestamp;

/// Episodes remembered by device; implants repeat a few, for days.
const REMEMBERED: usize = 256;

/// The episodes one device has reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Episodes {
    #[n(0)]
    reported: BTreeMap<EpisodeKey, Reported>,
}

/// What makes an event the same event: the device's own number of it, else its time by the device's
/// clock, else its place in the device's messages, else its arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) enum EpisodeKey {
    /// Event and id.
    #[n(0)]
    Numbered(#[n(0)] String, #[n(1)] String),
    /// Event and time.
    #[n(1)]
    Timed(#[n(0)] String, #[n(1)] Timestamp),
    /// Event; boot, number and index of its message.
    #[n(2)]
    Placed(#[n(0)] String, #[n(1)] Option<u64>, #[n(2)] u64, #[n(3)] u32),
    /// Event, arrival and index.
    #[n(3)]
    Arrived(#[n(0)] String, #[n(1)] Timestamp, #[n(2)] u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Reported {
    #[n(0)]
    phase: u8,
    #[n(1)]
    last_reported: Timestamp,
}

impl Episodes {
    /// Whether this is news; a repetition only refreshes "last reported".
    pub(super) fn is_news(&mut self, key: EpisodeKey, phase: Phase, now: Timestamp) -> bool {
        let rank = match phase {
            Phase::Single | Phase::Start => 1,
            Phase::Update => 2,
            Phase::End => 3,
        };
        if let Some(reported) = self.reported.get_mut(&key) {
            reported.last_reported = now;
            let news = rank > reported.phase;
            reported.phase = reported.phase.max(rank);
            return news;
        }
        if self.reported.len() >= REMEMBERED {
            let oldest = self.reported.iter().min_by_key(|(_, t)| t.last_reported);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.reported.remove(&oldest);
            }
        }
        self.reported.insert(key, Reported { phase: rank, last_reported: now });
        true
    }
}
