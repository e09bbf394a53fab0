//! `[[channel]]`: by which ways alarms are sent to others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::channel_secret::{BadSecret, Bearer, HeaderSecret, RoutingKey, WebhookSecret, login};
use super::channel_target::ChannelTarget;
use super::channel_template::{BadTemplate, Template};
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::ids::{ChannelId, WardId};
use vitalgate_domain::model::time::Span;

/// One `[[channel]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its name: how far it has come is known by it, and its alarms are.
    pub id: ChannelId,
    /// What is spoken there.
    pub kind: ChannelKind,
    /// Where to: `https`, or `http` on this machine; of mail `smtps` or `smtp`. Push has none: each browser says its own.
    #[serde(default)]
    pub url: Option<ChannelTarget>,
    /// What proves who sends: signing secrets, an access token, a routing key.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Who signs the target's certificate, PEM; else the system's authorities.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// How much of an alarm is said where people's phones show it.
    #[serde(default)]
    pub detail: Option<Detail>,
    /// Of a template: what is posted.
    #[serde(default)]
    pub body: Option<String>,
    /// Of a template: what that is.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Of a template: the header that carries the secret.
    #[serde(default)]
    pub secret_header: Option<String>,
    /// Of mail: who writes.
    #[serde(default)]
    pub from: Option<String>,
    /// Of mail: to whom.
    #[serde(default)]
    pub to: Option<Vec<String>>,
    /// Only of these wards, and what belongs to no ward; left out, of all.
    #[serde(default)]
    pub wards: Option<BTreeSet<WardId>>,
    /// Only alarms that are, or were, at least so grave.
    #[serde(default = "low")]
    pub least: Priority,
    /// How long a request may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// What could not be sent for so long is a dead letter.
    #[serde(default = "give_up_after")]
    pub give_up_after: Span,
}

/// What is spoken on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Every transition as a CloudEvent, signed as Standard Webhooks says.
    Webhook,
    /// A topic of an ntfy server.
    Ntfy,
    /// PagerDuty's Events API, version 2.
    Pagerduty,
    /// What Alertmanager posts to its receivers.
    Alertmanager,
    /// A body of the site's own making, for gateways of short messages and pagers.
    Template,
    /// Letters by SMTP.
    Email,
    /// The browsers in which one person turned on push.
    WebPush,
}

/// How much of an alarm is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Where and how grave: nothing that was measured.
    #[default]
    Place,
    /// The alarm's own text.
    Full,
}

fn low() -> Priority {
    Priority::Low
}

fn timeout() -> Span {
    Span::secs(10)
}

fn give_up_after() -> Span {
    Span::days(7)
}

/// Why a `[[channel]]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadChannel {
    /// Two of one name.
    #[error("channel: there are two of the id `{0}`")]
    Twice(ChannelId),
    /// Patients' data would go over the network for everybody to read.
    #[error(
        "channel `{0}`: its url must begin with https://, or name this machine by its loopback address"
    )]
    Plain(ChannelId),
    /// A key that this kind does not have, or lacks.
    #[error("channel `{id}`: {why}")]
    Keys {
        /// Of which.
        id: ChannelId,
        /// Which key, and what about it.
        why: &'static str,
    },
    /// A number outside its bounds.
    #[error("channel `{id}`: {key} must be {bounds}")]
    Bounds {
        /// Of which.
        id: ChannelId,
        /// Which key.
        key: &'static str,
        /// What it may be.
        bounds: &'static str,
    },
    /// What a template posts.
    #[error("channel `{id}`: {why}")]
    Template {
        /// Of which.
        id: ChannelId,
        /// Why.
        why: BadTemplate,
    },
    /// The secret.
    #[error("channel `{id}`: secret_file: {why}")]
    Secret {
        /// Of which.
        id: ChannelId,
        /// Why.
        why: BadSecret,
    },
}

impl Channel {
    /// Makes relative paths start at `folder`.
    pub(super) fn within(&mut self, folder: &Path) {
        for path in [&mut self.secret_file, &mut self.ca].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    fn check(&self) -> Result<(), BadChannel> {
        let id = || self.id.clone();
        if self.url.as_ref().is_some_and(|url| !url.is_private()) {
            return Err(BadChannel::Plain(id()));
        }
        if let Some(why) = self.wrong_keys() {
            return Err(BadChannel::Keys { id: id(), why });
        }
        if self.kind == ChannelKind::Template {
            self.template()?;
        }
        let within = |span: Span, least, most| span >= least && span <= most;
        let bounds = [
            (within(self.timeout, Span::millis(100), Span::mins(1)), "timeout", "from 100ms to 1m"),
            (
                within(self.give_up_after, Span::mins(1), Span::days(31)),
                "give_up_after",
                "from 1m to 31d",
            ),
        ];
        match bounds.into_iter().find(|(holds, ..)| !holds) {
            Some((_, key, bounds)) => Err(BadChannel::Bounds { id: id(), key, bounds }),
            None => Ok(()),
        }
    }

    fn wrong_keys(&self) -> Option<&'static str> {
        if self.wards.as_ref().is_some_and(BTreeSet::is_empty) {
            return Some("it is for no ward: leave `wards` out for all of them");
        }
        if self.kind == ChannelKind::WebPush {
            let of_others = self.url.is_some() || self.secret_file.is_some() || self.ca.is_some();
            if of_others || self.detail.is_some() {
                return Some(
                    "push has no url, secret_file, ca or detail: each browser brings its own",
                );
            }
        } else if self.url.is_none() {
            return Some("it needs a url");
        }
        let is_mail = self.kind == ChannelKind::Email;
        let is_web = self.url.as_ref().is_none_or(|url| url.web().is_some());
        if is_mail == is_web {
            return Some("mail, and nothing else, goes to smtps:// or smtp://");
        }
        if is_mail != self.from.is_some() || is_mail != self.to.is_some() {
            return Some("mail needs `from` and `to`, and nothing else has them");
        }
        let of_template = [&self.body, &self.content_type, &self.secret_header];
        if self.kind != ChannelKind::Template && of_template.iter().any(|key| key.is_some()) {
            return Some("`body`, `content_type` and `secret_header` belong to a template");
        }
        match self.kind {
            ChannelKind::Webhook | ChannelKind::Pagerduty if self.secret_file.is_none() => {
                Some("it needs a secret_file")
            }
            ChannelKind::Webhook if self.detail.is_some() => {
                Some("a webhook carries the whole alarm: it has no detail")
            }
            ChannelKind::Ntfy if self.topic().is_none() => {
                Some("its url must end with the topic: https://ntfy.example.org/topic")
            }
            ChannelKind::Template if self.body.is_none() || self.content_type.is_none() => {
                Some("a template needs `body` and `content_type`")
            }
            ChannelKind::Email if self.to.as_ref().is_some_and(Vec::is_empty) => {
                Some("`to` names nobody")
            }
            ChannelKind::Webhook
            | ChannelKind::Ntfy
            | ChannelKind::Pagerduty
            | ChannelKind::Alertmanager
            | ChannelKind::Template
            | ChannelKind::Email
            | ChannelKind::WebPush => None,
        }
    }

    /// Of ntfy: the path of the server and the topic on it.
    pub fn topic(&self) -> Option<(&str, &str)> {
        let (server, topic) = self.url.as_ref()?.web()?.path.rsplit_once('/')?;
        let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        let fits = (1..=64).contains(&topic.len()) && topic.bytes().all(is_name);
        fits.then_some((if server.is_empty() { "/" } else { server }, topic))
    }

    /// Of a webhook: the secrets it signs with, one a line.
    pub fn signing_secrets(&self) -> Result<Vec<WebhookSecret>, BadChannel> {
        WebhookSecret::all(&self.secret()?).map_err(|why| self.bad(why))
    }

    /// Of a template: what is posted.
    pub fn template(&self) -> Result<Template, BadChannel> {
        let text = |key: &Option<String>| key.clone().unwrap_or_default();
        Template::of(&text(&self.body), &text(&self.content_type))
            .map_err(|why| BadChannel::Template { id: self.id.clone(), why })
    }

    /// Of a template: the header that proves who sends, where one is needed.
    pub fn header_secret(&self) -> Result<Option<HeaderSecret>, BadChannel> {
        let Some(name) = &self.secret_header else {
            let bearer = self.bearer()?;
            return Ok(bearer.map(|bearer| HeaderSecret::authorization(&bearer)));
        };
        let secret = HeaderSecret::of(name, self.secret()?.trim_end());
        secret.map(Some).ok_or_else(|| self.bad(BadSecret::Header))
    }

    /// Of mail: name and password, where the server asks for them.
    pub fn login(&self) -> Result<Option<(String, String)>, BadChannel> {
        if self.secret_file.is_none() {
            return Ok(None);
        }
        login(&self.secret()?).map(Some).ok_or_else(|| self.bad(BadSecret::Login))
    }

    /// Of ntfy and Alertmanager: the access token, where one is needed.
    pub fn bearer(&self) -> Result<Option<Bearer>, BadChannel> {
        if self.secret_file.is_none() {
            return Ok(None);
        }
        let token = Bearer::of(self.secret()?.trim_end());
        token.map(Some).ok_or_else(|| self.bad(BadSecret::Bearer))
    }

    /// Of PagerDuty: the routing key of the service.
    pub fn routing_key(&self) -> Result<RoutingKey, BadChannel> {
        RoutingKey::of(self.secret()?.trim_end()).ok_or_else(|| self.bad(BadSecret::RoutingKey))
    }

    fn secret(&self) -> Result<String, BadChannel> {
        let path = self.secret_file.clone().unwrap_or_default();
        std::fs::read_to_string(&path).map_err(|source| self.bad(BadSecret::File { path, source }))
    }

    fn bad(&self, why: BadSecret) -> BadChannel {
        BadChannel::Secret { id: self.id.clone(), why }
    }
}

/// What can be seen of all of them without reading a secret.
pub(super) fn check(channels: &[Channel]) -> Result<(), BadChannel> {
    let mut ids = BTreeSet::new();
    for channel in channels {
        if !ids.insert(&channel.id) {
            return Err(BadChannel::Twice(channel.id.clone()));
        }
        channel.check()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, url: &str, lines: &str) -> Channel {
        toml::from_str(&format!("id = \"pager\"\nkind = {kind:?}\nurl = {url:?}\n{lines}")).unwrap()
    }

    fn why(kind: &str, url: &str, lines: &str) -> String {
        check(&[parse(kind, url, lines)]).map_or_else(|e| e.to_string(), |()| "good".into())
    }

    const SECRET: &str = "secret_file = \"s\"";

    #[test]
    fn alarms_go_over_the_network_by_tls_alone() {
        for url in ["https://pager.example/hook", "http://127.0.0.1:9/hook", "http://[::1]:9/hook"]
        {
            assert_eq!(why("webhook", url, SECRET), "good");
        }
        for plain in ["http://pager.example", "http://192.0.2.1", "http://localhost"] {
            assert!(why("webhook", plain, SECRET).contains("https://"));
        }
    }

    #[test]
    fn each_kind_has_its_own_keys() {
        assert!(why("webhook", "https://a/b", "").contains("secret_file"));
        assert!(why("pagerduty", "https://a/b", "").contains("secret_file"));
        assert!(
            why("webhook", "https://a/b", "secret_file = \"s\"\ndetail = \"full\"")
                .contains("detail")
        );
        assert_eq!(why("ntfy", "https://a/icu-nurses", "detail = \"full\""), "good");
        for bad in ["https://a", "https://a/", "https://a/b?c=d", "https://a/b%20c"] {
            assert!(why("ntfy", bad, "").contains("topic"), "{bad}");
        }
        assert_eq!(parse("ntfy", "https://a/b/topic", "").topic(), Some(("/b", "topic")));
        assert_eq!(parse("ntfy", "https://a/topic", "").topic(), Some(("/", "topic")));
        assert!(why("ntfy", "https://a/b", "wards = []").contains("no ward"));
        let sms = "content_type = \"text/plain\"\nbody = \"{title}\"";
        assert_eq!(why("template", "https://a/b", sms), "good");
        assert!(why("template", "https://a/b", "body = \"{title}\"").contains("content_type"));
        let wrong = "content_type = \"text/plain\"\nbody = \"{titel}\"";
        assert!(why("template", "https://a/b", wrong).contains("{titel}"));
        assert!(why("ntfy", "https://a/b", sms).contains("belong to a template"));
        let mail = "from = \"a@b.example\"\nto = [\"c@d.example\"]";
        assert_eq!(why("email", "smtps://a", mail), "good");
        assert_eq!(why("alertmanager", "https://a/b", ""), "good");
        for (kind, url, lines) in
            [("email", "https://a/b", mail), ("email", "smtps://a", ""), ("ntfy", "smtps://a", "")]
        {
            assert!(why(kind, url, lines).starts_with("channel `pager`: mail"), "{kind} {url}");
        }
        let push: Channel = toml::from_str("id = \"p\"\nkind = \"web_push\"").unwrap();
        assert!(check(std::slice::from_ref(&push)).is_ok());
        let with = Channel { detail: Some(Detail::Full), ..push.clone() };
        assert!(check(&[with]).is_err_and(|e| e.to_string().contains("each browser")));
        let bare = Channel { kind: ChannelKind::Ntfy, ..push };
        assert!(check(&[bare]).is_err_and(|e| e.to_string().contains("needs a url")));
        let nobody = "from = \"a@b.example\"\nto = []";
        assert!(why("email", "smtps://a", nobody).contains("nobody"));
        assert!(why("ntfy", "https://a/b", "give_up_after = \"1s\"").contains("give_up_after"));
        let one = parse("ntfy", "https://a/b", "");
        assert!(check(&[one.clone(), one]).is_err_and(|e| e.to_string().contains("two")));
    }
}
