//! The story of an alarm: what it was raised on, how it moved, who was asked, and what was told to whom.

use serde::Serialize;

use super::alarm::{Alarm, Inactivation};
use super::limits::LimitInForce;
use vitalgate_domain::model::alarm::{Condition, Priority, State};
use vitalgate_domain::model::ids::{ChannelId, DutyRole, TeamId};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::responsibility::Assignment;
use vitalgate_domain::model::sample::flag;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::point::Point;

/// `GET alarms/{id}`: an alarm, its story, and what it was raised on.
#[derive(Debug, Serialize)]
pub struct AlarmStory {
    /// The alarm; `null` where its stored body cannot be read.
    pub alarm: Option<Alarm>,
    /// Everything that was told of it, to a person or by a channel that is nobody's in particular, in the order in which it
    /// was told.
    pub deliveries: Vec<Delivery>,
    /// Every step of its ladder, oldest first: whenever it was somebody else's, or otherwise.
    pub ladder: Vec<Step>,
    /// The limits in force when it was raised; `null` where they cannot be read.
    pub limits: Option<Vec<LimitInForce>>,
    /// The last readings before it was raised, oldest first.
    pub readings: Vec<Reading>,
    /// Every transition, oldest first.
    pub transitions: Vec<Transition>,
}

/// One move of an alarm. What the alarm was then is `null` where its stored body cannot be read.
#[derive(Debug, Serialize)]
pub struct Transition {
    /// Who moved it, where a person did.
    pub actor: Option<String>,
    /// When.
    pub at: Timestamp,
    /// How it moved: `raised`, `acknowledged`, `closed`, …
    pub change: String,
    /// Why it was closed.
    pub closed_reason: Option<String>,
    /// What the actor said of it, where that is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether what raised it held then.
    pub condition: Option<Condition>,
    /// Why the condition was unknown, doubtful or silent.
    pub condition_reason: Option<String>,
    /// How its signals were kept back then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactivation: Option<Inactivation>,
    /// How serious it was then.
    pub priority: Option<Priority>,
    /// The number of the transition.
    pub seq: u64,
    /// The state after the move.
    pub state: Option<State>,
    /// What to read out.
    pub text: Option<String>,
}

/// A reading that an alarm was raised on.
#[derive(Debug, Serialize)]
pub struct Reading {
    /// When it was measured, corrected.
    pub at: Timestamp,
    /// Where the device only knew a bound: the true value lies on this side of `value`.
    pub comparator: Option<Comparator>,
    /// What else is known of it: `late`, `not_judged`, …
    pub flags: Vec<&'static str>,
    /// From when on it was measured, where it is over a period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it reached the gateway.
    pub received_at: Timestamp,
    /// The unit that the device sent.
    pub unit: Unit,
    /// The value, in `unit`.
    pub value: f64,
}

/// A step of the ladder: who answers for the alarm from then on.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Who did that, where a person did.
    pub actor: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What happened: `raised`, `notified`, `accepted`, …
    pub change: String,
    /// When it goes on to somebody else.
    pub deadline: Option<Timestamp>,
    /// To whom it is handed over, until that person takes it.
    pub offered: Option<String>,
    /// Who is asked, or has it.
    pub person: Option<String>,
    /// As what.
    pub role: Option<DutyRole>,
    /// The number of the transition.
    pub seq: u64,
    /// How far it has come.
    pub state: Assignment,
    /// The step of the ladder, from 1 on.
    pub step: Option<u32>,
    /// Whose ladder it is.
    pub team: Option<TeamId>,
}

/// Something was told, or is to be.
#[derive(Debug, Serialize)]
pub struct Delivery {
    /// When it was to be told.
    pub at: Timestamp,
    /// By which channel; `null` on the stream.
    pub channel: Option<ChannelId>,
    /// What came of it: `shown`, `waiting`, `taken`, `failed`, `received`, or `given up: …` and why.
    pub result: String,
    /// The transition that was told.
    pub seq: u64,
    /// When the channel took it, or gave it up; `null` until then, on the stream, and where an older version told it.
    pub settled_at: Option<Timestamp>,
    /// To whom; `null` by a channel that is nobody's in particular.
    pub to: Option<String>,
    /// How often it was sent until then; `null` as `settled_at`.
    pub tries: Option<u32>,
}

impl From<&Point> for Reading {
    fn from(point: &Point) -> Self {
        Self {
            at: point.at,
            comparator: flag::comparator(point.flags),
            flags: flag::words(point.flags).collect(),
            from: point.from(),
            received_at: point.received,
            unit: point.unit,
            value: point.value,
        }
    }
}
