//! A score as people see it.

use super::{Found, Patient, Value};
use crate::model::ids::{DeviceId, RuleId};
use crate::model::signal::SignalId;
use crate::model::time::{Stamp, Timestamp};
use crate::model::unit::Unit;
use crate::patient::RuleContext;
use crate::rules::news2::{Input, Sum};

/// A score now.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreShown {
    /// By which rule.
    pub rule: RuleId,
    /// What it adds up to.
    pub sum: Sum,
    /// Since when it is in its band, or in none, by the shown clock; `None` where nothing came yet.
    pub since: Option<Timestamp>,
    /// What counts of each input; `None` is missing.
    pub inputs: [(Input, Option<InputShown>); Input::ALL.len()],
}

/// What counts of an input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputShown {
    /// Its points.
    pub points: u8,
    /// By which device.
    pub device: DeviceId,
    /// Of which signal.
    pub signal: SignalId,
    /// What it says.
    pub value: ValueShown,
    /// When it was measured, by the shown clock.
    pub measured_at: Timestamp,
    /// When it will be too old, by the shown clock.
    pub until: Timestamp,
}

/// A number in its unit, or a word.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueShown {
    /// A number, as it was sent.
    Number(f64, Unit),
    /// A word.
    Word(String),
}

impl Patient {
    /// The scores that are judged of this patient.
    pub fn shown_scores(&self, context: RuleContext<'_>, now: Stamp) -> Vec<ScoreShown> {
        if !context.rules.has_scores() || self.discharged_at.is_some() {
            return Vec::new();
        }
        let (person, ward) = (self.person(), self.ward.as_ref());
        let judging = context.rules.scores().filter(|rule| rule.judges(person, ward));
        judging
            .map(|rule| {
                let found = self.found(rule, context, now.at);
                let sum = Sum::of(&found.map(|one| one.map(|one| one.points)));
                let state = self.known_state(rule);
                ScoreShown {
                    rule: rule.id.clone(),
                    sum,
                    since: state.map(|state| now.shown(state.since)),
                    inputs: Input::ALL
                        .map(|input| (input, found[input.place()].map(|one| shown(one, now)))),
                }
            })
            .collect()
    }
}

fn shown(found: Found<'_>, now: Stamp) -> InputShown {
    InputShown {
        points: found.points,
        device: found.source.device.clone(),
        signal: found.source.signal,
        value: match found.value {
            Value::Number(number) => ValueShown::Number(number.value, number.unit),
            Value::Word(word) => ValueShown::Word(word.to_owned()),
        },
        measured_at: found.measured,
        until: now.shown(found.until),
    }
}
