//! The client on rumqttc's packets (docs/decisions/0021-rumqttc-without-its-event-loop.md).
//!
//! Reads packets off the socket and writes them to it, no more: what is kept in memory is one read
//! and the largest packet taken. A PUBLISH beyond that is read and forgotten but for its beginning.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rumqttc::{
    Connect, ConnectReturnCode, Login, Packet, PubAck, PubComp, PubRec, QoS, Subscribe,
    SubscribeFilter, SubscribeReasonCode,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Ack, Broken, Client, Content, Grant, Publish, Received};
use super::tls::Tls;
use crate::ingest::bundle::{KEPT_OF_TOO_LARGE, MAX_PACKET};

/// From the TCP connect to the CONNACK.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A broker that takes nothing for so long is gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// The room of one read.
const READ: usize = 64 << 10;
/// Of a PUBLISH too large to be read, so much holds its topic and the first of its payload: a topic
/// has 64 KiB at most.
const PREAMBLE: usize = 68 << 10;
/// Own messages that may be unacknowledged.
const OWN: usize = 8;

/// A socket, plain or with TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where the broker is and how it is spoken to.
pub(super) struct Options {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) client_id: String,
    pub(super) login: Option<(String, String)>,
    /// In seconds.
    pub(super) keep_alive: u16,
    /// Whether the session ends with the connection, and one that was kept is given up.
    pub(super) clean_session: bool,
    pub(super) tls: Option<Tls>,
}

/// One client.
pub(super) struct Rumqtt {
    options: Options,
    link: Option<Link>,
}

/// One connection.
struct Link {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    out: BytesMut,
    /// A PUBLISH too large to be read, and how many of its bytes are still to come.
    draining: Option<(Publish, usize)>,
    /// What was wrong behind what was returned last.
    broken: Option<Broken>,
    next_id: u16,
    /// Own messages not yet acknowledged.
    own: BTreeSet<u16>,
    /// Seconds since something was sent.
    sent: u16,
    /// Seconds of listening since something came.
    silent: u16,
}

impl Rumqtt {
    pub(super) fn new(options: Options) -> Self {
        Self { options, link: None }
    }

    fn link(&mut self) -> Result<&mut Link, Broken> {
        self.link.as_mut().ok_or_else(|| Broken::new("not connected"))
    }
}

impl Client for Rumqtt {
    async fn connect(&mut self) -> Result<bool, Broken> {
        self.link = None;
        let late = |_| Broken::new("no answer to the connect");
        let (link, kept) = timeout(HANDSHAKE, Link::open(&self.options)).await.map_err(late)??;
        self.link = Some(link);
        Ok(kept)
    }

    async fn receive(&mut self, received: &mut Vec<Received>) -> Result<(), Broken> {
        let link = self.link()?;
        let before = received.len();
        loop {
            if let Some(broken) = &link.broken {
                return Err(broken.clone());
            }
            link.broken = link.take_in(received).err();
            if received.len() > before {
                return Ok(());
            }
            if link.broken.is_none() {
                // An answer to PUBREL may wait in the buffer, if no other write took it along.
                link.flush().await?;
                link.read().await?;
            }
        }
    }

    async fn acknowledge(&mut self, acks: &[Ack]) -> Result<(), Broken> {
        let link = self.link()?;
        for &Ack { id, exactly_once } in acks {
            link.put(&if exactly_once {
                Packet::PubRec(PubRec::new(id))
            } else {
                Packet::PubAck(PubAck::new(id))
            })?;
        }
        link.flush().await
    }

    async fn subscribe(&mut self, filters: &[String]) -> Result<(), Broken> {
        let link = self.link()?;
        let filters = filters.iter().map(|f| SubscribeFilter::new(f.clone(), QoS::AtLeastOnce));
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = link.id();
        link.put(&Packet::Subscribe(subscribe))?;
        link.flush().await
    }

    async fn publish(&mut self, topic: &str, payload: String) -> Result<(), Broken> {
        let link = self.link()?;
        if link.own.len() >= OWN {
            return Ok(());
        }
        let mut publish = rumqttc::Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = link.id();
        link.own.insert(publish.pkid);
        link.put(&Packet::Publish(publish))?;
        link.flush().await
    }

    async fn tick(&mut self, listening: bool) -> Result<(), Broken> {
        let keep_alive = self.options.keep_alive;
        let link = self.link()?;
        link.sent = link.sent.saturating_add(1);
        if listening {
            link.silent = link.silent.saturating_add(1);
        }
        if link.silent > keep_alive.saturating_add(keep_alive / 2) {
            return Err(Broken::new("the broker says nothing any more"));
        }
        if link.sent >= keep_alive / 4 * 3 || (listening && link.silent == keep_alive) {
            link.put(&Packet::PingReq)?;
            link.flush().await?;
        }
        Ok(())
    }

    fn hang_up(&mut self) {
        self.link = None;
    }

    async fn disconnect(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        let sent = async {
            link.put(&Packet::Disconnect)?;
            link.flush().await
        };
        if let Err(broken) = sent.await {
            tracing::debug!(%broken, "DISCONNECT could not be sent to the broker");
        }
        if let Err(error) = link.stream.shutdown().await {
            tracing::debug!(%error, "cannot close the connection to the broker");
        }
    }
}

impl Link {
    async fn open(options: &Options) -> Result<(Self, bool), Broken> {
        let Options { host, port, client_id, login, keep_alive, clean_session, tls } = options;
        let io = |error: std::io::Error| Broken(format!("cannot reach {host}:{port}: {error}"));
        let socket = TcpStream::connect((host.as_str(), *port)).await.map_err(io)?;
        socket.set_nodelay(true).map_err(io)?;
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(socket),
            Some(tls) => {
                let name = |error| Broken(format!("TLS with {host}:{port}: {error}"));
                Box::new(tls.connect(host, socket).await.map_err(name)?)
            }
        };
        let mut link = Self {
            stream,
            buffer: BytesMut::new(),
            out: BytesMut::new(),
            draining: None,
            broken: None,
            next_id: 0,
            own: BTreeSet::new(),
            sent: 0,
            silent: 0,
        };
        let mut connect = Connect::new(client_id.clone());
        connect.keep_alive = *keep_alive;
        connect.clean_session = *clean_session;
        connect.login = login
            .as_ref()
            .map(|(user, password)| Login { username: user.clone(), password: password.clone() });
        link.put(&Packet::Connect(connect))?;
        link.flush().await?;
        loop {
            match Packet::read(&mut link.buffer, MAX_PACKET) {
                Ok(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {
                    return Ok((link, ack.session_present));
                }
                Ok(Packet::ConnAck(ack)) => {
                    return Err(Broken(format!("the broker refuses: {}", refusal(ack.code))));
                }
                Ok(_) => return Err(Broken::new("the broker does not begin with CONNACK")),
                Err(rumqttc::Error::InsufficientBytes(_)) => link.read().await?,
                Err(error) => return Err(Broken(format!("no MQTT: {error}"))),
            }
        }
    }

    async fn read(&mut self) -> Result<(), Broken> {
        self.buffer.reserve(READ);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Broken::new("the broker closed the connection")),
            Ok(_) => {
                self.silent = 0;
                Ok(())
            }
            Err(error) => Err(Broken(format!("the connection broke: {error}"))),
        }
    }

    /// Takes every complete packet out of the buffer.
    fn take_in(&mut self, received: &mut Vec<Received>) -> Result<(), Broken> {
        loop {
            if let Some((publish, left)) = self.draining.take() {
                let here = left.min(self.buffer.len());
                self.buffer.advance(here);
                if here < left {
                    self.draining = Some((publish, left - here));
                    return Ok(());
                }
                received.push(Received::Publish(publish));
            }
            match Packet::read(&mut self.buffer, MAX_PACKET) {
                Ok(packet) => received.extend(self.understand(packet)?),
                Err(rumqttc::Error::InsufficientBytes(_)) => return Ok(()),
                Err(rumqttc::Error::PayloadSizeLimitExceeded(body)) => {
                    match begin_draining(&self.buffer, body)? {
                        Some(draining) => self.draining = Some(draining),
                        None => return Ok(()),
                    }
                }
                Err(error) => return Err(Broken(format!("the broker sent no MQTT: {error}"))),
            }
        }
    }

    fn understand(&mut self, packet: Packet) -> Result<Option<Received>, Broken> {
        match packet {
            Packet::Publish(publish) => {
                let qos = qos(publish.qos);
                Ok(Some(Received::Publish(Publish {
                    topic: publish.topic,
                    qos,
                    dup: publish.dup,
                    retained: publish.retain,
                    id: publish.pkid,
                    content: Content::Whole(publish.payload),
                })))
            }
            Packet::SubAck(ack) => {
                Ok(Some(Received::Subscribed(ack.return_codes.into_iter().map(grant).collect())))
            }
            Packet::PubAck(ack) => {
                self.own.remove(&ack.pkid);
                Ok(None)
            }
            Packet::PubRel(release) => {
                self.put(&Packet::PubComp(PubComp::new(release.pkid)))?;
                Ok(None)
            }
            Packet::PingResp => Ok(None),
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubRec(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq
            | Packet::Disconnect => Err(Broken::new("the broker sent what it never should here")),
        }
    }

    /// An identifier that none of the own messages under way has.
    fn id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if !self.own.contains(&self.next_id) {
                return self.next_id;
            }
        }
    }

    fn put(&mut self, packet: &Packet) -> Result<(), Broken> {
        let written = packet.write(&mut self.out, MAX_PACKET);
        written.map(drop).map_err(|error| Broken(format!("cannot write a packet: {error}")))
    }

    /// Writes what was put. Dropping the future loses nothing and writes nothing twice.
    async fn flush(&mut self) -> Result<(), Broken> {
        let had_bytes = !self.out.is_empty();
        let written = timeout(WRITE_PATIENCE, async {
            self.stream.write_all_buf(&mut self.out).await?;
            self.stream.flush().await
        })
        .await;
        match written {
            Ok(Ok(())) => {
                if had_bytes {
                    self.sent = 0;
                }
                Ok(())
            }
            Ok(Err(error)) => Err(Broken(format!("the connection broke: {error}"))),
            Err(_) => Err(Broken::new("the broker takes nothing any more")),
        }
    }
}

/// The first of a PUBLISH whose body of `body` bytes is too large, and its length as a packet;
/// `None` while too little of it is there.
fn begin_draining(buffer: &[u8], body: usize) -> Result<Option<(Publish, usize)>, Broken> {
    if buffer.len() < PREAMBLE {
        return Ok(None);
    }
    let cut_short = || Broken::new("a packet that is too large and no PUBLISH");
    let (&first, rest) = buffer.split_first().ok_or_else(cut_short)?;
    if first >> 4 != 3 {
        return Err(cut_short());
    }
    let lengths = rest.iter().take(4).position(|byte| byte & 0x80 == 0).ok_or_else(cut_short)?;
    let mut fields = &rest[lengths + 1..];
    let topic = usize::from(fields.try_get_u16().map_err(|_| cut_short())?);
    let (topic, mut fields) = fields.split_at_checked(topic).ok_or_else(cut_short)?;
    let level = (first >> 1) & 3;
    let (id, before_payload) = match level {
        0 => (0, 2 + topic.len()),
        1 | 2 => (fields.try_get_u16().map_err(|_| cut_short())?, 4 + topic.len()),
        _ => return Err(cut_short()),
    };
    let topic = String::from_utf8_lossy(topic).into_owned();
    let content = Content::TooLarge {
        length: body.saturating_sub(before_payload),
        head: fields[..fields.len().min(KEPT_OF_TOO_LARGE)].to_vec(),
    };
    let (dup, retained) = (first & 8 != 0, first & 1 != 0);
    let publish = Publish { topic, qos: level, dup, retained, id, content };
    Ok(Some((publish, 2 + lengths + body)))
}

fn qos(qos: QoS) -> u8 {
    match qos {
        QoS::AtMostOnce => 0,
        QoS::AtLeastOnce => 1,
        QoS::ExactlyOnce => 2,
    }
}

fn grant(code: SubscribeReasonCode) -> Grant {
    match code {
        SubscribeReasonCode::Success(QoS::AtLeastOnce | QoS::ExactlyOnce) => Grant::AtLeastOnce,
        SubscribeReasonCode::Success(QoS::AtMostOnce) => Grant::AtMostOnce,
        SubscribeReasonCode::Failure => Grant::Refused,
    }
}

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::Success => "nothing",
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => "the client id",
        ConnectReturnCode::ServiceUnavailable => "it is unavailable",
        ConnectReturnCode::BadUserNamePassword => "user name or password is wrong",
        ConnectReturnCode::NotAuthorized => "not authorised",
    }
}
