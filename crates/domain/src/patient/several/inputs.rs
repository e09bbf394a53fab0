//! What counts of each input of a rule: the reading measured last of those that nothing is in doubt of.

use std::cmp::Reverse;

use minicbor::{Decode, Encode};

use super::{OverSeveral, Patient, Read, Reading, RuleContext};
use crate::model::observation::{Number, Source};
use crate::model::time::Timestamp;
use crate::patient::Doubt;

/// What counts of an input, as far as it says whether another reading changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(in crate::patient) struct Counted {
    #[n(0)]
    pub(super) points: u8,
    /// When it was measured, in the gateway's own time.
    #[n(1)]
    measured: Timestamp,
    /// When it is too old.
    #[n(2)]
    pub(super) until: Timestamp,
    /// The place of its signal among all that are read.
    #[n(3)]
    rank: u8,
}

/// The reading that counts of an input.
#[derive(Clone, Copy, Debug)]
pub(in crate::patient) struct Found<'a> {
    pub(in crate::patient) points: u8,
    /// When it was measured, in the gateway's own time, and by the shown clock.
    pub(super) rule_at: Timestamp,
    pub(in crate::patient) measured: Timestamp,
    /// When it is too old, in the gateway's own time.
    pub(in crate::patient) until: Timestamp,
    pub(super) rank: usize,
    pub(in crate::patient) source: &'a Source,
    pub(in crate::patient) value: Value<'a>,
}

/// What a reading says.
#[derive(Clone, Copy, Debug)]
pub(in crate::patient) enum Value<'a> {
    Number(&'a Number),
    Word(&'a str),
}

/// What was said of a series that may count.
#[derive(Clone, Copy)]
pub(super) struct Saying<'a> {
    pub(super) source: &'a Source,
    pub(super) value: Value<'a>,
    pub(super) measured: Timestamp,
    pub(super) rule_at: Timestamp,
    /// Its device only measures singly.
    pub(super) spot: bool,
}

impl From<Found<'_>> for Counted {
    fn from(found: Found<'_>) -> Self {
        let Found { points, rule_at, until, rank, .. } = found;
        Self { points, measured: rule_at, until, rank: rank as u8 }
    }
}

/// Whether a number may count: that no limit judges it, or that a bound leaves a limit open, is no doubt of it.
pub(super) fn counts(reading: Reading<'_>) -> bool {
    matches!(reading.doubt(), None | Some(Doubt::Bound | Doubt::Refused))
}

impl Patient {
    /// What counts of each input now, by its place.
    pub(in crate::patient) fn found<'a, R: OverSeveral>(
        &'a self,
        rule: &R,
        context: RuleContext<'_>,
        now: Timestamp,
    ) -> R::Each<Option<Found<'a>>> {
        let mut found: R::Each<Option<Found<'a>>> = rule.each(|_| None);
        let too_old = |one: &mut Found<'_>| context.intake.is_decided(one.until, now);
        let known = found.as_mut();
        let terms = R::terms(self, &|_| None);
        let said = || self.several.iter().flat_map(|several| &several.said);
        for said in said().filter(|said| said.is_word()) {
            said.saying().keep(rule, &terms, known);
        }
        for one in &mut *known {
            one.take_if(too_old);
        }
        let terms = R::terms(self, &|input| known.get(input)?.map(|one| one.points));
        for said in said().filter(|said| !said.is_word()) {
            said.saying().keep(rule, &terms, known);
        }
        for (source, state) in self.series.iter() {
            if rule.reads(source.signal).next().is_none() {
                continue;
            }
            let counting = state.counting().find(|known| !self.is_gone(source, known.sent));
            if let Some(counting) = counting {
                let (measured, rule_at) = (counting.measured, counting.rule_at);
                let (value, spot) = (Value::Number(&counting.number), state.spot);
                Saying { source, value, measured, rule_at, spot }.keep(rule, &terms, known);
            }
        }
        for one in known {
            one.take_if(too_old);
        }
        found
    }

    /// Whether a number that counts leaves a rule as it is: then that is known for longer.
    pub(super) fn says_the_same<R: OverSeveral>(&mut self, reading: Reading<'_>, rule: &R) -> bool {
        let Some(state) = self.known_state(rule) else { return false };
        let points = |input: usize| state.inputs.as_ref().get(input)?.map(|one| one.points);
        let terms = R::terms(self, &points);
        let value = Value::Number(reading.number);
        let rule_at = reading.observation.timing.rule_at;
        let Some(several) = &mut self.several else { return false };
        let states = R::states_mut(several).iter_mut();
        let mut states = states.filter(|state| state.rule == *rule.id());
        let Some(state) = states.next() else { return false };
        let inputs = state.inputs.as_mut();
        rule.reads(reading.observation.source.signal).all(|read| {
            let Some(points) = rule.points(read.input, value, &terms) else { return true };
            let known = inputs.get_mut(read.input).and_then(Option::as_mut);
            let Some(known) = known.filter(|known| known.points == points) else { return false };
            let (rank, until) = (read.rank, rule_at + rule.age(read.single || reading.spot));
            let before = (known.measured, Reverse(usize::from(known.rank)), known.until);
            if (rule_at, Reverse(rank), until) > before {
                *known = Counted { points, measured: rule_at, until, rank: rank as u8 };
            }
            true
        })
    }
}

impl<'a> Saying<'a> {
    /// Keeps it for each input that it says something of, and where nothing measured later is known.
    fn keep<R: OverSeveral>(self, rule: &R, terms: &R::Terms, known: &mut [Option<Found<'a>>]) {
        let Self { source, value, measured, rule_at, spot } = self;
        for Read { input, rank, single } in rule.reads(source.signal) {
            let Some(points) = rule.points(input, value, terms) else { continue };
            let until = rule_at + rule.age(single || spot);
            let one = Found { points, rule_at, measured, until, rank, source, value };
            if let Some(known) = known.get_mut(input) {
                keep_newest(known, one);
            }
        }
    }
}

/// Of two the one that was measured later counts; of one time that of the signal that is named first, then the graver,
/// then the one that counts longer.
fn keep_newest<'a>(known: &mut Option<Found<'a>>, one: Found<'a>) {
    let order = |found: &Found<'_>| (found.rule_at, Reverse(found.rank), found.points, found.until);
    if known.is_none_or(|known| order(&known) < order(&one)) {
        *known = Some(one);
    }
}
