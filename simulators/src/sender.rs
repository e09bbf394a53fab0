//! A device as its gateway meets it: what it measured waits in an outbox while it is away, some
//! only visit, and its clock may be wrong until somebody puts it right. A pure function of its plan.
//!
//! ```text
//! measured (true time) ─▶ made: clock, boot, seq ─▶ reach: when each leaves ─▶ sendings
//! ```

mod reach;
mod wrong_clock;

use jiff::Timestamp;

use crate::names::Signal;
use crate::noise::Rng;
use crate::wire::{Body, Clock, Message, Mode, Reading, Stamp};

pub use reach::{Order, Reach};
pub use wrong_clock::{ClockError, Reboot, WrongClock};

/// `boot` of a device that never started again.
pub const FIRST_BOOT: u64 = 17;

/// What a device measures, and how it behaves.
#[derive(Clone, Debug)]
pub struct SenderPlan {
    /// Its id, which is its principal.
    pub device: String,
    /// What it measured, by true time, in order.
    pub measured: Vec<Measured>,
    /// When it reaches the gateway.
    pub reach: Reach,
    /// What its clock shows.
    pub clock: WrongClock,
    /// What its messages say they are.
    pub mode: Mode,
    /// The same seed gives the same delays and losses.
    pub seed: u64,
}

/// A value at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// By true time.
    pub at: Timestamp,
    /// Which signal.
    pub signal: Signal,
    /// In the unit of the signal.
    pub value: f64,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Sending {
    /// When it is sent, by true time.
    pub at: Timestamp,
    /// Which of the sender's connections carries it, counted from 0.
    pub visit: u64,
    /// It was sent before, and its acknowledgement was lost.
    pub dup: bool,
    /// The first and the last of the plan's values that it carries.
    pub carries: (usize, usize),
    /// Where to.
    pub topic: String,
    /// What is sent: the same bytes however often.
    pub message: Message,
}

/// A message as it was made; it never changes after that.
struct Made {
    at: Timestamp,
    carries: (usize, usize),
    message: Message,
}

impl SenderPlan {
    /// Everything it sends, in the order of sending.
    pub fn sendings(&self) -> Vec<Sending> {
        let mut rng = Rng::fork(self.seed, 20);
        let made = self.made(&mut rng);
        let times: Vec<Timestamp> = made.iter().map(|made| made.at).collect();
        let leavings = self.reach.leavings(&times, &mut rng);
        let sending = |leaving: reach::Leaving| {
            let Made { carries, message, .. } = &made[leaving.index];
            Sending {
                at: leaving.at,
                visit: leaving.visit,
                dup: leaving.dup,
                carries: *carries,
                topic: message.body.kind().topic(&self.device),
                message: message.clone(),
            }
        };
        leavings.into_iter().map(sending).collect()
    }

    fn made(&self, rng: &mut Rng) -> Vec<Made> {
        let (mut boot, mut seq) = (FIRST_BOOT, 0);
        let mut made = Vec::new();
        let times: Vec<Timestamp> = self.measured.iter().map(|measured| measured.at).collect();
        for (at, carries) in self.reach.messages(&times, rng) {
            let now = self.clock.boot(at).unwrap_or(FIRST_BOOT);
            seq = if now == boot { seq + 1 } else { 1 };
            boot = now;
            let readings = &self.measured[carries.0..=carries.1];
            let reading = |m: &Measured| Reading::number(self.clock.shown(m.at), m.signal, m.value);
            let message = Message {
                boot,
                seq,
                sent_at: Stamp(self.clock.shown(at)),
                mode: self.mode,
                clock: Clock { source: self.clock.source(at) },
                relay: None,
                body: Body::Telemetry { readings: readings.iter().map(reading).collect() },
            };
            made.push(Made { at, carries, message });
        }
        made
    }
}

#[cfg(test)]
mod tests;
