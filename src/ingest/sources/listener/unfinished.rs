//! Bytes of packets that are not complete yet: of all connections together no more than a budget.
//!
//! A packet is kept in memory until its last byte came, and nothing makes a client send that. When the
//! budget is used up, the connection whose packet has been incomplete for longest is ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// So much of a packet costs nothing: what every connection may hold anyway.
const FREE: usize = 4 << 10;

/// The budget.
#[derive(Debug)]
pub(super) struct Unfinished {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    total: usize,
    /// By number, so by how long it has been incomplete.
    shares: BTreeMap<u64, (usize, CancellationToken)>,
    ended: u64,
}

/// What one connection holds of it, given back on drop.
#[derive(Debug)]
pub(super) struct Share {
    unfinished: Arc<Unfinished>,
    number: u64,
}

impl Unfinished {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// A connection holds so many bytes of a packet that is not complete: its share becomes as much, and ends
    /// where that is little. `ended` ends the connection.
    pub(super) fn hold(
        self: &Arc<Self>,
        share: &mut Option<Share>,
        bytes: usize,
        ended: impl FnOnce() -> CancellationToken,
    ) {
        if bytes <= FREE {
            *share = None;
            return;
        }
        let share = share.get_or_insert_with(|| self.begin(ended()));
        self.held().set(share.number, bytes, self.most);
    }

    fn begin(self: &Arc<Self>, ended: CancellationToken) -> Share {
        let mut held = self.held();
        let number = held.next;
        held.next += 1;
        held.shares.insert(number, (0, ended));
        Share { unfinished: Arc::clone(self), number }
    }

    /// How many connections were ended since it was asked last.
    pub(super) fn ended(&self) -> u64 {
        std::mem::take(&mut self.held().ended)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.unfinished.held();
        if let Some((bytes, _)) = held.shares.remove(&self.number) {
            held.total -= bytes;
        }
    }
}

impl Held {
    fn set(&mut self, number: u64, bytes: usize, most: usize) {
        let Some((before, _)) = self.shares.get_mut(&number) else { return };
        self.total = self.total - *before + bytes;
        *before = bytes;
        while self.total > most
            && let Some((_, (bytes, ended))) = self.shares.pop_first()
        {
            self.total -= bytes;
            self.ended += 1;
            ended.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_leaves_a_packet_incomplete_for_longest_is_ended_when_the_budget_is_used_up() {
        let unfinished = Unfinished::new(10 * FREE);
        let tokens: Vec<CancellationToken> = (0..4).map(|_| CancellationToken::new()).collect();
        let mut shares = [None, None, None, None];
        let mut hold = |n: usize, bytes| {
            unfinished.hold(&mut shares[n], bytes, || tokens[n].clone());
        };
        let ended = |n: usize| tokens[n].is_cancelled();
        for (n, parts) in [(0, 4), (1, 4), (2, 2)] {
            hold(n, parts * FREE);
        }
        assert!(!ended(0) && !ended(1) && !ended(2));
        hold(2, 3 * FREE);
        assert!(ended(0) && !ended(1));
        hold(0, 100 * FREE);
        assert!(!ended(1), "it has no share any more");
        hold(1, FREE);
        hold(3, 7 * FREE);
        assert!(!ended(2), "whoever ended its packet gave its share back");
        assert_eq!((unfinished.ended(), unfinished.ended()), (1, 0));
        drop(shares);
        assert_eq!(unfinished.held().total, 0);
    }
}
