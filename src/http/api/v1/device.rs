//! Devices and their bindings.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::projection::view::BindingView;
use vitalgate_domain::model::command::PrincipalKind;
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::time::{Span, Timestamp};

/// A device, relay or connector.
#[derive(Debug, Serialize)]
pub struct Device {
    /// Every binding, the open one last; left out for those who may not see patients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindings: Option<Vec<Binding>>,
    /// Its class.
    pub class: String,
    /// What its clock is ahead of the gateway's, in milliseconds, once that is established.
    pub clock_offset_ms: Option<i64>,
    /// `connected`, `disconnected`, `not_set_up`, …
    pub connectivity: &'static str,
    /// How many of its readings and messages had which fate.
    pub counts: BTreeMap<&'static str, u64>,
    /// When the next message should come.
    pub expected_next: Option<Timestamp>,
    /// Its id.
    pub id: DeviceId,
    /// What it states about itself.
    pub info: Info,
    /// Device, relay or connector.
    pub kind: PrincipalKind,
    /// When its last own message came.
    pub last_device_contact: Option<Timestamp>,
    /// When the last message of its relay came.
    pub last_relay_contact: Option<Timestamp>,
    /// The patient it is bound to now; left out for those who may not see patients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<Option<PatientId>>,
    /// Whether it may no longer connect.
    pub revoked: bool,
    /// What it is registered to send.
    pub signals: Vec<Signal>,
    /// Who may publish in its name.
    pub via: Vec<DeviceId>,
}

/// What a device states about itself.
#[derive(Debug, Serialize)]
pub struct Info {
    /// Its own battery, in percent.
    pub battery_percent: Option<f64>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Maker.
    pub maker: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// The signals it will send.
    pub signals: Vec<Signal>,
    /// Unique device identifier.
    pub udi: Option<String>,
}

/// A signal that a device will send.
#[derive(Debug, Serialize)]
pub struct Signal {
    /// How often, such as `5s` or `10min`; `null` takes the interval of the device's class.
    pub interval: Option<Span>,
    /// Its name.
    pub signal: String,
}

/// A device was this patient's from `from` to `to`.
#[derive(Debug, Serialize)]
pub struct Binding {
    /// From.
    pub from: Timestamp,
    /// Whose; `null` after a correction to nobody.
    pub patient: Option<PatientId>,
    /// To; `null` while it lasts.
    pub to: Option<Timestamp>,
}

/// `GET devices/{id}/binding`.
#[derive(Debug, Serialize)]
pub struct Bindings {
    /// The present binding; `null` where the device is bound to nobody.
    pub binding: Option<Binding>,
    /// Every binding, the open one last.
    pub bindings: Vec<Binding>,
    /// The device.
    pub device: DeviceId,
    /// Signals whose 0 means "no sensor" on the present binding.
    pub zero_means_no_sensor: Vec<String>,
}

impl From<&BindingView> for Binding {
    fn from(BindingView { patient, from, to }: &BindingView) -> Self {
        Self { from: *from, patient: patient.clone(), to: *to }
    }
}
