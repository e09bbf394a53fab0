//! The only reader of time.
//!
//! `at = max(previous at + monotonic time elapsed, wall clock)`: it never goes back, never stands
//! still, and follows the wall clock forward. `offset = wall clock − at` is what a clock that was
//! set back leaves behind; `at + offset` is what people and devices see.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use vitalgate_domain::model::time::Stamp;
use vitalgate_domain::model::time::{Span, Timestamp};
pub use vitalgate_store::Stopwatch;

/// The gateway's clock; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    state: Arc<Mutex<State>>,
    follows_stream: bool,
}

#[derive(Debug)]
struct State {
    last: Timestamp,
    read: Instant,
    stream: Option<Timestamp>,
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn read() -> (Instant, Timestamp) {
    (Instant::now(), wall())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn wall() -> Timestamp {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX))
}

impl Clock {
    /// Follows the machine's clock; `after` is the stamp of the last row, never undercut.
    pub fn system(after: Timestamp) -> Self {
        let (read, wall) = read();
        Self::of(State { last: wall.max(after), read, stream: None })
    }

    /// `--clock stream`: time is the newest `sent_at` observed, from `after` on.
    pub fn stream(after: Timestamp) -> Self {
        let (read, _) = read();
        Self::of(State { last: after, read, stream: Some(after) })
    }

    fn of(state: State) -> Self {
        let follows_stream = state.stream.is_some();
        Self { state: Arc::new(Mutex::new(state)), follows_stream }
    }

    /// Whether time follows the messages.
    pub fn follows_stream(&self) -> bool {
        self.follows_stream
    }

    /// A message says it was sent at this time. Only `--clock stream` listens.
    pub fn observe(&self, sent_at: Timestamp) {
        if let Some(newest) = &mut self.lock().stream {
            *newest = (*newest).max(sent_at);
        }
    }

    /// Reads the clock.
    pub fn stamp(&self) -> Stamp {
        let mut state = self.lock();
        if let Some(newest) = state.stream {
            state.last = newest.max(state.last + Span::micros(1));
            return Stamp { at: state.last, offset: Span::ZERO };
        }
        let (read, wall) = read();
        let elapsed = read.saturating_duration_since(state.read).as_micros();
        let elapsed = Span::micros(i64::try_from(elapsed).unwrap_or(i64::MAX).max(1));
        state.last = (state.last + elapsed).max(wall);
        state.read = read;
        Stamp { at: state.last, offset: wall - state.last }
    }

    /// What a stamp would say now, without taking one: no row to come has an earlier stamp.
    pub fn now(&self) -> Timestamp {
        let state = self.lock();
        if let Some(newest) = state.stream {
            return newest.max(state.last);
        }
        let (read, wall) = read();
        let elapsed = read.saturating_duration_since(state.read).as_micros();
        (state.last + Span::micros(i64::try_from(elapsed).unwrap_or(i64::MAX))).max(wall)
    }

    /// The time shown.
    pub fn wall(&self) -> Timestamp {
        if !self.follows_stream {
            return wall();
        }
        let state = self.lock();
        state.stream.unwrap_or(state.last)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_behind_the_last_row() {
        let far = Timestamp::from_millis(4_000_000_000_000);
        let clock = Clock::system(far);
        let first = clock.stamp();
        let second = clock.stamp();
        assert!(first.at > far && second.at > first.at);
        assert!(second.offset < Span::ZERO, "the wall clock is behind the store");
        assert!(clock.now() >= second.at && clock.stamp().at > second.at);
        assert!((second.wall() - clock.wall()).as_secs_f64().abs() < 60.0);
    }

    #[test]
    fn a_stream_clock_stands_until_it_hears_and_never_returns() {
        let clock = Clock::stream(Timestamp::from_millis(1_000));
        clock.observe(Timestamp::from_millis(5_000));
        clock.observe(Timestamp::from_millis(2_000));
        assert_eq!(clock.wall(), Timestamp::from_millis(5_000));
        let at = clock.stamp().at;
        assert_eq!((clock.now(), clock.now()), (at, at), "looking moves nothing");
        assert!(clock.stamp().at > at);
    }
}
