//! How long a small batch waits for company: a commit costs about the same whatever is in it.
//!
//! While another commit is under way it waits for that one, which costs no time, unless that is slow. When the disk is
//! idle it waits for [`LONGEST`], as long as that pays: where devices send by their own clocks, messages come all
//! through the wait; where each waits for its acknowledgement before it sends again, they come at its beginning, and
//! waiting only makes them slower. So a wait whose second half brought nothing is not repeated at once, but
//! after more and more batches, until one pays again.

use std::time::Duration;

use crate::inbox::ENOUGH;

/// The longest wait, and what an alarm that a message raises at once may come later by.
pub(super) const LONGEST: Duration = Duration::from_millis(8);
/// Where a commit takes longer, what came meanwhile is stepped beside it.
const SLOW_COMMIT: Duration = Duration::from_millis(50);
/// After a wait that did not pay, at most so many batches are taken before the next.
const MOST_PASSED: u32 = 1_024;

/// What is in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    /// How many inputs.
    pub(super) inputs: usize,
    /// Since the first of them came, and since the last.
    pub(super) oldest: Duration,
    pub(super) newest: Duration,
    /// Something that waits for no company.
    pub(super) waits_for_none: bool,
}

/// What is known of how messages come.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Batches to take without a wait.
    passing: u32,
    /// How many that were after the last wait that did not pay.
    passed: u32,
}

/// What a batch does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is taken.
    Take,
    /// It waits so long for company.
    Wait(Duration),
    /// It waits for the commit that is under way.
    WaitForCommit,
}

impl Gathering {
    /// What is to become of what is queued, with a commit under way or none.
    pub(super) fn next(&self, queued: Queued, committing: bool) -> Next {
        if queued.waits_for_none || queued.inputs >= ENOUGH {
            return Next::Take;
        }
        if committing {
            let slow = queued.oldest >= SLOW_COMMIT;
            return if slow { Next::Take } else { Next::WaitForCommit };
        }
        match LONGEST.checked_sub(queued.oldest) {
            Some(left) if self.passing == 0 && !left.is_zero() => Next::Wait(left),
            _ => Next::Take,
        }
    }

    /// Learns from what was taken.
    pub(super) fn taken(&mut self, queued: Queued) {
        if self.passing > 0 {
            self.passing -= 1;
        } else if queued.oldest >= LONGEST {
            if queued.newest * 2 < queued.oldest && queued.inputs > 1 {
                self.passed = 0;
            } else {
                self.passed = (self.passed * 2).clamp(1, MOST_PASSED);
                self.passing = self.passed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(inputs: usize, oldest_ms: u64, newest_ms: u64) -> Queued {
        let (oldest, newest) = (Duration::from_millis(oldest_ms), Duration::from_millis(newest_ms));
        Queued { inputs, oldest, newest, waits_for_none: false }
    }

    #[test]
    fn a_small_batch_waits_while_that_brings_company() {
        let mut gathering = Gathering::default();
        for _ in 0..100 {
            let left = gathering.next(queued(1, 3, 3), false);
            assert_eq!(left, Next::Wait(Duration::from_millis(5)));
            assert_eq!(gathering.next(queued(8, 8, 1), false), Next::Take);
            gathering.taken(queued(8, 8, 1));
        }
    }

    #[test]
    fn who_waits_for_the_acknowledgement_is_made_to_wait_ever_less_often() {
        let mut gathering = Gathering::default();
        let mut waits = 0;
        for _ in 0..10_000 {
            if gathering.next(queued(1, 0, 0), false) == Next::Take {
                gathering.taken(queued(1, 0, 0));
            } else {
                waits += 1;
                gathering.taken(queued(1, 9, 9));
            }
        }
        assert!((10..=20).contains(&waits), "{waits}");
    }

    #[test]
    fn neither_a_full_batch_nor_one_that_waits_for_none_waits_and_a_small_one_for_the_disk_unless_that_is_slow()
     {
        let gathering = Gathering::default();
        assert_eq!(gathering.next(queued(ENOUGH, 0, 0), true), Next::Take);
        assert_eq!(
            gathering.next(Queued { waits_for_none: true, ..queued(1, 0, 0) }, true),
            Next::Take
        );
        assert_eq!(gathering.next(queued(ENOUGH - 1, 49, 0), true), Next::WaitForCommit);
        assert_eq!(gathering.next(queued(1, 50, 0), true), Next::Take);
    }
}
