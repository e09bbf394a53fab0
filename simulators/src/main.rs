//! `vitalgate-sim`: simulated devices, load and chaos for vitalgate.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;

mod args;

use args::{Args, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let cancel = CancellationToken::new();
    let outcome = tokio::select! {
        outcome = run(args.command, cancel.clone()) => outcome,
        interrupted = interrupted(&cancel) => interrupted,
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("vitalgate-sim: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, cancel: CancellationToken) -> anyhow::Result<ExitCode> {
    let (line, code) = match command {
        Command::Load(load) => {
            let report = vitalgate_sim::load::run(&load.options(), &cancel).await?;
            let complete = report.unacknowledged == 0 && report.rejected == 0;
            (report.line(), if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    };
    say(&mut std::io::stdout(), &line);
    Ok(code)
}

/// The first Ctrl-C asks for an orderly end, the second one does not wait for it.
async fn interrupted(cancel: &CancellationToken) -> anyhow::Result<ExitCode> {
    tokio::signal::ctrl_c().await?;
    cancel.cancel();
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::from(130))
}

/// Whoever closed our output does not want to hear about it.
fn say(to: &mut impl Write, line: &str) {
    writeln!(to, "{line}").ok();
}
