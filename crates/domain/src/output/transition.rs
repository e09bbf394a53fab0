//! What the core puts out: the alarm log, the SSE log and the delivery outbox in one.

use minicbor::{Decode, Encode};

use crate::model::alarm::Alarm;
use crate::model::command::CommandAnswer;
use crate::model::ids::{DeviceId, PatientId};
use crate::model::input::FailedSignIns;
use crate::model::time::Timestamp;
use crate::output::context::AlarmContext;

/// One transition. `seq` rises by one and is never used again in a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Its number.
    pub seq: u64,
    /// When, by the shown clock (`at + offset`).
    pub at: Timestamp,
    /// What.
    pub body: TransitionBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum TransitionBody {
    /// The answer to a command, always the first it makes.
    Answer {
        /// Who asked.
        actor: String,
        /// What was asked, one word: `acknowledge`, `bind`, …
        asked: &'static str,
        /// What became of it.
        answer: Box<CommandAnswer>,
    },
    /// An alarm moved.
    Alarm {
        /// Which row of contract §5, or what else: `raised`, `ended`, `unknown`, …
        change: Change,
        /// The actor, where a person moved it.
        actor: Option<String>,
        /// The alarm as it is now.
        alarm: Box<Alarm>,
        /// What it was judged by, where it was raised just now.
        context: Option<Box<AlarmContext>>,
    },
    /// Somebody published under a name that was not his to speak for; for the audit.
    NotAllowed {
        /// Who; `None` for several.
        principal: Option<DeviceId>,
        /// Under whose name; `None` for several, or none.
        name: Option<DeviceId>,
        /// To which topic, where that names no device; escaped and cut.
        topic: Option<String>,
        /// How often since then.
        count: u64,
        /// When it was tried first.
        since: Timestamp,
    },
    /// Somebody could not prove who they are, or may not connect; for the audit.
    SignInsFailed(Box<FailedSignIns>),
    /// Something of note that is no alarm: a late finding, a pending delay lost, a clock step.
    Note {
        /// Whom it concerns.
        patient: Option<PatientId>,
        /// Likewise.
        device: Option<DeviceId>,
        /// One word.
        what: &'static str,
        /// One sentence.
        text: String,
    },
}

/// How an alarm moved; the words are stored and tested by name (contract §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Change {
    /// Row 1: raised.
    #[n(0)]
    Raised,
    /// Rows 4, 8, 11: its condition ended and it is closed.
    #[n(1)]
    Ended,
    /// Row 5: its condition ended and it stays until a person looks.
    #[n(2)]
    Latched,
    /// Row 6: input lost.
    #[n(3)]
    Unknown,
    /// Row 7: data are back and the condition holds.
    #[n(4)]
    BackPresent,
    /// Row 8: data are back and the condition is over, latching.
    #[n(5)]
    BackAbsent,
    /// Row 9.
    #[n(6)]
    Acknowledged,
    /// Row 10: the acknowledgement ran out.
    #[n(7)]
    AcknowledgementOver,
    /// Row 12: the priority rose.
    #[n(8)]
    PriorityRose,
    /// Rows 12 and 20: again.
    #[n(9)]
    Recurred,
    /// Row 13.
    #[n(10)]
    Unacknowledged,
    /// Row 19.
    #[n(11)]
    Reset,
    /// Row 22.
    #[n(12)]
    LimitChanged,
    /// Row 23.
    #[n(13)]
    RuleChanged,
    /// Row 24: its source is unbound.
    #[n(14)]
    SourceUnbound,
    /// Row 24: another source took over.
    #[n(15)]
    SourceReplaced,
    /// Row 25.
    #[n(16)]
    Discharged,
    /// Row 26.
    #[n(17)]
    Retracted,
    /// Low and info events after 24 h.
    #[n(18)]
    Expired,
    /// Words or members changed, nothing else.
    #[n(19)]
    Updated,
    /// Another version of the core judges otherwise than was announced.
    #[n(20)]
    Upgraded,
    /// The patient lies elsewhere now.
    #[n(21)]
    Moved,
    /// What it followed from is over.
    #[n(22)]
    Unfolded,
    /// Somebody was told, for the first time or again.
    #[n(40)]
    Notified,
    /// Nobody is there to be told.
    #[n(41)]
    Unassigned,
    /// All were told, and nobody takes it.
    #[n(42)]
    Exhausted,
    /// Somebody takes it.
    #[n(43)]
    Accepted,
    /// Who was asked does not take it.
    #[n(44)]
    Rejected,
    /// Who had it gives it back.
    #[n(45)]
    Released,
    /// Somebody takes it over from another.
    #[n(46)]
    HandedOver,
    /// The shift of who had it is over.
    #[n(47)]
    ShiftOver,
    /// It arrived at somebody, or could not.
    #[n(48)]
    Received,
    /// Who has it hands it over to somebody, who has not taken it yet.
    #[n(49)]
    Offered,
    /// Row 14, and what began under a pause keeps `Raised`.
    #[n(23)]
    Paused,
    /// Row 14.
    #[n(24)]
    SwitchedOff,
    /// Row 15.
    #[n(25)]
    PauseOver,
    /// The pause of what was over is at its end.
    #[n(26)]
    Resumed,
    /// Row 16: what was over meanwhile is told at the end of its pause.
    #[n(27)]
    EndedWhilePaused,
    /// It is still switched off.
    #[n(28)]
    Reminded,
    /// Somebody said something of it.
    #[n(29)]
    Commented,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 40] = [
        Self::Raised,
        Self::Ended,
        Self::Latched,
        Self::Unknown,
        Self::BackPresent,
        Self::BackAbsent,
        Self::Acknowledged,
        Self::AcknowledgementOver,
        Self::PriorityRose,
        Self::Recurred,
        Self::Unacknowledged,
        Self::Reset,
        Self::LimitChanged,
        Self::RuleChanged,
        Self::SourceUnbound,
        Self::SourceReplaced,
        Self::Discharged,
        Self::Retracted,
        Self::Expired,
        Self::Updated,
        Self::Upgraded,
        Self::Moved,
        Self::Unfolded,
        Self::Notified,
        Self::Unassigned,
        Self::Exhausted,
        Self::Accepted,
        Self::Rejected,
        Self::Released,
        Self::HandedOver,
        Self::ShiftOver,
        Self::Received,
        Self::Offered,
        Self::Paused,
        Self::SwitchedOff,
        Self::PauseOver,
        Self::Resumed,
        Self::EndedWhilePaused,
        Self::Reminded,
        Self::Commented,
    ];

    /// The change of a stored word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == word)
    }

    /// Whether the alarm is announced with it, anew or for the first time.
    pub const fn announces(self) -> bool {
        match self {
            Self::Raised
            | Self::BackPresent
            | Self::AcknowledgementOver
            | Self::PriorityRose
            | Self::Recurred
            | Self::Unacknowledged
            | Self::Unfolded
            | Self::PauseOver => true,
            Self::Ended
            | Self::Latched
            | Self::Unknown
            | Self::BackAbsent
            | Self::Acknowledged
            | Self::Reset
            | Self::LimitChanged
            | Self::RuleChanged
            | Self::SourceUnbound
            | Self::SourceReplaced
            | Self::Discharged
            | Self::Retracted
            | Self::Expired
            | Self::Updated
            | Self::Upgraded
            | Self::Moved
            | Self::Notified
            | Self::Unassigned
            | Self::Exhausted
            | Self::Accepted
            | Self::Rejected
            | Self::Released
            | Self::HandedOver
            | Self::ShiftOver
            | Self::Received
            | Self::Offered
            | Self::Paused
            | Self::SwitchedOff
            | Self::Resumed
            | Self::EndedWhilePaused
            | Self::Reminded
            | Self::Commented => false,
        }
    }

    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Ended => "ended",
            Self::Latched => "latched",
            Self::Unknown => "unknown",
            Self::BackPresent => "back_present",
            Self::BackAbsent => "back_absent",
            Self::Acknowledged => "acknowledged",
            Self::AcknowledgementOver => "acknowledgement_over",
            Self::PriorityRose => "priority_rose",
            Self::Recurred => "recurred",
            Self::Unacknowledged => "unacknowledged",
            Self::Reset => "reset",
            Self::LimitChanged => "limit_changed",
            Self::RuleChanged => "rule_changed",
            Self::SourceUnbound => "source_unbound",
            Self::SourceReplaced => "source_replaced",
            Self::Discharged => "discharged",
            Self::Retracted => "retracted",
            Self::Expired => "expired",
            Self::Updated => "updated",
            Self::Upgraded => "upgraded",
            Self::Moved => "moved",
            Self::Unfolded => "unfolded",
            Self::Notified => "notified",
            Self::Unassigned => "unassigned",
            Self::Exhausted => "exhausted",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Released => "released",
            Self::HandedOver => "handed_over",
            Self::ShiftOver => "shift_over",
            Self::Received => "received",
            Self::Offered => "offered",
            Self::Paused => "paused",
            Self::SwitchedOff => "off",
            Self::PauseOver => "pause_over",
            Self::Resumed => "resumed",
            Self::EndedWhilePaused => "ended_while_paused",
            Self::Reminded => "reminded",
            Self::Commented => "commented",
        }
    }
}
