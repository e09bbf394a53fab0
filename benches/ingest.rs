//! Durable messages a second, and processor time a message: the whole gateway against the same
//! listener with a bare append and fdatasync, without decode, rules or SQLite.
//!
//! `cargo bench --bench ingest` runs both sides in turn, three times each, under the same load from
//! a third process: one JSON message with four readings of a bound patient, all QoS 1.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitalgate::app::{Addresses, RunMode};
use vitalgate::clock::Clock;
use vitalgate::handles::Handles;
use vitalgate::inbox::{Committed, Inbox, Submission};
use vitalgate::ingest::sources::listener::{
    Authentication, Listener, ListenerConfig, SourceHandles, Unknown,
};
use vitalgate::projection::view::Board;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Body, Message, Mode};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_formats::{Decoded, Request};

use support::figures::median;
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::ward::{self, Ward};
use support::{ROUNDS, folder, myself, part, path};

/// The part of a process that is the floor.
const FLOOR: &str = "floor";
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
        Some((part, arguments)) if part == FLOOR => {
            floor(arguments.first().context("which folder?")?)
        }
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
        let floor = Server::start(myself()?.arg(FLOOR).arg(&dir), &dir)?;
        let floor = measure(&floor, connections, 1, window)?;
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

/// The floor: the gateway's listener, a file, fdatasync.
fn floor(dir: &str) -> anyhow::Result<()> {
    let dir = Path::new(dir);
    let file = File::create(dir.join("log"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = Listener::bind(ListenerConfig {
            plain: vec!["127.0.0.1:0".parse()?],
            authentication: Authentication::Open,
            unknown: Unknown::Admit,
            decode: take_as_it_is,
            ..ListenerConfig::default()
        })?;
        let addresses =
            Addresses { mqtt: listener.local_addrs().first().copied(), ..Addresses::default() };
        let (inbox, submissions) = Inbox::new();
        let appending = std::thread::spawn(move || append(submissions, file));
        fs::write(dir.join("addresses.json"), serde_json::to_vec(&addresses)?)?;
        let (_board, board) = watch::channel(Arc::new(Board::default()));
        let (_signals, signals) = watch::channel(Arc::new(SignalTable::default()));
        listener
            .run(SourceHandles {
                handles: Handles::new(
                    inbox,
                    board,
                    signals,
                    Clock::system(Timestamp::from_micros(0)),
                ),
                refusals: Arc::default(),
                tracker: TaskTracker::new(),
                cancel: CancellationToken::new(),
            })
            .await;
        appending.join().map_err(|_| anyhow::anyhow!("the appending thread panicked"))?
    })
}

/// No decode: the bytes, to be appended.
fn take_as_it_is(request: &Request<'_>, _: &SignalTable) -> Decoded {
    let text = String::from_utf8_lossy(request.payload).into_owned();
    let message = Message {
        principal: request.principal.clone(),
        device: request.device.clone(),
        boot: None,
        seq: None,
        sent_at: None,
        mode: Mode::Real,
        clock: None,
        relay: None,
        hash: 0,
        delivery: request.delivery,
        unknown_fields: 0,
        old: None,
        body: Body::Status { will: false, text },
    };
    Decoded { message, waves: Vec::new(), dead_letter: None }
}

/// Everything that waits with one write and one fdatasync, then its receipts.
fn append(mut submissions: mpsc::Receiver<Submission>, mut file: File) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    while let Some(first) = submissions.blocking_recv() {
        let mut batch = vec![first];
        while let Ok(more) = submissions.try_recv() {
            batch.push(more);
        }
        bytes.clear();
        for input in batch.iter().flat_map(|submission| &submission.inputs) {
            if let Input::Message(message) = input
                && let Body::Status { text, .. } = &message.body
            {
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for submission in batch {
            submission.receipt.release(Committed::default());
        }
    }
    Ok(())
}
