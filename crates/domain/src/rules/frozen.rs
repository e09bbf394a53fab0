//! Frozen rules: a signal that cannot stand still and has not moved.

use serde::Deserialize;
use toml::Spanned;

use super::{BadRules, Text};
use crate::model::alarm::{Priority, Response};
use crate::model::ids::RuleId;
use crate::model::signal::{SignalId, SignalTable};

/// A signal whose value always moves a little.
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenRule {
    /// Its name.
    pub id: RuleId,
    /// Over which signal.
    pub signal: SignalId,
    /// The signal's name on the wire.
    pub signal_name: String,
    /// The signal's words for people.
    pub label: String,
    /// So many readings with one value, one after the other, are not believed.
    pub readings: u32,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// What to do.
    pub advice: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
    signal: Spanned<String>,
    readings: Spanned<u32>,
    priority: Priority,
    response: Response,
    #[serde(default)]
    advice: Option<String>,
}

impl Entry {
    pub(super) fn rule(
        self,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<FrozenRule, BadRules> {
        let signal = text.signal(&self.signal, signals)?;
        if signal.unit.is_none() {
            let what = format!("{} has no numbers that could move", signal.name);
            return Err(text.refuse(&self.signal, what));
        }
        if *self.readings.get_ref() < 3 {
            let what = "two that are alike are no sign: write 3 or more".to_owned();
            return Err(text.refuse(&self.readings, what));
        }
        Ok(FrozenRule {
            signal: signal.id,
            signal_name: signal.name.clone(),
            label: signal.label.clone(),
            readings: *self.readings.get_ref(),
            priority: self.priority,
            response: self.response,
            advice: self.advice,
            id: self.id.into_inner(),
        })
    }
}
