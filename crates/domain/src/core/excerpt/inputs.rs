//! What of the inputs of a row concerns one patient alone.

use super::Excerpt;
use crate::core::Core;
use crate::device::{Binding, Device};
use crate::model::command::{Action, Command, PatientDetails, Registration};
use crate::model::ids::{DeviceId, PatientId};
use crate::model::input::Input;
use crate::model::message::{Body, Message, ReadingTime};
use crate::model::time::{Span, Timestamp};

impl Excerpt {
    /// What of an input belongs to the excerpt; `states` are the whole ones before and after its row.
    pub fn of(&self, input: &Input, states: (&Core, &Core)) -> Option<Input> {
        let kept = || Some(input.clone());
        let of_gateway = || self.patient.is_none().then(|| input.clone());
        match input {
            Input::Message(message) => {
                self.message(message, states).map(|m| Input::Message(Box::new(m)))
            }
            Input::Link { principal, .. } | Input::OverBudget { sender: principal, .. } => {
                self.devices.contains(principal).then(|| input.clone())
            }
            Input::Command(command) => self.command(command).map(|c| Input::Command(Box::new(c))),
            Input::Configuration { .. }
            | Input::IntakeGap { .. }
            | Input::ClockStep { .. }
            | Input::Store { .. }
            | Input::Disk { .. }
            | Input::Duty(_)
            | Input::Undelivered { .. }
            | Input::NotTaken { .. } => kept(),
            Input::Delivered { alarm, .. } => self.alarms.contains(alarm).then(|| input.clone()),
            Input::Upgraded { from, next_seq, held } => {
                let held = held.iter().filter(|alarm| self.alarms.contains(&alarm.id)).cloned();
                Some(Input::Upgraded { from: *from, next_seq: *next_seq, held: held.collect() })
            }
            Input::Unwatched(_)
            | Input::Synchronised(_)
            | Input::Broker { .. }
            | Input::Sink { .. }
            | Input::LinesRefused { .. }
            | Input::Crowded { .. }
            | Input::Synthetic { .. }
            | Input::NotAllowed { .. }
            | Input::Late { .. } => of_gateway(),
            Input::SignInsFailed(_) => None,
        }
    }

    /// A message of one of the devices; what it says of somebody else is left out.
    fn message(&self, message: &Message, (before, after): (&Core, &Core)) -> Option<Message> {
        let own = self.patient.as_ref()?;
        if !self.devices.contains(&message.device) {
            return None;
        }
        let device = after.devices.get(&message.device);
        let bindings = device.map_or(&[][..], |device| &device.bindings);
        let mut kept = Message { old: None, ..message.clone() };
        let is_somebodys = |core: &Core| {
            let device = core.devices.get(&message.device);
            device.and_then(|d| d.bindings.last()).is_some_and(|last| is_of_another(last, own))
        };
        if is_somebodys(before) || is_somebodys(after) {
            empty(&mut kept.body);
        } else if let Some(until) = last_of_another(bindings, own) {
            let correction = device.and_then(|device| correction(device)).unwrap_or(Span::ZERO);
            keep_after(&mut kept.body, until, correction);
        }
        Some(kept)
    }

    fn command(&self, Command { actor, action }: &Command) -> Option<Command> {
        let is_own = |id: &PatientId| self.patient.as_ref() == Some(id);
        let has = |id: &DeviceId| self.devices.contains(id);
        let kept = || Some(action.clone());
        let action = match action {
            Action::AddWard(_)
            | Action::AddBed { .. }
            | Action::HandOver { .. }
            | Action::EndPause { .. } => kept(),
            Action::Alarm { id, .. } => self.alarms.contains(id).then(|| action.clone()),
            Action::AdmitPatient(PatientDetails { id, .. })
            | Action::ReplacePatient(PatientDetails { id, .. })
            | Action::TransferPatient { patient: id, .. }
            | Action::DischargePatient { patient: id, .. }
            | Action::SetLimits { patient: id, .. }
            | Action::ChangePatient { patient: id, .. } => is_own(id).then(|| action.clone()),
            Action::RegisterDevice(named) if has(&named.id) => {
                Some(Action::RegisterDevice(without_token(named)))
            }
            Action::ChangeDevice(named) if has(&named.id) => {
                Some(Action::ChangeDevice(without_token(named)))
            }
            Action::AddDevice(named) if has(&named.id) => {
                Some(Action::AddDevice(without_token(named)))
            }
            Action::RevokeDevice(id) | Action::Unbind { device: id, .. } if has(id) => kept(),
            Action::Bind { device, patient, from, zero_means_no_sensor, replaces }
                if has(device) =>
            {
                let zero_means_no_sensor = zero_means_no_sensor.clone();
                let (device, from, replaces) = (device.clone(), *from, *replaces);
                self.stands_for(patient).map(|patient| Action::Bind {
                    device,
                    patient,
                    from,
                    zero_means_no_sensor,
                    replaces,
                })
            }
            Action::CorrectBinding { device, patient, reason, replaces } if has(device) => {
                let patient = patient.as_ref().and_then(|id| self.stands_for(id));
                let (device, reason, replaces) = (device.clone(), reason.clone(), *replaces);
                Some(Action::CorrectBinding { device, patient, reason, replaces })
            }
            Action::Pause { scope, .. } => {
                scope.patient.as_ref().is_none_or(is_own).then(|| action.clone())
            }
            Action::TakeOver { from, alarms } => {
                let own = alarms.iter().filter(|(id, _)| self.alarms.contains(id)).cloned();
                Some(Action::TakeOver { from: from.clone(), alarms: own.collect() })
            }
            Action::RegisterDevice(_)
            | Action::ChangeDevice(_)
            | Action::AddDevice(_)
            | Action::RevokeDevice(_)
            | Action::Unbind { .. }
            | Action::Bind { .. }
            | Action::CorrectBinding { .. }
            | Action::Person { .. } => None,
        }?;
        Some(Command { actor: actor.clone(), action })
    }
}

fn without_token(named: &Registration) -> Registration {
    Registration { token_sha256: None, ..named.clone() }
}

fn is_of_another(binding: &Binding, own: &PatientId) -> bool {
    binding.patient.as_ref().is_some_and(|id| id != own)
}

/// Until when the device was somebody else's, by the shown clock.
fn last_of_another(bindings: &[Binding], own: &PatientId) -> Option<Timestamp> {
    let others = bindings.iter().filter(|binding| is_of_another(binding, own));
    others.filter_map(|binding| binding.to).max()
}

/// What to add to the device's time, as far as is known.
fn correction(device: &Device) -> Option<Span> {
    device.clock.shown_ms().map(Span::millis)
}

/// What comes of it is the envelope alone: its numbers and its clock.
fn empty(body: &mut Body) {
    match body {
        Body::Telemetry { readings, refused } => {
            readings.clear();
            refused.clear();
        }
        Body::Events { events, refused } => {
            events.clear();
            refused.clear();
        }
        Body::Waves { .. } | Body::Status { .. } | Body::Info { .. } | Body::Undecodable { .. } => {
        }
    }
}

/// What was measured before an instant is left out.
fn keep_after(body: &mut Body, until: Timestamp, correction: Span) {
    match body {
        Body::Telemetry { readings, .. } => readings
            .retain(|reading| measured(reading.time).is_none_or(|at| at + correction >= until)),
        Body::Events { events, .. } => {
            events.retain(|event| measured(event.time).is_none_or(|at| at + correction >= until));
        }
        Body::Waves { .. } | Body::Status { .. } | Body::Info { .. } | Body::Undecodable { .. } => {
        }
    }
}

/// When it was measured at the latest, by the device's clock; `None` where that is its arrival.
fn measured(time: ReadingTime) -> Option<Timestamp> {
    match time {
        ReadingTime::At(at) | ReadingTime::Period(_, at) => Some(at),
        ReadingTime::Age(_) | ReadingTime::Unstated => None,
    }
}
