//! Bytes to messages.

use crate::domain::ids::DeviceId;
use crate::domain::message::{Body, Delivery, Kind, Message, Mode};
use crate::domain::signal::SignalTable;
use crate::domain::time::{Span, Timestamp};
use crate::inbox::{DeadLetter, WaveSamples};

/// One publish to decode.
#[derive(Debug)]
pub struct Request<'a> {
    /// Who published it.
    pub principal: &'a DeviceId,
    /// Whom it speaks of.
    pub device: &'a DeviceId,
    /// The kind of topic.
    pub kind: Kind,
    /// The bytes.
    pub payload: &'a [u8],
    /// How it came.
    pub delivery: Delivery,
    /// When it came.
    pub received: Timestamp,
    /// How far back readings are taken.
    pub retention: Span,
    /// The topic.
    pub topic: &'a str,
}

/// What became of it.
#[derive(Debug)]
pub struct Decoded {
    /// The message.
    pub message: Message,
    /// Samples of its chunks.
    pub waves: Vec<WaveSamples>,
    /// Its bytes, where they could not be read.
    pub dead_letter: Option<DeadLetter>,
}

/// Decodes one publish.
pub fn decode(request: &Request<'_>, _signals: &SignalTable) -> Decoded {
    let json: Option<serde_json::Value> = serde_json::from_slice(request.payload).ok();
    let field = |name: &str| json.as_ref().and_then(|v| v.get(name));
    let body = match request.kind {
        Kind::Status => Body::Status {
            will: false,
            text: String::from_utf8_lossy(request.payload).chars().take(60).collect(),
        },
        kind @ (Kind::Telemetry | Kind::Events | Kind::Waves | Kind::Info) => match &json {
            Some(_) => Body::Telemetry { readings: Vec::new(), refused: Vec::new() },
            None => Body::Undecodable { kind, reason: "not JSON".to_owned() },
        },
    };
    Decoded {
        message: Message {
            principal: request.principal.clone(),
            device: request.device.clone(),
            boot: None,
            seq: field("seq").and_then(serde_json::Value::as_u64),
            sent_at: field("sent_at").and_then(|v| v.as_str()).and_then(|t| t.parse().ok()),
            mode: Mode::Real,
            clock: None,
            relay: None,
            hash: 0,
            delivery: request.delivery,
            unknown_fields: 0,
            body,
        },
        waves: Vec::new(),
        dead_letter: None,
    }
}
