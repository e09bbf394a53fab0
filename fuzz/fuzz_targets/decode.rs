#![no_main]
//! Any bytes as any kind of message; the first byte chooses the kind.

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::{Body, Delivery, Kind};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_formats::{Request, decode};

const KINDS: [Kind; 5] = [Kind::Telemetry, Kind::Events, Kind::Waves, Kind::Status, Kind::Info];

static SIGNALS: LazyLock<SignalTable> = LazyLock::new(|| {
    SignalTable::parse(include_str!("../../config/signals.toml")).expect("the table is sound")
});
static DEVICE: LazyLock<DeviceId> = LazyLock::new(|| "dev-1".parse().expect("an id"));

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, payload)) = bytes.split_first() else { return };
    let request = Request {
        principal: &DEVICE,
        device: &DEVICE,
        kind: KINDS[usize::from(kind) % KINDS.len()],
        payload,
        delivery: Delivery::default(),
        received: Timestamp::from_millis(1_795_255_201_000),
        retention: Span::days(90),
        topic: "vitalgate/v1/dev-1/any",
    };
    let decoded = decode(&request, &SIGNALS);
    let undecodable = matches!(decoded.message.body, Body::Undecodable { .. });
    assert!(!undecodable || decoded.dead_letter.is_some());
});
