//! Processor time a message at the rates of a hospital, far below what the gateway can take: there a
//! commit costs more than the message in it.
//!
//! `cargo bench --bench rates` sends 50 … 20,000 messages a second over 50 connections, four readings each,
//! QoS 1, to the whole gateway and to its floor in turn: the listener of benchmark `ingest` if nothing else
//! is given, or any program that `VITALGATE_FLOOR` names, with its arguments, in which `PORT` stands for
//! the port it is to listen on at 127.0.0.1.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::thread;
use std::time::Duration;

use vitalgate::app::RunMode;

use support::figures::median;
use support::floor;
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::ward::{self, Ward};
use support::{ROUNDS, folder, part};

/// Messages a second.
const RATES: [u64; 7] = [50, 200, 1_000, 2_000, 4_000, 8_000, 20_000];
const CONNECTIONS: u64 = 50;
/// How long each side is under each load.
const SECONDS: u64 = 8;

/// What one side did at one rate.
#[derive(Clone, Copy)]
struct Figures {
    /// Of processor time a message, in µs.
    cpu: f64,
    /// Of the wait for an acknowledgement, in µs.
    p50: u64,
    p99: u64,
}

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, arguments)) if part == floor::PART => floor::run(&arguments),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => table(),
    }
}

fn table() -> anyhow::Result<()> {
    let template = folder("ward")?;
    Ward { connections: CONNECTIONS, devices: 1 }.make(&template, RunMode::default())?;
    println!("µs of processor time a message; acknowledged within µs at the median and of 99 %");
    println!("messages/s   whole    p50    p99   floor    p50    p99   whole : floor");
    for rate in RATES {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let dir = folder("floor")?;
            let floor = measure(&floor::start(&dir)?, rate)?;
            let dir = folder("whole")?;
            ward::copy(&template, &dir)?;
            let whole = measure(&Server::gateway(&dir)?, rate)?;
            let ratio = whole.cpu / floor.cpu;
            println!("{rate:>10} {} {} {ratio:>10.1}", row(whole), row(floor));
            ratios.push(ratio);
        }
        println!("{rate:>10}   whole : floor {}", median(&ratios));
    }
    Ok(())
}

fn row(Figures { cpu, p50, p99 }: Figures) -> String {
    format!("{cpu:>7.1} {p50:>6} {p99:>6}")
}

fn measure(server: &Server, rate: u64) -> anyhow::Result<Figures> {
    // Connecting is no part of it.
    let load = |seconds| Load {
        mqtt: server.mqtt,
        connections: CONNECTIONS,
        devices: 1,
        window: 20,
        rate,
        extent: Until::Seconds(seconds),
    };
    let running = load(SECONDS + 2).start()?;
    thread::sleep(Duration::from_secs(1));
    let before = server.cpu_s()?;
    thread::sleep(Duration::from_secs(SECONDS));
    let cpu_s = server.cpu_s()? - before;
    let done = running.wait()?;
    let messages = (rate * SECONDS) as f64;
    Ok(Figures { cpu: cpu_s * 1e6 / messages, p50: done.p50_us, p99: done.p99_us })
}
