//! Messages of a synchronised device.

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

/// One telemetry message of a synchronised device, sent at `at`.
pub(crate) fn telemetry(seq: u64, at: Timestamp, readings: &[(&str, f64, &str)]) -> Value {
    let readings: Vec<Value> = readings
        .iter()
        .map(|(signal, value, unit)| json!({ "signal": signal, "value": value, "unit": unit }))
        .collect();
    json!({
        "boot": 1, "seq": seq, "sent_at": at, "at": at,
        "clock": { "source": "ntp" }, "readings": readings,
    })
}

/// The same, measured earlier than sent.
pub(crate) fn measured_earlier(by: Span, mut message: Value, sent: Timestamp) -> Value {
    message["at"] = json!(sent - by);
    message
}
