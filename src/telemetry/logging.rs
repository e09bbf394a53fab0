//! The log: to standard error, without anything of a patient. Whoever reads it slowly, or not at all, holds up nothing:
//! lines wait for it in memory, and beyond a bound they are lost and counted.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};

/// So many lines wait to be written.
const MOST_WAITING: usize = 2_048;

static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// What waits to be written is written when this is dropped, as far as somebody reads it then.
#[must_use]
#[derive(Debug)]
pub struct Logging {
    _writes: WorkerGuard,
}

/// Sets up logging to standard error; `RUST_LOG` narrows or widens it.
pub fn start_logging() -> Logging {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let queue = NonBlockingBuilder::default().buffered_lines_limit(MOST_WAITING).lossy(true);
    let (writer, guard) = queue.finish(std::io::stderr());
    let lost = writer.error_counter();
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // It would say on standard error that standard error cannot be written, and panic.
        .log_internal_errors(false)
        .with_writer(writer);
    if logging.try_init().is_ok() {
        LOST.get_or_init(|| lost);
    } else {
        tracing::debug!("logging was set up before");
    }
    Logging { _writes: guard }
}

/// Lines that were lost, because too many waited to be written.
pub(super) fn lines_lost() -> u64 {
    LOST.get().map_or(0, |lost| u64::try_from(lost.dropped_lines()).unwrap_or(u64::MAX))
}
