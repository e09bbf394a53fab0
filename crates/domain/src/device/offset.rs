//! The offset of a sender's clock, so that age never mixes two clocks (contract §3).
//!
//! A message whose time is far from its arrival comes from a wrong clock or from a queue. A wrong clock
//! goes on at the pace of arrival; a queue that is emptied goes faster, and moves no offset.

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use super::lag::Lag;
use super::pace::{Advance, advance};
use crate::model::message::{Clock, ClockSource};
use crate::model::time::{Span, Stamp, Timestamp};

/// The estimate looks back one hour, in slices of five minutes.
const SLICE: i64 = 300_000_000;
const SLICES: i64 = 12;
/// The offset in use moves only when the estimate has moved by more than this, so that the same
/// device time keeps giving the same corrected time.
const PLAY: Span = Span::millis(500);
/// A time of sending this near to its arrival, or to what the known offset predicts, is believed at once.
const NEAR: Span = Span::secs(30);

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
    #[n(4)]
    disciplined: bool,
    /// Messages of another offset than the one in use.
    #[n(5)]
    #[cbor(default)]
    other: Option<Other>,
    /// What remains wrong of its stamps once they are corrected.
    #[n(6)]
    #[cbor(default)]
    pub(super) lag: Lag,
}

/// Messages that come from a queue, or from a clock that is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Other {
    /// Arrival of the first, in the gateway's own time.
    #[n(0)]
    arrived: Timestamp,
    /// Its time of sending.
    #[n(1)]
    sent: Timestamp,
    /// That of the last one.
    #[n(2)]
    last: Timestamp,
    #[n(3)]
    messages: u32,
    /// They come faster than they were sent.
    #[n(4)]
    queue: bool,
    /// Smallest arrival − sent.
    #[n(5)]
    #[cbor(default)]
    smallest: Span,
    /// Others came since, where the known offset predicts: what comes next begins anew.
    #[n(6)]
    #[cbor(default)]
    ended: bool,
}

impl ClockOffset {
    /// A message with `sent_at` (or its newest reading in its stead) came live at `now`; what its
    /// offset was before, where its clock was put right.
    pub fn observe(
        &mut self,
        sent_at: Option<Timestamp>,
        clock: Option<&Clock>,
        now: Stamp,
    ) -> Option<Span> {
        if let Some(clock) = clock {
            self.is_kept_by(clock);
            if clock.timeline.is_some() && clock.timeline > self.timeline {
                if self.timeline.is_some() {
                    self.start();
                }
                self.timeline = clock.timeline;
            }
        }
        let sent_at = sent_at.filter(|sent_at| *sent_at >= Timestamp::YEAR_2000)?;
        let offset = now.wall() - sent_at;
        if self.predicts(offset) {
            // A queue goes on beside live messages, and what comes between them is no run.
            self.other.take_if(|other| !other.queue);
            if let Some(other) = &mut self.other {
                other.ended = true;
            }
            self.sample(offset, now);
            return None;
        }
        if is_near(offset, Span::ZERO) {
            let stepped = self.in_use.filter(|_| !self.disciplined);
            self.start();
            self.sample(offset, now);
            return stepped;
        }
        if let Some(smallest) = self.goes_on(sent_at, now) {
            self.start();
            self.sample(smallest, now);
        }
        None
    }

    /// What keeps the clock, as a message says, whenever that came.
    pub fn is_kept_by(&mut self, clock: &Clock) {
        self.disciplined = matches!(clock.source, Some(ClockSource::Network | ClockSource::Ntp));
    }

    /// The gateway's wall clock moved by so much: what was learnt against it moves along.
    pub fn wall_stepped(&mut self, by: Span) {
        for (_, smallest) in &mut self.slices {
            *smallest = *smallest + by;
        }
        self.in_use = self.in_use.map(|offset| offset + by);
    }

    fn start(&mut self) {
        self.slices.clear();
        self.in_use = None;
        self.other = None;
    }

    fn predicts(&self, offset: Span) -> bool {
        self.in_use.is_some_and(|in_use| is_near(offset, in_use))
    }

    /// The smallest offset of messages that have come at the pace of arrival for long enough.
    fn goes_on(&mut self, sent_at: Timestamp, now: Stamp) -> Option<Span> {
        let smallest = now.wall() - sent_at;
        let first = |queue| Other {
            arrived: now.at,
            sent: sent_at,
            last: sent_at,
            messages: 1,
            queue,
            smallest,
            ended: false,
        };
        let Some(other) = &mut self.other else {
            self.other = Some(first(false));
            return None;
        };
        if other.ended {
            let queue = other.queue;
            *other = first(queue);
            return None;
        }
        if sent_at <= other.last {
            self.other = Some(first(false));
            return None;
        }
        other.last = sent_at;
        other.messages += 1;
        other.smallest = other.smallest.min(smallest);
        match advance(now.at - other.arrived, sent_at - other.sent, other.messages) {
            Advance::Faster => self.other = Some(first(true)),
            Advance::Slower => self.other = Some(first(false)),
            Advance::Unknown => {}
            Advance::AtPace => return Some(other.smallest),
        }
        None
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

    /// Whether the times of a message sent at `sent_at` can be relied on once they are corrected: it lies
    /// where its clock is known to be, or before that, in a queue.
    pub fn is_certain(&self, sent_at: Option<Timestamp>, now: Stamp) -> bool {
        let Some(sent_at) = sent_at else { return true };
        let since = |in_use: Span| now.wall() - sent_at >= in_use - NEAR;
        self.disciplined || (sent_at >= Timestamp::YEAR_2000 && self.in_use.is_some_and(since))
    }

    /// Whether what was sent then is of a queue that is emptied, beside which live messages may come.
    pub fn is_queue(&self, sent_at: Option<Timestamp>, now: Stamp) -> bool {
        let live = sent_at.is_some_and(|sent_at| self.predicts(now.wall() - sent_at));
        !live && self.other.as_ref().is_some_and(|other| other.queue)
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

pub(super) fn is_near(a: Span, b: Span) -> bool {
    (a - b).as_micros().saturating_abs() <= NEAR.as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Stamp {
        Stamp { at: Timestamp::from_millis(1_700_000_000_000 + s * 1_000), offset: Span::ZERO }
    }

    /// Messages of a clock that is `behind` by so much, each sent and come at these seconds.
    fn send(clock: &mut ClockOffset, behind: Span, times: &[(i64, i64)]) {
        for (sent, come) in times {
            clock.observe(Some(at(*sent).at - behind), None, at(*come));
        }
    }

    #[test]
    fn a_clock_near_the_time_is_believed_at_once() {
        let mut clock = ClockOffset::default();
        send(&mut clock, Span::secs(20), &[(0, 0)]);
        assert!(clock.is_certain(Some(at(0).at - Span::secs(20)), at(0)));
        assert_eq!(clock.correction(), Span::secs(20));
    }

    #[test]
    fn a_clock_six_minutes_behind_is_learnt_by_its_pace() {
        let mut clock = ClockOffset::default();
        let behind = Span::mins(6);
        send(&mut clock, behind, &[(0, 0), (5, 5)]);
        assert!(!clock.is_certain(Some(at(5).at - behind), at(5)), "two messages prove nothing");
        send(&mut clock, behind, &[(10, 10)]);
        assert_eq!(clock.correction(), behind);
        assert!(clock.is_certain(Some(at(10).at - behind), at(10)));
    }

    #[test]
    fn a_queue_moves_nothing_however_long_it_is() {
        let mut clock = ClockOffset::default();
        let queue: Vec<_> = (0..5_000).map(|n| (n * 52 - 260_000, n / 30)).collect();
        send(&mut clock, Span::ZERO, &queue[..4_900]);
        assert_eq!((clock.correction(), clock.shown_ms()), (Span::ZERO, None));
        let (sent, come) = queue[4_899];
        assert!(clock.is_queue(Some(at(sent).at), at(come)));
        send(&mut clock, Span::ZERO, &[(200, 200)]);
        assert_eq!(clock.shown_ms(), Some(0));
        send(&mut clock, Span::ZERO, &[(-7_000, 201), (-6_000, 212), (-5_000, 223)]);
        assert_eq!(clock.shown_ms(), Some(0));
        assert!(clock.is_certain(Some(at(-5_000).at), at(223)), "its time is as it says");
    }

    #[test]
    fn a_clock_that_was_put_right_is_believed_at_once() {
        let mut clock = ClockOffset::default();
        let ahead = Span::hours(-3);
        send(&mut clock, ahead, &[(0, 0), (5, 5), (11, 11)]);
        assert_eq!(clock.correction(), ahead);
        assert_eq!(clock.observe(Some(at(20).at), None, at(20)), Some(ahead), "stepped");
        assert_eq!(clock.correction(), Span::ZERO);
        assert!(clock.is_certain(Some(at(20).at), at(20)));
    }

    #[test]
    fn a_leap_ahead_is_doubtful_until_it_goes_on_at_the_pace_of_arrival() {
        let mut clock = ClockOffset::default();
        send(&mut clock, Span::ZERO, &[(0, 0), (20, 20)]);
        let leapt = |s| Some(at(s).at + Span::hours(2));
        clock.observe(leapt(30), None, at(30));
        assert!(!clock.is_certain(leapt(30), at(30)));
        assert_eq!(clock.correction(), Span::ZERO);
        clock.observe(leapt(36), None, at(36));
        clock.observe(leapt(41), None, at(41));
        assert_eq!(clock.correction(), Span::hours(-2), "set, not slipped");
    }

    #[test]
    fn a_clock_that_stands_still_is_never_believed() {
        let mut clock = ClockOffset::default();
        let stopped: Vec<_> = (0..100).map(|n| (-1_000, n)).collect();
        send(&mut clock, Span::ZERO, &stopped);
        assert_eq!(clock.shown_ms(), None);
    }

    #[test]
    fn a_disciplined_clock_is_believed_at_once() {
        let mut clock = ClockOffset::default();
        let ntp = Clock { source: Some(ClockSource::Ntp), timeline: None };
        clock.observe(Some(at(0).at), Some(&ntp), at(100));
        assert!(clock.is_certain(Some(at(0).at), at(100)));
        assert_eq!(clock.correction(), Span::ZERO);
    }

    #[test]
    fn a_new_timeline_starts_again_and_the_old_one_is_known_as_such() {
        let mut clock = ClockOffset::default();
        let line = |n| Clock { source: None, timeline: Some(n) };
        clock.observe(Some(at(0).at), Some(&line(1)), at(0));
        assert_eq!(clock.shown_ms(), Some(0));
        clock.observe(Some(at(500).at), Some(&line(2)), at(20));
        assert_eq!(clock.shown_ms(), None);
        assert!(clock.is_previous(Some(&line(1))) && !clock.is_previous(Some(&line(2))));
    }
}
