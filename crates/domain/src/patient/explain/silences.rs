//! What should come and does not.

use super::{Explained, NotJudged, RuleKind, State, Subject, View};
use crate::alarms::book::Key;
use crate::model::alarm::Priority;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::rule;
use crate::patient::silence::SILENCE;
use crate::patient::{Deadline, Expectation};
use crate::text;

/// A rung of the ladder by which a silence is told.
#[derive(Clone, Debug, PartialEq)]
pub struct RungDue {
    /// After so much silence.
    pub after: Span,
    /// How serious it is then.
    pub priority: Priority,
    /// When that is, if nothing comes; `None` while intake may stand still.
    pub at: Option<Timestamp>,
    /// It is reached.
    pub reached: bool,
}

impl View<'_> {
    /// The rows of everything expected.
    pub(super) fn silences(self, only: Option<SignalId>, rows: &mut Vec<Explained>) {
        let silence = rule(SILENCE);
        for (index, expected) in self.patient.expectations.iter().enumerate() {
            if only.is_some() && expected.signal != only {
                continue;
            }
            let signal = expected.signal.and_then(|signal| self.context.signals.get(signal));
            let subject = Subject {
                rule: &silence,
                kind: RuleKind::Silence,
                name: None,
                label: signal.map_or(text::ANYTHING, |signal| &signal.label),
                signal: expected.signal,
                side: None,
            };
            let key = Key::new(silence.clone(), expected.device.as_str());
            let next = self.patient.next_rung(expected, self.context).and_then(|rung| {
                self.intake().due(expected.since + rung.after, Deadline::Silence(index))
            });
            let rungs = self.rungs(index, expected);
            let state = self.silence(expected, &rungs);
            let is_told = expected.rung.is_some() && expected.told;
            let open = self.alarms(&key).filter(|_| is_told);
            let of_alarm = open.and_then(|_| self.patient.alarms.deadline_of(&key));
            let of_alarm = of_alarm.map(|at| self.now.shown(at));
            rows.push(Explained {
                rungs,
                alarm: open.map(Into::into),
                kept_back: self.kept_back(&silence, Some(&key).filter(|_| open.is_some())),
                due_at: [self.shown(next), of_alarm].into_iter().flatten().min(),
                ..self.row(subject, Some(&expected.device), state)
            });
        }
    }

    fn silence(self, expected: &Expectation, rungs: &[RungDue]) -> State {
        let since = expected.shown;
        if let Some(by) = self.patient.told_by(expected).filter(|_| expected.rung.is_some()) {
            return State::NotJudged(NotJudged::ToldElsewhere { by: by.alarm.id.clone() });
        }
        if expected.rung.is_some() {
            return State::Alarming { level: None };
        }
        if rungs.is_empty() {
            return State::NotJudged(NotJudged::NoLadder);
        }
        match (&expected.doubt, expected.judged) {
            // What came was not judged: its silence goes on.
            (Some(_), _) | (None, false) => State::DelayRunning {
                level: None,
                since,
                fires_at: rungs.iter().find(|rung| !rung.reached).and_then(|rung| rung.at),
                lost_at: None,
            },
            (None, true) => State::Watching,
        }
    }

    /// All rungs of what is expected, as the ladder is climbed.
    fn rungs(self, index: usize, expected: &Expectation) -> Vec<RungDue> {
        let urgent = self.patient.is_urgent(index, self.context);
        let mut climbed = Expectation { rung: None, ..expected.clone() };
        let mut rungs = Vec::new();
        while let Some(rung) = self.patient.next_rung(&climbed, self.context) {
            let due = self.intake().due(expected.since + rung.after, Deadline::Silence(index));
            let reached = expected.rung.is_some_and(|reached| reached >= rung.priority);
            rungs.push(RungDue {
                after: rung.after,
                priority: if urgent { Priority::High } else { rung.priority },
                at: self.shown(due),
                reached,
            });
            climbed.rung = Some(rung.priority);
        }
        if urgent {
            // It is as grave as can be at the first.
            rungs.truncate(1);
        }
        rungs
    }
}
