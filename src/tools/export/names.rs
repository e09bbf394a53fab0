//! What people and things are called outside, and who stays inside.

use std::path::Path;

use super::Request;
use crate::privacy::pseudonym::Pseudonyms;
use vitalgate_domain::model::consent::{Purpose, may};
use vitalgate_domain::model::ids::{AlarmId, DeviceId, PatientId};
use vitalgate_store::BadKey;

/// Names for one purpose; without pseudonyms the site's own.
#[derive(Debug)]
pub(super) struct Names<'a> {
    request: &'a Request,
    pseudonyms: Option<Pseudonyms>,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Given,
    /// Nobody said that it may leave for this purpose.
    Withheld,
    /// Nobody asked for it.
    NotWanted,
}

impl<'a> Names<'a> {
    pub(super) fn open(dir: &Path, request: &'a Request) -> Result<Self, BadKey> {
        let pseudonyms =
            if request.identified { None } else { Some(Pseudonyms::open(dir, request.purpose)?) };
        Ok(Self { request, pseudonyms })
    }

    /// What becomes of a row of this patient. What belongs to nobody leaves for care only: nobody
    /// can be asked.
    pub(super) fn fate(&self, patient: Option<&PatientId>) -> Fate {
        let Request { patients, purpose, .. } = self.request;
        let wanted =
            patients.is_empty() || patient.is_some_and(|patient| patients.contains(patient));
        let allowed = patient.map_or(*purpose == Purpose::Care, |patient| may(*purpose, patient));
        match (wanted, allowed) {
            (false, _) => Fate::NotWanted,
            (true, false) => Fate::Withheld,
            (true, true) => Fate::Given,
        }
    }

    /// Whether texts that name places and people, or that a device wrote, may leave.
    pub(super) fn are_own(&self) -> bool {
        self.pseudonyms.is_none()
    }

    pub(super) fn patient(&self, id: &PatientId) -> String {
        self.pseudonyms.as_ref().map_or_else(|| id.to_string(), |p| p.of(id))
    }

    pub(super) fn device(&self, id: &DeviceId) -> String {
        self.pseudonyms.as_ref().map_or_else(|| id.to_string(), |p| p.of_device(id))
    }

    pub(super) fn alarm(&self, id: &AlarmId) -> String {
        self.pseudonyms.as_ref().map_or_else(|| id.to_string(), |p| p.of_alarm(id))
    }
}
