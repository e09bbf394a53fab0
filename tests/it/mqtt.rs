//! A small blocking MQTT 3.1.1 client that shows every packet, in order.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;

use bytes::BytesMut;
use rumqttc::mqttbytes::Error as CodecError;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, LastWill, Packet, PubRel, Publish, QoS};
use serde_json::Value;

use crate::harness::PATIENCE;

/// Larger than any packet a test makes.
const MAX_PACKET: usize = 16 << 20;
/// The gateway's side never sends more than this between two looks of a test.
const MOST_RECEIVED: usize = 65_536;

/// One connection.
pub(crate) struct Client {
    socket: TcpStream,
    received: Receiver<Packet>,
    next_id: u16,
}

impl Client {
    /// Connects with a clean session; must be accepted.
    pub(crate) fn connect(address: &str, client_id: &str) -> Self {
        Self::connect_with(address, client_id, true, None).0
    }

    /// Connects; also says whether a session was present.
    pub(crate) fn connect_with(
        address: &str,
        client_id: &str,
        clean_session: bool,
        last_will: Option<LastWill>,
    ) -> (Self, bool) {
        let mut connect = Connect::new(client_id);
        connect.keep_alive = 600;
        connect.clean_session = clean_session;
        connect.last_will = last_will;
        let (client, ack) = Self::open(address, connect);
        assert_eq!(ack.code, ConnectReturnCode::Success, "connect {client_id}");
        (client, ack.session_present)
    }

    /// Connects by user name and token; `None` if that is refused.
    pub(crate) fn log_in(address: &str, device: &str, token: &str) -> Option<Self> {
        let mut connect = Connect::new(device);
        connect.keep_alive = 600;
        connect.set_login(device, token);
        let (client, ack) = Self::open(address, connect);
        (ack.code == ConnectReturnCode::Success).then_some(client)
    }

    fn open(address: &str, connect: Connect) -> (Self, ConnAck) {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let (tx, received) = sync_channel(MOST_RECEIVED);
        let mut reader = socket.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = BytesMut::new();
            let mut chunk = vec![0; 65_536];
            loop {
                match Packet::read(&mut buffer, MAX_PACKET) {
                    Ok(packet) => {
                        if tx.send(packet).is_err() {
                            return;
                        }
                    }
                    Err(CodecError::InsufficientBytes(_)) => match reader.read(&mut chunk) {
                        Ok(0) => return,
                        Ok(n) => buffer.extend_from_slice(&chunk[..n]),
                        Err(e) if e.kind() == ErrorKind::Interrupted => {}
                        Err(_) => return,
                    },
                    Err(e) => panic!("the gateway sent no MQTT: {e}"),
                }
            }
        });
        let mut client = Self { socket, received, next_id: 0 };
        client.send(&Packet::Connect(connect));
        match client.receive() {
            Packet::ConnAck(ack) => (client, ack),
            other => panic!("expected a CONNACK, received {other:?}"),
        }
    }

    /// Publishes telemetry of a device and waits until it is acknowledged.
    pub(crate) fn telemetry(&mut self, device: &str, message: &Value) {
        let id = self.send_telemetry(device, message);
        assert_eq!(self.receive_puback(), id);
    }

    /// Publishes telemetry with QoS 1; the packet id.
    pub(crate) fn send_telemetry(&mut self, device: &str, message: &Value) -> u16 {
        self.publish(
            &format!("vitalgate/v1/{device}/telemetry"),
            message.to_string(),
            QoS::AtLeastOnce,
        )
    }

    /// Publishes; the packet id, 0 for QoS 0.
    pub(crate) fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>, qos: QoS) -> u16 {
        let mut publish = Publish::new(topic, qos, payload);
        if qos != QoS::AtMostOnce {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            publish.pkid = self.next_id;
        }
        let id = publish.pkid;
        self.send(&Packet::Publish(publish));
        id
    }

    /// The second half of QoS 2.
    pub(crate) fn release(&mut self, id: u16) {
        self.send(&Packet::PubRel(PubRel::new(id)));
    }

    /// Sends any packet.
    pub(crate) fn send(&mut self, packet: &Packet) {
        let mut buffer = BytesMut::new();
        packet.write(&mut buffer, MAX_PACKET).unwrap();
        self.socket.write_all(&buffer).unwrap();
    }

    /// The next packet.
    pub(crate) fn receive(&self) -> Packet {
        self.received.recv_timeout(PATIENCE).expect("a packet from the gateway")
    }

    /// The next packet, which must be a PUBACK.
    pub(crate) fn receive_puback(&self) -> u16 {
        match self.receive() {
            Packet::PubAck(ack) => ack.pkid,
            other => panic!("expected a PUBACK, received {other:?}"),
        }
    }

    /// Whether nothing has been received and the connection stands.
    pub(crate) fn is_silent(&self) -> bool {
        match self.received.try_recv() {
            Err(TryRecvError::Empty) => true,
            Ok(_) | Err(TryRecvError::Disconnected) => false,
        }
    }

    /// Waits until the gateway has closed the connection; what it sent before.
    pub(crate) fn receive_end(&self) -> Vec<Packet> {
        let mut received = Vec::new();
        loop {
            match self.received.recv_timeout(PATIENCE) {
                Ok(packet) => received.push(packet),
                Err(RecvTimeoutError::Disconnected) => return received,
                Err(RecvTimeoutError::Timeout) => panic!("the gateway keeps the connection open"),
            }
        }
    }

    /// DISCONNECT.
    pub(crate) fn disconnect(mut self) {
        self.send(&Packet::Disconnect);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may be closed already; then there is nothing to shut down.
        self.socket.shutdown(Shutdown::Both).ok();
    }
}
