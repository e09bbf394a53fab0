//! Late data: they may raise, marked so, and clear nothing (contract §3).

use super::judge::limit_draft;
use super::limits::valid_at;
use super::watch::Evidence;
use super::{Context, Patient};
use crate::alarms::book::Draft;
use crate::model::alarm::{Condition, Priority, Response};
use crate::model::observation::{Number, Observation, Source};
use crate::model::time::Span;
use crate::output::Output;
use crate::rules::{Level, LimitRule, Relation};

impl Patient {
    /// Judges a late number: it may raise, marked as late, and clears nothing.
    pub(super) fn judge_late(
        &mut self,
        observation: &Observation,
        number: &Number,
        spot: bool,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let source = &observation.source;
        let mut state = self.take_state(source);
        let sets = std::mem::take(&mut self.limits);
        let (limits, version) = valid_at(&sets, observation.timing.own);
        let age = observation.timing.received - observation.timing.measured;
        for rule in context.rules.limits_of(source.signal) {
            if rule.adults_only && !self.is_adult() {
                continue;
            }
            let mut worst = None;
            for level in Level::ALL {
                let relation =
                    rule.relation(level, limits, number.value, number.unit, number.comparator);
                let Relation::Beyond { limit, from } = relation else {
                    if state.known(rule).is_some() {
                        state.watch(rule).late[level] = None;
                    }
                    continue;
                };
                let rule_at = observation.timing.rule_at;
                let late = &mut state.watch(rule).late[level];
                let (since, told) = *late.get_or_insert((rule_at, false));
                let delay = if spot { Span::ZERO } else { rule.delay(level) };
                if !told && rule_at - since >= delay {
                    *late = Some((since, true));
                    worst = Some((level, limit, from));
                }
            }
            if let Some((level, limit, from)) = worst {
                let evidence = Evidence::new(observation, number, limit, from, version);
                self.tell_late(rule, source, &evidence, level, age, out);
            }
        }
        self.limits = sets;
        state.tidy();
        // A backlog beside live data says nothing against them.
        let interval = state.interval.unwrap_or_default();
        let missed = state.arrival.is_none_or(|heard| out.now.at - heard > interval);
        self.put_state(source, state);
        if missed {
            self.not_judged(Some(source), &source.device, "late");
        }
    }

    fn tell_late(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        evidence: &Evidence,
        level: Level,
        age: Span,
        out: &mut Output,
    ) {
        let draft = limit_draft(rule, source, evidence, level, evidence.measured);
        if age > rule.actionable {
            let text = format!("{} at {}", draft.text, evidence.measured);
            out.note(Some(&self.details.id), Some(&source.device), "historical", text);
            return;
        }
        let priority = lowered(draft.priority, draft.response);
        let held = self.alarms.get(&draft.key).map(|open| open.alarm.condition);
        if matches!(held, Some(Condition::Present | Condition::Unknown | Condition::Absent)) {
            // What is known of the present stands; that it was worse before is told all the same.
            let text = format!("{} at {}", draft.text, evidence.measured);
            out.note(Some(&self.details.id), Some(&source.device), "late", text);
            self.alarms.change(&draft.key, None, out, |alarm, now| alarm.worse(priority, now));
            return;
        }
        let draft = Draft {
            priority,
            condition: Condition::Momentary,
            text: format!("{} (late)", draft.text),
            late: true,
            ..draft
        };
        self.alarms.raise(Self::owner(&self.details, self.ward.as_ref()), draft, out);
    }
}

/// One step lower for rules that ask for a response now (contract §3).
pub(super) fn lowered(priority: Priority, response: Response) -> Priority {
    match (response, priority) {
        (Response::Immediate | Response::Prompt, Priority::High) => Priority::Medium,
        (Response::Immediate | Response::Prompt, Priority::Medium) => Priority::Low,
        (Response::Immediate | Response::Prompt, Priority::Low) => Priority::Info,
        _ => priority,
    }
}
