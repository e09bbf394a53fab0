//! What commands about wards, beds and the stays of patients do.

use std::sync::Arc;

use super::Reply;
use crate::alarms::said::is_said;
use crate::core::Core;
use crate::model::alarm::Priority;
use crate::model::command::{Outcome, PatientDetails};
use crate::model::ids::{BedId, DeviceId, PatientId, WardId};
use crate::model::spo2_scale::{PrescribedScale, Spo2Scale};
use crate::model::synthetic::SYNTHETIC;
use crate::output::Output;
use crate::patient::Patient;

impl Core {
    pub(super) fn add_ward(&mut self, ward: &WardId) -> Reply {
        if self.site.wards.contains(ward) {
            return Reply::refused(Outcome::AlreadySo, "the ward exists");
        }
        self.site_mut().wards.insert(ward.clone());
        Reply::done()
    }

    /// Makes a bed, or moves it, and whoever lies in it, to a ward.
    pub(super) fn add_bed(&mut self, bed: &BedId, ward: &WardId, out: &mut Output) -> Reply {
        if !self.site.wards.contains(ward) {
            return Reply::refused(Outcome::NotFound, format!("there is no ward {ward}"));
        }
        if self.site.beds.get(bed) == Some(ward) {
            return Reply::refused(Outcome::AlreadySo, "the bed stands in this ward");
        }
        self.site_mut().beds.insert(bed.clone(), ward.clone());
        let lies =
            |p: &&Arc<Patient>| p.discharged_at.is_none() && p.details.bed.as_ref() == Some(bed);
        let ids: Vec<PatientId> =
            self.patients.values().filter(lies).map(|p| p.details.id.clone()).collect();
        let ground = self.ground();
        for id in ids {
            if let Some(patient) = self.patient_mut(&id) {
                patient.moved(Some(bed), Some(ward.clone()), ground.context(), out);
            }
            self.note_deadline(&id);
        }
        Reply::done()
    }

    /// The ward of a bed that is free for `patient`.
    fn free_bed(&self, bed: &BedId, patient: &PatientId) -> Result<WardId, Reply> {
        let Some(ward) = self.site.beds.get(bed) else {
            return Err(Reply::refused(Outcome::NotFound, format!("there is no bed {bed}")));
        };
        let taken = self.patients.values().find(|p| {
            p.discharged_at.is_none()
                && p.details.bed.as_ref() == Some(bed)
                && p.details.id != *patient
        });
        match taken {
            Some(other) => Err(Reply::refused(
                Outcome::Conflict,
                format!("bed {bed} is taken by {}", other.details.id),
            )),
            None => Ok(ward.clone()),
        }
    }

    pub(super) fn admit(&mut self, details: &PatientDetails, out: &mut Output) -> Reply {
        if details.id.as_str() == SYNTHETIC {
            let what =
                format!("{} is whom the gateway makes up by itself: take another id", details.id);
            return Reply::refused(Outcome::Invalid, what);
        }
        let known = self.patients.get(&details.id);
        if let Some(known) = known.filter(|p| p.discharged_at.is_none()) {
            return if known.details == *details {
                Reply::refused(Outcome::AlreadySo, "the patient is here")
            } else {
                Reply::refused(Outcome::Conflict, "the patient is here, with other details")
            };
        }
        let ward = match details.bed.as_ref().map(|bed| self.free_bed(bed, &details.id)) {
            Some(Err(reply)) => return reply,
            Some(Ok(ward)) => Some(ward),
            None => None,
        };
        let mut patient = Patient::new(details.clone(), ward);
        if let Some(known) = known {
            patient.limits.clone_from(&known.limits);
            patient.alarms.clone_from(&known.alarms);
            patient.version = known.version + 1;
        }
        self.patients.insert(details.id.clone(), Arc::new(patient));
        if let Some(patient) = self.patient_mut(&details.id) {
            patient.is_to_be_watched(out);
        }
        self.note_deadline(&details.id);
        Reply::done()
    }

    /// All of what is known of a patient, as core 1 was asked to change it.
    pub(super) fn replace(
        &mut self,
        actor: &str,
        details: &PatientDetails,
        out: &mut Output,
    ) -> Reply {
        let moved = self.transfer(actor, &details.id, details.bed.as_ref(), out);
        if !matches!(moved.outcome, Outcome::Done | Outcome::AlreadySo) {
            return moved;
        }
        let changed = self.change(&details.id, None, |_| details.clone(), None, out);
        if changed.outcome == Outcome::AlreadySo { Reply::done() } else { changed }
    }

    /// The refusal of what is asked of a patient as somebody saw it who is otherwise by now.
    pub(super) fn is_stale(&self, id: &PatientId, seen: Option<u64>) -> Option<Reply> {
        let here = self.patients.get(id).filter(|patient| patient.discharged_at.is_none())?;
        let stands = here.version;
        seen.is_some_and(|seen| seen != stands).then(|| Reply::stale(stands))
    }

    /// Changes what is known of a patient, but not where the patient lies.
    pub(super) fn change(
        &mut self,
        id: &PatientId,
        replaces: Option<u64>,
        change: impl Fn(&PatientDetails) -> PatientDetails,
        scale: Option<(Spo2Scale, &str, Option<&str>)>,
        out: &mut Output,
    ) -> Reply {
        let Some(patient) = self.patients.get(id).filter(|p| p.discharged_at.is_none()) else {
            return Reply::refused(Outcome::NotFound, "no such patient is here");
        };
        let stands = patient.version;
        if replaces.is_some_and(|seen| seen != stands) {
            return Reply::stale(stands);
        }
        let details = change(&patient.details);
        let scale = scale.filter(|(scale, ..)| *scale != patient.spo2_scale());
        if details == patient.details && scale.is_none() {
            return Reply::refused(Outcome::AlreadySo, "nothing of this is news").at(stands);
        }
        let scale = match scale {
            None => None,
            Some((scale, by, Some(reason))) if is_said(reason.trim()) => {
                let (by, reason) = (by.to_owned(), reason.trim().to_owned());
                Some(PrescribedScale { scale, by, at: out.wall(), reason })
            }
            Some(_) => {
                let what = "`spo2_scale` is prescribed: a reason is needed";
                return Reply::refused(Outcome::Invalid, what);
            }
        };
        let ground = self.ground();
        if let Some(patient) = self.patient_mut(id) {
            let before = patient.person();
            let was = std::mem::replace(&mut patient.details, details);
            patient.version += 1;
            let PatientDetails { age_class, pregnant, .. } = patient.details;
            if was.continuous != patient.details.continuous {
                patient.is_to_be_watched(out);
            }
            if (was.age_class, was.pregnant) != (age_class, pregnant) {
                patient.details_changed(before, ground.context(), out);
            }
            if scale.is_some() {
                patient.scale = scale.map(Box::new);
                patient.changed(ground.context(), out);
            }
        }
        self.note_deadline(id);
        Reply::done().at(stands + 1)
    }

    pub(super) fn transfer(
        &mut self,
        actor: &str,
        id: &PatientId,
        bed: Option<&BedId>,
        out: &mut Output,
    ) -> Reply {
        let Some(patient) = self.patients.get(id).filter(|p| p.discharged_at.is_none()) else {
            return Reply::refused(Outcome::NotFound, "no such patient is here");
        };
        if patient.details.bed.as_ref() == bed {
            return Reply::refused(Outcome::AlreadySo, "the patient lies there");
        }
        let ward = match bed.map(|bed| self.free_bed(bed, id)) {
            Some(Err(reply)) => return reply,
            Some(Ok(ward)) => Some(ward),
            None => None,
        };
        let left = patient.details.bed.clone();
        let ground = self.ground();
        if let Some(patient) = self.patient_mut(id) {
            patient.moved(bed, ward, ground.context(), out);
        }
        self.note_deadline(id);
        if let Some(left) = left {
            self.end_pauses_of_bed(actor, &left, out);
        }
        Reply::done()
    }

    pub(crate) fn is_here(&self, id: &PatientId) -> bool {
        self.patients.get(id).is_some_and(|p| p.discharged_at.is_none())
    }

    pub(super) fn discharge(
        &mut self,
        actor: &str,
        id: &PatientId,
        reason: Option<&str>,
        out: &mut Output,
    ) -> Reply {
        let Some(patient) = self.patients.get(id) else {
            return Reply::refused(Outcome::NotFound, format!("there is no patient {id}"));
        };
        if patient.discharged_at.is_some() {
            return Reply::refused(Outcome::AlreadySo, "the patient was discharged before");
        }
        let high = patient.alarms.iter().any(|(_, open)| {
            open.alarm.priority == Priority::High && open.alarm.waits_for_an_answer()
        });
        if high && reason.is_none_or(|r| r.trim().is_empty()) {
            return Reply::refused(
                Outcome::Conflict,
                "an alarm of high priority waits for an answer: a reason is needed",
            );
        }
        let bound: Vec<DeviceId> = self
            .devices
            .values()
            .filter(|d| d.patient() == Some(id))
            .map(|d| d.details.id.clone())
            .collect();
        if let Some(patient) = self.patient_mut(id) {
            patient.discharge(actor, out);
        }
        self.end_pauses_of(actor, id, out);
        for device in bound {
            self.end_binding(&device, out);
        }
        Reply::done()
    }
}
