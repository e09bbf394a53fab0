//! One way to the other side: what is spoken there, and the connection to it.

use std::time::Duration;

use axum::http::Method;

use super::alertmanager::Receiver;
use super::answer::{Outcome, Verdict};
use super::event::Event;
use super::mail::{BadMail, Letter, Letters, Mail};
use super::ntfy::Ntfy;
use super::pagerduty::PagerDuty;
use super::push::{Company, Push};
use super::request::Request;
use super::signature::Signer;
use super::template::Templated;
use super::webhook::Webhook;
use crate::config::{BadChannel, Channel, ChannelKind, ChannelTarget, ServerUrl};
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
    /// Its letters.
    #[error("channel `{id}`: {why}")]
    Mail {
        /// Of which.
        id: ChannelId,
        /// Why.
        why: BadMail,
    },
}

/// A way that alarms take.
#[derive(Debug)]
pub struct Way(Carrier);

#[derive(Debug)]
enum Carrier {
    Web { server: Outbound, speech: Speech },
    Mail(Mail),
    Push(Box<Push>),
}

/// What is understood by a server that is asked by POST.
#[derive(Debug)]
enum Speech {
    Webhook(Webhook),
    Ntfy(Ntfy),
    PagerDuty(PagerDuty),
    Alertmanager(Receiver),
    Template(Templated),
}

impl Way {
    /// Reads secrets and certificates; connects to nothing.
    pub fn new(channel: &Channel, site: &SiteId, company: Company) -> Result<Self, BadWay> {
        let within = Duration::from_micros(channel.timeout.as_micros().unsigned_abs());
        let tls = |why| BadWay::Tls { id: channel.id.clone(), why };
        match &channel.url {
            None => Push::new(&channel.id, company, within)
                .map(|push| Self(Carrier::Push(Box::new(push))))
                .map_err(tls),
            Some(ChannelTarget::Web(url)) => {
                let server = Outbound::new(url.clone(), channel.ca.as_deref(), within)
                    .map_err(tls)?
                    .reading(ANSWER_BYTES);
                Ok(Self(Carrier::Web { server, speech: Speech::of(channel, url, site)? }))
            }
            Some(ChannelTarget::Mail(server)) => {
                let letters = Letters {
                    from: channel.from.as_deref().unwrap_or_default(),
                    to: channel.to.as_deref().unwrap_or_default(),
                    site: site.to_string(),
                    detail: channel.detail.unwrap_or_default(),
                    login: channel.login()?,
                };
                Mail::new(server, channel.ca.as_deref(), within, letters)
                    .map(|mail| Self(Carrier::Mail(mail)))
                    .map_err(|why| BadWay::Mail { id: channel.id.clone(), why })
            }
        }
    }

    /// Sends what calls nobody, and says what the other side answers.
    pub async fn test(&self, now: Timestamp) -> Result<(), String> {
        match &self.0 {
            Carrier::Web { server, speech } => {
                for request in speech.test(now) {
                    taken(post(server, request).await)?;
                }
                Ok(())
            }
            Carrier::Mail(mail) => taken(mail.send(&Letter::test(now)).await),
            Carrier::Push(push) => taken(push.test(now).await),
        }
    }

    /// Whether the other side is to hear of an event.
    pub(super) fn tells(&self, event: &Event, now: Timestamp) -> bool {
        match &self.0 {
            Carrier::Web { speech, .. } => speech.request(event, now).is_some(),
            Carrier::Mail(mail) => mail.letter(event).is_some(),
            Carrier::Push(_) => event.is_for_people(),
        }
    }

    /// Sends an event `now`; `None` where the other side need not hear of it.
    pub(super) async fn send(&self, event: &Event, now: Timestamp) -> Option<Outcome> {
        match &self.0 {
            Carrier::Web { server, speech } => {
                Some(post(server, speech.request(event, now)?).await)
            }
            Carrier::Mail(mail) => Some(mail.send(&mail.letter(event)?).await),
            Carrier::Push(push) => push.send(event, now).await,
        }
    }
}

impl Speech {
    fn of(channel: &Channel, url: &ServerUrl, site: &SiteId) -> Result<Self, BadChannel> {
        let path = url.path.clone();
        let detail = channel.detail.unwrap_or_default();
        Ok(match channel.kind {
            ChannelKind::Webhook => {
                let signer = Signer::new(&channel.signing_secrets()?);
                Self::Webhook(Webhook { path, source: format!("/vitalgate/{site}"), signer })
            }
            ChannelKind::Ntfy => {
                let (path, topic) = channel.topic().unwrap_or(("/", ""));
                let (path, topic) = (path.to_owned(), topic.to_owned());
                Self::Ntfy(Ntfy { path, topic, token: channel.bearer()?, detail })
            }
            ChannelKind::Pagerduty => {
                let source = format!("vitalgate {site}");
                Self::PagerDuty(PagerDuty { path, key: channel.routing_key()?, source, detail })
            }
            ChannelKind::Alertmanager => {
                let (name, site) = (channel.id.to_string(), site.to_string());
                Self::Alertmanager(Receiver { path, name, site, token: channel.bearer()?, detail })
            }
            // Mail and push do not come here: theirs is no address of a server that is asked.
            ChannelKind::Template | ChannelKind::Email | ChannelKind::WebPush => {
                let (body, secret) = (channel.template()?, channel.header_secret()?);
                let secret = secret.map(|secret| secret.header());
                Self::Template(Templated { path, body, secret, detail })
            }
        })
    }

    fn request(&self, event: &Event, now: Timestamp) -> Option<Request> {
        match self {
            Self::Webhook(webhook) => Some(webhook.request(event, now)),
            Self::Ntfy(ntfy) => ntfy.request(event),
            Self::PagerDuty(service) => service.request(event),
            Self::Alertmanager(receiver) => receiver.request(event),
            Self::Template(gateway) => gateway.request(event),
        }
    }

    fn test(&self, now: Timestamp) -> Vec<Request> {
        match self {
            Self::Webhook(webhook) => vec![webhook.test(now)],
            Self::Ntfy(ntfy) => vec![ntfy.test()],
            Self::PagerDuty(service) => service.test(now).to_vec(),
            Self::Alertmanager(receiver) => vec![receiver.test(now)],
            Self::Template(gateway) => vec![gateway.test(now)],
        }
    }
}

async fn post(server: &Outbound, Request { path, headers, body }: Request) -> Outcome {
    Outcome::of(server.send(Method::POST, &path, headers, body).await)
}

fn taken(Outcome { verdict, said }: Outcome) -> Result<(), String> {
    match verdict {
        Verdict::Taken => Ok(()),
        Verdict::Refused(words) | Verdict::Failing(words) => {
            Err(format!("{words} {said}").trim_end().to_owned())
        }
    }
}
