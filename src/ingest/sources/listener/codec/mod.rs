//! Bytes to packets and back, for both versions.
//!
//! The codec of `rumqttc` takes CONNECT apart; this layer frames, judges what that codec
//! lets through (flags, reserved bits, identifiers, text, properties), and reads and writes the
//! other packets itself. Nothing is buffered here and nothing panics, whatever the bytes.

mod connect;
mod fields;
#[cfg(test)]
pub(super) mod fuzz;
mod publish;
pub(super) mod write;

use bytes::{Buf, BytesMut};

pub(super) use self::connect::{Connect, NoConnect, Will, read_connect};
use self::fields::{Fields, property};
pub(super) use self::publish::{Publish, preamble, read_publish};

/// Announced in CONNACK of MQTT 5.
pub(super) use crate::ingest::bundle::MAX_PACKET;
/// Packets claiming more than this are not even drained.
pub(super) const MAX_DRAINED: usize = 16 << 20;

/// Reason codes of MQTT 5.
pub(super) mod reason {
    pub(in super::super) const WITH_WILL: u8 = 0x04;
    pub(in super::super) const NO_SUBSCRIPTION: u8 = 0x11;
    pub(in super::super) const UNSPECIFIED: u8 = 0x80;
    pub(in super::super) const MALFORMED: u8 = 0x81;
    pub(in super::super) const PROTOCOL_ERROR: u8 = 0x82;
    pub(in super::super) const CLIENT_ID_INVALID: u8 = 0x85;
    pub(in super::super) const NOT_AUTHORIZED: u8 = 0x87;
    pub(in super::super) const BAD_AUTHENTICATION_METHOD: u8 = 0x8c;
    pub(in super::super) const SHUTTING_DOWN: u8 = 0x8b;
    pub(in super::super) const KEEP_ALIVE_TIMEOUT: u8 = 0x8d;
    pub(in super::super) const TAKEN_OVER: u8 = 0x8e;
    pub(in super::super) const TOPIC_NAME_INVALID: u8 = 0x90;
    pub(in super::super) const ID_NOT_FOUND: u8 = 0x92;
    pub(in super::super) const RECEIVE_MAXIMUM_EXCEEDED: u8 = 0x93;
    pub(in super::super) const TOPIC_ALIAS_INVALID: u8 = 0x94;
    pub(in super::super) const PACKET_TOO_LARGE: u8 = 0x95;
    pub(in super::super) const QUOTA_EXCEEDED: u8 = 0x97;
    pub(in super::super) const ADMINISTRATIVE: u8 = 0x98;
    pub(in super::super) const SUBSCRIPTION_IDS_NOT_SUPPORTED: u8 = 0xa1;
}

/// The protocol a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// MQTT 3.1.1.
    V4,
    /// MQTT 5.
    V5,
}

/// What a client did wrong; ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(super) struct Fault {
    /// The reason code for MQTT 5.
    pub(super) code: u8,
    /// In words, for the log.
    pub(super) why: &'static str,
}

impl Fault {
    pub(super) const fn new(code: u8, why: &'static str) -> Self {
        Self { code, why }
    }

    pub(super) const fn malformed(why: &'static str) -> Self {
        Self::new(reason::MALFORMED, why)
    }

    pub(super) const fn protocol(why: &'static str) -> Self {
        Self::new(reason::PROTOCOL_ERROR, why)
    }
}

/// What a client says after CONNECT, beside PUBLISH.
#[derive(Debug)]
pub(super) enum Packet {
    /// PUBREL, with its packet identifier.
    Release(u16),
    /// SUBSCRIBE.
    Subscribe {
        /// The packet identifier.
        id: u16,
        /// Filters with the QoS asked for.
        filters: Vec<(String, u8)>,
    },
    /// UNSUBSCRIBE.
    Unsubscribe {
        /// The packet identifier.
        id: u16,
        /// Filters.
        filters: Vec<String>,
    },
    /// PINGREQ.
    Ping,
    /// DISCONNECT.
    Disconnect {
        /// Whether the will is to be published all the same.
        with_will: bool,
        /// A new session expiry in seconds.
        session_expiry: Option<u32>,
    },
}

/// The fixed header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    first: u8,
    /// Bytes of the fixed header.
    pub(super) header: usize,
    /// Bytes after it.
    pub(super) body: usize,
}

impl Head {
    /// Bytes of the whole packet.
    pub(super) fn packet(self) -> usize {
        self.header + self.body
    }

    /// Whether it is a PUBLISH.
    pub(super) fn is_publish(self) -> bool {
        self.first >> 4 == kind::PUBLISH
    }

    /// Whether it is a CONNECT.
    pub(super) fn is_connect(self) -> bool {
        self.first >> 4 == kind::CONNECT
    }

    /// The DUP flag of a PUBLISH.
    pub(super) fn dup(self) -> bool {
        self.first & 8 != 0
    }

    /// 0, 1 or 2 of a PUBLISH whose flags were judged.
    pub(super) fn qos(self) -> u8 {
        (self.first >> 1) & 3
    }
}

mod kind {
    pub(super) const CONNECT: u8 = 1;
    pub(super) const PUBLISH: u8 = 3;
    pub(super) const PUBREL: u8 = 6;
    pub(super) const SUBSCRIBE: u8 = 8;
    pub(super) const UNSUBSCRIBE: u8 = 10;
    pub(super) const PINGREQ: u8 = 12;
    pub(super) const DISCONNECT: u8 = 14;
}

/// Judges the fixed header at the start of `bytes`; `None` while it is incomplete.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>, Fault> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    judge_flags(first)?;
    let ends = rest.iter().take(4).position(|byte| byte & 0x80 == 0);
    let Some(last) = ends else {
        return match rest.len() {
            0..4 => Ok(None),
            _ => Err(Fault::malformed("a length of more than four bytes")),
        };
    };
    let body = Fields(rest).varint()?;
    Ok(Some(Head { first, header: 2 + last, body }))
}

fn judge_flags(first: u8) -> Result<(), Fault> {
    let flags = first & 0x0f;
    match first >> 4 {
        kind::PUBLISH => match (flags >> 1) & 3 {
            3 => Err(Fault::malformed("PUBLISH with QoS 3")),
            0 if flags & 8 != 0 => Err(Fault::malformed("PUBLISH with DUP and QoS 0")),
            _ => Ok(()),
        },
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE if flags == 2 => Ok(()),
        kind::CONNECT | kind::PINGREQ | kind::DISCONNECT if flags == 0 => Ok(()),
        kind::CONNECT
        | kind::PUBREL
        | kind::SUBSCRIBE
        | kind::UNSUBSCRIBE
        | kind::PINGREQ
        | kind::DISCONNECT => Err(Fault::malformed("wrong flags in the fixed header")),
        _ => Err(Fault::protocol("a packet that is not for a client to send here")),
    }
}

/// Takes the packet described by `head`, which is no PUBLISH, off the front of `buffer`, which holds all of it.
pub(super) fn read(version: Version, head: Head, buffer: &mut BytesMut) -> Result<Packet, Fault> {
    let packet = small(version, head, Fields(&buffer[head.header..head.packet()]))?;
    buffer.advance(head.packet());
    Ok(packet)
}

fn small(version: Version, head: Head, mut body: Fields<'_>) -> Result<Packet, Fault> {
    let packet = match head.first >> 4 {
        kind::PINGREQ => Packet::Ping,
        kind::DISCONNECT => disconnect(version, &mut body)?,
        kind::PUBREL => Packet::Release(release(version, &mut body)?),
        kind::SUBSCRIBE => subscribe(version, &mut body)?,
        kind::UNSUBSCRIBE => unsubscribe(version, &mut body)?,
        kind::CONNECT => return Err(Fault::protocol("a second CONNECT")),
        _ => return Err(Fault::protocol("a packet that is not for a client to send here")),
    };
    if body.is_empty() { Ok(packet) } else { Err(Fault::malformed("bytes after the last field")) }
}

fn disconnect(version: Version, body: &mut Fields<'_>) -> Result<Packet, Fault> {
    let mut with_will = false;
    let mut session_expiry = None;
    if version == Version::V5 && !body.is_empty() {
        with_will = match body.u8()? {
            0 => false,
            reason::WITH_WILL | 0x80..=0x83 | 0x90 | 0x93..=0x97 | 0x99 => true,
            _ => return Err(Fault::protocol("DISCONNECT with a reason unknown for clients")),
        };
        if !body.is_empty() {
            session_expiry = body.properties(&[
                property::SESSION_EXPIRY,
                property::REASON_STRING,
                property::USER,
            ])?;
        }
    }
    Ok(Packet::Disconnect { with_will, session_expiry })
}

fn release(version: Version, body: &mut Fields<'_>) -> Result<u16, Fault> {
    let id = body.packet_id()?;
    if version == Version::V5 && !body.is_empty() {
        if !matches!(body.u8()?, 0 | reason::ID_NOT_FOUND) {
            return Err(Fault::protocol("PUBREL with an unknown reason"));
        }
        if !body.is_empty() {
            body.properties(&[property::REASON_STRING, property::USER])?;
        }
    }
    Ok(id)
}

fn subscribe(version: Version, body: &mut Fields<'_>) -> Result<Packet, Fault> {
    let id = body.packet_id()?;
    if version == Version::V5 {
        body.properties(&[property::SUBSCRIPTION_ID, property::USER])?;
    }
    let mut filters = Vec::new();
    while !body.is_empty() {
        let filter = filter(body)?;
        let options = body.u8()?;
        let reserved = if version == Version::V5 { 0xc0 } else { 0xfc };
        if options & reserved != 0 || options & 3 == 3 || options & 0x30 == 0x30 {
            return Err(Fault::malformed("SUBSCRIBE with reserved options"));
        }
        filters.push((filter, options & 3));
    }
    if filters.is_empty() {
        return Err(Fault::protocol("SUBSCRIBE without a filter"));
    }
    Ok(Packet::Subscribe { id, filters })
}

fn unsubscribe(version: Version, body: &mut Fields<'_>) -> Result<Packet, Fault> {
    let id = body.packet_id()?;
    if version == Version::V5 {
        body.properties(&[property::USER])?;
    }
    let mut filters = Vec::new();
    while !body.is_empty() {
        filters.push(filter(body)?);
    }
    if filters.is_empty() {
        return Err(Fault::protocol("UNSUBSCRIBE without a filter"));
    }
    Ok(Packet::Unsubscribe { id, filters })
}

fn filter(body: &mut Fields<'_>) -> Result<String, Fault> {
    match body.text()? {
        "" => Err(Fault::malformed("an empty topic filter")),
        filter => Ok(filter.to_owned()),
    }
}

/// Takes the first packet of `bytes` apart; whether it is accepted. Not a byte more than its own is
/// ever taken.
pub(super) fn accepts(version: Version, bytes: &[u8]) -> bool {
    let Ok(Some(head)) = head(bytes) else { return false };
    if head.body > MAX_DRAINED {
        return false;
    }
    if head.is_publish() {
        drop(preamble(version, head, bytes));
    }
    let Some(packet) = bytes.get(..head.packet()) else { return false };
    if head.is_publish() {
        return read_publish(version, head, packet).is_ok();
    }
    let mut buffer = BytesMut::from(bytes);
    if head.is_connect() {
        return read_connect(head, &mut buffer).is_ok();
    }
    let accepted = read(version, head, &mut buffer).is_ok();
    assert!(!accepted || buffer.len() == bytes.len() - head.packet(), "took more than its own");
    accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_far_as_they_are_there() {
        let length = |bytes: &[u8]| head(bytes).map(|head| head.map(Head::packet));
        let check = |bytes: &[u8], expected: Option<usize>| {
            assert_eq!(length(bytes), Ok(expected), "{bytes:02x?}");
        };
        check(&[], None);
        check(&[0x30], None);
        check(&[0x30, 0x80], None);
        check(&[0x30, 0x80, 0x80, 0x80], None);
        check(&[0xc0, 0], Some(2));
        check(&[0x30, 0x7f], Some(129));
        check(&[0x30, 0x80, 0x01], Some(131));
        check(&[0x30, 0xff, 0xff, 0xff, 0x7f], Some(268_435_460));
        for bad in [0x00, 0x20, 0x38, 0x36, 0x60, 0x80, 0xa0, 0xc1, 0xe1, 0xf0] {
            assert!(length(&[bad]).is_err(), "{bad:02x}");
        }
        assert!(length(&[0x30, 0x80, 0x80, 0x80, 0x80]).is_err());
    }

    #[test]
    fn the_end_of_a_session_is_read_in_all_its_lengths() {
        let check = |bytes: &[u8], expected: Option<(bool, Option<u32>)>| {
            let head = head(bytes).unwrap().unwrap();
            let read = read(Version::V5, head, &mut BytesMut::from(bytes)).ok().map(|packet| {
                let Packet::Disconnect { with_will, session_expiry } = packet else {
                    panic!("{packet:?}");
                };
                (with_will, session_expiry)
            });
            assert_eq!(read, expected, "{bytes:02x?}");
        };
        check(&[0xe0, 0], Some((false, None)));
        check(&[0xe0, 1, 0], Some((false, None)));
        check(&[0xe0, 1, 4], Some((true, None)));
        check(&[0xe0, 2, 0, 0], Some((false, None)));
        check(&[0xe0, 7, 0, 5, 17, 0, 0, 1, 0], Some((false, Some(256))));
        check(&[0xe0, 12, 0, 10, 31, 0, 2, b'o', b'k', 17, 0, 0, 0, 1], Some((false, Some(1))));
        check(&[0xe0, 1, 0x8d], None);
        check(&[0xe0, 3, 0, 0, 0], None);
        check(&[0xe0, 3, 0, 1, 17], None);
        check(&[0xe0, 12, 0, 10, 17, 0, 0, 0, 1, 17, 0, 0, 0, 1], None);
        check(&[0xe0, 4, 0, 2, 1, 1], None);
    }
}
