//! The open alarm of a rule, and why nobody hears of it.

use super::View;
use crate::alarms::book::{Key, Open};
use crate::model::alarm::{self, Condition, Priority};
use crate::model::ids::{AlarmId, RuleId};
use crate::model::pause::{Pause, What};
use crate::model::time::Timestamp;

/// An open alarm, as far as a row speaks of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmSeen {
    /// Which.
    pub id: AlarmId,
    /// The word for lists.
    pub state: alarm::State,
    /// Whether it holds.
    pub condition: Condition,
    /// How serious.
    pub priority: Priority,
    /// When it was raised.
    pub raised_at: Timestamp,
}

/// Why nobody hears of an alarm of a rule, or would not.
#[derive(Clone, Debug, PartialEq)]
pub enum KeptBack {
    /// A person keeps its signals back.
    Paused(Inactive),
    /// It follows from another, whose id this is.
    Follows(String),
    /// It was announced twice within the hour: until then.
    Quiet(Timestamp),
    /// Its device makes so much news that this waits: until then, as far as is known.
    Budget(Option<Timestamp>),
    /// It is for the record.
    Information,
}

/// The signals of an alarm are kept back, or those of whatever begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Inactive {
    /// What of them.
    pub what: What,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Until when.
    pub until: Timestamp,
    /// It is of a scope: for whatever begins.
    pub scope: bool,
}

impl KeptBack {
    /// The word on the wire.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Paused(_) => "paused",
            Self::Follows(_) => "follows",
            Self::Quiet(_) => "quiet",
            Self::Budget(_) => "budget",
            Self::Information => "information",
        }
    }
}

impl From<&Open> for AlarmSeen {
    fn from(open: &Open) -> Self {
        let alarm = &open.alarm;
        Self {
            id: alarm.id.clone(),
            state: alarm.state,
            condition: alarm.condition,
            priority: alarm.priority,
            raised_at: alarm.raised_at,
        }
    }
}

impl View<'_> {
    /// Why nobody hears of the alarm of a key, or where there is none, of one that would begin now.
    pub(super) fn kept_back(self, rule: &RuleId, key: Option<&Key>) -> Vec<KeptBack> {
        let open = key.and_then(|key| self.patient.alarms.get(key).map(|open| (key, open)));
        let Some((key, open)) = open else { return self.under(rule).into_iter().collect() };
        let alarm = &open.alarm;
        let mut kept = Vec::new();
        if let Some(one) = &alarm.inactivation {
            let (what, by, reason) = (one.what, one.by.clone(), one.reason.clone());
            let scope = open.muted.as_ref().is_some_and(|muted| muted.under.is_some());
            kept.push(KeptBack::Paused(Inactive { what, by, reason, until: one.until, scope }));
        }
        kept.extend(alarm.group.clone().map(KeptBack::Follows));
        kept.extend(alarm.quiet_until.map(KeptBack::Quiet));
        if open.owed.is_some() {
            let until = self.patient.alarms.owed_until(key);
            kept.push(KeptBack::Budget(until.map(|at| self.now.shown(at))));
        }
        if alarm.priority == Priority::Info {
            kept.push(KeptBack::Information);
        }
        kept
    }

    /// The pause that whatever begins by a rule begins under.
    fn under(self, rule: &RuleId) -> Option<KeptBack> {
        let details = &self.patient.details;
        let pause =
            Pause::over(self.pauses, (rule, &details.id, details.bed.as_ref()), self.now.wall())?;
        Some(KeptBack::Paused(Inactive {
            what: What::Alarm,
            by: pause.by.clone(),
            reason: Some(pause.reason.clone()),
            until: pause.until,
            scope: true,
        }))
    }
}
