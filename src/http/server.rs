//! The listening sockets, with TLS and without: a task for each connection, and who may come in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Common};
use super::router::router;
use super::state::{AppState, Http, Limits};
use super::tls::{TlsFiles, TlsReload};
use crate::ingest::Refusals;
use crate::net::places::Places;
use crate::telemetry::Metrics;
use vitalgate_domain::model::input::SignInWay;

/// After a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How soon a crowd is noticed.
const SWEEP: Duration = Duration::from_secs(1);

/// The HTTP server, bound and not yet running.
pub struct Server {
    plain: TcpListener,
    tls: Option<Secured>,
    tls_reload: Option<TlsReload>,
}

/// A socket for TLS, and what is shown in handshakes to come.
struct Secured {
    listener: TcpListener,
    acceptor: watch::Receiver<Arc<TlsAcceptor>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("plain", &self.plain).finish_non_exhaustive()
    }
}

impl Server {
    /// Binds; port 0 takes a free one.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let plain = TcpListener::bind(addr).await?;
        Ok(Self { plain, tls: None, tls_reload: None })
    }

    /// Binds a second address, which speaks TLS and HTTP/2.
    pub async fn bind_tls(self, addr: SocketAddr, files: TlsFiles) -> io::Result<Self> {
        let (reload, acceptor) = TlsReload::begin(files)?;
        let listener = TcpListener::bind(addr).await?;
        Ok(Self { tls: Some(Secured { listener, acceptor }), tls_reload: Some(reload), ..self })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.plain.local_addr()
    }

    /// Where it listens with TLS.
    pub fn tls_addr(&self) -> io::Result<Option<SocketAddr>> {
        self.tls.as_ref().map(|tls| tls.listener.local_addr()).transpose()
    }

    /// What reads certificate and key again; once, and only with TLS.
    pub fn tls_reload(&mut self) -> Option<TlsReload> {
        self.tls_reload.take()
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
        let common = Common { router, limits, tracker, cancel: cancel.clone() };
        let (Self { plain, tls, tls_reload: _reload }, door) = (self, &door);
        let with_tls = async {
            match &tls {
                Some(tls) => door.open(&tls.listener, Some(&tls.acceptor), &common).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = door.watch() => {}
            () = door.open(&plain, None, &common) => {}
            () = with_tls => {}
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

    /// Serves whoever comes to a socket.
    async fn open(
        &self,
        listener: &TcpListener,
        tls: Option<&watch::Receiver<Arc<TlsAcceptor>>>,
        common: &Common,
    ) {
        loop {
            let Some((socket, peer)) = accept(listener).await else { continue };
            let place = self.places.take(peer.ip());
            let acceptor = tls.map(|tls| Arc::clone(&tls.borrow()));
            let serving = connection::serve(socket, (peer, place), acceptor, common.clone());
            common.tracker.spawn(serving);
        }
    }

    /// Tells of crowds.
    async fn watch(&self) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            sweep.tick().await;
            self.refusals.note_crowd(SignInWay::Http, self.places.crowd(), &self.metrics);
        }
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
