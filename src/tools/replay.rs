//! `vitalgate replay`: a recording sent through MQTT, as the device would have sent it.
//!
//! Rows that arrived together are one message, whose `sent_at` is their arrival. The next message
//! leaves when the last one is acknowledged, so that under `--clock stream` the gateway's time moves
//! message by message and everything is judged as it would have been live.

mod recording;

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use vitalgate_sim::codec::Protocol;
use vitalgate_sim::link::{self, Feed, LinkOptions, Next};
use vitalgate_sim::session::Outgoing;

pub(super) use recording::Layout;
pub use recording::{BadColumn, BadRecording, Cell, Column, Quality, QualityColumn};

use crate::config::Config;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;

/// Readings in one message; a longer burst is several messages of one `sent_at`, each well below
/// the largest payload taken.
pub(super) const MESSAGE: usize = 500;
/// Seconds of silence after which the gateway may take the connection for dead.
const KEEP_ALIVE_S: u16 = 60;

/// What to replay, as whom and where to.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayOptions {
    /// The gateway's MQTT listener.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1883")]
    pub mqtt: SocketAddr,
    /// The device that speaks.
    #[arg(long, value_name = "ID")]
    pub device: DeviceId,
    /// The device's password, where the gateway asks for one.
    #[arg(long)]
    pub token: Option<String>,
    /// Second 0 of the recording, in RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub start: Timestamp,
    /// A column to send, `csv=signal:unit`, such as `hr_bpm=heart_rate:/min`; may be given again.
    ///
    /// In a long file it is a name in `signal`. `fio2=fio2:%*100` multiplies. Columns not named are
    /// left out.
    #[arg(long = "column", value_name = "COLUMN", required = true)]
    pub columns: Vec<Column>,
    /// A column that says how good others are: `sqi` the whole row, `sqi=hr_bpm` the column `hr_bpm`; may be
    /// given again.
    ///
    /// Its cells are 0 to 1, `low`, `medium`, `high` or empty. `sqi=hr_bpm*0.01` multiplies. What is said of a
    /// column goes before what is said of the row.
    #[arg(long = "quality", value_name = "COLUMN")]
    pub qualities: Vec<QualityColumn>,
    /// The device's boot number; one more for each further replay as the same device.
    #[arg(long, default_value_t = 1)]
    pub boot: u64,
    /// The gateway's signal table, where it is not the built-in one.
    #[arg(long, value_name = "TOML")]
    pub signals: Option<PathBuf>,
    /// The recording: `time_s` and a column a signal, or `time_s,stored_s,signal,value`.
    pub file: PathBuf,
}

/// What was sent. The gateway has acknowledged all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayReport {
    /// The device that spoke.
    pub device: DeviceId,
    /// Messages.
    pub messages: usize,
    /// Readings in them.
    pub readings: usize,
    /// The first and the last `sent_at`.
    pub sent: (Timestamp, Timestamp),
    /// Messages sent again after a lost connection.
    pub resent: u64,
}

/// Sends the recording; returns when the last message is acknowledged. Nothing is sent of a
/// recording that cannot be read to its end.
pub async fn run(options: ReplayOptions) -> anyhow::Result<ReplayReport> {
    check_columns(&options.columns, &signals(options.signals.as_deref())?)?;
    check_qualities(&options.qualities, &options.columns)?;
    let text = std::fs::read_to_string(&options.file)
        .with_context(|| format!("cannot read {}", options.file.display()))?;
    let cells = recording::read(&text, &options.columns, &options.qualities)
        .with_context(|| options.file.display().to_string())?;
    let messages = messages(&options, &cells);
    let sent = |message: Option<&Message<'_>>| message.map_or(options.start, |m| m.sent_at);
    let mut report = ReplayReport {
        device: options.device.clone(),
        messages: messages.len(),
        readings: cells.len(),
        sent: (sent(messages.first()), sent(messages.last())),
        resent: 0,
    };

    let mut tape = Tape {
        topic: format!("vitalgate/v1/{}/telemetry", options.device),
        payloads: messages.iter().map(Message::encode).collect::<Result<_, _>>()?,
        rejected: None,
    };
    let link = LinkOptions {
        address: options.mqtt,
        principal: options.device.to_string(),
        token: options.token.clone(),
        protocol: Protocol::V4,
        window: 1,
        keep_alive_s: KEEP_ALIVE_S,
    };
    report.resent = link::run(&link, &mut tape, &CancellationToken::new()).await?.resent;
    match tape.rejected {
        Some(reason) => anyhow::bail!("the gateway rejected a message: {reason}"),
        None => Ok(report),
    }
}

impl ReplayReport {
    /// All of it in one line.
    pub fn line(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, messages, readings, sent: (first, last), resent } = self;
        write!(
            f,
            "replayed {readings} readings in {messages} messages as {device}, from {first} to {last}: \
             all acknowledged, {resent} sent again"
        )
    }
}

fn signals(file: Option<&Path>) -> anyhow::Result<SignalTable> {
    let Some(file) = file else { return Ok(Config::built_in()?.configuration()?.signals) };
    let name = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(name)?;
    SignalTable::parse(&text).with_context(name)
}

/// The gateway acknowledges what it refuses; so a column it would refuse is turned away here.
pub(super) fn check_columns(columns: &[Column], signals: &SignalTable) -> Result<(), BadColumn> {
    for column in columns {
        let signal = signals
            .find(&column.signal)
            .ok_or_else(|| BadColumn::Signal(column.name.clone(), column.signal.clone()))?;
        if !signal.unit.is_some_and(|unit| unit.quantity() == column.unit.quantity()) {
            return Err(BadColumn::Quantity {
                column: column.name.clone(),
                unit: column.unit,
                signal: signal.name.clone(),
                expected: signal.unit.map_or("no number", Unit::ucum),
            });
        }
    }
    Ok(())
}

/// A quality is about something that is sent.
fn check_qualities(qualities: &[QualityColumn], columns: &[Column]) -> Result<(), BadColumn> {
    for QualityColumn { name, of, .. } in qualities {
        if let Some(of) = of.as_ref().filter(|of| columns.iter().all(|c| c.name != **of)) {
            return Err(BadColumn::QualityOf(name.clone(), of.clone()));
        }
    }
    Ok(())
}

/// `cells` come in the order of their arrival.
fn messages<'a>(options: &ReplayOptions, cells: &[Cell<'a>]) -> Vec<Message<'a>> {
    let bursts = cells.chunk_by(|a, b| a.arrived == b.arrived).flat_map(|all| all.chunks(MESSAGE));
    let message =
        |(cells, seq): (&[Cell<'a>], u64)| Message::of(options.boot, seq, options.start, cells);
    bursts.zip(1..).map(message).collect()
}

/// A message as a device would send it.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    boot: u64,
    seq: u64,
    pub(super) sent_at: Timestamp,
    mode: &'static str,
    clock: Clock,
    readings: Vec<Reading<'a>>,
}

#[derive(Debug, Serialize)]
struct Clock {
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct Reading<'a> {
    at: Timestamp,
    signal: &'a str,
    value: f64,
    unit: Unit,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<Quality>,
}

impl<'a> Message<'a> {
    /// Of cells that arrived together in a recording that begins at `start`.
    pub(super) fn of(boot: u64, seq: u64, start: Timestamp, cells: &[Cell<'a>]) -> Self {
        Self {
            boot,
            seq,
            sent_at: start + cells.first().map_or(Span::ZERO, |cell| cell.arrived),
            mode: "real",
            clock: Clock { source: "ntp" },
            readings: cells.iter().map(|cell| Reading::of(cell, start)).collect(),
        }
    }

    pub(super) fn encode(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }
}

impl<'a> Reading<'a> {
    fn of(cell: &Cell<'a>, start: Timestamp) -> Self {
        let Column { signal, unit, .. } = cell.column;
        let Cell { measured, value, quality, .. } = *cell;
        Self { at: start + measured, signal, value, unit: *unit, quality }
    }
}

/// The messages yet to be sent.
struct Tape {
    topic: String,
    payloads: VecDeque<Bytes>,
    rejected: Option<String>,
}

impl Feed for Tape {
    type Tag = ();

    fn next(&mut self) -> Next<()> {
        match self.payloads.pop_front() {
            Some(payload) => {
                Next::Publish(Outgoing { topic: self.topic.clone(), payload, tag: () })
            }
            None => Next::End,
        }
    }

    /// Never asked: there is always a next message or the end.
    async fn ready(&mut self) {
        pending::<()>().await;
    }

    fn acked(&mut self, (): (), _latency: Duration) -> io::Result<()> {
        Ok(())
    }

    fn rejected(&mut self, (): (), reason: &str) {
        self.payloads.clear();
        self.rejected = Some(reason.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rumqttc::{ConnAck, ConnectReturnCode, Packet, PubAck};
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn options(mqtt: SocketAddr, columns: &[&str], file: &Path) -> ReplayOptions {
        ReplayOptions {
            mqtt,
            device: "dev-1".parse().unwrap(),
            token: Some("secret".to_owned()),
            start: "2026-03-02T00:00:00Z".parse().unwrap(),
            columns: columns.iter().map(|text| text.parse().unwrap()).collect(),
            qualities: Vec::new(),
            boot: 7,
            signals: None,
            file: file.to_owned(),
        }
    }

    async fn receive(stream: &mut TcpStream, buffer: &mut BytesMut) -> Packet {
        loop {
            match Packet::read(buffer, 1 << 20) {
                Ok(packet) => return packet,
                Err(rumqttc::Error::InsufficientBytes(_)) => {
                    assert_ne!(stream.read_buf(buffer).await.unwrap(), 0, "the device hung up");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn send(stream: &mut TcpStream, packet: Packet) {
        let mut out = BytesMut::new();
        packet.write(&mut out, 1 << 20).unwrap();
        stream.write_all(&out).await.unwrap();
    }

    /// Takes one connection to its end and gives what was published, acknowledging one by one.
    async fn gateway(listener: TcpListener) -> Vec<serde_json::Value> {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut buffer, mut received) = (BytesMut::new(), Vec::new());
        let Packet::Connect(connect) = receive(&mut stream, &mut buffer).await else {
            panic!("CONNECT comes first")
        };
        assert_eq!((connect.client_id.as_str(), connect.login.is_some()), ("dev-1", true));
        let accepted = ConnAck::new(ConnectReturnCode::Success, false);
        send(&mut stream, Packet::ConnAck(accepted)).await;
        loop {
            let packet = receive(&mut stream, &mut buffer).await;
            let Packet::Publish(publish) = packet else {
                assert_eq!(packet, Packet::Disconnect);
                return received;
            };
            assert!(buffer.is_empty(), "a second message before the first is acknowledged");
            assert_eq!(publish.topic, "vitalgate/v1/dev-1/telemetry");
            received.push(serde_json::from_slice(&publish.payload).unwrap());
            send(&mut stream, Packet::PubAck(PubAck::new(publish.pkid))).await;
        }
    }

    #[tokio::test]
    async fn rows_that_arrived_together_are_one_message_and_each_waits_for_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stay.csv");
        let text = "time_s,stored_s,signal,value\n0,240,hr,94\n180,240,temp,98.6\n\
                    600,600.5,hr,61\n300,240,hr,0\n0,,weight,80\n";
        std::fs::write(&file, text).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let columns = ["hr=heart_rate:/min", "temp=mdc:150364:[degF]"];
        let options = options(listener.local_addr().unwrap(), &columns, &file);
        let gateway = tokio::spawn(gateway(listener));
        let report = run(options).await.unwrap();

        let message = |seq: u64, sent_at: &str, readings: serde_json::Value| {
            json!({
                "boot": 7, "seq": seq, "sent_at": sent_at, "mode": "real",
                "clock": { "source": "ntp" }, "readings": readings,
            })
        };
        let hr = |at: &str, value: f64| json!({ "at": at, "signal": "heart_rate", "value": value, "unit": "/min" });
        let expected = [
            message(
                1,
                "2026-03-02T00:04:00Z",
                json!([
                    hr("2026-03-02T00:00:00Z", 94.0),
                    { "at": "2026-03-02T00:03:00Z", "signal": "mdc:150364", "value": 98.6, "unit": "[degF]" },
                    hr("2026-03-02T00:05:00Z", 0.0),
                ]),
            ),
            message(2, "2026-03-02T00:10:00.5Z", json!([hr("2026-03-02T00:10:00Z", 61.0)])),
        ];
        assert_eq!(gateway.await.unwrap(), expected);
        assert_eq!(
            report.line(),
            "replayed 4 readings in 2 messages as dev-1, from 2026-03-02T00:04:00Z to \
             2026-03-02T00:10:00.5Z: all acknowledged, 0 sent again"
        );
    }

    #[tokio::test]
    async fn what_the_file_says_of_the_quality_is_sent_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stay.csv");
        std::fs::write(&file, "time_s,hr,spo2,sqi\n0,60,97,20\n60,61,98,\n").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let columns = ["hr=heart_rate:/min", "spo2=spo2:%"];
        let mut options = options(listener.local_addr().unwrap(), &columns, &file);
        options.qualities = vec!["sqi=spo2*0.01".parse().unwrap()];
        let gateway = tokio::spawn(gateway(listener));
        run(options).await.unwrap();
        let messages = gateway.await.unwrap();
        let sent = messages.iter().flat_map(|message| message["readings"].as_array().unwrap());
        let sent: Vec<_> = sent.map(|reading| reading.get("quality").cloned()).collect();
        assert_eq!(sent, [None, Some(json!(0.2)), None, None]);
    }

    #[test]
    fn a_long_burst_is_several_messages_of_one_instant() {
        let columns = ["hr=heart_rate:/min"];
        let options = options(([127, 0, 0, 1], 1).into(), &columns, Path::new("burst.csv"));
        let cell = |value| Cell {
            column: &options.columns[0],
            measured: Span::ZERO,
            arrived: Span::secs(60),
            value,
            quality: None,
        };
        let cells: Vec<_> = (0..1_001).map(|n| cell(f64::from(n))).collect();
        let all = messages(&options, &cells);
        let shape: Vec<_> = all.iter().map(|m| (m.seq, m.readings.len())).collect();
        assert_eq!(shape, [(1, 500), (2, 500), (3, 1)]);
        assert!(all.iter().all(|m| m.sent_at == options.start + Span::secs(60)));
        assert!(all[0].encode().unwrap().len() < 128 * 1024);
    }

    #[tokio::test]
    async fn what_the_gateway_would_refuse_is_not_sent() {
        let refuse = async |column: &str, expected: &str| {
            let file = Path::new("no-such-file.csv");
            let options = options(([127, 0, 0, 1], 1).into(), &[column], file);
            let error = format!("{:#}", run(options).await.unwrap_err());
            assert!(error.starts_with(expected), "{column}: {error}");
        };
        refuse("hr=hart_rate:/min", "column `hr`: no signal `hart_rate` is known").await;
        refuse("hr=heart_rate:%", "column `hr`: `%` is not a unit of heart_rate, which is in /min")
            .await;
        refuse("hr=heart_rate:/min", "cannot read no-such-file.csv: ").await;
        let file = Path::new("no-such-file.csv");
        let mut options = options(([127, 0, 0, 1], 1).into(), &["hr=heart_rate:/min"], file);
        options.qualities = vec!["sqi=spo2".parse().unwrap()];
        let error = run(options).await.unwrap_err().to_string();
        assert_eq!(error, "quality `sqi`: no --column is called `spo2`");
    }
}
