//! `device add|change|revoke|list|bind`: through the running gateway, or a pipeline of our own.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use ring::rand::SecureRandom;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use vitalgate::app::{App, RunMode};
use vitalgate::config::Config;
use vitalgate::operate::control::{self, AskError};
use vitalgate_domain::core::Core;
use vitalgate_domain::model::command::{Action, Command, PrincipalKind, Registration};
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::message::ExpectedSignal;
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::Span;
use vitalgate_store::{Reader, Store};

use super::{StoreArgs, runtime, say};

/// What the command line calls itself in the audit.
const ACTOR: &str = "local:cli";

#[derive(Debug, clap::Args)]
pub(super) struct DeviceArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: DeviceAction,
}

#[derive(Debug, Subcommand)]
enum DeviceAction {
    /// Register a device and print its token, which is shown only now. One that is registered stays as it is.
    Add {
        /// Its id.
        id: DeviceId,
        /// Its class in the rules.
        #[arg(long)]
        class: String,
        #[command(flatten)]
        named: Named,
        /// Without a token: it proves itself by certificate, or speaks through a relay.
        #[arg(long)]
        no_token: bool,
    },
    /// Change what is named of a registered device; the rest stays as it is.
    Change {
        /// Its id.
        id: DeviceId,
        /// Its class in the rules.
        #[arg(long)]
        class: Option<String>,
        #[command(flatten)]
        named: Named,
        /// Print a new token, which is shown only now; whoever has the one before is let in no more.
        #[arg(long)]
        new_token: bool,
    },
    /// Take a device's right to connect.
    Revoke {
        /// Its id.
        id: DeviceId,
    },
    /// List devices as of the last snapshot and the rows since.
    List,
    /// Bind a device to a patient from now on.
    Bind {
        /// Its id.
        id: DeviceId,
        /// The patient's key.
        patient: PatientId,
        /// A signal whose 0 means "no sensor"; may be given again.
        #[arg(long, value_name = "SIGNAL")]
        zero_means_no_sensor: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Named {
    /// What it is; a device, where nothing else is known of it.
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// A relay or connector that may speak for it; may be given again.
    #[arg(long)]
    via: Vec<DeviceId>,
    /// A signal to expect, `spo2` or `nibp_sys=15m`; may be given again.
    #[arg(long = "signal", value_name = "SIGNAL[=INTERVAL]")]
    signals: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    Device,
    Relay,
    Connector,
}

pub(super) fn run(args: &DeviceArgs) -> anyhow::Result<ExitCode> {
    let mut config = args.store.config.read()?;
    config.store.dir = args.store.dir()?;
    let signals = config.configuration()?.signals;
    let mut token = None;
    let action = match &args.action {
        DeviceAction::List => return list(&config),
        DeviceAction::Add { id, class, named, no_token } => {
            if !no_token {
                token = Some(new_token()?);
            }
            let class = Some(class.clone());
            Action::AddDevice(named.registration(id, class, token.as_deref(), &signals)?)
        }
        DeviceAction::Change { id, class, named, new_token: anew } => {
            if *anew {
                token = Some(new_token()?);
            }
            let class = class.clone();
            Action::ChangeDevice(named.registration(id, class, token.as_deref(), &signals)?)
        }
        DeviceAction::Revoke { id } => Action::RevokeDevice(id.clone()),
        DeviceAction::Bind { id, patient, zero_means_no_sensor } => {
            let zeros: Result<_, _> =
                zero_means_no_sensor.iter().map(|name| signal(&signals, name)).collect();
            Action::Bind {
                device: id.clone(),
                patient: patient.clone(),
                from: None,
                zero_means_no_sensor: given(zeros?),
                replaces: None,
            }
        }
    };
    let answer = ask(&config, Command { actor: ACTOR.to_owned(), action })?;
    let outcome = answer["outcome"].as_str().unwrap_or("unknown");
    if !matches!(outcome, "done" | "already_so") {
        bail!("refused ({outcome}): {}", answer["detail"].as_str().unwrap_or_default());
    }
    say(&outcome.replace('_', " "));
    if let Some(token) = token {
        say(&format!("token: {token}"));
    }
    Ok(ExitCode::SUCCESS)
}

impl Named {
    /// With the rest of what the command line says of device `id`.
    fn registration(
        &self,
        id: &DeviceId,
        class: Option<String>,
        token: Option<&str>,
        table: &SignalTable,
    ) -> anyhow::Result<Registration> {
        let mut expected = Vec::new();
        for text in &self.signals {
            let (name, interval) = match text.split_once('=') {
                Some((name, interval)) => (name, Some(interval.parse::<Span>()?)),
                None => (text.as_str(), None),
            };
            expected.push(ExpectedSignal { signal: signal(table, name)?, interval });
        }
        let digest = |token: &str| {
            ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref().to_vec()
        };
        Ok(Registration {
            id: id.clone(),
            class,
            kind: self.kind.map(|kind| match kind {
                KindArg::Device => PrincipalKind::Device,
                KindArg::Relay => PrincipalKind::Relay,
                KindArg::Connector => PrincipalKind::Connector,
            }),
            token_sha256: token.map(digest),
            via: given(self.via.clone()),
            signals: given(expected),
            replaces: None,
            while_unbound: false,
        })
    }
}

fn signal(table: &SignalTable, name: &str) -> anyhow::Result<SignalId> {
    table.find(name).map(|s| s.id).with_context(|| format!("`{name}` is no signal"))
}

/// A list of the command line: what is not given there stays as it is.
fn given<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

/// Through the running gateway, else through a pipeline without listeners.
fn ask(config: &Config, command: Command) -> anyhow::Result<Value> {
    match control::ask(&config.store.dir, &command) {
        Err(AskError::NotRunning) => {}
        other => return Ok(other?),
    }
    let dir = &config.store.dir;
    if !Store::exists(dir) {
        bail!(
            "there is no store in {}: name its folder with --dir, or make one with `vitalgate run`",
            dir.display()
        );
    }
    runtime()?.block_on(async {
        let app = App::bind(config, RunMode { headless: true, ..RunMode::default() }).await?;
        let inbox = app.inbox();
        let stop = CancellationToken::new();
        let running = tokio::spawn(app.run(stop.clone()));
        let answer = control::submit(&inbox, command).await;
        drop(inbox);
        stop.cancel();
        running.await??;
        let answer = answer.context("the store did not take the command")?;
        Ok(serde_json::to_value(answer)?)
    })
}

fn list(config: &Config) -> anyhow::Result<ExitCode> {
    let core = vitalgate::tools::verify::state(&Reader::of(&config.store.dir)?)?;
    for line in lines(&core) {
        say(&line);
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(core: &Core) -> Vec<String> {
    let line = |device: &vitalgate_domain::device::Device| {
        let details = &device.details;
        let patient = device.patient().map_or("-", PatientId::as_str);
        let state = if device.revoked { "revoked" } else { "active" };
        format!("{}\t{}\t{state}\t{patient}", details.id, details.class)
    };
    core.devices.values().map(|device| line(device)).collect()
}

/// 32 random bytes, for people to copy.
fn new_token() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the machine gives no random numbers"))?;
    Ok(data_encoding::BASE64URL_NOPAD.encode(&bytes))
}
