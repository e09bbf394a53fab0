//! One device of a [`Ward`](super::ward::Ward) that raises and ends an alarm at will, or a relay that does so for many.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use rumqttc::{Connect, Packet, Publish, QoS};
use serde_json::json;
use vitalgate::clock::Clock;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_sim::clock::monotonic;

/// Longer than any acknowledgement takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that measures pulse rates.
pub(crate) struct Oximeter {
    socket: TcpStream,
    acknowledged: Receiver<Instant>,
    clock: Clock,
    seq: u64,
}

impl Oximeter {
    /// Signs in as `principal`.
    pub(crate) fn connect(mqtt: SocketAddr, principal: &str) -> anyhow::Result<Self> {
        let mut socket = TcpStream::connect(mqtt)?;
        socket.set_nodelay(true)?;
        let mut connect = Connect::new(principal);
        connect.keep_alive = 600;
        connect.clean_session = true;
        socket.write_all(&bytes_of(&Packet::Connect(connect))?)?;
        let mut packet = [0; 4];
        socket.read_exact(&mut packet)?;
        ensure!(packet == [0x20, 2, 0, 0], "the gateway did not accept: {packet:?}");
        let mut reader = socket.try_clone()?;
        let (tx, acknowledged) = sync_channel(1_024);
        thread::spawn(move || {
            while reader.read_exact(&mut packet).is_ok() && tx.send(monotonic()).is_ok() {}
        });
        let clock = Clock::system(Timestamp::from_micros(0));
        Ok(Self { socket, acknowledged, clock, seq: 0 })
    }

    /// Publishes a pulse rate of `device`: above 100 raises its alarm, below 99 ends it. Gives when it was written.
    pub(crate) fn measure(&mut self, device: &str, pulse: f64) -> anyhow::Result<Instant> {
        self.seq += 1;
        let at = self.clock.wall();
        let message = json!({
            "boot": 1, "seq": self.seq, "sent_at": at, "at": at, "clock": { "source": "ntp" },
            "readings": [{ "signal": "pulse_rate", "value": pulse, "unit": "/min" }],
        });
        let topic = format!("vitalgate/v1/{device}/telemetry");
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, message.to_string());
        publish.pkid = (self.seq % 60_000) as u16 + 1;
        let packet = bytes_of(&Packet::Publish(publish))?;
        let sent = monotonic();
        self.socket.write_all(&packet)?;
        Ok(sent)
    }

    /// Waits for the next acknowledgement; gives when it was read.
    pub(crate) fn acknowledged(&self) -> anyhow::Result<Instant> {
        self.acknowledged.recv_timeout(PATIENCE).context("no PUBACK came")
    }
}

fn bytes_of(packet: &Packet) -> anyhow::Result<BytesMut> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, 1 << 20)?;
    Ok(bytes)
}
