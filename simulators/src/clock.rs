//! The only reader of time in this crate.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn wall() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock, for pace and latency.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Ties a wall time to a moment of the monotonic clock, so that a schedule in wall time is kept
/// although the wall clock may be stepped.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    wall: Timestamp,
    monotonic: Instant,
}

impl Epoch {
    /// The present moment.
    pub fn now() -> Self {
        Self { wall: wall(), monotonic: monotonic() }
    }

    /// The wall time of the epoch.
    pub fn start(self) -> Timestamp {
        self.wall
    }

    /// The wall time that belongs to the present moment of the monotonic clock.
    pub fn wall(self) -> Timestamp {
        add(self.wall, self.monotonic.elapsed())
    }

    /// When the monotonic clock reaches `at`; the epoch itself for anything earlier.
    pub fn moment(self, at: Timestamp) -> Instant {
        let after = Duration::try_from(at.duration_since(self.wall)).unwrap_or_default();
        self.monotonic + after
    }
}

/// `at` plus `span`, held at the end of time.
pub fn add(at: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
