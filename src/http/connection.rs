//! One connection: the TLS handshake, then HTTP/1.1, or HTTP/2 where the client chose it, with bounds on what the
//! client may hold in the kernel and in memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::state::Limits;
use super::tls::HTTP2;
use super::traffic::{Look, Patience, Traffic};
use crate::net::places::{ConnectionPlace, Full, Standing};

/// What the kernel may hold for a slow reader: with more, the alarms in it would be minutes old.
const SEND_BUFFER: usize = 64 << 10;
/// What hyper may hold for one connection, in either direction; with HTTP/2 for one stream.
const HTTP_BUFFER: usize = 64 << 10;
/// After this long without an acknowledgement the kernel gives a connection up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// Requests at a time on one HTTP/2 connection: a browser's tabs share one stream of alarms, and ask a few things beside.
const STREAMS: u32 = 32;
/// What an HTTP/2 client may send before it is read: bodies are small.
const WINDOW: u32 = 64 << 10;
/// The same of all its streams together.
const CONNECTION_WINDOW: u32 = 256 << 10;
/// The largest head of a request.
const HEAD: u32 = 16 << 10;
/// Requests reset before they were looked at; beyond it the connection ends.
const RESETS: usize = 20;

/// What a request knows of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The other side.
    pub(crate) peer: SocketAddr,
    /// Whether nobody on the way can read it.
    pub(crate) tls: bool,
    /// Cuts the connection off at once, whatever it is doing.
    pub(crate) abort: CancellationToken,
    place: Arc<ConnectionPlace>,
}

impl Connection {
    /// Whoever asks by it has said who that is. `Full` where there is no place for another connection.
    pub(crate) fn settle(&self, name: &str, standing: Standing) -> Result<(), Full> {
        self.place.settle(name, standing)
    }
}

/// What all connections of a server have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) tracker: TaskTracker,
    /// Ends connections when what they do is done.
    pub(super) cancel: CancellationToken,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    socket: TcpStream,
    (peer, place): (SocketAddr, ConnectionPlace),
    tls: Option<Arc<TlsAcceptor>>,
    common: Common,
) {
    if let Err(e) = bound(&socket) {
        tracing::debug!(%peer, error = %e, "connection lost before it began");
        return;
    }
    // Ended for another's sake, it is cut off as if it had stalled.
    let (abort, place) = (place.ended(), Arc::new(place));
    let (tls_used, idle, cancel) = (tls.is_some(), common.limits.idle, common.cancel.clone());
    let connection = Connection { peer, tls: tls_used, abort: abort.clone(), place };
    let serving = async {
        let Some(acceptor) = tls else {
            return http_1(TokioIo::new(socket), connection, common).await;
        };
        let greeted = tokio::select! {
            greeted = tokio::time::timeout(idle, acceptor.accept(socket)) => greeted,
            () = cancel.cancelled() => return Ok(()),
        };
        let Ok(stream) = greeted else { return Err("no TLS handshake in time".into()) };
        let stream = stream?;
        let chosen = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        if chosen {
            http_2(TokioIo::new(stream), connection, common).await
        } else {
            http_1(TokioIo::new(stream), connection, common).await
        }
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = abort.cancelled() => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn http_1(
    io: impl Read + Write + Unpin + Send,
    connection: Connection,
    common: Common,
) -> Ended {
    let Common { router, limits, cancel, .. } = common;
    let (peer, routes) = (connection.peer, TowerToHyperService::new(router));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        routes.call(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(HTTP_BUFFER)
        .serve_connection(io, service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => return Ok(ended?),
        () = cancel.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.grace, serving).await
        }
    };
    cut_off(peer, ended)
}

async fn http_2(
    io: impl Read + Write + Unpin + Send,
    connection: Connection,
    common: Common,
) -> Ended {
    let Common { router, limits, tracker, cancel } = common;
    let patience = Patience::new(limits.stall, limits.idle);
    let (peer, abort) = (connection.peer, connection.abort.clone());
    let traffic = Traffic::new(patience, abort.clone());
    let (routes, exchanges) = (TowerToHyperService::new(router), Arc::clone(&traffic));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        let (exchange, answering) = (exchanges.begin(), routes.call(request));
        async move {
            let answer = answering.await?;
            Ok::<_, std::convert::Infallible>(answer.map(|body| exchange.answer(body)))
        }
    });
    let serving = http2::Builder::new(Tracked(tracker))
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.stall)
        .keep_alive_timeout(limits.stall)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD)
        .max_pending_accept_reset_streams(RESETS)
        .max_send_buf_size(HTTP_BUFFER)
        .serve_connection(io, service);
    let mut serving = std::pin::pin!(serving);
    let mut looks = interval(patience.tick);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let idle = loop {
        tokio::select! {
            ended = serving.as_mut() => return Ok(ended?),
            () = cancel.cancelled() => break false,
            _ = looks.tick() => match traffic.look() {
                Look::Well => {}
                Look::Idle => break true,
                Look::Stalled => return Err("the client leaves an answer unread".into()),
            },
        }
    };
    serving.as_mut().graceful_shutdown();
    match tokio::time::timeout(limits.grace, serving).await {
        Err(_) if idle => Err("idle, and the client does not end it".into()),
        ended => cut_off(peer, ended),
    }
}

/// How a connection ended that was told to at shutdown.
fn cut_off(
    peer: SocketAddr,
    ended: Result<hyper::Result<()>, tokio::time::error::Elapsed>,
) -> Ended {
    let Ok(ended) = ended else {
        tracing::warn!(%peer, "connection cut off at shutdown");
        return Ok(());
    };
    Ok(ended?)
}

/// Runs the streams of a connection as tasks that the end of the server waits for.
#[derive(Clone, Debug)]
struct Tracked(TaskTracker);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tracked {
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

fn bound(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let options = SockRef::from(socket);
    options.set_send_buffer_size(SEND_BUFFER)?;
    options.set_tcp_user_timeout(Some(UNACKNOWLEDGED))
}
