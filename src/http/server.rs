//! The listening socket: a task for each connection, with bounds on what it may hold in the kernel and
//! in memory.

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
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::router::router;
use super::state::{AppState, Http, Limits};
use crate::ingest::Refusals;
use crate::net::places::{ConnectionPlace, Full, Places, Standing};
use crate::telemetry::Metrics;
use vitalgate_domain::model::input::SignInWay;

/// What the kernel may hold for a slow reader: with more, the alarms in it would be minutes old.
const SEND_BUFFER: usize = 64 << 10;
/// What hyper may hold for one connection, in either direction.
const HTTP_BUFFER: usize = 64 << 10;
/// After this long without an acknowledgement the kernel gives a connection up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// How long a request's head may take to arrive; an idle connection is closed after it too.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// After a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How soon a crowd is noticed.
const SWEEP: Duration = Duration::from_secs(1);

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
        let (limits, door) = (app.limits, Door::new(&app));
        let http = Http::new(app, tracker.clone(), cancel.clone());
        self.serve(router(&http), limits, door, tracker, cancel).await;
    }

    /// Serves these routes, in the same way.
    pub(crate) async fn serve(
        self,
        router: Router,
        limits: Limits,
        door: Door,
        tracker: TaskTracker,
        cancel: CancellationToken,
    ) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                _ = sweep.tick() => {
                    door.sweep();
                    continue;
                }
                accepted = accept(&self.listener) => accepted,
            };
            let Some((socket, peer)) = accepted else { continue };
            let place = door.places.take(peer.ip());
            let (router, cancel) = (router.clone(), cancel.clone());
            tracker.spawn(serve(socket, (peer, place), router, limits, cancel));
        }
    }
}

/// Who may come in.
#[derive(Debug)]
pub(crate) struct Door {
    places: Arc<Places>,
    refusals: Arc<Refusals>,
    metrics: Metrics,
}

impl Door {
    pub(crate) fn new(app: &AppState) -> Self {
        let places = Places::new(app.limits.places());
        Self { places, refusals: Arc::clone(&app.refusals), metrics: app.handles.metrics.clone() }
    }

    fn sweep(&self) {
        self.refusals.note_crowd(SignInWay::Http, self.places.crowd(), &self.metrics);
    }
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(e) => {
            tracing::warn!(error = %e, "no connection could be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn serve(
    socket: TcpStream,
    (peer, place): (SocketAddr, ConnectionPlace),
    router: Router,
    limits: Limits,
    cancel: CancellationToken,
) {
    if let Err(e) = bound(&socket) {
        tracing::debug!(%peer, error = %e, "connection lost before it began");
        return;
    }
    // Ended for another's sake, it is cut off as if it had stalled.
    let (abort, place) = (place.ended(), Arc::new(place));
    let connection = Connection { peer, abort: abort.clone(), place };
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
