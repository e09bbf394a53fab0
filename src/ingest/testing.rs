//! Registries for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::projection::view::{Board, DeviceView};
use vitalgate_domain::model::command::PrincipalKind;
use vitalgate_domain::model::message::DeviceInfo;

pub(super) fn board<const N: usize>(devices: [DeviceView; N]) -> Board {
    let devices = devices.into_iter().map(|device| (device.id.clone(), Arc::new(device)));
    Board { devices: Arc::new(devices.collect()), ..Board::default() }
}

pub(super) fn device(id: &str, via: &[&str]) -> DeviceView {
    DeviceView {
        id: id.parse().unwrap(),
        class: "bedside".to_owned(),
        kind: PrincipalKind::Device,
        revoked: false,
        token_sha256: None,
        via: via.iter().map(|id| id.parse().unwrap()).collect(),
        patient: None,
        bindings: Vec::new(),
        zero_means_no_sensor: Vec::new(),
        version: 0,
        binding_version: 0,
        connectivity: "not_set_up",
        last_device_contact: None,
        last_relay_contact: None,
        expected_next: None,
        clock_offset_ms: None,
        signals: Vec::new(),
        info: DeviceInfo::default(),
        counts: BTreeMap::new(),
    }
}

pub(super) fn relay(id: &str) -> DeviceView {
    DeviceView { kind: PrincipalKind::Relay, ..device(id, &[]) }
}

pub(super) fn with_token(id: &str, token: &str) -> DeviceView {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    DeviceView { token_sha256: Some(digest.as_ref().to_vec()), ..device(id, &[]) }
}
