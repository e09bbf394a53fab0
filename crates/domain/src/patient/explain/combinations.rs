//! Several conditions at once: since when enough of them hold, and what nobody knows of.

use super::{Explained, NotJudged, RuleKind, State, Subject, View};
use crate::alarms::book::{Key, Open};
use crate::model::alarm::Condition;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::patient::Deadline;
use crate::patient::combination::{CombinationState, Met};
use crate::patient::several::{INCOMPLETE, OverSeveral};
use crate::rules::CombinationRule;

impl<'a> View<'a> {
    /// The row of a combination: of the patient, and of no device. With a signal, where it reads that.
    pub(super) fn combination(
        self,
        rule: &'a CombinationRule,
        only: Option<SignalId>,
        rows: &mut Vec<Explained>,
    ) {
        if only.is_some_and(|only| rule.conditions.iter().all(|c| c.signal != only)) {
            return;
        }
        let key = Key::new(rule.id.clone(), CombinationRule::SOURCE);
        let (open, state) = (self.alarms(&key), self.patient.known_state(rule));
        let label = rule.label();
        let subject = Subject {
            rule: &rule.id,
            kind: RuleKind::Combination,
            name: None,
            label: &label,
            signal: None,
            side: None,
        };
        let own = state.and_then(|state| self.patient.next_of_several(rule, state));
        let own = own.and_then(|at| self.decided(at));
        let of_alarm = self.patient.alarms.deadline_of(&key).map(|at| self.now.shown(at));
        rows.push(Explained {
            alarm: open.map(Into::into),
            kept_back: self.kept_back(&rule.id, open.map(|_| &key)),
            due_at: own.into_iter().chain(of_alarm).min(),
            ..self.row(subject, None, self.of_combination(rule, open, state))
        });
    }

    fn of_combination(
        self,
        rule: &CombinationRule,
        open: Option<&Open>,
        state: Option<&CombinationState>,
    ) -> State {
        let patient = self.patient;
        let begun =
            |since: Timestamp, lasts: Span| (self.now.shown(since), self.decided(since + lasts));
        let alarm = open.map(|open| &open.alarm);
        let unknown = alarm.filter(|alarm| alarm.condition == Condition::Unknown);
        let present = alarm.is_some_and(|alarm| alarm.condition == Condition::Present);
        let calm = state.and_then(|state| state.calm);
        let met = state.and_then(|state| state.reached(Met::Met));
        if let Some(alarm) = unknown {
            let why = alarm.condition_reason.clone().unwrap_or_default();
            State::Unknown { since: Some(alarm.condition_since), why }
        } else if !patient.is_adult() {
            State::NotJudged(NotJudged::AgeClass)
        } else if !OverSeveral::judges(rule, patient.person(), patient.ward.as_ref()) {
            State::NotJudged(NotJudged::OtherWard)
        } else if present
            && let Some((since, Some(ends_at))) = calm.map(|since| begun(since, rule.clear_delay))
        {
            State::Clearing { since, ends_at }
        } else if present {
            State::Alarming { level: None }
        } else if let Some((since, fires_at)) = met.map(|since| begun(since, rule.delay)) {
            // What it stands on may be too old by then.
            let until = state.and_then(|state| state.holds_until(rule));
            let until = until.and_then(|until| self.decided(until));
            let fires_at = fires_at.filter(|at| until.is_none_or(|until| *at <= until));
            State::DelayRunning { level: None, since, fires_at, lost_at: None }
        } else if calm.is_some() {
            State::Watching
        } else if self.sent(rule) < rule.at_least {
            State::NotJudged(NotJudged::NoDevice)
        } else {
            State::Unknown { since: None, why: INCOMPLETE.to_owned() }
        }
    }

    /// Of how many of its conditions a device that is bound sends the signal, as far as it was heard or said.
    fn sent(self, rule: &CombinationRule) -> usize {
        let heard = |signal: SignalId| {
            let mut series = self.patient.series.keys();
            series.any(|source| source.signal == signal && self.is_bound(&source.device))
        };
        let is_sent = |signal: SignalId| heard(signal) || self.unheard(signal).next().is_some();
        rule.conditions.iter().filter(|condition| is_sent(condition.signal)).count()
    }

    /// When something that falls then is decided, by the shown clock; `None` while intake is held back.
    fn decided(self, at: Timestamp) -> Option<Timestamp> {
        self.shown(self.intake().due(at, Deadline::Combination(0)))
    }
}
