//! What commands about devices and their bindings do.

use std::sync::Arc;

use super::Reply;
use crate::core::Core;
use crate::device::{Binding, Device};
use crate::model::command::{DeviceDetails, Outcome, Registration};
use crate::model::ids::{DeviceId, PatientId};
use crate::model::signal::SignalId;
use crate::model::synthetic::SYNTHETIC;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::patient::Handover;
use crate::rules::UNKNOWN_CLASS;

impl Core {
    /// Registers a device; of one that is registered it says so, and how.
    pub(super) fn add_device(&mut self, named: &Registration, out: &mut Output) -> Reply {
        let registered = |device: &&Arc<Device>| device.is_registered() && !device.revoked;
        let Some(known) = self.devices.get(&named.id).filter(registered) else {
            return self.register(named, out);
        };
        let (details, stands) = (&known.details, known.version);
        if named.replaces.is_some_and(|seen| seen != stands) {
            return Reply::stale(stands);
        }
        if named.after(Some(details)).as_ref() == Some(details) {
            return Reply::refused(Outcome::AlreadySo, "the device is registered so").at(stands);
        }
        let class = &details.class;
        let what =
            format!("{} is registered, as {class}: change what is to be otherwise", named.id);
        Reply::refused(Outcome::Conflict, what).at(stands)
    }

    /// Registers a device, or changes what is named of it.
    pub(super) fn register(&mut self, named: &Registration, out: &mut Output) -> Reply {
        let id = &named.id;
        if id.as_str() == SYNTHETIC {
            let what = format!("{id} is what the gateway sends by itself: take another id");
            return Reply::refused(Outcome::Invalid, what);
        }
        let known = self.devices.get(id);
        let before = known.map(|device| &device.details);
        let Some(details) = named.after(before) else {
            let what = format!("{id} is not known: to register it, name its class");
            return Reply::refused(Outcome::Invalid, what);
        };
        let rules = &self.configuration.rules;
        if details.class != UNKNOWN_CLASS && rules.class(&details.class).is_none() {
            let names = rules.class_names().collect::<Vec<_>>().join(", ");
            let what = format!("there is no class `{}`; there are {names}", details.class);
            return Reply::refused(Outcome::Invalid, what);
        }
        if known.is_some_and(|device| device.revoked) {
            let what = format!("{id} was revoked, and stays so: register it by another id");
            return Reply::refused(Outcome::Conflict, what);
        }
        let stands = known.map(|device| device.version);
        if named.replaces.is_some() && named.replaces != stands {
            return Reply::stale(stands.unwrap_or_default());
        }
        if before == Some(&details) {
            return Reply::refused(Outcome::AlreadySo, "the device is registered so")
                .told(named.replaces, stands);
        }
        let judged_otherwise =
            |was: &DeviceDetails| was.class != details.class || was.signals != details.signals;
        let is_bound = known.is_some_and(|device| device.patient().is_some());
        if named.while_unbound && is_bound && before.is_some_and(judged_otherwise) {
            let what = format!("{id} is bound to a patient: a clinician says how it is judged");
            return Reply::refused(Outcome::Conflict, what);
        }
        let is_new = before.is_none();
        let device = self.device_mut(id, out.now);
        device.details = details;
        device.version += 1;
        if is_new {
            device.registered_at = out.now.at;
        }
        let version = device.version;
        self.expect_anew(id, out);
        Reply::done().told(named.replaces, Some(version))
    }

    /// The same of a device that must be known.
    pub(super) fn change_device(&mut self, named: &Registration, out: &mut Output) -> Reply {
        let id = &named.id;
        if !self.devices.contains_key(id) {
            return Reply::refused(Outcome::NotFound, format!("there is no device {id}"));
        }
        self.register(named, out)
    }

    /// What a bound device will send has changed.
    fn expect_anew(&mut self, id: &DeviceId, out: &mut Output) {
        let Some(device) = self.devices.get(id).map(Arc::clone) else { return };
        let ground = self.ground();
        if let Some(patient) = device.patient() {
            if let Some(patient) = self.patient_mut(patient) {
                patient.bind(&device, ground.context(), out);
            }
            self.note_deadline(patient);
        }
    }

    pub(super) fn revoke(&mut self, id: &DeviceId, out: &mut Output) -> Reply {
        match self.devices.get(id).map(|d| d.revoked) {
            None => Reply::refused(Outcome::NotFound, format!("there is no device {id}")),
            Some(true) => Reply::refused(Outcome::AlreadySo, "revoked before"),
            Some(false) => {
                let device = self.device_mut(id, out.now);
                device.revoked = true;
                device.details.token_sha256 = None;
                device.version += 1;
                let watched = device.patient().cloned();
                let watches =
                    |device: &Device| !device.revoked && device.patient() == watched.as_ref();
                if let Some(patient) = &watched
                    && !self.devices.values().any(|device| watches(device))
                {
                    if let Some(patient) = self.patient_mut(patient) {
                        patient.no_device(out.now.at, out);
                    }
                    self.note_deadline(patient);
                }
                Reply::done()
            }
        }
    }

    /// Carries out a command about the bindings of a device, unless they changed since they were seen.
    pub(super) fn binding(
        &mut self,
        actor: &str,
        asked: &'static str,
        id: &DeviceId,
        replaces: Option<u64>,
        out: &mut Output,
        act: impl FnOnce(&mut Self, &mut Output) -> Reply,
    ) {
        self.answer(actor, asked, out, |core, out| {
            let version = |core: &Self| core.devices.get(id).map(|device| device.binding_version);
            match (replaces, version(core)) {
                (Some(seen), Some(stands)) if seen != stands => return Reply::stale(stands),
                _ => {}
            }
            let reply = act(core, out);
            reply.told(replaces, version(core))
        });
    }

    pub(super) fn bind(
        &mut self,
        id: &DeviceId,
        patient: &PatientId,
        from: Option<Timestamp>,
        zeros: Option<&[SignalId]>,
        out: &mut Output,
    ) -> Reply {
        let Some(device) = self.devices.get(id) else {
            return Reply::refused(Outcome::NotFound, format!("there is no device {id}"));
        };
        if !self.is_here(patient) {
            return Reply::refused(Outcome::NotFound, format!("there is no patient {patient}"));
        }
        match device.patient() {
            Some(other) if other == patient => return self.change_binding(id, from, zeros, out),
            Some(other) => {
                return Reply::refused(
                    Outcome::Conflict,
                    format!("the device is bound to {other}"),
                );
            }
            None => {}
        }
        let from = from.unwrap_or(out.wall());
        let since = out.now.own(from);
        let before = device.bindings.last().map(|before| before.until.unwrap_or(before.since));
        if before.is_some_and(|until| since < until) {
            return Reply::refused(Outcome::Conflict, "the previous binding ended later than that");
        }
        let device = self.device_mut(id, out.now);
        device.binding_version += 1;
        let bindings = &mut device.bindings;
        // One that was corrected to nobody's goes on until now.
        if let Some(nobodys) = bindings.last_mut().filter(|last| last.until.is_none()) {
            (nobodys.to, nobodys.until) = (Some(from), Some(since));
        }
        bindings.reserve_exact(1);
        bindings.push(Binding {
            patient: Some(patient.clone()),
            from,
            to: None,
            zero_means_no_sensor: zeros.unwrap_or_default().to_vec(),
            since,
            until: None,
        });
        self.expect_anew(id, out);
        self.tell_of_waiting(id, out);
        Reply::done()
    }

    /// What is named of the binding that stands: from now on these zeros mean "no sensor". When it began
    /// cannot be changed, so another beginning is refused and not passed over.
    fn change_binding(
        &mut self,
        id: &DeviceId,
        from: Option<Timestamp>,
        zeros: Option<&[SignalId]>,
        out: &Output,
    ) -> Reply {
        let device = self.device_mut(id, out.now);
        let Some(binding) = device.bindings.last_mut() else {
            return Reply::refused(Outcome::NotFound, "the device has no binding");
        };
        if from.is_some_and(|from| from != binding.from) {
            let began = binding.from;
            let what = format!("the device is bound to this patient since {began}, which stays so");
            return Reply::refused(Outcome::Conflict, what);
        }
        match zeros {
            Some(zeros) if binding.zero_means_no_sensor != zeros => {
                binding.zero_means_no_sensor = zeros.to_vec();
                device.binding_version += 1;
                Reply::done()
            }
            Some(_) | None => {
                Reply::refused(Outcome::AlreadySo, "the device is bound to this patient")
            }
        }
    }

    pub(super) fn unbind(&mut self, id: &DeviceId, out: &mut Output) -> Reply {
        match self.devices.get(id).map(|d| d.patient().is_some()) {
            None => Reply::refused(Outcome::NotFound, format!("there is no device {id}")),
            Some(false) => Reply::refused(Outcome::AlreadySo, "the device is bound to nobody"),
            Some(true) => {
                self.end_binding(id, out);
                Reply::done()
            }
        }
    }

    pub(super) fn end_binding(&mut self, id: &DeviceId, out: &mut Output) {
        let (wall, now) = (out.wall(), out.now.at);
        let device = self.device_mut(id, out.now);
        device.binding_version += 1;
        let patient = device.patient().cloned();
        if let Some(binding) = device.bindings.last_mut() {
            binding.to = Some(wall.max(binding.from));
            binding.until = Some(now.max(binding.since));
        }
        if let Some(patient) = patient {
            let ground = self.ground();
            if self.is_here(&patient)
                && let Some(machine) = self.patient_mut(&patient)
            {
                machine.unbind(id, ground.context(), out);
            }
            self.note_deadline(&patient);
        }
    }

    /// The last binding was of another patient from its start (contract §4).
    pub(super) fn correct_binding(
        &mut self,
        actor: &str,
        id: &DeviceId,
        patient: Option<&PatientId>,
        reason: &str,
        out: &mut Output,
    ) -> Reply {
        if reason.trim().is_empty() {
            return Reply::refused(Outcome::Invalid, "a reason is needed");
        }
        let Some(was) = self.devices.get(id).and_then(|d| d.bindings.last().cloned()) else {
            return Reply::refused(Outcome::NotFound, "the device has no binding to correct");
        };
        if was.patient.as_ref() == patient {
            return Reply::refused(Outcome::AlreadySo, "the binding says so");
        }
        if let Some(patient) = patient.filter(|p| !self.is_here(p)) {
            return Reply::refused(Outcome::NotFound, format!("there is no patient {patient}"));
        }
        let device = self.device_mut(id, out.now);
        device.binding_version += 1;
        if let Some(binding) = device.bindings.last_mut() {
            binding.patient = patient.cloned();
        }
        let mut handover = Handover::default();
        if let Some(wrong) = was.patient {
            let ground = self.ground();
            if let Some(machine) = self.patient_mut(&wrong) {
                handover = machine.retract((id, was.since), actor, ground.context(), out);
            }
            self.note_deadline(&wrong);
            if let Some(right) = patient {
                let told = handover.names();
                self.device_mut(id, out.now).events_belong_to(&told, &wrong, right);
            }
        }
        self.expect_anew(id, out);
        let ground = self.ground();
        let now_of = self.devices.get(id).and_then(|d| d.patient().cloned());
        // Of a binding that is over only what happened in it is the right patient's.
        if let Some(right) = patient.filter(|right| now_of.as_ref() != Some(right)) {
            if let Some(machine) = self.patient_mut(right) {
                machine.inherit(handover.told_only(), ground.context(), out);
            }
            self.note_deadline(right);
        } else if let Some(right) = now_of {
            if let Some(machine) = self.patient_mut(&right) {
                machine.inherit(handover, ground.context(), out);
            }
            self.note_deadline(&right);
        }
        Reply::done()
    }
}
