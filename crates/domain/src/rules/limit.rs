//! Limit rules: one signal, one side, a limit and a critical limit.

mod entry;

use std::ops::{Index, IndexMut};

pub(super) use entry::Entry;

use super::{AcknowledgeFor, Amount, Person, Whom};
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
    /// By [`Level`]; one of them may be missing.
    pub levels: [Option<LevelLimits>; 2],
    /// Back inside means so far inside.
    pub hysteresis: Amount,
    /// Back inside for so long ends the condition; `None` is by how often the signal comes.
    pub clear_delay: Option<Span>,
    /// Silence for so long makes a continuous signal unknown.
    pub gap: Span,
    /// A value equal to the critical low limit is beyond it.
    pub inclusive_critical: bool,
    /// A reading counts at once, and the next one clears.
    pub spot: bool,
    /// Whom it judges.
    pub whom: Whom,
    /// No limit of a patient's own takes its place: it is lethal for everybody.
    pub floor: bool,
    /// The ordinary limit that may say the same, if it is a floor without a name.
    pub cover: Option<Box<Cover>>,
    /// The name of what it finds, where that has one: `Asystole`.
    pub name: Option<String>,
    /// What follows from what it finds: alarms over these signals are shown and not announced while it is present.
    pub folds: Vec<SignalId>,
    /// How fast somebody must act, by [`Level`]; `None` is as the priority says.
    pub responses: [Option<Response>; 2],
    /// What to do.
    pub advice: Option<String>,
    /// Up to this age a late crossing is an alarm, beyond it a finding.
    pub actionable: Span,
    /// How long an acknowledgement holds, by [`Level`]; `None` is as the class or its priority says.
    pub acknowledge_for: [Option<Span>; 2],
    /// A single measurement beyond the ordinary limit asks for another before it counts.
    pub confirm: Option<Confirm>,
}

/// The critical limit of an ordinary rule, beside a floor over the same signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// Those of the rules are for adults.
    adults_only: bool,
    /// That of the rules.
    critical: Option<LevelLimits>,
}

impl Cover {
    pub(super) fn by(rule: &LimitRule) -> Self {
        Self { adults_only: rule.whom.adults_only, critical: rule.levels[Level::Critical].clone() }
    }
}

/// What the name of a request for another measurement ends with.
pub(crate) const REPEAT_DUE: &str = "_repeat_due";

/// How a single measurement is confirmed (contract §7).
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    /// Without another it stands by itself after so long.
    pub within: Span,
    /// The name of the request: the rule's with `_repeat_due`.
    pub request: RuleId,
}

/// Which limit of a rule. What there is of both stands in an array of two, indexed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The ordinary limit.
    Warning,
    /// The critical limit.
    Critical,
}

impl Level {
    /// Both, the milder first.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// The level of a patient's own limit.
    pub fn of(limit: &PatientLimit) -> Self {
        if limit.critical { Self::Critical } else { Self::Warning }
    }
}

impl<T> Index<Level> for [T; 2] {
    type Output = T;
    fn index(&self, level: Level) -> &T {
        let [warning, critical] = self;
        match level {
            Level::Warning => warning,
            Level::Critical => critical,
        }
    }
}

impl<T> IndexMut<Level> for [T; 2] {
    fn index_mut(&mut self, level: Level) -> &mut T {
        let [warning, critical] = self;
        match level {
            Level::Warning => warning,
            Level::Critical => critical,
        }
    }
}

/// The limits of one level.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelLimits {
    /// The same limit in one or more units; compared in the unit sent.
    pub limits: Vec<Amount>,
    /// Beyond it for so long raises.
    pub delay: Span,
    /// How serious.
    pub priority: Priority,
}

impl LevelLimits {
    /// The limit in `unit`.
    fn limit(&self, unit: Unit) -> Option<f64> {
        let stated = self.limits.iter().find(|amount| amount.unit == unit);
        match stated {
            Some(amount) => Some(amount.value),
            None => self.limits.first().and_then(|a| a.unit.convert(a.value, unit)),
        }
    }
}

/// The limits that were in force for a patient at an instant.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    /// The patient's own, which go before those of a pack.
    pub own: &'a [PatientLimit],
    /// Their version; 0 for none.
    pub version: u64,
    /// Whether the limits of packs for adults hold.
    pub adult: bool,
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

impl LimitRule {
    /// The silence tolerated before the signal is unknown: never less than two of the intervals it
    /// comes in.
    pub fn tolerated_gap(&self, interval: Option<Span>) -> Span {
        let two = interval.map_or(Span::ZERO, |interval| interval + interval);
        self.gap.max(two)
    }

    /// How long a signal that comes so often must be back inside (contract §5): the rarer it comes, the longer.
    pub fn clear_delay(&self, interval: Option<Span>) -> Span {
        let usual = match interval {
            Some(interval) if interval > Span::mins(2) => Span::mins(30),
            Some(interval) if interval > Span::secs(10) => Span::mins(10),
            Some(_) | None => Span::mins(1),
        };
        self.clear_delay.unwrap_or(usual)
    }

    /// How long an acknowledgement holds while the newest reading is beyond `level`, where the rule or the class of
    /// its device says so.
    pub fn acknowledge_for(&self, level: Level, class: AcknowledgeFor) -> Option<Span> {
        self.acknowledge_for[level].or_else(|| class.of(self.priority(level)))
    }

    /// Where `value` stands to `level`, under these limits.
    pub fn relation(
        &self,
        level: Level,
        limits: InForce<'_>,
        value: f64,
        unit: Unit,
        comparator: Option<Comparator>,
    ) -> Relation {
        let Some((limit, from)) = self.limit(level, limits, unit) else { return Relation::NoLimit };
        let margin = self.margin(unit);
        let inclusive = self.inclusive_critical && level == Level::Critical;
        let position = |v: f64| match self.side {
            Side::Low if v < limit || (inclusive && v <= limit) => Position::Beyond,
            Side::High if v > limit => Position::Beyond,
            Side::Low if v >= limit + margin => Position::Inside,
            Side::High if v <= limit - margin => Position::Inside,
            Side::Low | Side::High => Position::Between,
        };
        let at_value = position(value);
        let at_end = match comparator {
            None => at_value,
            Some(Comparator::Less | Comparator::LessOrEqual) => position(f64::NEG_INFINITY),
            Some(Comparator::Greater | Comparator::GreaterOrEqual) => position(f64::INFINITY),
        };
        match (at_value, at_end) {
            (Position::Beyond, Position::Beyond) => Relation::Beyond { limit, from },
            (Position::Inside, Position::Inside) => Relation::Inside,
            // `< 39` against a limit of 39: every value below is beyond, the bound itself is not sent.
            (Position::Inside | Position::Between, Position::Beyond)
                if comparator.is_some_and(|c| self.excludes_bound(c)) && same(value, limit) =>
            {
                Relation::Beyond { limit, from }
            }
            // `> 0` against a limit that 0 itself is beyond.
            (Position::Beyond, Position::Between | Position::Inside)
                if comparator == Some(Comparator::Greater) && same(value, limit) =>
            {
                Relation::Between
            }
            (Position::Between, Position::Between | Position::Inside)
            | (Position::Inside, Position::Between) => Relation::Between,
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
    pub fn limit(&self, level: Level, limits: InForce<'_>, unit: Unit) -> Option<(f64, LimitFrom)> {
        if self.floor {
            let level = self.levels[level].as_ref().filter(|_| !self.is_covered(limits))?;
            return Some((level.limit(unit)?, LimitFrom::Pack));
        }
        if let Some(own) = self.own(level, limits) {
            let value = own.unit.convert(own.value?, unit)?;
            return Some((value, LimitFrom::Patient));
        }
        if self.whom.adults_only && !limits.adult {
            return None;
        }
        Some((self.levels[level].as_ref()?.limit(unit)?, LimitFrom::Pack))
    }

    /// The patient's own limit of a level.
    fn own<'a>(&self, level: Level, limits: InForce<'a>) -> Option<&'a PatientLimit> {
        limits.own.iter().find(|own| {
            own.signal == self.signal_name && own.side == self.side && Level::of(own) == level
        })
    }

    /// Whether the critical limit in force says all that this floor would, as soon and as gravely.
    pub fn is_covered(&self, limits: InForce<'_>) -> bool {
        let (Some(cover), Some(floor)) = (&self.cover, &self.levels[Level::Critical]) else {
            return false;
        };
        let Some(Amount { value: lethal, unit }) = floor.limits.first().copied() else {
            return false;
        };
        let shipped = cover.critical.as_ref();
        let limit = match self.own(Level::Critical, limits) {
            Some(own) => own.value.and_then(|value| own.unit.convert(value, unit)),
            None if cover.adults_only && !limits.adult => None,
            None => shipped.and_then(|shipped| shipped.limit(unit)),
        };
        let (delay, priority) = shipped
            .map_or((Span::ZERO, Priority::High), |shipped| (shipped.delay, shipped.priority));
        let as_grave = priority >= floor.priority && (self.spot || delay <= floor.delay);
        as_grave
            && limit.is_some_and(|limit| match self.side {
                Side::Low => limit >= lethal,
                Side::High => limit <= lethal,
            })
    }

    /// Whether it judges somebody who has these limits of his own.
    pub fn stands_for(&self, person: Person, own: &[PatientLimit]) -> bool {
        let limits = InForce { own, version: 0, adult: person.adult };
        self.whom.holds_for(person) && !self.is_covered(limits)
    }

    /// Whether a patient has limits of his own on its side.
    pub fn has_own(&self, own: &[PatientLimit]) -> bool {
        let mut of_signal = own.iter().filter(|own| own.signal == self.signal_name);
        self.whom.adults_only && of_signal.any(|own| own.side == self.side)
    }

    /// Whether a person switched this limit off.
    pub fn is_switched_off(&self, level: Level, limits: InForce<'_>) -> bool {
        limits.own.iter().filter(|_| !self.floor).any(|own| {
            own.signal == self.signal_name
                && own.side == self.side
                && Level::of(own) == level
                && own.value.is_none()
        })
    }

    /// The hysteresis as a difference in `unit`.
    fn margin(&self, unit: Unit) -> f64 {
        let Amount { value, unit: stated } = self.hysteresis;
        let zero = stated.convert(0.0, unit).unwrap_or(0.0);
        (stated.convert(value, unit).unwrap_or(value) - zero).abs()
    }

    /// How serious a level is; a patient's own limit without one in the pack is as its level's default.
    pub fn priority(&self, level: Level) -> Priority {
        let stated = self.levels[level].as_ref().map(|l| l.priority);
        stated.unwrap_or(if level == Level::Critical { Priority::High } else { Priority::Medium })
    }

    /// How fast somebody must act: what is high at once, all else promptly, unless the rule says otherwise.
    pub fn response(&self, level: Level) -> Response {
        let usual = match self.priority(level) {
            Priority::High => Response::Immediate,
            Priority::Medium | Priority::Low | Priority::Info => Response::Prompt,
        };
        self.responses[level].unwrap_or(usual)
    }

    /// How long a level waits before it holds: for its delay, or for another measurement.
    pub fn wait(&self, level: Level) -> Span {
        match &self.confirm {
            Some(confirm) if level == Level::Warning => confirm.within,
            _ => self.delay(level),
        }
    }

    /// How long a level must be exceeded.
    pub fn delay(&self, level: Level) -> Span {
        if self.spot {
            return Span::ZERO;
        }
        self.levels[level].as_ref().map_or(Span::ZERO, |l| l.delay)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Position {
    Beyond,
    Inside,
    Between,
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}
