//! The program: arguments, telemetry, one command, exit code.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// Gives back what a burst took, whichever thread freed it (docs/decisions/0086).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    // Patients' data and keys: whatever is written is for its owner only.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let _written_at_the_end = vitalgate::telemetry::start_logging();
    match cli::run(args) {
        Ok(code) => code,
        Err(error) => cli::failed(&error),
    }
}
