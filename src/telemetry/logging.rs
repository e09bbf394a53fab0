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
    let (writer, guard) = queue().finish(std::io::stderr());
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

/// What a line waits in.
fn queue() -> NonBlockingBuilder {
    NonBlockingBuilder::default().buffered_lines_limit(MOST_WAITING).lossy(true)
}

/// Lines that were lost, because too many waited to be written.
pub(super) fn lines_lost() -> u64 {
    LOST.get().map_or(0, |lost| u64::try_from(lost.dropped_lines()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// Takes nothing until it is told to.
    struct Hung(Receiver<()>);

    impl Write for Hung {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.recv().ok();
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_nobody_reads_waits_up_to_a_bound_and_is_lost_and_counted_beyond() {
        let (goes_on, hangs) = sync_channel(1);
        let (mut writer, guard) = queue().finish(Hung(hangs));
        let lost = writer.error_counter();
        for _ in 0..MOST_WAITING {
            writer.write_all(b"a line\n").unwrap();
        }
        assert_eq!(lost.dropped_lines(), 0);
        for _ in 0..10 {
            writer.write_all(b"a line\n").unwrap();
        }
        // One is being written.
        assert!((9..=10).contains(&lost.dropped_lines()), "{}", lost.dropped_lines());
        drop(goes_on);
        drop(guard);
    }
}
