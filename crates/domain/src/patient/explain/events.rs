//! What devices announce themselves.

use super::{Explained, NotJudged, RuleKind, State, Subject, View};
use crate::model::alarm::Condition;
use crate::rules::EventRule;

impl<'a> View<'a> {
    /// The rows of a rule over events: one for each device of which it has an alarm, else one for all.
    pub(super) fn event(self, rule: &'a EventRule, rows: &mut Vec<Explained>) {
        let subject = Subject {
            rule: &rule.id,
            kind: RuleKind::Event,
            name: None,
            label: &rule.text,
            signal: None,
            side: None,
        };
        let before = rows.len();
        for (key, open) in self.patient.alarms.iter().filter(|(key, _)| key.rule == rule.id) {
            let alarm = &open.alarm;
            let state = match alarm.condition {
                Condition::Present | Condition::Momentary => State::Alarming { level: None },
                Condition::Unknown => State::Unknown {
                    since: Some(alarm.condition_since),
                    why: alarm.condition_reason.clone().unwrap_or_default(),
                },
                Condition::Absent => State::Watching,
            };
            let due = self.patient.alarms.deadline_of(key);
            rows.push(Explained {
                alarm: Some(open.into()),
                kept_back: self.kept_back(&rule.id, Some(key)),
                due_at: due.map(|at| self.now.shown(at)),
                ..self.row(subject, alarm.device.as_ref(), state)
            });
        }
        if rows.len() == before {
            let none = self.patient.expectations.is_empty();
            let state = if none { State::NotJudged(NotJudged::NoDevice) } else { State::Watching };
            rows.push(self.row(subject, None, state));
        }
    }
}
