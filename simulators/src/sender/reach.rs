//! When a device reaches its gateway, and in which order what waited leaves its outbox.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock;
use crate::noise::Rng;

/// An outbox is emptied at this pace.
const APART: Duration = Duration::from_millis(50);
/// A message takes so many milliseconds from the moment it is made, at least and at most.
const ON_THE_WAY_MS: (i64, i64) = (50, 400);
/// A visit begins so many milliseconds after its hour, at least and at most.
const CONNECT_MS: (i64, i64) = (1000, 6000);
/// The share of messages whose acknowledgement is lost with the connection.
const LOSSES: f64 = 0.06;

/// When a device reaches its gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All the time.
    Always,
    /// Not within one span of time: what is made in it waits, unchanged, and leaves at its end.
    Away {
        /// Its begin.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
        /// Which of what waits leaves first.
        order: Order,
    },
    /// Now and then: it connects, sends what it measured since in one message, and leaves.
    Visits {
        /// Values a visit brings.
        values: usize,
    },
    /// All the time, over a link that breaks: the last message before comes again after it, then
    /// what waited, oldest first.
    Lossy {
        /// A break lasts from a sixth of this up to this.
        longest: Duration,
    },
}

/// Which of what waits leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As it was made.
    OldestFirst,
    /// What was made last.
    NewestFirst,
}

/// One attempt to send the message `index`.
pub(super) struct Leaving {
    pub(super) index: usize,
    pub(super) at: Timestamp,
    pub(super) visit: u64,
    pub(super) dup: bool,
}

impl Reach {
    /// When each message is made, and the first and last of the measured values in it.
    pub(super) fn messages(
        self,
        measured: &[Timestamp],
        rng: &mut Rng,
    ) -> Vec<(Timestamp, (usize, usize))> {
        let Self::Visits { values } = self else {
            return measured.iter().enumerate().map(|(n, at)| (*at, (n, n))).collect();
        };
        let mut found = Vec::new();
        for first in (0..measured.len()).step_by(values.max(1)) {
            let last = (first + values.max(1)).min(measured.len()) - 1;
            found.push((later(measured[last], CONNECT_MS, rng), (first, last)));
        }
        found
    }

    /// When each message leaves, in order; `made` rises.
    pub(super) fn leavings(self, made: &[Timestamp], rng: &mut Rng) -> Vec<Leaving> {
        match self {
            Self::Always => made.iter().enumerate().map(|(n, at)| live(n, *at, 0, rng)).collect(),
            Self::Visits { .. } => {
                made.iter().enumerate().map(|(n, at)| live(n, *at, n as u64, rng)).collect()
            }
            Self::Away { from, to, order } => away(made, (from, to), order, rng),
            Self::Lossy { longest } => lossy(made, longest, rng),
        }
    }
}

fn later(at: Timestamp, (least, most): (i64, i64), rng: &mut Rng) -> Timestamp {
    clock::add(at, Duration::from_millis(rng.whole(least, most) as u64))
}

fn live(index: usize, made: Timestamp, visit: u64, rng: &mut Rng) -> Leaving {
    Leaving { index, at: later(made, ON_THE_WAY_MS, rng), visit, dup: false }
}

fn away(
    made: &[Timestamp],
    (from, to): (Timestamp, Timestamp),
    order: Order,
    rng: &mut Rng,
) -> Vec<Leaving> {
    let before = made.partition_point(|at| *at < from);
    let mut found: Vec<Leaving> = (0..before).map(|n| live(n, made[n], 0, rng)).collect();
    let (mut waiting, mut next, mut now) = (Vec::new(), before, to);
    loop {
        while next < made.len() && made[next] < now {
            waiting.push(next);
            next += 1;
        }
        let index = match order {
            _ if waiting.is_empty() => break,
            Order::OldestFirst => waiting.remove(0),
            Order::NewestFirst => waiting.remove(waiting.len() - 1),
        };
        found.push(Leaving { index, at: now, visit: 1, dup: false });
        now = clock::add(now, APART);
    }
    found.extend((next..made.len()).map(|n| live(n, made[n], 1, rng)));
    found
}

fn lossy(made: &[Timestamp], longest: Duration, rng: &mut Rng) -> Vec<Leaving> {
    let (mut found, mut visit, mut next) = (Vec::new(), 0, 0);
    while next < made.len() {
        let last = live(next, made[next], visit, rng);
        let (index, mut now) = (next, last.at);
        found.push(last);
        next += 1;
        if !rng.chance(LOSSES) {
            continue;
        }
        visit += 1;
        now = clock::add(now, longest.mul_f64(rng.between(1.0 / 6.0, 1.0)));
        found.push(Leaving { index, at: now, visit, dup: true });
        while next < made.len() && made[next] <= now {
            now = clock::add(now, APART);
            found.push(Leaving { index: next, at: now, visit, dup: false });
            next += 1;
        }
    }
    found
}
