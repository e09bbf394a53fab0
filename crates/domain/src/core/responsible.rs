//! Who is on duty, and what channels say of those who were told: what that means for every open alarm.

use std::sync::Arc;

use super::Core;
use crate::alarms::book::Book;
use crate::model::duty::DutyPlan;
use crate::model::ids::{AlarmId, ChannelId, PatientId};
use crate::output::Output;

impl Core {
    /// Another plan of duty is in force.
    pub(super) fn on_duty(&mut self, plan: Option<&DutyPlan>, out: &mut Output) {
        let plan = plan.cloned().map(Arc::new);
        out.duty.clone_from(&plan);
        // What fails may be somebody's channel from here on.
        out.failing = self.site.failing_channels();
        self.site_mut().on_duty(plan, out);
        self.note_site_deadline();
        self.in_all_books(out, Book::replan);
    }

    /// Every open alarm is looked at again by the plan and the clock as they are now.
    pub(super) fn replan(&mut self, out: &mut Output) {
        if out.duty.is_some() {
            self.site_mut().look_at_duty(out);
            self.note_site_deadline();
        }
        self.in_all_books(out, Book::replan);
    }

    /// A channel took what a transition told somebody.
    pub(super) fn delivered(
        &mut self,
        channel: &ChannelId,
        alarm: &AlarmId,
        seq: u64,
        out: &mut Output,
    ) {
        match self.find_alarm(alarm) {
            Some((Some(patient), key)) => {
                if let Some(patient) = self.patient_mut(&patient) {
                    patient.alarms.taken(&key, channel, seq, out);
                }
                self.note_deadline(&patient);
            }
            Some((None, key)) => {
                self.site_mut().alarms.taken(&key, channel, seq, out);
                self.note_site_deadline();
            }
            None => {}
        }
    }

    /// A channel does not take what is told by it.
    pub(super) fn undeliverable(&mut self, channel: &ChannelId, out: &mut Output) {
        self.in_all_books(out, |book, out| book.undeliverable(channel, out));
    }

    /// What nobody takes is an alarm of the gateway.
    pub(super) fn note_unanswered(&mut self, out: &mut Output) {
        // An alarm about it may itself be nobody's: it asks nobody, so that this ends.
        while !out.unanswered.is_empty() {
            let moved = std::mem::take(&mut out.unanswered);
            // What is nobody's and then somebody's within one step matters as a whole.
            if moved.iter().any(|moved| moved.nobody || self.site.duty.misses(&moved.alarm)) {
                self.site_mut().unanswered(moved, out);
                self.note_site_deadline();
            }
        }
    }

    /// Does something with the alarms of everybody of whom one is somebody's, or may be.
    pub(super) fn in_all_books(
        &mut self,
        out: &mut Output,
        mut act: impl FnMut(&mut Book, &mut Output),
    ) {
        let asked = |patient: &crate::patient::Patient| {
            patient
                .alarms
                .iter()
                .any(|(_, open)| out.duty.is_some() || open.alarm.responsibility.is_some())
        };
        let with = self.patients.iter().filter(|(_, patient)| asked(patient));
        let ids: Vec<PatientId> = with.map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(patient) = self.patient_mut(&id) {
                act(&mut patient.alarms, out);
            }
            self.note_deadline(&id);
        }
        if !self.site.alarms.is_empty() {
            act(&mut self.site_mut().alarms, out);
            self.note_site_deadline();
        }
    }
}
