use super::*;
use crate::domain::message::Value;
use crate::domain::unit::Unit;

fn signals() -> SignalTable {
    SignalTable::parse(include_str!("../../../config/signals.toml")).unwrap()
}

const EXAMPLE: &str = r#"{ "boot": 17, "seq": 42, "sent_at": "2026-11-21T10:00:00.250Z", "mode": "real",
  "clock": { "source": "ntp", "timeline": 3 },
  "relay": { "id": "cm-77", "device_clock": "2026-11-21T09:00:00Z" },
  "readings": [
    { "at": "2026-11-21T10:00:00Z", "signal": "heart_rate", "value": 72, "unit": "/min", "quality": 0.97 },
    { "at": "2026-11-21T10:00:00Z", "signal": "mdc:150456", "value": 97, "unit": "%" },
    { "at": "2026-11-21T10:00:00Z", "signal": "glucose_cgm", "value": 39, "comparator": "<", "unit": "mg/dL" },
    { "at": "2026-11-21T10:00:00Z", "signal": "nibp_sys", "absent": "not-performed" },
    { "from": "2026-11-20T10:00:00Z", "to": "2026-11-21T10:00:00Z", "signal": "pacing_percent", "instance": "RV", "value": 98.2, "unit": "%" },
    { "at": "2026-11-21T10:00:00Z", "signal": "battery_status", "code": "mdc:754113" } ] }"#;

fn decode_one(kind: Kind, payload: &[u8]) -> Decoded {
    let device: DeviceId = "dev-1".parse().unwrap();
    let request = Request {
        principal: &device,
        device: &device,
        kind,
        payload,
        delivery: Delivery::default(),
        received: "2026-11-21T10:00:01Z".parse().unwrap(),
        retention: Span::days(90),
        topic: "vitalgate/v1/dev-1/telemetry",
    };
    decode(&request, &signals())
}

#[test]
fn the_example_of_the_contract_is_accepted_whole() {
    let decoded = decode_one(Kind::Telemetry, EXAMPLE.as_bytes());
    assert_eq!(decoded.dead_letter, None);
    let Body::Telemetry { readings, refused } = decoded.message.body else { panic!("telemetry") };
    assert_eq!((readings.len(), refused.len()), (6, 0));
    assert_eq!(decoded.message.seq, Some(42));
    assert_eq!(
        readings[0].value,
        Value::Number { value: 72.0, unit: Unit::PerMinute, comparator: None }
    );
}
