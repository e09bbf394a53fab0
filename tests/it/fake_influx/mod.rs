//! InfluxDB 2 as its API description has it, as far as the gateway and `doctor` go: writing, queries
//! over what was written, lists of organisations and buckets; with the moods of a bad day.

mod api;
mod flux;
mod flux_text;
mod query;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) use api::Sight;
pub(crate) use flux::Points;
pub(crate) use query::QueryMood;

/// The path prefix of the reverse proxy before it.
pub(crate) const PREFIX: &str = "/tsdb";

/// How the next write is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should be.
    Well,
    /// As it should be, after a while.
    Slow(Duration),
    /// Not at all; the connection stays open.
    Never,
    /// With this status and `Retry-After` in seconds.
    Answer(u16, Option<u64>),
    /// All of it is taken, and the connection closed without a word.
    Cut,
    /// Something that is no HTTP.
    Nonsense,
    /// A body without an end.
    Endless,
}

/// What it holds and how it behaves.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) points: Points,
    /// Only the times are kept, and of readings only.
    pub(crate) thin: bool,
    /// Those times.
    pub(crate) times: BTreeMap<String, BTreeSet<i64>>,
    /// Statuses answered.
    pub(crate) answered: Vec<u16>,
    /// `Host` of the last request.
    pub(crate) host: String,
    /// Lines taken, those taken again included.
    pub(crate) lines: usize,
    /// The time of the last one of readings, in nanoseconds.
    pub(crate) last: i64,
    /// One request each; after them it is well.
    pub(crate) moods: VecDeque<Mood>,
    /// Lines that hold this are refused.
    pub(crate) bad: Option<String>,
    /// What was measured before, in nanoseconds, the bucket does not keep.
    pub(crate) keeps_from: i64,
    /// Larger bodies are answered 413.
    pub(crate) most_bytes: usize,
    /// What `Authorization` must be.
    pub(crate) authorization: String,
    /// How every query is met.
    pub(crate) query_mood: QueryMood,
    /// Queries asked.
    pub(crate) queries: Vec<String>,
    /// Connections of queries that are open.
    pub(crate) asking: usize,
    pub(crate) orgs: Vec<String>,
    pub(crate) buckets: Vec<String>,
    /// Of every bucket, as it says; 0 keeps everything.
    pub(crate) retention_s: u64,
    pub(crate) version: String,
    /// Whether the token may only read.
    pub(crate) read_only: bool,
    /// What the token may see of organisations and buckets.
    pub(crate) sight: Sight,
    /// Whether written points are forgotten.
    pub(crate) forgetful: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            points: Points::new(),
            thin: false,
            times: BTreeMap::new(),
            answered: Vec::new(),
            host: String::new(),
            lines: 0,
            last: 0,
            moods: VecDeque::new(),
            bad: None,
            keeps_from: 0,
            most_bytes: usize::MAX,
            authorization: "Token secret-token".to_owned(),
            query_mood: QueryMood::Well,
            queries: Vec::new(),
            asking: 0,
            orgs: vec!["o".to_owned()],
            buckets: vec!["b".to_owned()],
            retention_s: 0,
            version: "v2.7.11".to_owned(),
            read_only: false,
            sight: Sight::Everything,
            forgetful: false,
        }
    }
}

/// A running server; gone when dropped.
pub(crate) struct FakeInflux {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// A server certificate for `localhost`, and who signed it.
pub(crate) struct Certificates {
    pub(crate) ca: PathBuf,
    acceptor: TlsAcceptor,
}

impl FakeInflux {
    /// On a free port.
    pub(crate) fn start() -> Self {
        Self::start_at(0, None, Arc::default())
    }

    pub(crate) fn start_tls(certificates: &Certificates) -> Self {
        Self::start_at(0, Some(certificates.acceptor.clone()), Arc::default())
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

impl State {
    pub(crate) fn count(&self, measurement: &str) -> usize {
        let of = format!("{measurement},");
        self.points.iter().filter(|(head, _)| head.starts_with(&of)).map(|(_, at)| at.len()).sum()
    }

    pub(crate) fn thin_count(&self) -> usize {
        self.times.values().map(BTreeSet::len).sum()
    }

    fn take(&mut self, line: &str) {
        let space = line
            .char_indices()
            .find(|(at, c)| *c == ' ' && !line[..*at].ends_with('\\'))
            .map(|(at, _)| at)
            .expect("tags end");
        let (rest, time) = line.rsplit_once(' ').expect("a time");
        let (head, fields) = (&rest[..space], &rest[space + 1..]);
        self.lines += 1;
        if head.starts_with("vitalgate_reading,") {
            self.last = time.parse().expect("nanoseconds");
        }
        if self.thin {
            if head.starts_with("vitalgate_reading,") {
                let time = time.parse().expect("nanoseconds");
                self.times.entry(head.to_owned()).or_default().insert(time);
            }
            return;
        }
        if self.forgetful {
            return;
        }
        let series = self.points.entry(head.to_owned()).or_default();
        series.insert(time.parse().expect("nanoseconds"), fields.to_owned());
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

impl Certificates {
    /// Made for this run, in `dir`.
    pub(crate) fn make(dir: &Path) -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let path = dir.join("influx-ca.pem");
        std::fs::write(&path, ca_certificate.pem()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let server = server.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![server.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self { ca: path, acceptor: TlsAcceptor::from(Arc::new(config)) }
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

type Body = BoxBody<Bytes, Cut>;
type Answered = Result<Response<Body>, Cut>;

/// The connection is closed without a word.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

/// Bytes and bytes.
#[derive(Debug)]
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Cut;
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Cut>>> {
        let frame = hyper::body::Frame::data(Bytes::from_static(&[b'x'; 8_192]));
        std::task::Poll::Ready(Some(Ok(frame)))
    }
}

fn whole(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    let mut answer = Response::new(body);
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("content-type", kind.parse().unwrap());
    answer
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

async fn write(
    parts: &hyper::http::request::Parts,
    body: &Bytes,
    state: Arc<Mutex<State>>,
) -> Answered {
    let mood = {
        let mut state = state.lock().unwrap();
        let query = parts.uri.query().unwrap_or_default();
        let mut query: Vec<&str> = query.split('&').collect();
        query.sort_unstable();
        assert_eq!(query, ["bucket=b", "org=o", "precision=ns"]);
        if state.read_only {
            return Ok(state.with(403, "insufficient permissions for write"));
        }
        if !state.buckets.iter().any(|bucket| bucket == "b") {
            return Ok(state.with(404, "bucket \"b\" not found"));
        }
        if body.len() > state.most_bytes {
            return Ok(state.with(413, ""));
        }
        state.moods.pop_front().unwrap_or(Mood::Well)
    };
    match mood {
        Mood::Slow(pause) => tokio::time::sleep(pause).await,
        Mood::Never => std::future::pending().await,
        Mood::Well | Mood::Nonsense | Mood::Answer(..) | Mood::Cut | Mood::Endless => {}
    }
    if let Mood::Answer(status, after) = mood {
        let mut answer = state.lock().unwrap().with(status, "not now");
        if let Some(after) = after {
            answer.headers_mut().insert("retry-after", after.into());
        }
        return Ok(answer);
    }
    if mood == Mood::Endless {
        let mut answer = Response::new(Endless.boxed());
        *answer.status_mut() = hyper::StatusCode::BAD_GATEWAY;
        return Ok(answer);
    }
    let mut text = String::new();
    match parts.headers.get("content-encoding") {
        Some(coding) => {
            assert_eq!(coding, "gzip");
            flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        }
        None => text.push_str(std::str::from_utf8(body).unwrap()),
    }
    assert!(text.ends_with('\n'));
    let mut state = state.lock().unwrap();
    let bad = state.bad.clone();
    let is_bad = |line: &&str| bad.as_ref().is_some_and(|bad| line.contains(bad.as_str()));
    let refused = text.lines().any(|line| is_bad(&line));
    let keeps_from = state.keeps_from;
    let is_old = |line: &&str| {
        let time = line.rsplit_once(' ').expect("a time").1;
        time.parse::<i64>().expect("nanoseconds") < keeps_from
    };
    let old = text.lines().filter(is_old).count();
    // Every other time what is good about a refused request is not taken either.
    let partial =
        state.answered.iter().filter(|status| [400, 422].contains(status)).count() % 2 == 0;
    if partial || (old == 0 && !refused) {
        for line in text.lines().filter(|line| !is_bad(line) && !is_old(line)) {
            state.take(line);
        }
    }
    if mood == Mood::Cut {
        return Err(Cut);
    }
    if refused {
        let why = if partial { "partial write" } else { "unable to parse" };
        return Ok(state.with(400, &format!("{{\"code\":\"invalid\",\"message\":\"{why}\"}}")));
    }
    if old > 0 {
        let why = if partial { "partial write: points" } else { "point is" };
        let words = format!("{why} beyond retention policy dropped={old}");
        return Ok(state.with(422, &words));
    }
    Ok(state.with(204, ""))
}

impl State {
    fn with(&mut self, status: u16, words: &str) -> Response<Body> {
        self.answered.push(status);
        whole(status, "application/json", words.to_owned())
    }
}
