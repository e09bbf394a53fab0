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

mod codec;
mod connection;
mod end;
mod greeting;
mod intake;
mod principal;
mod session;
#[cfg(test)]
mod tests;
mod tls;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval, sleep};

use self::session::Sessions;
use self::tls::TlsAcceptor;
pub use self::tls::{BadTls, TlsFiles};
pub use crate::ingest::{Decode, SourceHandles};
use crate::telemetry::Metrics;
use vitalgate_domain::model::time::Span;
use vitalgate_formats as decode;

/// Connections waiting to be accepted.
const BACKLOG: u32 = 1_024;
/// How soon a revoked principal is disconnected.
const SWEEP: Duration = Duration::from_secs(1);
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
    /// Connections at a time; one more is closed at once.
    pub max_connections: usize,
    /// From accepting a connection to the end of its CONNECT, the TLS handshake included.
    pub connect_timeout: Duration,
    /// Messages of one connection between socket and commit, at least 1; the receive maximum of
    /// MQTT 5.
    pub max_inflight: u16,
    /// Sessions kept without a connection.
    pub max_sessions: usize,
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
            retention: Span::days(365),
            drain: Duration::from_secs(5),
            decode: decode::decode,
        }
    }
}

#[derive(Debug)]
struct Shared {
    config: ListenerConfig,
    source: SourceHandles,
    sessions: Arc<Sessions>,
}

/// Bound sockets, not yet served.
#[derive(Debug)]
pub struct Listener {
    config: ListenerConfig,
    endpoints: Vec<Endpoint>,
}

struct Endpoint {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
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
        let acceptor = match &config.tls_files {
            Some(files) => Some(tls::acceptor(files)?),
            None if config.tls.is_empty() => None,
            None => {
                let why = "an address for TLS needs certificates";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        };
        let mut endpoints = Vec::new();
        for &address in &config.plain {
            endpoints.push(Endpoint::open(address, None)?);
        }
        for &address in &config.tls {
            endpoints.push(Endpoint::open(address, acceptor.clone())?);
        }
        Ok(Self { config, endpoints })
    }

    /// The addresses bound, plain ones first, in the order of the configuration.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.endpoints.iter().map(|endpoint| endpoint.address).collect()
    }

    /// Serves until cancelled; then takes no new connection, lets each acknowledge what is in
    /// flight (`drain` at most), and returns when all are closed.
    pub async fn run(self, source: SourceHandles) {
        let places = Arc::new(Semaphore::new(self.config.max_connections));
        let sessions = Sessions::new(self.config.max_sessions);
        let shared = Arc::new(Shared { config: self.config, source, sessions });
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shared.source.cancel.cancelled() => break,
                _ = sweep.tick() => shared.sweep(),
                (endpoint, accepted) = accept(&self.endpoints) => match accepted {
                    Ok(socket) => shared.serve(socket, endpoint, &places),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(BREATHER).await;
                    }
                },
            }
        }
        drop(self.endpoints);
        shared.sessions.close();
        let all = u32::try_from(shared.config.max_connections).unwrap_or(u32::MAX);
        if places.acquire_many(all).await.is_err() {
            tracing::debug!("nobody closes this semaphore");
        }
    }
}

impl Endpoint {
    fn open(address: SocketAddr, tls: Option<TlsAcceptor>) -> io::Result<Self> {
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
    fn serve(
        self: &Arc<Self>,
        (socket, peer): (TcpStream, SocketAddr),
        endpoint: &Endpoint,
        places: &Arc<Semaphore>,
    ) {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            self.source.handles.metrics.connect("refused");
            tracing::warn!(address = %peer, "too many connections: one more is closed");
            return;
        };
        let authentication = if endpoint.address.ip().is_loopback() {
            self.config.authentication
        } else {
            Authentication::Required
        };
        let present = Present::new(self.source.handles.metrics.clone(), place);
        let shared = Arc::clone(self);
        let tls = endpoint.tls.clone();
        self.source.tracker.spawn(async move {
            let _present = present;
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
            // Greeting needs far more room than serving, which thousands do at a time.
            let greeted =
                Box::pin(greeting::greet((socket, peer), tls, authentication, &shared)).await;
            if let Some(connection) = greeted {
                connection.run().await;
            }
        });
    }

    fn sweep(&self) {
        let board = Arc::clone(&self.source.handles.board.borrow());
        self.sessions.sweep(|id| board.devices.get(id).is_some_and(|device| device.revoked));
    }
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
struct Present {
    metrics: Metrics,
    _place: OwnedSemaphorePermit,
}

impl Present {
    fn new(metrics: Metrics, place: OwnedSemaphorePermit) -> Self {
        metrics.connections(1);
        Self { metrics, _place: place }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.metrics.connections(-1);
    }
}
