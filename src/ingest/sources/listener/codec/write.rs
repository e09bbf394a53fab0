//! Packets the gateway sends.

use bytes::{BufMut, BytesMut};
use rumqttc::v5::mqttbytes::v5::{ConnAck, ConnAckProperties, ConnectReturnCode};

use super::{MAX_PACKET, Version, property, reason};

/// PINGRESP.
pub(in super::super) const PINGRESP: [u8; 2] = [0xd0, 0];
/// CONNACK of MQTT 3.1.1 for a version nobody speaks here.
pub(in super::super) const WRONG_VERSION: [u8; 4] = [0x20, 2, 0, 1];

/// CONNACK that accepts. `assigned` is a client identifier the gateway made up.
pub(in super::super) fn accept(
    out: &mut BytesMut,
    version: Version,
    session_present: bool,
    max_inflight: u16,
    assigned: Option<&str>,
) {
    match version {
        Version::V4 => out.put_slice(&[0x20, 2, u8::from(session_present), 0]),
        Version::V5 => {
            let mut properties = no_properties();
            properties.receive_max = Some(max_inflight);
            properties.max_packet_size = Some(MAX_PACKET as u32);
            properties.assigned_client_identifier = assigned.map(str::to_owned);
            properties.topic_alias_max = Some(0);
            properties.wildcard_subscription_available = Some(0);
            properties.subscription_identifiers_available = Some(0);
            properties.shared_subscription_available = Some(0);
            let packet = ConnAck {
                session_present,
                code: ConnectReturnCode::Success,
                properties: Some(properties),
            };
            // Writing fails only for packets far larger than this one can be.
            drop(packet.write(out));
        }
    }
}

fn no_properties() -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval: None,
        receive_max: None,
        max_qos: None,
        retain_available: None,
        max_packet_size: None,
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}

/// CONNACK that refuses, by a reason of MQTT 5.
pub(in super::super) fn refuse(out: &mut BytesMut, version: Version, code: u8) {
    match version {
        Version::V4 if code == reason::CLIENT_ID_INVALID => out.put_slice(&[0x20, 2, 0, 2]),
        Version::V4 if code == reason::QUOTA_EXCEEDED => out.put_slice(&[0x20, 2, 0, 3]),
        Version::V4 => out.put_slice(&[0x20, 2, 0, 5]),
        Version::V5 => out.put_slice(&[0x20, 3, 0, code, 0]),
    }
}

/// PUBACK for QoS 1, PUBREC for QoS 2, with success.
pub(in super::super) fn acknowledge(out: &mut Vec<u8>, qos: u8, id: u16) {
    let [high, low] = id.to_be_bytes();
    match qos {
        0 => {}
        1 => out.extend_from_slice(&[0x40, 2, high, low]),
        _ => out.extend_from_slice(&[0x50, 2, high, low]),
    }
}

/// PUBACK or PUBREC of MQTT 5 that says "not authorised", and why in at most 100 bytes.
pub(in super::super) fn not_authorized(out: &mut Vec<u8>, qos: u8, id: u16, why: Option<&str>) {
    let first = match qos {
        0 => return,
        1 => 0x40,
        _ => 0x50,
    };
    let [high, low] = id.to_be_bytes();
    let Some(why) = why else {
        return out.extend_from_slice(&[first, 3, high, low, reason::NOT_AUTHORIZED]);
    };
    let text = why.len() as u8;
    out.extend_from_slice(&[first, text + 7, high, low, reason::NOT_AUTHORIZED]);
    out.extend_from_slice(&[text + 3, property::REASON_STRING, 0, text]);
    out.extend_from_slice(why.as_bytes());
}

/// PUBCOMP; `found` says to MQTT 5 whether there was anything to complete.
pub(in super::super) fn complete(out: &mut BytesMut, version: Version, id: u16, found: bool) {
    let [high, low] = id.to_be_bytes();
    if found || version == Version::V4 {
        out.put_slice(&[0x70, 2, high, low]);
    } else {
        out.put_slice(&[0x70, 3, high, low, reason::ID_NOT_FOUND]);
    }
}

/// SUBACK: for each filter the QoS granted, or `None`.
pub(in super::super) fn subscribed(
    out: &mut BytesMut,
    version: Version,
    id: u16,
    granted: &[Option<u8>],
) {
    let refusal = if version == Version::V5 { reason::NOT_AUTHORIZED } else { 0x80 };
    let codes = granted.iter().map(|qos| qos.unwrap_or(refusal));
    with_codes(out, 0x90, version, id, codes, granted.len());
}

/// UNSUBACK: for each filter whether there was such a subscription.
pub(in super::super) fn unsubscribed(
    out: &mut BytesMut,
    version: Version,
    id: u16,
    existed: &[bool],
) {
    let count = if version == Version::V5 { existed.len() } else { 0 };
    let codes = existed.iter().map(|found| if *found { 0 } else { reason::NO_SUBSCRIPTION });
    with_codes(out, 0xb0, version, id, codes, count);
}

fn with_codes(
    out: &mut BytesMut,
    first: u8,
    version: Version,
    id: u16,
    codes: impl Iterator<Item = u8>,
    count: usize,
) {
    out.put_u8(first);
    let mut body = 2 + usize::from(version == Version::V5) + count;
    while body > 0x7f {
        out.put_u8((body & 0x7f) as u8 | 0x80);
        body >>= 7;
    }
    out.put_u8(body as u8);
    out.put_u16(id);
    if version == Version::V5 {
        out.put_u8(0);
    }
    out.extend(codes.take(count));
}

/// DISCONNECT of MQTT 5.
pub(in super::super) fn disconnect(out: &mut BytesMut, code: u8) {
    out.put_slice(&[0xe0, 2, code, 0]);
}
