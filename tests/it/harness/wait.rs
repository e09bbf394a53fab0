//! Waiting for what comes, and no longer than that.

use std::thread;
use std::time::Duration;

use vitalgate::clock::Stopwatch;

/// Longer than anything takes on a busy machine; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that does not announce itself.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `look` finds something.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE.as_secs_f64(), what, look)
}

/// The same, for what takes longer.
pub(crate) fn eventually_within<T>(
    seconds: f64,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(watch.seconds() < seconds, "waited in vain until {what}");
        thread::park_timeout(LOOK_AGAIN);
    }
}
