//! One way to the other side: what is spoken there, and the connection to it.

use std::time::Duration;

use axum::http::Method;

use super::answer::{Outcome, Verdict};
use super::event::Event;
use super::ntfy::Ntfy;
use super::pagerduty::PagerDuty;
use super::request::Request;
use super::signature::Signer;
use super::webhook::Webhook;
use crate::config::{BadChannel, Channel, ChannelKind};
use crate::net::outbound::Outbound;
use crate::net::tls::BadTls;
use vitalgate_domain::model::ids::{ChannelId, SiteId};
use vitalgate_domain::model::time::Timestamp;

/// Of an answer so much is read: its words are cut long before.
const ANSWER_BYTES: usize = 4 << 10;

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
pub enum BadWay {
    /// Its secret.
    #[error(transparent)]
    Channel(#[from] BadChannel),
    /// Its certificates.
    #[error("channel `{id}`: {why}")]
    Tls {
        /// Of which.
        id: ChannelId,
        /// Why.
        why: BadTls,
    },
}

/// A way that alarms take.
#[derive(Debug)]
pub struct Way {
    outbound: Outbound,
    speech: Speech,
}

#[derive(Debug)]
enum Speech {
    Webhook(Webhook),
    Ntfy(Ntfy),
    PagerDuty(PagerDuty),
}

impl Way {
    /// Reads secrets and certificates; connects to nothing.
    pub fn new(channel: &Channel, site: &SiteId) -> Result<Self, BadWay> {
        let within = Duration::from_micros(channel.timeout.as_micros().unsigned_abs());
        let outbound = Outbound::new(channel.url.clone(), channel.ca.as_deref(), within)
            .map_err(|why| BadWay::Tls { id: channel.id.clone(), why })?
            .reading(ANSWER_BYTES);
        let path = channel.url.path.clone();
        let detail = channel.detail.unwrap_or_default();
        let speech = match channel.kind {
            ChannelKind::Webhook => {
                let signer = Signer::new(&channel.signing_secrets()?);
                Speech::Webhook(Webhook { path, source: format!("/vitalgate/{site}"), signer })
            }
            ChannelKind::Ntfy => {
                let (path, topic) = channel.topic().unwrap_or(("/", ""));
                let (path, topic) = (path.to_owned(), topic.to_owned());
                Speech::Ntfy(Ntfy { path, topic, token: channel.bearer()?, detail })
            }
            ChannelKind::Pagerduty => {
                let source = format!("vitalgate {site}");
                let key = channel.routing_key()?;
                Speech::PagerDuty(PagerDuty { path, key, source, detail })
            }
        };
        Ok(Self { outbound, speech })
    }

    /// Sends what calls nobody, and says what the other side answers.
    pub async fn test(&self, now: Timestamp) -> Result<(), String> {
        let requests = match &self.speech {
            Speech::Webhook(webhook) => vec![webhook.test(now)],
            Speech::Ntfy(ntfy) => vec![ntfy.test()],
            Speech::PagerDuty(service) => service.test(now).to_vec(),
        };
        for request in requests {
            let Outcome { verdict, said } = self.post(request).await;
            match verdict {
                Verdict::Taken => {}
                Verdict::Refused(words) | Verdict::Failing(words) => {
                    return Err(format!("{words} {said}").trim_end().to_owned());
                }
            }
        }
        Ok(())
    }

    /// What is sent of an event `now`; `None` where the other side need not hear of it.
    pub(super) fn request(&self, event: &Event, now: Timestamp) -> Option<Request> {
        match &self.speech {
            Speech::Webhook(webhook) => Some(webhook.request(event, now)),
            Speech::Ntfy(ntfy) => ntfy.request(event),
            Speech::PagerDuty(service) => service.request(event),
        }
    }

    /// Sends it.
    pub(super) async fn post(&self, Request { path, headers, body }: Request) -> Outcome {
        Outcome::of(self.outbound.send(Method::POST, &path, headers, body).await)
    }
}
