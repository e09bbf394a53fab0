//! The open alarms of a patient, to be moved while something else of the patient is borrowed.

use super::limit::LimitSet;
use super::series::SeriesState;
use super::{Patient, RuleContext};
use crate::alarms::book::{AlarmSubject, Book, Draft, Key};
use crate::model::alarm::{Alarm, Condition, Priority};
use crate::model::command::PatientDetails;
use crate::model::ids::{BedId, DeviceId, WardId};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::AcknowledgeFor;

/// The alarms of a patient, and where their transitions go.
pub(super) struct PatientAlarms<'a> {
    book: &'a mut Book,
    subject: AlarmSubject<'a>,
    out: &'a mut Output,
    /// How long an acknowledgement holds by the class of the device that is judged.
    pub(super) class: AcknowledgeFor,
}

/// One series, the patient's own limits, and the alarms: each can be used while another is.
pub(super) struct Parts<'a> {
    pub(super) state: &'a mut SeriesState,
    pub(super) limits: &'a [LimitSet],
    /// Whether packs for adults judge the patient.
    pub(super) adult: bool,
    pub(super) alarms: PatientAlarms<'a>,
}

impl Patient {
    /// The series at an index, and beside it what judging it takes.
    pub(super) fn parts<'a>(
        &'a mut self,
        series: usize,
        context: RuleContext<'_>,
        out: &'a mut Output,
    ) -> Parts<'a> {
        let adult = self.is_adult();
        let source = self.series.key_at(series);
        let class = source.and_then(|source| self.class_of(&source.device, context));
        let class = class.map_or_else(AcknowledgeFor::default, |class| class.acknowledge_for);
        let Self { details, ward, limits, series: all, alarms, .. } = self;
        let subject = subject(details, ward.as_ref());
        let alarms = PatientAlarms { book: alarms, subject, out, class };
        Parts { state: all.at(series), limits, adult, alarms }
    }

    /// The patient lies in another bed, or the bed stands in another ward.
    pub fn moved(
        &mut self,
        bed: Option<&BedId>,
        ward: Option<WardId>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        self.details.bed = bed.cloned();
        self.ward = ward;
        self.version += 1;
        let subject = subject(&self.details, self.ward.as_ref());
        self.alarms.moved(subject, out);
        self.alarms.replan_there(out);
        // A score may be for some wards.
        self.changed(context, out);
    }

    /// Opens an alarm of the patient, or renews the open one.
    pub(super) fn raise(&mut self, draft: Draft, out: &mut Output) {
        let subject = subject(&self.details, self.ward.as_ref());
        self.alarms.raise(subject, draft, out);
    }

    /// Notes a finding of the past.
    pub(super) fn note_past(
        &mut self,
        device: &DeviceId,
        what: (&'static str, String),
        out: &mut Output,
    ) {
        let subject = subject(&self.details, self.ward.as_ref());
        self.alarms.note(subject, device, what, out);
    }
}

fn subject<'a>(details: &'a PatientDetails, ward: Option<&'a WardId>) -> AlarmSubject<'a> {
    AlarmSubject { patient: Some(&details.id), ward, bed: details.bed.as_ref() }
}

impl PatientAlarms<'_> {
    /// The stamp of the step.
    pub(super) fn now(&self) -> Stamp {
        self.out.now
    }

    /// The time shown now.
    pub(super) fn wall(&self) -> Timestamp {
        self.out.wall()
    }

    /// Whether no alarm is open.
    pub(super) fn is_empty(&self) -> bool {
        self.book.is_empty()
    }

    /// What the open alarm of a key says, if there is one.
    pub(super) fn open(&self, key: &Key) -> Option<(Condition, Priority)> {
        self.book.get(key).map(|open| (open.alarm.condition, open.alarm.priority))
    }

    /// Whether the alarm of a key is open for more than a person to look at.
    pub(super) fn holds(&self, key: &Key) -> bool {
        self.book.holds(key)
    }

    /// Opens an alarm, or renews the open one.
    pub(super) fn raise(&mut self, draft: Draft) {
        self.book.raise(self.subject, draft, self.out);
    }

    /// All of them.
    pub(super) fn book(&mut self) -> &mut Book {
        self.book
    }

    /// A reading beyond the limit of an open alarm was judged, of which an acknowledgement holds for so long.
    pub(super) fn goes_on_for(&mut self, key: &Key, holds: Option<Span>) {
        self.book.goes_on_for(key, holds, self.out);
    }

    /// A reading beyond no limit of an open alarm was judged.
    pub(super) fn rests(&mut self, key: &Key) {
        self.book.rests(key);
    }

    /// Something said how an open alarm is, last at an instant of the gateway's own time.
    pub(super) fn known(&mut self, key: &Key, at: Option<Timestamp>) {
        self.book.known(key, at, self.out);
    }

    /// Moves an open alarm; `actor` is the person who did, if one did.
    pub(super) fn change(
        &mut self,
        key: &Key,
        actor: Option<&str>,
        act: impl FnOnce(&mut Alarm, Timestamp) -> Option<Change>,
    ) {
        self.book.change(key, actor, self.out, act);
    }

    /// Notes something about the patient that is no alarm.
    pub(super) fn note(&mut self, device: &DeviceId, what: &'static str, text: String) {
        self.book.note(self.subject, device, (what, text), self.out);
    }
}
