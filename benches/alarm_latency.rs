//! From a publish to its alarm at a client of the event stream, beside the commits of the same run:
//! `cargo bench --bench alarm_latency`, idle, under 10,000 messages a second, and under more than the
//! machine can take, in turn; then under that load by what stands behind the gateway. Either half
//! alone: `-- loads`, `-- sinks`.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use vitalgate::app::RunMode;
use vitalgate_sim::clock::monotonic;

use support::alarms::{Heard, stream};
use support::figures::{Buckets, median, quantile};
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::oximeter::Oximeter;
use support::standin::StandIn;
use support::ward::{Ward, copy};
use support::{ROUNDS, folder, part};

/// Alarms of one run, half raised and half ended.
const ALARMS: u64 = 1_000;
/// Connections of the background load.
const CONNECTIONS: u64 = 50;
/// The background load is at its rate after so long.
const WARM_UP: Duration = Duration::from_secs(2);
/// Longer than any alarm takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, _)) if part == "loads" => loads(),
        Some((part, _)) if part == "sinks" => sinks(),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => {
            loads()?;
            sinks()
        }
    }
}

/// What else the gateway has to do: messages a second, and how many of a connection are in flight.
#[derive(Clone, Copy)]
struct Background {
    name: &'static str,
    rate: u64,
    window: usize,
}

const LOADED: Background = Background { name: "loaded    ", rate: 10_000, window: 20 };
const BACKGROUNDS: [Option<Background>; 3] = [
    None,
    Some(LOADED),
    // As fast as it is acknowledged, with every window full.
    Some(Background { name: "overloaded", rate: 0, window: 64 }),
];

fn loads() -> anyhow::Result<()> {
    let mut behind = BACKGROUNDS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (background, behind) in BACKGROUNDS.iter().zip(&mut behind) {
            let dir = folder("latency")?;
            ward().make(&dir, RunMode::default())?;
            let name = background.map_or("idle      ", |background| background.name);
            let gateway = Server::gateway(&dir)?;
            let (figures, _) = run(name, &gateway, *background, WARM_UP, Duration::ZERO)?;
            behind.push(figures.alarm_p99 - figures.commit_p99);
        }
    }
    let [idle, loaded, overloaded] = behind.map(|behind| median(&behind));
    println!("p99 at the client − p99 of the commit, idle         {idle} ms");
    println!("p99 at the client − p99 of the commit, under load   {loaded} ms");
    println!("p99 at the client − p99 of the commit, in overload  {overloaded} ms");
    Ok(())
}

/// What stands behind the gateway, and whether it lacks what came before.
const BEHIND: [(&str, Option<StandIn>, bool); 5] = [
    ("no sink   ", None, false),
    ("answers   ", Some(StandIn::Answers), false),
    ("away      ", Some(StandIn::Away), false),
    ("silent    ", Some(StandIn::Silent), false),
    ("catches up", Some(StandIn::Answers), true),
];
/// Messages of the load that a sink has to catch up with, with four readings each.
const BACKLOG: u64 = 1_500_000;
/// A row is exported 6 s after its stamp: until then a sink has nothing to do.
const EXPORTED_AFTER: Duration = Duration::from_secs(7);
/// From one alarm to the next, so that all of them are several of the sink's batches long.
const APART: Duration = Duration::from_millis(4);

fn sinks() -> anyhow::Result<()> {
    println!("by what stands behind the gateway, {} messages/s meanwhile", LOADED.rate);
    let backlog = backlog()?;
    let mut all = BEHIND.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((name, server, lacks), all) in BEHIND.into_iter().zip(&mut all) {
            let dir = folder("latency")?;
            if lacks {
                copy(&backlog, &dir)?;
            } else {
                ward().make(&dir, RunMode::default())?;
            }
            if let Some(server) = server {
                configure_sink(server, &dir)?;
            }
            let gateway = Server::gateway(&dir)?;
            let warm_up = if lacks { WARM_UP } else { EXPORTED_AFTER };
            let (figures, points) = run(name, &gateway, Some(LOADED), warm_up, APART)?;
            let goes_on = points > 0.0;
            ensure!(goes_on == (server == Some(StandIn::Answers)), "{name}: {points} points/s");
            if lacks {
                let lag = value(&gateway.get("/metrics")?, "vitalgate_sink_lag_rows");
                ensure!(lag > 0.0, "it has caught up: BACKLOG is too short");
                println!("{name} {points:.0} points/s, {lag:.0} rows are left");
            }
            all.push(figures);
        }
    }
    let without: Vec<f64> = all[0].iter().map(|figures| figures.alarm_p99).collect();
    for ((name, ..), all) in BEHIND.iter().zip(&all) {
        let of = |figure: fn(&Figures) -> f64| median(&all.iter().map(figure).collect::<Vec<_>>());
        let against: Vec<f64> = all
            .iter()
            .zip(&without)
            .map(|(figures, without)| figures.alarm_p99 / without)
            .collect();
        println!(
            "{name}  p50 {} p99 {} ms, p99 − commit's {} ms, p99 : without a sink {}",
            of(|figures| figures.alarm_p50),
            of(|figures| figures.alarm_p99),
            of(|figures| figures.alarm_p99 - figures.commit_p99),
            median(&against),
        );
    }
    Ok(())
}

fn ward() -> Ward {
    Ward { connections: CONNECTIONS, devices: 1 }
}

fn load(mqtt: SocketAddr, background: Background, extent: Until) -> anyhow::Result<load::Running> {
    let Background { rate, window, .. } = background;
    Load { mqtt, connections: CONNECTIONS, devices: 1, window, rate, extent }.start()
}

/// A store of which nothing was exported.
fn backlog() -> anyhow::Result<PathBuf> {
    let dir = folder("backlog")?;
    ward().make(&dir, RunMode::default())?;
    let gateway = Server::gateway(&dir)?;
    let fast = Background { rate: 0, ..LOADED };
    load(gateway.mqtt, fast, Until::Messages(BACKLOG))?.wait()?;
    gateway.kill()?;
    Ok(dir)
}

/// Configures a sink to this server.
fn configure_sink(server: StandIn, dir: &Path) -> anyhow::Result<()> {
    fs::write(dir.join("secret"), "any")?;
    let config = format!(
        "\n[influx]\nurl = \"http://{}\"\norg = \"o\"\nbucket = \"b\"\n\
         secret_file = \"secret\"\ntimeout = \"1s\"\n",
        server.start()?
    );
    let file = dir.join("gateway.toml");
    Ok(fs::write(&file, fs::read_to_string(&file)? + &config)?)
}

/// Milliseconds.
struct Figures {
    alarm_p50: f64,
    alarm_p99: f64,
    commit_p99: f64,
}

/// Has a gateway raise its alarms under a load, and measures how many points a second its sink exports meanwhile.
fn run(
    name: &str,
    gateway: &Server,
    background: Option<Background>,
    warm_up: Duration,
    apart: Duration,
) -> anyhow::Result<(Figures, f64)> {
    let load = background
        .map(|background| load(gateway.mqtt, background, Until::Seconds(3_600)))
        .transpose()?;
    if load.is_some() {
        thread::sleep(warm_up);
    }
    let before = gateway.get("/metrics")?;
    let Latencies { alarms, pubacks, seconds } = alarms(gateway, apart)?;
    let after = gateway.get("/metrics")?;
    let commit = |metrics: &str| Buckets::read(metrics, "vitalgate_commit_seconds");
    let commit = commit(&after).since(&commit(&before));
    let a_second = |name: &str| (value(&after, name) - value(&before, name)) / seconds;
    let messages = a_second("vitalgate_messages_total");
    let points = a_second("vitalgate_sink_points_total");
    if let Some(load) = load {
        load.stop()?;
    }
    let figures = Figures {
        alarm_p50: quantile(&alarms, 0.5),
        alarm_p99: quantile(&alarms, 0.99),
        commit_p99: commit.quantile(0.99) * 1e3,
    };
    let Figures { alarm_p50, alarm_p99, commit_p99 } = figures;
    println!(
        "{name} {messages:>6.0} messages/s   alarm p50 {alarm_p50:.1} p99 {alarm_p99:.1} max {:.1} ms   \
         PUBACK p50 {:.1} p99 {:.1} ms   commit p50 {:.1} p99 {commit_p99:.1} ms",
        quantile(&alarms, 1.0),
        quantile(&pubacks, 0.5),
        quantile(&pubacks, 0.99),
        commit.quantile(0.5) * 1e3,
    );
    Ok((figures, points))
}

/// Milliseconds from the publish, and how long all of it took.
struct Latencies {
    alarms: Vec<f64>,
    pubacks: Vec<f64>,
    seconds: f64,
}

/// Raises and ends the alarm of one device, each so long after the one before was seen.
fn alarms(gateway: &Server, apart: Duration) -> anyhow::Result<Latencies> {
    let seen = stream(gateway.http.context("no HTTP")?)?;
    let mut oximeter = Oximeter::connect(gateway.mqtt, "oximeter")?;
    let (mut alarms, mut pubacks) = (Vec::new(), Vec::new());
    let begun = monotonic();
    for seq in 1..=ALARMS {
        let sent = oximeter.measure("oximeter", if seq % 2 == 1 { 120.0 } else { 80.0 })?;
        let state = if seq % 2 == 1 { "alarming" } else { "closed" };
        let alarm = loop {
            let Heard { at, alarm } = seen.recv_timeout(PATIENCE).context("no alarm came")?;
            if alarm["device"] == "oximeter" && alarm["kind"] == "physiological" {
                ensure!(alarm["state"] == state, "expected {state}: {alarm}");
                break at;
            }
        };
        let puback = oximeter.acknowledged()?;
        let ms = |at: Instant| at.saturating_duration_since(sent).as_secs_f64() * 1e3;
        alarms.push(ms(alarm));
        pubacks.push(ms(puback));
        thread::sleep(apart);
    }
    let seconds = monotonic().saturating_duration_since(begun).as_secs_f64();
    Ok(Latencies { alarms, pubacks, seconds })
}

/// A figure of `/metrics`, all labels together.
fn value(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
