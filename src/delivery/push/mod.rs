//! Web Push: what calls one person, to every browser in which they turned it on, readable there alone (RFC 8030).

mod encrypt;
mod vapid;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use tokio::sync::watch;

pub use self::encrypt::BrowserKeys;
pub use self::vapid::Vapid;
use super::answer::{Outcome, Verdict};
use super::event::Event;
use super::words::lead;
use crate::answers::{Answer, Replies};
use crate::config::{Push as Settings, ServerUrl, Teams};
use crate::net::outbound::Outbound;
use crate::net::tls::BadTls;
use crate::people::{Browser, People};
use vitalgate_domain::model::alarm::{AlarmKind, Priority};
use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::time::{Span, Timestamp};

const TTL: HeaderName = HeaderName::from_static("ttl");
const URGENCY: HeaderName = HeaderName::from_static("urgency");
const TOPIC: HeaderName = HeaderName::from_static("topic");
/// A push service keeps it for so long for a browser that is away: as long as its links hold.
const KEPT: Span = Span::hours(12);
/// So many letters may name what a message takes the place of.
const TOPIC_LETTERS: usize = 32;
/// Of an answer so much is read.
const ANSWER_BYTES: usize = 4 << 10;

/// Who is written to, and as whom.
#[derive(Debug)]
pub(super) struct Push {
    channel: ChannelId,
    company: Company,
    server: Outbound,
}

/// What is known of people outside a channel's own configuration.
#[derive(Clone, Debug)]
pub struct Company {
    /// Those who turned it on; `None` where nobody signs in by name.
    pub people: Option<Arc<People>>,
    /// Whose a channel is.
    pub teams: watch::Receiver<Option<Arc<Teams>>>,
    /// Which services are asked, where any are.
    pub push: Option<Settings>,
}

/// What a browser is told: where and how grave. Nothing that was measured, and of nobody by name.
#[derive(Debug, Serialize)]
struct Told<'a> {
    lead: &'a str,
    place: Option<String>,
    /// Whether it is about equipment.
    technical: bool,
    simulated: bool,
    /// Whether it asks for somebody.
    calls: bool,
    high: bool,
    /// What the next word about the same alarm takes the place of.
    tag: &'a str,
    /// By what it is known, however often it comes.
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<Paths>,
}

/// Where it is answered, below the gateway's own address.
#[derive(Debug, Serialize)]
struct Paths {
    accept: String,
    acknowledge: String,
    reject: String,
}

/// One message as every browser gets it.
struct Message<'a> {
    told: Told<'a>,
    ttl: Span,
}

impl Company {
    /// Of nobody: a channel can be made, and tells nothing.
    pub fn of_nobody() -> Self {
        Self { people: None, teams: watch::channel(None).1, push: None }
    }
}

impl Push {
    /// Connects to nothing.
    pub(super) fn new(
        channel: &ChannelId,
        company: Company,
        within: Duration,
    ) -> Result<Self, BadTls> {
        let server = Outbound::by_tls(within)?.reading(ANSWER_BYTES).in_public();
        Ok(Self { channel: channel.clone(), company, server })
    }

    /// Writes of an event; `None` where nobody need hear of it.
    pub(super) async fn send(&self, event: &Event, now: Timestamp) -> Option<Outcome> {
        if !event.is_for_people() {
            return None;
        }
        let (alarm, key) = (&event.alarm, event.key());
        let paths = |replies: &Replies| Paths {
            accept: replies.path(Answer::Accept),
            acknowledge: replies.path(Answer::Acknowledge),
            reject: replies.path(Answer::Reject),
        };
        let told = Told {
            lead: lead(event),
            place: event.place(),
            technical: alarm.kind == AlarmKind::Technical,
            simulated: alarm.simulated,
            calls: event.calls().is_some(),
            high: event.calls() == Some(Priority::High),
            tag: alarm.id.as_str(),
            key: &key,
            answers: event.replies.as_ref().map(paths),
        };
        let ttl = (event.at + KEPT - now).max(Span::mins(1));
        Some(self.tell(&Message { told, ttl }, now).await)
    }

    /// Writes what calls nobody.
    pub(super) async fn test(&self, now: Timestamp) -> Outcome {
        let key = format!("test-{}", now.as_micros());
        let told = Told {
            lead: "Test",
            place: None,
            technical: true,
            simulated: true,
            calls: false,
            high: false,
            tag: "test",
            key: &key,
            answers: None,
        };
        self.tell(&Message { told, ttl: Span::mins(1) }, now).await
    }

    /// To every browser of whoever the channel is: taken where one of them takes it. Another that does not is asked again
    /// when its person is told again; it holds up none of the others.
    async fn tell(&self, message: &Message<'_>, now: Timestamp) -> Outcome {
        let ready = match self.ready() {
            Ok(ready) => ready,
            Err(why) => return failing(why),
        };
        let Ready { people, person, .. } = &ready;
        let mut worst = failing("its person has turned on push in no browser");
        let mut taken = None;
        for (name, browser) in people.look(|book| book.browsers(person)) {
            let outcome = match ready.request(&browser, message, now) {
                Ok((server, headers, body)) => {
                    let path = server.path.clone();
                    let to = self.server.to(server);
                    let answer = to.send(Method::POST, &path, headers, body.into()).await;
                    // It is turned off in that browser, or the browser is no more.
                    if answer.as_ref().is_ok_and(|answer| matches!(answer.status, 404 | 410)) {
                        forget(people, person, name).await;
                        continue;
                    }
                    Outcome::of(answer)
                }
                Err(why) => failing(why),
            };
            match outcome.verdict {
                Verdict::Taken => taken = Some(outcome),
                Verdict::Refused(_) | Verdict::Failing(_) => worst = outcome,
            }
        }
        taken.unwrap_or(worst)
    }

    /// Whoever is written to, and as whom.
    fn ready(&self) -> Result<Ready, &'static str> {
        let Company { people, teams, push } = &self.company;
        let people = people.clone().ok_or("nobody signs in by name here")?;
        let settings = push.clone().ok_or("there is no [push]")?;
        let teams = teams.borrow().clone();
        let person = teams.and_then(|teams| teams.actor_of(&self.channel).map(str::to_owned));
        let person = person.ok_or("no person of teams.toml has it as a channel of their own")?;
        let vapid = Vapid::of(&people).ok().flatten();
        Ok(Ready { vapid: vapid.ok_or("its key cannot be used")?, people, settings, person })
    }
}

/// All that it takes to write to somebody.
struct Ready {
    people: Arc<People>,
    settings: Settings,
    vapid: Vapid,
    /// By what they sign in.
    person: String,
}

impl Ready {
    /// One request: whom, and what it carries.
    fn request(
        &self,
        browser: &Browser,
        message: &Message<'_>,
        now: Timestamp,
    ) -> Result<(ServerUrl, HeaderMap, Vec<u8>), &'static str> {
        let server = ServerUrl::try_from(browser.endpoint.clone()).ok();
        let server =
            server.filter(|url| self.settings.knows(url)).ok_or("not one of push.services")?;
        let keys = BrowserKeys::of(&browser.p256dh, &browser.auth).ok_or("its keys are none")?;
        let text = serde_json::to_vec(&message.told).unwrap_or_default();
        let body = keys.encrypt(&text).ok_or("it cannot be encrypted")?;
        let proof = self.vapid.authorization(&server, &self.settings.subject, now);
        let mut headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
            (header::CONTENT_ENCODING, HeaderValue::from_static("aes128gcm")),
            (header::AUTHORIZATION, proof.ok_or("it cannot be signed")?),
            (TTL, HeaderValue::from(message.ttl.as_micros() / 1_000_000)),
            (URGENCY, HeaderValue::from_static(if message.told.calls { "high" } else { "normal" })),
        ]);
        let fits = |tag: &&str| {
            let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            tag.len() <= TOPIC_LETTERS && tag.bytes().all(letter)
        };
        let topic = Some(message.told.tag).filter(fits).map(HeaderValue::from_str);
        headers.extend(topic.and_then(Result::ok).map(|topic| (TOPIC, topic)));
        Ok((server, headers, body))
    }
}

fn failing(why: &str) -> Outcome {
    Outcome { verdict: Verdict::Failing(why.to_owned()), said: String::new() }
}

async fn forget(people: &Arc<People>, person: &str, browser: String) {
    let (people, person) = (Arc::clone(people), person.to_owned());
    let forgotten = move || {
        people.change_if_possible(move |book| match book.turn_off_push(&person, &browser) {
            // Its person was quicker.
            Err(crate::people::Refusal::Unknown(_)) => Ok(()),
            other => other,
        })
    };
    match tokio::task::spawn_blocking(forgotten).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a browser that is no more stays written down"),
        Err(error) => tracing::warn!(%error, "a browser that is no more stays written down"),
    }
}
