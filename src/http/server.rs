//! The listening socket: one task a connection, each bounded in what it may hold of kernel and heap.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::router::router;
use super::state::{AppState, Http, Limits};

/// What the kernel may hold of a slow reader: more would be minutes-old alarms.
const SEND_BUFFER: usize = 64 << 10;
/// What hyper may hold of one connection, in either direction.
const HTTP_BUFFER: usize = 64 << 10;
/// The kernel gives a connection up after this long without an acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// A request's head has to be here after this; an idle connection is closed after it too.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// After a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The HTTP server, bound and not yet running.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

/// What a request knows of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The other side.
    pub(crate) peer: SocketAddr,
    /// Cuts the connection off at once, from outside of whatever it is busy with.
    pub(crate) abort: CancellationToken,
}

impl Server {
    /// Binds; port 0 takes a free one.
    pub async fn bind(addr: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(addr).await? })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `cancel`, then ends the streams and gives open requests [`Limits::grace`].
    ///
    /// Connections and streams are tasks on `tracker`.
    pub async fn run(self, app: AppState, tracker: TaskTracker, cancel: CancellationToken) {
        let limits = app.limits;
        let http = Http::new(app, tracker.clone(), cancel.clone());
        self.serve(router(&http), limits, tracker, cancel).await;
    }

    /// Serves these routes in the same way.
    pub(crate) async fn serve(
        self,
        router: Router,
        limits: Limits,
        tracker: TaskTracker,
        cancel: CancellationToken,
    ) {
        let places = Arc::new(Semaphore::new(limits.connections));
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                () = cancel.cancelled() => return,
            };
            let Some((socket, peer, place)) = accepted else { continue };
            let (router, cancel) = (router.clone(), cancel.clone());
            tracker.spawn(async move {
                serve(socket, peer, router, limits, cancel).await;
                drop(place);
            });
        }
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, peer)) => Some((socket, peer, place)),
        Err(e) => {
            tracing::warn!(error = %e, "no connection could be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    cancel: CancellationToken,
) {
    if let Err(e) = bound(&socket) {
        tracing::debug!(%peer, error = %e, "connection lost before it began");
        return;
    }
    let connection = Connection { peer, abort: CancellationToken::new() };
    let abort = connection.abort.clone();
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(connection.clone());
        routes.call(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HTTP_BUFFER)
        .serve_connection(TokioIo::new(socket), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = abort.cancelled() => return,
        () = cancel.cancelled() => {
            serving.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.grace, serving).await {
                Ok(ended) => ended,
                Err(_) => return tracing::warn!(%peer, "connection cut off at shutdown"),
            }
        }
    };
    if let Err(e) = ended {
        tracing::debug!(%peer, error = %e, "connection ended");
    }
}

fn bound(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let options = SockRef::from(socket);
    options.set_send_buffer_size(SEND_BUFFER)?;
    options.set_tcp_user_timeout(Some(UNACKNOWLEDGED))
}
