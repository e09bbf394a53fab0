//! How rules over several signals are judged: what they come to by what counts now, and what has held for its time.

use super::inputs::{self, Counted};
use super::{INCOMPLETE, OverSeveral, Patient, RuleContext, State, StateOf};
use crate::alarms::book::{Key, Open};
use crate::model::alarm::{Alarm, Condition};
use crate::model::cause::Cause;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::output::transition::Change;
use crate::patient::judgement::{Occurrence, Reading};
use crate::rules::{CombinationRule, ScoreRule};

impl Patient {
    /// What is known of the patient is other than before, though nothing came.
    pub fn changed(&mut self, context: RuleContext<'_>, out: &mut Output) {
        if self.discharged_at.is_none() {
            self.judge(Occurrence::Changed(None), context, out);
            self.settle(context, out);
        }
    }

    /// All of a message was judged: what several signals come to is what it is now, and not what it was between two
    /// readings of it.
    pub fn settle(&mut self, context: RuleContext<'_>, out: &mut Output) {
        self.settle_kind::<ScoreRule>(context, out);
        self.settle_kind::<CombinationRule>(context, out);
    }

    fn settle_kind<R: OverSeveral>(&mut self, context: RuleContext<'_>, out: &mut Output) {
        if let Some(cause) = R::stale(self).take()
            && self.discharged_at.is_none()
        {
            self.judge_several::<R>(Some(&cause), context, out);
        }
    }

    /// What counts may be other than before, by the first thing of a message that made it so.
    pub(super) fn is_stale<R: OverSeveral>(&mut self, cause: Option<&Cause>, out: &Output) {
        let stale = R::stale(self);
        if stale.is_none() {
            let cause = cause.cloned().unwrap_or_else(|| Cause::noticed(None, out.now.at));
            *stale = Some(Box::new(cause));
        }
    }

    /// A number came: where it is of an input, and its points are others, the rule is stale.
    pub(super) fn number_of_several<R: OverSeveral>(
        &mut self,
        reading: Reading<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let corrects = reading.observation.corrects;
        // One bound may have taken the place of another in memory.
        let anew = corrects || reading.number.comparator.is_some();
        let passed_over = reading.observation.earlier || !inputs::counts(reading);
        if !corrects && passed_over {
            return;
        }
        let signal = reading.observation.source.signal;
        let person = self.person();
        for rule in R::all(context.rules) {
            let is_read = rule.reads(signal).next().is_some();
            if !is_read || !rule.judges(person, self.ward.as_ref()) {
                continue;
            }
            if anew || !self.says_the_same(reading, rule) {
                self.is_stale::<R>(Some(&reading.observation.cause), out);
            }
        }
    }

    /// Every rule, where it judges; and those no more that judge this patient no more (row 23).
    pub(super) fn judge_several<R: OverSeveral>(
        &mut self,
        cause: Option<&Cause>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let is_remembered = self.several.as_ref().is_some_and(|it| !R::states(it).is_empty());
        if !is_remembered && R::all(context.rules).next().is_none() {
            return;
        }
        let (person, ward) = (self.person(), self.ward.as_ref());
        let judging = R::all(context.rules).filter(|rule| rule.judges(person, ward));
        let judging: Vec<&R> = judging.collect();
        let gone = |state: &mut StateOf<R>| judging.iter().all(|rule| *rule.id() != state.rule);
        let states = self.several.as_mut().map(|several| R::states_mut(several));
        let gone: Vec<StateOf<R>> =
            states.map_or_else(Vec::new, |states| states.extract_if(.., gone).collect());
        let known = |open: &Open| open.alarm.condition != Condition::Unknown;
        for state in gone {
            let of_it = |key: &Key| key.rule == state.rule;
            for key in self.alarms.keys_where(|key, open| of_it(key) && known(open)) {
                self.alarms.close(&key, Change::RuleChanged, "rule_changed", None, out);
            }
            if self.alarm_of_state::<R>(&state).is_some() {
                // What is unknown stays, and is told of again where the rule judges once more.
                R::states_mut(self.several.get_or_insert_default())
                    .push(state.begun_anew(out.now.at));
            }
        }
        for rule in judging {
            self.judge_one_of_several(rule, cause, context, out);
        }
    }

    /// Derives what a rule comes to from what counts now, and moves its alarm where that is at once.
    pub(super) fn judge_one_of_several<R: OverSeveral>(
        &mut self,
        rule: &R,
        cause: Option<&Cause>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let found = self.found(rule, context, out.now.at);
        let inputs = rule.each(|place| found.as_ref()[place].map(Counted::from));
        let verdict = rule.verdict(&rule.each(|place| found.as_ref()[place].map(|one| one.points)));
        drop(found);
        self.state_of(rule, out.now.at).take(inputs, verdict, cause, out.now.at);
        let condition = self.alarm_of(rule).map(|open| open.alarm.condition);
        match (condition, verdict.grade) {
            (Some(Condition::Present), None) if !verdict.calm => {
                self.move_alarm(rule, context, out, |alarm, now| alarm.input_lost(INCOMPLETE, now));
            }
            (Some(Condition::Unknown), Some(grade)) => {
                self.state_of(rule, out.now.at).told = Some(grade);
                let draft = self.draft_of(rule, (grade, out.wall()), context, out);
                self.raise(draft, out);
            }
            _ => {}
        }
    }

    /// What has held for its time: a grade, or that there is none.
    pub(super) fn has_held<R: OverSeveral>(
        &mut self,
        rule: &R,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let now = out.now.at;
        let is_decided = |due| context.intake.is_decided(due, now);
        let Some(state) = self.known_state(rule) else { return };
        let open = self.alarm_of_state::<R>(state).is_some();
        let told = state.told.filter(|_| open);
        let over = state.calm.is_some_and(|since| is_decided(since + rule.clear_delay()));
        let held = state.held(rule.delay(), is_decided);
        let held = held.filter(|(grade, _)| told.is_none_or(|told| told < *grade));
        if let Some((grade, at)) = held {
            let draft = self.draft_of(rule, (grade, out.now.shown(at)), context, out);
            self.state_of(rule, now).told = Some(grade);
            self.raise(draft, out);
        } else if over && open {
            self.state_of(rule, now).told = None;
            self.move_alarm(rule, context, out, Alarm::absent);
        }
    }

    /// A rule that changed begins with what counts now.
    pub(super) fn begin_anew<R: OverSeveral>(&mut self, rule: &R, now: Timestamp) {
        let Some(known) = self.known_state(rule) else { return };
        let told = known.told.filter(|_| self.alarm_of_state::<R>(known).is_some());
        let begun = State::begun(rule.id(), rule.each(|_| None), now);
        *self.state_of(rule, now) = State { told, ..begun };
    }

    /// Its alarm was closed because its rule changed (row 23): what still holds is raised anew at once, and what
    /// nobody knows to be over as unknown.
    pub(super) fn tell_anew<R: OverSeveral>(
        &mut self,
        rule: &R,
        before: &Open,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let now = out.now.at;
        let told = self.known_state(rule).and_then(|state| state.told);
        let judges = rule.judges(self.person(), self.ward.as_ref());
        if !judges || before.alarm.condition == Condition::Absent {
            return;
        }
        *self.state_of(rule, now) = State::begun(rule.id(), rule.each(|_| None), now);
        self.judge_one_of_several(rule, None, context, out);
        let unknown = before.alarm.condition == Condition::Unknown;
        let state = self.state_of(rule, now);
        let holds = state.grade.or_else(|| told.filter(|_| unknown || state.calm.is_none()));
        let Some(grade) = holds else { return };
        let known = state.grade.is_some();
        state.told = Some(grade);
        let mut draft = self.draft_of(rule, (grade, out.wall()), context, out);
        if !known {
            (draft.condition, draft.reason) = (Condition::Unknown, Some(INCOMPLETE.to_owned()));
        }
        self.raise(draft, out);
        // What was unknown, and by the new rule holds, is back.
        self.judge_one_of_several(rule, None, context, out);
    }
}
