//! What one connection sends: its devices in turn, on a schedule or as fast as acknowledged.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::{Extent, Histogram, LoadOptions, device_id};
use crate::clock::{self, Epoch};
use crate::formula::{Formula, SIGNALS};
use crate::ledger::Ledger;
use crate::link::{Feed, Next};
use crate::names;
use crate::noise::Rng;
use crate::session::Outgoing;
use crate::wire::{Kind, Mode};

/// The feed of one connection.
#[derive(Debug)]
pub(super) struct Stream {
    devices: Vec<Device>,
    turn: usize,
    boot: u64,
    mode: &'static str,
    readings: usize,
    pace: Pace,
    epoch: Epoch,
    end: Option<Timestamp>,
    left: u64,
    /// An event that goes out before the next telemetry of its device.
    event_sent: bool,
    ledger: Option<Arc<Ledger>>,
    counts: Counts,
    latency: Histogram,
}

#[derive(Debug)]
struct Device {
    id: String,
    telemetry: String,
    events: String,
    formula: Formula,
    seq: u64,
    event_seq: u64,
}

#[derive(Debug)]
enum Pace {
    /// Message `k` is due, and its readings measured, at `first + k × interval`.
    Schedule { first: Timestamp, interval: Duration, k: u64 },
    /// As fast as acknowledged; readings at the present, each later than the one before.
    Window { last: Timestamp },
}

#[derive(Debug, Default)]
struct Counts {
    sent: u64,
    acked: u64,
    events: u64,
    rejected: u64,
}

/// What comes back with an acknowledgement.
#[derive(Debug)]
pub(super) enum Tag {
    Telemetry { device: usize, seq: u64, at: Timestamp },
    Event,
}

impl Stream {
    pub(super) fn new(
        options: &LoadOptions,
        connection: u64,
        epoch: Epoch,
        ledger: Option<Arc<Ledger>>,
    ) -> Self {
        let start_seq = options.start_seq + options.stagger * connection;
        let devices = (0..options.devices).map(|device| {
            let id = device_id(options, connection, device);
            Device {
                telemetry: Kind::Telemetry.topic(&id),
                events: Kind::Events.topic(&id),
                formula: Formula::new(&id, options.excursions),
                id,
                seq: start_seq,
                event_seq: 1,
            }
        });
        let nanos = (1_000_000_000 * options.connections).checked_div(options.rate);
        let pace = nanos.map_or(Pace::Window { last: epoch.start() }, |nanos| {
            let offset = Rng::fork(options.seed, connection).bits() % nanos.max(1);
            let first = clock::add(epoch.start(), Duration::from_nanos(offset));
            Pace::Schedule { first, interval: Duration::from_nanos(nanos), k: 0 }
        });
        let (end, left) = match options.extent {
            Extent::For(span) => (Some(clock::add(epoch.start(), span)), u64::MAX),
            Extent::Messages(total) => {
                let share = total / options.connections;
                (None, share + u64::from(connection < total % options.connections))
            }
        };
        Self {
            devices: devices.collect(),
            turn: 0,
            boot: options.boot,
            mode: match options.mode {
                Mode::Real => "real",
                Mode::Test => "test",
            },
            readings: options.readings,
            pace,
            epoch,
            end,
            left,
            event_sent: false,
            ledger,
            counts: Counts::default(),
            latency: Histogram::default(),
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.counts.sent
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.counts.acked
    }

    pub(super) fn events(&self) -> u64 {
        self.counts.events
    }

    pub(super) fn refused(&self) -> u64 {
        self.counts.rejected
    }

    pub(super) fn latency(&self) -> &Histogram {
        &self.latency
    }

    /// When the next message is due on the schedule.
    fn due(&self) -> Option<Timestamp> {
        match &self.pace {
            Pace::Schedule { first, interval, k } => {
                let nanos = interval.as_nanos() as u64;
                Some(clock::add(*first, Duration::from_nanos(nanos.saturating_mul(*k))))
            }
            Pace::Window { .. } => None,
        }
    }

    fn event(&mut self, now: Timestamp, at: Timestamp) -> Outgoing<Tag> {
        let device = &mut self.devices[self.turn];
        let payload = format!(
            r#"{{"boot":{},"seq":{},"sent_at":"{now:.6}","mode":"{}","clock":{{"source":"ntp"}},"events":[{{"id":"ep-{}","at":"{at:.6}","event":"{}","phase":"single"}}]}}"#,
            self.boot,
            device.event_seq,
            self.mode,
            device.seq,
            names::VF_DETECTED,
        );
        device.event_seq += 1;
        Outgoing { topic: device.events.clone(), payload: payload.into(), tag: Tag::Event }
    }

    fn telemetry(&mut self, now: Timestamp, at: Timestamp) -> Outgoing<Tag> {
        let device = &mut self.devices[self.turn];
        let seq = device.seq;
        device.seq += 1;
        let payload = payload(
            &device.formula,
            [&self.boot.to_string(), &seq.to_string(), &format!("{now:.6}"), self.mode],
            seq,
            &format!("{at:.6}"),
            self.readings,
        );
        let topic = device.telemetry.clone();
        Outgoing { topic, payload, tag: Tag::Telemetry { device: self.turn, seq, at } }
    }
}

impl Feed for Stream {
    type Tag = Tag;

    fn next(&mut self) -> Next<Tag> {
        let now = self.epoch.wall();
        let due = self.due();
        let is_over = self.end.is_some_and(|end| due.unwrap_or(now) >= end);
        if self.left == 0 || is_over {
            return Next::End;
        }
        if due.is_some_and(|due| due > now) {
            return Next::Later;
        }
        let at = match &self.pace {
            Pace::Schedule { .. } => due.unwrap_or(now),
            Pace::Window { last } => now.max(clock::add(*last, Duration::from_micros(1))),
        };
        let device = &self.devices[self.turn];
        if device.formula.has_event(device.seq) && !self.event_sent {
            self.event_sent = true;
            return Next::Publish(self.event(now, at));
        }
        self.event_sent = false;
        let message = self.telemetry(now, at);
        match &mut self.pace {
            Pace::Schedule { k, .. } => *k += 1,
            Pace::Window { last } => *last = at,
        }
        self.turn = (self.turn + 1) % self.devices.len();
        self.left -= 1;
        self.counts.sent += 1;
        Next::Publish(message)
    }

    async fn ready(&mut self) {
        match self.due() {
            Some(due) => sleep_until(Instant::from_std(self.epoch.moment(due))).await,
            None => pending().await,
        }
    }

    fn acked(&mut self, tag: Tag, latency: Duration) -> io::Result<()> {
        self.latency.record(latency);
        match tag {
            Tag::Telemetry { device, seq, at } => {
                self.counts.acked += 1;
                match &self.ledger {
                    Some(ledger) => {
                        ledger.record(&self.devices[device].id, self.boot, seq, at.as_microsecond())
                    }
                    None => Ok(()),
                }
            }
            Tag::Event => {
                self.counts.events += 1;
                Ok(())
            }
        }
    }

    fn rejected(&mut self, _tag: Tag, _reason: &str) {
        self.counts.rejected += 1;
    }
}

/// The JSON of one message, put together from text: `head` is boot, seq, sent_at and mode.
fn payload(formula: &Formula, head: [&str; 4], seq: u64, at: &str, readings: usize) -> Bytes {
    let mut json = Vec::with_capacity(160 + 96 * readings);
    let mut put = |parts: &[&str]| parts.iter().for_each(|part| json.extend(part.as_bytes()));
    let [boot, number, sent_at, mode] = head;
    put(&[r#"{"boot":"#, boot, r#","seq":"#, number, r#","sent_at":""#, sent_at]);
    put(&[r#"","mode":""#, mode, r#"","clock":{"source":"ntp"},"readings":["#]);
    for (index, (signal, ..)) in SIGNALS.iter().enumerate().take(readings) {
        let tenths = formula.tenths(seq, index);
        let (whole, tenth) = ((tenths / 10).to_string(), [b'0' + (tenths % 10) as u8]);
        put(&[if index > 0 { "," } else { "" }, r#"{"at":""#, at, r#"","signal":""#, signal.name]);
        put(&[r#"","value":"#, &whole, ".", std::str::from_utf8(&tenth).unwrap_or("0")]);
        put(&[r#","unit":""#, signal.unit, r#""}"#]);
    }
    put(&["]}"]);
    json.into()
}
