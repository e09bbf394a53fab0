//! Prediction rules: a straight line through the last readings crosses a limit soon.

use serde::Deserialize;
use toml::Spanned;

use super::{Amount, BadRules, Text};
use crate::model::alarm::{Priority, Response, Side};
use crate::model::ids::RuleId;
use crate::model::signal::{SignalId, SignalTable};
use crate::model::time::Span;
use crate::model::unit::Unit;

/// One side of one signal, looked at ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRule {
    /// Its name.
    pub id: RuleId,
    /// Over which signal.
    pub signal: SignalId,
    /// The signal's name on the wire.
    pub signal_name: String,
    /// The signal's words for people.
    pub label: String,
    /// Which side.
    pub side: Side,
    /// The same limit in one or more units; compared in the unit sent.
    pub limits: Vec<Amount>,
    /// So far ahead.
    pub within: Span,
    /// By the readings of so long.
    pub over: Span,
    /// Back inside means that the line stays so far inside.
    pub hysteresis: Amount,
    /// For so long ends it.
    pub clear_delay: Span,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// How long an acknowledgement holds; `None` is as its class or priority says.
    pub acknowledge_for: Option<Span>,
    /// What to do.
    pub advice: Option<String>,
}

impl PredictionRule {
    /// The limit in a unit.
    pub fn limit(&self, unit: Unit) -> Option<f64> {
        match self.limits.iter().find(|amount| amount.unit == unit) {
            Some(amount) => Some(amount.value),
            None => self.limits.first().and_then(|a| a.unit.convert(a.value, unit)),
        }
    }

    /// The hysteresis as a difference in a unit.
    pub fn margin(&self, unit: Unit) -> Option<f64> {
        let Amount { value, unit: stated } = self.hysteresis;
        Some(stated.convert(value, unit)? - stated.convert(0.0, unit)?)
    }

    /// Whether a value has reached a limit.
    pub fn reaches(&self, value: f64, limit: f64) -> bool {
        match self.side {
            Side::Low => value <= limit,
            Side::High => value >= limit,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
    signal: Spanned<String>,
    low: Option<Spanned<Vec<Spanned<Amount>>>>,
    high: Option<Spanned<Vec<Spanned<Amount>>>>,
    within: Spanned<Span>,
    over: Spanned<Span>,
    hysteresis: Spanned<Amount>,
    clear_delay: Spanned<Span>,
    priority: Priority,
    response: Response,
    #[serde(default)]
    acknowledge_for: Option<Span>,
    #[serde(default)]
    advice: Option<String>,
}

/// Nobody looks further ahead along a line.
const FARTHEST: Span = Span::hours(6);

impl Entry {
    pub(super) fn rule(
        self,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<PredictionRule, BadRules> {
        let signal = text.signal(&self.signal, signals)?;
        let (side, limits) = match (&self.low, &self.high) {
            (Some(low), None) => (Side::Low, low),
            (None, Some(high)) => (Side::High, high),
            _ => return Err(text.refuse(&self.id, "write either low or high".to_owned())),
        };
        if limits.get_ref().is_empty() {
            return Err(text.refuse(limits, "write a limit, such as [\"55 mg/dL\"]".to_owned()));
        }
        let fits = |amount: &Spanned<Amount>| {
            let given = amount.get_ref().unit;
            match signal.unit {
                Some(unit) if unit.quantity() == given.quantity() => Ok(()),
                Some(unit) => {
                    let what = format!(
                        "{given} does not fit {}, which is measured in {unit}",
                        signal.name
                    );
                    Err(text.refuse(amount, what))
                }
                None => Err(text.refuse(amount, format!("{} has no numbers", signal.name))),
            }
        };
        limits.get_ref().iter().chain([&self.hysteresis]).try_for_each(fits)?;
        for span in [&self.within, &self.over, &self.clear_delay] {
            if *span.get_ref() <= Span::ZERO || *span.get_ref() > FARTHEST {
                let what = "write a span above zero, and of 6 h at most".to_owned();
                return Err(text.refuse(span, what));
            }
        }
        Ok(PredictionRule {
            signal: signal.id,
            signal_name: signal.name.clone(),
            label: signal.label.clone(),
            side,
            limits: limits.get_ref().iter().map(|amount| *amount.get_ref()).collect(),
            within: *self.within.get_ref(),
            over: *self.over.get_ref(),
            hysteresis: *self.hysteresis.get_ref(),
            clear_delay: *self.clear_delay.get_ref(),
            priority: self.priority,
            response: self.response,
            acknowledge_for: self.acknowledge_for,
            advice: self.advice,
            id: self.id.into_inner(),
        })
    }
}
