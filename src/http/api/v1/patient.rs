//! Patients.

use serde::Serialize;

use super::limits::Limit;
use crate::projection::view::{self, Board, PatientView};
use vitalgate_domain::model::command::AgeClass;
use vitalgate_domain::model::ids::{BedId, DeviceId, PatientId, WardId};
use vitalgate_domain::model::time::Timestamp;

/// A patient.
#[derive(Debug, Serialize)]
pub struct Patient {
    /// The age class that the limits of the rule pack go by.
    pub age_class: AgeClass,
    /// The bed, while the patient has one.
    pub bed: Option<BedId>,
    /// Whether the patient is watched continuously.
    pub continuous: bool,
    /// The devices bound now.
    pub devices: Vec<DeviceId>,
    /// When the patient was discharged; `null` while present.
    pub discharged_at: Option<Timestamp>,
    /// The pseudonymous key.
    pub id: PatientId,
    /// The patient's own limits.
    pub limits: Vec<Limit>,
    /// Rises with every change of the limits.
    pub limits_version: u64,
    /// Whether an alarm would be announced if the patient got worse.
    pub monitored: Monitored,
    /// Whether the patient is pregnant, where that is known.
    pub pregnant: Option<bool>,
    /// The latest judged values.
    pub vitals: Vec<Vital>,
    /// The ward.
    pub ward: Option<WardId>,
}

/// Whether an alarm would be announced if the patient got worse.
#[derive(Debug, Serialize)]
pub struct Monitored {
    /// Everything that came up to here has been judged.
    pub judged_to: Timestamp,
    /// `monitored`, `partly` or `not`.
    pub state: &'static str,
    /// Why not fully.
    pub why: Vec<String>,
}

/// The latest judged value of one series.
#[derive(Debug, Serialize)]
pub struct Vital {
    /// `<`, `<=`, `>=` or `>`, where the device only knew a bound.
    pub comparator: Option<&'static str>,
    /// The device that measured it.
    pub device: DeviceId,
    /// Why the latest reading was not judged, if it was not.
    pub doubt: Option<String>,
    /// Lead or channel.
    pub instance: String,
    /// The label of the signal for people.
    pub label: String,
    /// When it was measured, corrected.
    pub measured_at: Option<Timestamp>,
    /// When it reached the gateway.
    pub received_at: Option<Timestamp>,
    /// The name of the signal.
    pub signal: String,
    /// After this the value no longer shows how the patient is.
    pub stale_after: Option<Timestamp>,
    /// The value of codes and texts.
    pub text: Option<String>,
    /// The unit that the device sent.
    pub unit: Option<String>,
    /// The value, in `unit`; `null` for codes and texts, and before any value was judged.
    pub value: Option<f64>,
}

impl Patient {
    /// The patient of a view of this board.
    pub fn new(view: &PatientView, board: &Board) -> Self {
        Self {
            age_class: view.age_class,
            bed: view.bed.clone(),
            continuous: view.continuous,
            devices: view.devices.clone(),
            discharged_at: view.discharged_at,
            id: view.id.clone(),
            limits: view.limits.iter().map(|one| Limit::from(one.limit.clone())).collect(),
            limits_version: view.limits_version,
            monitored: Monitored::new(view, board),
            pregnant: view.pregnant,
            vitals: view.vitals.iter().cloned().map(Vital::from).collect(),
            ward: view.ward.clone(),
        }
    }
}

impl Monitored {
    /// A view is made anew only when something of the patient changes, and not while the store fails: how
    /// far the patient has been judged, and whether that can be relied on, comes from the board.
    pub fn new(view: &PatientView, board: &Board) -> Self {
        let view::Monitored { state, why, .. } = &view.monitored;
        let (mut state, mut why) = (*state, why.clone());
        if board.store_failing {
            state = "not";
            why.insert(0, "the store fails: this is how it was before".to_owned());
        } else if board.disk_full {
            state = "not";
            why.insert(0, "the disk is full: this is how it was before".to_owned());
        }
        Self { judged_to: board.judged_to, state, why }
    }
}

impl From<view::Vital> for Vital {
    fn from(vital: view::Vital) -> Self {
        Self {
            comparator: vital.comparator,
            device: vital.device,
            doubt: vital.doubt,
            instance: vital.instance,
            label: vital.label,
            measured_at: vital.measured_at,
            received_at: vital.received_at,
            signal: vital.signal,
            stale_after: vital.stale_after,
            text: vital.text,
            unit: vital.unit,
            value: vital.value,
        }
    }
}
