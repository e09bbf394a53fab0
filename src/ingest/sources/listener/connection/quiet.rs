//! How long a client has sent no packet, which keep-alive bounds.

use std::time::Duration;

use crate::clock::Stopwatch;

/// So many bytes of a packet that is not yet complete count like one: a large packet may take longer
/// over a thin line than the keep-alive time.
const PROGRESS: usize = 1 << 10;

/// The time without a packet.
#[derive(Debug)]
pub(super) struct Quiet {
    /// One and a half times what CONNECT said; `None` for no bound.
    patience: Option<Duration>,
    since: Stopwatch,
    bytes: usize,
    listens: bool,
}

impl Quiet {
    /// For a keep-alive of so many seconds; 0 is none.
    pub(super) fn new(keep_alive: u16) -> Self {
        let patience = Duration::from_millis(u64::from(keep_alive) * 1_500);
        let patience = (keep_alive > 0).then_some(patience);
        Self { patience, since: Stopwatch::start(), bytes: 0, listens: true }
    }

    /// A packet came.
    pub(super) fn end(&mut self) {
        if self.patience.is_some() {
            self.since = Stopwatch::start();
        }
        self.bytes = 0;
    }

    /// So many bytes came.
    pub(super) fn took(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= PROGRESS {
            self.end();
        }
    }

    /// Whether the client is read at all: while it is not, it is not blamed.
    pub(super) fn listens(&mut self, listens: bool) {
        if listens && !std::mem::replace(&mut self.listens, listens) {
            self.end();
        }
        self.listens = listens;
    }

    /// How long the client may be quiet yet.
    pub(super) fn left(&self) -> Duration {
        let Some(patience) = self.patience else { return Duration::MAX };
        patience.saturating_sub(Duration::from_secs_f64(self.since.seconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_a_half_times_the_keep_alive_may_pass() {
        assert_eq!(Quiet::new(0).left(), Duration::MAX);
        let left = Quiet::new(60).left();
        assert!(left <= Duration::from_secs(90) && left > Duration::from_secs(80), "{left:?}");
    }
}
