//! The client of a broker of the site: fetches what devices published there, and acknowledges it to
//! the broker after the commit, never before.
//!
//! One task owns the connection. What one read brought becomes one submission (`intake`), which
//! takes a place in the connection's line; all that a commit released is acknowledged in one write,
//! in the order received. The line ends with its connection: an acknowledgement is never sent on a
//! later one, where its number may mean another message. The broker keeps the session and sends
//! again what was not acknowledged.
//!
//! The broker is not read while the line is full or the inbox has no room. A probe goes through it
//! every few seconds (`proof`); the first one back on a connection marks the end of the backlog that
//! waited in the session. MQTT itself is behind a trait (`client`), spoken by one file (`rumqtt`).

mod client;
mod intake;
mod link;
mod proof;
mod rumqtt;
#[cfg(test)]
mod tests;
mod tls;
pub(crate) mod trial;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use self::link::Link;
use self::proof::Proof;
use self::rumqtt::{Options, Rumqtt};
pub use self::tls::BrokerTlsFiles;
use self::tls::Tls;
use super::listener::Unknown;
pub use crate::config::SpeaksFor;
use crate::inbox::{Receipt, Submission};
use crate::ingest::{Decode, SourceHandles};
pub use crate::net::tls::BadTls;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::Span;
use vitalgate_formats as decode;

/// One second, the measure of everything that is waited for here.
const SECOND: Duration = Duration::from_secs(1);

/// What a subscriber needs to know before it starts.
#[derive(Clone)]
pub struct SubscriberConfig {
    /// The connector its messages come by.
    pub id: DeviceId,
    /// Host name or address of the broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What the broker keeps the session by.
    pub client_id: String,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// What to subscribe to.
    pub topics: Vec<String>,
    /// Whom its messages may speak of.
    pub speaks_for: SpeaksFor,
    /// What becomes of devices that are not registered.
    pub unknown: Unknown,
    /// How often a silent broker is asked whether it is there.
    pub keep_alive: Span,
    /// Bytes of messages between socket and commit, at most.
    pub max_bytes: usize,
    /// How often a probe is sent.
    pub probe_every: Span,
    /// None back for so long is a fault.
    pub probe_within: Span,
    /// TLS.
    pub tls: Option<BrokerTlsFiles>,
    /// How far back readings are taken.
    pub retention: Span,
    /// How long what is in flight may take when the subscriber stops.
    pub drain: Duration,
    /// What makes messages of publishes; [`decode`](decode::decode) outside of measurements.
    pub decode: Decode,
}

impl std::fmt::Debug for SubscriberConfig {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriberConfig")
            .field("id", &self.id)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl SubscriberConfig {
    /// With every setting at its default.
    pub fn new(id: DeviceId, host: impl Into<String>, port: u16) -> Self {
        Self {
            client_id: format!("vitalgate-{id}"),
            id,
            host: host.into(),
            port,
            login: None,
            topics: vec!["vitalgate/v1/+/+".to_owned()],
            speaks_for: SpeaksFor::default(),
            unknown: Unknown::Refuse,
            keep_alive: Span::secs(60),
            max_bytes: 4 << 20,
            probe_every: Span::secs(10),
            probe_within: Span::secs(30),
            tls: None,
            retention: Span::days(365),
            drain: Duration::from_secs(5),
            decode: decode::decode,
        }
    }
}

/// A client that is ready to connect.
pub struct Subscriber {
    config: SubscriberConfig,
    tls: Option<Tls>,
}

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriber").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What both loops of a subscriber know.
struct Shared {
    config: SubscriberConfig,
    source: SourceHandles,
    proof: Mutex<Proof>,
    standing: Mutex<Standing>,
}

/// What is wrong with it at present, in words; the first of both is what is shown.
#[derive(Default)]
struct Standing {
    /// With its connection, or what it grants.
    link: Option<String>,
    /// That no probe comes back: it may be connected, and stand still.
    way: Option<String>,
}

impl Subscriber {
    /// Reads the certificates; connects to nobody yet.
    pub fn new(config: SubscriberConfig) -> Result<Self, BadTls> {
        let tls = config.tls.as_ref().map(Tls::read).transpose()?;
        Ok(Self { config, tls })
    }

    /// Subscribes until cancelled; then acknowledges what is in flight (`drain` at most) and says
    /// good-bye. The session stays with the broker.
    pub async fn run(self, source: SourceHandles) {
        let Self { config, tls } = self;
        let client = Rumqtt::new(Options {
            host: config.host.clone(),
            port: config.port,
            client_id: config.client_id.clone(),
            login: config.login.clone(),
            keep_alive: seconds(config.keep_alive).try_into().unwrap_or(u16::MAX),
            clean_session: false,
            tls,
        });
        let boot = source.handles.clock.wall().as_micros().unsigned_abs();
        let within = seconds(config.probe_within);
        let proof = Mutex::new(Proof::new(config.id.clone(), within, boot));
        let shared = Shared { config, source, proof, standing: Mutex::default() };
        tokio::select! {
            () = shared.report() => {}
            () = Link::new(&shared, client).run() => {}
        }
        shared.source.handles.degraded.set(&shared.name(), None);
    }
}

impl Shared {
    /// Reports to the core, second by second, whether the way from the broker is proven.
    async fn report(&self) {
        let mut tick = interval(SECOND);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tick.tick().await;
            let (news, silence) = {
                let mut proof = self.proof();
                (proof.tick(), proof.silence())
            };
            self.stands(|standing| standing.way = silence);
            if let Some(input) = news {
                let submission = Submission::of(vec![input], 0, Receipt::unawaited());
                if self.source.handles.inbox.submit(submission).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    fn proof(&self) -> MutexGuard<'_, Proof> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says anew what is wrong with it.
    fn stands(&self, change: impl FnOnce(&mut Standing)) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut standing);
        let why = standing.link.clone().or_else(|| standing.way.clone());
        self.source.handles.degraded.set(&self.name(), why);
    }

    /// As it is called in `/readyz`.
    fn name(&self) -> String {
        format!("broker {}", self.config.id)
    }
}

/// Whole seconds, at least 1.
fn seconds(span: Span) -> u64 {
    (span.as_micros() / 1_000_000).max(1).unsigned_abs()
}
