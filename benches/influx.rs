//! Points a second into VictoriaMetrics: the sink, from journal to 204, against ready bytes posted
//! in a loop, and against the client crate's own stream of points. Needs `victoria-metrics`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use influxdb2::api::write::TimestampPrecision;
use influxdb2::models::DataPoint;
use influxdb2::{Client, ClientBuilder};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vitalgate::app::RunMode;
use vitalgate::clock::{Clock, Stopwatch};
use vitalgate::config::Config;
use vitalgate::handles::Handles;
use vitalgate::inbox::{Inbox, Receipt, Submission};
use vitalgate::influx::line::Store as Lines;
use vitalgate::influx::transport::gzip;
use vitalgate::influx::{CONSUMER, Parts, Sink};
use vitalgate::pipeline::load_shedding::Load;
use vitalgate::privacy::pseudonym::Pseudonyms;
use vitalgate::projection::board;
use vitalgate::state::recovery::recover;
use vitalgate::telemetry::Metrics;
use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{
    Body, Clock as SenderClock, ClockSource, Delivery, Message, Mode, Reading, ReadingTime, Status,
    Value,
};
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::point::Point;
use vitalgate_store::types::{Sent, SeriesKey};
use vitalgate_store::{Opened, Store};

use support::figures::median;
use support::gateway::cpu_s;
use support::ward::{Ward, configuration, headless};
use support::{ROUNDS, folder};

const PATIENTS: u64 = 100;
const SIGNALS: [u16; 6] = [1, 2, 3, 5, 7, 8];
const SECONDS: u64 = 3_000;
const POINTS: u64 = PATIENTS * SIGNALS.len() as u64 * SECONDS;
/// As the sink's default.
const BATCH_BYTES: usize = 1 << 20;
/// Points of a request of the crate's stream, about as many as in [`BATCH_BYTES`].
const STREAM: usize = 7_000;

fn main() -> anyhow::Result<()> {
    let victoria = Victoria::start()?;
    let dir = folder("influx")?;
    let mode = RunMode { stream_clock: true, headless: true, demo: false };
    Ward { connections: PATIENTS, devices: 1 }.make(&dir, mode)?;
    let text = std::fs::read_to_string(dir.join("gateway.toml"))?;
    std::fs::write(dir.join("secret"), "any")?;
    let text = format!(
        "{text}\n[influx]\nurl = \"{}\"\norg = \"o\"\nbucket = \"b\"\nsecret_file = \"secret\"\n",
        victoria.url
    );
    std::fs::write(dir.join("gateway.toml"), text)?;
    let config = Config::read(&dir.join("gateway.toml"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(headless(&config, mode, fill))?;
    let opened = Store::open(&dir)?;
    let bodies = ready(&opened, &dir)?;
    println!("{POINTS} points of {} bytes in {} bodies", bodies.0, bodies.1.len());
    let (mut rates, mut against_bytes, mut against_stream) = (Vec::new(), Vec::new(), Vec::new());
    // The first round makes the series known to the server and is not counted.
    for round in 0..=ROUNDS {
        let bytes = victoria.cost(|| runtime.block_on(post(&victoria.url, &bodies.1)))?;
        let sink = victoria.cost(|| runtime.block_on(export(&config, &opened, &dir)))?;
        let stream = victoria.cost(|| runtime.block_on(stream(&victoria.url)))?;
        let counted = if round == 0 { " (not counted)" } else { "" };
        println!("  ready bytes {bytes}; sink {sink}; the crate's stream {stream}{counted}");
        if round > 0 {
            rates.push(POINTS as f64 / sink.seconds / 1_000.0);
            against_bytes.push(bytes.seconds / sink.seconds);
            against_stream.push(stream.seconds / sink.seconds);
        }
    }
    println!("  thousand points/s of the sink   {}", median(&rates));
    println!("  sink : ready bytes              {}", median(&against_bytes));
    println!("  sink : the crate's stream       {}", median(&against_stream));
    Ok(())
}

/// What it takes to export all points.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    ours_s: f64,
    server_s: f64,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = |seconds: f64| seconds * 1e6 / POINTS as f64;
        let rate = POINTS as f64 / self.seconds;
        let (ours, server) = (micros(self.ours_s), micros(self.server_s));
        write!(f, "{rate:.0} points/s, processor {ours:.2} and the server's {server:.2} µs a point")
    }
}

/// Started once everything is ready.
struct Watch(Stopwatch, f64);

impl Watch {
    fn start() -> anyhow::Result<Self> {
        Ok(Self(Stopwatch::start(), cpu_s("self")?))
    }

    /// Seconds, and those of this process's processor time.
    fn elapsed(&self) -> anyhow::Result<(f64, f64)> {
        Ok((self.0.seconds(), cpu_s("self")? - self.1))
    }
}

/// A server of its own; gone when dropped.
struct Victoria {
    child: Child,
    url: String,
}

impl Victoria {
    fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let dir = folder("victoria")?;
        let log = File::create(dir.join("log"))?;
        let child = Command::new("victoria-metrics")
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-storageDataPath={}", dir.join("data").display()))
            .args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("victoria-metrics cannot be started")?;
        let victoria = Self { child, url: format!("http://127.0.0.1:{port}") };
        let watch = Stopwatch::start();
        while ureq::get(format!("{}/health", victoria.url)).call().is_err() {
            ensure!(watch.seconds() < 60.0, "VictoriaMetrics does not start");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(victoria)
    }

    /// What `side` costs, which says its seconds and this process's processor time.
    fn cost(&self, side: impl FnOnce() -> anyhow::Result<(f64, f64)>) -> anyhow::Result<Cost> {
        let server = self.child.id().to_string();
        let before = cpu_s(&server)?;
        let (seconds, ours_s) = side()?;
        Ok(Cost { seconds, ours_s, server_s: cpu_s(&server)? - before })
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        // It may be dead already, and then there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn begin() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000)
}

fn value(device: u64, signal: u16, second: u64) -> f64 {
    60.0 + ((device + u64::from(signal) * 7 + second) % 40) as f64 / 4.0
}

fn at(second: u64) -> Timestamp {
    begin() + Span::secs(second as i64)
}

/// A row for each second: a message of each device.
async fn fill(inbox: Inbox) -> anyhow::Result<()> {
    let mut last = None;
    for second in 0..SECONDS {
        let messages = (0..PATIENTS).map(|device| message(device, second));
        let inputs: anyhow::Result<Vec<Input>> = messages.collect();
        let (receipt, waiting) = Receipt::new();
        inbox.submit(Submission::of(inputs?, 0, receipt)).await?;
        last = Some(waiting);
    }
    last.context("nothing was sent")?.await.context("the store was not filled")?;
    Ok(())
}

fn message(device: u64, second: u64) -> anyhow::Result<Input> {
    let id: vitalgate_domain::model::ids::DeviceId = format!("load-{device}").parse()?;
    let readings = SIGNALS.iter().enumerate().map(|(index, signal)| Reading {
        index: index as u32,
        signal: SignalId(*signal),
        instance: "".into(),
        time: ReadingTime::At(at(second)),
        value: Value::Number {
            value: value(device, *signal, second),
            unit: Unit::PerMinute,
            comparator: None,
        },
        quality: None,
        status: Status::Final,
        implausible: false,
        unit_doubtful: false,
    });
    Ok(Input::Message(Box::new(Message {
        principal: id.clone(),
        device: id,
        boot: Some(1),
        seq: Some(second + 1),
        sent_at: Some(at(second)),
        mode: Mode::Real,
        clock: Some(SenderClock { source: Some(ClockSource::Ntp), timeline: None }),
        relay: None,
        hash: second,
        delivery: Delivery { qos: 1, ..Delivery::default() },
        unknown_fields: 0,
        old: None,
        body: Body::Telemetry { readings: readings.collect(), refused: Vec::new() },
    })))
}

/// The same points as bodies, compressed as the sink does.
fn ready(opened: &Opened, dir: &Path) -> anyhow::Result<(usize, Vec<Bytes>)> {
    let lines = Lines::new(opened.identity.site.as_str(), opened.identity.is_simulated());
    let pseudonyms = Pseudonyms::open(dir, Purpose::Care)?;
    let signals: SignalTable = configuration()?.signals;
    let mut bodies = Vec::new();
    let (mut body, mut bytes) = (Vec::new(), 0);
    for second in 0..SECONDS {
        for device in 0..PATIENTS {
            let name = format!("load-{device}");
            let patient = pseudonyms.of(&name.parse()?);
            for signal in SIGNALS {
                let signal = SignalId(signal);
                let series = SeriesKey { device: name.parse()?, signal, instance: "".into() };
                let tags = lines.tags(&series, &signals.name(signal), Some(&patient));
                let point = Point {
                    at: at(second),
                    sent: Sent::default(),
                    received: at(second),
                    value: value(device, signal.0, second),
                    unit: Unit::PerMinute,
                    flags: 0,
                };
                lines.reading(&mut body, &tags, &point)?;
            }
        }
        if body.len() >= BATCH_BYTES || second + 1 == SECONDS {
            bytes += body.len();
            bodies.push(gzip(&body));
            body.clear();
        }
    }
    Ok((bytes / POINTS as usize, bodies))
}

fn client(url: &str, gzip: bool) -> anyhow::Result<Client> {
    let mut headers = reqwest::header::HeaderMap::new();
    if gzip {
        headers.insert("content-encoding", reqwest::header::HeaderValue::from_static("gzip"));
    }
    let builder = reqwest::ClientBuilder::new().no_proxy().default_headers(headers);
    Ok(ClientBuilder::with_builder(builder, url, "o", "any").build()?)
}

/// Seconds to post ready bytes, one body after the other.
async fn post(url: &str, bodies: &[Bytes]) -> anyhow::Result<(f64, f64)> {
    let client = client(url, true)?;
    let watch = Watch::start()?;
    for body in bodies {
        client
            .write_line_protocol_with_precision(
                "o",
                "b",
                body.clone(),
                TimestampPrecision::Nanoseconds,
            )
            .await?;
    }
    watch.elapsed()
}

/// Seconds for the sink to export the whole journal.
async fn export(config: &Config, opened: &Opened, dir: &Path) -> anyhow::Result<(f64, f64)> {
    let core = recover(opened)?.core;
    let signals = configuration()?.signals;
    let (_board, board) = watch::channel(Arc::new(board::of(&core)));
    let (_signals, signals) = watch::channel(Arc::new(signals));
    let (inbox, _submissions) = Inbox::new();
    let metrics = Metrics::default();
    let clock = Clock::stream(core.now().at);
    // The last rows wait too, until no change of binding can concern them any more.
    clock.observe(at(SECONDS) + Span::mins(1));
    let parts = Parts {
        identity: opened.identity.clone(),
        reader: opened.reader(),
        history: opened.history(),
        consumer: opened.consumer(CONSUMER)?,
        handles: Handles { metrics: metrics.clone(), ..Handles::new(inbox, board, signals, clock) },
        load: Load::default(),
        alarming: false,
        heads: watch::channel(None).1,
    };
    let influx = config.influx.as_ref().context("no [influx]")?;
    let sink = Sink::new(influx, dir, parts).await?;
    let stop = CancellationToken::new();
    let watch = Watch::start()?;
    let running = tokio::spawn(sink.run(stop.clone()));
    loop {
        let exposition = metrics.exposition();
        let points = exposition
            .lines()
            .find_map(|l| l.strip_prefix("vitalgate_sink_points_total{sink=\"influx\"} "));
        if points.and_then(|n| n.parse().ok()).is_some_and(|n: f64| n >= POINTS as f64) {
            break;
        }
        ensure!(watch.0.seconds() < 60.0, "the sink does not end:\n{exposition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cost = watch.elapsed()?;
    stop.cancel();
    running.await?;
    Ok(cost)
}

/// Seconds for the crate's own way: points made one by one, and streamed.
async fn stream(url: &str) -> anyhow::Result<(f64, f64)> {
    let client = client(url, false)?;
    let all = (0..SECONDS).flat_map(|second| {
        (0..PATIENTS).flat_map(move |device| SIGNALS.map(move |signal| (second, device, signal)))
    });
    let all: Vec<_> = all.collect();
    let watch = Watch::start()?;
    for some in all.chunks(STREAM) {
        let points: Result<Vec<DataPoint>, _> = some
            .iter()
            .map(|(second, device, signal)| {
                DataPoint::builder("vitalgate_reading")
                    .tag("device", format!("load-{device}"))
                    .tag("patient", format!("pseudonym-of-the-patient-{device}"))
                    .tag("signal", format!("signal-{signal}"))
                    .tag("site", "site")
                    .field("value", value(*device, *signal, *second))
                    .field("unit", "/min")
                    .field("delay_ms", 0_i64)
                    .field("flags", 0_i64)
                    .field("simulated", true)
                    .timestamp(at(*second).as_micros() * 1_000)
                    .build()
            })
            .collect();
        client.write("b", futures::stream::iter(points?)).await?;
    }
    watch.elapsed()
}
