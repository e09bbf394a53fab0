//! TLS and HTTP/2: the same answers, and the same bounds on whoever holds, floods or does not read.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::fixture::{Bench, frame, heartbeat};
use super::ward::tokens;
use crate::config::HttpTls;
use crate::http::{AppState, Auth, AuthInForce, TlsFiles};

/// A server with TLS, and what its clients trust.
struct Secured {
    bench: Bench,
    trusted: CertificateDer<'static>,
}

impl Secured {
    async fn start(change: impl FnOnce(&mut AppState)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let own = params.self_signed(&key).unwrap();
        let tls = HttpTls {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificate: folder.path().join("own.pem"),
            key: folder.path().join("own.key"),
        };
        std::fs::write(&tls.certificate, own.pem()).unwrap();
        std::fs::write(&tls.key, key.serialize_pem()).unwrap();
        let bench = Bench::start_tls(TlsFiles::from(&tls), change).await;
        Self { bench, trusted: own.der().clone() }
    }

    /// A connection that speaks one protocol.
    async fn connect(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let socket = TcpStream::connect(self.bench.tls.unwrap()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        stream
    }

    async fn client(&self) -> Client {
        let io = TokioIo::new(self.connect(b"h2").await);
        let (client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Client(client)
    }

    async fn raw(&self) -> Raw {
        let mut socket = self.connect(b"h2").await;
        socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        Raw(socket)
    }
}

/// A well-behaved client.
struct Client(SendRequest<Full<Bytes>>);

impl Client {
    async fn ask(
        &mut self,
        authority: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response<hyper::body::Incoming> {
        let mut request = Request::get(format!("https://{authority}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.send_request(request.body(Full::default()).unwrap()).await.unwrap()
    }
}

/// A client that writes frames as it likes.
struct Raw(TlsStream<TcpStream>);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

impl Raw {
    /// Whether it could be written.
    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = (payload.len() as u32).to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.0.write_all(&bytes).await.is_ok()
    }

    /// A request's head by literal HPACK.
    fn head(method: &str, path: &str) -> Vec<u8> {
        let mut block = vec![0x87];
        for (name, value) in [(2, method), (4, path), (1, "localhost")] {
            block.extend([name, value.len() as u8]);
            block.extend(value.as_bytes());
        }
        block
    }

    /// Kind and stream of the next frame; `None` when the connection is gone.
    async fn next(&mut self) -> Option<(u8, u32)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]])))
    }

    /// Reads whatever comes until the server ends the connection.
    async fn ended(mut self) {
        while self.next().await.is_some() {}
    }
}

#[tokio::test]
async fn both_protocols_give_the_same_answers_and_say_that_tls_is_to_stay() {
    let secured = Secured::start(|_| {}).await;
    let mut client = secured.client().await;
    let answer = client.ask("localhost", "/api/v1/patients", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let length = answer.headers()["content-length"].clone();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(length.to_str().unwrap(), body.len().to_string());

    let mut one = secured.connect(b"http/1.1").await;
    let request = super::client::request("GET", "/api/v1/patients", &[], "");
    one.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    one.read_to_end(&mut text).await.unwrap();
    let reply = super::client::Reply::parse(&String::from_utf8(text).unwrap());
    assert_eq!((reply.status, reply.body.as_bytes()), (200, &body[..]));
    let plain = secured.bench.get("/api/v1/patients").await;
    assert!(!plain.headers.contains_key("strict-transport-security"));
    assert_eq!(plain.body.as_bytes(), &body[..]);
}

#[tokio::test]
async fn what_http2_calls_its_host_is_held_to_the_same_rules() {
    let secured = Secured::start(|_| {}).await;
    let mut client = secured.client().await;
    let origin = |origin| ("origin", origin);
    for (authority, headers, status) in [
        ("localhost", vec![], 200),
        ("evil.example", vec![], 403),
        ("localhost", vec![("host", "evil.example")], 400),
        ("localhost", vec![("host", "LOCALHOST")], 200),
        ("localhost", vec![origin("https://localhost")], 200),
        ("localhost", vec![origin("http://localhost")], 403),
        ("localhost", vec![origin("https://evil.example")], 403),
    ] {
        let answer = client.ask(authority, "/api/v1/patients", &headers).await;
        assert_eq!(answer.status(), status, "{authority} {headers:?}");
    }
}

#[tokio::test]
async fn a_stream_of_alarms_comes_over_http2_and_ends_alone_when_its_token_goes() {
    let (auth, seen) = watch::channel(Arc::new(tokens()));
    let secured = Secured::start(|state| state.auth = AuthInForce::new(seen)).await;
    let mut client = secured.client().await;
    let stream = client.ask("localhost", "/api/v1/stream", &[("authorization", "Bearer c")]).await;
    let mut body = stream.into_body();
    secured.bench.raise(5, "icu");
    let mut text = String::new();
    while !text.contains("st0re-5") {
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&data).unwrap());
    }
    let Auth::Tokens(mut left) = tokens() else { unreachable!() };
    left.retain(|token| token.name != "c");
    auth.send_replace(Arc::new(Auth::Tokens(left)));
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
    let other = client.ask("localhost", "/api/v1/patients", &[("authorization", "Bearer v")]);
    assert_eq!(other.await.status(), 200, "the connection goes on");
}

#[tokio::test]
async fn a_connection_has_so_many_requests_at_a_time_and_no_more() {
    let secured = Secured::start(|_| {}).await;
    let mut raw = secured.raw().await;
    assert!(raw.write(SETTINGS, 0, 0, &[]).await);
    let head = Raw::head("GET", "/api/v1/stream");
    let all = 40;
    for number in 0..all {
        assert!(raw.write(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &head).await);
    }
    let mut refused = 0;
    let mut answered = 0;
    while refused + answered < all {
        match raw.next().await.unwrap() {
            (RST_STREAM, _) => refused += 1,
            (HEADERS, _) => answered += 1,
            _ => {}
        }
    }
    assert_eq!((answered, refused), (32, 8));
    assert_eq!(secured.bench.metrics.watching(), 32);
}

#[tokio::test]
async fn a_flood_of_requests_that_are_reset_ends_the_connection() {
    // Nobody answers the commands, so each request is under way when it is reset.
    let secured = Secured::start(|_| {}).await;
    let mut raw = secured.raw().await;
    assert!(raw.write(SETTINGS, 0, 0, &[]).await);
    let head = Raw::head("DELETE", "/api/v1/devices/dev-1/binding");
    let mut sent = 0;
    for number in 0..100_000 {
        let stream = number * 2 + 1;
        if !raw.write(HEADERS, END_STREAM | END_HEADERS, stream, &head).await {
            break;
        }
        tokio::task::yield_now().await;
        if !raw.write(RST_STREAM, 0, stream, &8_u32.to_be_bytes()).await {
            break;
        }
        sent = number;
    }
    assert!(sent < 99_000, "cut off after {sent}");
    assert_eq!(secured.bench.get("/api/v1/patients").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_one_stream_unread_is_cut_off_while_others_get_everything() {
    let secured = Secured::start(|state| state.limits.stall = Duration::from_secs(1)).await;
    let bench = &secured.bench;
    let mut raw = secured.raw().await;
    assert!(raw.write(SETTINGS, 0, 0, &[]).await);
    // The connection itself has room without end; the stream has 64 KiB.
    assert!(raw.write(WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes()).await);
    let head = Raw::head("GET", "/api/v1/stream");
    assert!(raw.write(HEADERS, END_STREAM | END_HEADERS, 1, &head).await);
    let mut healthy = bench.stream("", None).await;
    let stalled = tokio::spawn(raw.ended());
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(60_000));
    let mut seq = 0;
    while !stalled.is_finished() {
        seq += 1;
        bench.ring.publish([frame("alarm", Some(seq), Some("icu"), &long), heartbeat(seq)]);
        assert_eq!(healthy.alarms_until(seq).await, [format!("st0re-{seq}")]);
    }
}

#[tokio::test]
async fn an_answer_that_nobody_makes_room_for_ends_the_connection() {
    let secured = Secured::start(|state| state.limits.stall = Duration::from_millis(100)).await;
    let mut raw = secured.raw().await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 1: no answer has room beyond its first byte.
    assert!(raw.write(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]).await);
    let head = Raw::head("GET", "/style.css");
    assert!(raw.write(HEADERS, END_STREAM | END_HEADERS, 1, &head).await);
    raw.ended().await;
}

#[tokio::test]
async fn a_connection_that_asks_nothing_or_half_a_request_is_ended() {
    let secured = Secured::start(|state| state.limits.idle = Duration::from_millis(100)).await;
    let mut idle = secured.raw().await;
    assert!(idle.write(SETTINGS, 0, 0, &[]).await);
    let head = Raw::head("GET", "/api/v1/patients");
    assert!(idle.write(HEADERS, END_STREAM | END_HEADERS, 1, &head).await);
    while idle.next().await.unwrap().0 != DATA {}
    idle.ended().await;

    let mut half = secured.raw().await;
    assert!(half.write(SETTINGS, 0, 0, &[]).await);
    assert!(half.write(HEADERS, END_STREAM, 1, &head).await);
    half.ended().await;
}

#[tokio::test]
async fn half_handshakes_lock_nobody_out() {
    let few = |state: &mut AppState| state.limits.connections = 16;
    let secured = Secured::start(few).await;
    let mut held = Vec::new();
    for _ in 0..60 {
        let mut socket = TcpStream::connect(secured.bench.tls.unwrap()).await.unwrap();
        socket.write_all(&[22, 3, 1]).await.unwrap();
        held.push(socket);
    }
    let mut client = secured.client().await;
    assert_eq!(client.ask("localhost", "/api/v1/patients", &[]).await.status(), 200);
    assert_eq!(secured.bench.get("/healthz").await.status, 200);
}
