//! Pauses of scopes: what is paused before it begins.

use serde::Serialize;

use vitalgate_domain::model::ids::{BedId, PatientId, RuleId, WardId};
use vitalgate_domain::model::pause as domain;
use vitalgate_domain::model::time::Timestamp;

/// A pause of whatever alarm begins in a scope: all that is named of `rule`, `patient` and `bed` must be true of it.
#[derive(Debug, Serialize)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Of whoever lies in this bed.
    pub bed: Option<BedId>,
    /// By whom.
    pub by: String,
    /// Its number.
    pub id: u64,
    /// Of this patient.
    pub patient: Option<PatientId>,
    /// Why.
    pub reason: String,
    /// Of this rule.
    pub rule: Option<RuleId>,
    /// Until when.
    pub until: Timestamp,
    /// The ward of its patient or bed now; `null` in the answer to a command.
    pub ward: Option<WardId>,
}

impl Pause {
    /// A pause, and where its patient or bed is.
    pub fn new(pause: domain::Pause, ward: Option<WardId>) -> Self {
        let domain::Pause { id, scope, by, reason, at, until } = pause;
        let domain::Scope { rule, patient, bed } = scope;
        Self { at, bed, by, id, patient, reason, rule, until, ward }
    }
}
