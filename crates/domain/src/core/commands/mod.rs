//! What commands do. The first transition of each is its answer.

mod devices;
mod hand_over;
mod pauses;
mod stays;

use super::Core;
use crate::model::command::{
    Action, AlarmAct, Command, CommandAnswer, Outcome, PatientDetails, PatientLimit,
};
use crate::model::ids::{AlarmId, PatientId};
use crate::model::pause::Pause;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::output::transition::TransitionBody;
use crate::patient::{Checked, LimitSet};

/// What is answered to a command that is not about an alarm.
struct Reply {
    outcome: Outcome,
    detail: String,
    version: Option<u64>,
    pause: Option<Box<Pause>>,
}

impl Reply {
    fn done() -> Self {
        Self { outcome: Outcome::Done, detail: String::new(), version: None, pause: None }
    }

    fn refused(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), version: None, pause: None }
    }

    /// What was seen is no longer what stands.
    fn stale(stands: u64) -> Self {
        Self::refused(Outcome::Stale, format!("version {stands} stands")).at(stands)
    }

    /// Of this version now.
    fn at(self, version: u64) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Who named the version that stood is told the one that stands.
    fn told(self, seen: Option<u64>, stands: Option<u64>) -> Self {
        Self { version: stands.filter(|_| seen.is_some()), ..self }
    }
}

impl From<Reply> for Box<CommandAnswer> {
    fn from(Reply { outcome, detail, version, pause }: Reply) -> Self {
        let pause = pause.map(|pause| *pause);
        Self::new(CommandAnswer { outcome, detail, alarm: None, version, pause })
    }
}

impl Core {
    pub(crate) fn command(&mut self, command: &Command, out: &mut Output) {
        let actor = &command.actor;
        match &command.action {
            Action::Alarm { id, seen, act } => self.act(actor, id, *seen, act, out),
            Action::Person { act, subject } => {
                let told = || Reply::refused(Outcome::Done, subject.clone());
                self.answer(actor, act.as_str(), out, |_, _| told());
            }
            Action::HandOver { to } => {
                self.answer(actor, "hand_over", out, |c, out| c.hand_over(actor, to, out));
            }
            Action::TakeOver { from, alarms } => {
                self.answer(actor, "take_over", out, |c, out| {
                    c.take_over(actor, from, alarms, out)
                });
            }
            Action::AddWard(ward) => self.answer(actor, "add_ward", out, |c, _| c.add_ward(ward)),
            Action::AddBed { bed, ward } => {
                self.answer(actor, "add_bed", out, |c, out| c.add_bed(bed, ward, out));
            }
            Action::AdmitPatient(details) => {
                self.answer(actor, "admit", out, |c, out| c.admit(details, out));
            }
            Action::ReplacePatient(details) => {
                self.answer(actor, "change_patient", out, |c, out| c.replace(actor, details, out));
            }
            Action::ChangePatient {
                patient,
                age_class,
                continuous,
                pregnant,
                replaces,
                spo2_scale,
                reason,
            } => {
                self.answer(actor, "change_patient", out, |c, out| {
                    let change = |known: &PatientDetails| PatientDetails {
                        age_class: age_class.unwrap_or(known.age_class),
                        continuous: continuous.unwrap_or(known.continuous),
                        pregnant: pregnant.or(known.pregnant),
                        ..known.clone()
                    };
                    let scale = spo2_scale.map(|scale| (scale, actor.as_str(), reason.as_deref()));
                    c.change(patient, *replaces, change, scale, out)
                });
            }
            Action::TransferPatient { patient, bed, replaces } => {
                self.answer(actor, "transfer", out, |c, out| {
                    if let Some(stale) = c.is_stale(patient, *replaces) {
                        return stale;
                    }
                    c.transfer(actor, patient, bed.as_ref(), out)
                });
            }
            Action::DischargePatient { patient, reason, replaces } => {
                self.answer(actor, "discharge", out, |c, out| {
                    if let Some(stale) = c.is_stale(patient, *replaces) {
                        return stale;
                    }
                    c.discharge(actor, patient, reason.as_deref(), out)
                });
            }
            Action::SetLimits { patient, limits, from, replaces, reason, only } => {
                self.answer(actor, "set_limits", out, |c, out| {
                    let from = from.unwrap_or(out.wall());
                    let (reason, only) = (reason.as_deref(), only.as_deref());
                    c.set_limits(actor, patient, limits, from, *replaces, reason, only, out)
                });
            }
            Action::RegisterDevice(named) => {
                self.answer(actor, "register_device", out, |c, out| c.register(named, out));
            }
            Action::AddDevice(named) => {
                self.answer(actor, "register_device", out, |c, out| c.add_device(named, out));
            }
            Action::ChangeDevice(named) => {
                self.answer(actor, "change_device", out, |c, out| c.change_device(named, out));
            }
            Action::RevokeDevice(device) => {
                self.answer(actor, "revoke_device", out, |c, out| c.revoke(device, out));
            }
            Action::Bind { device, patient, from, zero_means_no_sensor, replaces } => {
                let zeros = zero_means_no_sensor.as_deref();
                self.binding(actor, "bind", device, *replaces, out, |c, out| {
                    c.bind(device, patient, *from, zeros, out)
                });
            }
            Action::Pause { scope, reason, until } => {
                let seq = out.next_seq();
                self.answer(actor, "pause", out, |c, out| {
                    c.pause(actor, (scope, reason, *until), seq, out)
                });
            }
            Action::EndPause { id } => {
                self.answer(actor, "end_pause", out, |c, out| c.end_pause(actor, *id, out));
            }
            Action::Unbind { device, replaces } => {
                self.binding(actor, "unbind", device, *replaces, out, |c, out| {
                    c.unbind(device, out)
                });
            }
            Action::CorrectBinding { device, patient, reason, replaces } => {
                self.binding(actor, "correct_binding", device, *replaces, out, |c, out| {
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
        act: impl FnOnce(&mut Self, &mut Output) -> Reply,
    ) {
        let index = out.transitions.len();
        let body = |reply: Reply| TransitionBody::Answer {
            actor: actor.to_owned(),
            asked,
            answer: reply.into(),
        };
        let seq = out.emit(body(Reply::done()));
        let reply = act(self, out);
        if let Some(transition) = out.transitions.get_mut(index) {
            debug_assert_eq!(transition.seq, seq, "the answer stands where it was put");
            transition.body = body(reply);
        }
    }

    fn act(&mut self, actor: &str, id: &AlarmId, seen: u64, act: &AlarmAct, out: &mut Output) {
        match self.find_alarm(id) {
            Some((Some(patient), key)) => {
                let ground = self.ground();
                if let Some(patient) = self.patient_mut(&patient) {
                    patient.act(&key, (actor, seen, act), ground.context(), out);
                }
                self.note_deadline(&patient);
            }
            Some((None, key)) => {
                self.site_mut().alarms.act(&key, actor, seen, act, out);
                self.note_site_deadline();
            }
            None => self.answer(actor, act.as_str(), out, |_, _| {
                Reply::refused(Outcome::NotFound, "no open alarm has this id")
            }),
        }
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
        only: Option<&str>,
        out: &mut Output,
    ) -> Reply {
        let ground = self.ground();
        let context = ground.context();
        let Some(patient) = self.patients.get(id).filter(|p| p.discharged_at.is_none()) else {
            return Reply::refused(Outcome::NotFound, "no such patient is here");
        };
        let stands = patient.limits_version();
        if replaces.is_some_and(|seen| seen != stands) {
            return Reply::stale(stands);
        }
        let since = out.now.own(from);
        let checked = patient.check_limits(limits, only, (since, reason, out.now), context);
        let Checked { limits: accepted, refused, only, later, unchanged } = checked;
        let refused = refused.join("; ");
        if unchanged && !refused.is_empty() {
            return Reply::refused(Outcome::Invalid, refused);
        }
        if unchanged {
            return Reply::refused(Outcome::AlreadySo, "these limits stand").at(stands);
        }
        let set = LimitSet {
            version: stands + 1,
            from,
            since,
            by: actor.to_owned(),
            reason: reason.map(str::to_owned),
            limits: accepted,
            waits: false,
            of_an_end: false,
        };
        if let Some(patient) = self.patient_mut(id) {
            patient.set_limits(set, only.as_deref(), context, out);
        }
        self.note_deadline(id);
        let mut said = Vec::new();
        if !refused.is_empty() {
            said.push(format!("refused: {refused}"));
        }
        if only.is_none() {
            said.extend(later.iter().map(|at| format!("what was to hold from {at} holds no more")));
        }
        let detail = said.join("; ");
        Reply { version: Some(stands + 1), detail, ..Reply::done() }
    }
}
