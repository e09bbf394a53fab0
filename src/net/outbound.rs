//! A small HTTP/1.1 client for what the gateway asks of others: one request, one connection, an end
//! to everything. For `http` and `https`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::addresses::is_public;
use crate::config::ServerUrl;
use crate::net::tls::{self, BadTls};

/// An answer is read up to here, unless [`Outbound::reading`] says otherwise; the rest is left
/// unread.
const ANSWER_BYTES: usize = 1 << 20;

/// An answer, cut where no more is read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody listens there, or the name is unknown.
    #[error("cannot connect to {to}: {source}")]
    Connect {
        /// Host and port.
        to: String,
        /// Why.
        source: std::io::Error,
    },
    /// The talk broke off, or was no HTTP.
    #[error("the talk broke off: {0}")]
    Broken(String),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Late(Duration),
}

/// Sends requests to one server; TLS is set up once.
#[derive(Clone, Debug)]
pub struct Outbound {
    server: ServerUrl,
    tls: Option<Arc<ClientConfig>>,
    within: Duration,
    most: usize,
    /// Whether a name may lead to no address of this machine or its network.
    in_public: bool,
}

impl Outbound {
    /// To `server`, whose certificate `ca` signs, else one of the system's authorities. Every
    /// request ends `within` so long.
    pub fn new(server: ServerUrl, ca: Option<&Path>, within: Duration) -> Result<Self, BadTls> {
        let tls = server.tls.then(|| tls::client(ca, None)).transpose()?;
        Ok(Self { server, tls, within, most: ANSWER_BYTES, in_public: false })
    }

    /// To whichever server [`Self::to`] says.
    pub fn by_tls(within: Duration) -> Result<Self, BadTls> {
        let nobody = ServerUrl {
            tls: true,
            host: "localhost".to_owned(),
            port: 443,
            authority: "localhost".to_owned(),
            path: "/".to_owned(),
        };
        Self::new(nobody, None, within)
    }

    /// The same to another server.
    #[must_use]
    pub fn to(&self, server: ServerUrl) -> Self {
        let tls = self.tls.clone().filter(|_| server.tls);
        Self { server, tls, ..self.clone() }
    }

    /// Where the name was somebody else's word: what it leads to is looked at, and connected to as it was looked at.
    #[must_use]
    pub fn in_public(self) -> Self {
        Self { in_public: true, ..self }
    }

    /// Reads up to so many bytes of an answer in place of 1 MiB.
    #[must_use]
    pub fn reading(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Sends one request for `path`, with its query.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, NoAnswer> {
        let broken = |e: axum::http::Error| NoAnswer::Broken(e.to_string());
        let mut request =
            Request::builder().method(method).uri(path).body(Body::from(body)).map_err(broken)?;
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&self.server.authority).map_err(|e| broken(e.into()))?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        timeout(self.within, self.talk(request)).await.map_err(|_| NoAnswer::Late(self.within))?
    }

    async fn talk(&self, request: Request<Body>) -> Result<Answer, NoAnswer> {
        let ServerUrl { host, port, .. } = &self.server;
        let failed = |source| NoAnswer::Connect { to: format!("{host}:{port}"), source };
        let plain = self.connect(host, *port).await.map_err(failed)?;
        let Some(tls) = &self.tls else { return exchange(plain, request, self.most).await };
        let name =
            ServerName::try_from(host.clone()).map_err(|e| NoAnswer::Broken(e.to_string()))?;
        let tls = TlsConnector::from(Arc::clone(tls));
        exchange(tls.connect(name, plain).await.map_err(failed)?, request, self.most).await
    }

    async fn connect(&self, host: &str, port: u16) -> std::io::Result<TcpStream> {
        // An address that stands there as one was allowed as it stands.
        if !self.in_public || host.parse::<std::net::IpAddr>().is_ok() {
            return TcpStream::connect((host, port)).await;
        }
        let found = tokio::net::lookup_host((host, port)).await?;
        let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
        if public.is_empty() {
            let why = "its name leads to no address outside this network";
            return Err(std::io::Error::other(why));
        }
        TcpStream::connect(&*public).await
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Body>,
    most: usize,
) -> Result<Answer, NoAnswer> {
    let broken = |e: hyper::Error| NoAnswer::Broken(e.to_string());
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(broken)?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = read(body, most).await?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    };
    // The connection moves the bytes; when it ends first, the answer ends with what it had.
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer.map_err(broken),
        ended = &mut connection => {
            ended.map_err(broken)?;
            answer.await.map_err(broken)
        }
    }
}

async fn read(mut body: Incoming, most: usize) -> Result<Bytes, hyper::Error> {
    let mut read = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            let room = most - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if read.len() == most {
                break;
            }
        }
    }
    Ok(Bytes::from(read))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_millis(200);

    async fn get(url: &str, within: Duration) -> Result<Answer, NoAnswer> {
        let server = ServerUrl::try_from(url.to_owned()).unwrap();
        let path = server.path.clone();
        let outbound = Outbound::new(server, None, within).unwrap();
        outbound.send(Method::GET, &path, HeaderMap::new(), Bytes::new()).await
    }

    /// Answers one request with `answer`, and says what was asked.
    async fn server(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ping/me?rid=1", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1_024];
            let count = stream.read(&mut asked).await.unwrap();
            // A client that has read enough leaves.
            drop(stream.write_all(&answer).await);
            String::from_utf8_lossy(&asked[..count]).into_owned()
        });
        (url, served)
    }

    #[tokio::test]
    async fn a_request_says_where_it_goes_and_brings_the_answer() {
        let (url, served) =
            server(b"HTTP/1.1 202 Fine\r\nContent-Length: 2\r\n\r\nok".to_vec()).await;
        let answer = get(&url, Duration::from_secs(10)).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (202, &b"ok"[..]));
        let asked = served.await.unwrap();
        assert!(asked.starts_with("GET /ping/me?rid=1 HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains(&format!("host: {}\r\n", url[7..].split('/').next().unwrap())),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut() {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.resize(2 * ANSWER_BYTES, b'x');
        let (url, _served) = server(answer).await;
        let answer = get(&url, Duration::from_secs(10)).await.unwrap();
        assert_eq!(answer.body.len(), ANSWER_BYTES);
    }

    #[tokio::test]
    async fn who_says_nothing_or_nonsense_or_is_not_there_has_an_error_of_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = format!("http://{}/", listener.local_addr().unwrap());
        assert!(matches!(get(&silent, SOON).await, Err(NoAnswer::Late(_))));
        let (nonsense, _served) = server(b"\x16\x03\x01 nonsense\r\n\r\n".to_vec()).await;
        assert!(matches!(get(&nonsense, Duration::from_secs(10)).await, Err(NoAnswer::Broken(_))));
        drop(listener);
        assert!(matches!(get(&silent, SOON).await, Err(NoAnswer::Connect { .. })));
    }
}
