//! What one connection of the ward says: a monitor for itself, a relay for itself and its implant.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use jiff::Timestamp;

use super::WardReport;
use crate::bedside::Bedside;
use crate::clock;
use crate::implant::Implant;
use crate::link::{Feed, Next};
use crate::plan::Device;
use crate::session::Outgoing;
use crate::tempo::{Seat, Tempo};
use crate::wire::{Body, Clock, Message, Mode, Relay, Stamp};

/// A relay says this often that it lives.
const RELAY_LIFE: Duration = Duration::from_secs(15 * 60);

/// The feed of one connection.
#[derive(Debug)]
pub(super) struct Speaker {
    principal: String,
    voice: Voice,
    seat: Seat,
    mode: Mode,
    boot: u64,
    end: Timestamp,
    /// Sent on connect, before anything is measured.
    greetings: VecDeque<(String, Body)>,
    start: Timestamp,
    in_flight: u64,
    report: WardReport,
}

#[derive(Debug)]
enum Voice {
    Monitor { model: Box<Bedside>, seq: u64 },
    Relay { device: String, model: Box<Implant>, life: Timestamp, life_seq: u64 },
}

/// A message with everything but the moment it is sent.
struct Draft {
    device: String,
    seq: u64,
    body: Body,
    /// When the relay took it, and the implant's clock then.
    taken: Option<(Timestamp, Timestamp)>,
}

impl Speaker {
    /// Takes its seat in the tempo; speaks from `start` until `end`.
    pub(super) fn new(
        device: &Device,
        mode: Mode,
        tempo: &Tempo,
        start: Timestamp,
        end: Timestamp,
    ) -> Self {
        let (voice, model, greets) = match device {
            Device::Bedside { id, options } => {
                let model = Box::new(Bedside::new(*options, start));
                (Voice::Monitor { model, seq: 0 }, "bedside monitor", vec![id])
            }
            Device::Implant { id, relay, options } => {
                let model = Box::new(Implant::new(options.clone(), start));
                let voice = Voice::Relay { device: id.clone(), model, life: start, life_seq: 0 };
                (voice, "ICD", vec![relay, id])
            }
        };
        let info = |id: &String| Body::Info {
            maker: "vitalgate-sim",
            model: if id == device.id() { model } else { "relay" },
            serial: id.clone(),
            firmware: env!("CARGO_PKG_VERSION"),
            signals: if id == device.id() { device.expected() } else { Vec::new() },
        };
        Self {
            principal: device.principal().to_owned(),
            voice,
            seat: tempo.seat(start),
            mode,
            boot: start.as_second().unsigned_abs(),
            end,
            greetings: greets.into_iter().map(|id| (id.clone(), info(id))).collect(),
            start,
            in_flight: 0,
            report: WardReport::default(),
        }
    }

    /// Who connects.
    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// What was sent and acknowledged so far.
    pub(super) fn report(&self) -> WardReport {
        self.report
    }

    fn due(&self) -> Timestamp {
        if !self.greetings.is_empty() {
            return self.start;
        }
        match &self.voice {
            Voice::Monitor { model, .. } => model.due(),
            Voice::Relay { model, life, .. } => model.due().min(*life),
        }
    }

    fn draft(&mut self) -> Option<Draft> {
        if let Some((device, body)) = self.greetings.pop_front() {
            return Some(Draft { device, seq: 1, body, taken: None });
        }
        match &mut self.voice {
            Voice::Monitor { model, seq } => {
                *seq += 1;
                let body = Body::Telemetry { readings: model.readings() };
                Some(Draft { device: self.principal.clone(), seq: *seq, body, taken: None })
            }
            Voice::Relay { model, life, life_seq, .. } if *life <= model.due() => {
                *life = clock::add(*life, RELAY_LIFE);
                *life_seq += 1;
                let body = Body::Status { status: "online" };
                Some(Draft { device: self.principal.clone(), seq: *life_seq, body, taken: None })
            }
            Voice::Relay { device, model, .. } => model.handover().map(|handover| Draft {
                device: device.clone(),
                seq: handover.seq,
                body: handover.body,
                taken: Some((handover.received, handover.device_clock)),
            }),
        }
    }

    fn message(&self, draft: Draft, due: Timestamp) -> Outgoing<()> {
        let sent_at = Stamp(self.seat.sending_time(due));
        let topic = draft.body.kind().topic(&draft.device);
        let message = Message {
            boot: self.boot,
            seq: draft.seq,
            sent_at,
            mode: self.mode,
            clock: Clock { source: if draft.taken.is_some() { "network" } else { "ntp" } },
            relay: draft.taken.map(|(received, device_clock)| Relay {
                id: self.principal.clone(),
                device_clock: Stamp(device_clock),
                received_at: Stamp(received),
                sent_at,
            }),
            body: draft.body,
        };
        Outgoing { topic, payload: message.encode(), tag: () }
    }

    /// Once nothing is in flight, the others need not wait for anything before the next message.
    fn settle(&mut self) {
        self.in_flight -= 1;
        if self.in_flight == 0 {
            let due = self.due();
            self.seat.reach(if due < self.end { due } else { Timestamp::MAX });
        }
    }
}

impl Feed for Speaker {
    type Tag = ();

    fn next(&mut self) -> Next<()> {
        let due = self.due();
        if due >= self.end {
            return Next::End;
        }
        if !self.seat.is_due(due) {
            return Next::Later;
        }
        let Some(draft) = self.draft() else { return Next::End };
        self.in_flight += 1;
        self.report.sent += 1;
        Next::Publish(self.message(draft, due))
    }

    async fn ready(&mut self) {
        let due = self.due();
        self.seat.wait(due).await;
    }

    fn acked(&mut self, (): (), _latency: Duration) -> io::Result<()> {
        self.report.acked += 1;
        self.settle();
        Ok(())
    }

    fn rejected(&mut self, (): (), _reason: &str) {
        self.report.rejected += 1;
        self.settle();
    }
}
