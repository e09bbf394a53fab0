//! InfluxDB 2 as its API description has it, as far as the gateway and `doctor` go: writing, queries
//! over what was written, lists of organisations and buckets; with the moods of a bad day.

mod api;
mod bodies;
mod certificates;
mod flux;
mod flux_text;
mod query;
mod state;
mod write;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::port_of_ones_own;
pub(crate) use api::Sight;
pub(crate) use certificates::Certificates;
pub(crate) use flux::Points;
pub(crate) use query::QueryMood;
pub(crate) use state::{Mood, State};

use bodies::{Answered, Cut};
use write::write;

/// The path prefix of the reverse proxy before it.
pub(crate) const PREFIX: &str = "/tsdb";

/// A running server; gone when dropped.
pub(crate) struct FakeInflux {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl FakeInflux {
    /// On a free port.
    pub(crate) fn start() -> Self {
        Self::start_at(port_of_ones_own(), None, Arc::default())
    }

    pub(crate) fn start_tls(certificates: &Certificates) -> Self {
        Self::start_at(port_of_ones_own(), Some(certificates.acceptor.clone()), Arc::default())
    }

    /// Stops, and gives what is needed to start again where it was.
    pub(crate) fn stop(mut self) -> Stopped {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        Stopped { port: self.address.port(), state: Arc::clone(&self.state) }
    }

    fn start_at(port: u16, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port))).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, state).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                serve(socket, state).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, state, runtime: Some(runtime) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many different points of a measurement there are.
    pub(crate) fn count(&self, measurement: &str) -> usize {
        self.state().count(measurement)
    }
}

/// A server that is not there for now.
pub(crate) struct Stopped {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl Stopped {
    pub(crate) fn start(self) -> FakeInflux {
        FakeInflux::start_at(self.port, None, self.state)
    }
}

async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    state: Arc<Mutex<State>>,
) {
    let mood = state.lock().unwrap().moods.front().copied();
    if mood == Some(Mood::Nonsense) {
        state.lock().unwrap().moods.pop_front();
        let mut socket = socket;
        socket.write_all(b"\0\0\0 good day\r\n\r\n").await.ok();
        return;
    }
    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
    let http = hyper::server::conn::http1::Builder::new();
    http.serve_connection(TokioIo::new(socket), service).await.ok();
}

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let header = |name: &str| parts.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    assert!(header("x-vitalgate-relay").is_none(), "the key stays inside");
    if path == "/health" {
        return Ok(api::health(&state.lock().unwrap()));
    }
    {
        let mut state = state.lock().unwrap();
        state.host = header("host").unwrap_or_default();
        if header("authorization").as_deref() != Some(state.authorization.as_str()) {
            return Ok(state.with(401, "{\"code\":\"unauthorized\"}"));
        }
    }
    match &*path {
        "/api/v2/write" => write(&parts, &body, state).await,
        "/api/v2/query" => query::answer(&parts, &body, state).await,
        "/api/v2/orgs" | "/api/v2/buckets" => {
            Ok(api::list(&parts, &body, &mut state.lock().unwrap()))
        }
        _ => Ok(state.lock().unwrap().with(404, "")),
    }
}
