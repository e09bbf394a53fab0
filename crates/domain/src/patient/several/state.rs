//! Where a rule over several signals stands: since when it has reached what.

use minicbor::{Decode, Encode};

use super::inputs::Counted;
use super::{OverSeveral, Patient};
use crate::alarms::book::{Key, Open};
use crate::model::alarm::Condition;
use crate::model::cause::Cause;
use crate::model::ids::RuleId;
use crate::model::time::{Span, Timestamp};

/// How grave what a rule looks for may be, from the mildest on.
pub(in crate::patient) trait Grade: Copy + Ord + 'static {
    /// All of them.
    const GRADES: &'static [Self];
    /// Its place among them.
    fn place(self) -> usize;
}

/// What the inputs come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::patient) struct Verdict<G> {
    /// How grave it is, as far as is known; `None` where it is not, or nobody knows.
    pub(in crate::patient) grade: Option<G>,
    /// It is known to be in no grade.
    pub(in crate::patient) calm: bool,
}

/// Where a rule stands, all in the gateway's own time.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(in crate::patient) struct State<I, G, S> {
    #[n(0)]
    pub(in crate::patient) rule: RuleId,
    /// What counts of each input, by its place.
    #[n(1)]
    pub(super) inputs: I,
    #[n(2)]
    pub(in crate::patient) grade: Option<G>,
    /// Since when it is in that grade, or in none.
    #[n(3)]
    pub(in crate::patient) since: Timestamp,
    /// Since when it has reached each grade, or passed it, by [`Grade::place`].
    #[n(4)]
    pub(super) reached: S,
    /// Since when it has been known to be in none.
    #[n(5)]
    pub(in crate::patient) calm: Option<Timestamp>,
    /// The grade that its open alarm told last, when it was raised, rose or was back.
    #[n(6)]
    pub(super) told: Option<G>,
    /// What brought it into a grade.
    #[n(7)]
    pub(super) cause: Option<Cause>,
}

/// Where a rule of a kind stands.
pub(in crate::patient) type StateOf<R> = State<
    <R as OverSeveral>::Each<Option<Counted>>,
    <R as OverSeveral>::Grade,
    <R as OverSeveral>::Since,
>;

/// A grade, and when it had held for long enough.
pub(super) type Held<G> = (G, Timestamp);

impl<I, G, S> State<I, G, S>
where
    I: AsRef<[Option<Counted>]> + AsMut<[Option<Counted>]>,
    G: Grade,
    S: AsRef<[Option<Timestamp>]> + AsMut<[Option<Timestamp>]> + Default,
{
    /// A rule of which nothing counts yet.
    pub(super) fn begun(rule: &RuleId, inputs: I, now: Timestamp) -> Self {
        Self {
            rule: rule.clone(),
            inputs,
            grade: None,
            since: now,
            reached: S::default(),
            calm: None,
            told: None,
            cause: None,
        }
    }

    /// The same, that knows no more than what it told.
    pub(super) fn begun_anew(self, now: Timestamp) -> Self {
        let Self { rule, mut inputs, told, .. } = self;
        inputs.as_mut().fill(None);
        Self { told, ..Self::begun(&rule, inputs, now) }
    }

    /// It is what its inputs come to now; `cause` is what brought it there.
    pub(super) fn take(
        &mut self,
        inputs: I,
        verdict: Verdict<G>,
        cause: Option<&Cause>,
        now: Timestamp,
    ) {
        let Verdict { grade, calm } = verdict;
        self.inputs = inputs;
        if self.grade != grade {
            (self.grade, self.since) = (grade, now);
        }
        if grade.is_none() {
            self.cause = None;
        } else if self.cause.is_none() {
            self.cause = Some(cause.cloned().unwrap_or_else(|| Cause::noticed(None, now)));
        }
        for (of, reached) in G::GRADES.iter().zip(self.reached.as_mut()) {
            *reached = if grade >= Some(*of) { reached.or(Some(now)) } else { None };
        }
        self.calm = if calm { self.calm.or(Some(now)) } else { None };
    }

    /// What ran while nothing was taken in begins anew after it.
    pub(super) fn leave_out(&mut self, to: Timestamp) {
        let since = self.reached.as_mut().iter_mut().chain([&mut self.calm]);
        since.for_each(|since| *since = since.map(|since| since.max(to)));
    }

    /// The gravest grade that has held for the delay, and since when it has.
    pub(super) fn held(
        &self,
        delay: Span,
        is_decided: impl Fn(Timestamp) -> bool,
    ) -> Option<Held<G>> {
        let held = |grade: &G| {
            let since = self.reached(*grade)?;
            is_decided(since + delay).then_some((*grade, since + delay))
        };
        G::GRADES.iter().rev().find_map(held)
    }

    /// The points of each input of which something counts, and until when it does.
    pub(in crate::patient) fn counted(&self) -> impl Iterator<Item = (u8, Timestamp)> {
        self.inputs.as_ref().iter().flatten().map(|counted| (counted.points, counted.until))
    }

    /// Since when it has reached a grade, or passed it.
    pub(in crate::patient) fn reached(&self, grade: G) -> Option<Timestamp> {
        self.reached.as_ref().get(grade.place()).copied().flatten()
    }
}

impl Patient {
    /// When the state of a rule may be otherwise though nothing comes: an input grows too old, a grade, or that there is
    /// none, has held for its time.
    pub(in crate::patient) fn next_of_several<R: OverSeveral>(
        &self,
        rule: &R,
        state: &StateOf<R>,
    ) -> Option<Timestamp> {
        let ages = state.inputs.as_ref().iter().flatten().map(|counted| counted.until);
        let open = self.alarm_of_state::<R>(state).is_some();
        let told = state.told.filter(|_| open);
        let grades = R::Grade::GRADES.iter().filter(|grade| told.is_none_or(|told| told < **grade));
        let held = grades.filter_map(|grade| state.reached(*grade)).min();
        let over = state.calm.filter(|_| open);
        let timers = [held.map(|at| at + rule.delay()), over.map(|at| at + rule.clear_delay())];
        ages.chain(timers.into_iter().flatten()).min()
    }

    /// Where a rule stands, if it was judged.
    pub(in crate::patient) fn known_state<R: OverSeveral>(&self, rule: &R) -> Option<&StateOf<R>> {
        let several = self.several.as_ref()?;
        R::states(several).iter().find(|state| state.rule == *rule.id())
    }

    /// The same, begun now where it was not.
    pub(super) fn state_of<R: OverSeveral>(&mut self, rule: &R, now: Timestamp) -> &mut StateOf<R> {
        let states = R::states_mut(self.several.get_or_insert_default());
        let known = states.iter().position(|state| state.rule == *rule.id());
        let index = known.unwrap_or_else(|| {
            states.reserve_exact(1);
            states.push(State::begun(rule.id(), rule.each(|_| None), now));
            states.len() - 1
        });
        &mut states[index]
    }

    /// The alarm of a rule that holds, as far as is known.
    pub(super) fn alarm_of<R: OverSeveral>(&self, rule: &R) -> Option<&Open> {
        self.alarm_named::<R>(rule.id())
    }

    /// The same, where the rule told it.
    pub(super) fn alarm_of_state<R: OverSeveral>(&self, state: &StateOf<R>) -> Option<&Open> {
        state.told.and_then(|_| self.alarm_named::<R>(&state.rule))
    }

    fn alarm_named<R: OverSeveral>(&self, rule: &RuleId) -> Option<&Open> {
        let of_it = |key: &Key| key.rule == *rule && key.source == R::SOURCE;
        let found = self.alarms.iter().find(|(key, _)| of_it(key));
        found.map(|(_, open)| open).filter(|open| open.alarm.condition != Condition::Absent)
    }
}
