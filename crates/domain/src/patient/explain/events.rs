//! What devices announce themselves, and rules of which only the alarm says where they stand: counts, trends, predictions,
//! frozen values and scores.

use super::{Explained, NotJudged, RuleKind, State, Subject, View};
use crate::model::alarm::{Condition, Side};
use crate::model::signal::SignalId;
use crate::rules::{EventRule, Rule};

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
        let none = self.patient.expectations.is_empty();
        let state = if none { State::NotJudged(NotJudged::NoDevice) } else { State::Watching };
        self.by_alarms(subject, state, rows);
    }

    /// The rows of a rule of another kind: one for each alarm of it, else one.
    pub(super) fn other(self, rule: &'a Rule, rows: &mut Vec<Explained>) {
        let (kind, label, side): (RuleKind, &str, Option<Side>) = match rule {
            Rule::Trend(rule) => (RuleKind::Trend, &rule.label, Some(rule.side)),
            Rule::Prediction(rule) => (RuleKind::Prediction, &rule.label, Some(rule.side)),
            Rule::Frozen(rule) => (RuleKind::Frozen, &rule.label, None),
            Rule::Count(rule) => (RuleKind::Count, &rule.text, None),
            Rule::Score(_) => (RuleKind::Score, "NEWS2", None),
            Rule::Limit(_) | Rule::Loss(_) | Rule::Event(_) | Rule::Combination(_) => return,
        };
        let signal = rule.signal();
        let subject = Subject { rule: rule.id(), kind, name: None, label, signal, side };
        self.by_alarms(subject, self.without_alarm(rule, signal), rows);
    }

    fn without_alarm(self, rule: &Rule, signal: Option<SignalId>) -> State {
        let patient = self.patient;
        let is_sent = signal.is_none_or(|signal| {
            let mut series = patient.series.iter();
            series.any(|(source, _)| source.signal == signal && self.is_bound(&source.device))
        });
        if !rule.stands_for(patient.person(), self.patient.limits_at(self.now.at).own) {
            State::NotJudged(NotJudged::AgeClass)
        } else if patient.expectations.is_empty() || !is_sent {
            State::NotJudged(NotJudged::NoDevice)
        } else {
            State::Watching
        }
    }

    fn by_alarms(self, subject: Subject<'a>, without: State, rows: &mut Vec<Explained>) {
        let before = rows.len();
        for (key, open) in self.patient.alarms.iter().filter(|(key, _)| key.rule == *subject.rule) {
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
                kept_back: self.kept_back(subject.rule, Some(key)),
                due_at: due.map(|at| self.now.shown(at)),
                ..self.row(subject, alarm.device.as_ref(), state)
            });
        }
        if rows.len() == before {
            rows.push(self.row(subject, None, without));
        }
    }
}
