//! Deadlines of the core: whose is next, when it is decided, and what an intake gap changes.

use std::sync::Arc;

use super::Core;
use super::agenda::Whose;
use super::configuration::Configuration;
use crate::model::ids::PatientId;
use crate::model::time::{IntakeGap, Span, Stamp, Timestamp};
use crate::output::Output;
use crate::patient::{Deadline, Due, Intake, RuleContext};

/// Intake gaps remembered: more than can follow each other while a deadline waits.
const GAPS: usize = 16;

impl Core {
    /// Time goes on to where intake stopped; what falls due after that waits for what was sent meanwhile.
    pub(crate) fn intake_gap(&mut self, from: Timestamp, to: Timestamp, out: &mut Output) {
        let now = out.now;
        if from > self.head.now.at {
            self.advance_to(Stamp { at: from.min(now.at), offset: self.head.now.offset }, out);
            out.now = now;
        }
        self.remember_gap((from, to), out);
    }

    /// While commits fail or the disk is full nobody is blamed for silence; afterwards that time counts as an intake
    /// gap.
    pub(crate) fn stalled(&mut self, stalled: bool, out: &mut Output) {
        if stalled {
            self.head.failing_since.get_or_insert(out.now.at);
        } else if let Some(since) = self.head.failing_since.take() {
            self.remember_gap((since, out.now.at), out);
            let ids: Vec<PatientId> = self.patients.keys().cloned().collect();
            for id in ids {
                self.note_deadline(&id);
            }
        }
    }

    /// For how long of a span nothing was taken in.
    pub(super) fn deaf_for(&self, (begin, end): (Timestamp, Timestamp)) -> Span {
        let within = |(from, to): &IntakeGap| (end.min(*to) - begin.max(*from)).max(Span::ZERO);
        self.head.intake_gaps.iter().map(within).fold(Span::ZERO, |sum, one| sum + one)
    }

    fn remember_gap(&mut self, gap: IntakeGap, out: &mut Output) {
        // Windows that overlap, as those of a store that fails do, are one: what falls due later is never decided
        // before what falls due earlier.
        let gaps = &mut self.head.intake_gaps;
        let overlapping = gaps.extract_if(.., |(from, to)| *from <= gap.1 && gap.0 <= *to);
        let union = overlapping.fold(gap, |(from, to), other| (from.min(other.0), to.max(other.1)));
        if gaps.len() == GAPS {
            gaps.remove(0);
        }
        let place = gaps.partition_point(|(from, _)| *from < union.0);
        gaps.insert(place, union);
        let ground = self.ground();
        let minding = self.patients.values().filter(|patient| patient.minds_intake_gaps());
        let ids: Vec<PatientId> = minding.map(|patient| patient.details.id.clone()).collect();
        for id in ids {
            if let Some(patient) = self.patient_mut(&id) {
                patient.intake_gap(gap, ground.context(), out);
            }
        }
    }

    /// Takes every deadline decided by `now`, in the order of the instants they are decided at.
    pub(crate) fn advance_to(&mut self, now: Stamp, out: &mut Output) {
        while let Some((noted, whose)) = self.agenda.take_first(now.at) {
            let decided = self.decided(&whose);
            let Some(decided) = decided.filter(|decided| *decided <= noted) else {
                self.note(whose, decided);
                continue;
            };
            out.now = Stamp { at: decided.max(self.head.now.at), offset: now.offset };
            self.fire(&whose, out);
            self.note_members(out);
            self.note_unanswered(out);
            out.decided = true;
            let next = self.decided(&whose);
            self.note(whose, next);
        }
        out.now = now;
        self.head.now = now;
    }

    /// When the earliest deadline of a machine is decided.
    fn decided(&self, whose: &Whose) -> Option<Timestamp> {
        match whose {
            Whose::Site => self.site.next_deadline(),
            Whose::Patient(id) => {
                let patient = self.patients.get(id)?;
                let due = patient.next_deadline(self.context())?;
                Some(due.decided)
            }
        }
    }

    fn fire(&mut self, whose: &Whose, out: &mut Output) {
        match whose {
            Whose::Site => {
                if let Some(due) = self.site.next_deadline() {
                    self.site_mut().fire(due, out);
                }
            }
            Whose::Patient(id) => {
                let ground = self.ground();
                let patient = self.patients.get(id);
                let due = patient.and_then(|p| p.next_deadline(ground.context()));
                if let Some(Due { deadline: Deadline::Silence(index), .. }) = due {
                    self.look_for_outage(id, index, ground.context(), out);
                }
                if let Some((due, patient)) = due.zip(self.patient_mut(id)) {
                    patient.fire(due.at, due.deadline, ground.context(), out);
                }
                out.ways.clear();
            }
        }
    }

    pub(crate) fn context(&self) -> RuleContext<'_> {
        let Configuration { signals, rules, .. } = &*self.configuration;
        let intake = Intake { held: self.head.failing_since, gaps: &self.head.intake_gaps };
        RuleContext { signals, rules, intake }
    }

    /// Puts a patient's next deadline on the agenda. Where an earlier one stands there, as nearly always, the patient
    /// knows it.
    pub(crate) fn note_deadline(&mut self, id: &PatientId) {
        let Some(patient) = self.patients.get(id) else { return };
        let decided = patient.next_deadline(self.context()).map(|due| due.decided);
        if patient.noted.is_none() || decided.is_none() || decided < patient.noted {
            self.note(Whose::Patient(id.clone()), decided);
        }
    }

    fn note(&mut self, whose: Whose, decided: Option<Timestamp>) {
        let shared = match &whose {
            Whose::Patient(id) => self.patients.get_mut(id),
            Whose::Site => None,
        };
        let noted = self.agenda.set(whose, decided);
        if let Some(shared) = shared.filter(|patient| patient.noted != noted) {
            Arc::make_mut(shared).noted = noted;
        }
    }

    /// Puts the gateway's own next deadline on the agenda.
    pub(crate) fn note_site_deadline(&mut self) {
        let decided = self.decided(&Whose::Site);
        self.agenda.set(Whose::Site, decided);
    }
}
