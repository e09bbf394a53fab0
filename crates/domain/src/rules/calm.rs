//! What is the same for every reading of a signal, found once: values beyond no limit, the longest gap, and how much
//! follows from an emergency.

use super::{InForce, Level, LimitRule, Person, RuleSet};
use crate::model::alarm::Side;
use crate::model::signal::{SignalId, SignalTable};
use crate::model::time::Span;
use crate::model::unit::Unit;

/// The limit rules over a signal, taken together.
#[derive(Clone, Debug, Default)]
pub(super) struct Together {
    /// By [`Person::place`]; `None` for whom no rule judges.
    calm: [Option<Calm>; Person::ALL.len()],
    /// The longest gap that rules for continuous signals tolerate.
    gap: Option<Span>,
    /// Over how many signals most follows from what one of the rules finds.
    explains: usize,
}

/// Between these a value in `unit` lies beyond no limit of the rules.
#[derive(Clone, Copy, Debug)]
struct Calm {
    unit: Unit,
    above: f64,
    below: f64,
}

impl RuleSet {
    /// Whether rules judge a value of this signal for somebody without limits of his own, and none of them can find it
    /// beyond its limit. `false` where that takes a closer look.
    pub fn is_calm(&self, signal: SignalId, person: Person, value: f64, unit: Unit) -> bool {
        let calm = self.together(signal).and_then(|together| together.calm[person.place()]);
        calm.is_some_and(|calm| calm.unit == unit && value > calm.above && value < calm.below)
    }

    /// The longest silence that a rule for continuous signals tolerates of one that comes so often.
    pub fn longest_gap(&self, signal: SignalId, interval: Option<Span>) -> Option<Span> {
        let gap = self.together(signal)?.gap?;
        Some(interval.map_or(gap, |interval| gap.max(interval + interval)))
    }

    /// How many signals may follow from an emergency that a limit over this one finds.
    pub fn explains(&self, signal: SignalId) -> usize {
        self.together(signal).map_or(0, |together| together.explains)
    }

    fn together(&self, signal: SignalId) -> Option<&Together> {
        self.by_signal.get(usize::from(signal.0)).map(|over| &over.together)
    }

    /// Finds it for every signal, once all rules are read.
    pub(super) fn take_together(&mut self, signals: &SignalTable) {
        for place in 0..self.by_signal.len() {
            let signal = SignalId(place as u16);
            let unit = signals.get(signal).and_then(|signal| signal.unit);
            let together = Together {
                calm: Person::ALL.map(|person| self.calm(signal, person, unit?)),
                gap: self.limits_of(signal).filter(|rule| !rule.spot).map(|rule| rule.gap).max(),
                explains: self.limits_of(signal).map(|rule| rule.folds.len()).max().unwrap_or(0),
            };
            self.by_signal[place].together = together;
        }
    }

    fn calm(&self, signal: SignalId, person: Person, unit: Unit) -> Option<Calm> {
        let judging = || self.limits_of(signal).filter(|rule| rule.whom.holds_for(person));
        judging().next()?;
        let limits = InForce { own: &[], version: 0, adult: person.adult };
        let of_side = |side: Side| {
            let rules = judging().filter(move |rule| rule.side == side);
            rules.flat_map(move |rule: &LimitRule| {
                Level::ALL.map(|level| rule.limit(level, limits, unit)).into_iter().flatten()
            })
        };
        let above = of_side(Side::Low).map(|(limit, _)| limit).fold(f64::NEG_INFINITY, f64::max);
        let below = of_side(Side::High).map(|(limit, _)| limit).fold(f64::INFINITY, f64::min);
        Some(Calm { unit, above, below })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::Relation;

    fn shipped() -> (SignalTable, RuleSet) {
        let signals = SignalTable::parse(include_str!("../../../../config/signals.toml")).unwrap();
        let rules = include_str!("../../../../config/rules.toml");
        let rules = RuleSet::parse(rules, &[], &signals).unwrap();
        (signals, rules)
    }

    proptest! {
        /// Of every signal and person, near every limit there is.
        #[test]
        fn what_is_calm_no_rule_finds_beyond(near in -2.0..2.0_f64, place in 0..Person::ALL.len()) {
            let (signals, rules) = shipped();
            let person = Person::ALL[place];
            let limits = InForce { own: &[], version: 0, adult: person.adult };
            for signal in signals.iter() {
                let Some(unit) = signal.unit else { continue };
                let judging = || rules.limits_of(signal.id).filter(|r| r.whom.holds_for(person));
                let known = judging().flat_map(|rule| {
                    Level::ALL.into_iter().filter_map(|level| rule.limit(level, limits, unit))
                });
                let known: Vec<f64> = known.map(|(limit, _)| limit).collect();
                for value in known.iter().flat_map(|limit| [*limit, limit + near, 0.0]) {
                    let beyond = judging().any(|rule| {
                        Level::ALL.into_iter().any(|level| {
                            let relation = rule.relation(level, limits, value, unit, None);
                            matches!(relation, Relation::Beyond { .. })
                        })
                    });
                    let calm = rules.is_calm(signal.id, person, value, unit);
                    prop_assert!(!(calm && beyond), "{} {value} {person:?}", signal.name);
                    // Only at a limit itself a closer look is taken without need.
                    prop_assert!(calm || beyond || known.contains(&value), "{} {value}", signal.name);
                }
            }
        }
    }

    #[test]
    fn what_is_of_another_unit_or_not_judged_is_looked_at() {
        let (signals, rules) = shipped();
        let adult = Person::ALL[1];
        let is_calm =
            |name, value, unit| rules.is_calm(signals.find(name).unwrap().id, adult, value, unit);
        assert!(is_calm("heart_rate", 72.0, Unit::PerMinute));
        assert!(!is_calm("heart_rate", 20.0, Unit::PerMinute));
        assert!(!is_calm("heart_rate", f64::NAN, Unit::PerMinute));
        assert!(!is_calm("temperature", 98.6, Unit::Fahrenheit));
        assert!(!is_calm("battery_voltage", 3.0, Unit::Volt));
    }
}
