//! Stores with patients and devices in them, made by the gateway's own pipeline.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use vitalgate::app::{App, RunMode};
use vitalgate::config::Config;
use vitalgate::inbox::{Inbox, Receipt, Submission};
use vitalgate_domain::core::configuration::{Configuration, SiteSettings, Texts};
use vitalgate_domain::model::command::{
    Action, AgeClass, Command, DeviceDetails, Outcome, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;
use vitalgate_store::{Purpose, Store};

/// The built-in rules, and one that a benchmark can raise and end at will, a thousand times if it likes.
const RULES: &str = concat!(
    include_str!("../../config/rules.toml"),
    r#"
[[limit]]
id = "bench.pulse"
signal = "pulse_rate"
high = ["100 /min"]
hysteresis = "1 /min"
clear_delay = "0s"
gap = "10m"
priorities = { high = "low" }

# The most that may be said: one device raises and ends it a thousand times.
[news]
at_once = 10000
an_hour = 36000
"#
);
/// Commands in one submission.
const AT_ONCE: usize = 1_000;

/// Everything of the load's connections: a patient and a device for each device they speak for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ward {
    pub(crate) connections: u64,
    pub(crate) devices: u64,
}

impl Ward {
    /// Makes the store in `dir`, with its `gateway.toml`, and lets go of it.
    pub(crate) fn make(self, dir: &Path, mode: RunMode) -> anyhow::Result<()> {
        write_config(dir)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let config = Config::read(&dir.join("gateway.toml"))?;
        runtime.block_on(headless(&config, mode, async |inbox| {
            for some in self.commands()?.chunks(AT_ONCE) {
                command(&inbox, some).await?;
            }
            Ok(())
        }))
    }

    fn commands(self) -> anyhow::Result<Vec<Action>> {
        let mut actions = vec![Action::AddWard("w1".parse()?)];
        for connection in 0..self.connections {
            let principal: DeviceId = format!("load-{connection}").parse()?;
            if self.devices == 1 {
                bed(&mut actions, &principal, Vec::new())?;
                continue;
            }
            let relay = device(principal.clone(), "unknown", PrincipalKind::Relay, Vec::new());
            actions.push(Action::RegisterDevice(relay.into()));
            for device in 0..self.devices {
                let id = format!("load-{connection}-{device}").parse()?;
                bed(&mut actions, &id, vec![principal.clone()])?;
            }
        }
        bed(&mut actions, &"oximeter".parse()?, Vec::new())?;
        Ok(actions)
    }
}

/// The inputs that register `patients` patients, each with the device `load-<n>`.
pub(crate) fn registered(patients: u64) -> anyhow::Result<Vec<Input>> {
    let actions = Ward { connections: patients, devices: 1 }.commands()?;
    Ok(actions.into_iter().map(input).collect())
}

/// The built-in configuration and the rule of [`RULES`].
pub(crate) fn configuration() -> anyhow::Result<Configuration> {
    let settings = SiteSettings { time_zone: "UTC".to_owned() };
    let signals = include_str!("../../config/signals.toml").to_owned();
    let (rules, site) = (RULES.to_owned(), toml::to_string(&settings)?);
    let texts = Texts { signals, rules, site, packs: Vec::new() };
    Ok(Configuration::parse(texts)?)
}

/// Runs a pipeline without interfaces on a store, made if there is none, while `act` acts, then commits and closes it.
pub(crate) async fn headless(
    config: &Config,
    mode: RunMode,
    act: impl AsyncFnOnce(Inbox) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if !Store::exists(&config.store.dir) {
        let purpose = Purpose {
            site: config.site.id.clone(),
            simulated: mode.demo,
            stream_clock: mode.stream_clock,
        };
        drop(Store::create(&config.store.dir, &purpose)?);
    }
    let app = App::bind(config, RunMode { headless: true, ..mode }).await?;
    let inbox = app.inbox();
    let stop = CancellationToken::new();
    let running = tokio::spawn(app.run(stop.clone()));
    let acted = act(inbox).await;
    stop.cancel();
    running.await??;
    acted
}

/// A copy of a store that nobody has open.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    write_config(to)
}

fn write_config(dir: &Path) -> anyhow::Result<()> {
    let rules = dir.join("rules.toml");
    fs::write(&rules, RULES)?;
    let config = json!({
        "store": { "dir": dir },
        "http": { "listen": "127.0.0.1:0" },
        "mqtt": { "listen": "127.0.0.1:0" },
        "rules": { "file": rules },
        // What is measured is the gateway, not how it slows whoever sends too much.
        "budget": { "messages_an_hour": u32::MAX, "bytes_an_hour": 1_u64 << 50 },
    });
    Ok(fs::write(dir.join("gateway.toml"), toml::to_string(&config)?)?)
}

async fn command(inbox: &Inbox, actions: &[Action]) -> anyhow::Result<()> {
    let inputs = actions.iter().cloned().map(input);
    let (receipt, waiting) = Receipt::new();
    inbox.submit(Submission::of(inputs.collect(), 0, receipt)).await?;
    let answers = waiting.await.context("the commands were not accepted")?.answers;
    for (action, answer) in actions.iter().zip(&answers) {
        ensure!(answer.outcome == Outcome::Done, "{action:?}: {}", answer.detail);
    }
    Ok(())
}

fn input(action: Action) -> Input {
    Input::Command(Box::new(Command { actor: "local:cli".to_owned(), action }))
}

/// A bed with a patient and his device, all of one name.
fn bed(actions: &mut Vec<Action>, id: &DeviceId, via: Vec<DeviceId>) -> anyhow::Result<()> {
    let patient = PatientDetails {
        id: id.as_str().parse()?,
        age_class: AgeClass::Adult,
        continuous: false,
        bed: Some(id.as_str().parse()?),
        pregnant: Some(false),
    };
    let bind = Action::Bind {
        device: id.clone(),
        patient: patient.id.clone(),
        from: None,
        zero_means_no_sensor: None,
        replaces: None,
    };
    actions.extend([
        Action::AddBed { bed: id.as_str().parse()?, ward: "w1".parse()? },
        Action::AdmitPatient(patient),
        Action::RegisterDevice(device(id.clone(), "bedside", PrincipalKind::Device, via).into()),
        bind,
    ]);
    Ok(())
}

fn device(id: DeviceId, class: &str, kind: PrincipalKind, via: Vec<DeviceId>) -> DeviceDetails {
    let class = class.to_owned();
    DeviceDetails { id, class, kind, token_sha256: None, via, signals: Vec::new() }
}
