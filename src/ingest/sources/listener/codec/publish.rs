//! PUBLISH, whole or only its beginning.

use super::fields::{Fields, property};
use super::{Fault, Head, Version, reason};

/// A PUBLISH with a topic that is a topic name, where it stands.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Publish<'a> {
    /// Sent before, by the client's own word.
    pub(in super::super) dup: bool,
    /// 0, 1 or 2.
    pub(in super::super) qos: u8,
    /// The packet identifier; 0 only with QoS 0.
    pub(in super::super) id: u16,
    /// The topic name.
    pub(in super::super) topic: &'a str,
    /// The payload.
    pub(in super::super) payload: &'a [u8],
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

/// Takes a PUBLISH apart, of which `packet` is every byte.
pub(in super::super) fn read_publish(
    version: Version,
    head: Head,
    packet: &[u8],
) -> Result<Publish<'_>, Fault> {
    let mut fields = Fields(packet.get(head.header..).unwrap_or_default());
    let (topic, id) = begin(version, head, &mut fields)?;
    Ok(Publish { dup: head.dup(), qos: head.qos(), id, topic, payload: fields.0 })
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
    let (topic, id) = begin(version, head, &mut fields)?;
    Ok(Preamble { topic: topic.to_owned(), id, length: bytes.len() - fields.0.len() })
}

/// Topic and identifier; what is left of the fields is the payload.
fn begin<'a>(
    version: Version,
    head: Head,
    fields: &mut Fields<'a>,
) -> Result<(&'a str, u16), Fault> {
    let topic = topic(fields)?;
    let id = if head.qos() == 0 { 0 } else { fields.packet_id()? };
    if version == Version::V5 {
        fields.properties(ALLOWED)?;
    }
    Ok((topic, id))
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
