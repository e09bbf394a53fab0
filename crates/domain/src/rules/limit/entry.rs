//! A limit rule as it is written: one entry for both sides of a signal.

use serde::Deserialize;
use toml::Spanned;

use super::{Confirm, LevelLimits, LimitRule, REPEAT_DUE};
use crate::model::alarm::{Priority, Response, Side};
use crate::model::command::AgeClass;
use crate::model::ids::RuleId;
use crate::model::signal::{Cadence, Signal, SignalTable};
use crate::model::time::Span;
use crate::rules::loss::About;
use crate::rules::{Amount, BadRules, LossRule, Text, Whom};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rules) struct Entry {
    pub(in crate::rules) id: Spanned<RuleId>,
    signal: Spanned<String>,
    #[serde(default)]
    low: Vec<Spanned<Amount>>,
    #[serde(default)]
    critical_low: Vec<Spanned<Amount>>,
    #[serde(default)]
    high: Vec<Spanned<Amount>>,
    #[serde(default)]
    critical_high: Vec<Spanned<Amount>>,
    #[serde(default)]
    delay: Span,
    #[serde(default)]
    critical_delay: Span,
    hysteresis: Spanned<Amount>,
    clear_delay: Option<Span>,
    #[serde(default = "default_gap")]
    gap: Span,
    #[serde(default)]
    inclusive_critical: bool,
    #[serde(default)]
    adults_only: bool,
    #[serde(default)]
    floor: bool,
    #[serde(default)]
    not_adults: bool,
    #[serde(default)]
    ages: Vec<AgeClass>,
    name: Option<String>,
    #[serde(default)]
    folds: Vec<Spanned<String>>,
    #[serde(default)]
    priorities: Priorities,
    #[serde(default)]
    responses: Responses,
    #[serde(default)]
    advice: Option<String>,
    #[serde(default = "a_day")]
    actionable: Span,
    confirm: Option<Spanned<Span>>,
    #[serde(default)]
    acknowledge_for: AcknowledgeFor,
    loss: Option<Spanned<Span>>,
}

/// A limit alarms medium, a critical limit high, unless said otherwise (contract §5).
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Priorities {
    low: Option<Priority>,
    critical_low: Option<Priority>,
    high: Option<Priority>,
    critical_high: Option<Priority>,
}

/// How long an acknowledgement holds, where not for as long as the priority says.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct AcknowledgeFor {
    low: Option<Span>,
    critical_low: Option<Span>,
    high: Option<Span>,
    critical_high: Option<Span>,
}

impl AcknowledgeFor {
    fn of(&self, side: Side) -> [Option<Span>; 2] {
        match side {
            Side::Low => [self.low, self.critical_low],
            Side::High => [self.high, self.critical_high],
        }
    }
}

/// How fast somebody must act, where not as the priority says.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Responses {
    warning: Option<Response>,
    critical: Option<Response>,
}

fn default_gap() -> Span {
    Span::secs(10)
}

fn a_day() -> Span {
    Span::hours(24)
}

impl Entry {
    /// The two rules this entry stands for. Where it gives a side no limit, a patient may have one of his own.
    pub(in crate::rules) fn rules(
        &self,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<Vec<LimitRule>, BadRules> {
        let signal = self.signal(text, signals)?;
        self.check_unit(text, signal, &self.hysteresis)?;
        let p = &self.priorities;
        let sides = [
            (Side::Low, &self.low, p.low, &self.critical_low, p.critical_low),
            (Side::High, &self.high, p.high, &self.critical_high, p.critical_high),
        ];
        let mut rules = Vec::new();
        for (side, warning, warning_priority, critical, critical_priority) in sides {
            let levels = [
                self.level(text, signal, warning, self.delay, warning_priority, Priority::Medium)?,
                self.level(
                    text,
                    signal,
                    critical,
                    self.critical_delay,
                    critical_priority,
                    Priority::High,
                )?,
            ];
            self.check_order(text, side, warning, critical)?;
            let name = format!("{}_{side}", self.id.get_ref());
            let id = name.parse().map_err(|e| text.refuse(&self.id, format!("{e}")))?;
            let confirm = self.confirm(text, signal, &name)?;
            let folds = text.signals(&self.folds, signals)?;
            rules.push(LimitRule { folds, confirm, ..self.rule(id, signal, side, levels) });
        }
        if rules.iter().all(|rule| rule.levels == [None, None]) {
            return Err(text.refuse(
                &self.id,
                "write at least one limit, such as low = [\"88 %\"]".to_owned(),
            ));
        }
        Ok(rules)
    }

    /// The rule over the loss of its signal, where the entry has one.
    pub(in crate::rules) fn loss_rule(
        &self,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<Option<LossRule>, BadRules> {
        let Some(within) = &self.loss else { return Ok(None) };
        let rule = LossRule::parse(
            (&self.id, within),
            self.signal(text, signals)?,
            About {
                whom: self.whom(),
                name: self.name.clone(),
                folds: text.signals(&self.folds, signals)?,
                advice: self.advice.clone(),
            },
            text,
        )?;
        Ok(Some(rule))
    }

    fn whom(&self) -> Whom {
        let Self { adults_only, not_adults, .. } = *self;
        Whom { adults_only, not_adults, ages: self.ages.clone() }
    }

    fn signal<'a>(&self, text: Text<'_>, signals: &'a SignalTable) -> Result<&'a Signal, BadRules> {
        text.signal(&self.signal, signals)
    }

    fn rule(
        &self,
        id: RuleId,
        signal: &Signal,
        side: Side,
        levels: [Option<LevelLimits>; 2],
    ) -> LimitRule {
        LimitRule {
            id,
            signal: signal.id,
            signal_name: signal.name.clone(),
            label: signal.label.clone(),
            side,
            levels,
            hysteresis: *self.hysteresis.get_ref(),
            clear_delay: self.clear_delay,
            gap: self.gap,
            inclusive_critical: self.inclusive_critical,
            spot: signal.cadence == Cadence::Spot,
            whom: self.whom(),
            floor: self.floor,
            cover: None,
            name: self.name.clone(),
            folds: Vec::new(),
            responses: [self.responses.warning, self.responses.critical],
            advice: self.advice.clone(),
            actionable: self.actionable,
            acknowledge_for: self.acknowledge_for.of(side),
            confirm: None,
        }
    }

    fn confirm(
        &self,
        text: Text<'_>,
        signal: &Signal,
        rule: &str,
    ) -> Result<Option<Confirm>, BadRules> {
        let Some(within) = &self.confirm else { return Ok(None) };
        if signal.cadence != Cadence::Spot {
            let what = format!("{} is continuous: write `delay` instead", signal.name);
            return Err(text.refuse(within, what));
        }
        let request = format!("{rule}{REPEAT_DUE}").parse();
        let request = request.map_err(|e| text.refuse(&self.id, format!("{e}")))?;
        Ok(Some(Confirm { within: *within.get_ref(), request }))
    }

    fn level(
        &self,
        text: Text<'_>,
        signal: &Signal,
        amounts: &[Spanned<Amount>],
        delay: Span,
        priority: Option<Priority>,
        usual: Priority,
    ) -> Result<Option<LevelLimits>, BadRules> {
        for amount in amounts {
            self.check_unit(text, signal, amount)?;
            self.check_plausible(text, signal, amount)?;
        }
        let limits: Vec<Amount> = amounts.iter().map(|a| *a.get_ref()).collect();
        let priority = priority.unwrap_or(usual);
        Ok((!limits.is_empty()).then_some(LevelLimits { limits, delay, priority }))
    }

    #[expect(clippy::unused_self, reason = "reads as one family with the other checks")]
    fn check_unit(
        &self,
        text: Text<'_>,
        signal: &Signal,
        amount: &Spanned<Amount>,
    ) -> Result<(), BadRules> {
        let given = amount.get_ref().unit;
        match signal.unit {
            Some(unit) if unit.quantity() == given.quantity() => Ok(()),
            Some(unit) => Err(text.refuse(
                amount,
                format!("{given} does not fit {}, which is measured in {unit}", signal.name),
            )),
            None => Err(text.refuse(amount, format!("{} has no numbers to limit", signal.name))),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as one family with the other checks")]
    fn check_plausible(
        &self,
        text: Text<'_>,
        signal: &Signal,
        amount: &Spanned<Amount>,
    ) -> Result<(), BadRules> {
        let (Some((low, high)), Some(unit)) = (signal.plausible, signal.unit) else {
            return Ok(());
        };
        let Amount { value, unit: given } = *amount.get_ref();
        match given.convert(value, unit) {
            Some(value) if (low..=high).contains(&value) => Ok(()),
            _ => Err(text.refuse(
                amount,
                format!(
                    "limit {} of {} is outside {low} to {high} {unit}",
                    amount.get_ref(),
                    signal.name
                ),
            )),
        }
    }

    fn check_order(
        &self,
        text: Text<'_>,
        side: Side,
        warning: &[Spanned<Amount>],
        critical: &[Spanned<Amount>],
    ) -> Result<(), BadRules> {
        let (Some(w), Some(c)) = (warning.first(), critical.first()) else { return Ok(()) };
        let in_unit = c.get_ref().unit.convert(c.get_ref().value, w.get_ref().unit);
        let ordered = in_unit.is_some_and(|c| match side {
            Side::Low => c < w.get_ref().value,
            Side::High => c > w.get_ref().value,
        });
        if ordered {
            Ok(())
        } else {
            let what = format!(
                "the critical {side} limit of `{}` must lie beyond the ordinary one",
                self.id.get_ref()
            );
            Err(text.refuse(c, what))
        }
    }
}
