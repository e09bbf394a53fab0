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
use vitalgate_domain::model::ids::{PatientId, WardId};

/// The wards of a token; `None` is the whole gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope(Option<Arc<BTreeSet<WardId>>>);

impl Scope {
    /// These wards only; without them everywhere.
    pub(crate) fn of(wards: Option<BTreeSet<WardId>>) -> Self {
        Self(wards.map(Arc::new))
    }

    /// The wards it is bound to.
    pub(crate) fn wards(&self) -> Option<&BTreeSet<WardId>> {
        self.0.as_deref()
    }

    /// Whether it is bound to wards.
    pub(crate) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the ward is one of them. What is in no ward is in none of them.
    pub(crate) fn has(&self, ward: Option<&WardId>) -> bool {
        self.0.as_ref().is_none_or(|wards| ward.is_some_and(|ward| wards.contains(ward)))
    }

    /// Whether the patient is in one of them now.
    pub(crate) fn has_patient(&self, patient: &PatientView) -> bool {
        self.has(patient.ward.as_ref())
    }

    /// The same of a patient by name.
    pub(crate) fn has_named(&self, board: &Board, patient: &PatientId) -> bool {
        !self.is_limited() || board.patients.get(patient).is_some_and(|p| self.has_patient(p))
    }

    /// Whether the device watches a patient there, or nobody.
    pub(crate) fn has_device(&self, board: &Board, device: &DeviceView) -> bool {
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

    /// Refuses what concerns the whole gateway, or others as well, to whoever is bound to wards.
    pub(crate) fn everywhere(&self, what: &str) -> Result<(), Problem> {
        if self.is_limited() { Err(self.refused(what)) } else { Ok(()) }
    }

    fn refused(&self, what: &str) -> Problem {
        let own: Vec<&str> = self.wards().into_iter().flatten().map(WardId::as_str).collect();
        let detail = format!("this token is for {}, and {what} is beyond that", own.join(", "));
        Problem::new(StatusCode::FORBIDDEN, detail)
    }
}
