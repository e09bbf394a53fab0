//! Who answers for an alarm, as everybody sees it (contract §5). How it moves is in `alarms/responsibility.rs`.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{ChannelId, DutyRole, TeamId};
use super::time::Timestamp;

/// How far an alarm has found somebody.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// Nobody is asked: it is not for that, or nothing is announced.
    #[n(0)]
    None,
    /// Nobody is known to have heard of it yet.
    #[n(1)]
    Unassigned,
    /// Somebody was told.
    #[n(2)]
    Notified,
    /// Somebody takes care of it.
    #[n(3)]
    Accepted,
    /// All were told, and nobody takes it.
    #[n(4)]
    Exhausted,
    /// It is over.
    #[n(5)]
    Ended,
}

/// Who answers for an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Responsibility {
    /// How far it has come.
    #[n(0)]
    pub state: Assignment,
    /// Whose ladder it is.
    #[n(1)]
    pub team: Option<TeamId>,
    /// The step of it, from 1 on.
    #[n(2)]
    pub step: Option<u32>,
    /// As what somebody is asked, or was who has it.
    #[n(3)]
    pub role: Option<DutyRole>,
    /// Who is asked, or has it.
    #[n(4)]
    pub person: Option<String>,
    /// Since when it is so.
    #[n(5)]
    pub since: Timestamp,
    /// When it goes on to somebody else.
    #[n(6)]
    pub deadline: Option<Timestamp>,
    /// Who was told by which channel, each as of the last time.
    #[n(7)]
    pub told: Vec<Told>,
    /// To whom it is handed over, until that person takes it.
    #[n(8)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
}

/// Somebody was told by a channel.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Told {
    /// Who, or as what.
    #[n(0)]
    pub to: String,
    /// By which channel; `None` on the stream.
    #[n(1)]
    pub channel: Option<ChannelId>,
    /// When.
    #[n(2)]
    pub at: Timestamp,
    /// What came of it.
    #[n(3)]
    pub result: Delivery,
    /// The transition that told it.
    #[n(4)]
    pub seq: u64,
}

/// What came of telling somebody.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// There is no channel: it is shown on the stream.
    #[n(0)]
    Shown,
    /// The channel has not taken it yet.
    #[n(1)]
    Waiting,
    /// The channel took it.
    #[n(2)]
    Taken,
    /// The channel did not take it.
    #[n(3)]
    Failed,
    /// The person says so.
    #[n(4)]
    Received,
}

impl Responsibility {
    /// Of nobody yet.
    pub(crate) fn of_nobody(since: Timestamp) -> Self {
        Self {
            state: Assignment::None,
            team: None,
            step: None,
            role: None,
            person: None,
            since,
            deadline: None,
            told: Vec::new(),
            offered: None,
        }
    }

    /// Whether somebody was told by a channel at transition `seq`.
    pub fn calls_by(&self, channel: &ChannelId, seq: u64) -> bool {
        self.told.iter().any(|told| told.channel.as_ref() == Some(channel) && told.seq == seq)
    }

    /// Whether somebody was told by a channel at all.
    pub fn was_told_by(&self, channel: &ChannelId) -> bool {
        self.told.iter().any(|told| told.channel.as_ref() == Some(channel))
    }
}
