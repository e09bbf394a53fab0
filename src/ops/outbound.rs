//! A small HTTP/1.1 client for what the gateway asks of others: one request, one connection, an end
//! to everything. For `http` and `https`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::ServerUrl;
use axum::body::Body;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// An answer is read up to here; the rest is left unread.
const ANSWER_BYTES: usize = 1 << 20;

/// Where to send requests: scheme, host, port, and the path and query they begin with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Target {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

/// Text that is no `http` or `https` address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: {0}; write `https://host/path`")]
pub struct NotATarget(&'static str);

/// An answer, cut after 1 MiB.
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
    /// The trusted certificates cannot be read.
    #[error("cannot read certificates from {}: {why}", path.display())]
    Roots {
        /// The file, or what stands for the system's.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Sends requests; TLS is set up once.
#[derive(Clone)]
pub struct Outbound {
    tls: Option<TlsConnector>,
    within: Duration,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("within", &self.within).finish_non_exhaustive()
    }
}

impl Outbound {
    /// For `target`, whose certificate `ca` signs, else one of the system's authorities. Every
    /// request ends `within` so long.
    pub fn new(target: &Target, ca: Option<&Path>, within: Duration) -> Result<Self, NoAnswer> {
        let tls = if target.tls { Some(connector(ca)?) } else { None };
        Ok(Self { tls, within })
    }

    /// Sends one request; `path` is appended to the target's.
    pub async fn send(
        &self,
        target: &Target,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, NoAnswer> {
        let broken = |e: axum::http::Error| NoAnswer::Broken(e.to_string());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", target.path))
            .body(Body::from(body))
            .map_err(broken)?;
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&target.authority).map_err(|e| broken(e.into()))?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        timeout(self.within, self.talk(target, request))
            .await
            .map_err(|_| NoAnswer::Late(self.within))?
    }

    async fn talk(&self, target: &Target, request: Request<Body>) -> Result<Answer, NoAnswer> {
        let failed =
            |source| NoAnswer::Connect { to: format!("{}:{}", target.host, target.port), source };
        let plain = TcpStream::connect((&*target.host, target.port)).await.map_err(failed)?;
        let Some(tls) = &self.tls else { return exchange(plain, request).await };
        let name = ServerName::try_from(target.host.clone())
            .map_err(|e| NoAnswer::Broken(e.to_string()))?;
        exchange(tls.connect(name, plain).await.map_err(failed)?, request).await
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Body>,
) -> Result<Answer, NoAnswer> {
    let broken = |e: hyper::Error| NoAnswer::Broken(e.to_string());
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(broken)?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = read(body).await?;
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

async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let mut read = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            let room = ANSWER_BYTES - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if read.len() == ANSWER_BYTES {
                break;
            }
        }
    }
    Ok(Bytes::from(read))
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, NoAnswer> {
    let path = ca.unwrap_or(Path::new("the system's authorities"));
    let bad = |why: String| NoAnswer::Roots { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|e| bad(e.to_string()))?;
                roots.add(certificate).map_err(|e| bad(e.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(bad("there is none".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Target {
    /// Host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// A server and its path prefix, to which each request appends its own path.
    pub fn server(url: &ServerUrl) -> Self {
        let ServerUrl { tls, host, port, authority, prefix } = url.clone();
        Self { tls, host, port, authority, path: prefix }
    }
}

impl FromStr for Target {
    type Err = NotATarget;
    fn from_str(text: &str) -> Result<Self, NotATarget> {
        if text.contains('@') {
            return Err(NotATarget("a user or password has no place in it"));
        }
        let uri: Uri = text.parse().map_err(|_| NotATarget("it cannot be read"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(NotATarget("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or(NotATarget("it names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(NotATarget("it names no host"));
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { tls, host, port, authority: authority.to_string(), path })
    }
}

impl TryFrom<String> for Target {
    type Error = NotATarget;
    fn try_from(text: String) -> Result<Self, NotATarget> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_millis(200);

    async fn get(url: &str, within: Duration) -> Result<Answer, NoAnswer> {
        let target: Target = url.parse().unwrap();
        let outbound = Outbound::new(&target, None, within)?;
        outbound.send(&target, Method::GET, "", HeaderMap::new(), Bytes::new()).await
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
    async fn who_says_nothing_or_nonsense_or_is_not_there_is_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = format!("http://{}/", listener.local_addr().unwrap());
        assert!(matches!(get(&silent, SOON).await, Err(NoAnswer::Late(_))));
        let (nonsense, _served) = server(b"\x16\x03\x01 nonsense\r\n\r\n".to_vec()).await;
        assert!(matches!(get(&nonsense, Duration::from_secs(10)).await, Err(NoAnswer::Broken(_))));
        drop(listener);
        assert!(matches!(get(&silent, SOON).await, Err(NoAnswer::Connect { .. })));
    }

    #[test]
    fn only_whole_addresses_are_taken() {
        let target: Target = "https://[::1]:8443/a?b=c".parse().unwrap();
        assert_eq!(
            (target.tls, &*target.host, target.port, &*target.path),
            (true, "::1", 8443, "/a?b=c")
        );
        let target: Target = "http://hc.example".parse().unwrap();
        assert_eq!((target.tls, target.port, &*target.path), (false, 80, "/"));
        for bad in ["", "hc.example/x", "ftp://hc.example", "https:///x", "http://u:p@hc.example/"]
        {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }
}
