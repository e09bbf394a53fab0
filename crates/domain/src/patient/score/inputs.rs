//! What counts of each input of a score: the reading measured last of those that nothing is in doubt of.

use std::cmp::Reverse;

use minicbor::{Decode, Encode};

use super::{Patient, Reading, RuleContext};
use crate::model::observation::{Number, Source};
use crate::model::time::Timestamp;
use crate::patient::Doubt;
use crate::rules::ScoreRule;
use crate::rules::news2::Input;
use crate::rules::score::InputSignal;

/// What counts of an input, as far as it says whether another reading changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Counted {
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
    pub(super) points: u8,
    /// When it was measured, in the gateway's own time, and by the shown clock.
    pub(super) rule_at: Timestamp,
    pub(super) measured: Timestamp,
    /// When it is too old, in the gateway's own time.
    pub(super) until: Timestamp,
    pub(super) rank: usize,
    pub(super) source: &'a Source,
    pub(super) value: Value<'a>,
}

/// What a reading says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Number(&'a Number),
    Word(&'a str),
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
    /// What counts of each input now, by [`Input::place`].
    pub(super) fn found<'a>(
        &'a self,
        rule: &ScoreRule,
        context: RuleContext<'_>,
        now: Timestamp,
    ) -> [Option<Found<'a>>; Input::ALL.len()] {
        let mut found = [None; Input::ALL.len()];
        let scale = self.spo2_scale();
        let said = || self.scores.iter().flat_map(|scores| &scores.said);
        for said in said().filter(|said| said.is_word()) {
            if let Some((read, one)) = said.counts(rule, scale, None) {
                keep_newest(&mut found[read.input.place()], one);
            }
        }
        let too_old = |one: &Found<'_>| context.intake.is_decided(one.until, now);
        found[Input::Oxygen.place()].take_if(|one| too_old(one));
        let on_oxygen = found[Input::Oxygen.place()].map(|one| one.points > 0);
        for said in said().filter(|said| !said.is_word()) {
            if let Some((read, one)) = said.counts(rule, scale, on_oxygen) {
                keep_newest(&mut found[read.input.place()], one);
            }
        }
        for (source, state) in self.series.iter() {
            let Some((rank, read)) = rule.reads(source.signal) else { continue };
            let age = rule.age_of(read.single || state.spot);
            let mut counting = state.counting().filter(|known| !self.is_gone(source, known.sent));
            let counting = counting.next().and_then(|known| {
                let points = read.input.points(&known.number, scale, on_oxygen)?;
                let (rule_at, measured) = (known.rule_at, known.measured);
                let (until, value) = (rule_at + age, Value::Number(&known.number));
                Some(Found { points, rule_at, measured, until, rank, source, value })
            });
            if let Some(one) = counting {
                keep_newest(&mut found[read.input.place()], one);
            }
        }
        found.map(|one| one.filter(|one| !too_old(one)))
    }

    /// Whether a number that counts leaves its score as it is: then that is known for longer.
    pub(super) fn says_the_same(
        &mut self,
        reading: Reading<'_>,
        (rank, read): (usize, InputSignal),
        rule: &ScoreRule,
    ) -> bool {
        let scale = self.spo2_scale();
        let states = self.scores.iter_mut().flat_map(|scores| &mut scores.of_rules);
        let Some(state) = states.into_iter().find(|state| state.rule == rule.id) else {
            return false;
        };
        let on_oxygen = state.inputs[Input::Oxygen.place()].map(|one| one.points > 0);
        let Some(points) = read.input.points(reading.number, scale, on_oxygen) else { return true };
        let known = state.inputs[read.input.place()].as_mut();
        let Some(known) = known.filter(|known| known.points == points) else { return false };
        let rule_at = reading.observation.timing.rule_at;
        let until = rule_at + rule.age_of(read.single || reading.spot);
        let before = (known.measured, Reverse(usize::from(known.rank)), known.until);
        if (rule_at, Reverse(rank), until) > before {
            *known = Counted { points, measured: rule_at, until, rank: rank as u8 };
        }
        true
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
