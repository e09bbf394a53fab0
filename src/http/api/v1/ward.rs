//! Wards and beds.

use serde::Serialize;

use super::patient::{Monitored, Vital};
use vitalgate_domain::model::ids::{BedId, DeviceId, PatientId, WardId};
use vitalgate_domain::model::time::Timestamp;

/// A ward.
#[derive(Debug, Serialize)]
pub struct Ward {
    /// Its beds.
    pub beds: Vec<BedId>,
    /// Its id.
    pub id: WardId,
}

/// A bed.
#[derive(Debug, Serialize)]
pub struct Bed {
    /// Its id.
    pub id: BedId,
    /// Who lies in it; `null` where nobody does.
    pub patient: Option<PatientId>,
    /// Its ward.
    pub ward: WardId,
}

/// `GET wards/{id}/latest`: the latest values of everybody in a ward.
#[derive(Debug, Serialize)]
pub struct WardLatest {
    /// One item a patient.
    pub items: Vec<PatientLatest>,
    /// Everything that came up to here has been judged.
    pub judged_to: Timestamp,
    /// Always `null`: the list comes whole.
    pub next: Option<String>,
    /// The last transition contained.
    pub seq: u64,
    /// The gateway's wall clock, by which ages are counted.
    pub server_time: Timestamp,
    /// Whether the store is simulated.
    pub simulated: bool,
}

/// The latest values of one patient, as they are at the time of the answer.
#[derive(Debug, Serialize)]
pub struct PatientLatest {
    /// The patient's bed.
    pub bed: Option<BedId>,
    /// Whether an alarm would be announced if the patient got worse.
    pub monitored: Monitored,
    /// The patient.
    pub patient: PatientId,
    /// The latest judged values.
    pub values: Vec<LatestValue>,
}

/// One value and how old it is.
#[derive(Debug, Serialize)]
pub struct LatestValue {
    /// Since it was measured, in seconds; `null` before any value was judged.
    pub age_s: Option<f64>,
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
    /// Too old to show how the patient is now; so is everything while nothing is judged.
    pub stale: bool,
    /// After this the value no longer shows how the patient is.
    pub stale_after: Option<Timestamp>,
    /// The value of codes and texts.
    pub text: Option<String>,
    /// The unit that the device sent.
    pub unit: Option<String>,
    /// The value, in `unit`; `null` for codes and texts, and before any value was judged.
    pub value: Option<f64>,
}

impl LatestValue {
    /// A value with its age in seconds.
    pub fn new(vital: Vital, age_s: Option<f64>, stale: bool) -> Self {
        Self {
            age_s,
            comparator: vital.comparator,
            device: vital.device,
            doubt: vital.doubt,
            instance: vital.instance,
            label: vital.label,
            measured_at: vital.measured_at,
            received_at: vital.received_at,
            signal: vital.signal,
            stale,
            stale_after: vital.stale_after,
            text: vital.text,
            unit: vital.unit,
            value: vital.value,
        }
    }
}
