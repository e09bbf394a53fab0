//! Load: many connections, each speaking for one device or, as a relay, for several, with values
//! anybody can compute from (device, seq), and a ledger of every acknowledgement.

mod histogram;
mod stream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Epoch};
use crate::codec::Protocol;
use crate::formula::{Excursions, SIGNALS};
use crate::http::Request;
use crate::ledger::Ledger;
use crate::link::{self, LinkError, LinkOptions, LinkReport};
use crate::names::class;
use crate::wire::Mode;

pub use histogram::Histogram;
use stream::Stream;

/// How long acknowledgements are waited for after the last message.
const DRAIN: Duration = Duration::from_secs(60);
/// How often the ledger is flushed.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// What to send, where and how fast.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The gateway's MQTT listener.
    pub mqtt: SocketAddr,
    /// The password of every principal, where the gateway asks for one.
    pub token: Option<String>,
    /// The version spoken.
    pub protocol: Protocol,
    /// How many connections.
    pub connections: u64,
    /// Devices a connection speaks for; more than one makes it a relay.
    pub devices: u64,
    /// Messages a second over all connections; 0 is as fast as they are acknowledged.
    pub rate: u64,
    /// Messages in flight a connection.
    pub window: usize,
    /// When to stop.
    pub extent: Extent,
    /// Readings a message, at most four.
    pub readings: usize,
    /// `boot` of every message.
    pub boot: u64,
    /// The first `seq` of every device of the first connection.
    pub start_seq: u64,
    /// Each further connection starts so much higher, so that excursions do not all come at once.
    pub stagger: u64,
    /// Whether the messages say `real` or `test`.
    pub mode: Mode,
    /// Devices that leave their limits.
    pub excursions: Option<Excursions>,
    /// Shifts the connections against each other.
    pub seed: u64,
    /// Where acknowledgements are noted, if anywhere.
    pub ledger: Option<PathBuf>,
}

/// When a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// After so much time.
    For(Duration),
    /// After so many telemetry messages over all connections.
    Messages(u64),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Telemetry messages handed to the connections.
    pub sent: u64,
    /// Telemetry messages acknowledged.
    pub acked: u64,
    /// Event messages acknowledged.
    pub events: u64,
    /// Messages refused for good.
    pub rejected: u64,
    /// Messages sent again after a lost connection.
    pub resent: u64,
    /// Connections beyond the first of each.
    pub reconnects: u64,
    /// Messages never acknowledged.
    pub unacknowledged: u64,
    /// From the first message to the last acknowledgement.
    pub elapsed: Duration,
    /// Time from the first sending to the acknowledgement.
    pub latency: Histogram,
}

impl LoadReport {
    /// One line of counts.
    pub fn line(&self) -> String {
        let rate = self.acked as f64 / self.elapsed.as_secs_f64().max(1e-9);
        format!(
            "sent {} acked {} events {} rejected {} unacked {} resent {} reconnects {} seconds {:.2} msgs/s {rate:.0} ack_p50_us {} ack_p99_us {}",
            self.sent,
            self.acked,
            self.events,
            self.rejected,
            self.unacknowledged,
            self.resent,
            self.reconnects,
            self.elapsed.as_secs_f64(),
            self.latency.quantile(0.50).as_micros(),
            self.latency.quantile(0.99).as_micros(),
        )
    }
}

/// The id of device `device` of connection `connection`.
pub fn device_id(options: &LoadOptions, connection: u64, device: u64) -> String {
    if options.devices > 1 {
        format!("load-{connection}-{device}")
    } else {
        format!("load-{connection}")
    }
}

/// What a gateway must know so that every device may speak and is bound, since `bound_from`, to
/// a patient of its own.
pub fn registration(options: &LoadOptions, bound_from: Timestamp) -> Vec<Request> {
    let mut requests = Vec::new();
    for connection in 0..options.connections {
        let relay = format!("load-{connection}");
        let via = if options.devices > 1 { vec![relay.as_str()] } else { vec![] };
        for relay in &via {
            let relay = json!({ "id": relay, "class": class::RELAY, "kind": "relay" });
            requests.push(Request::post("/api/v1/devices", relay));
        }
        for device in 0..options.devices {
            let device = device_id(options, connection, device);
            let patient = format!("p-{device}");
            let adult = json!({ "id": patient, "age_class": "adult" });
            let monitor = json!({ "id": device, "class": class::BEDSIDE, "via": via });
            let binding = json!({ "patient": patient, "from": bound_from.to_string() });
            requests.push(Request::post("/api/v1/patients", adult));
            requests.push(Request::post("/api/v1/devices", monitor));
            requests.push(Request::put(format!("/api/v1/devices/{device}/binding"), binding));
        }
    }
    requests
}

/// Runs the load to its end, or until `cancel`.
pub async fn run(options: &LoadOptions, cancel: &CancellationToken) -> anyhow::Result<LoadReport> {
    anyhow::ensure!(
        (1..=SIGNALS.len()).contains(&options.readings),
        "--readings must be 1 to {}",
        SIGNALS.len()
    );
    anyhow::ensure!(
        options.connections > 0 && options.devices > 0,
        "--connections and --devices must be at least 1"
    );
    let ledger = match &options.ledger {
        Some(path) => Some(Arc::new(
            Ledger::create(path)
                .with_context(|| format!("cannot create the ledger {}", path.display()))?,
        )),
        None => None,
    };
    let epoch = Epoch::now();
    let stop = cancel.child_token();
    let mut links = JoinSet::new();
    for connection in 0..options.connections {
        let stream = Stream::new(options, connection, epoch, ledger.clone());
        links.spawn(one_connection(options.clone(), connection, stream, stop.clone()));
    }
    let report = gather(options, &mut links, ledger.as_deref(), &stop, epoch).await;
    if let Some(ledger) = &ledger {
        ledger.flush().context("cannot write the ledger; is its disk full?")?;
    }
    report
}

type Outcome = Result<(LinkReport, Stream), LinkError>;

async fn one_connection(
    options: LoadOptions,
    connection: u64,
    mut stream: Stream,
    stop: CancellationToken,
) -> Outcome {
    let link = LinkOptions {
        address: options.mqtt,
        principal: format!("load-{connection}"),
        token: options.token,
        protocol: options.protocol,
        window: options.window,
        keep_alive_s: 60,
    };
    let report = link::run(&link, &mut stream, &stop).await?;
    Ok((report, stream))
}

async fn gather(
    options: &LoadOptions,
    links: &mut JoinSet<Outcome>,
    ledger: Option<&Ledger>,
    stop: &CancellationToken,
    epoch: Epoch,
) -> anyhow::Result<LoadReport> {
    let patience = match options.extent {
        Extent::For(span) => span + DRAIN,
        Extent::Messages(_) => Duration::MAX,
    };
    let mut report = LoadReport::default();
    let mut flush = interval(FLUSH_EVERY);
    let all = async {
        loop {
            tokio::select! {
                link = links.join_next() => match link {
                    Some(link) => report.add(link.context("a connection's task failed")??),
                    None => break,
                },
                _ = flush.tick() => {
                    if let Some(ledger) = ledger {
                        ledger.flush().context("cannot write the ledger; is its disk full?")?;
                    }
                }
            }
        }
        anyhow::Ok(())
    };
    if let Ok(outcome) = timeout(patience, all).await {
        outcome?;
    } else {
        stop.cancel();
        while let Some(link) = links.join_next().await {
            report.add(link.context("a connection's task failed")??);
        }
    }
    report.elapsed = clock::monotonic().saturating_duration_since(epoch.moment(epoch.start()));
    Ok(report)
}

impl LoadReport {
    fn add(&mut self, (link, stream): (LinkReport, Stream)) {
        self.sent += stream.sent();
        self.acked += stream.acknowledged();
        self.events += stream.events();
        self.rejected += stream.refused();
        self.resent += link.resent;
        self.reconnects += link.connections.saturating_sub(1);
        self.unacknowledged += link.unacknowledged as u64;
        self.latency.merge(stream.latency());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fake_broker::FakeBroker;
    use crate::formula::Formula;
    use crate::ledger::{self, Entry};

    fn options(mqtt: SocketAddr, ledger: PathBuf) -> LoadOptions {
        LoadOptions {
            mqtt,
            token: None,
            protocol: Protocol::V4,
            connections: 1,
            devices: 3,
            rate: 0,
            window: 4,
            extent: Extent::Messages(30),
            readings: 4,
            boot: 7,
            start_seq: 100,
            stagger: 0,
            mode: Mode::Test,
            excursions: Some(Excursions { period: 5, length: 2 }),
            seed: 1,
            ledger: Some(ledger),
        }
    }

    /// What a payload says: device, seq, time and values.
    fn read(publish: &rumqttc::Publish) -> Option<(Entry, Vec<f64>)> {
        let device = publish.topic.strip_prefix("vitalgate/v1/")?.strip_suffix("/telemetry")?;
        let json: serde_json::Value = serde_json::from_slice(&publish.payload).unwrap();
        let readings = json["readings"].as_array().unwrap();
        let at: jiff::Timestamp = readings[0]["at"].as_str().unwrap().parse().unwrap();
        let entry = Entry {
            device: device.to_owned(),
            boot: json["boot"].as_u64().unwrap(),
            seq: json["seq"].as_u64().unwrap(),
            at_us: at.as_microsecond(),
        };
        Some((entry, readings.iter().map(|r| r["value"].as_f64().unwrap()).collect()))
    }

    #[tokio::test]
    async fn the_ledger_holds_every_acknowledgement_once_across_a_lost_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let broker = FakeBroker::start().await;
        let options = options(broker.address(), path.clone());
        let cancel = CancellationToken::new();
        let (report, received) = tokio::join!(run(&options, &cancel), async {
            let mut first = broker.accept().await;
            let mut received = Vec::new();
            for _ in 0..10 {
                let publish = first.publish().await;
                first.ack(&publish).await;
                received.push(publish);
            }
            drop(first);
            received.extend(broker.accept().await.serve().await);
            received
        });
        let report = report.unwrap();
        let has_event = |device, seq| {
            Formula::new(&device_id(&options, 0, device), options.excursions).has_event(seq)
        };
        let due = (0..3).flat_map(|device| (100..110).map(move |seq| (device, seq)));
        assert_eq!(report.events, due.filter(|(d, s)| has_event(*d, *s)).count() as u64);
        assert_eq!((report.sent, report.acked, report.unacknowledged), (30, 30, 0));
        assert_eq!(report.reconnects, 1);

        let sent: BTreeSet<Entry> =
            received.iter().filter_map(read).map(|(entry, _)| entry).collect();
        let noted = ledger::read(&path).unwrap();
        assert_eq!(noted.len(), 30, "no acknowledgement twice");
        assert_eq!(noted.into_iter().collect::<BTreeSet<_>>(), sent);
        for (entry, values) in received.iter().filter_map(read) {
            let formula = Formula::new(&entry.device, options.excursions);
            for (index, value) in values.into_iter().enumerate() {
                assert_eq!(value.to_bits(), formula.value(entry.seq, index).to_bits());
            }
            assert!((100..110).contains(&entry.seq));
        }
    }

    #[test]
    fn a_relay_is_registered_for_its_devices_and_a_single_device_speaks_for_itself() {
        let mut options = options("127.0.0.1:1".parse().unwrap(), PathBuf::new());
        let ids = |options: &LoadOptions| {
            let requests = registration(options, Timestamp::UNIX_EPOCH);
            let devices = requests.iter().filter(|r| r.path == "/api/v1/devices");
            devices.map(|r| (r.body["id"].clone(), r.body["via"].clone())).collect::<Vec<_>>()
        };
        options.devices = 2;
        let via = json!(["load-0"]);
        assert_eq!(
            ids(&options),
            [
                (json!("load-0"), json!(null)),
                (json!("load-0-0"), via.clone()),
                (json!("load-0-1"), via),
            ]
        );
        options.devices = 1;
        assert_eq!(ids(&options), [(json!("load-0"), json!([]))]);
    }

    #[tokio::test]
    async fn a_nonsensical_load_is_refused_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options("127.0.0.1:1".parse().unwrap(), folder.path().join("ledger"));
        options.readings = 5;
        let error = run(&options, &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "--readings must be 1 to 4");
    }
}
