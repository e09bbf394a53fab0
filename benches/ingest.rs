//! Durable messages a second, and processor time a message: the whole gateway against the same
//! listener with a bare append and fdatasync, without decode, rules or SQLite, or any program that `VITALGATE_FLOOR` names
//! (`PORT` among its arguments stands for where it is to listen).
//!
//! `cargo bench --bench ingest` runs both sides in turn, three times each, under the same load from
//! a third process: one JSON message with four readings of a bound patient, all QoS 1.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use vitalgate::app::RunMode;

use support::figures::median;
use support::floor;
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::ward::{self, Ward};
use support::{ROUNDS, folder, part, path};

/// How long each side is under load.
const SECONDS: u64 = 8;

/// What one side did under one load.
#[derive(Clone, Copy)]
struct Figures {
    rate: f64,
    cpu_us: f64,
}

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, arguments)) if part == floor::PART => floor::run(&arguments),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => {
            against_the_floor("pipelined", 50, 20)?;
            against_the_floor("one at a time", 500, 1)?;
            devices_a_connection()
        }
    }
}

fn against_the_floor(name: &str, connections: u64, window: usize) -> anyhow::Result<()> {
    println!("{name}: {connections} connections × window {window}");
    let template = folder("ward")?;
    Ward { connections, devices: 1 }.make(&template, RunMode::default())?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let dir = folder("floor")?;
        let floor = measure(&floor::start(&dir)?, connections, 1, window)?;
        show("  floor", floor);
        let dir = folder("whole")?;
        ward::copy(&template, &dir)?;
        let whole = measure(&Server::gateway(&dir)?, connections, 1, window)?;
        show("  whole", whole);
        rates.push(whole.rate / floor.rate);
        costs.push(whole.cpu_us / floor.cpu_us);
    }
    println!("  messages/s, whole : floor       {}", median(&rates));
    println!("  CPU a message, whole : floor    {}", median(&costs));
    Ok(())
}

fn devices_a_connection() -> anyhow::Result<()> {
    const CONNECTIONS: u64 = 50;
    const DEVICES: [u64; 3] = [1, 10, 100];
    println!("devices a connection: {CONNECTIONS} connections × window 20");
    for devices in DEVICES {
        Ward { connections: CONNECTIONS, devices }
            .make(&folder(&format!("ward-{devices}"))?, RunMode::default())?;
    }
    let mut ratios = DEVICES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        let mut one = None;
        for (devices, ratios) in DEVICES.into_iter().zip(&mut ratios) {
            let dir = folder("whole")?;
            ward::copy(&path(&format!("ward-{devices}")), &dir)?;
            let figures = measure(&Server::gateway(&dir)?, CONNECTIONS, devices, 20)?;
            show(&format!("  {devices:>3} devices"), figures);
            ratios.push(figures.rate / one.get_or_insert(figures).rate);
        }
    }
    for (devices, ratios) in DEVICES.into_iter().zip(&ratios) {
        println!("  messages/s, {devices} : 1 device    {}", median(ratios));
    }
    Ok(())
}

fn measure(
    server: &Server,
    connections: u64,
    devices: u64,
    window: usize,
) -> anyhow::Result<Figures> {
    let before = server.cpu_s()?;
    let extent = Until::Seconds(SECONDS);
    let load = Load { mqtt: server.mqtt, connections, devices, window, rate: 0, extent };
    let done = load.run()?;
    let cpu_s = server.cpu_s()? - before;
    Ok(Figures { rate: done.rate(), cpu_us: cpu_s * 1e6 / done.acked as f64 })
}

fn show(name: &str, Figures { rate, cpu_us }: Figures) {
    println!("{name}    {rate:>9.0} messages/s    {cpu_us:>6.2} µs CPU a message");
}
