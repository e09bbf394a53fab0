//! Connections by who holds them, and who holds most.

use std::collections::{BTreeMap, BTreeSet};

/// Connections by who holds them.
#[derive(Debug)]
pub(super) struct Holders<K> {
    pub(super) count: usize,
    by: BTreeMap<K, BTreeSet<u64>>,
    /// How many each holds, to find who holds most.
    ranked: BTreeSet<(usize, K)>,
}

impl<K> Default for Holders<K> {
    fn default() -> Self {
        Self { count: 0, by: BTreeMap::new(), ranked: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Holders<K> {
    pub(super) fn of(&self, who: &K) -> usize {
        self.by.get(who).map_or(0, BTreeSet::len)
    }

    pub(super) fn oldest(&self, who: &K) -> Option<u64> {
        self.by.get(who)?.first().copied()
    }

    /// Oldest first.
    pub(super) fn numbers(&self, who: &K) -> impl Iterator<Item = u64> {
        self.by.get(who).into_iter().flatten().copied()
    }

    pub(super) fn most(&self) -> Option<&K> {
        self.ranked.last().map(|(_, who)| who)
    }

    pub(super) fn add(&mut self, who: K, number: u64) {
        let held = self.by.entry(who.clone()).or_default();
        self.ranked.remove(&(held.len(), who.clone()));
        held.insert(number);
        self.ranked.insert((held.len(), who));
        self.count += 1;
    }

    pub(super) fn remove(&mut self, who: &K, number: u64) {
        let Some(held) = self.by.get_mut(who) else { return };
        let before = held.len();
        if !held.remove(&number) {
            return;
        }
        let now = held.len();
        self.count -= 1;
        self.ranked.remove(&(before, who.clone()));
        if now == 0 {
            self.by.remove(who);
        } else {
            self.ranked.insert((now, who.clone()));
        }
    }
}
