//! Rules over several signals of a patient: what counts of each, what that comes to, and the alarm that follows
//! (contract §5, Scores and Combinations).
//!
//! ```text
//! series, words ─▶ inputs: what counts of each now ─▶ verdict: a grade, or none ─▶ since when ─▶ alarm
//! ```
//!
//! The verdict is derived anew from what is remembered of the series whenever what counts of an input may be otherwise;
//! the rule's own state is since when it has reached what. What is peculiar to a kind stands in `score.rs` and
//! `combination.rs`.

mod draft;
mod inputs;
mod judging;
mod said;
mod state;

use std::marker::PhantomData;

use minicbor::{Decode, Encode};

pub(super) use self::inputs::{Counted, Found, Value};
pub(super) use self::said::{Gone, Said, Sayings};
pub(super) use self::state::{Grade, State, StateOf, Verdict};
use super::combination::CombinationState;
use super::deadline::Earliest;
use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured};
use super::score::ScoreState;
use super::{Deadline, Patient, RuleContext};
use crate::model::alarm::{Priority, Response};
use crate::model::cause::Cause;
use crate::model::ids::{RuleId, WardId};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::rules::{Person, Rule, RuleSet};

/// Why an alarm is unknown.
pub(super) const INCOMPLETE: &str = "incomplete";

/// What is remembered for the rules over several signals of a patient.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Several {
    /// Words and bounds that say something of an input, the last of each series, in the order in which they came.
    #[n(0)]
    said: Vec<Said>,
    /// Each score that was judged.
    #[n(1)]
    pub(super) scores: Vec<ScoreState>,
    /// Numbers that were corrected to what is no value, which limits go on to know.
    #[n(2)]
    gone: Vec<Gone>,
    /// Each combination that was judged.
    #[n(3)]
    #[cbor(default)]
    pub(super) combinations: Vec<CombinationState>,
}

/// A kind of rule over several signals: what it reads, and what that comes to.
pub(super) trait OverSeveral: Sized + 'static {
    /// How grave what it looks for may be.
    type Grade: Grade;
    /// Something of each of its inputs.
    type Each<T>: AsRef<[T]> + AsMut<[T]>;
    /// An instant, or none, for each grade.
    type Since: AsRef<[Option<Timestamp>]> + AsMut<[Option<Timestamp>]> + Default;
    /// By what else a number is read.
    type Terms;

    /// The source of every alarm of it: it is of the patient, and of no device.
    const SOURCE: &'static str;

    /// A rule as one of this kind.
    fn of(rule: &Rule) -> Option<&Self>;
    /// All rules of it.
    fn all(rules: &RuleSet) -> impl Iterator<Item = &Self>;
    /// Whether words of a signal are read by any rule there may be.
    fn reads_words(_signal: &str) -> bool {
        false
    }
    /// Where its rules stand.
    fn states(several: &Several) -> &[StateOf<Self>];
    /// The same, to be changed.
    fn states_mut(several: &mut Several) -> &mut Vec<StateOf<Self>>;
    /// What made them stale, until the message that did it is judged.
    fn stale(patient: &mut Patient) -> &mut Option<Box<Cause>>;
    /// That of a rule, by the index of its state.
    fn deadline(index: usize) -> Deadline<'static>;
    /// The index, where it is one of this kind.
    fn index(deadline: Deadline<'_>) -> Option<usize>;

    /// Its name.
    fn id(&self) -> &RuleId;
    /// Whether it judges this person, who lies there.
    fn judges(&self, person: Person, ward: Option<&WardId>) -> bool;
    /// So long a grade must hold before it is an alarm.
    fn delay(&self) -> Span;
    /// So long it must be known to be in none before the alarm is over.
    fn clear_delay(&self) -> Span;
    /// How serious a grade is, and how fast somebody must act.
    fn gravity(&self, grade: Self::Grade) -> (Priority, Response);
    /// What to do.
    fn advice(&self) -> Option<&String>;
    /// What is told.
    fn text(&self, found: &Self::Each<Option<Found<'_>>>) -> String;

    /// Something of each input, by its place.
    fn each<T>(&self, of: impl FnMut(usize) -> T) -> Self::Each<T>;
    /// The inputs that a signal is read for.
    fn reads(&self, signal: SignalId) -> impl Iterator<Item = Read>;
    /// How old a reading may be.
    fn age(&self, single: bool) -> Span;
    /// By what numbers are read, where words had these points.
    fn terms(patient: &Patient, words: &dyn Fn(usize) -> Option<u8>) -> Self::Terms;
    /// What a reading counts for in an input; `None` where it says nothing of it.
    fn points(&self, input: usize, value: Value<'_>, terms: &Self::Terms) -> Option<u8>;
    /// What the points of the inputs come to; `None` is missing.
    fn verdict(&self, points: &Self::Each<Option<u8>>) -> Verdict<Self::Grade>;
}

/// What a signal is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// The place of the input.
    pub(super) input: usize,
    /// The place of the signal among all that are read: of readings of one time an earlier one counts.
    pub(super) rank: usize,
    /// It is measured singly, whatever its device.
    pub(super) single: bool,
}

/// The rules of such a kind.
pub(super) struct SeveralKind<R>(PhantomData<fn() -> R>);

impl<R> SeveralKind<R> {
    pub(super) const IT: Self = Self(PhantomData);
}

impl<R: OverSeveral> Kind for SeveralKind<R> {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match occurrence {
            Occurrence::Number(reading) => patient.number_of_several::<R>(reading, context, out),
            Occurrence::Word(observation, _) => {
                let signal = context.signals.get(observation.source.signal);
                if signal.is_some_and(|signal| R::reads_words(&signal.name)) {
                    patient.is_stale::<R>(Some(&observation.cause), out);
                }
            }
            Occurrence::Changed(cause) => patient.is_stale::<R>(cause, out),
            Occurrence::IntakeGap((_, to)) => {
                let states = patient.several.iter_mut().flat_map(|several| R::states_mut(several));
                states.for_each(|state| state.leave_out(to));
            }
            Occurrence::Implausible(observation, _) if observation.corrects => {
                patient.is_stale::<R>(Some(&observation.cause), out);
            }
            Occurrence::NoSensor { .. }
            | Occurrence::Implausible(..)
            | Occurrence::Episode(_)
            | Occurrence::Silence(_) => {}
        }
    }

    fn deadlines<'r>(
        &self,
        patient: &Patient,
        context: RuleContext<'r>,
        earliest: &mut Earliest<'r, '_>,
    ) {
        let Some(several) = &patient.several else { return };
        for (index, state) in R::states(several).iter().enumerate() {
            let Some(rule) = named::<R>(context, &state.rule) else { continue };
            if let Some(at) = patient.next_of_several(rule, state) {
                earliest.offer(at, R::deadline(index));
            }
        }
    }

    fn fire(
        &self,
        patient: &mut Patient,
        _due: Timestamp,
        deadline: Deadline<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Some(index) = R::index(deadline) else { return };
        let several = patient.several.as_deref();
        let state = several.and_then(|several| R::states(several).get(index));
        if let Some(rule) = state.and_then(|state| named::<R>(context, &state.rule)) {
            // What has held for its time comes before what changes now.
            patient.has_held(rule, context, out);
            patient.judge_one_of_several(rule, None, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match change {
            Reconfigured::Closed { rule: before, open, .. } => {
                let rule = R::of(before).and_then(|before| named::<R>(context, before.id()));
                if let Some(rule) = rule {
                    patient.tell_anew(rule, open, context, out);
                }
            }
            Reconfigured::Rules(wanted) => {
                for rule in R::all(context.rules).filter(|rule| wanted(rule.id())) {
                    patient.begin_anew(rule, out.now.at);
                }
                patient.judge_several::<R>(None, context, out);
            }
            Reconfigured::Inherited(..) => patient.judge_several::<R>(None, context, out),
        }
    }

    fn forget(&self, _patient: &mut Patient, _what: &mut Forgotten<'_>) {
        // What was said is forgotten by `Sayings`, numbers with their series.
    }
}

/// The rule of this name in force.
fn named<'r, R: OverSeveral>(context: RuleContext<'r>, id: &RuleId) -> Option<&'r R> {
    R::all(context.rules).find(|rule| rule.id() == id)
}
