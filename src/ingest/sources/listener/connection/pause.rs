//! How long a client is not read, because it sent more than its budget.

use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Stopwatch;

/// A pause, or none.
#[derive(Debug, Default)]
pub(super) struct Pause(Option<(Stopwatch, Duration)>);

impl Pause {
    /// For so long from now on.
    pub(super) fn begin(&mut self, length: Duration) {
        self.0 = (length > Duration::ZERO).then(|| (Stopwatch::start(), length));
    }

    /// Whether it goes on.
    pub(super) fn goes_on(&self) -> bool {
        !self.left().is_zero()
    }

    /// Waits for its end.
    pub(super) async fn end(&self) {
        sleep(self.left()).await;
    }

    fn left(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |(since, length)| {
            length.saturating_sub(Duration::from_secs_f64(since.seconds()))
        })
    }
}
