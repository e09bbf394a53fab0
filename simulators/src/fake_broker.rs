//! A broker for tests: it gives what it receives and does what a test asks, nothing else.

use std::net::SocketAddr;

use bytes::BytesMut;
use rumqttc::{ConnAck, ConnectReturnCode, Packet, PubAck, Publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A listener on a free port.
pub(crate) struct FakeBroker {
    listener: TcpListener,
}

/// One client's connection, after CONNECT and CONNACK.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: BytesMut,
    /// Its client id.
    pub(crate) id: String,
}

impl FakeBroker {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) async fn accept(&self) -> Client {
        self.answer(ConnectReturnCode::Success).await
    }

    pub(crate) async fn refuse(&self) -> Client {
        self.answer(ConnectReturnCode::NotAuthorized).await
    }

    async fn answer(&self, code: ConnectReturnCode) -> Client {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut client = Client { stream, buffer: BytesMut::new(), id: String::new() };
        match client.packet().await {
            Some(Packet::Connect(connect)) => client.id = connect.client_id,
            other => panic!("expected CONNECT, got {other:?}"),
        }
        client.send(&Packet::ConnAck(ConnAck::new(code, false))).await;
        client
    }
}

impl Client {
    /// The next packet; `None` when the client has gone.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.buffer, 1 << 20) {
                Ok(packet) => return Some(packet),
                Err(rumqttc::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("the client sent no mqtt: {error}"),
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn publish(&mut self) -> Publish {
        match self.packet().await {
            Some(Packet::Publish(publish)) => publish,
            other => panic!("expected PUBLISH, got {other:?}"),
        }
    }

    /// The next `count` publishes.
    pub(crate) async fn publishes(&mut self, count: usize) -> Vec<Publish> {
        let mut found = Vec::new();
        for _ in 0..count {
            found.push(self.publish().await);
        }
        found
    }

    pub(crate) async fn ack(&mut self, publish: &Publish) {
        self.send(&Packet::PubAck(PubAck::new(publish.pkid))).await;
    }

    /// Acknowledges everything until the client disconnects; says what came.
    pub(crate) async fn serve(mut self) -> Vec<Publish> {
        let mut found = Vec::new();
        loop {
            match self.packet().await {
                Some(Packet::Publish(publish)) => {
                    self.ack(&publish).await;
                    found.push(publish);
                }
                Some(Packet::Disconnect) | None => return found,
                other => panic!("expected PUBLISH or DISCONNECT, got {other:?}"),
            }
        }
    }

    async fn send(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, 1 << 20).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }
}
