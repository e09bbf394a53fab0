//! Count rules: so many of a device's own events within a span.

use serde::Deserialize;
use toml::Spanned;

use super::{BadRules, Text};
use crate::model::alarm::{Priority, Response};
use crate::model::ids::RuleId;
use crate::model::time::Span;

/// How often an event may come.
#[derive(Clone, Debug, PartialEq)]
pub struct CountRule {
    /// Its name.
    pub id: RuleId,
    /// The events it counts, each episode once.
    pub events: Vec<String>,
    /// So many of them are too many.
    pub times: usize,
    /// Within so long, from the first to the last.
    pub within: Span,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// What to read out.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
    /// Announced however old the last of them is (contract §3).
    pub always_notify: bool,
    /// Up to this age of the last of them it is an alarm, beyond it a finding.
    pub actionable: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
    events: Spanned<Vec<String>>,
    times: Spanned<usize>,
    within: Spanned<Span>,
    priority: Priority,
    response: Response,
    text: String,
    #[serde(default)]
    advice: Option<String>,
    #[serde(default)]
    always_notify: bool,
    #[serde(default = "a_day")]
    actionable: Span,
}

fn a_day() -> Span {
    Span::hours(24)
}

/// More of one device are not remembered.
const MOST: usize = 100;
/// Nor for longer.
const LONGEST: Span = Span::days(31);

impl Entry {
    pub(super) fn rule(self, text: Text<'_>) -> Result<CountRule, BadRules> {
        if !(2..=MOST).contains(self.times.get_ref()) {
            let what = format!("counts go from 2 to {MOST}; one alone is an [[event]]");
            return Err(text.refuse(&self.times, what));
        }
        if *self.within.get_ref() <= Span::ZERO || *self.within.get_ref() > LONGEST {
            let what = "write a span above zero, and of 31 days (744h) at most".to_owned();
            return Err(text.refuse(&self.within, what));
        }
        if self.events.get_ref().is_empty() {
            return Err(text.refuse(&self.events, "name the events that it counts".to_owned()));
        }
        Ok(CountRule {
            id: self.id.into_inner(),
            events: self.events.into_inner(),
            times: self.times.into_inner(),
            within: self.within.into_inner(),
            priority: self.priority,
            response: self.response,
            text: self.text,
            advice: self.advice,
            always_notify: self.always_notify,
            actionable: self.actionable,
        })
    }
}
