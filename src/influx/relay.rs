//! An HTTP relay inside the process, between the client crate and the server.
//!
//! The crate speaks plain HTTP to a port of this machine; what it says goes on over one connection
//! to the server, with TLS by the one TLS of this program. The relay adds what the crate cannot do:
//! a path before its own, `Retry-After` handed back, answers bounded in length. It adds no
//! credentials, answers only who knows its key, and accepts connections only while a request of
//! ours is under way.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::rand::SecureRandom as _;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsConnector;

use crate::config::ServerUrl;

/// The header that carries the key; it goes no further than the relay.
pub(super) const KEY: &str = "x-vitalgate-relay";
/// Of an answer this much is read and handed on: InfluxDB's errors are shorter.
const ANSWER_BYTES: usize = 64 << 10;
/// What hyper may hold of a head.
const HEAD_BYTES: usize = 64 << 10;
/// One is in use; a few more outlive a request that was given up. Whoever else is on this machine may open
/// others: with one more the oldest that has not shown the key ends.
const CONNECTIONS: usize = 4;
/// How long the server may take to accept a connection and shake hands.
const CONNECT: Duration = Duration::from_secs(10);

/// What came back for the last request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server answered, with this `Retry-After`.
    Answered(Option<Duration>),
    /// It could not be asked, or its answer could not be read.
    Failed(String),
}

/// The relay of one client.
#[derive(Debug)]
pub(super) struct Relay {
    listener: TcpListener,
    shared: Arc<Shared>,
    connections: JoinSet<()>,
    /// Those under way, oldest first.
    open: Vec<Open>,
}

/// A connection to the relay.
#[derive(Debug)]
struct Open {
    task: AbortHandle,
    showed_key: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Shared {
    server: ServerUrl,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    key: String,
    last: Mutex<Option<Outcome>>,
}

impl Relay {
    /// Takes a free port of this machine.
    pub(super) async fn bind(
        server: ServerUrl,
        tls: Option<Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(server.host.clone());
        let tls = match tls {
            None => None,
            Some(tls) => Some((tls, name.map_err(io::Error::other)?)),
        };
        let mut key = [0_u8; 32];
        ring::rand::SystemRandom::new()
            .fill(&mut key)
            .map_err(|_| io::Error::other("the system gives no random bytes"))?;
        let key = HEXLOWER.encode(&key);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared { server, tls, key, last: Mutex::new(None) });
        Ok(Self { listener, shared, connections: JoinSet::new(), open: Vec::new() })
    }

    /// Where the client speaks to.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What the client says in [`KEY`].
    pub(super) fn key(&self) -> &str {
        &self.shared.key
    }

    /// What came of the request just made; asked once.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.shared.last().take()
    }

    /// Forgets every connection: one that a request was given up on must not carry the next.
    pub(super) fn forget(&mut self) {
        self.connections.abort_all();
    }

    /// Accepts while it is polled; never ends.
    pub(super) async fn serve(&mut self) {
        loop {
            match self.listener.accept().await {
                Ok((socket, _)) => self.take(socket),
                Err(error) => {
                    tracing::debug!(%error, "the relay to InfluxDB cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn take(&mut self, socket: TcpStream) {
        while self.connections.try_join_next().is_some() {}
        self.open.retain(|open| !open.task.is_finished());
        if self.open.len() >= CONNECTIONS {
            let stranger = |open: &Open| !open.showed_key.load(Ordering::Relaxed);
            let oldest = self.open.iter().position(stranger).unwrap_or(0);
            self.open.remove(oldest).task.abort();
        }
        let showed_key = Arc::new(AtomicBool::new(false));
        let carried = carry(socket, Arc::clone(&self.shared), Arc::clone(&showed_key));
        let task = self.connections.spawn(carried);
        self.open.push(Open { task, showed_key });
    }
}

impl Shared {
    fn last(&self) -> std::sync::MutexGuard<'_, Option<Outcome>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection to the server, and the task that keeps it going.
struct Upstream {
    sender: SendRequest<Incoming>,
    _task: JoinSet<()>,
}

/// Serves one connection of the client.
async fn carry(socket: TcpStream, shared: Arc<Shared>, showed_key: Arc<AtomicBool>) {
    drop(socket.set_nodelay(true));
    let upstream = tokio::sync::Mutex::new(None);
    let service = service_fn(|request| relay(request, &shared, &showed_key, &upstream));
    let serving = hyper::server::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    if let Err(error) = serving.await {
        tracing::trace!(%error, "a connection of the relay to InfluxDB ended");
    }
}

async fn relay(
    request: Request<Incoming>,
    shared: &Shared,
    showed_key: &AtomicBool,
    upstream: &tokio::sync::Mutex<Option<Upstream>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let key = request.headers().get(KEY).map(HeaderValue::as_bytes);
    if key != Some(shared.key.as_bytes()) {
        return Ok(bare(StatusCode::FORBIDDEN));
    }
    showed_key.store(true, Ordering::Relaxed);
    let mut upstream = upstream.lock().await;
    match forward(request, shared, &mut upstream).await {
        Ok(answer) => {
            let after = answer.headers().get(header::RETRY_AFTER).and_then(seconds);
            *shared.last() = Some(Outcome::Answered(after));
            Ok(answer)
        }
        Err(why) => {
            *upstream = None;
            *shared.last() = Some(Outcome::Failed(why));
            Ok(bare(StatusCode::BAD_GATEWAY))
        }
    }
}

async fn forward(
    mut request: Request<Incoming>,
    shared: &Shared,
    upstream: &mut Option<Upstream>,
) -> Result<Response<Full<Bytes>>, String> {
    *request.uri_mut() = beyond(shared.server.prefix(), request.uri())?;
    let headers = request.headers_mut();
    headers.remove(KEY);
    headers.remove(header::CONNECTION);
    let host = HeaderValue::from_str(&shared.server.authority).map_err(|e| e.to_string())?;
    headers.insert(header::HOST, host);
    let mut kept = upstream.take();
    if let Some(connection) = &mut kept
        && connection.sender.ready().await.is_err()
    {
        kept = None;
    }
    let mut connection = match kept {
        Some(kept) => kept,
        None => tokio::time::timeout(CONNECT, connect(shared))
            .await
            .map_err(|_| "no connection in time".to_owned())??,
    };
    let answer = connection.sender.send_request(request).await.map_err(|e| in_words(&e))?;
    let (parts, body) = answer.into_parts();
    let (body, whole) = beginning(body).await?;
    // The rest of a longer one is not waited for.
    *upstream = whole.then_some(connection);
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = parts.status;
    if let Some(after) = parts.headers.get(header::RETRY_AFTER) {
        answer.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    Ok(answer)
}

/// At most [`ANSWER_BYTES`] of an answer, and whether that is all of it.
async fn beginning(mut body: Incoming) -> Result<(Bytes, bool), String> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|e| in_words(&e))?.into_data() else { continue };
        let room = ANSWER_BYTES - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((read.freeze(), false));
        }
    }
    Ok((read.freeze(), true))
}

async fn connect(shared: &Shared) -> Result<Upstream, String> {
    let address = (shared.server.host.as_str(), shared.server.port);
    let socket = TcpStream::connect(address).await.map_err(|e| in_words(&e))?;
    socket.set_nodelay(true).map_err(|e| in_words(&e))?;
    match &shared.tls {
        None => handshake(socket).await,
        Some((tls, name)) => {
            let tls = TlsConnector::from(Arc::clone(tls));
            let socket = tls.connect(name.clone(), socket).await.map_err(|e| in_words(&e))?;
            handshake(socket).await
        }
    }
}

async fn handshake(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Upstream, String> {
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|e| in_words(&e))?;
    let mut task = JoinSet::new();
    task.spawn(async move {
        if let Err(error) = connection.await {
            tracing::trace!(%error, "the connection to InfluxDB ended");
        }
    });
    Ok(Upstream { sender, _task: task })
}

/// The same path behind the server's prefix.
fn beyond(prefix: &str, uri: &Uri) -> Result<Uri, String> {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    format!("{prefix}{path}").parse().map_err(|e| format!("no path: {e}"))
}

/// `Retry-After` as seconds; a date is not asked for by any InfluxDB.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn in_words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn server(text: String) -> ServerUrl {
        ServerUrl::try_from(text).unwrap()
    }

    async fn ask(address: SocketAddr, head: &str) -> String {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4_096];
        let length = socket.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    #[tokio::test]
    async fn who_does_not_know_the_key_gets_nowhere() {
        let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/tsdb", behind.local_addr().unwrap());
        let mut relay = Relay::bind(server(url), None).await.unwrap();
        let (address, key) = (relay.address().unwrap(), relay.key().to_owned());
        let head = "POST /api/v2/write?a=b HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n";
        for wrong in ["", "x-vitalgate-relay: wrong\r\n"] {
            let whole = format!("{head}{wrong}\r\n");
            let answer = tokio::select! {
                answer = ask(address, &whole) => answer,
                () = relay.serve() => unreachable!("it never ends"),
            };
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
            assert_eq!(relay.outcome(), None);
        }
        let right = format!("{head}{KEY}: {key}\r\n\r\n");
        let answering = async {
            let (mut socket, _) = behind.accept().await.unwrap();
            let mut forwarded = vec![0; 4_096];
            let length = socket.read(&mut forwarded).await.unwrap();
            socket
                .write_all(b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno")
                .await
                .unwrap();
            String::from_utf8_lossy(&forwarded[..length]).into_owned()
        };
        let (answer, forwarded) = tokio::select! {
            both = async { tokio::join!(ask(address, &right), answering) } => both,
            () = relay.serve() => unreachable!("it never ends"),
        };
        assert!(
            answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 7"),
            "{answer}"
        );
        assert!(forwarded.starts_with("POST /tsdb/api/v2/write?a=b HTTP/1.1"), "{forwarded}");
        assert!(
            !forwarded.contains(&key)
                && forwarded.contains(&behind.local_addr().unwrap().to_string())
        );
        let seven = Some(Duration::from_secs(7));
        assert_eq!(relay.outcome(), Some(Outcome::Answered(seven)));
        assert_eq!(relay.outcome(), None, "asked once");
    }

    #[tokio::test]
    async fn sockets_that_say_nothing_neither_keep_the_client_out_nor_take_its_place() {
        let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", behind.local_addr().unwrap());
        let mut relay = Relay::bind(server(url), None).await.unwrap();
        let (address, key) = (relay.address().unwrap(), relay.key().to_owned());
        let head =
            format!("POST / HTTP/1.1\r\nhost: x\r\n{KEY}: {key}\r\ncontent-length: 0\r\n\r\n");
        let answering = async {
            let (mut socket, _) = behind.accept().await.unwrap();
            let mut forwarded = vec![0; 4_096];
            for _ in 0..2 {
                assert!(socket.read(&mut forwarded).await.unwrap() > 0);
                socket.write_all(b"HTTP/1.1 204 Ok\r\n\r\n").await.unwrap();
            }
        };
        let strangers = async || -> Vec<TcpStream> {
            let mut open = Vec::new();
            for _ in 0..3 * CONNECTIONS {
                open.push(TcpStream::connect(address).await.unwrap());
            }
            open
        };
        let asking = async {
            let _before = strangers().await;
            let mut socket = TcpStream::connect(address).await.unwrap();
            let mut answer = vec![0; 4_096];
            for _ in 0..2 {
                socket.write_all(head.as_bytes()).await.unwrap();
                let length = socket.read(&mut answer).await.unwrap();
                assert!(answer[..length].starts_with(b"HTTP/1.1 204"), "{length}");
                let _between = strangers().await;
            }
        };
        tokio::select! {
            _ = async { tokio::join!(asking, answering) } => {}
            () = relay.serve() => unreachable!("it never ends"),
        }
    }

    #[tokio::test]
    async fn a_long_answer_keeps_its_status_and_loses_its_end_and_its_connection() {
        let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", behind.local_addr().unwrap());
        let mut relay = Relay::bind(server(url), None).await.unwrap();
        let (address, key) = (relay.address().unwrap(), relay.key().to_owned());
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{KEY}: {key}\r\n\r\n");
        let answering = async {
            let (mut socket, _) = behind.accept().await.unwrap();
            let mut forwarded = vec![0; 4_096];
            assert!(socket.read(&mut forwarded).await.unwrap() > 0);
            socket
                .write_all(b"HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n")
                .await
                .unwrap();
            let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
            // It would go on for ever.
            while socket.write_all(chunk.as_bytes()).await.is_ok() {}
        };
        let (answer, ()) = tokio::select! {
            both = async { tokio::join!(ask(address, &head), answering) } => both,
            () = relay.serve() => unreachable!("it never ends"),
        };
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("content-length: 65536"), "{answer}");
        assert_eq!(relay.outcome(), Some(Outcome::Answered(None)));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_no_answer() {
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", gone.local_addr().unwrap());
        drop(gone);
        let mut relay = Relay::bind(server(url), None).await.unwrap();
        let (address, key) = (relay.address().unwrap(), relay.key().to_owned());
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{KEY}: {key}\r\n\r\n");
        tokio::select! {
            answer = ask(address, &head) => assert!(answer.starts_with("HTTP/1.1 502"), "{answer}"),
            () = relay.serve() => unreachable!("it never ends"),
        }
        assert!(matches!(relay.outcome(), Some(Outcome::Failed(_))));
    }
}
