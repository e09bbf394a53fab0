//! One connection kept up for a device or relay: it fills the window from a feed, sends what is
//! unacknowledged again after every loss, and ends when the feed has ended and all is settled.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::codec::{CodecError, DISCONNECT, Incoming, Protocol};
use crate::session::{Outgoing, Session};

/// How long the first connection is tried before the address is called wrong.
const FIRST_CONTACT: Duration = Duration::from_secs(10);
/// How long a TCP connect or a CONNACK may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The first wait after a lost connection; it doubles up to `LONGEST_WAIT`.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Bytes written at once; more is not worth holding in memory.
const WRITE_AHEAD: usize = 128 * 1024;

/// Who connects, where and how.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// The gateway's MQTT listener.
    pub address: SocketAddr,
    /// Client id and user name.
    pub principal: String,
    /// The password, where the gateway asks for one.
    pub token: Option<String>,
    /// The version spoken.
    pub protocol: Protocol,
    /// At most so many messages in flight.
    pub window: usize,
    /// Seconds after which the gateway may take the connection for dead.
    pub keep_alive_s: u16,
}

/// Where messages come from and acknowledgements go.
pub trait Feed: Send {
    /// What comes back with an acknowledgement.
    type Tag: Send;

    /// The next message, if one is due.
    fn next(&mut self) -> Next<Self::Tag>;

    /// Resolves when [`next`](Self::next) may have more after it said `Later`. Dropping it early
    /// loses nothing.
    fn ready(&mut self) -> impl Future<Output = ()> + Send;

    /// The gateway has made the message durable. An error ends the link: an acknowledgement that
    /// cannot be noted must not be passed over.
    fn acked(&mut self, tag: Self::Tag, latency: Duration) -> io::Result<()>;

    /// The gateway refused the message for good.
    fn rejected(&mut self, tag: Self::Tag, reason: &str);
}

/// What a feed has.
#[derive(Debug)]
pub enum Next<T> {
    /// A message to send now.
    Publish(Outgoing<T>),
    /// Nothing yet.
    Later,
    /// Nothing more, ever.
    End,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkReport {
    /// Connections accepted by the gateway.
    pub connections: u64,
    /// Messages sent again after a lost connection.
    pub resent: u64,
    /// Messages without acknowledgement at the end; none unless the link was cancelled.
    pub unacknowledged: usize,
}

/// Why a link gave up.
#[derive(Debug, Error)]
pub enum LinkError {
    /// Nobody there.
    #[error("cannot reach mqtt://{address}; is the gateway running, and is this its mqtt address?")]
    Unreachable {
        /// The address tried.
        address: SocketAddr,
        /// The last failure.
        source: io::Error,
    },
    /// Not let in.
    #[error(
        "the gateway refused {principal:?}: {reason}; register it, give its token, or set devices.unknown = \"admit\""
    )]
    Refused {
        /// Who tried.
        principal: String,
        /// The gateway's reason.
        reason: String,
    },
    /// A packet that cannot be written.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The feed could not note an acknowledgement.
    #[error("cannot note an acknowledgement; is the ledger's disk full?")]
    Ledger(#[source] io::Error),
}

/// Runs the link until its feed has ended and everything is acknowledged, or until `cancel`.
pub async fn run<F: Feed>(
    options: &LinkOptions,
    feed: &mut F,
    cancel: &CancellationToken,
) -> Result<LinkReport, LinkError> {
    let mut link = Link {
        options,
        feed,
        session: Session::new(options.protocol, options.window),
        ended: false,
        report: LinkReport::default(),
    };
    let started = clock::monotonic();
    let mut wait = SHORTEST_WAIT;
    loop {
        let before = link.report.connections;
        let lost = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            outcome = link.converse() => match outcome {
                Ok(()) => break,
                Err(Loss::Fatal(error)) => return Err(error),
                Err(Loss::Connection(source)) => source,
            },
        };
        if link.report.connections == 0 && started.elapsed() > FIRST_CONTACT {
            return Err(LinkError::Unreachable { address: options.address, source: lost });
        }
        wait = if link.report.connections > before {
            SHORTEST_WAIT
        } else {
            LONGEST_WAIT.min(wait * 2)
        };
        tokio::select! {
            () = cancel.cancelled() => break,
            () = sleep(wait) => {}
        }
    }
    link.report.unacknowledged = link.session.unacknowledged();
    Ok(link.report)
}

struct Link<'a, F: Feed> {
    options: &'a LinkOptions,
    feed: &'a mut F,
    session: Session<F::Tag>,
    ended: bool,
    report: LinkReport,
}

enum Loss {
    Connection(io::Error),
    Fatal(LinkError),
}

impl From<io::Error> for Loss {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<CodecError> for Loss {
    fn from(error: CodecError) -> Self {
        Self::Connection(io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl<F: Feed> Link<'_, F> {
    /// One connection, from connect to the last acknowledgement.
    async fn converse(&mut self) -> Result<(), Loss> {
        let protocol = self.options.protocol;
        let mut stream = timeout(HANDSHAKE, TcpStream::connect(self.options.address))
            .await
            .map_err(|_| timed_out("no tcp connection"))??;
        stream.set_nodelay(true)?;
        let mut incoming = BytesMut::with_capacity(16 * 1024);
        timeout(HANDSHAKE, self.greet(&mut stream, &mut incoming))
            .await
            .map_err(|_| timed_out("no CONNACK"))??;
        self.report.connections += 1;

        let mut out = BytesMut::with_capacity(WRITE_AHEAD);
        self.report.resent += self.session.resend(&mut out)? as u64;
        let quiet = Duration::from_secs(u64::from(self.options.keep_alive_s.max(2) / 2));
        let mut asked = false;
        loop {
            let waiting = self.fill(&mut out).map_err(Loss::Fatal)?;
            if self.ended && self.session.is_settled() && out.is_empty() {
                stream.write_all(&DISCONNECT).await?;
                stream.shutdown().await?;
                return Ok(());
            }
            let (mut reader, mut writer) = stream.split();
            tokio::select! {
                biased;
                read = reader.read_buf(&mut incoming) => {
                    if read? == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    asked = false;
                    self.receive(&mut incoming)?;
                }
                written = writer.write_buf(&mut out), if !out.is_empty() => { written?; }
                () = self.feed.ready(), if waiting => {}
                () = sleep(quiet) => {
                    if asked {
                        return Err(timed_out("no answer to a PINGREQ").into());
                    }
                    asked = true;
                    protocol.ping(&mut out);
                }
            }
        }
    }

    async fn greet(&mut self, stream: &mut TcpStream, incoming: &mut BytesMut) -> Result<(), Loss> {
        let LinkOptions { principal, token, protocol, keep_alive_s, .. } = self.options;
        let mut out = BytesMut::new();
        protocol.connect(principal, token.as_deref(), *keep_alive_s, &mut out)?;
        stream.write_all(&out).await?;
        loop {
            match protocol.decode(incoming)? {
                Some(Incoming::Connected) => return Ok(()),
                Some(Incoming::Refused { reason, passing: false }) => {
                    let principal = principal.clone();
                    return Err(Loss::Fatal(LinkError::Refused { principal, reason }));
                }
                Some(Incoming::Refused { reason, passing: true }) => {
                    return Err(io::Error::new(io::ErrorKind::ConnectionRefused, reason).into());
                }
                Some(
                    Incoming::Acked(_)
                    | Incoming::Rejected(..)
                    | Incoming::Disconnected
                    | Incoming::Other,
                ) => {
                    let unexpected = "something other than CONNACK came first";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, unexpected).into());
                }
                None => {
                    if stream.read_buf(incoming).await? == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                }
            }
        }
    }

    /// Sends what the window takes; whether the feed asked to be waited for.
    fn fill(&mut self, out: &mut BytesMut) -> Result<bool, LinkError> {
        let now = clock::monotonic();
        while !self.ended && self.session.has_room() && out.len() < WRITE_AHEAD {
            match self.feed.next() {
                Next::Publish(message) => self.session.publish(message, now, out)?,
                Next::Later => return Ok(true),
                Next::End => self.ended = true,
            }
        }
        Ok(false)
    }

    fn receive(&mut self, incoming: &mut BytesMut) -> Result<(), Loss> {
        let now = clock::monotonic();
        while let Some(packet) = self.options.protocol.decode(incoming)? {
            match packet {
                Incoming::Acked(id) => {
                    if let Some((tag, latency)) = self.session.settle(id, now) {
                        let noted = self.feed.acked(tag, latency);
                        noted.map_err(|error| Loss::Fatal(LinkError::Ledger(error)))?;
                    }
                }
                Incoming::Rejected(id, reason) => {
                    if let Some((tag, _)) = self.session.settle(id, now) {
                        self.feed.rejected(tag, &reason);
                    }
                }
                Incoming::Disconnected => {
                    return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
                }
                Incoming::Connected | Incoming::Refused { .. } | Incoming::Other => {}
            }
        }
        Ok(())
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::fake_broker::FakeBroker;

    /// Sends the numbers below `count` and remembers what was acknowledged.
    struct Numbers {
        next: u32,
        count: u32,
        acked: Vec<u32>,
    }

    impl Numbers {
        fn new(count: u32) -> Self {
            Self { next: 0, count, acked: Vec::new() }
        }
    }

    impl Feed for Numbers {
        type Tag = u32;

        fn next(&mut self) -> Next<u32> {
            if self.next == self.count {
                return Next::End;
            }
            let tag = self.next;
            self.next += 1;
            let payload = tag.to_string().into();
            Next::Publish(Outgoing { topic: "numbers".to_owned(), payload, tag })
        }

        async fn ready(&mut self) {
            pending::<()>().await;
        }

        fn acked(&mut self, tag: u32, _latency: Duration) -> io::Result<()> {
            self.acked.push(tag);
            Ok(())
        }

        fn rejected(&mut self, tag: u32, reason: &str) {
            panic!("{tag} rejected: {reason}");
        }
    }

    fn options(address: SocketAddr, window: usize) -> LinkOptions {
        LinkOptions {
            address,
            principal: "dev-1".to_owned(),
            token: None,
            protocol: Protocol::V4,
            window,
            keep_alive_s: 60,
        }
    }

    fn bodies(publishes: &[rumqttc::Publish]) -> Vec<(bool, String)> {
        let body = |p: &rumqttc::Publish| String::from_utf8(p.payload.to_vec()).unwrap();
        publishes.iter().map(|p| (p.dup, body(p))).collect()
    }

    #[tokio::test]
    async fn everything_is_sent_once_and_acknowledged_once() {
        let broker = FakeBroker::start().await;
        let (options, mut feed) = (options(broker.address(), 3), Numbers::new(100));
        let cancel = CancellationToken::new();
        let (report, received) = tokio::join!(run(&options, &mut feed, &cancel), async {
            let client = broker.accept().await;
            assert_eq!(client.id, "dev-1");
            client.serve().await
        });
        let expected = LinkReport { connections: 1, resent: 0, unacknowledged: 0 };
        assert_eq!(report.unwrap(), expected);
        let all: Vec<u32> = (0..100).collect();
        assert_eq!(feed.acked, all);
        assert_eq!(
            bodies(&received),
            all.iter().map(|n| (false, n.to_string())).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn a_lost_connection_brings_what_was_unacknowledged_again_and_nothing_else() {
        let broker = FakeBroker::start().await;
        let (options, mut feed) = (options(broker.address(), 4), Numbers::new(8));
        let cancel = CancellationToken::new();
        let (report, again) = tokio::join!(run(&options, &mut feed, &cancel), async {
            let mut first = broker.accept().await;
            let sent = first.publishes(4).await;
            first.ack(&sent[0]).await;
            // The window lets exactly one more out: it shows that the acknowledgement was received.
            assert_eq!(bodies(&first.publishes(1).await), [(false, "4".to_owned())]);
            drop(first);
            broker.accept().await.serve().await
        });
        assert_eq!(report.unwrap(), LinkReport { connections: 2, resent: 4, unacknowledged: 0 });
        let expected = [1, 2, 3, 4, 5, 6, 7].map(|n| (n <= 4, n.to_string()));
        assert_eq!(bodies(&again), expected);
        assert_eq!(feed.acked, (0..8).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_refused_principal_learns_what_to_do() {
        let broker = FakeBroker::start().await;
        let (options, mut feed) = (options(broker.address(), 1), Numbers::new(1));
        let cancel = CancellationToken::new();
        let (report, _client) = tokio::join!(run(&options, &mut feed, &cancel), broker.refuse());
        let error = report.unwrap_err().to_string();
        assert!(error.contains("\"dev-1\"") && error.contains("devices.unknown"), "{error}");
    }

    #[tokio::test]
    async fn a_cancelled_link_says_what_is_unacknowledged() {
        let broker = FakeBroker::start().await;
        let (options, mut feed) = (options(broker.address(), 5), Numbers::new(9));
        let cancel = CancellationToken::new();
        let (report, ()) = tokio::join!(run(&options, &mut feed, &cancel), async {
            let mut client = broker.accept().await;
            client.publishes(5).await;
            cancel.cancel();
        });
        assert_eq!(report.unwrap().unacknowledged, 5);
    }
}
