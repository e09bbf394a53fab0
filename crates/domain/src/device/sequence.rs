//! Sequence numbers: redeliveries, holes, reused numbers and restarts (contract §2, "Same message").

use minicbor::{Decode, Encode};

use super::pace::{Advance, advance};
use crate::model::time::Timestamp;

/// How many numbers below the highest are remembered.
const WINDOW: u64 = 64;

/// The numbers of one (device, topic kind).
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Sequence {
    #[n(0)]
    boot: Option<u64>,
    #[n(1)]
    highest: Option<u64>,
    /// Bit `i`: `highest − i` was seen.
    #[n(2)]
    seen: u64,
    /// Hashes of the numbers seen, at `seq % 64`.
    #[n(3)]
    hashes: Vec<u64>,
    /// The newest time the last message gave, to distinguish a restart from an old message.
    #[n(4)]
    newest: Option<Timestamp>,
    /// Numbers jumped over and not yet come.
    #[n(5)]
    holes: u64,
    /// Messages in a row of a lower `boot`, or below the window, that carry ever newer times.
    #[n(6)]
    #[cbor(default)]
    lower: u8,
    /// Those of them that came live, by their pace: a clock that went back with the counter.
    #[n(7)]
    #[cbor(default)]
    back: Option<Back>,
}

/// Messages in a row of a lower `boot`, or below the window, that came live.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Back {
    /// Arrival of the first, in the gateway's own time.
    #[n(0)]
    arrived: Timestamp,
    /// Its time.
    #[n(1)]
    stamp: Timestamp,
    /// That of the last.
    #[n(2)]
    last: Timestamp,
    #[n(3)]
    messages: u32,
}

/// A number that went back is of a new counter after so many messages in a row with newer times.
const LOWER: u8 = 3;

/// What follows from a message's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SequenceOutcome {
    /// Not seen before.
    New,
    /// The same message again: counted, not stored.
    Redelivered,
    /// The number of another message: stored all the same.
    Reused,
    /// Without `boot`, the counter started again.
    Reset,
    /// Of an earlier `boot` or below the window: an old message, recognised by its readings.
    Old,
    /// `boot` or `seq` went back and stays so: the counter started again.
    BootReset,
    /// The message has no number.
    Unnumbered,
}

impl Sequence {
    /// Takes in a message's numbers. `newest` is its `sent_at`, or its newest reading's time; `live` when it arrived, in
    /// the gateway's own time, if it may be live.
    pub(super) fn take(
        &mut self,
        boot: Option<u64>,
        seq: Option<u64>,
        hash: u64,
        newest: Option<Timestamp>,
        live: Option<Timestamp>,
    ) -> SequenceOutcome {
        let Some(seq) = seq else { return SequenceOutcome::Unnumbered };
        let outcome = self.classify(boot, seq, hash, (newest, live));
        match outcome {
            SequenceOutcome::New | SequenceOutcome::Reset => {
                self.newest = self.newest.max(newest);
                (self.lower, self.back) = (0, None);
            }
            SequenceOutcome::BootReset => {
                self.newest = newest;
                (self.lower, self.back) = (0, None);
            }
            SequenceOutcome::Old
            | SequenceOutcome::Redelivered
            | SequenceOutcome::Reused
            | SequenceOutcome::Unnumbered => {}
        }
        outcome
    }

    fn classify(
        &mut self,
        boot: Option<u64>,
        seq: u64,
        hash: u64,
        (newest, live): (Option<Timestamp>, Option<Timestamp>),
    ) -> SequenceOutcome {
        let Some(highest) = self.highest else {
            self.start(boot, seq, hash);
            return SequenceOutcome::New;
        };
        // A device that states no `boot` any more is taken as it is.
        let stated = boot.is_some();
        let boot = boot.or(self.boot);
        if boot > self.boot {
            self.start(boot, seq, hash);
            return SequenceOutcome::New;
        }
        if boot < self.boot {
            return self.went_back(boot, seq, hash, (newest, live));
        }
        if seq > highest {
            let jump = seq - highest;
            self.holes = self.holes.saturating_add(jump - 1);
            self.seen = if jump < WINDOW { self.seen << jump } else { 0 };
            self.highest = Some(seq);
            self.mark(seq, hash);
            return SequenceOutcome::New;
        }
        if highest - seq < WINDOW {
            if self.seen & (1 << (highest - seq)) == 0 {
                self.holes = self.holes.saturating_sub(1);
                self.mark(seq, hash);
                return SequenceOutcome::New;
            }
            return if self.hashes[slot(seq)] == hash {
                SequenceOutcome::Redelivered
            } else if !stated && newest > self.newest {
                self.start(boot, seq, hash);
                SequenceOutcome::Reset
            } else {
                SequenceOutcome::Reused
            };
        }
        if !stated && newest > self.newest {
            self.start(boot, seq, hash);
            return SequenceOutcome::Reset;
        }
        self.went_back(boot, seq, hash, (newest, live))
    }

    fn went_back(
        &mut self,
        boot: Option<u64>,
        seq: u64,
        hash: u64,
        (newest, live): (Option<Timestamp>, Option<Timestamp>),
    ) -> SequenceOutcome {
        let at_pace = self.goes_on(newest, live);
        if newest > self.newest {
            self.newest = newest;
            self.lower += 1;
        } else {
            self.lower = 0;
        }
        if self.lower < LOWER && !at_pace {
            return SequenceOutcome::Old;
        }
        self.start(boot, seq, hash);
        SequenceOutcome::BootReset
    }

    /// Whether messages whose number went back have come live at the pace of a clock for long enough.
    fn goes_on(&mut self, newest: Option<Timestamp>, live: Option<Timestamp>) -> bool {
        let (Some(stamp), Some(arrived)) = (newest, live) else { return false };
        let first = Back { arrived, stamp, last: stamp, messages: 1 };
        let Some(back) = self.back.as_mut().filter(|back| stamp > back.last) else {
            self.back = Some(first);
            return false;
        };
        back.last = stamp;
        back.messages += 1;
        match advance(arrived - back.arrived, stamp - back.stamp, back.messages) {
            Advance::AtPace => return true,
            Advance::Unknown => {}
            Advance::Faster | Advance::Slower => self.back = Some(first),
        }
        false
    }

    /// Reads something of where the next number will stand.
    pub(super) fn glance(&self) -> usize {
        let next = self.highest.map_or(0, |highest| slot(highest.wrapping_add(1)));
        self.hashes.get(next).map_or(0, |hash| *hash as usize)
    }

    /// Numbers missing so far.
    pub(super) fn holes(&self) -> u64 {
        self.holes
    }

    fn start(&mut self, boot: Option<u64>, seq: u64, hash: u64) {
        self.boot = boot;
        self.highest = Some(seq);
        self.seen = 0;
        self.hashes = vec![0; WINDOW as usize];
        self.mark(seq, hash);
    }

    fn mark(&mut self, seq: u64, hash: u64) {
        if let Some(highest) = self.highest {
            self.seen |= 1 << (highest - seq);
            self.hashes[slot(seq)] = hash;
        }
    }
}

fn slot(seq: u64) -> usize {
    (seq % WINDOW) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    type Step = (Option<u64>, Option<u64>, u64, i64, SequenceOutcome);

    #[test]
    fn numbers_in_every_order() {
        use SequenceOutcome::{New, Old, Redelivered, Reset, Reused, Unnumbered};
        let check = |steps: &[Step], holes: u64| {
            let mut s = Sequence::default();
            for (i, (boot, seq, hash, time, expected)) in steps.iter().enumerate() {
                assert_eq!(
                    s.take(*boot, *seq, *hash, Some(Timestamp::from_millis(time * 1_000)), None),
                    *expected,
                    "step {i} of {steps:?}"
                );
            }
            assert_eq!(s.holes(), holes, "{steps:?}");
        };
        let b = Some(1);
        check(
            &[(b, Some(1), 10, 1, New), (b, Some(2), 11, 2, New), (b, Some(2), 11, 2, Redelivered)],
            0,
        );
        check(&[(b, Some(1), 10, 1, New), (b, Some(4), 13, 4, New), (b, Some(2), 11, 2, New)], 1);
        check(&[(b, Some(1), 10, 1, New), (b, Some(1), 99, 2, Reused)], 0);
        check(&[(b, Some(900), 1, 1, New), (b, Some(1), 2, 9, Old)], 0);
        check(
            &[(b, Some(900), 1, 1, New), (Some(2), Some(1), 2, 9, New), (b, Some(901), 3, 9, Old)],
            0,
        );
        check(
            &[
                (None, Some(900), 1, 1, New),
                (None, Some(1), 2, 9, Reset),
                (None, Some(2), 3, 10, New),
            ],
            0,
        );
        check(&[(None, Some(900), 1, 5, New), (None, Some(1), 2, 4, Old)], 0);
        check(
            &[
                (None, None, 1, 5, Unnumbered),
                (b, Some(u64::MAX), 2, 4, New),
                (b, Some(0), 3, 4, Old),
            ],
            0,
        );
    }

    #[test]
    fn a_counter_that_went_back_at_the_same_boot_counts_anew_with_the_third_newer_time() {
        use SequenceOutcome::{BootReset, New, Old, Redelivered, Reused};
        let b = Some(1);
        let steps: [Step; 14] = [
            (b, Some(u64::MAX), 1, 1, New),
            (b, Some(2), 2, 2, Old),
            (b, Some(3), 3, 3, Old),
            // One of before is in between: the row begins anew.
            (b, Some(4), 4, 1, Old),
            (b, Some(5), 5, 4, Old),
            (b, Some(6), 6, 5, Old),
            (b, Some(7), 7, 6, BootReset),
            (b, Some(8), 8, 7, New),
            (b, Some(8), 8, 7, Redelivered),
            (b, Some(255), 9, 8, New),
            (b, Some(0), 10, 9, Old),
            (b, Some(1), 11, 10, Old),
            (b, Some(2), 12, 11, BootReset),
            (b, Some(2), 13, 12, Reused),
        ];
        let mut s = Sequence::default();
        for (i, (boot, seq, hash, time, expected)) in steps.into_iter().enumerate() {
            let newest = Some(Timestamp::from_millis(time * 1_000));
            assert_eq!(s.take(boot, seq, hash, newest, None), expected, "step {i}");
        }
    }

    #[test]
    fn a_counter_and_a_clock_that_went_back_together_count_anew_at_the_pace_of_a_clock() {
        use SequenceOutcome::{BootReset, New, Old};
        let at = |s: i64| Timestamp::from_millis(s * 1_000);
        for (boot, every, live, from) in [
            (1, 1, true, Some(10)),
            (9, 1, true, Some(10)),
            (1, 4, true, Some(3)),
            // A queue that is emptied goes faster, and what waited in a session shows no pace.
            (1, 0, true, None),
            (1, 1, false, None),
        ] {
            let mut s = Sequence::default();
            assert_eq!(s.take(Some(9), Some(900), 1, Some(at(9_000)), Some(at(9_000))), New);
            let outcomes: Vec<_> = (0..12_i64)
                .map(|n| {
                    let arrived = live.then(|| at(9_001 + n * every));
                    let sent = at(5_000 + n * every.max(1));
                    s.take(Some(boot), Some(n as u64), n as u64, Some(sent), arrived)
                })
                .collect();
            let expected = |n: usize| match from {
                Some(from) if n == from => BootReset,
                Some(from) if n > from => New,
                _ => Old,
            };
            assert_eq!(
                outcomes,
                (0..12).map(expected).collect::<Vec<_>>(),
                "{boot} {every} {live}"
            );
        }
    }

    #[test]
    fn a_device_that_states_no_boot_any_more_is_taken_as_it_is() {
        use SequenceOutcome::{New, Old, Redelivered, Reset};
        let mut s = Sequence::default();
        let b = Some(5);
        let steps: [Step; 7] = [
            (b, Some(900), 1, 1, New),
            (None, Some(901), 2, 2, New),
            (None, Some(901), 2, 2, Redelivered),
            (None, Some(1), 3, 1, Old),
            (None, Some(1), 3, 9, Reset),
            (None, Some(2), 4, 10, New),
            (b, Some(3), 5, 11, New),
        ];
        for (i, (boot, seq, hash, time, expected)) in steps.into_iter().enumerate() {
            let newest = Some(Timestamp::from_millis(time * 1_000));
            assert_eq!(s.take(boot, seq, hash, newest, None), expected, "step {i}");
        }
    }
}
