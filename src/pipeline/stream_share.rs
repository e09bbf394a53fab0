//! How much of every open stream one device, or one patient's numbers, may take.

use std::collections::BTreeMap;

use crate::clock::Stopwatch;

/// Who was sent a moment ago, and for how many seconds it then rests.
#[derive(Debug)]
pub(super) struct StreamShare<K> {
    bytes_a_second: f64,
    least_s: f64,
    resting: BTreeMap<K, (Stopwatch, f64)>,
}

impl<K: Ord + Clone> StreamShare<K> {
    /// After a frame one rests for as long as so many bytes a second would take, and at least for so long.
    pub(super) fn new(bytes_a_second: usize, least_s: f64) -> Self {
        Self { bytes_a_second: bytes_a_second as f64, least_s, resting: BTreeMap::new() }
    }

    /// Whether a frame about this one may be sent now.
    pub(super) fn may(&self, key: &K) -> bool {
        !self.resting.get(key).is_some_and(rests)
    }

    /// A frame of so many bytes was sent.
    pub(super) fn took(&mut self, key: &K, bytes: usize) {
        let rest_s = (bytes as f64 / self.bytes_a_second).max(self.least_s);
        self.resting.insert(key.clone(), (Stopwatch::start(), rest_s));
    }

    /// Forgets who has rested.
    pub(super) fn tidy(&mut self) {
        self.resting.retain(|_, rest| rests(rest));
    }
}

fn rests((since, rest_s): &(Stopwatch, f64)) -> bool {
    since.seconds() < *rest_s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_sent_rests_by_what_it_took_and_nobody_else_does() {
        let mut share = StreamShare::new(1_000, 0.0);
        share.took(&"large", 1_000_000);
        share.took(&"empty", 0);
        assert_eq!(["large", "empty", "other"].map(|key| share.may(&key)), [false, true, true]);
        share.tidy();
        assert_eq!(share.resting.len(), 1);
        let mut share = StreamShare::new(1_000, 1_000.0);
        share.took(&"empty", 0);
        assert!(!share.may(&"empty"));
    }
}
