//! CONNECT: which version a client speaks, and what it asks for.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

use super::fields::{Fields, property};
use super::{Fault, Head, MAX_PACKET, Version, reason};

/// A CONNECT.
#[derive(Debug)]
pub(in super::super) struct Connect {
    /// The protocol to speak.
    pub(in super::super) version: Version,
    /// The client identifier, possibly empty.
    pub(in super::super) client_id: String,
    /// Whether to forget an earlier session.
    pub(in super::super) clean: bool,
    /// How long the session outlives the connection, in seconds; `u32::MAX` is for ever.
    pub(in super::super) session_expiry: u32,
    /// In seconds; 0 is none.
    pub(in super::super) keep_alive: u16,
    /// The user name, where not empty.
    pub(in super::super) user: Option<String>,
    /// The password, where not empty.
    pub(in super::super) password: Option<String>,
    /// The last will.
    pub(in super::super) will: Option<Will>,
    /// Whether it takes reasons in words (MQTT 5).
    pub(in super::super) wants_reasons: bool,
}

/// A client that takes no larger packets is given no reasons in words.
const LEAST_FOR_REASONS: u32 = 128;

/// A last will. The will delay of MQTT 5 counts as 0: a will informs, and alarms nobody.
#[derive(Debug)]
pub(in super::super) struct Will {
    /// Where.
    pub(in super::super) topic: String,
    /// What.
    pub(in super::super) payload: Bytes,
    /// 0, 1 or 2.
    pub(in super::super) qos: u8,
}

/// Why there is no [`Connect`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum NoConnect {
    /// Not MQTT, or broken before its version could be known.
    #[error("not a CONNECT: {0}")]
    Stranger(Fault),
    /// Neither 3.1, 3.1.1 nor 5.
    #[error("a protocol version that is neither 3.1, 3.1.1 nor 5")]
    Version,
    /// Broken, in MQTT 5, which can be given the reason.
    #[error("broken CONNECT: {0}")]
    Broken(Fault),
}

/// Takes the CONNECT described by `head` off the front of `buffer`, which holds all of it.
pub(in super::super) fn read_connect(
    head: Head,
    buffer: &mut BytesMut,
) -> Result<Connect, NoConnect> {
    let mut body = Fields(&buffer[head.header..head.packet()]);
    let name = body.binary().map_err(NoConnect::Stranger)?;
    let level = body.u8().map_err(NoConnect::Stranger)?;
    match (name, level) {
        (b"MQTT", 4) => {
            judge(Version::V4, body).map_err(NoConnect::Stranger)?;
            v4(buffer).map_err(NoConnect::Stranger)
        }
        (b"MQTT", 5) => {
            judge(Version::V5, body).map_err(NoConnect::Broken)?;
            v5(buffer).map_err(NoConnect::Broken)
        }
        (b"MQIsdp", 3) => {
            judge(Version::V4, body).map_err(NoConnect::Stranger)?;
            let mut same = as_3_1_1(head, &buffer.split_to(head.packet()));
            v4(&mut same).map_err(NoConnect::Stranger)
        }
        (b"MQTT" | b"MQIsdp", _) => Err(NoConnect::Version),
        _ => Err(NoConnect::Stranger(Fault::malformed("a CONNECT that is not of MQTT"))),
    }
}

/// A CONNECT of MQTT 3.1 in the words of 3.1.1, from which it differs in nothing else that matters
/// here.
fn as_3_1_1(head: Head, packet: &[u8]) -> BytesMut {
    const NAME_AND_LEVEL_3_1: usize = 2 + 6 + 1;
    let body = [b"\0\x04MQTT\x04", &packet[head.header + NAME_AND_LEVEL_3_1..]].concat();
    let mut same = BytesMut::from(&packet[..1]);
    let mut length = body.len();
    loop {
        let more = if length > 0x7f { 0x80 } else { 0 };
        same.extend_from_slice(&[(length & 0x7f) as u8 | more]);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    same.extend_from_slice(&body);
    same
}

fn judge(version: Version, mut body: Fields<'_>) -> Result<(), Fault> {
    let flags = body.u8()?;
    let has = |bit: u8| flags & bit != 0;
    if has(0x01) {
        return Err(Fault::malformed("CONNECT with the reserved bit set"));
    }
    if version == Version::V4 && has(0x40) && !has(0x80) {
        return Err(Fault::malformed("a password without a user name"));
    }
    body.u16()?;
    if version == Version::V5 {
        body.properties(CONNECT_PROPERTIES)?;
    }
    body.text()?;
    if has(0x04) {
        if flags & 0x18 == 0x18 {
            return Err(Fault::malformed("a will with QoS 3"));
        }
        if version == Version::V5 {
            body.properties(WILL_PROPERTIES)?;
        }
        body.text()?;
        body.binary()?;
    } else if has(0x38) {
        return Err(Fault::malformed("flags of a will without a will"));
    }
    if has(0x80) {
        body.text()?;
    }
    if has(0x40) {
        body.binary()?;
    }
    if body.is_empty() { Ok(()) } else { Err(Fault::malformed("bytes after the last field")) }
}

const CONNECT_PROPERTIES: &[u8] = &[
    property::SESSION_EXPIRY,
    property::RECEIVE_MAXIMUM,
    property::MAXIMUM_PACKET_SIZE,
    property::TOPIC_ALIAS_MAXIMUM,
    property::REQUEST_RESPONSE_INFORMATION,
    property::REQUEST_PROBLEM_INFORMATION,
    property::USER,
    property::AUTHENTICATION_METHOD,
    property::AUTHENTICATION_DATA,
];

const WILL_PROPERTIES: &[u8] = &[
    property::WILL_DELAY,
    property::PAYLOAD_FORMAT,
    property::MESSAGE_EXPIRY,
    property::CONTENT_TYPE,
    property::RESPONSE_TOPIC,
    property::CORRELATION_DATA,
    property::USER,
];

fn v4(buffer: &mut BytesMut) -> Result<Connect, Fault> {
    let Ok(v4::Packet::Connect(connect)) = v4::Packet::read(buffer, MAX_PACKET) else {
        return Err(Fault::malformed("a CONNECT that cannot be read"));
    };
    let login = connect.login.unwrap_or(v4::Login::new("", ""));
    Ok(Connect {
        version: Version::V4,
        client_id: connect.client_id,
        clean: connect.clean_session,
        session_expiry: if connect.clean_session { 0 } else { u32::MAX },
        keep_alive: connect.keep_alive,
        user: Some(login.username).filter(|text| !text.is_empty()),
        password: Some(login.password).filter(|text| !text.is_empty()),
        will: connect.last_will.map(|will| Will {
            topic: will.topic,
            payload: Bytes::copy_from_slice(&will.message),
            qos: will.qos as u8,
        }),
        wants_reasons: false,
    })
}

fn v5(buffer: &mut BytesMut) -> Result<Connect, Fault> {
    let Ok(v5::Packet::Connect(connect, will, login)) = v5::Packet::read(buffer, None) else {
        return Err(Fault::malformed("a CONNECT that cannot be read"));
    };
    let properties = connect.properties.unwrap_or_default();
    if properties.authentication_method.is_some() {
        return Err(Fault::new(reason::BAD_AUTHENTICATION_METHOD, "enhanced authentication"));
    }
    let login = login.unwrap_or(v5::Login { username: String::new(), password: String::new() });
    Ok(Connect {
        version: Version::V5,
        client_id: connect.client_id,
        clean: connect.clean_start,
        session_expiry: properties.session_expiry_interval.unwrap_or(0),
        keep_alive: connect.keep_alive,
        user: Some(login.username).filter(|text| !text.is_empty()),
        password: Some(login.password).filter(|text| !text.is_empty()),
        will: will.map(|will| Will {
            topic: String::from_utf8_lossy(&will.topic).into_owned(),
            payload: Bytes::copy_from_slice(&will.message),
            qos: will.qos as u8,
        }),
        wants_reasons: properties.request_problem_info != Some(0)
            && properties.max_packet_size.is_none_or(|most| most >= LEAST_FOR_REASONS),
    })
}
