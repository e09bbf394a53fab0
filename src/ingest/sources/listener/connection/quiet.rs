//! How long a client has sent no packet, which keep-alive bounds.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

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
    /// Runs out no later than the patience. It is left as it is while packets come, and set anew when it runs out.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Quiet {
    /// For a keep-alive of so many seconds; 0 is none.
    pub(super) fn new(keep_alive: u16) -> Self {
        let patience = Duration::from_millis(u64::from(keep_alive) * 1_500);
        let patience = (keep_alive > 0).then_some(patience);
        Self { patience, since: Stopwatch::start(), bytes: 0, listens: true, timer: None }
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

    /// Waits until the client has been quiet for too long.
    pub(super) async fn too_long(&mut self) {
        loop {
            let Some(left) = self.left() else { return std::future::pending().await };
            if left.is_zero() {
                return;
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(left)));
            timer.as_mut().await;
            self.timer = None;
        }
    }

    /// How long the client may be quiet yet; `None` for ever.
    fn left(&self) -> Option<Duration> {
        let patience = self.patience?;
        Some(patience.saturating_sub(Duration::from_secs_f64(self.since.seconds())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_a_half_times_the_keep_alive_may_pass() {
        assert_eq!(Quiet::new(0).left(), None);
        let left = Quiet::new(60).left().unwrap();
        assert!(left <= Duration::from_secs(90) && left > Duration::from_secs(80), "{left:?}");
    }
}
