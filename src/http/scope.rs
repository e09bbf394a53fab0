//! Where somebody may see and act: everywhere, or in some wards only.
//!
//! What belongs to a patient is where the patient is now. What belongs to nobody, as a free device or an alarm of the
//! gateway itself, is seen by everybody; whoever is bound to wards changes nothing of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;

use super::error::Problem;
use crate::projection::view::{BindingView, Board, DeviceView, PatientView};
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::ids::{DeviceId, PatientId, WardId};

/// The wards of whoever asks, or a maker's devices; neither is the whole gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    wards: Option<Arc<BTreeSet<WardId>>>,
    devices: Option<Arc<BTreeSet<DeviceId>>>,
}

impl Scope {
    /// These wards only; without them everywhere.
    pub(crate) fn of(wards: Option<BTreeSet<WardId>>) -> Self {
        Self { wards: wards.map(Arc::new), devices: None }
    }

    /// These devices, and those registered via them; no ward.
    pub(crate) fn of_devices(devices: BTreeSet<DeviceId>) -> Self {
        Self { wards: None, devices: Some(Arc::new(devices)) }
    }

    /// The wards it is bound to.
    pub(crate) fn wards(&self) -> Option<&BTreeSet<WardId>> {
        self.wards.as_deref()
    }

    /// Whether it is bound to wards, or to devices.
    pub(crate) fn is_limited(&self) -> bool {
        self.wards.is_some() || self.devices.is_some()
    }

    /// Whether the ward is one of them. What is in no ward is in none of them.
    pub(crate) fn has(&self, ward: Option<&WardId>) -> bool {
        let of_wards =
            |wards: &Arc<BTreeSet<WardId>>| ward.is_some_and(|ward| wards.contains(ward));
        self.devices.is_none() && self.wards.as_ref().is_none_or(of_wards)
    }

    /// Whether the patient is in one of them now.
    pub(crate) fn has_patient(&self, patient: &PatientView) -> bool {
        self.has(patient.ward.as_ref())
    }

    /// The same of a patient by name.
    pub(crate) fn has_named(&self, board: &Board, patient: &PatientId) -> bool {
        !self.is_limited() || board.patients.get(patient).is_some_and(|p| self.has_patient(p))
    }

    /// Whether the device watches a patient there, or nobody; or is one of a maker's.
    pub(crate) fn has_device(&self, board: &Board, device: &DeviceView) -> bool {
        if let Some(own) = &self.devices {
            return own.contains(&device.id) || device.via.iter().any(|via| own.contains(via));
        }
        device.patient.as_ref().is_none_or(|patient| self.has_named(board, patient))
    }

    /// Whether a binding is of a patient there, or of nobody.
    pub(crate) fn has_binding(&self, board: &Board, binding: &BindingView) -> bool {
        binding.patient.as_ref().is_none_or(|patient| self.has_named(board, patient))
    }

    /// Whether the alarm is of a patient there, or of the gateway itself.
    pub(crate) fn has_alarm(&self, alarm: &Alarm) -> bool {
        alarm.patient.is_none() || self.has(alarm.ward_shown())
    }

    /// Whether whoever looks after the patients there answers the alarm.
    pub(crate) fn answers(&self, alarm: &Alarm) -> bool {
        alarm.is_of_patients() && self.has(alarm.ward_shown())
    }

    /// The wards somebody shows who asked for some, or for all of his own; 403 where one is not his: an empty answer
    /// would read as if there was nothing.
    pub(crate) fn shows(
        &self,
        asked: Option<BTreeSet<WardId>>,
    ) -> Result<Option<BTreeSet<WardId>>, Problem> {
        let (Some(own), Some(asked)) = (self.wards(), asked.as_ref()) else {
            return Ok(asked.or_else(|| self.wards().cloned()));
        };
        match asked.iter().find(|ward| !own.contains(*ward)) {
            Some(ward) => Err(self.refused(&format!("the ward `{ward}`"))),
            None => Ok(Some(asked.clone())),
        }
    }

    /// It is beyond that.
    pub(super) fn refused(&self, what: &str) -> Problem {
        let own: Vec<&str> = self.wards().into_iter().flatten().map(WardId::as_str).collect();
        let own =
            if self.devices.is_some() { "devices of its own".to_owned() } else { own.join(", ") };
        let detail = format!("this token is for {own}, and {what} is beyond that");
        Problem::new(StatusCode::FORBIDDEN, detail)
    }
}
