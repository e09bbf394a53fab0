//! The log: to standard error, without anything of a patient.

use std::io::IsTerminal;

/// Sets up logging to standard error; `RUST_LOG` narrows or widens it.
pub fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if logging.try_init().is_err() {
        tracing::debug!("logging was set up before");
    }
}
