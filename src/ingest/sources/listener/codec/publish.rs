//! PUBLISH, whole or only its beginning.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

use super::fields::{Fields, property};
use super::{Fault, Head, MAX_PACKET, Version, reason};

/// A PUBLISH with a topic that is a topic name.
#[derive(Debug)]
pub(in super::super) struct Publish {
    /// Sent before, by the client's own word.
    pub(in super::super) dup: bool,
    /// 0, 1 or 2.
    pub(in super::super) qos: u8,
    /// The packet identifier; 0 only with QoS 0.
    pub(in super::super) id: u16,
    /// The topic name.
    pub(in super::super) topic: String,
    /// The payload, a part of the read buffer.
    pub(in super::super) payload: Bytes,
}

const ALLOWED: &[u8] = &[
    property::PAYLOAD_FORMAT,
    property::MESSAGE_EXPIRY,
    property::CONTENT_TYPE,
    property::RESPONSE_TOPIC,
    property::CORRELATION_DATA,
    property::TOPIC_ALIAS,
    property::SUBSCRIPTION_ID,
    property::USER,
];

pub(super) fn read(version: Version, head: Head, buffer: &mut BytesMut) -> Result<Publish, Fault> {
    judge(version, head, Fields(&buffer[head.header..head.packet()]))?;
    match version {
        Version::V4 => match v4::Packet::read(buffer, MAX_PACKET) {
            Ok(v4::Packet::Publish(p)) => Ok(Publish {
                dup: p.dup,
                qos: p.qos as u8,
                id: p.pkid,
                topic: p.topic,
                payload: p.payload,
            }),
            _ => Err(Fault::malformed("a PUBLISH that cannot be read")),
        },
        Version::V5 => match v5::Packet::read(buffer, None) {
            Ok(v5::Packet::Publish(p)) => Ok(Publish {
                dup: p.dup,
                qos: p.qos as u8,
                id: p.pkid,
                topic: String::from_utf8_lossy(&p.topic).into_owned(),
                payload: p.payload,
            }),
            _ => Err(Fault::malformed("a PUBLISH that cannot be read")),
        },
    }
}

/// What stands before the payload of a PUBLISH that is too large to be read.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Preamble {
    /// The topic name.
    pub(in super::super) topic: String,
    /// The packet identifier; 0 only with QoS 0.
    pub(in super::super) id: u16,
    /// Bytes before the payload, fixed header included.
    pub(in super::super) length: usize,
}

/// Reads topic and identifier from the first bytes of a PUBLISH; an error where `bytes` do not
/// reach up to the payload.
pub(in super::super) fn preamble(
    version: Version,
    head: Head,
    bytes: &[u8],
) -> Result<Preamble, Fault> {
    let mut fields = Fields(bytes.get(head.header..).unwrap_or_default());
    let topic = topic(&mut fields)?.to_owned();
    let id = if head.qos() == 0 { 0 } else { fields.packet_id()? };
    if version == Version::V5 {
        fields.properties(ALLOWED)?;
    }
    Ok(Preamble { topic, id, length: bytes.len() - fields.0.len() })
}

fn judge(version: Version, head: Head, mut body: Fields<'_>) -> Result<(), Fault> {
    topic(&mut body)?;
    if head.qos() > 0 {
        body.packet_id()?;
    }
    if version == Version::V5 {
        body.properties(ALLOWED)?;
    }
    Ok(())
}

fn topic<'a>(body: &mut Fields<'a>) -> Result<&'a str, Fault> {
    let topic = body.text()?;
    if topic.is_empty() {
        return Err(Fault::protocol("an empty topic"));
    }
    if topic.contains(['+', '#']) {
        return Err(Fault::new(reason::TOPIC_NAME_INVALID, "a wildcard in a topic name"));
    }
    Ok(topic)
}
