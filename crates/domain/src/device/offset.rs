//! The offset of a sender's clock, so that age never mixes two clocks (contract §3).

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use crate::model::message::{Clock, ClockSource};
use crate::model::time::{Span, Stamp, Timestamp};

/// The estimate looks back one hour, in slices of five minutes.
const SLICE: i64 = 300_000_000;
const SLICES: i64 = 12;
/// Time is estimated for so long after first contact, a reconnect or a new timeline.
const SETTLING: Span = Span::secs(10);
/// The offset in use moves only when the estimate has moved by more than this, so that the same
/// device time keeps giving the same corrected time.
const PLAY: Span = Span::millis(500);

/// Once the correction is known, a time of sending this far ahead is a slip, not a sample.
const SLIP: Span = Span::mins(5);

/// A clock further ahead than this is wrong, not set to another zone: nothing is learnt from it.
const AHEAD: Span = Span::days(1);

/// The clock of one sender as seen from here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClockOffset {
    /// (slice, smallest arrival − sent) of the last hour.
    #[n(0)]
    slices: VecDeque<(i64, Span)>,
    #[n(1)]
    in_use: Option<Span>,
    #[n(2)]
    timeline: Option<u64>,
    #[n(3)]
    settled_at: Option<Timestamp>,
    #[n(4)]
    disciplined: bool,
}

impl ClockOffset {
    /// A new connection: the next seconds may bring a queue of old messages.
    pub fn reconnected(&mut self, now: Stamp) {
        self.settled_at = Some(now.at + SETTLING);
    }

    /// A message with `sent_at` (or its newest reading in its stead) came live at `now`.
    pub fn observe(&mut self, sent_at: Option<Timestamp>, clock: Option<&Clock>, now: Stamp) {
        if let Some(clock) = clock {
            self.disciplined =
                matches!(clock.source, Some(ClockSource::Network | ClockSource::Ntp));
            if clock.timeline.is_some() && clock.timeline > self.timeline {
                if self.timeline.is_some() {
                    self.slices.clear();
                    self.in_use = None;
                }
                self.timeline = clock.timeline;
                self.settled_at = Some(now.at + SETTLING);
            }
        }
        if self.settled_at.is_none() {
            self.settled_at = Some(now.at + SETTLING);
        }
        let believed = |sent_at: &Timestamp| {
            *sent_at >= Timestamp::YEAR_2000 && *sent_at - now.wall() <= AHEAD
        };
        if let Some(sent_at) = sent_at.filter(believed) {
            let offset = now.wall() - sent_at;
            if !self.is_slip(offset, now) {
                self.sample(offset, now);
            }
        }
    }

    /// The gateway's wall clock moved by so much: what was learnt against it moves along.
    pub fn wall_stepped(&mut self, by: Span) {
        for (_, smallest) in &mut self.slices {
            *smallest = *smallest + by;
        }
        self.in_use = self.in_use.map(|offset| offset + by);
    }

    /// Whether an established clock leaps ahead; one that stays there for an hour was set so.
    fn is_slip(&mut self, offset: Span, now: Stamp) -> bool {
        let Some(in_use) = self.in_use.filter(|_| self.is_established(now)) else { return false };
        if in_use - offset <= SLIP {
            return false;
        }
        let slice = now.at.as_micros().div_euclid(SLICE);
        let set_so = self.slices.back().is_none_or(|(last, _)| *last + SLICES <= slice);
        if set_so {
            self.settled_at = Some(now.at + SETTLING);
        }
        !set_so
    }

    fn sample(&mut self, offset: Span, now: Stamp) {
        let slice = now.at.as_micros().div_euclid(SLICE);
        match self.slices.back_mut() {
            Some((last, smallest)) if *last == slice => *smallest = (*smallest).min(offset),
            _ => self.slices.push_back((slice, offset)),
        }
        while self.slices.front().is_some_and(|(first, _)| *first + SLICES <= slice) {
            self.slices.pop_front();
        }
        let estimate = self.slices.iter().map(|(_, smallest)| *smallest).min();
        let moved = |in_use: Span, estimate: Span| {
            (estimate - in_use).as_micros().saturating_abs() > PLAY.as_micros()
        };
        match (self.in_use, estimate) {
            (None, Some(estimate)) => self.in_use = Some(estimate),
            (Some(in_use), Some(estimate)) if moved(in_use, estimate) => {
                self.in_use = Some(estimate);
            }
            _ => {}
        }
    }

    /// What to add to the sender's time; zero for a clock kept by network or NTP.
    pub fn correction(&self) -> Span {
        if self.disciplined { Span::ZERO } else { self.in_use.unwrap_or_default() }
    }

    /// Whether the correction can be relied on at `now`.
    pub fn is_established(&self, now: Stamp) -> bool {
        self.disciplined
            || (self.in_use.is_some() && self.settled_at.is_some_and(|settled| settled <= now.at))
    }

    /// Whether a message of this timeline is of an earlier one: its times mean nothing.
    pub fn is_previous(&self, clock: Option<&Clock>) -> bool {
        match (clock.and_then(|c| c.timeline), self.timeline) {
            (Some(of_message), Some(newest)) => of_message < newest,
            _ => false,
        }
    }

    /// The present timeline, part of what makes a reading the same reading.
    pub fn timeline(&self, clock: Option<&Clock>) -> u64 {
        clock.and_then(|c| c.timeline).or(self.timeline).unwrap_or_default()
    }

    /// For display: the offset in whole milliseconds once anything is known.
    pub fn shown_ms(&self) -> Option<i64> {
        self.in_use.map(|offset| offset.as_micros() / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Stamp {
        Stamp { at: Timestamp::from_millis(1_700_000_000_000 + s * 1_000), offset: Span::ZERO }
    }

    #[test]
    fn a_clock_six_minutes_behind_is_learnt_and_a_queue_does_not_spoil_it() {
        let mut clock = ClockOffset::default();
        let behind = Span::mins(6);
        clock.observe(Some(at(1_000).at - behind - Span::secs(40)), None, at(1_000));
        assert!(!clock.is_established(at(1_001)), "one queued message proves nothing");
        clock.observe(Some(at(1_005).at - behind), None, at(1_005));
        assert_eq!(clock.correction(), behind);
        assert!(clock.is_established(at(1_010)));
        clock.observe(Some(at(1_020).at - behind - Span::secs(90)), None, at(1_020));
        assert_eq!(clock.correction(), behind, "late messages do not move the smallest");
    }

    #[test]
    fn a_leap_ahead_is_a_slip_until_it_has_lasted_an_hour() {
        let mut clock = ClockOffset::default();
        for s in [0, 20] {
            clock.observe(Some(at(s).at), None, at(s));
        }
        clock.observe(Some(at(30).at + Span::hours(2)), None, at(30));
        assert_eq!(clock.correction(), Span::ZERO);
        clock.observe(Some(at(4_000).at + Span::hours(2)), None, at(4_000));
        assert_eq!(clock.correction(), Span::hours(-2), "set, not slipped");
        assert!(!clock.is_established(at(4_001)));
    }

    #[test]
    fn a_disciplined_clock_is_believed_at_once() {
        let mut clock = ClockOffset::default();
        let ntp = Clock { source: Some(ClockSource::Ntp), timeline: None };
        clock.observe(Some(at(0).at), Some(&ntp), at(100));
        assert!(clock.is_established(at(100)));
        assert_eq!(clock.correction(), Span::ZERO);
    }

    #[test]
    fn a_new_timeline_starts_again_and_the_old_one_is_known_as_such() {
        let mut clock = ClockOffset::default();
        let line = |n| Clock { source: None, timeline: Some(n) };
        clock.observe(Some(at(0).at), Some(&line(1)), at(0));
        assert!(clock.is_established(at(10)));
        clock.observe(Some(at(500).at), Some(&line(2)), at(20));
        assert!(!clock.is_established(at(29)) && clock.is_established(at(30)));
        assert_eq!(clock.correction(), Span::secs(-480));
        assert!(clock.is_previous(Some(&line(1))) && !clock.is_previous(Some(&line(2))));
    }
}
