//! What a message, or a connection, does to a device and to the patients it observes.

use std::sync::Arc;

use super::{Core, Ground};
use crate::device::{Device, Observed, Surroundings};
use crate::model::ids::{DeviceId, PatientId};
use crate::model::message::{Message, Mode};
use crate::model::synthetic::SYNTHETIC;
use crate::model::time::Stamp;
use crate::output::Output;

impl Core {
    pub(super) fn message(&mut self, message: &Message, out: &mut Output) {
        if message.mode == Mode::Probe && message.device.as_str() == SYNTHETIC {
            return self.synthetic(message, out);
        }
        if !message.delivery.retained {
            self.way_is_back(&message.principal, out);
        }
        if message.principal != message.device {
            let principal = self.device_mut(&message.principal, out.now);
            if message.delivery.retained {
                principal.last_contact = Some(out.wall());
            } else {
                principal.heard(out.now);
            }
        }
        self.note_way(message, out.now);
        let ground = self.ground();
        let mut observed = Vec::new();
        let (device, intake_gaps) = self.device_and_gaps(&message.device, out.now);
        let around = Surroundings { rules: &ground.configuration.rules, intake_gaps };
        Arc::make_mut(device).observe(message, around, &mut observed, out);
        let device = Arc::clone(device);
        // What shows that the clock is wrong is known before what the same message says else.
        observed.sort_by_key(|(_, observed)| !matches!(observed, Observed::ClockSuspect(_)));
        self.pass_on(&observed, &device, &ground, out);
    }

    fn pass_on(
        &mut self,
        observed: &[(PatientId, Observed)],
        device: &Device,
        ground: &Ground,
        out: &mut Output,
    ) {
        let context = ground.context();
        let mut rest = observed;
        while let Some((id, _)) = rest.first() {
            let same = rest.iter().take_while(|(other, _)| other == id).count();
            let (of_one, others) = rest.split_at(same);
            rest = others;
            let Some(patient) = self.patient_mut(id) else { continue };
            for (_, observed) in of_one {
                patient.observe(observed, device, context, out);
            }
            patient.settle(context, out);
            self.note_deadline(id);
        }
    }

    /// A sender is read slowly, or no longer is: whoever it measures learns that as well, and whoever is measured by a
    /// device that speaks through it.
    pub(super) fn over_budget(&mut self, sender: &DeviceId, over: bool, out: &mut Output) {
        self.site_mut().over_budget(sender, over, out);
        self.note_site_deadline();
        if over {
            let waits = |device: &Device| device.details.id == *sender || device.waits_for(sender);
            let waiting = self.devices.values().filter(|device| waits(device));
            let waiting: Vec<DeviceId> = waiting.map(|device| device.details.id.clone()).collect();
            for device in waiting {
                self.tell_of_waiting(&device, out);
            }
            return;
        }
        // Also of whom another device has by now.
        let told = self.patients.values().filter(|patient| patient.is_told_of_waiting(sender));
        let told: Vec<PatientId> = told.map(|patient| patient.details.id.clone()).collect();
        for id in told {
            if let Some(patient) = self.patient_mut(&id) {
                patient.waits_no_more(sender, out);
            }
            self.note_deadline(&id);
        }
    }

    /// Tells whoever a device measures that it, or what it speaks through, is read slowly, where that is so.
    pub(super) fn tell_of_waiting(&mut self, id: &DeviceId, out: &mut Output) {
        let Some(device) = self.devices.get(id) else { return };
        let Some(patient) = device.patient().cloned() else { return };
        let via: Vec<DeviceId> = device.details.via.clone();
        let slow: Vec<DeviceId> = self.site.over_budgets().collect();
        let of_it = |sender: &&DeviceId| *sender == id || via.contains(sender);
        for sender in slow.iter().filter(of_it) {
            if let Some(patient) = self.patient_mut(&patient) {
                patient.waits_for(sender, id, out);
            }
        }
        self.note_deadline(&patient);
    }

    pub(super) fn link(&mut self, principal: &DeviceId, connected: bool, now: Stamp) {
        // What the gateway sends itself is of no device.
        if principal.as_str() == SYNTHETIC {
            return;
        }
        self.device_mut(principal, now).link(connected);
    }
}
