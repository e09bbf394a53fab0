//! Losses: a signal that stops while its device goes on.

use super::{Explained, NotJudged, RuleKind, State, Subject, View};
use crate::model::alarm::Condition;
use crate::patient::{Deadline, LossWatch, SeriesState};
use crate::rules::LossRule;

impl<'a> View<'a> {
    /// The rows of a loss.
    pub(super) fn loss(self, rule: &'a LossRule, rows: &mut Vec<Explained>) {
        let person = self.patient.person();
        let judges = rule.whom.holds_for(person);
        let refused = !judges && rule.whom.adults_only && !person.adult;
        if !judges && !refused {
            return;
        }
        let subject = Subject {
            rule: &rule.id,
            kind: RuleKind::Loss,
            name: rule.name.as_ref(),
            label: &rule.label,
            signal: Some(rule.signal),
            side: None,
        };
        let first = rows.len();
        for (index, watch) in self.patient.losses.iter().enumerate() {
            let of_rule = watch.source.signal == rule.signal;
            if of_rule
                && (self.is_bound(&watch.source.device) || self.alarms(&watch.key(rule)).is_some())
            {
                rows.push(self.loss_over(subject, rule, (index, watch)));
            }
        }
        let series = self.patient.series.iter();
        for (source, state) in series.filter(|(source, _)| source.signal == rule.signal) {
            let device = Some(&source.device);
            let known = rows[first..].iter().any(|row| row.device.as_ref() == device);
            if !known && self.is_bound(&source.device) {
                let why = if state.spot { NotJudged::Single } else { NotJudged::NeverHeard };
                rows.push(self.row(subject, device, State::NotJudged(why)));
            }
        }
        self.unsent(subject, rule.signal, rows);
        if refused {
            for row in &mut rows[first..] {
                row.state = State::NotJudged(NotJudged::AgeClass);
            }
        }
    }

    fn loss_over(
        self,
        subject: Subject<'_>,
        rule: &LossRule,
        (index, watch): (usize, &LossWatch),
    ) -> Explained {
        let key = watch.key(rule);
        let run = watch.run.as_ref();
        let due = run.and_then(|run| run.due);
        let due = due.and_then(|(at, _)| self.intake().due(at, Deadline::Loss(index)));
        let open = self.alarms(&key);
        let state = match open.map(|open| &open.alarm) {
            Some(alarm) if alarm.condition == Condition::Present => State::Alarming { level: None },
            Some(alarm) if alarm.condition == Condition::Unknown => State::Unknown {
                since: Some(alarm.condition_since),
                why: alarm.condition_reason.clone().unwrap_or_default(),
            },
            Some(_) | None if !self.is_bound(&watch.source.device) => {
                State::Unknown { since: Some(watch.measured), why: "source unbound".to_owned() }
            }
            Some(_) | None if watch.off => State::NotJudged(NotJudged::SensorOff),
            Some(_) | None => match run.filter(|run| !run.decided) {
                Some(run) => State::DelayRunning {
                    level: None,
                    since: self.now.shown(run.since),
                    fires_at: self.shown(due),
                    lost_at: None,
                },
                None => self
                    .patient
                    .series
                    .get(&watch.source)
                    .map_or(State::NotJudged(NotJudged::NeverHeard), |state| {
                        self.at_rest(&watch.source, state, Some(rule.lasts(watch.interval)))
                    }),
            },
        };
        let series = self.patient.series.get(&watch.source);
        let of_alarm = self.patient.alarms.deadline_of(&key).map(|at| self.now.shown(at));
        Explained {
            alarm: open.map(Into::into),
            kept_back: self.kept_back(&rule.id, Some(&key)),
            last: series.and_then(SeriesState::last_judged),
            doubtful: series.and_then(SeriesState::in_doubt),
            due_at: [self.shown(due), of_alarm].into_iter().flatten().min(),
            ..self.row(subject, Some(&watch.source.device), state)
        }
    }
}
