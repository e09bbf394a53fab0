//! Bytes of packets that are not complete yet: of all connections together no more than a budget.
//!
//! A packet is kept in memory until its last byte came, and nothing makes a client send that. When the
//! budget is used up, the connection whose packet has been incomplete for longest is ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// So much of a packet costs nothing: what every connection may hold anyway.
pub(super) const FREE: usize = 4 << 10;

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

    /// A share for a packet that begins to be large; `ended` ends its connection.
    pub(super) fn share(self: &Arc<Self>, bytes: usize, ended: CancellationToken) -> Share {
        let mut held = self.held();
        let number = held.next;
        held.next += 1;
        held.shares.insert(number, (0, ended));
        held.set(number, bytes, self.most);
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

impl Share {
    /// It holds so many bytes now.
    pub(super) fn set(&self, bytes: usize) {
        let most = self.unfinished.most;
        self.unfinished.held().set(self.number, bytes, most);
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
        let unfinished = Unfinished::new(100);
        let tokens: Vec<CancellationToken> = (0..4).map(|_| CancellationToken::new()).collect();
        let share = |n: usize, bytes| unfinished.share(bytes, tokens[n].clone());
        let (first, second) = (share(0, 40), share(1, 40));
        let third = share(2, 20);
        assert!(tokens.iter().all(|token| !token.is_cancelled()));
        third.set(30);
        assert!(tokens[0].is_cancelled() && !tokens[1].is_cancelled());
        first.set(1_000);
        assert!(!tokens[1].is_cancelled(), "it has no share any more");
        drop((first, second));
        let whole = share(3, 70);
        assert!(!tokens[2].is_cancelled());
        assert_eq!((unfinished.ended(), unfinished.ended()), (1, 0));
        drop((third, whole));
        assert_eq!(unfinished.held().total, 0);
    }
}
