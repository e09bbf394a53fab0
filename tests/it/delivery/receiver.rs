//! Whoever takes alarms: every request is noted, and answered as the test says.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::port_of_ones_own;

/// One request.
#[derive(Clone)]
pub(crate) struct Posted {
    pub(crate) path: String,
    headers: HeaderMap,
    pub(crate) text: String,
    bytes: Bytes,
}

impl Posted {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// All of them.
    pub(crate) fn headers(&self) -> Value {
        let all = self.headers.iter();
        all.map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect()
    }

    /// Of what is no text.
    pub(crate) fn body_bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Of a webhook: what a receiver verifies.
    pub(crate) fn as_json(&self) -> Value {
        let header = |name: &str| self.header(&format!("webhook-{name}")).to_owned();
        json!({
            "id": header("id"), "timestamp": header("timestamp"), "signature": header("signature"),
            "text": self.text,
        })
    }

    /// Of a webhook: the word of the change.
    pub(crate) fn kind(&self) -> String {
        self.body()["type"].as_str().unwrap().trim_start_matches("vitalgate.alarm.").to_owned()
    }

    /// Of a webhook: the number of the transition.
    pub(crate) fn seq(&self) -> u64 {
        self.body()["data"]["seq"].as_u64().unwrap()
    }
}

/// What it answers to a message.
type Mood = Box<dyn FnMut(&Posted) -> u16 + Send>;

/// A running receiver; gone when dropped.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Posted>>>,
    mood: Arc<Mutex<Mood>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Receiver {
    /// On a free port, or where it was before.
    pub(crate) fn start(port: u16) -> Self {
        let port = if port == 0 { port_of_ones_own() } else { port };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<Posted>>> = Arc::default();
        let mood: Arc<Mutex<Mood>> = Arc::new(Mutex::new(Box::new(|_| 204)));
        let (all, answers) = (Arc::clone(&taken), Arc::clone(&mood));
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (all, answers) = (Arc::clone(&all), Arc::clone(&answers));
                let service = service_fn(move |request| {
                    take(request, Arc::clone(&all), Arc::clone(&answers))
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { port, taken, mood, runtime: Some(runtime) }
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, mood: impl FnMut(&Posted) -> u16 + Send + 'static) {
        *self.mood.lock().unwrap() = Box::new(mood);
    }

    /// What it answered with 2xx so far.
    pub(crate) fn taken(&self) -> MutexGuard<'_, Vec<Posted>> {
        self.taken.lock().unwrap()
    }

    /// Gone; its port is free.
    pub(crate) fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

async fn take(
    request: Request<Incoming>,
    taken: Arc<Mutex<Vec<Posted>>>,
    mood: Arc<Mutex<Mood>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(parts.method.as_str(), "POST");
    let posted = Posted { path: parts.uri.path().to_owned(), headers: parts.headers, text, bytes };
    let status = (mood.lock().unwrap())(&posted);
    if (200..300).contains(&status) {
        taken.lock().unwrap().push(posted);
    }
    let mut answer = Response::new(Full::new(Bytes::from_static(b"said the receiver")));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    Ok(answer)
}
