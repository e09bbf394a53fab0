//! Late data: they may raise, marked so, and clear nothing (contract §3).

use super::draft::limit_draft;
use super::own::valid_at;
use super::watch::Evidence;
use crate::alarms::book::Draft;
use crate::model::alarm::{Condition, Priority, Response};
use crate::model::observation::Source;
use crate::model::time::Span;
use crate::output::Output;
use crate::patient::alarms::{Parts, PatientAlarms};
use crate::patient::judgement::Reading;
use crate::patient::{Patient, RuleContext};
use crate::rules::{Level, LimitRule, Relation, Rule};

impl Patient {
    /// Judges a late number: it may raise, marked as late, and clears nothing.
    pub(super) fn judge_late(
        &mut self,
        reading: Reading<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Reading { observation, number, series, spot, .. } = reading;
        let source = &observation.source;
        let rules = self.judging(source.signal, context).filter_map(Rule::as_limit);
        let Parts { state, limits, mut alarms } = self.parts(series, out);
        let (limits, version) = valid_at(limits, observation.timing.own);
        let age = observation.timing.received - observation.timing.measured;
        for rule in rules {
            let mut worst = None;
            for level in Level::ALL {
                let relation =
                    rule.relation(level, limits, number.value, number.unit, number.comparator);
                let Relation::Beyond { limit, from } = relation else {
                    if state.watches.of(rule).is_some() {
                        state.watches.of_mut(rule).late[level] = None;
                    }
                    continue;
                };
                let rule_at = observation.timing.rule_at;
                let late = &mut state.watches.of_mut(rule).late[level];
                let (since, announced) = *late.get_or_insert((rule_at, false));
                let delay = if spot { Span::ZERO } else { rule.delay(level) };
                if !announced && rule_at - since >= delay {
                    *late = Some((since, true));
                    worst = Some((level, limit, from));
                }
            }
            if let Some((level, limit, from)) = worst {
                let evidence = Evidence::new(observation, number, limit, from, version);
                alarms.announce_late(rule, source, &evidence, level, age);
            }
        }
        state.watches.tidy();
    }
}

impl PatientAlarms<'_> {
    fn announce_late(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        evidence: &Evidence,
        level: Level,
        age: Span,
    ) {
        let draft = limit_draft(rule, source, evidence, level, evidence.measured);
        let then = || format!("{} at {}", draft.text, evidence.measured);
        if age > rule.actionable {
            return self.note(&source.device, "historical", then());
        }
        let priority = lowered(draft.priority, draft.response);
        let held = self.open(&draft.key).map(|(condition, _)| condition);
        if matches!(held, Some(Condition::Present | Condition::Unknown | Condition::Absent)) {
            // The open alarm keeps what is known of the present, and shows that it was worse before.
            self.note(&source.device, "late", then());
            self.change(&draft.key, None, |alarm, now| alarm.worse(priority, now));
            return;
        }
        self.raise(Draft {
            priority,
            condition: Condition::Momentary,
            text: format!("{} (late)", draft.text),
            late: true,
            ..draft
        });
    }
}

/// One step lower for rules that ask for a response now (contract §3).
pub(in crate::patient) fn lowered(priority: Priority, response: Response) -> Priority {
    match (response, priority) {
        (Response::Immediate | Response::Prompt, Priority::High) => Priority::Medium,
        (Response::Immediate | Response::Prompt, Priority::Medium) => Priority::Low,
        (Response::Immediate | Response::Prompt, Priority::Low) => Priority::Info,
        _ => priority,
    }
}
