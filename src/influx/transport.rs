//! What goes to the server and what it says: the only file that knows the client crate.

use std::io;
use std::io::Write as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use influxdb2::api::write::TimestampPrecision;
use influxdb2::{Client, ClientBuilder, RequestError};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use rustls::ClientConfig;

use super::relay::{KEY, Outcome, Relay};
use super::reply::ServerReply;
use crate::config::{BadInflux, Influx};
use crate::net::tls::{self, BadTls};

/// After so many bytes compressed, some 200 µs, others may have the processor.
const TURN: usize = 32 << 10;
/// Of the server's words so many characters are looked at: what it means may stand behind names.
const WORDS: usize = 1_024;

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum BadTransport {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] BadInflux),
    /// The certificates that are trusted.
    #[error("influx.ca: {0}")]
    Ca(#[from] BadTls),
    /// A port of this machine could not be had, or the address has no name TLS could check.
    #[error("cannot prepare the connection to InfluxDB: {0}")]
    Io(#[from] io::Error),
    /// The client could not be made.
    #[error("cannot make a client for InfluxDB: {0}")]
    Client(String),
}

/// A client of one InfluxDB.
#[derive(Debug)]
pub struct Transport {
    // Before the relay: its port must not become another's while the client lives.
    client: Client,
    relay: Relay,
    org: String,
    bucket: String,
    timeout: Duration,
}

/// Whether secret and certificates are there and can be used.
pub fn check(config: &Influx) -> Result<(), BadTransport> {
    config.authorization()?;
    client_config(config)?;
    Ok(())
}

impl Transport {
    /// Reads secret and certificates; connects to nothing.
    pub async fn new(config: &Influx) -> Result<Self, BadTransport> {
        let tls = client_config(config)?;
        if !config.url.tls && !is_this_machine(&config.url.host) {
            tracing::warn!("influx.url is http: patients' data and the secret go unencrypted");
        }
        let relay = Relay::bind(config.url.clone(), tls).await?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let secrets = [
            (AUTHORIZATION, config.authorization()?.header().to_owned()),
            (HeaderName::from_static(KEY), relay.key().to_owned()),
        ];
        for (name, value) in secrets {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| BadTransport::from(BadInflux::Characters))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        // A proxy of the environment or a redirect would take the secret elsewhere.
        let builder = reqwest::ClientBuilder::new()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .pool_max_idle_per_host(1)
            .user_agent(concat!("vitalgate/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers);
        let url = format!("http://{}", relay.address()?);
        let client = ClientBuilder::with_builder(builder, url, &config.org, "")
            .build()
            .map_err(|e| BadTransport::Client(e.to_string()))?;
        Ok(Self {
            client,
            relay,
            org: config.org.clone(),
            bucket: config.bucket.clone(),
            timeout: Duration::from_micros(config.timeout.as_micros().unsigned_abs()),
        })
    }

    /// Writes lines that [`gzip`] compressed. Dropping the future gives the request up.
    pub async fn write(&mut self, compressed: Bytes) -> ServerReply {
        let Self { client, relay, org, bucket, timeout } = self;
        let (client, org, bucket) = (client.clone(), org.clone(), bucket.clone());
        // A task of its own, ended with this future: a panic of the crate is an answer too.
        let mut request = tokio::task::JoinSet::new();
        request.spawn(async move {
            client
                .write_line_protocol_with_precision(
                    &org,
                    &bucket,
                    compressed,
                    TimestampPrecision::Nanoseconds,
                )
                .await
        });
        let answered = async {
            tokio::select! {
                answered = request.join_next() => answered,
                () = relay.serve() => None,
            }
        };
        let answered = tokio::time::timeout(*timeout, answered).await;
        let outcome = relay.outcome();
        let result = match answered {
            Ok(Some(Ok(result))) => result,
            Ok(Some(Err(_)) | None) => {
                relay.forget();
                return ServerReply::None("the client failed".to_owned());
            }
            Err(_) => {
                relay.forget();
                return ServerReply::None("no answer in time".to_owned());
            }
        };
        answer(result, outcome)
    }
}

fn answer(result: Result<(), RequestError>, outcome: Option<Outcome>) -> ServerReply {
    let retry_after = match outcome {
        Some(Outcome::Answered(after)) => after,
        Some(Outcome::Failed(why)) => return ServerReply::None(why),
        None => return ServerReply::None("the request never left".to_owned()),
    };
    match result {
        Ok(()) => ServerReply::Status { code: 204, retry_after, words: String::new() },
        Err(RequestError::Http { status, text }) => {
            let words = text.chars().filter(|c| !c.is_control()).take(WORDS).collect();
            ServerReply::Status { code: status.as_u16(), retry_after, words }
        }
        Err(
            error @ (RequestError::ReqwestProcessing { .. }
            | RequestError::Serializing { .. }
            | RequestError::Deserializing { .. }),
        ) => ServerReply::None(error.to_string()),
    }
}

/// Compresses lines, fast rather than small.
pub fn gzip(lines: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::new(1));
    let mut parts = lines.chunks(TURN);
    let written = parts.try_for_each(|part| {
        thread::yield_now();
        encoder.write_all(part)
    });
    let written = written.and_then(|()| encoder.finish());
    Bytes::from(written.unwrap_or_else(|e| unreachable!("memory takes everything: {e}")))
}

fn client_config(config: &Influx) -> Result<Option<Arc<ClientConfig>>, BadTls> {
    config.url.tls.then(|| tls::client(config.ca.as_deref(), None)).transpose()
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
