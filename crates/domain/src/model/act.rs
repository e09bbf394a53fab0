//! What a person does with one alarm.

use minicbor::{Decode, Encode};

use super::pause::What;
use super::time::Timestamp;

/// What a person does with an alarm (rows 9, 13 to 15, 18 and 19 of contract §5).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum AlarmAct {
    /// Take note.
    #[n(0)]
    Acknowledge,
    /// Take it back.
    #[n(1)]
    Unacknowledge,
    /// End a latched or momentary alarm, or with a reason one whose condition is unknown.
    #[n(2)]
    Reset {
        /// Needed while the condition is unknown.
        #[n(0)]
        reason: Option<String>,
    },
    /// Keep its signals back for a while.
    #[n(3)]
    Pause {
        /// What of them.
        #[n(0)]
        what: What,
        /// Why.
        #[n(1)]
        reason: Option<String>,
        /// Until when, by the shown clock; `None` is as long as its priority allows.
        #[n(2)]
        until: Option<Timestamp>,
    },
    /// Keep them back for as long as the reason for it lasts.
    #[n(4)]
    Off {
        /// What of them.
        #[n(0)]
        what: What,
        /// Why; it is needed.
        #[n(1)]
        reason: Option<String>,
        /// Until when, by the shown clock; it is needed.
        #[n(2)]
        until: Option<Timestamp>,
    },
    /// Keep them back no more.
    #[n(5)]
    Resume,
    /// Say something of it.
    #[n(6)]
    Comment {
        /// What.
        #[n(0)]
        text: String,
    },
}

impl AlarmAct {
    /// Its word in the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Unacknowledge => "unacknowledge",
            Self::Reset { .. } => "reset",
            Self::Pause { .. } => "pause",
            Self::Off { .. } => "off",
            Self::Resume => "resume",
            Self::Comment { .. } => "comment",
        }
    }
}
