//! `run` and `check`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use vitalgate::app::settings::check_files;
use vitalgate::app::{Addresses, App, RunMode};
use vitalgate::clock::Clock;
use vitalgate::config::OpenDoor;
use vitalgate::operate::doctor::{self, Finding, Verdict};
use vitalgate::tools::disclose;
use vitalgate_domain::model::time::Timestamp;

use super::duty;
use super::{CheckArgs, ClockArg, RunArgs, runtime, say};

/// Ended by the second signal, after the custom of shells for SIGINT.
const KILLED: i32 = 130;

/// Runs the gateway until SIGTERM or SIGINT.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.read()?;
    // Before anything is made or bound.
    check_files(&config)?;
    config.check_open(args.open)?;
    for (key, address) in config.readable_on_the_way() {
        tracing::warn!(
            "{key} = \"{address}\" has no TLS: what goes over it can be read on the way"
        );
    }
    let mode = RunMode { stream_clock: args.clock == ClockArg::Stream, ..RunMode::default() };
    runtime()?.block_on(async {
        let app = App::bind(&config, mode).await?;
        announce(app.addresses());
        if let Some(link) = app.setup_link() {
            say(&format!(
                "there is no admin yet; make an account for one within an hour, once: {link}"
            ));
        }
        if let Some(file) = &args.addresses {
            write_addresses(file, app.addresses())?;
        }
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        app.run(stop).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Checks configuration, rules and signals, and reads the secrets and certificates they name.
pub(super) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.read()?;
    let configuration = config.configuration()?;
    let now = Clock::system(Timestamp::default()).wall();
    let plan = duty::plan(&config, now)?;
    if args.disclose {
        say(disclose::page(&configuration).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    check_files(&config)?;
    let classes = configuration.rules.class_names().count();
    let signals = configuration.signals.iter().count();
    say(&format!("ok: {signals} signals, {classes} device classes"));
    let mut fails = false;
    for found in doctor::access(&config) {
        fails |= found.verdict == Verdict::Fail;
        if let Finding { found, advice: Some(advice), .. } = found {
            say(&format!("{found} → {advice}"));
        }
    }
    if let Some(plan) = &plan {
        fails |= duty::tell(&config, plan, now).holes;
    }
    for OpenDoor { door, cure } in config.open_doors() {
        say(&format!("open: nobody has to sign in to {door}, so `run` asks for --open; or {cure}"));
    }
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Cancels `stop` at the first SIGTERM or SIGINT; the second ends the process at once.
pub(super) fn stop_on_signal(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut signalled = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        signalled().await;
        tracing::info!("stopping: what was taken in is still committed");
        stop.cancel();
        signalled().await;
        tracing::warn!("stopped at once: what was not acknowledged has to be sent again");
        std::process::exit(KILLED);
    });
    Ok(())
}

fn announce(addresses: &Addresses) {
    let Addresses { http, https, mqtt, mqtts } = addresses;
    let shown = |address: &Option<std::net::SocketAddr>| {
        address.map_or_else(|| "off".to_owned(), |a| a.to_string())
    };
    let (http, https, mqtt, mqtts) = (shown(http), shown(https), shown(mqtt), shown(mqtts));
    tracing::info!(http, https, mqtt, mqtts, "listening");
}

fn write_addresses(file: &Path, addresses: &Addresses) -> anyhow::Result<()> {
    let part = file.with_extension("part");
    std::fs::write(&part, serde_json::to_vec(addresses)?)
        .and_then(|()| std::fs::rename(&part, file))
        .with_context(|| format!("cannot write {}", file.display()))
}
