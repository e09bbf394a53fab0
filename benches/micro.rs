//! The steps of one message by themselves, so that a regression has a place:
//! `cargo bench --bench micro`.

mod support;

use std::collections::BTreeMap;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, Kind};
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_domain::patient::{Intake, RuleContext};
use vitalgate_formats::{Decoded, Request, decode};
use vitalgate_store::history::block::{self, Block};
use vitalgate_store::history::point::Point;
use vitalgate_store::types::Sent;

use support::ward::{self, registered};

/// Messages in the batches measured.
const BATCH: usize = 1_000;
/// Devices they come from.
const DEVICES: usize = 50;

fn main() {
    divan::main();
}

#[divan::bench]
fn decode_json(bencher: Bencher<'_, '_>) {
    let configuration = configuration();
    let device = device(0);
    let payload = payload(1, start());
    bencher
        .counter(BytesCount::from(payload.len()))
        .bench(|| decoded(black_box(payload.as_bytes()), &device, &configuration));
}

/// Folding a row of messages that cross no limit; an item is one message.
#[divan::bench]
fn fold(bencher: Bencher<'_, '_>) {
    let (core, rows) = monitored();
    bencher.counter(ItemsCount::from(BATCH)).with_inputs(|| core.clone()).bench_values(
        |mut core| {
            core.fold(2, rows.1, &rows.0);
            core
        },
    );
}

/// The same in a core that is not shared with a snapshot.
#[divan::bench]
fn fold_alone(bencher: Bencher<'_, '_>) {
    let (mut core, (first, _)) = monitored();
    let configuration = configuration();
    let mut row = 1;
    let mut at = start();
    let mut seq = first.len() as u64;
    bencher
        .counter(ItemsCount::from(BATCH))
        .with_inputs(|| {
            at = at + Span::secs(1);
            seq += 1;
            (messages(seq, at, &configuration), Stamp { at, offset: Span::ZERO })
        })
        .bench_local_values(|(inputs, now)| {
            row += 1;
            core.fold(row, now, &inputs)
        });
}

/// Looking for the earliest deadline of a patient, as after each message; an item is one patient.
#[divan::bench]
fn next_deadline(bencher: Bencher<'_, '_>) {
    let (mut core, (inputs, now)) = monitored();
    core.fold(2, now, &inputs);
    let Configuration { signals, rules, .. } = &*core.configuration;
    let intake = Intake { held: None, gaps: &[] };
    let context = RuleContext { signals, rules, intake };
    bencher.counter(ItemsCount::from(core.patients.len())).bench(|| {
        core.patients.values().filter_map(|patient| patient.next_deadline(context)).min()
    });
}

/// Putting a row together and encoding it; an item is one message.
#[divan::bench]
fn encode_row(bencher: Bencher<'_, '_>) {
    let (mut core, (inputs, now)) = monitored();
    let samples = core.fold(2, now, &inputs).samples;
    bencher
        .counter(ItemsCount::from(BATCH))
        .with_inputs(|| inputs.clone())
        .bench_values(|inputs| RowBody::new(inputs, &samples, now).encode());
}

/// Sealing a day of a sensor, a block an hour; an item is one reading.
#[divan::bench]
fn seal_hours(bencher: Bencher<'_, '_>) {
    let hours = hours();
    bencher.counter(ItemsCount::from(12 * HOURS)).bench(|| sealed(black_box(&hours)));
}

/// Making one block of them, without the database; an item is one reading.
#[divan::bench]
fn merge_hours(bencher: Bencher<'_, '_>) {
    let blocks = sealed(&hours());
    bencher.counter(ItemsCount::from(12 * HOURS)).bench(|| {
        let mut points = Vec::new();
        for Block { summary, body } in black_box(&blocks) {
            points.extend(block::open(summary.t0, summary.unit, body).expect("it was sealed"));
        }
        block::seal(points)
    });
}

/// Opening a full block of a monitor; an item is one reading.
#[divan::bench]
fn open_block(bencher: Bencher<'_, '_>) {
    let value = |second: i64| 60.0 + ((second * second) % 41) as f64 / 2.0;
    let points = (0..512).map(|second| point(Span::secs(second), value(second))).collect();
    let block = block::seal(points).expect("they are fine").remove(0);
    let Block { summary, body } = block;
    bencher
        .counter(ItemsCount::from(512_usize))
        .bench(|| block::open(summary.t0, summary.unit, black_box(&body)));
}

/// Hours of a sensor that measures every five minutes.
const HOURS: usize = 24;

fn hours() -> Vec<Vec<Point>> {
    let value = |n: i64| 100.0 + ((n * n) % 37) as f64;
    let hour = |hour: i64| {
        (12 * hour..12 * (hour + 1)).map(|n| point(Span::mins(5 * n), value(n))).collect()
    };
    (0..HOURS as i64).map(hour).collect()
}

fn sealed(hours: &[Vec<Point>]) -> Vec<Block> {
    let seal = |hour: &Vec<Point>| block::seal(hour.clone()).expect("they are fine");
    hours.iter().flat_map(seal).collect()
}

fn point(after: Span, value: f64) -> Point {
    let at = start() + after;
    let received = at + Span::millis(3 + at.as_millis() / 1_000 % 7);
    Point { at, sent: Sent::default(), received, value, unit: Unit::MgPerDl, flags: 0 }
}

/// A ward of monitored patients, and the row of messages that comes next.
fn monitored() -> (Core, (Vec<Input>, Stamp)) {
    let configuration = configuration();
    let now = Stamp { at: start(), offset: Span::ZERO };
    let site = "site".parse().expect("an id");
    let mut core = Core::new(site, false, configuration.clone());
    core.fold(1, now, &registered(DEVICES as u64).expect("a ward"));
    (core, (messages(0, start(), &configuration), now))
}

/// The messages of one row, with sequence numbers that follow those of row `row - 1`.
fn messages(row: u64, at: Timestamp, configuration: &Configuration) -> Vec<Input> {
    let mut seqs = BTreeMap::new();
    (0..BATCH)
        .map(|number| {
            let device = device(number % DEVICES);
            let seq = seqs.entry(device.clone()).or_insert(row * (BATCH / DEVICES) as u64);
            *seq += 1;
            let payload = payload(*seq, at + Span::micros(number as i64));
            let Decoded { message, .. } = decoded(payload.as_bytes(), &device, configuration);
            Input::Message(Box::new(message))
        })
        .collect()
}

fn decoded(payload: &[u8], device: &DeviceId, configuration: &Configuration) -> Decoded {
    let request = Request {
        principal: device,
        device,
        kind: Kind::Telemetry,
        payload,
        delivery: Delivery { qos: 1, ..Delivery::default() },
        received: start(),
        retention: Span::days(365),
        topic: "vitalgate/v1/load-0/telemetry",
    };
    decode(&request, &configuration.signals)
}

/// A message of the load: four readings, about 370 bytes.
fn payload(seq: u64, at: Timestamp) -> String {
    let at = serde_json::to_string(&at).expect("a time");
    let reading = |signal: &str, value: f64, unit: &str| {
        format!(r#"{{"at":{at},"signal":"{signal}","value":{value},"unit":"{unit}"}}"#)
    };
    let readings = [
        reading("heart_rate", 72.4, "/min"),
        reading("spo2", 97.1, "%"),
        reading("respiratory_rate", 14.2, "/min"),
        reading("temperature", 36.6, "Cel"),
    ];
    format!(
        r#"{{"boot":1,"seq":{seq},"sent_at":{at},"mode":"real","clock":{{"source":"ntp"}},"readings":[{}]}}"#,
        readings.join(",")
    )
}

fn device(number: usize) -> DeviceId {
    format!("load-{number}").parse().expect("an id")
}

fn start() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000)
}

fn configuration() -> Configuration {
    ward::configuration().expect("the built-in configuration")
}
