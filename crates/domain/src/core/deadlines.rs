//! Deadlines of the core: whose is next, when it is decided, and what a window without intake changes.

use std::sync::Arc;

use super::agenda::Whose;
use super::{Core, context};
use crate::model::ids::PatientId;
use crate::model::time::IntakeGap;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::Output;

/// Redelivered messages have been heard so long after a window without intake.
const HEARING_AGAIN: Span = Span::secs(10);

/// Windows without intake remembered: more than can follow each other while a deadline waits.
const WINDOWS: usize = 16;

impl Core {
    /// Time goes on to where intake stopped; what falls due after that waits until it is heard again.
    pub(crate) fn note_deaf(&mut self, from: Timestamp, to: Timestamp, out: &mut Output) {
        let now = out.now;
        if from > self.head.now.at {
            self.advance_to(Stamp { at: from.min(now.at), offset: self.head.now.offset }, out);
            out.now = now;
        }
        self.remember_deaf(from, to);
    }

    /// While commits fail nobody is blamed for silence; afterwards that time counts as deaf.
    pub(crate) fn store(&mut self, failing: bool, now: Stamp) {
        if failing {
            self.head.failing_since.get_or_insert(now.at);
        } else if let Some(since) = self.head.failing_since.take() {
            self.remember_deaf(since, now.at);
            let ids: Vec<PatientId> = self.patients.keys().cloned().collect();
            for id in ids {
                self.note_deadline(&id);
            }
        }
    }

    fn remember_deaf(&mut self, from: Timestamp, to: Timestamp) {
        if self.head.intake_gaps.len() == WINDOWS {
            self.head.intake_gaps.remove(0);
        }
        self.head.intake_gaps.push((from, to));
        let configuration = Arc::clone(&self.configuration);
        let watching = self.patients.values().filter(|p| !p.losses.is_empty());
        let ids: Vec<PatientId> = watching.map(|p| p.details.id.clone()).collect();
        for id in ids {
            if let Some(patient) = self.patient_mut(&id) {
                patient.was_deaf((from, to), context(&configuration));
            }
        }
    }

    /// Takes every deadline decided by `now`, in the order of the instants they are decided at.
    pub(crate) fn advance_to(&mut self, now: Stamp, out: &mut Output) {
        while let Some((noted, whose)) = self.agenda.take_first(now.at) {
            let Some(decided) = self.decided(&whose) else { continue };
            if decided > noted {
                self.agenda.set(whose, Some(decided));
                continue;
            }
            out.now = Stamp { at: decided.max(self.head.now.at), offset: now.offset };
            self.fire(&whose, out);
            let next = self.decided(&whose);
            self.agenda.set(whose, next);
        }
        out.now = now;
        self.head.now = now;
    }

    /// When the earliest deadline of a machine is decided.
    fn decided(&self, whose: &Whose) -> Option<Timestamp> {
        let due = match whose {
            Whose::Site => self.site.alarms.next_deadline()?,
            Whose::Patient(id) => {
                let held = self.head.failing_since;
                self.patients.get(id)?.next_deadline(context(&self.configuration), held)?.0
            }
        };
        Some(self.heard_again(due))
    }

    fn fire(&mut self, whose: &Whose, out: &mut Output) {
        match whose {
            Whose::Site => {
                if let Some(due) = self.site.alarms.next_deadline() {
                    self.site_mut().alarms.fire(due, out);
                }
            }
            Whose::Patient(id) => {
                let configuration = Arc::clone(&self.configuration);
                let context = context(&configuration);
                let held = self.head.failing_since;
                if let Some(patient) = self.patient_mut(id)
                    && let Some((due, deadline)) = patient.next_deadline(context, held)
                {
                    patient.fire(due, &deadline, context, out);
                }
            }
        }
    }

    /// A deadline that falls into, or right after, a window without intake waits for what is redelivered.
    fn heard_again(&self, due: Timestamp) -> Timestamp {
        heard_again(&self.head.intake_gaps, due)
    }

    /// Puts a patient's next deadline on the agenda.
    pub(crate) fn note_deadline(&mut self, id: &PatientId) {
        let whose = Whose::Patient(id.clone());
        let decided = self.decided(&whose);
        self.agenda.set(whose, decided);
    }

    /// Puts the gateway's own next deadline on the agenda.
    pub(crate) fn note_site_deadline(&mut self) {
        let decided = self.decided(&Whose::Site);
        self.agenda.set(Whose::Site, decided);
    }
}

/// One window after the other: what waits for the first may fall into the second.
fn heard_again(deaf: &[IntakeGap], due: Timestamp) -> Timestamp {
    deaf.iter().fold(due, |due, (from, to)| {
        let again = *to + HEARING_AGAIN;
        if due >= *from && due < again { again } else { due }
    })
}
