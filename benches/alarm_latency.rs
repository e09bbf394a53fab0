//! From a publish to its alarm at a client of the event stream, beside the commits of the same run:
//! `cargo bench --bench alarm_latency`, idle, under 10,000 messages a second, and under more than the
//! machine can take, in turn.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use rumqttc::{Connect, Packet, Publish, QoS};
use serde_json::{Value, json};
use vitalgate::app::RunMode;
use vitalgate::clock::Clock;
use vitalgate::domain::time::Timestamp;
use vitalgate_sim::clock::monotonic;

use support::figures::{Buckets, median, quantile};
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::ward::Ward;
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
        Some((part, told)) if part == load::PART => Load::play(&told),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => measure(),
    }
}

/// What else the gateway has to do: messages a second, and how many of a connection are in flight.
struct Background {
    name: &'static str,
    rate: u64,
    window: usize,
}

const BACKGROUNDS: [Option<Background>; 3] = [
    None,
    Some(Background { name: "loaded    ", rate: 10_000, window: 20 }),
    // As fast as it is acknowledged, with every window full.
    Some(Background { name: "overloaded", rate: 0, window: 64 }),
];

fn measure() -> anyhow::Result<()> {
    let mut behind = BACKGROUNDS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (background, behind) in BACKGROUNDS.iter().zip(&mut behind) {
            behind.push(run(background.as_ref())?);
        }
    }
    let [idle, loaded, overloaded] = behind.map(|behind| median(&behind));
    println!("p99 at the client − p99 of the commit, idle         {idle} ms");
    println!("p99 at the client − p99 of the commit, under load   {loaded} ms");
    println!("p99 at the client − p99 of the commit, in overload  {overloaded} ms");
    Ok(())
}

/// Runs one gateway; says by how many milliseconds its alarms are behind its commits.
fn run(background: Option<&Background>) -> anyhow::Result<f64> {
    let dir = folder("latency")?;
    Ward { connections: CONNECTIONS, devices: 1 }.make(&dir, RunMode::default())?;
    let gateway = Server::gateway(&dir)?;
    let load = background
        .map(|background| {
            let load = Load {
                mqtt: gateway.mqtt,
                connections: CONNECTIONS,
                devices: 1,
                window: background.window,
                rate: background.rate,
                extent: Until::Seconds(3_600),
            };
            load.start()
        })
        .transpose()?;
    if background.is_some() {
        thread::sleep(WARM_UP);
    }
    let commits =
        || anyhow::Ok(Buckets::read(&gateway.get("/metrics")?, "vitalgate_commit_seconds"));
    let before = commits()?;
    let messages = gateway.get("/metrics")?;
    let Latencies { alarms, pubacks, seconds } = alarms(&gateway)?;
    let commit = commits()?.since(&before);
    let rate = (counted(&gateway.get("/metrics")?) - counted(&messages)) / seconds;
    if let Some(load) = load {
        load.stop()?;
    }
    let name = background.map_or("idle      ", |background| background.name);
    let p99 = quantile(&alarms, 0.99);
    let commit_p99 = commit.quantile(0.99) * 1e3;
    println!(
        "{name} {rate:>6.0} messages/s   alarm p50 {:.1} p99 {p99:.1} max {:.1} ms   \
         PUBACK p50 {:.1} p99 {:.1} ms   commit p50 {:.1} p99 {commit_p99:.1} ms",
        quantile(&alarms, 0.5),
        quantile(&alarms, 1.0),
        quantile(&pubacks, 0.5),
        quantile(&pubacks, 0.99),
        commit.quantile(0.5) * 1e3,
    );
    Ok(p99 - commit_p99)
}

/// Milliseconds from the publish, and how long all of it took.
struct Latencies {
    alarms: Vec<f64>,
    pubacks: Vec<f64>,
    seconds: f64,
}

/// Raises and ends the alarm of one device, each as soon as the one before was seen.
fn alarms(gateway: &Server) -> anyhow::Result<Latencies> {
    let seen = events(gateway.http.context("no HTTP")?)?;
    let (mut socket, acknowledged) = connect(gateway.mqtt)?;
    let clock = Clock::system(Timestamp::from_micros(0));
    let (mut alarms, mut pubacks) = (Vec::new(), Vec::new());
    let begun = monotonic();
    for seq in 1..=ALARMS {
        let weight = if seq % 2 == 1 { 120.0 } else { 80.0 };
        let at = clock.wall();
        let message = json!({
            "boot": 1, "seq": seq, "sent_at": at, "at": at, "clock": { "source": "ntp" },
            "readings": [{ "signal": "weight", "value": weight, "unit": "kg" }],
        });
        let mut publish =
            Publish::new("vitalgate/v1/scale/telemetry", QoS::AtLeastOnce, message.to_string());
        publish.pkid = seq as u16;
        let packet = bytes_of(&Packet::Publish(publish))?;
        let sent = monotonic();
        socket.write_all(&packet)?;
        let state = if seq % 2 == 1 { "alarming" } else { "closed" };
        let alarm = loop {
            let (at, alarm) = seen.recv_timeout(PATIENCE).context("no alarm came")?;
            if alarm["device"] == "scale" && alarm["kind"] == "physiological" {
                ensure!(alarm["state"] == state, "expected {state}: {alarm}");
                break at;
            }
        };
        let puback = acknowledged.recv_timeout(PATIENCE).context("no PUBACK came")?;
        let ms = |at: Instant| at.saturating_duration_since(sent).as_secs_f64() * 1e3;
        alarms.push(ms(alarm));
        pubacks.push(ms(puback));
    }
    let seconds = monotonic().saturating_duration_since(begun).as_secs_f64();
    Ok(Latencies { alarms, pubacks, seconds })
}

/// Alarms of the event stream, each with the moment it was read.
fn events(http: SocketAddr) -> anyhow::Result<Receiver<(Instant, Value)>> {
    let mut socket = TcpStream::connect(http)?;
    write!(
        socket,
        "GET /api/v1/stream HTTP/1.1\r\nHost: {http}\r\nAccept: text/event-stream\r\n\r\n"
    )?;
    let (tx, seen) = sync_channel(4_096);
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    ensure!(lines.any(|line| line == "event: hello"), "the stream does not begin");
    thread::spawn(move || {
        let mut is_alarm = false;
        for line in lines {
            if let Some(event) = line.strip_prefix("event: ") {
                is_alarm = event == "alarm";
            } else if let Some(data) = line.strip_prefix("data: ").filter(|_| is_alarm) {
                let at = monotonic();
                let Ok(alarm) = serde_json::from_str(data) else { return };
                if tx.send((at, alarm)).is_err() {
                    return;
                }
            }
        }
    });
    Ok(seen)
}

/// A connection of the device, and the moments its acknowledgements were read.
fn connect(mqtt: SocketAddr) -> anyhow::Result<(TcpStream, Receiver<Instant>)> {
    let mut socket = TcpStream::connect(mqtt)?;
    socket.set_nodelay(true)?;
    let mut connect = Connect::new("scale");
    connect.keep_alive = 600;
    connect.clean_session = true;
    socket.write_all(&bytes_of(&Packet::Connect(connect))?)?;
    let mut packet = [0; 4];
    socket.read_exact(&mut packet)?;
    ensure!(packet == [0x20, 2, 0, 0], "the gateway did not accept: {packet:?}");
    let mut reader = socket.try_clone()?;
    let (tx, acknowledged) = sync_channel(16);
    thread::spawn(
        move || {
            while reader.read_exact(&mut packet).is_ok() && tx.send(monotonic()).is_ok() {}
        },
    );
    Ok((socket, acknowledged))
}

fn bytes_of(packet: &Packet) -> anyhow::Result<BytesMut> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, 1 << 20)?;
    Ok(bytes)
}

/// Messages taken in so far.
fn counted(metrics: &str) -> f64 {
    let counts = metrics.lines().filter(|line| line.starts_with("vitalgate_messages_total"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
