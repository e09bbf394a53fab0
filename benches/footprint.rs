//! Memory a patient, bytes a reading on disk, and the start after a kill:
//! `cargo bench --bench footprint`.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use minicbor::bytes::ByteVec;
use rusqlite::Connection;
use vitalgate::app::RunMode;
use vitalgate::clock::Stopwatch;
use vitalgate::config::Config;
use vitalgate::inbox::{Receipt, Submission};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, Kind};
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_formats::{Request, decode};
use vitalgate_sim::bedside::{Bedside, BedsideOptions};
use vitalgate_sim::names::{self, Signal};
use vitalgate_sim::wire::{self, Body, Reading};
use vitalgate_store::history::point::Point;
use vitalgate_store::{Reader, Store};

use support::figures::median;
use support::gateway::{Server, resident};
use support::load::{self, Load, Until};
use support::ward::{Ward, configuration, headless, registered};
use support::{ROUNDS, folder, myself, part};

/// The part of a process that makes a state and writes it down.
const MAKE: &str = "make";
/// The part of a process that takes a state into its memory.
const HOLD: &str = "hold";
/// Signals of each patient whose memory is measured.
const SIGNALS: [(Signal, f64); 6] = [
    (names::HEART_RATE, 72.0),
    (names::SPO2, 97.0),
    (names::RESPIRATORY_RATE, 14.0),
    (names::TEMPERATURE, 36.6),
    (names::NIBP_SYS, 120.0),
    (names::NIBP_DIA, 75.0),
];
/// Beds of the simulated day.
const BEDS: u64 = 10;
/// A memory file system: the day's rows need no disk to be counted.
const MEMORY: &str = "/dev/shm";

/// A part of a state: kind, key, body.
type Part = (String, String, ByteVec);

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, arguments)) => match (part.as_str(), arguments.as_slice()) {
            (MAKE, [patients, file]) => make(patients.parse()?, Path::new(file)),
            (HOLD, [kinds, file]) => hold(kinds, Path::new(file)),
            _ => anyhow::bail!("`{part}` is no part of this benchmark"),
        },
        None => {
            memory()?;
            start_after_a_kill()?;
            day_on_disk()
        }
    }
}

fn memory() -> anyhow::Result<()> {
    println!("memory, {} signals a patient", SIGNALS.len());
    for patients in [1_000, 10_000] {
        let file = folder("memory")?.join("state");
        let made = myself()?.arg(MAKE).arg(patients.to_string()).arg(&file).status()?;
        anyhow::ensure!(made.success(), "no state was made");
        let written = read_parts(&file)?;
        for kinds in ["patient", "device", "patient+device"] {
            let mut a_patient = Vec::new();
            for _ in 0..ROUNDS {
                let held = myself()?.arg(HOLD).arg(kinds).arg(&file).output()?;
                let grown: f64 = String::from_utf8(held.stdout)?.trim().parse()?;
                a_patient.push(grown / f64::from(patients));
            }
            let encoded: usize =
                written.iter().filter(|p| kinds.contains(&p.0)).map(|p| p.2.len()).sum();
            println!(
                "  {patients:>6} patients   {kinds:<14}   {} bytes a patient   encoded {}",
                median(&a_patient),
                encoded / patients as usize,
            );
        }
    }
    println!("  a point of a history head takes {} bytes", size_of::<Point>());
    Ok(())
}

/// A ward whose patients each have three readings, as a snapshot would write it.
fn make(patients: u64, file: &Path) -> anyhow::Result<()> {
    let configuration = configuration()?;
    let begin = Timestamp::from_millis(1_795_000_000_000);
    let mut core = Core::new("site".parse()?, false, configuration.clone());
    let stamp = |second| Stamp { at: begin + Span::secs(second), offset: Span::ZERO };
    core.fold(1, stamp(0), &registered(patients)?);
    for row in 1..=3 {
        let now = stamp(i64::try_from(row)?);
        let at = jiff::Timestamp::from_microsecond(now.at.as_micros())?;
        let mut inputs = Vec::new();
        for patient in 0..patients {
            let readings = SIGNALS.map(|(signal, value)| Reading::number(at, signal, value));
            let payload = telemetry(row, at, readings.to_vec());
            let device = format!("load-{patient}").parse()?;
            inputs.push(decoded(&payload, &device, now.at, &configuration));
        }
        core.fold(row + 1, now, &inputs);
    }
    let keys = core.parts_since(0);
    let parts = keys.iter().filter_map(|(kind, key)| core.part(kind, key));
    let parts: Vec<Part> =
        parts.map(|p| (p.kind.to_owned(), p.key, ByteVec::from(p.body))).collect();
    Ok(fs::write(file, minicbor::to_vec(parts)?)?)
}

/// Says how much the process grows when it takes in a part of a state.
fn hold(kinds: &str, file: &Path) -> anyhow::Result<()> {
    let parts = read_parts(file)?;
    let wanted = |kind: &str| matches!(kind, "core" | "site") || kinds.contains(kind);
    // Frees what the reading left behind before anything is measured.
    let empty = parts.iter().filter(|p| matches!(p.0.as_str(), "core" | "site"));
    drop(Core::restore(empty.map(|(kind, key, body)| (kind.as_str(), key.as_str(), &body[..])))?);
    let before = resident("self")?;
    let parts = parts.iter().filter(|p| wanted(&p.0));
    let core =
        Core::restore(parts.map(|(kind, key, body)| (kind.as_str(), key.as_str(), &body[..])))?;
    let after = resident("self")?;
    println!("{}", after.saturating_sub(before));
    drop(core);
    Ok(())
}

fn read_parts(file: &Path) -> anyhow::Result<Vec<Part>> {
    Ok(minicbor::decode(&fs::read(file)?)?)
}

fn start_after_a_kill() -> anyhow::Result<()> {
    println!("start after a kill with 1,000,000 readings in the journal");
    let (mut seconds, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let dir = folder("killed")?;
        Ward { connections: 50, devices: 1 }.make(&dir, RunMode::default())?;
        let gateway = Server::gateway(&dir)?;
        let (mqtt, extent) = (gateway.mqtt, Until::Messages(250_000));
        let load = Load { mqtt, connections: 50, devices: 1, window: 20, rate: 0, extent };
        load.run()?;
        gateway.kill()?;
        let watch = Stopwatch::start();
        let bytes: usize = ["vitalgate.db", "vitalgate.db-wal"]
            .iter()
            .filter_map(|name| fs::read(dir.join(name)).ok())
            .map(|bytes| bytes.len())
            .sum();
        let reading = watch.seconds();
        let gateway = Server::gateway(&dir)?;
        println!(
            "  {:.2} s until it listens; reading its {} MiB once takes {reading:.3} s",
            gateway.start_s,
            bytes >> 20,
        );
        seconds.push(gateway.start_s);
        ratios.push(gateway.start_s / reading);
    }
    println!("  seconds                         {}", median(&seconds));
    println!("  start : reading the file        {}", median(&ratios));
    Ok(())
}

/// A day of bedside monitors through the whole pipeline, at the speed of `--clock stream`.
fn day_on_disk() -> anyhow::Result<()> {
    println!("a simulated day of {BEDS} bedside monitors");
    let dir = tempfile::tempdir_in(MEMORY)?;
    let mode = RunMode { stream_clock: true, headless: true, demo: false };
    Ward { connections: BEDS, devices: 1 }.make(dir.path(), mode)?;
    let config = Config::read(&dir.path().join("gateway.toml"))?;
    let configuration = configuration()?;
    let begin: jiff::Timestamp = "2026-11-21T00:00:00Z".parse()?;
    let mut monitors = Vec::new();
    for bed in 0..BEDS {
        let options = BedsideOptions { seed: bed + 1, ..BedsideOptions::default() };
        monitors.push((format!("load-{bed}").parse::<DeviceId>()?, Bedside::new(options, begin)));
    }
    let mut sent = 0;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(headless(&config, mode, async |inbox| {
        let mut last = None;
        for second in 1..=86_400 {
            let mut inputs = Vec::new();
            for (device, monitor) in &mut monitors {
                let at = monitor.due();
                let readings = monitor.readings();
                sent += readings.len();
                let payload = telemetry(second, at, readings);
                let received = Timestamp::from_micros(at.as_microsecond());
                inputs.push(decoded(&payload, device, received, &configuration));
            }
            let (receipt, waiting) = Receipt::new();
            inbox.submit(Submission::of(inputs, 0, receipt)).await?;
            last = Some(waiting);
        }
        last.context("nothing was sent")?.await.context("the day was not committed")?;
        Ok(())
    }))?;
    show_sizes(dir.path(), sent)
}

fn show_sizes(dir: &Path, sent: usize) -> anyhow::Result<()> {
    let sealed: i64 = Connection::open(Store::file(dir))?.query_row(
        "SELECT ifnull(sum(n), 0) FROM blocks",
        [],
        |row| row.get(0),
    )?;
    println!("  {sent} readings sent, {sealed} of them in blocks");
    let mut history = 0;
    for size in Reader::of(dir)?.sizes()? {
        if matches!(size.table.as_str(), "blocks" | "series") {
            history += size.bytes;
        }
        println!("  {:<20} {:>12} bytes", size.table, size.bytes);
    }
    println!("  history: {:.2} bytes a reading", history as f64 / sealed as f64);
    let file = fs::metadata(Store::file(dir))?.len();
    println!("  the whole file, journal included: {:.2}", file as f64 / sent as f64);
    Ok(())
}

fn telemetry(seq: u64, at: jiff::Timestamp, readings: Vec<Reading>) -> Bytes {
    let message = wire::Message {
        boot: 1,
        seq,
        sent_at: wire::Stamp(at),
        mode: wire::Mode::Real,
        clock: wire::Clock { source: "ntp" },
        relay: None,
        body: Body::Telemetry { readings },
    };
    message.encode()
}

fn decoded(
    payload: &[u8],
    device: &DeviceId,
    received: Timestamp,
    configuration: &Configuration,
) -> Input {
    let request = Request {
        principal: device,
        device,
        kind: Kind::Telemetry,
        payload,
        delivery: Delivery { qos: 1, ..Delivery::default() },
        received,
        retention: Span::days(365),
        topic: "vitalgate/v1/load/telemetry",
    };
    Input::Message(Box::new(decode(&request, &configuration.signals).message))
}
