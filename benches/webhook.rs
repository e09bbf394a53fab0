//! From a publish to its alarm at a client of the event stream and at the receiver of a webhook, in one run:
//! `cargo bench --bench webhook`, idle and under 10,000 messages a second, in turn.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use vitalgate::app::RunMode;

use support::alarms::Heard;
use support::figures::{median, quantile};
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::oximeter::Oximeter;
use support::ward::Ward;
use support::{ROUNDS, alarms, folder, part};

/// Alarms of one run, half raised and half ended.
const ALARMS: u64 = 1_000;
const CONNECTIONS: u64 = 50;
/// What else the gateway has to do, in messages a second.
const LOADS: [(&str, Option<u64>); 2] = [("idle  ", None), ("loaded", Some(10_000))];
/// The load is at its rate after so long.
const WARM_UP: Duration = Duration::from_secs(2);
/// Longer than any delivery takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Signs what is posted; a secret of nobody.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => compare(),
    }
}

fn compare() -> anyhow::Result<()> {
    let mut apart = LOADS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((name, rate), apart) in LOADS.into_iter().zip(&mut apart) {
            apart.push(run(name, rate)?);
        }
    }
    for ((name, _), apart) in LOADS.iter().zip(&apart) {
        println!("{name}  p99 at the webhook − p99 at the stream {} ms", median(apart));
    }
    Ok(())
}

/// One run; gives by how many milliseconds the p99 of the webhook is above that of the stream.
fn run(name: &str, rate: Option<u64>) -> anyhow::Result<f64> {
    let dir = folder("webhook")?;
    Ward { connections: CONNECTIONS, devices: 1 }.make(&dir, RunMode::default())?;
    let (receiver, posted) = alarms::receiver()?;
    configure(receiver, &dir)?;
    let gateway = Server::gateway(&dir)?;
    let load = rate.map(|rate| {
        let extent = Until::Seconds(3_600);
        Load { mqtt: gateway.mqtt, connections: CONNECTIONS, devices: 1, window: 20, rate, extent }
            .start()
    });
    let load = load.transpose()?;
    if load.is_some() {
        thread::sleep(WARM_UP);
    }
    let seen = alarms::stream(gateway.http.context("no HTTP")?)?;
    let mut oximeter = Oximeter::connect(gateway.mqtt, "oximeter")?;
    let [mut at_stream, mut at_webhook] = [Vec::new(), Vec::new()];
    for shot in 1..=ALARMS {
        let (pulse, state) = if shot % 2 == 1 { (120.0, "alarming") } else { (80.0, "closed") };
        let sent = oximeter.measure("oximeter", pulse)?;
        let ms = |at: Instant| at.saturating_duration_since(sent).as_secs_f64() * 1e3;
        at_stream.push(ms(next(&seen, state)?));
        at_webhook.push(ms(next(&posted, state)?));
        oximeter.acknowledged()?;
    }
    if let Some(load) = load {
        load.stop()?;
    }
    let p99 = [&at_stream, &at_webhook].map(|times| quantile(times, 0.99));
    println!(
        "{name}  stream p50 {:.1} p99 {:.1} max {:.1} ms   webhook p50 {:.1} p99 {:.1} max {:.1} ms",
        quantile(&at_stream, 0.5),
        p99[0],
        quantile(&at_stream, 1.0),
        quantile(&at_webhook, 0.5),
        p99[1],
        quantile(&at_webhook, 1.0),
    );
    Ok(p99[1] - p99[0])
}

/// When the next news of the oximeter's alarm came, which must be this.
fn next(heard: &Receiver<Heard>, state: &str) -> anyhow::Result<Instant> {
    loop {
        let Heard { at, alarm } = heard.recv_timeout(PATIENCE).context("no alarm came")?;
        if of_the_oximeter(&alarm) {
            ensure!(alarm["state"] == state, "expected {state}: {alarm}");
            return Ok(at);
        }
    }
}

fn of_the_oximeter(alarm: &Value) -> bool {
    alarm["device"] == "oximeter" && alarm["kind"] == "physiological"
}

fn configure(receiver: SocketAddr, dir: &Path) -> anyhow::Result<()> {
    fs::write(dir.join("webhook-secret"), SECRET)?;
    let channel = format!(
        "\n[[channel]]\nid = \"pager\"\nkind = \"webhook\"\nurl = \"http://{receiver}/hook\"\n\
         secret_file = \"webhook-secret\"\n"
    );
    let file = dir.join("gateway.toml");
    Ok(fs::write(&file, fs::read_to_string(&file)? + &channel)?)
}
