//! Messages a second through Mosquitto, and processor time a message of each process: the whole
//! gateway behind it against a bare rumqttc client that does nothing but acknowledge.
//!
//! `cargo bench --bench broker` runs both in turn, three times each, under the same load from a
//! process of its own: one JSON message with four readings of a bound patient, all QoS 1. The clock
//! stops when the consumer has the last message; the gateway has one when it is committed. Needs
//! Mosquitto.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use vitalgate::app::{Addresses, RunMode};
use vitalgate::clock::Stopwatch;

use support::figures::median;
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::ward::{self, Ward};
use support::{ROUNDS, folder, myself, part};

/// The part of a process that is the floor.
const FLOOR: &str = "floor";
/// Connections, and messages in flight on each.
const LOAD: (u64, usize) = (8, 50);
/// Messages of one run.
const MESSAGES: u64 = 200_000;
/// Between two looks at how far a consumer is.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Longer than any run.
const PATIENCE_S: f64 = 300.0;

/// What one run did.
#[derive(Clone, Copy)]
struct Figures {
    rate: f64,
    consumer_us: f64,
    mosquitto_us: f64,
    load_us: f64,
}

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, arguments)) if part == FLOOR => floor(&arguments),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => compare(),
    }
}

fn compare() -> anyhow::Result<()> {
    let (connections, window) = LOAD;
    println!("{MESSAGES} messages, {connections} connections × window {window}, QoS 1 in and out");
    let template = folder("ward")?;
    Ward { connections, devices: 1 }.make(&template, RunMode::default())?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let dir = folder("floor")?;
        let broker = mosquitto(&dir)?;
        let consumer = Server::start(
            myself()?.arg(FLOOR).arg(&dir).arg(broker.mqtt.to_string()).arg(MESSAGES.to_string()),
            &dir,
        )?;
        let floor = measure(&consumer, &broker, || Ok(dir.join("done").exists()))?;
        show("  floor", floor);
        let dir = folder("whole")?;
        ward::copy(&template, &dir)?;
        let broker = mosquitto(&dir)?;
        let gateway = behind(&broker, &dir)?;
        let before = committed(&gateway)?;
        let all = || Ok(committed(&gateway)? >= before + MESSAGES as f64);
        let whole = measure(&gateway, &broker, all)?;
        show("  whole", whole);
        rates.push(whole.rate / floor.rate);
        costs.push(whole.consumer_us / floor.consumer_us);
    }
    println!("  messages/s, whole : floor                   {}", median(&rates));
    println!("  CPU a message of the consumer, the same     {}", median(&costs));
    Ok(())
}

fn measure(
    consumer: &Server,
    broker: &Server,
    mut has_all: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Figures> {
    let (connections, window) = LOAD;
    let extent = Until::Messages(MESSAGES);
    let load = Load { mqtt: broker.mqtt, connections, devices: 1, window, rate: 0, extent };
    let (consumer_s, broker_s) = (consumer.cpu_s()?, broker.cpu_s()?);
    let watch = Stopwatch::start();
    let running = load.start()?;
    while !has_all()? {
        anyhow::ensure!(watch.seconds() < PATIENCE_S, "the consumer does not get all messages");
        thread::sleep(LOOK_AGAIN);
    }
    let seconds = watch.seconds();
    let each = |cpu_s: f64| cpu_s * 1e6 / MESSAGES as f64;
    let (consumer_us, mosquitto_us) =
        (each(consumer.cpu_s()? - consumer_s), each(broker.cpu_s()? - broker_s));
    let load_us = each(running.wait()?.cpu_s);
    Ok(Figures { rate: MESSAGES as f64 / seconds, consumer_us, mosquitto_us, load_us })
}

fn show(name: &str, figures: Figures) {
    let Figures { rate, consumer_us, mosquitto_us, load_us } = figures;
    println!(
        "{name}  {rate:>8.0} messages/s  µs CPU a message: consumer {consumer_us:>5.2}, \
         Mosquitto {mosquitto_us:>5.2}, load {load_us:>5.2}"
    );
}

/// Mosquitto with room for everything.
fn mosquitto(dir: &Path) -> anyhow::Result<Server> {
    let dir = dir.join("broker");
    fs::create_dir_all(&dir)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let file = dir.join("mosquitto.conf");
    fs::write(
        &file,
        format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\n\
                 max_inflight_messages 1000\nmax_queued_messages 0\nmax_queued_bytes 0\n\
                 set_tcp_nodelay true\n",
            address.port()
        ),
    )?;
    let mut command = Command::new("/usr/sbin/mosquitto");
    let server = Server::announced(command.arg("-c").arg(&file), &dir, address)?;
    let watch = Stopwatch::start();
    while TcpStream::connect(address).is_err() {
        anyhow::ensure!(watch.seconds() < PATIENCE_S, "Mosquitto does not listen");
        thread::sleep(LOOK_AGAIN);
    }
    Ok(server)
}

/// The gateway on the store in `dir`, subscribed to the broker.
fn behind(broker: &Server, dir: &Path) -> anyhow::Result<Server> {
    let mut config = fs::OpenOptions::new().append(true).open(dir.join("gateway.toml"))?;
    write!(
        config,
        "\n[[broker]]\nid = \"broker\"\nhost = \"127.0.0.1\"\nport = {}\n\
         speaks_for = \"registered\"\n",
        broker.mqtt.port()
    )?;
    let gateway = Server::gateway(dir)?;
    let watch = Stopwatch::start();
    loop {
        let ready: Option<Value> =
            gateway.get("/readyz").ok().and_then(|text| serde_json::from_str(&text).ok());
        if ready.is_some_and(|ready| ready["degraded"].as_array().is_some_and(Vec::is_empty)) {
            return Ok(gateway);
        }
        anyhow::ensure!(watch.seconds() < PATIENCE_S, "the gateway does not subscribe");
        thread::sleep(LOOK_AGAIN);
    }
}

/// Inputs committed so far.
fn committed(gateway: &Server) -> anyhow::Result<f64> {
    let metrics = gateway.get("/metrics")?;
    let sum = metrics.lines().find_map(|line| line.strip_prefix("vitalgate_batch_inputs_sum "));
    sum.context("no vitalgate_batch_inputs_sum")?.trim().parse().context("not a number")
}

/// The floor: a client that acknowledges by itself, and counts.
fn floor(arguments: &[String]) -> anyhow::Result<()> {
    let [dir, address, count] = arguments else { anyhow::bail!("which folder, broker and count?") };
    let (dir, mut left): (_, u64) = (Path::new(dir), count.parse()?);
    let address: SocketAddr = address.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut options = MqttOptions::new("floor", address.ip().to_string(), address.port());
        options.set_clean_session(false).set_max_packet_size(256 << 10, 256 << 10);
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe("vitalgate/v1/+/+", QoS::AtLeastOnce).await?;
        while left > 0 {
            match events.poll().await? {
                Event::Incoming(Packet::SubAck(_)) => {
                    let addresses = Addresses { mqtt: Some(address), ..Addresses::default() };
                    fs::write(dir.join("addresses.json"), serde_json::to_vec(&addresses)?)?;
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    left -= u64::from(publish.topic.ends_with("/telemetry"));
                }
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
        }
        fs::write(dir.join("done"), "")?;
        // Read by the process that measures before this one ends.
        loop {
            if events.poll().await.is_err() {
                return Ok(());
            }
        }
    })
}
