//! `vitalgate-sim`: simulated devices, load and chaos for vitalgate.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use vitalgate_sim::http::{Api, Request};
use vitalgate_sim::wire::Mode;
use vitalgate_sim::{chaos, clock, http, load, send, ward};

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
    let (line, is_well) = match command {
        Command::Ward(ward) => {
            let options = ward.options();
            ensure_allowed(options.mode, options.http.clone()).await?;
            let requests = options.plan.registration(options.pace.start());
            register(options.http.clone(), requests).await?;
            let report = ward::run(options, cancel).await?;
            (report.line(), report.rejected == 0)
        }
        Command::Load(load) => {
            let (api, is_to_register) = (load.api(), load.register);
            let options = load.options();
            ensure_allowed(options.mode, api.clone()).await?;
            if is_to_register {
                register(api, load::registration(&options, clock::wall())).await?;
            }
            let report = load::run(&options, &cancel).await?;
            (report.line(), report.unacknowledged == 0 && report.rejected == 0)
        }
        Command::Chaos(chaos) => {
            let report = chaos::run(&chaos.options()?, &cancel).await?;
            (report.line(), report.is_clean())
        }
        Command::Series(series) => (series.text(), true),
        Command::Send(one) => {
            let (options, requests) = one.options(clock::wall());
            ensure_allowed(options.mode, options.http.clone()).await?;
            register(options.http.clone(), requests).await?;
            let report = send::run(options, cancel).await?;
            (report.line(), report.rejected == 0)
        }
    };
    say(&mut std::io::stdout(), &line);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Invented patients are registered, and speak, as real ones only where all is simulated.
async fn ensure_allowed(mode: Mode, api: Option<Api>) -> anyhow::Result<()> {
    match mode {
        Mode::Real => http::ensure_simulated(api).await,
        Mode::Test => Ok(()),
    }
}

/// Registers beds, patients and devices with the gateway.
async fn register(api: Option<Api>, requests: Vec<Request>) -> anyhow::Result<()> {
    spawn_blocking(move || api.map_or(Ok(()), |api| api.put_in_place(&requests)))
        .await?
        .context("cannot register the devices; is the token that of somebody who may?")
}

/// The first Ctrl-C asks for an orderly end, the second one does not wait for it.
async fn interrupted(cancel: &CancellationToken) -> anyhow::Result<ExitCode> {
    tokio::signal::ctrl_c().await?;
    cancel.cancel();
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::from(130))
}

/// Whoever closed our output does not want an error about it.
fn say(to: &mut impl Write, line: &str) {
    writeln!(to, "{line}").ok();
}
