//! What commands do. The first transition of each is its answer.

use std::sync::Arc;

use super::{Core, context};
use crate::alarms::book::asked;
use crate::model::alarm::{Priority, State};
use crate::model::command::{
    Action, AlarmAct, Command, CommandAnswer, Outcome, PatientDetails, PatientLimit,
};
use crate::model::ids::{AlarmId, BedId, DeviceId, PatientId, WardId};
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::output::transition::TransitionBody;
use crate::patient::{LimitSet, Patient};

pub(crate) type Told = (Outcome, String, Option<u64>);

pub(crate) fn done() -> Told {
    (Outcome::Done, String::new(), None)
}

pub(crate) fn refuse(outcome: Outcome, detail: impl Into<String>) -> Told {
    (outcome, detail.into(), None)
}

impl Core {
    pub(crate) fn command(&mut self, command: &Command, out: &mut Output) {
        let actor = &command.actor;
        match &command.action {
            Action::Alarm { id, seen, act } => self.act(actor, id, *seen, act, out),
            Action::AddWard(ward) => self.answer(actor, "add_ward", out, |c, _| c.add_ward(ward)),
            Action::AddBed { bed, ward } => {
                self.answer(actor, "add_bed", out, |c, _| c.add_bed(bed, ward));
            }
            Action::AdmitPatient(details) => {
                self.answer(actor, "admit", out, |c, _| c.admit(details));
            }
            Action::ChangePatient(details) => {
                self.answer(actor, "change_patient", out, |c, out| c.change(details, out));
            }
            Action::TransferPatient { patient, bed } => {
                self.answer(actor, "transfer", out, |c, _| c.transfer(patient, bed.as_ref()));
            }
            Action::DischargePatient { patient, reason } => {
                self.answer(actor, "discharge", out, |c, out| {
                    c.discharge(actor, patient, reason.as_deref(), out)
                });
            }
            Action::SetLimits { patient, limits, from, replaces, reason } => {
                self.answer(actor, "set_limits", out, |c, out| {
                    let from = from.unwrap_or(out.wall());
                    c.set_limits(actor, patient, limits, from, *replaces, reason.as_deref(), out)
                });
            }
            Action::RegisterDevice(details) => {
                self.answer(actor, "register_device", out, |c, out| c.register(details, out));
            }
            Action::RevokeDevice(device) => {
                self.answer(actor, "revoke_device", out, |c, out| c.revoke(device, out));
            }
            Action::Bind { device, patient, from, zero_means_no_sensor } => {
                self.answer(actor, "bind", out, |c, out| {
                    let from = from.unwrap_or(out.wall());
                    c.bind(device, patient, from, zero_means_no_sensor, out)
                });
            }
            Action::Unbind(device) => {
                self.answer(actor, "unbind", out, |c, out| c.unbind(device, out));
            }
            Action::CorrectBinding { device, patient, reason } => {
                self.answer(actor, "correct_binding", out, |c, out| {
                    c.correct_binding(actor, device, patient.as_ref(), reason, out)
                });
            }
        }
    }

    /// Carries out a command; its answer is put before whatever it caused.
    fn answer(
        &mut self,
        actor: &str,
        asked: &'static str,
        out: &mut Output,
        act: impl FnOnce(&mut Self, &mut Output) -> Told,
    ) {
        let place = out.transitions.len();
        let seq = out.emit(TransitionBody::Answer {
            actor: actor.to_owned(),
            asked,
            answer: Box::new(CommandAnswer {
                outcome: Outcome::Done,
                detail: String::new(),
                alarm: None,
                version: None,
            }),
        });
        let (outcome, detail, version) = act(self, out);
        if let Some(transition) = out.transitions.get_mut(place) {
            debug_assert_eq!(transition.seq, seq, "the answer stands where it was put");
            transition.body = TransitionBody::Answer {
                actor: actor.to_owned(),
                asked,
                answer: Box::new(CommandAnswer { outcome, detail, alarm: None, version }),
            };
        }
    }

    fn act(&mut self, actor: &str, id: &AlarmId, seen: u64, act: &AlarmAct, out: &mut Output) {
        match self.find_alarm(id) {
            Some((Some(patient), key)) => {
                if let Some(patient) = self.patient_mut(&patient) {
                    patient.alarms.act(&key, actor, seen, act, out);
                }
                self.note_deadline(&patient);
            }
            Some((None, key)) => {
                self.site_mut().alarms.act(&key, actor, seen, act, out);
                self.note_site_deadline();
            }
            None => self.answer(actor, asked(act), out, |_, _| {
                refuse(Outcome::NotFound, "no open alarm has this id")
            }),
        }
    }

    fn add_ward(&mut self, ward: &WardId) -> Told {
        if self.site.wards.contains(ward) {
            return refuse(Outcome::AlreadySo, "the ward exists");
        }
        self.site_mut().wards.insert(ward.clone());
        done()
    }

    fn add_bed(&mut self, bed: &BedId, ward: &WardId) -> Told {
        if !self.site.wards.contains(ward) {
            return refuse(Outcome::NotFound, format!("there is no ward {ward}"));
        }
        if self.site.beds.get(bed) == Some(ward) {
            return refuse(Outcome::AlreadySo, "the bed stands in this ward");
        }
        self.site_mut().beds.insert(bed.clone(), ward.clone());
        done()
    }

    /// The ward of a bed that is free for `patient`.
    fn free_bed(&self, bed: &BedId, patient: &PatientId) -> Result<WardId, Told> {
        let Some(ward) = self.site.beds.get(bed) else {
            return Err(refuse(Outcome::NotFound, format!("there is no bed {bed}")));
        };
        let taken = self.patients.values().find(|p| {
            p.discharged_at.is_none()
                && p.details.bed.as_ref() == Some(bed)
                && p.details.id != *patient
        });
        match taken {
            Some(other) => Err(refuse(
                Outcome::Conflict,
                format!("bed {bed} is taken by {}", other.details.id),
            )),
            None => Ok(ward.clone()),
        }
    }

    fn admit(&mut self, details: &PatientDetails) -> Told {
        let known = self.patients.get(&details.id);
        if let Some(known) = known.filter(|p| p.discharged_at.is_none()) {
            return if known.details == *details {
                refuse(Outcome::AlreadySo, "the patient is here")
            } else {
                refuse(Outcome::Conflict, "the patient is here, with other details")
            };
        }
        let ward = match details.bed.as_ref().map(|bed| self.free_bed(bed, &details.id)) {
            Some(Err(told)) => return told,
            Some(Ok(ward)) => Some(ward),
            None => None,
        };
        let mut patient = Patient::new(details.clone(), ward);
        if let Some(known) = known {
            patient.limits.clone_from(&known.limits);
            patient.alarms.clone_from(&known.alarms);
        }
        self.patients.insert(details.id.clone(), Arc::new(patient));
        self.patient_mut(&details.id);
        done()
    }

    fn change(&mut self, details: &PatientDetails, out: &mut Output) -> Told {
        if !self.is_here(&details.id) {
            return refuse(Outcome::NotFound, "no such patient is here");
        }
        let told = self.transfer(&details.id, details.bed.as_ref());
        if told.0 != Outcome::Done {
            return told;
        }
        let configuration = Arc::clone(&self.configuration);
        if let Some(patient) = self.patient_mut(&details.id) {
            let was_adult = patient.is_adult();
            patient.details = details.clone();
            patient.details_changed(was_adult, context(&configuration), out);
        }
        self.note_deadline(&details.id);
        done()
    }

    fn transfer(&mut self, id: &PatientId, bed: Option<&BedId>) -> Told {
        if !self.is_here(id) {
            return refuse(Outcome::NotFound, "no such patient is here");
        }
        let ward = match bed.map(|bed| self.free_bed(bed, id)) {
            Some(Err(told)) => return told,
            Some(Ok(ward)) => Some(ward),
            None => None,
        };
        if let Some(patient) = self.patient_mut(id) {
            patient.details.bed = bed.cloned();
            patient.ward = ward;
        }
        done()
    }

    pub(crate) fn is_here(&self, id: &PatientId) -> bool {
        self.patients.get(id).is_some_and(|p| p.discharged_at.is_none())
    }

    fn discharge(
        &mut self,
        actor: &str,
        id: &PatientId,
        reason: Option<&str>,
        out: &mut Output,
    ) -> Told {
        let Some(patient) = self.patients.get(id).filter(|p| p.discharged_at.is_none()) else {
            return refuse(Outcome::NotFound, "no such patient is here");
        };
        let high = patient.alarms.iter().any(|(_, open)| {
            open.alarm.priority == Priority::High && open.alarm.state == State::Alarming
        });
        if high && reason.is_none_or(|r| r.trim().is_empty()) {
            return refuse(
                Outcome::Conflict,
                "an alarm of high priority is alarming: a reason is needed",
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
        for device in bound {
            self.end_binding(&device, out);
        }
        done()
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the command")]
    fn set_limits(
        &mut self,
        actor: &str,
        id: &PatientId,
        limits: &[PatientLimit],
        from: Timestamp,
        replaces: Option<u64>,
        reason: Option<&str>,
        out: &mut Output,
    ) -> Told {
        let configuration = Arc::clone(&self.configuration);
        let context = context(&configuration);
        let Some(patient) = self.patients.get(id).filter(|p| p.discharged_at.is_none()) else {
            return refuse(Outcome::NotFound, "no such patient is here");
        };
        let stands = patient.limits_version();
        if replaces.is_some_and(|seen| seen != stands) {
            return (Outcome::Stale, format!("version {stands} stands"), Some(stands));
        }
        if let Err((outcome, what)) = patient.check_limits(limits, reason, context) {
            return refuse(outcome, what);
        }
        let set = LimitSet {
            version: stands + 1,
            from,
            since: out.now.own(from),
            by: actor.to_owned(),
            reason: reason.map(str::to_owned),
            limits: limits.to_vec(),
        };
        if let Some(patient) = self.patient_mut(id) {
            patient.set_limits(set, context, out);
        }
        self.note_deadline(id);
        (Outcome::Done, String::new(), Some(stands + 1))
    }
}
