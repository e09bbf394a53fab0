//! kill -9 under load: the gateway is killed at random moments and started again, while every
//! acknowledgement is noted. At the end everything acknowledged must be there exactly once, with
//! the value the formula gives, and the alarms must be those of a run without kills. The load
//! speaks to the gateway itself, or to a broker that lives on while the gateway is killed: then
//! everything that broker acknowledged must be there.

mod broker;
mod check;
mod gateway;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::codec::Protocol;
use crate::formula::{Class, Excursions, Formula};
use crate::http::Api;
use crate::ledger;
use crate::load::{self, Extent, LoadOptions, LoadReport};
use crate::noise::Rng;
use crate::wire::Mode;

pub use check::Readback;
pub use gateway::{CONFIG, DATABASE};

use broker::Broker;
use gateway::Gateway;

/// Between a start and the next kill, in seconds.
const BETWEEN_KILLS: (f64, f64) = (0.3, 3.0);
/// What a kill is reckoned with when the length of the load is set: the mean pause, and a start.
const PER_KILL: f64 = 3.2;
/// No load is shorter, so that every device has time for its excursion.
const SHORTEST_LOAD: f64 = 25.0;
/// A device is outside its limits for so long: twice the critical delay.
const EXCURSION_S: f64 = 10.0;
/// Devices are bound from so long ago.
const BOUND_BEFORE: Duration = Duration::from_secs(60);
/// How long alarms may take to show after the last acknowledgement.
const ALARMS_WITHIN: Duration = Duration::from_secs(20);
/// How long a gateway may take to catch up with what waits in the broker.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(250);
/// Messages in flight a connection.
const WINDOW: usize = 8;

/// What to kill, how often, and under which load.
#[derive(Clone, Debug)]
pub struct ChaosOptions {
    /// The gateway's binary.
    pub gateway: PathBuf,
    /// Further arguments after `run --config FILE`.
    pub gateway_args: Vec<String>,
    /// The configuration with `{dir}`, `{mqtt}` and `{http}` to fill in; [`CONFIG`] by default.
    pub config: String,
    /// Where stores, logs and ledgers go.
    pub dir: PathBuf,
    /// How many kills.
    pub kills: u32,
    /// Decides the moments of the kills.
    pub seed: u64,
    /// Connections, each with a device bound to a patient.
    pub connections: u64,
    /// Messages a second over all connections.
    pub rate: u64,
    /// The broker's binary, Mosquitto, where the load is to go through one.
    pub broker: Option<PathBuf>,
    /// The script that reads the store by itself.
    pub readback: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct ChaosReport {
    /// Kills done while the load went on.
    pub kills: u32,
    /// The load that was killed.
    pub load: LoadReport,
    /// Acknowledged readings against those read back over HTTP.
    pub readback: Readback,
    /// The script's counts, and whether it was content.
    pub script: Option<(bool, Value)>,
    /// Alarms of limit and event rules in the run without kills.
    pub alarms: usize,
    /// … of which so many are not there after the kills.
    pub alarms_missing: usize,
    /// Alarms that are there only after the kills.
    pub alarms_extra: usize,
}

impl ChaosReport {
    /// Whether nothing was lost, doubled or invented.
    pub fn is_clean(&self) -> bool {
        self.readback.is_clean()
            && self.script.as_ref().is_none_or(|(content, _)| *content)
            && self.load.unacknowledged == 0
            && self.load.rejected == 0
            && self.alarms_missing == 0
            && self.alarms_extra == 0
    }

    /// One line of counts.
    pub fn line(&self) -> String {
        let Readback { expected, missing, wrong, doubled } = self.readback;
        let script = self.script.as_ref().map_or_else(String::new, |(_, v)| format!(" script {v}"));
        format!(
            "kills {} acked {} reconnects {} resent {} unacked {} readings {expected} missing {missing} wrong {wrong} doubled {doubled} alarms {} alarms_missing {} alarms_extra {}{script} {}",
            self.kills,
            self.load.acked,
            self.load.reconnects,
            self.load.resent,
            self.load.unacknowledged,
            self.alarms,
            self.alarms_missing,
            self.alarms_extra,
            if self.is_clean() { "ok" } else { "LOSS" },
        )
    }
}

/// Runs the reference, then the kills, then compares.
pub async fn run(
    options: &ChaosOptions,
    cancel: &CancellationToken,
) -> anyhow::Result<ChaosReport> {
    anyhow::ensure!(
        options.connections > 0 && options.rate >= options.connections,
        "--rate must be at least one message a second for each of the --connections"
    );
    let shape = Shape::of(options);
    let due = shape.alarms_due(options);
    anyhow::ensure!(due > 0, "no device would alarm: use more --connections");

    let reference = shape.load(options, &options.dir.join("reference"))?;
    let Stage { mut gateway, broker, mqtt } = staged(options, &reference, "reference").await?;
    load::run(&LoadOptions { mqtt, ..reference }, cancel).await?;
    let alarms = alarms_when(gateway.api(), |alarms| alarms.len() >= due).await?;
    anyhow::ensure!(
        alarms.len() >= due,
        "the run without kills raised {} alarms where {due} were due: nothing to compare with",
        alarms.len()
    );
    gateway.kill()?;
    drop(broker);

    let folder = options.dir.join("killed");
    let load = shape.load(options, &folder)?;
    let Stage { mut gateway, broker, mqtt } = staged(options, &load, "killed").await?;
    let load = LoadOptions { mqtt, ..load };
    let (ended, stop) = (CancellationToken::new(), cancel.child_token());
    let (load_report, kills) = tokio::join!(
        async {
            let _ends = ended.clone().drop_guard();
            load::run(&load, &stop).await
        },
        async {
            let kills = kill_again_and_again(options, &mut gateway, &ended).await;
            // A gateway that stays down would be waited for without end.
            if kills.is_err() {
                stop.cancel();
            }
            kills
        },
    );
    let (kills, load_report) = (kills?, load_report?);
    anyhow::ensure!(
        kills == options.kills || cancel.is_cancelled(),
        "only {kills} of {} kills fell into the load: starts take too long on this machine",
        options.kills
    );
    let killed = alarms_when(gateway.api(), |killed| *killed == alarms).await?;
    let (readback, script) = read_back(options, shape.excursions, &gateway, &folder).await?;
    gateway.kill()?;
    drop(broker);
    Ok(ChaosReport {
        kills,
        load: load_report,
        readback,
        script,
        alarms: alarms.len(),
        alarms_missing: alarms.difference(&killed).count(),
        alarms_extra: killed.difference(&alarms).count(),
    })
}

/// The load of both runs, message for message the same.
struct Shape {
    messages_each: u64,
    excursions: Excursions,
    start_seq: u64,
    stagger: u64,
}

impl Shape {
    /// Every device has exactly one excursion, whole, and they are spread over the run.
    fn of(options: &ChaosOptions) -> Self {
        let seconds = SHORTEST_LOAD.max(f64::from(options.kills) * PER_KILL + EXCURSION_S);
        let each_second = options.rate as f64 / options.connections as f64;
        let messages_each = (seconds * each_second) as u64;
        let length = ((EXCURSION_S * each_second) as u64).clamp(1, messages_each);
        let period = 4 * messages_each;
        let spread = messages_each - length;
        Self {
            messages_each,
            excursions: Excursions { period, length },
            start_seq: period - length - spread,
            stagger: spread / options.connections,
        }
    }

    fn load(&self, options: &ChaosOptions, folder: &Path) -> anyhow::Result<LoadOptions> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(LoadOptions {
            mqtt: ([127, 0, 0, 1], 0).into(),
            token: None,
            protocol: Protocol::V4,
            connections: options.connections,
            devices: 1,
            rate: options.rate,
            window: WINDOW,
            extent: Extent::Messages(self.messages_each * options.connections),
            readings: crate::formula::SIGNALS.len(),
            boot: 1,
            start_seq: self.start_seq,
            stagger: self.stagger,
            mode: Mode::Real,
            excursions: Some(self.excursions),
            seed: options.seed,
            ledger: Some(folder.join("ledger")),
        })
    }

    /// How many devices have something to alarm about.
    fn alarms_due(&self, options: &ChaosOptions) -> usize {
        (0..options.connections)
            .map(|c| Formula::new(&format!("load-{c}"), Some(self.excursions)).class())
            .filter(|class| *class != Class::Quiet)
            .count()
    }
}

/// A gateway, the broker before it if there is one, and where the load goes.
struct Stage {
    gateway: Gateway,
    broker: Option<Broker>,
    mqtt: SocketAddr,
}

/// A gateway with a new store in which every device is bound to a patient, subscribed to its broker.
async fn staged(options: &ChaosOptions, load: &LoadOptions, name: &str) -> anyhow::Result<Stage> {
    let dir = options.dir.join(name);
    let broker = match &options.broker {
        Some(binary) => Some(Broker::start(binary, &dir.join("broker")).await?),
        None => None,
    };
    let section = broker.as_ref().map(Broker::section).unwrap_or_default();
    let config = format!("{}{section}", options.config);
    let mut gateway = Gateway::prepare(&options.gateway, &options.gateway_args, &config, &dir)?;
    gateway.start().await?;
    // Bound before the first reading, or it would belong to nobody.
    let requests = load::registration(load, clock::wall().checked_sub(BOUND_BEFORE)?);
    let api = gateway.api();
    spawn_blocking(move || api.put_in_place(&requests))
        .await?
        .context("cannot register the devices of the load")?;
    let mqtt = broker.as_ref().map_or(gateway.mqtt(), Broker::address);
    if broker.is_some() {
        // Before its first subscription a broker keeps nothing for it.
        undegraded(&gateway.api()).await?;
    }
    Ok(Stage { gateway, broker, mqtt })
}

/// Kills and starts until all kills are done or the load has ended; how many were done.
async fn kill_again_and_again(
    options: &ChaosOptions,
    gateway: &mut Gateway,
    ended: &CancellationToken,
) -> anyhow::Result<u32> {
    let mut moments = Rng::fork(options.seed, 99);
    for kill in 0..options.kills {
        let pause = moments.between(BETWEEN_KILLS.0, BETWEEN_KILLS.1);
        tokio::select! {
            () = ended.cancelled() => return Ok(kill),
            () = sleep(Duration::from_secs_f64(pause)) => {}
        }
        gateway.kill()?;
        gateway.start().await?;
    }
    Ok(options.kills)
}

/// Waits until the gateway says that nothing is degraded.
async fn undegraded(api: &Api) -> anyhow::Result<()> {
    let begin = clock::monotonic();
    loop {
        let asked = api.clone();
        let degraded = spawn_blocking(move || asked.degraded()).await??;
        if degraded.is_empty() {
            return Ok(());
        }
        let why = degraded.join(", ");
        anyhow::ensure!(begin.elapsed() < CAUGHT_UP_WITHIN, "the gateway is degraded: {why}");
        sleep(ASK_EVERY).await;
    }
}

/// The alarms once they are as wished, or as they are when time is over.
async fn alarms_when(
    api: Api,
    is_so: impl Fn(&BTreeSet<String>) -> bool,
) -> anyhow::Result<BTreeSet<String>> {
    let begin = clock::monotonic();
    loop {
        let asked = api.clone();
        let alarms = spawn_blocking(move || asked.physiological_alarms()).await??;
        if is_so(&alarms) || begin.elapsed() > ALARMS_WITHIN {
            return Ok(alarms);
        }
        sleep(ASK_EVERY).await;
    }
}

async fn read_back(
    options: &ChaosOptions,
    excursions: Excursions,
    gateway: &Gateway,
    folder: &Path,
) -> anyhow::Result<(Readback, Option<(bool, Value)>)> {
    let (api, database, script) = (gateway.api(), gateway.database(), options.readback.clone());
    let path = folder.join("ledger");
    if options.broker.is_some() {
        caught_up(&api, &path, excursions).await?;
    }
    spawn_blocking(move || {
        let readback = check::over_http(&api, &ledger::read(&path)?, Some(excursions))?;
        let script = script
            .map(|script| check::by_script(&script, &database, &path, excursions))
            .transpose()?;
        Ok((readback, script))
    })
    .await?
}

/// Gives the gateway time to fetch what waits in the broker.
async fn caught_up(api: &Api, ledger: &Path, excursions: Excursions) -> anyhow::Result<()> {
    let begin = clock::monotonic();
    loop {
        let (api, ledger) = (api.clone(), ledger.to_owned());
        let readback = spawn_blocking(move || {
            check::over_http(&api, &ledger::read(&ledger)?, Some(excursions))
        });
        if readback.await??.missing == 0 || begin.elapsed() > CAUGHT_UP_WITHIN {
            return Ok(());
        }
        sleep(ASK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(kills: u32, connections: u64, rate: u64) -> ChaosOptions {
        ChaosOptions {
            gateway: PathBuf::new(),
            gateway_args: Vec::new(),
            config: CONFIG.to_owned(),
            dir: PathBuf::new(),
            kills,
            seed: 1,
            connections,
            rate,
            broker: None,
            readback: None,
        }
    }

    #[test]
    fn every_device_has_one_whole_excursion_and_they_are_spread_over_the_run() {
        for (kills, connections, rate) in [(0, 4, 4), (5, 50, 2000), (100, 50, 2000), (5, 7, 3001)]
        {
            let shape = Shape::of(&options(kills, connections, rate));
            let Excursions { period, length } = shape.excursions;
            let mut begins = BTreeSet::new();
            for connection in 0..connections {
                let first = shape.start_seq + shape.stagger * connection;
                let outside: Vec<u64> = (0..shape.messages_each)
                    .filter(|n| (first + n) % period >= period - length)
                    .collect();
                assert_eq!(outside.len() as u64, length, "connection {connection}");
                assert_eq!(outside[outside.len() - 1] - outside[0], length - 1, "in one piece");
                begins.insert(outside[0]);
            }
            assert_eq!(begins.len() as u64, connections);
            assert!(*begins.first().unwrap() <= shape.messages_each / connections + length);
        }
    }
}
