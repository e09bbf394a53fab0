//! A conversation with a broker to learn what it will do for the gateway; for `doctor`. It has a
//! session of its own, and leaves none behind.

use std::time::Duration;

use tokio::time::timeout;

pub(crate) use super::client::Grant;
use super::client::{Broken, Client, Content, Publish, Received};
use super::rumqtt::{Options, Rumqtt};
use super::tls::Tls;
use super::{BadTls, SubscriberConfig};
use crate::clock::Stopwatch;
use crate::ingest::bundle::MAX_PACKET;

/// How long anything of it may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A broker that delivers nothing more for so long has filled its window.
const STILL: Duration = Duration::from_secs(1);
/// A window is not measured beyond this many messages.
pub(crate) const LARGEST_WINDOW: usize = 200;
/// Payload of the large message: with its topic just below what the gateway reads whole.
pub(crate) const LARGE: usize = MAX_PACKET - 4_096;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// What became of the subscription to each of the configured topics.
    pub(crate) granted: Vec<Grant>,
    /// From a probe's publish to its return, in seconds; `None` if none came back.
    pub(crate) round_trip_s: Option<f64>,
    /// What kept the probe from coming back, where that is known.
    pub(crate) trouble: Option<String>,
    /// Whether the session was there after a disconnect.
    pub(crate) session_kept: bool,
    /// Messages the broker delivers before one is acknowledged.
    pub(crate) window: usize,
    /// Whether a message of [`LARGE`] bytes came back whole.
    pub(crate) large: bool,
}

/// Why it could not be held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTrial {
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] BadTls),
    /// The broker.
    #[error("{0}")]
    Broken(String),
    /// It said nothing.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
}

impl From<Broken> for NoTrial {
    fn from(Broken(why): Broken) -> Self {
        Self::Broken(why)
    }
}

struct Trial {
    config: SubscriberConfig,
    topic: String,
    sent: u64,
}

/// Connects, and learns as much as the broker shows.
pub(crate) async fn hold(config: SubscriberConfig) -> Result<Seen, NoTrial> {
    let topic = format!("vitalgate/v1/{}/telemetry", config.id);
    let mut trial = Trial { config, topic, sent: 0 };
    let mut seen = Seen { granted: trial.granted().await?, ..Seen::default() };
    let learnt = trial.learn(&mut seen).await;
    // Another connection under the same name, which asks for no session, takes the old one away.
    trial.connected(true).await?.0.disconnect().await;
    match learnt {
        Ok(()) => Ok(seen),
        // Some brokers close the connection of whoever publishes what he may not.
        Err(trouble) if seen.round_trip_s.is_none() => {
            Ok(Seen { trouble: Some(trouble.to_string()), ..seen })
        }
        Err(trouble) => Err(trouble),
    }
}

impl Trial {
    async fn connected(&self, clean_session: bool) -> Result<(Rumqtt, bool), NoTrial> {
        let SubscriberConfig { host, port, client_id, login, tls, .. } = &self.config;
        let mut client = Rumqtt::new(Options {
            host: host.clone(),
            port: *port,
            client_id: format!("{client_id}-doctor"),
            login: login.clone(),
            keep_alive: 30,
            clean_session,
            tls: tls.as_ref().map(Tls::read).transpose()?,
        });
        let kept = client.connect().await?;
        Ok((client, kept))
    }

    async fn granted(&self) -> Result<Vec<Grant>, NoTrial> {
        let (mut client, _) = self.connected(true).await?;
        let granted = subscribe(&mut client, &self.config.topics).await?;
        client.disconnect().await;
        Ok(granted)
    }

    async fn learn(&mut self, seen: &mut Seen) -> Result<(), NoTrial> {
        let (mut client, _) = self.connected(false).await?;
        subscribe(&mut client, std::slice::from_ref(&self.topic)).await?;
        let watch = Stopwatch::start();
        let seq = self.publish(&mut client, 0).await?;
        let Some(back) = self.back(&mut client, seq, PATIENCE).await? else {
            return Ok(());
        };
        seen.round_trip_s = Some(watch.seconds());
        client.acknowledge(back.ack().as_slice()).await?;
        client.disconnect().await;

        let (mut client, kept) = self.connected(false).await?;
        seen.session_kept = kept;
        if !kept {
            subscribe(&mut client, std::slice::from_ref(&self.topic)).await?;
        }
        let mut unacknowledged = Vec::new();
        while unacknowledged.len() < LARGEST_WINDOW {
            let seq = self.publish(&mut client, 0).await?;
            let Some(back) = self.back(&mut client, seq, STILL).await? else { break };
            unacknowledged.extend(back.ack());
        }
        seen.window = unacknowledged.len();
        client.acknowledge(&unacknowledged).await?;
        let seq = self.publish(&mut client, LARGE).await?;
        let back = self.back(&mut client, seq, PATIENCE).await;
        // A broker may also close the connection of whoever sends too much.
        seen.large = matches!(&back, Ok(Some(Publish { content: Content::Whole(_), .. })));
        client.disconnect().await;
        Ok(())
    }

    /// Publishes a probe, padded; probes are no patient's, and a gateway that receives them counts them.
    async fn publish(&mut self, client: &mut Rumqtt, padding: usize) -> Result<u64, NoTrial> {
        self.sent += 1;
        let padding = "x".repeat(padding);
        let probe = serde_json::json!({
            "boot": 1, "seq": self.sent, "mode": "probe", "readings": [], "doctor": padding,
        });
        client.publish(&self.topic, probe.to_string()).await?;
        Ok(self.sent)
    }

    /// Waits for the probe `seq` of this trial; those of a running gateway are acknowledged.
    async fn back(
        &self,
        client: &mut Rumqtt,
        seq: u64,
        within: Duration,
    ) -> Result<Option<Publish>, NoTrial> {
        let mut received = Vec::new();
        let waiting = async {
            loop {
                client.receive(&mut received).await?;
                for publish in received.drain(..).filter_map(publish) {
                    if is_own(&publish, seq) {
                        return Ok(publish);
                    }
                    client.acknowledge(publish.ack().as_slice()).await?;
                }
            }
        };
        match timeout(within, waiting).await {
            Ok(Ok(publish)) => Ok(Some(publish)),
            Ok(Err(broken)) => Err(Broken::into(broken)),
            Err(_) => Ok(None),
        }
    }
}

fn publish(received: Received) -> Option<Publish> {
    match received {
        Received::Publish(publish) => Some(publish),
        Received::Subscribed(_) => None,
    }
}

fn is_own(publish: &Publish, seq: u64) -> bool {
    let bytes = match &publish.content {
        Content::Whole(bytes) => bytes,
        Content::TooLarge { .. } => return false,
    };
    let message: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    message["boot"] == 1 && message["doctor"].is_string() && message["seq"] == seq
}

async fn subscribe(client: &mut Rumqtt, topics: &[String]) -> Result<Vec<Grant>, NoTrial> {
    client.subscribe(topics).await?;
    let answer = async {
        let mut received = Vec::new();
        loop {
            client.receive(&mut received).await?;
            for one in received.drain(..) {
                match one {
                    Received::Subscribed(granted) => return Ok(granted),
                    Received::Publish(_) => {}
                }
            }
        }
    };
    timeout(PATIENCE, answer).await.map_err(|_| NoTrial::Late)?
}
