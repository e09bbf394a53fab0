//! The store that is opened, and the first inputs of the core that comes out of it.

use anyhow::bail;

use super::RunMode;
use crate::config::Config;
use crate::telemetry::Degraded;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::input::{Input, Synchronised};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::audit::Standing;
use vitalgate_store::{Opened, Purpose, Store};

/// The store of this configuration: made by `run` and `demo`, each of which opens only its own.
pub(super) fn open_store(config: &Config, mode: RunMode) -> anyhow::Result<Opened> {
    let dir = &config.store.dir;
    if mode.stream_clock && !config.is_loopback() {
        bail!("--clock stream is for loopback only: listen on 127.0.0.1");
    }
    if !Store::exists(dir) {
        if mode.headless {
            bail!("there is no store in {}; `run` makes one", dir.display());
        }
        let purpose = Purpose {
            site: config.site.id.clone(),
            simulated: mode.demo,
            stream_clock: mode.stream_clock,
        };
        return Ok(Store::create(dir, &purpose)?);
    }
    let opened = Store::open(dir)?;
    let identity = &opened.identity;
    if identity.simulated && !mode.demo && !mode.headless {
        bail!("{} is a simulated store, made by `demo`: `run` does not open it", dir.display());
    }
    if mode.demo && !identity.simulated {
        bail!("{} is not a simulated store: `demo` does not open it", dir.display());
    }
    if identity.stream_clock != mode.stream_clock && !mode.headless {
        bail!("{} was made with another --clock than it is opened with", dir.display());
    }
    if identity.site != config.site.id && !mode.demo {
        bail!(
            "{} belongs to site `{}`, the configuration says `{}`",
            dir.display(),
            identity.site,
            config.site.id
        );
    }
    Ok(opened)
}

/// Says what was found of the audit: the gateway goes on, and somebody has to look.
pub(super) fn audit_found(standing: &Standing, degraded: &Degraded) {
    let Standing { unsigned, broken, other_key, replaced: _, key_fault: _, foreign } = standing;
    if let Some(why) = broken {
        tracing::error!(
            why,
            "the audit does not go on from its signed head; `verify` says what differs"
        );
    }
    if !foreign.is_empty() {
        tracing::error!(?foreign, "the store holds what this program never makes");
    }
    if *other_key {
        tracing::warn!(
            "another key signs the audit from now on: keep what `audit key` prints elsewhere"
        );
    }
    if *unsigned > 0 {
        tracing::warn!(
            entries = unsigned,
            "the audit goes on after its signed head, as after a crash"
        );
    }
    let objects = (!foreign.is_empty()).then(|| foreign.join("; "));
    let why: Vec<String> = broken.iter().cloned().chain(objects).collect();
    degraded.set("audit", (!why.is_empty()).then(|| why.join("; ")));
    audit_key(standing, degraded);
}

/// Says what somebody has to see of the key that signs.
pub(super) fn audit_key(standing: &Standing, degraded: &Degraded) {
    let Standing { replaced, key_fault, .. } = standing;
    let replaced = replaced.as_ref().map(|key| {
        format!(
            "{key} signs, which took the place of another: keep what `audit key` prints elsewhere, and `audit accept` it"
        )
    });
    let why: Vec<String> = key_fault.iter().cloned().chain(replaced).collect();
    if let Some(why) = key_fault {
        tracing::error!(why, "the key of the audit cannot be used; another signs from now on");
    }
    degraded.set("audit key", (!why.is_empty()).then(|| why.join("; ")));
}

/// The inputs that the gateway makes itself before all others: what it missed, and what has changed meanwhile.
pub(super) fn first_inputs(
    core: &Core,
    configuration: &Configuration,
    config: &Config,
    mode: RunMode,
    missed: Option<(Timestamp, Timestamp)>,
) -> Vec<Input> {
    let gap = missed.map(|(from, to)| Input::IntakeGap { from, to });
    let mut first: Vec<Input> = gap.into_iter().chain(ended_links(core)).collect();
    if config.clock.check.is_empty() && core.site.doubts_the_clock() && !mode.headless {
        first.push(Input::Synchronised(Synchronised::NotAsked));
    }
    first.extend(forgotten_brokers(core, config));
    let other_texts = core.configuration.hash() != configuration.hash();
    if core.row() == 0 || (other_texts && !mode.headless) {
        let Texts { signals, rules, site, packs } = configuration.texts.clone();
        first.push(Input::Configuration { signals, rules, site, packs });
    }
    // Whether it still holds shows with the first row.
    if core.site.is_store_failing() {
        first.push(Input::Store { failing: false });
    }
    let over = core.site.over_budgets();
    first.extend(over.map(|sender| Input::OverBudget { sender, over: false }));
    // Those that are configured say themselves when all has arrived.
    let gone = |id: &ChannelId| config.channel.iter().all(|channel| channel.id != *id);
    let failing = core.site.undelivered_channels().map(|(id, _)| id).filter(gone);
    first.extend(failing.map(|channel| Input::Undelivered {
        channel,
        waits: None,
        words: String::new(),
    }));
    let crowded = core.site.crowded_ways().into_iter();
    first.extend(crowded.map(|way| Input::Crowded { way, ended: 0, address: None }));
    if core.site.misses_the_synthetic() && !config.synthetic.enabled && !mode.headless {
        first.push(Input::Synthetic { fault: None });
    }
    if config.influx.is_none() && core.site.is_sink_alarming() {
        first.push(Input::Sink { refused: None, behind: false, words: None });
    }
    first
}

/// Connections that a crash ended without a word.
fn ended_links(core: &Core) -> impl Iterator<Item = Input> {
    let connected = core.devices.values().filter(|device| device.connected == Some(true));
    connected.map(|device| Input::Link {
        principal: device.details.id.clone(),
        connected: false,
        clean: false,
    })
}

/// Brokers whose fault was announced and that are configured no more: nobody would ever report
/// them well.
fn forgotten_brokers(core: &Core, config: &Config) -> impl Iterator<Item = Input> {
    let faults = core.site.broker_faults();
    let gone = faults.filter(|id| config.broker.iter().all(|broker| broker.id != *id));
    gone.map(|id| Input::Broker { id, fault: None })
}
