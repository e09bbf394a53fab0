//! Each sentence of contract §2 that decode keeps, as a table; every case also through CBOR.

mod message;
mod other_kinds;
mod properties;
mod readings;

use super::*;
use vitalgate_domain::model::message::{Reading, Refused, Value};

const RECEIVED: &str = "2026-11-21T10:00:01Z";

fn signals() -> SignalTable {
    SignalTable::parse(include_str!("../../../../config/signals.toml")).unwrap()
}

fn device() -> DeviceId {
    "dev-1".parse().unwrap()
}

const RETENTION: Span = Span::days(90);

/// Decodes as arrived at [`RECEIVED`], with 90 days of retention.
fn decode_as(kind: Kind, payload: &[u8]) -> Decoded {
    decode_delivered(kind, payload, false)
}

/// The same, from the backlog of a session that was resumed.
fn decode_resumed(kind: Kind, json: &str) -> Decoded {
    decode_delivered(kind, json.as_bytes(), true)
}

fn decode_delivered(kind: Kind, payload: &[u8], resumed: bool) -> Decoded {
    let request = Request {
        principal: &"relay-1".parse().unwrap(),
        device: &device(),
        kind,
        payload,
        delivery: Delivery { qos: 1, resumed, ..Delivery::default() },
        received: RECEIVED.parse().unwrap(),
        retention: RETENTION,
        topic: "vitalgate/v1/dev-1/any",
    };
    decode(&request, &signals())
}

/// The same in CBOR.
fn cbor(value: &serde_json::Value) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encode(value, &mut encoder);
    encoder.into_writer()
}

fn encode(value: &serde_json::Value, encoder: &mut minicbor::Encoder<Vec<u8>>) {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    match value {
        Null => drop(encoder.null().unwrap()),
        Bool(bool) => drop(encoder.bool(*bool).unwrap()),
        Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(n), _, _) => drop(encoder.u64(n).unwrap()),
            (_, Some(n), _) => drop(encoder.i64(n).unwrap()),
            (_, _, n) => drop(encoder.f64(n.unwrap()).unwrap()),
        },
        String(text) => drop(encoder.str(text).unwrap()),
        Array(list) => {
            encoder.array(list.len() as u64).unwrap();
            for value in list {
                encode(value, encoder);
            }
        }
        Object(map) => {
            encoder.map(map.len() as u64).unwrap();
            for (key, value) in map {
                encoder.str(key).unwrap();
                encode(value, encoder);
            }
        }
    }
}

/// Decodes JSON and, where it is JSON to others too, CBOR; they must say the same.
fn decode_both(kind: Kind, json: &str) -> Decoded {
    match serde_json::from_str(json) {
        Ok(value) => decode_value(kind, json, &value),
        Err(_) => decode_as(kind, json.as_bytes()),
    }
}

fn decode_value(kind: Kind, json: &str, value: &serde_json::Value) -> Decoded {
    let decoded = decode_as(kind, json.as_bytes());
    let mut again = decode_as(kind, &cbor(value));
    assert_ne!(again.message.hash, decoded.message.hash);
    again.message.hash = decoded.message.hash;
    assert_eq!(again.message, decoded.message, "{json}");
    assert_eq!(again.waves, decoded.waves, "{json}");
    decoded
}

/// What a reading says, in one line.
fn line(reading: &Reading) -> String {
    let mut words = vec![signals().name(reading.signal)];
    if !reading.instance.is_empty() {
        words.push(format!("[{}]", reading.instance));
    }
    words.push(match &reading.value {
        Value::Number { value, unit, comparator } => {
            format!("{}{value} {unit}", comparator.map_or("", |c| c.as_str()))
        }
        Value::Code(code) => format!("code {code}"),
        Value::Time(time) => format!("time {time}"),
        Value::Text(text) => format!("text {text}"),
        Value::Absent(reason) => format!("absent {reason}"),
    });
    match reading.time {
        ReadingTime::At(at) => words.push(format!("at {at}")),
        ReadingTime::Period(from, to) => words.push(format!("from {from} to {to}")),
        ReadingTime::Age(age) => words.push(format!("age {age}")),
        ReadingTime::Unstated => {}
    }
    if let Some(quality) = reading.quality {
        words.push(format!("quality {quality}"));
    }
    if reading.implausible {
        words.push("implausible".to_owned());
    }
    if reading.unit_doubtful {
        words.push("unit doubtful".to_owned());
    }
    if reading.status != vitalgate_domain::model::message::Status::Final {
        words.push(format!("{:?}", reading.status));
    }
    words.join(" ")
}

fn refusal(refused: &Refused) -> String {
    let signal = refused.signal.map(|signal| format!("{} ", signals().name(signal)));
    format!("{}refused: {}", signal.unwrap_or_default(), refused.reason.as_str())
}

/// What became of a message, entry by entry.
fn lines(decoded: &Decoded) -> Vec<String> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    match &decoded.message.body {
        Body::Telemetry { readings, refused } => {
            lines.extend(readings.iter().map(|r| (r.index, line(r))));
            lines.extend(refused.iter().map(|r| (r.index, refusal(r))));
        }
        Body::Events { events, refused } => {
            lines.extend(events.iter().map(|e| (e.index, format!("{e:?}"))));
            lines.extend(refused.iter().map(|r| (r.index, refusal(r))));
        }
        Body::Waves { chunks, refused } => {
            lines.extend(chunks.iter().map(|c| (c.index, format!("{c:?}"))));
            lines.extend(refused.iter().map(|r| (r.index, refusal(r))));
        }
        Body::Status { text, .. } => lines.push((0, text.clone())),
        Body::Info { info } => lines.push((0, format!("{info:?}"))),
        Body::Undecodable { reason, .. } => lines.push((0, format!("undecodable {reason}"))),
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}
