//! Whose a device was, and when (contract §4).

use minicbor::{Decode, Encode};

use super::super::ids::PatientId;
use super::super::signal::SignalId;
use super::super::time::{Span, Timestamp};

/// Between two patients' bindings, so close to the change a reading belongs to nobody.
pub(crate) const BINDING_UNCERTAINTY: Span = Span::secs(5);

/// The device is a patient's from `from` on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Binding {
    /// Whose; `None` after a correction to nobody.
    #[n(0)]
    pub patient: Option<PatientId>,
    /// By the shown clock.
    #[n(1)]
    pub from: Timestamp,
    /// `None` while it lasts.
    #[n(2)]
    pub to: Option<Timestamp>,
    /// Signals whose 0 means "no sensor".
    #[n(3)]
    pub zero_means_no_sensor: Vec<SignalId>,
    /// `from` in the gateway's own time, which no step of the clock moves.
    #[n(4)]
    pub since: Timestamp,
    /// `to` likewise.
    #[n(5)]
    pub until: Option<Timestamp>,
}

/// Whose a reading is.
pub(super) enum Owner<'a> {
    Patient(&'a PatientId, &'a [SignalId]),
    Unbound,
    Uncertain(&'a PatientId),
}

/// Whose a reading of this instant of the gateway's own time is.
pub(super) fn owner(bindings: &[Binding], measured: Timestamp) -> Owner<'_> {
    let near =
        |a: Timestamp, b: Timestamp| (a - b).as_micros().abs() < BINDING_UNCERTAINTY.as_micros();
    for pair in bindings.windows(2) {
        if let [before, after] = pair
            && let (Some(old), Some(new), Some(end)) =
                (&before.patient, &after.patient, before.until)
            && old != new
            && (near(measured, end) || near(measured, after.since))
            && near(end, after.since)
        {
            return Owner::Uncertain(new);
        }
    }
    let held = |b: &&Binding| b.since <= measured && b.until.is_none_or(|until| measured < until);
    match bindings.iter().rev().find(held) {
        Some(Binding { patient: Some(patient), zero_means_no_sensor, .. }) => {
            Owner::Patient(patient, zero_means_no_sensor)
        }
        _ => Owner::Unbound,
    }
}
