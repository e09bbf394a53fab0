//! Limit rules: one signal, one side, a limit and a critical limit.

use super::Amount;
use crate::model::alarm::{LimitFrom, Priority, Response, Side};
use crate::model::command::PatientLimit;
use crate::model::ids::RuleId;
use crate::model::message::Comparator;
use crate::model::signal::SignalId;
use crate::model::time::Span;
use crate::model::unit::Unit;

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
