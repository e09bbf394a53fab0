//! How a case is sent: when the sender reaches the gateway, and what its clock shows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cohort::Facts;
use crate::clock;
use crate::sender::{ClockError, FIRST_BOOT, Measured, Order, Reach, Reboot, WrongClock};

const DAY: Duration = Duration::from_secs(86_400);
/// A queue of the first contact was measured so long before it, where its values allow.
const BEFORE_CONTACT: Duration = Duration::from_secs(20 * 3600);
/// A sender that was away sends so many usual values after it is back.
const VALUES_AFTER: usize = 20;

/// How a case is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// As it is measured, by a right clock.
    Live,
    /// After hours away, oldest first.
    OutboxOldest,
    /// After hours away, newest first.
    OutboxNewest,
    /// The first contact is after three days, with all of them in the outbox.
    FirstContact,
    /// Now and then, connected for seconds.
    Visits,
    /// The clock two hours ahead, put right while it happens; the device says so.
    ClockAhead,
    /// The clock three hours behind, put right later without a word.
    ClockBehind,
    /// The clock at 1970, put right later; the device says so.
    ClockFrom1970,
    /// The clock stands from before it happens; put right by a start with an earlier `boot`.
    ClockStanding,
    /// A link that breaks, and brings some messages twice.
    Lossy,
}

/// A way, in times.
#[derive(Clone, Copy, Debug)]
pub(super) struct WayPlan {
    /// The first value is measured then.
    pub(super) begin: Timestamp,
    /// The value with which it begins to happen.
    pub(super) onset: usize,
    pub(super) reach: Reach,
    pub(super) clock: WrongClock,
}

impl Way {
    pub(super) fn plan(self, facts: &Facts, begin: Timestamp) -> WayPlan {
        let onset = facts.values / 3;
        let of = |begin: Timestamp, n: usize| clock::add(begin, facts.interval * n as u32);
        let at = |n| of(begin, n);
        let plan = WayPlan { begin, onset, reach: Reach::Always, clock: WrongClock::right() };
        let away = |order| {
            // A sender leaves between two values.
            let from = clock::add(at(facts.values / 4), facts.interval / 2);
            WayPlan { reach: Reach::Away { from, to: clock::add(from, facts.away), order }, ..plan }
        };
        let wrong = |error, since, righted, says_ntp| {
            let clock = WrongClock { error, since, righted: Some(righted), says_ntp, reboot: None };
            WayPlan { clock, ..plan }
        };
        let later = at(facts.values * 3 / 4);
        let off = |hours| ClockError::Off(SignedDuration::from_hours(hours));
        match self {
            Self::Live => plan,
            Self::OutboxOldest => away(Order::OldestFirst),
            Self::OutboxNewest => away(Order::NewestFirst),
            Self::FirstContact => {
                let to = clock::add(begin, DAY * 3);
                let length = facts.interval * facts.values as u32;
                let before = BEFORE_CONTACT.max(length).min(DAY * 3);
                let first = to.checked_sub(before).unwrap_or(begin);
                let onset = if length > DAY * 3 { 2 } else { onset };
                let reach = Reach::Away { from: begin, to, order: Order::OldestFirst };
                WayPlan { begin: first, onset, reach, ..plan }
            }
            Self::Visits => WayPlan { reach: Reach::Visits { values: facts.visit }, ..plan },
            Self::ClockAhead => wrong(off(2), begin, at(onset + facts.delays.0 / 2 + 2), true),
            Self::ClockBehind => wrong(off(-3), begin, later, false),
            Self::ClockFrom1970 => wrong(ClockError::From1970, begin, later, true),
            Self::ClockStanding => {
                let plan = wrong(ClockError::Standing, at(facts.values / 4), later, false);
                let reboot = Some(Reboot { at: later, boot: FIRST_BOOT - 1 });
                WayPlan { clock: WrongClock { reboot, ..plan.clock }, ..plan }
            }
            Self::Lossy => WayPlan { reach: Reach::Lossy { longest: facts.interval * 20 }, ..plan },
        }
    }
}

impl WayPlan {
    /// The values at their times, and usual ones after a sender is back.
    pub(super) fn measured(&self, facts: &Facts, values: &[f64]) -> Vec<Measured> {
        let one = |at, value| Measured { at, signal: facts.signal, value };
        let at = |begin: Timestamp, n: usize| clock::add(begin, facts.interval * n as u32);
        let mut measured: Vec<Measured> =
            values.iter().enumerate().map(|(n, value)| one(at(self.begin, n), *value)).collect();
        if let Reach::Away { to, .. } = self.reach
            && at(self.begin, values.len()) < to
        {
            measured.extend((1..=VALUES_AFTER).map(|n| one(at(to, n), facts.usual)));
        }
        measured
    }
}
