//! Combinations: several conditions that hold of a patient at once (contract §5, Combinations). How they are judged
//! stands in `several.rs`.

use minicbor::{Decode, Encode};

use super::several::{Counted, Found, Grade, OverSeveral, Read, Several, State, StateOf};
use super::several::{Value, Verdict};
use super::{Deadline, Patient};
use crate::model::alarm::{Priority, Response};
use crate::model::cause::Cause;
use crate::model::ids::{RuleId, WardId};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::rules::{CombinationRule, Person, Rule, RuleSet};
use crate::text;

/// Where a combination stands.
pub(super) type CombinationState = State<Vec<Option<Counted>>, Met, [Option<Timestamp>; 1]>;

impl CombinationState {
    /// When too few conditions are known to hold if nothing more comes.
    pub(super) fn holds_until(&self, rule: &CombinationRule) -> Option<Timestamp> {
        let mut holding: Vec<Timestamp> =
            self.counted().filter(|(points, _)| *points == HOLDS).map(|(_, until)| until).collect();
        holding.sort_unstable();
        holding.into_iter().rev().nth(rule.at_least.checked_sub(1)?)
    }
}

/// Enough of its conditions hold: there is nothing graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Met {
    #[n(0)]
    Met,
}

impl Grade for Met {
    const GRADES: &'static [Self] = &[Self::Met];

    fn place(self) -> usize {
        0
    }
}

/// What a condition counts for that holds, and one that does not.
const HOLDS: u8 = 1;

impl OverSeveral for CombinationRule {
    type Grade = Met;
    type Each<T> = Vec<T>;
    type Since = [Option<Timestamp>; 1];
    type Terms = ();

    const SOURCE: &'static str = "combination";

    fn of(rule: &Rule) -> Option<&Self> {
        rule.as_combination()
    }

    fn all(rules: &RuleSet) -> impl Iterator<Item = &Self> {
        rules.combinations()
    }

    fn states(several: &Several) -> &[StateOf<Self>] {
        &several.combinations
    }

    fn states_mut(several: &mut Several) -> &mut Vec<StateOf<Self>> {
        &mut several.combinations
    }

    fn stale(patient: &mut Patient) -> &mut Option<Box<Cause>> {
        &mut patient.stale_combinations
    }

    fn deadline(index: usize) -> Deadline<'static> {
        Deadline::Combination(index)
    }

    fn index(deadline: Deadline<'_>) -> Option<usize> {
        if let Deadline::Combination(index) = deadline { Some(index) } else { None }
    }

    fn id(&self) -> &RuleId {
        &self.id
    }

    fn judges(&self, person: Person, ward: Option<&WardId>) -> bool {
        Self::judges(self, person, ward)
    }

    fn delay(&self) -> Span {
        self.delay
    }

    fn clear_delay(&self) -> Span {
        self.clear_delay
    }

    fn gravity(&self, _: Met) -> (Priority, Response) {
        (self.priority, self.response)
    }

    fn advice(&self) -> Option<&String> {
        self.advice.as_ref()
    }

    fn text(&self, found: &Vec<Option<Found<'_>>>) -> String {
        let holding = self.conditions.iter().zip(found).filter_map(|(condition, found)| {
            let found = found.filter(|found| found.points == HOLDS)?;
            match found.value {
                Value::Number(number) => Some((condition, number)),
                Value::Word(_) => None,
            }
        });
        let open = self.conditions.iter().zip(found).filter(|(_, found)| found.is_none());
        text::combination(holding, open.map(|(condition, _)| condition))
    }

    fn each<T>(&self, of: impl FnMut(usize) -> T) -> Vec<T> {
        (0..self.conditions.len()).map(of).collect()
    }

    fn reads(&self, signal: SignalId) -> impl Iterator<Item = Read> {
        let conditions = self.conditions.iter().enumerate();
        let of_signal = conditions.filter(move |(_, condition)| condition.signal == signal);
        of_signal.map(|(input, _)| Read { input, rank: 0, single: false })
    }

    fn age(&self, _single: bool) -> Span {
        self.within
    }

    fn terms(_patient: &Patient, _words: &dyn Fn(usize) -> Option<u8>) {}

    fn points(&self, input: usize, value: Value<'_>, (): &()) -> Option<u8> {
        let condition = self.conditions.get(input)?;
        match value {
            Value::Number(number) => condition.holds(number).map(|it| if it { HOLDS } else { 0 }),
            Value::Word(_) => None,
        }
    }

    fn verdict(&self, points: &Vec<Option<u8>>) -> Verdict<Met> {
        let hold = points.iter().filter(|points| **points == Some(HOLDS)).count();
        let could = hold + points.iter().filter(|points| points.is_none()).count();
        let met = hold >= self.at_least;
        Verdict { grade: met.then_some(Met::Met), calm: could < self.at_least }
    }
}

impl Patient {
    /// Whether a combination is met, as far as is known; `None` where nobody knows, or it does not judge.
    pub fn combination_met(&self, rule: &RuleId) -> Option<bool> {
        let several = self.several.as_ref()?;
        let state = several.combinations.iter().find(|state| state.rule == *rule)?;
        state.grade.map(|Met::Met| true).or_else(|| state.calm.map(|_| false))
    }
}
