//! Hours at half of what the gateway can take: memory, processor time a message and acknowledgements of the last
//! quarter against the first.
//!
//! `cargo bench --bench soak` runs for 90 minutes, or for as many as `VITALGATE_SOAK_MINUTES` says, and fails where
//! memory did not stay flat or a message was lost. The first tenth, at most five minutes, is for warming up: histories
//! fill their heads, the log gets its size. The disk needs about 15 bytes for each message.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use vitalgate::app::RunMode;
use vitalgate::clock::Stopwatch;

use support::figures::quantile;
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::ward::{self, Ward};
use support::{folder, part};

const CONNECTIONS: u64 = 50;
const WINDOW: usize = 20;
const MINUTES: u64 = 90;
/// How long what the gateway can take is measured.
const PEAK_SECONDS: u64 = 10;
/// Looked at so often.
const EVERY: Duration = Duration::from_secs(2);
/// Memory of the last quarter may be so much above that of the first, by ratio and in bytes: allocators round.
const GROWTH: f64 = 1.05;
const SLACK: f64 = 8.0 * 1024.0 * 1024.0;

/// The gateway at one moment, in seconds and bytes.
#[derive(Clone, Copy, Debug)]
struct Look {
    at_s: f64,
    cpu_s: f64,
    resident: f64,
}

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => soak(),
    }
}

fn soak() -> anyhow::Result<()> {
    let minutes = match std::env::var("VITALGATE_SOAK_MINUTES") {
        Ok(minutes) => minutes.parse().context("VITALGATE_SOAK_MINUTES")?,
        Err(_) => MINUTES,
    };
    let template = folder("soak-ward")?;
    Ward { connections: CONNECTIONS, devices: 1 }.make(&template, RunMode::default())?;
    let load = |server: &Server, rate, seconds| Load {
        mqtt: server.mqtt,
        connections: CONNECTIONS,
        devices: 1,
        window: WINDOW,
        rate,
        extent: Until::Seconds(seconds),
    };
    let dir = folder("soak-peak")?;
    ward::copy(&template, &dir)?;
    let peak = {
        let server = Server::gateway(&dir)?;
        load(&server, 0, PEAK_SECONDS).run()?.rate()
    };
    let rate = (peak / 2.0) as u64;
    println!("{peak:.0} messages a second at the peak; {minutes} minutes at {rate}");

    let dir = folder("soak")?;
    ward::copy(&template, &dir)?;
    let server = Server::gateway(&dir)?;
    let seconds = minutes * 60;
    let watch = Stopwatch::start();
    let running = load(&server, rate, seconds).start()?;
    let mut looks = Vec::new();
    while watch.seconds() < seconds as f64 {
        let (cpu_s, resident) = (server.cpu_s()?, server.resident()? as f64);
        looks.push(Look { at_s: watch.seconds(), cpu_s, resident });
        thread::sleep(EVERY);
    }
    let done = running.wait()?;
    let warm = (seconds as f64 / 10.0).min(300.0);
    looks.retain(|look| look.at_s >= warm);
    let quarter = looks.len() / 4;
    ensure!(quarter >= 2, "too short: nothing to compare");
    let [first, last] = [&looks[..quarter], &looks[looks.len() - quarter..]].map(|part| {
        let (begin, end) = (part[0], part[part.len() - 1]);
        let cpu = (end.cpu_s - begin.cpu_s) / (end.at_s - begin.at_s) * 1e6 / rate as f64;
        let resident: Vec<f64> = part.iter().map(|look| look.resident).collect();
        (quantile(&resident, 0.5), cpu)
    });
    println!("quarter   memory, MiB   processor time a message, µs");
    for (name, (resident, cpu)) in [("first", first), ("last", last)] {
        println!("{name:<7} {:>13.1} {cpu:>14.2}", resident / 1024.0 / 1024.0);
    }
    println!(
        "{} acknowledged, {:.0} a second, at the median within {} µs, 99 % within {} µs",
        done.acked,
        done.rate(),
        done.p50_us,
        done.p99_us
    );
    ensure!(last.0 <= first.0 * GROWTH + SLACK, "memory did not stay flat");
    ensure!(done.rate() >= rate as f64 * 0.9, "it could not keep half of its own peak");
    Ok(())
}
