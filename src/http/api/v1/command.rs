//! What became of a command.

use serde::Serialize;

use super::alarm::Alarm;
use super::pause::Pause;
use vitalgate_domain::model::command::{self as domain, Outcome};
use vitalgate_domain::model::ids::AlarmId;

/// The answer to one command.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The alarm as it is now, for commands about alarms.
    pub alarm: Option<Alarm>,
    /// Why, or who had done it and when.
    pub detail: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The pause of a scope that was begun or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The version of what was changed; also the `ETag`.
    pub version: Option<u64>,
}

/// The answer to one of several commands about alarms.
#[derive(Debug, Serialize)]
pub struct AnswerOf {
    /// The alarm as it is now.
    pub alarm: Option<Alarm>,
    /// Why, or who had done it and when.
    pub detail: String,
    /// The alarm that the command was about.
    pub id: AlarmId,
    /// What became of it.
    pub outcome: Outcome,
    /// The HTTP status that the command alone would have been answered with.
    pub status: u16,
    /// The version of what was changed.
    pub version: Option<u64>,
}

impl From<domain::CommandAnswer> for Answer {
    fn from(answer: domain::CommandAnswer) -> Self {
        let domain::CommandAnswer { outcome, detail, alarm, version, pause } = answer;
        let pause = pause.map(|pause| Pause::new(pause, None));
        Self { alarm: alarm.map(Alarm::from), detail, outcome, pause, version }
    }
}

impl AnswerOf {
    /// Nobody was asked: whoever wants it may not answer this alarm.
    pub fn refused(id: AlarmId, status: u16, why: &str) -> Self {
        let (alarm, version, detail) = (None, None, why.to_owned());
        Self { alarm, detail, id, outcome: Outcome::NotFound, status, version }
    }

    /// The answer to the command about this alarm.
    pub fn new(id: AlarmId, status: u16, answer: domain::CommandAnswer) -> Self {
        let Answer { alarm, detail, outcome, version, pause: _ } = answer.into();
        Self { alarm, detail, id, outcome, status, version }
    }
}
