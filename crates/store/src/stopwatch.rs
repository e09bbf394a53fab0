//! How long something took, for figures only: never a time that is stored or decided by.

use std::time::Instant;

/// Runs since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

#[expect(clippy::disallowed_methods, reason = "a duration, not a time of day")]
fn now() -> Instant {
    Instant::now()
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self(now())
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        now().saturating_duration_since(self.0).as_secs_f64()
    }
}
