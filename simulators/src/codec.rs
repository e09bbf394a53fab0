//! MQTT 3.1.1 and 5 as a publishing client needs them, on rumqttc's codec.

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{self as five, v5};
use rumqttc::{ConnectReturnCode, Packet, QoS};
use thiserror::Error;

/// No packet of ours or of the gateway's is larger.
const MAX_PACKET: usize = 1 << 20;
/// How long the gateway keeps the session of a client that went away, in seconds.
const SESSION_EXPIRY_S: u32 = 3600;
/// DISCONNECT, the same two bytes in both versions; rumqttc's own one is malformed in version 5.
pub const DISCONNECT: [u8; 2] = [0xE0, 0x00];

/// The version spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// MQTT 3.1.1.
    #[default]
    #[value(name = "3.1.1")]
    V4,
    /// MQTT 5.
    #[value(name = "5")]
    V5,
}

/// What the gateway says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The connection is accepted.
    Connected,
    /// The connection is refused.
    Refused {
        /// The gateway's reason.
        reason: String,
        /// Whether it may be different in a moment.
        passing: bool,
    },
    /// A publish is durable.
    Acked(u16),
    /// A publish is refused for good (version 5 only).
    Rejected(u16, String),
    /// The gateway ends the connection (version 5 only).
    Disconnected,
    /// Anything that needs no answer.
    Other,
}

/// Bytes that are not MQTT, or a packet that cannot be written.
#[derive(Debug, Error)]
#[error("not valid mqtt {version}: {reason}")]
pub struct CodecError {
    version: &'static str,
    reason: String,
}

impl Protocol {
    /// Appends a CONNECT that keeps its session.
    pub fn connect(
        self,
        client: &str,
        token: Option<&str>,
        keep_alive_s: u16,
        out: &mut BytesMut,
    ) -> Result<(), CodecError> {
        match self {
            Self::V4 => {
                let mut connect = rumqttc::Connect::new(client);
                connect.keep_alive = keep_alive_s;
                connect.clean_session = false;
                if let Some(token) = token {
                    connect.set_login(client, token);
                }
                Packet::Connect(connect).write(out, MAX_PACKET).map_err(|e| self.error(&e))?;
            }
            Self::V5 => {
                let mut properties = v5::ConnectProperties::new();
                properties.session_expiry_interval = Some(SESSION_EXPIRY_S);
                let connect = v5::Connect {
                    keep_alive: keep_alive_s,
                    client_id: client.to_owned(),
                    clean_start: false,
                    properties: Some(properties),
                };
                let login = token.map(|token| v5::Login::new(client, token));
                v5::Packet::Connect(connect, None, login)
                    .write(out, Some(MAX_PACKET as u32))
                    .map_err(|e| self.error(&e))?;
            }
        }
        Ok(())
    }

    /// Appends a PUBLISH of QoS 1.
    pub fn publish(
        self,
        id: u16,
        dup: bool,
        topic: &str,
        payload: Bytes,
        out: &mut BytesMut,
    ) -> Result<(), CodecError> {
        match self {
            Self::V4 => {
                let mut publish = rumqttc::Publish::from_bytes(topic, QoS::AtLeastOnce, payload);
                publish.pkid = id;
                publish.dup = dup;
                publish.write(out).map_err(|e| self.error(&e))?;
            }
            Self::V5 => {
                let mut publish = v5::Publish::new(topic, five::QoS::AtLeastOnce, payload, None);
                publish.pkid = id;
                publish.dup = dup;
                publish.write(out).map_err(|e| self.error(&e))?;
            }
        }
        Ok(())
    }

    /// Appends a PINGREQ.
    pub fn ping(self, out: &mut BytesMut) {
        out.extend_from_slice(&[0xC0, 0x00]);
    }

    /// Takes the next packet off `buffer`; `None` until there is a whole one.
    pub fn decode(self, buffer: &mut BytesMut) -> Result<Option<Incoming>, CodecError> {
        match self {
            Self::V4 => match Packet::read(buffer, MAX_PACKET) {
                Ok(packet) => Ok(Some(from_v4(&packet))),
                Err(rumqttc::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(self.error(&error)),
            },
            // rumqttc waits for ever on the short forms of DISCONNECT; nothing may follow one.
            Self::V5 if buffer.first().is_some_and(|first| first >> 4 == 14) => {
                buffer.clear();
                Ok(Some(Incoming::Disconnected))
            }
            Self::V5 => match v5::Packet::read(buffer, Some(MAX_PACKET as u32)) {
                Ok(packet) => Ok(Some(from_v5(packet))),
                Err(five::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(self.error(&error)),
            },
        }
    }

    fn error(self, reason: &dyn std::fmt::Display) -> CodecError {
        let version = match self {
            Self::V4 => "3.1.1",
            Self::V5 => "5",
        };
        CodecError { version, reason: reason.to_string() }
    }
}

fn from_v4(packet: &Packet) -> Incoming {
    if let Packet::PubAck(ack) = packet {
        Incoming::Acked(ack.pkid)
    } else if let Packet::ConnAck(ack) = packet {
        match ack.code {
            ConnectReturnCode::Success => Incoming::Connected,
            code @ (ConnectReturnCode::RefusedProtocolVersion
            | ConnectReturnCode::BadClientId
            | ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized) => {
                Incoming::Refused { reason: format!("{code:?}"), passing: false }
            }
            ConnectReturnCode::ServiceUnavailable => {
                Incoming::Refused { reason: "ServiceUnavailable".to_owned(), passing: true }
            }
        }
    } else {
        Incoming::Other
    }
}

fn from_v5(packet: v5::Packet) -> Incoming {
    if let v5::Packet::PubAck(ack) = packet {
        if matches!(ack.reason, v5::PubAckReason::Success | v5::PubAckReason::NoMatchingSubscribers)
        {
            Incoming::Acked(ack.pkid)
        } else {
            Incoming::Rejected(ack.pkid, format!("{:?}", ack.reason))
        }
    } else if let v5::Packet::ConnAck(ack) = packet {
        if ack.code == v5::ConnectReturnCode::Success {
            Incoming::Connected
        } else {
            let passing = matches!(
                ack.code,
                v5::ConnectReturnCode::ServerUnavailable
                    | v5::ConnectReturnCode::ServerBusy
                    | v5::ConnectReturnCode::QuotaExceeded
                    | v5::ConnectReturnCode::ConnectionRateExceeded
            );
            Incoming::Refused { reason: format!("{:?}", ack.code), passing }
        }
    } else {
        Incoming::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(protocol: Protocol, bytes: &[u8], expected: Option<&Incoming>) {
        let mut buffer = BytesMut::from(bytes);
        assert_eq!(protocol.decode(&mut buffer).unwrap().as_ref(), expected, "{bytes:02x?}");
    }

    #[test]
    fn what_the_gateway_says_is_understood() {
        let (four, five) = (Protocol::V4, Protocol::V5);
        check(four, &[0x20, 2, 0, 0], Some(&Incoming::Connected));
        check(four, &[0x40, 2, 0, 7], Some(&Incoming::Acked(7)));
        check(four, &[0x40, 2, 0], None);
        check(four, &[0xD0, 0], Some(&Incoming::Other));
        let refused = Incoming::Refused { reason: "NotAuthorized".to_owned(), passing: false };
        check(four, &[0x20, 2, 0, 5], Some(&refused));
        check(five, &[0x20, 3, 0, 0, 0], Some(&Incoming::Connected));
        check(five, &[0x40, 2, 0, 7], Some(&Incoming::Acked(7)));
        let rejected = Incoming::Rejected(7, "NotAuthorized".to_owned());
        check(five, &[0x40, 4, 0, 7, 0x87, 0], Some(&rejected));
        check(five, &[0xE0, 1, 0x95], Some(&Incoming::Disconnected));
        check(five, &[0xE0, 0], Some(&Incoming::Disconnected));
    }

    #[test]
    fn connect_and_publish_of_version_5_can_be_read_back() {
        let mut out = BytesMut::new();
        Protocol::V5.connect("dev-1", Some("secret"), 60, &mut out).unwrap();
        Protocol::V5.publish(9, true, "a/b", Bytes::from_static(b"x"), &mut out).unwrap();
        let read = |out: &mut BytesMut| v5::Packet::read(out, None).unwrap();
        let v5::Packet::Connect(connect, None, Some(login)) = read(&mut out) else {
            panic!("not a connect without a will")
        };
        assert_eq!((connect.client_id.as_str(), connect.clean_start), ("dev-1", false));
        assert_eq!((login.username.as_str(), login.password.as_str()), ("dev-1", "secret"));
        let v5::Packet::Publish(publish) = read(&mut out) else { panic!("not a publish") };
        assert_eq!(
            (publish.pkid, publish.dup, publish.payload.as_ref()),
            (9, true, b"x".as_slice())
        );
        assert!(out.is_empty());
    }

    #[test]
    fn a_publish_can_be_read_back() {
        let mut out = BytesMut::new();
        Protocol::V4.publish(9, true, "a/b", Bytes::from_static(b"x"), &mut out).unwrap();
        let Packet::Publish(read) = Packet::read(&mut out, MAX_PACKET).unwrap() else {
            panic!("not a publish")
        };
        assert_eq!((read.pkid, read.dup, read.qos), (9, true, QoS::AtLeastOnce));
        assert_eq!((read.topic.as_str(), read.payload.as_ref()), ("a/b", b"x".as_slice()));
    }
}
