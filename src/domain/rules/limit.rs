//! Limit rules: one signal, one side, a limit and a critical limit.

use serde::Deserialize;
use toml::Spanned;

use super::{Amount, BadRules, LossRule, Text};
use crate::domain::alarm::{LimitFrom, Priority, Response, Side};
use crate::domain::command::PatientLimit;
use crate::domain::ids::RuleId;
use crate::domain::message::Comparator;
use crate::domain::signal::{Cadence, Signal, SignalId, SignalTable};
use crate::domain::time::Span;
use crate::domain::unit::Unit;

/// One side of one signal.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitRule {
    /// Its name: the entry's with `_low` or `_high`.
    pub id: RuleId,
    /// Over which signal.
    pub signal: SignalId,
    /// The signal's name on the wire.
    pub signal_name: String,
    /// The signal's words for people.
    pub label: String,
    /// Which side.
    pub side: Side,
    /// The limit, and the critical limit; one of them may be missing.
    pub levels: [Option<Level>; 2],
    /// Back inside means so far inside.
    pub hysteresis: Amount,
    /// Back inside for so long ends the condition.
    pub clear_delay: Span,
    /// Silence for so long makes a continuous signal unknown.
    pub gap: Span,
    /// A value equal to the critical low limit is beyond it.
    pub inclusive_critical: bool,
    /// A reading counts at once, and the next one clears.
    pub spot: bool,
    /// Made for adults: refuses others (contract §4).
    pub adults_only: bool,
    /// How fast somebody must act on the limit, and on the critical limit.
    pub responses: [Response; 2],
    /// What to do.
    pub advice: Option<String>,
    /// Up to this age a late crossing is an alarm, beyond it a finding.
    pub actionable: Span,
    /// A single measurement beyond the ordinary limit asks for another before it counts.
    pub confirm: Option<Confirm>,
}

/// How a single measurement is confirmed (contract §7).
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    /// Without another it stands by itself after so long.
    pub within: Span,
    /// The name of the request: the rule's with `_repeat_due`.
    pub request: RuleId,
}

/// A limit or a critical limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The same limit in one or more units; compared in the unit sent.
    pub limits: Vec<Amount>,
    /// Beyond it for so long raises.
    pub delay: Span,
    /// How serious.
    pub priority: Priority,
}

/// Where a reading stands to one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relation {
    /// Beyond the limit, which is given in the unit sent.
    Beyond {
        /// The limit.
        limit: f64,
        /// Whose.
        from: LimitFrom,
    },
    /// Inside, by more than the hysteresis.
    Inside,
    /// Not beyond, but inside the hysteresis.
    Between,
    /// A bound that allows both answers: neither raises nor clears.
    Ambiguous,
    /// This level has no limit.
    NoLimit,
}

/// The limit rule's level of ordinary and of critical limits.
pub const WARNING: usize = 0;
/// See [`WARNING`].
pub const CRITICAL: usize = 1;

impl LimitRule {
    /// Where `value` stands to level `level`, under the patient's own `limits`.
    pub fn relation(
        &self,
        level: usize,
        limits: &[PatientLimit],
        value: f64,
        unit: Unit,
        comparator: Option<Comparator>,
    ) -> Relation {
        let Some((limit, from)) = self.limit(level, limits, unit) else { return Relation::NoLimit };
        let margin = self.margin(unit);
        let inclusive = self.inclusive_critical && level == CRITICAL;
        let verdict = |v: f64| match self.side {
            Side::Low if v < limit || (inclusive && v <= limit) => Verdict::Beyond,
            Side::High if v > limit => Verdict::Beyond,
            Side::Low if v >= limit + margin => Verdict::Inside,
            Side::High if v <= limit - margin => Verdict::Inside,
            Side::Low | Side::High => Verdict::Between,
        };
        let at_value = verdict(value);
        let at_end = match comparator {
            None => at_value,
            Some(Comparator::Less | Comparator::LessOrEqual) => verdict(f64::NEG_INFINITY),
            Some(Comparator::Greater | Comparator::GreaterOrEqual) => verdict(f64::INFINITY),
        };
        match (at_value, at_end) {
            (Verdict::Beyond, Verdict::Beyond) => Relation::Beyond { limit, from },
            (Verdict::Inside, Verdict::Inside) => Relation::Inside,
            // `< 39` against a limit of 39: every value below is beyond, the bound itself is not sent.
            (Verdict::Inside | Verdict::Between, Verdict::Beyond)
                if comparator.is_some_and(|c| self.excludes_bound(c)) && same(value, limit) =>
            {
                Relation::Beyond { limit, from }
            }
            (Verdict::Between, Verdict::Between | Verdict::Inside)
            | (Verdict::Inside, Verdict::Between) => Relation::Between,
            _ => Relation::Ambiguous,
        }
    }

    fn excludes_bound(&self, comparator: Comparator) -> bool {
        matches!(
            (self.side, comparator),
            (Side::Low, Comparator::Less) | (Side::High, Comparator::Greater)
        )
    }

    /// The limit of a level in `unit`, and whose it is.
    pub fn limit(
        &self,
        level: usize,
        limits: &[PatientLimit],
        unit: Unit,
    ) -> Option<(f64, LimitFrom)> {
        let own = limits.iter().find(|own| {
            own.signal == self.signal_name
                && own.side == self.side
                && usize::from(own.critical) == level
        });
        if let Some(own) = own {
            let value = own.unit.convert(own.value?, unit)?;
            return Some((value, LimitFrom::Patient));
        }
        let level = self.levels.get(level)?.as_ref()?;
        let stated = level.limits.iter().find(|amount| amount.unit == unit);
        let value = match stated {
            Some(amount) => amount.value,
            None => level.limits.first().and_then(|a| a.unit.convert(a.value, unit))?,
        };
        Some((value, LimitFrom::Pack))
    }

    /// The hysteresis as a difference in `unit`.
    fn margin(&self, unit: Unit) -> f64 {
        let Amount { value, unit: stated } = self.hysteresis;
        let zero = stated.convert(0.0, unit).unwrap_or(0.0);
        (stated.convert(value, unit).unwrap_or(value) - zero).abs()
    }

    /// How serious a level is; a patient's own limit without one in the pack is as its level's default.
    pub fn priority(&self, level: usize) -> Priority {
        let stated = self.levels.get(level).and_then(Option::as_ref).map(|l| l.priority);
        stated.unwrap_or(if level == CRITICAL { Priority::High } else { Priority::Medium })
    }

    /// How long a level waits before it holds: for its delay, or for another measurement.
    pub fn wait(&self, level: usize) -> Span {
        match &self.confirm {
            Some(confirm) if level == WARNING => confirm.within,
            _ => self.delay(level),
        }
    }

    /// How long a level must be exceeded.
    pub fn delay(&self, level: usize) -> Span {
        if self.spot {
            return Span::ZERO;
        }
        self.levels.get(level).and_then(Option::as_ref).map_or(Span::ZERO, |l| l.delay)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Beyond,
    Inside,
    Between,
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
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
    #[serde(default)]
    clear_delay: Span,
    #[serde(default = "default_gap")]
    gap: Span,
    #[serde(default)]
    inclusive_critical: bool,
    #[serde(default)]
    adults_only: bool,
    #[serde(default)]
    priorities: Priorities,
    #[serde(default)]
    responses: Responses,
    #[serde(default)]
    advice: Option<String>,
    #[serde(default = "a_day")]
    actionable: Span,
    confirm: Option<Spanned<Span>>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Responses {
    warning: Response,
    critical: Response,
}

impl Default for Responses {
    fn default() -> Self {
        Self { warning: Response::Prompt, critical: Response::Immediate }
    }
}

fn default_gap() -> Span {
    Span::secs(10)
}

fn a_day() -> Span {
    Span::hours(24)
}

impl Entry {
    /// The one or two rules this entry stands for.
    pub(super) fn rules(
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
            if levels.iter().all(Option::is_none) {
                continue;
            }
            self.check_order(text, side, warning, critical)?;
            let name = format!("{}_{side}", self.id.get_ref());
            let id = name.parse().map_err(|e| text.refuse(&self.id, format!("{e}")))?;
            let confirm = self.confirm(text, signal, &name)?;
            rules.push(LimitRule { confirm, ..self.rule(id, signal, side, levels) });
        }
        if rules.is_empty() {
            return Err(text.refuse(
                &self.id,
                "write at least one limit, such as low = [\"88 %\"]".to_owned(),
            ));
        }
        Ok(rules)
    }

    /// The rule over the loss of its signal, where the entry has one.
    pub(super) fn loss_rule(
        &self,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<Option<LossRule>, BadRules> {
        let Some(within) = &self.loss else { return Ok(None) };
        let signal = self.signal(text, signals)?;
        if signal.cadence == Cadence::Spot {
            let what = format!("{} is measured singly: it cannot be lost suddenly", signal.name);
            return Err(text.refuse(within, what));
        }
        if *within.get_ref() <= Span::ZERO {
            let what = "a loss lasts for some time: write a span such as `20s`".to_owned();
            return Err(text.refuse(within, what));
        }
        let id = format!("{}_lost", self.id.get_ref()).parse();
        Ok(Some(LossRule {
            id: id.map_err(|e| text.refuse(&self.id, format!("{e}")))?,
            signal: signal.id,
            signal_name: signal.name.clone(),
            label: signal.label.clone(),
            within: *within.get_ref(),
            adults_only: self.adults_only,
            advice: self.advice.clone(),
        }))
    }

    fn signal<'a>(&self, text: Text<'_>, signals: &'a SignalTable) -> Result<&'a Signal, BadRules> {
        signals.find(self.signal.get_ref()).ok_or_else(|| {
            let what = format!("`{}` is no signal of signals.toml", self.signal.get_ref());
            text.refuse(&self.signal, what)
        })
    }

    fn rule(
        &self,
        id: RuleId,
        signal: &Signal,
        side: Side,
        levels: [Option<Level>; 2],
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
            adults_only: self.adults_only,
            responses: [self.responses.warning, self.responses.critical],
            advice: self.advice.clone(),
            actionable: self.actionable,
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
        let request = format!("{rule}_repeat_due").parse();
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
    ) -> Result<Option<Level>, BadRules> {
        for amount in amounts {
            self.check_unit(text, signal, amount)?;
            self.check_plausible(text, signal, amount)?;
        }
        let limits: Vec<Amount> = amounts.iter().map(|a| *a.get_ref()).collect();
        let priority = priority.unwrap_or(usual);
        Ok((!limits.is_empty()).then_some(Level { limits, delay, priority }))
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
