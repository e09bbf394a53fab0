//! The MQTT endpoint in the process, for 3.1.1 and 5 on one port, plain and over TLS.
//!
//! It is not a broker: what devices publish goes through the inbox to the commit, and the PUBACK
//! or PUBREC leaves when the commit has happened, never before. One task serves one
//! connection: a socket read is parsed (`codec`), judged and decoded (`intake`) into one
//! submission, which takes a place in the connection's `line` of acknowledgements; all that a
//! commit released goes out in one write. At most 64 messages and 1 MiB of a connection are
//! between socket and commit; beyond that its socket is not read.
//!
//! Who speaks is found by `principal`, what it may use by `permission`, what outlives its
//! connection is kept by `session`, and `end` says what follows from each way to part.

mod certificate;
mod codec;
mod connection;
mod credential;
mod end;
mod greeting;
mod intake;
mod principal;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod unfinished;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::task::TaskTracker;

use self::session::Sessions;
use self::tls::InForce;
pub use self::tls::{BadTls, TlsFiles, TlsReload};
use self::unfinished::Unfinished;
use crate::ingest::access::permission;
pub use crate::ingest::{Decode, SourceHandles};
use crate::net::places::{Bounds, Places};
use crate::telemetry::Metrics;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::SignInWay;
use vitalgate_domain::model::time::Span;
use vitalgate_formats as decode;

/// Connections waiting to be accepted.
const BACKLOG: u32 = 1_024;
/// How soon a principal whose right was withdrawn is disconnected, and a crowd is noticed.
const SWEEP: Duration = Duration::from_secs(1);
/// The kernel asks whether the other side is still there after so long without a byte, so often, and gives
/// up after so many questions.
const QUIET: Duration = Duration::from_secs(10 * 60);
const PROBE_EVERY: Duration = Duration::from_secs(60);
const PROBES: u32 = 5;
/// Connections of one principal: several clients of a relay, and what it left behind half open.
const OF_ONE_PRINCIPAL: usize = 64;
/// After a failed accept, which is mostly a lack of file descriptors.
const BREATHER: Duration = Duration::from_millis(100);

/// Whether `bytes` begin with a packet that a client may send, in MQTT 5 or 3.1.1: what fuzzers ask.
pub fn is_packet(mqtt5: bool, bytes: &[u8]) -> bool {
    let version = if mqtt5 { codec::Version::V5 } else { codec::Version::V4 };
    codec::accepts(version, bytes)
}

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By certificate or token.
    Required,
    /// On loopback by their word: the user name, else the client identifier. Elsewhere as
    /// [`Authentication::Required`].
    Open,
}

/// What becomes of devices that are not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// They are refused.
    Refuse,
    /// They may publish, bound to nobody.
    Admit,
}

/// What a listener needs to know before it starts.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Addresses without TLS; port 0 takes a free one.
    pub plain: Vec<SocketAddr>,
    /// Addresses with TLS.
    pub tls: Vec<SocketAddr>,
    /// Needed where `tls` has addresses.
    pub tls_files: Option<TlsFiles>,
    /// How clients prove who they are.
    pub authentication: Authentication,
    /// What becomes of devices that are not registered.
    pub unknown: Unknown,
    /// Connections of known principals at a time; those that have not said who they are have places of
    /// their own, a quarter of these.
    pub max_connections: usize,
    /// From accepting a connection to the end of its CONNECT, the TLS handshake included.
    pub connect_timeout: Duration,
    /// Messages of one connection between socket and commit, at least 1; the receive maximum of
    /// MQTT 5.
    pub max_inflight: u16,
    /// Sessions kept without a connection.
    pub max_sessions: usize,
    /// Bytes of packets that are not yet complete, in all connections together.
    pub max_unfinished: usize,
    /// How far back readings are taken.
    pub retention: Span,
    /// How long connections may wait for commits in flight when the listener stops.
    pub drain: Duration,
    /// What makes messages of publishes; [`decode`](decode::decode) outside of measurements.
    pub decode: Decode,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            plain: Vec::new(),
            tls: Vec::new(),
            tls_files: None,
            authentication: Authentication::Required,
            unknown: Unknown::Refuse,
            max_connections: 10_000,
            connect_timeout: Duration::from_secs(30),
            max_inflight: 64,
            max_sessions: 10_000,
            max_unfinished: 64 << 20,
            retention: Span::days(365),
            drain: Duration::from_secs(5),
            decode: decode::decode,
        }
    }
}

impl ListenerConfig {
    /// How many connections there may be.
    fn places(&self) -> Bounds {
        Bounds::of(self.max_connections, OF_ONE_PRINCIPAL)
    }

    /// Sockets that may be open.
    pub fn sockets(&self) -> usize {
        self.places().all()
    }
}

#[derive(Debug)]
struct Shared {
    config: ListenerConfig,
    source: SourceHandles,
    sessions: Arc<Sessions>,
    places: Arc<Places>,
    unfinished: Arc<Unfinished>,
    connections: TaskTracker,
    tls: Option<watch::Receiver<InForce>>,
}

/// Bound sockets, not yet served.
#[derive(Debug)]
pub struct Listener {
    config: ListenerConfig,
    endpoints: Vec<Endpoint>,
    tls: Option<watch::Receiver<InForce>>,
    tls_reload: Option<TlsReload>,
}

#[derive(Debug)]
struct Endpoint {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<watch::Receiver<InForce>>,
}

impl Listener {
    /// Binds every address; call it inside a tokio runtime. Fails if an address is taken, a
    /// certificate is unusable, or an address other than loopback would be open to anybody.
    pub fn bind(config: ListenerConfig) -> io::Result<Self> {
        let all = config.plain.iter().chain(&config.tls);
        if let Some(exposed) = all.clone().find(|address| !address.ip().is_loopback())
            && config.authentication == Authentication::Open
        {
            let why = format!("{exposed} is not loopback: devices must authenticate there");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let begun = match config.tls_files.clone() {
            Some(files) => Some(TlsReload::begin(files)?),
            None if config.tls.is_empty() => None,
            None => {
                let why = "an address for TLS needs certificates";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        };
        let (tls_reload, tls) = begun.unzip();
        let mut endpoints = Vec::new();
        for &address in &config.plain {
            endpoints.push(Endpoint::open(address, None)?);
        }
        for &address in &config.tls {
            endpoints.push(Endpoint::open(address, tls.clone())?);
        }
        Ok(Self { config, endpoints, tls, tls_reload })
    }

    /// How the files of TLS are read again while it runs; given out once.
    pub fn tls_reload(&mut self) -> Option<TlsReload> {
        self.tls_reload.take()
    }

    /// The addresses bound, plain ones first, in the order of the configuration.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.endpoints.iter().map(|endpoint| endpoint.address).collect()
    }

    /// Serves until cancelled; then takes no new connection, lets each acknowledge what is in
    /// flight (`drain` at most), and returns when all are closed.
    pub async fn run(self, source: SourceHandles) {
        let shared = Arc::new(Shared {
            sessions: Sessions::new(self.config.max_sessions),
            places: Places::new(self.config.places()),
            unfinished: Unfinished::new(self.config.max_unfinished),
            connections: TaskTracker::new(),
            tls: self.tls,
            config: self.config,
            source,
        });
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shared.source.cancel.cancelled() => break,
                _ = sweep.tick() => shared.sweep(),
                (endpoint, accepted) = accept(&self.endpoints) => match accepted {
                    Ok(socket) => shared.serve(socket, endpoint),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(BREATHER).await;
                    }
                },
            }
        }
        drop(self.endpoints);
        shared.sessions.close();
        shared.connections.close();
        shared.connections.wait().await;
    }
}

impl Endpoint {
    fn open(address: SocketAddr, tls: Option<watch::Receiver<InForce>>) -> io::Result<Self> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        };
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let socket = socket.map_err(named)?;
        socket.set_reuseaddr(true).map_err(named)?;
        socket.bind(address).map_err(named)?;
        let socket = socket.listen(BACKLOG).map_err(named)?;
        let address = socket.local_addr().map_err(named)?;
        Ok(Self { socket, address, tls })
    }
}

impl Shared {
    /// Takes what a principal sent of its budget; how long it is not read for that.
    fn charge(&self, principal: &DeviceId, sent: (usize, usize)) -> Duration {
        self.source.charge(principal, sent, |board| permission::devices_of(board, principal))
    }

    fn serve(self: &Arc<Self>, (socket, peer): (TcpStream, SocketAddr), endpoint: &Endpoint) {
        let authentication = if endpoint.address.ip().is_loopback() {
            self.config.authentication
        } else {
            Authentication::Required
        };
        let place = self.places.take(peer.ip());
        let present = Present::new(self.source.handles.metrics.clone());
        let shared = Arc::clone(self);
        let tls = endpoint.tls.as_ref().map(|tls| tls.borrow().acceptor.clone());
        let serving = self.connections.track_future(async move {
            let _present = present;
            if let Err(error) = prepare(&socket) {
                tracing::debug!(%error, "a connection was lost before it began");
                return;
            }
            // Greeting needs far more room than serving, which thousands do at a time.
            let greeted =
                Box::pin(greeting::greet((socket, peer), place, tls, authentication, &shared))
                    .await;
            if let Some(connection) = greeted {
                connection.run().await;
            }
        });
        self.source.tracker.spawn(serving);
    }

    fn sweep(&self) {
        let board = Arc::clone(&self.source.handles.board.borrow());
        let tls = self.tls.as_ref().map(|tls| Arc::clone(&tls.borrow().taken_back));
        self.sessions.sweep(&board, &tls.unwrap_or_default());
        let mut crowd = self.places.crowd();
        crowd.ended += self.unfinished.ended();
        self.source.refusals.note_crowd(SignInWay::Mqtt, crowd, &self.source.handles.metrics);
    }
}

/// Without delay; and whoever is gone without a word is noticed, whatever its keep-alive time is.
fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let probes =
        TcpKeepalive::new().with_time(QUIET).with_interval(PROBE_EVERY).with_retries(PROBES);
    SockRef::from(socket).set_tcp_keepalive(&probes)
}

async fn accept(endpoints: &[Endpoint]) -> (&Endpoint, io::Result<(TcpStream, SocketAddr)>) {
    poll_fn(|cx| {
        for endpoint in endpoints {
            if let Poll::Ready(accepted) = endpoint.socket.poll_accept(cx) {
                return Poll::Ready((endpoint, accepted));
            }
        }
        Poll::Pending
    })
    .await
}

/// A connection, counted as long as it lives.
struct Present(Metrics);

impl Present {
    fn new(metrics: Metrics) -> Self {
        metrics.connections(1);
        Self(metrics)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.connections(-1);
    }
}
