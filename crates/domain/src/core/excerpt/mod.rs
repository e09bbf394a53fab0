//! What of a state, and of what came after, concerns one patient alone: an alarm can be derived from it again somewhere else,
//! and nothing of anybody else is in it.

mod inputs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Core;
use crate::device::{Binding, Device};
use crate::model::command::{AgeClass, PatientDetails};
use crate::model::ids::{AlarmId, DeviceId, PatientId};
use crate::patient::Patient;
use crate::site::Site;

/// Whom an excerpt is of.
#[derive(Clone, Debug, Default)]
pub struct Excerpt {
    /// The patient; `None` for the gateway itself, of which no patient is part.
    pub patient: Option<PatientId>,
    /// The devices that ever were the patient's, and what speaks for them.
    pub devices: BTreeSet<DeviceId>,
    /// The patient's alarms.
    pub alarms: BTreeSet<AlarmId>,
    /// Whoever else had one of these devices, and the name that stands for them.
    pub others: BTreeMap<PatientId, PatientId>,
}

impl Excerpt {
    /// The devices, and whoever else had them, as far as they are known to this state, which may be one of several.
    pub fn learn(&mut self, core: &Core) {
        let Some(own) = self.patient.clone() else { return };
        let of_patient = |device: &&Arc<Device>| {
            device.bindings.iter().any(|binding| binding.patient.as_ref() == Some(&own))
        };
        for device in core.devices.values().filter(of_patient) {
            self.devices.insert(device.details.id.clone());
            self.devices.extend(device.details.via.iter().cloned());
            let others = device.bindings.iter().filter_map(|binding| binding.patient.as_ref());
            for other in others.filter(|other| **other != own) {
                let name = format!("somebody-{}", self.others.len() + 1);
                if let Ok(name) = name.parse() {
                    self.others.entry(other.clone()).or_insert(name);
                }
            }
        }
    }

    /// What stands for somebody: the patient under their own name, anybody else under another.
    fn stands_for(&self, id: &PatientId) -> Option<PatientId> {
        if self.patient.as_ref() == Some(id) {
            Some(id.clone())
        } else {
            self.others.get(id).cloned()
        }
    }

    fn binding(&self, binding: &Binding) -> Binding {
        let patient = binding.patient.as_ref().and_then(|id| self.stands_for(id));
        Binding { patient, ..binding.clone() }
    }

    /// A device without what it knows of somebody else; no token goes with it.
    fn device(&self, device: &Device) -> Device {
        let mut own = device.clone();
        own.details.token_sha256 = None;
        own.bindings = device.bindings.iter().map(|binding| self.binding(binding)).collect();
        let is_others = |binding: &Binding| {
            binding.patient.as_ref().is_some_and(|id| Some(id) != self.patient.as_ref())
        };
        if device.bindings.iter().any(is_others) || self.patient.is_none() {
            own.forget_content();
        }
        own
    }

    /// The site without what names anybody else.
    fn site(&self, site: &Site) -> Site {
        let mut own = site.clone();
        if let Some(patient) = &self.patient {
            own.pauses.retain(|pause| pause.scope.patient.as_ref().is_none_or(|of| of == patient));
        } else {
            own.pauses.retain(|pause| pause.scope.patient.is_none());
        }
        own.keep_unanswered(&self.alarms);
        own.keep_alarms(|alarm| {
            alarm.patient.is_none()
                && alarm
                    .device
                    .as_ref()
                    .is_none_or(|device| self.patient.is_none() || self.devices.contains(device))
        });
        own
    }
}

impl Core {
    /// What of the state concerns whom an excerpt is of.
    #[must_use]
    pub fn excerpt(&self, of: &Excerpt) -> Self {
        let kept = self.devices.iter().filter(|(id, _)| of.devices.contains(*id));
        let devices = kept.map(|(id, device)| (id.clone(), Arc::new(of.device(device)))).collect();
        let own = of.patient.iter().filter_map(|id| self.patients.get_key_value(id));
        let mut patients: BTreeMap<PatientId, Arc<Patient>> =
            own.map(|(id, patient)| (id.clone(), Arc::clone(patient))).collect();
        for name in of.others.values() {
            let details = PatientDetails {
                id: name.clone(),
                age_class: AgeClass::Unknown,
                continuous: false,
                bed: None,
                pregnant: None,
            };
            patients.insert(name.clone(), Arc::new(Patient::new(details, None)));
        }
        let configuration = self.configuration.as_ref().clone();
        Self::assemble(self.head.clone(), configuration, of.site(&self.site), devices, patients)
    }
}
