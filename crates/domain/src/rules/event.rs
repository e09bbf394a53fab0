//! Event rules: what a device's own event is worth.

use serde::Deserialize;
use toml::Spanned;

use super::{BadRules, Text};
use crate::model::alarm::{AlarmKind, Priority, Response};
use crate::model::ids::RuleId;
use crate::model::signal::{SignalId, SignalTable};
use crate::model::time::Span;

/// What an event is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRule {
    /// Its name.
    pub id: RuleId,
    /// The events it answers to; `*` for all that no other rule names.
    pub events: Vec<String>,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// Of the patient or of the equipment.
    pub kind: AlarmKind,
    /// What to read out.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
    /// Announced however old it is (contract §3).
    pub always_notify: bool,
    /// Up to this age a late event is an alarm, beyond it a finding.
    pub actionable: Span,
    /// What follows from it: alarms over these signals are shown and not announced while it is known to be present.
    pub folds: Vec<SignalId>,
}

impl EventRule {
    /// The name of an event that the rule does not name itself.
    pub fn unnamed<'a>(&self, event: &'a str) -> Option<&'a str> {
        self.events.iter().all(|named| named != event).then_some(event)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
    events: Vec<String>,
    priority: Priority,
    response: Response,
    #[serde(default = "physiological")]
    kind: AlarmKind,
    text: String,
    #[serde(default)]
    advice: Option<String>,
    #[serde(default)]
    always_notify: bool,
    #[serde(default = "a_day")]
    actionable: Span,
    #[serde(default)]
    folds: Vec<Spanned<String>>,
}

fn physiological() -> AlarmKind {
    AlarmKind::Physiological
}

fn a_day() -> Span {
    Span::hours(24)
}

impl Entry {
    pub(super) fn rule(self, text: Text<'_>, signals: &SignalTable) -> Result<EventRule, BadRules> {
        Ok(EventRule {
            folds: text.signals(&self.folds, signals)?,
            id: self.id.into_inner(),
            events: self.events,
            priority: self.priority,
            response: self.response,
            kind: self.kind,
            text: self.text,
            advice: self.advice,
            always_notify: self.always_notify,
            actionable: self.actionable,
        })
    }
}
