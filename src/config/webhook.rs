//! `[[webhook]]`: where alarms are sent to.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use serde::Deserialize;

use super::url::ServerUrl;
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::ids::{ChannelId, WardId};
use vitalgate_domain::model::time::Span;

/// What every secret begins with, as Standard Webhooks writes them.
const PREFIX: &str = "whsec_";
/// A secret has so many bytes (Standard Webhooks).
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// One `[[webhook]]`: alarms are posted there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name: how far it has come is known by it, and its alarms are.
    pub id: ChannelId,
    /// Where to: `https`, or `http` on this machine.
    pub url: ServerUrl,
    /// The secrets it is signed with, one a line.
    pub secret_file: PathBuf,
    /// Who signs the target's certificate, PEM; else the system's authorities.
    #[serde(default)]
    pub ca: Option<PathBuf>,
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

fn low() -> Priority {
    Priority::Low
}

fn timeout() -> Span {
    Span::secs(10)
}

fn give_up_after() -> Span {
    Span::days(7)
}

/// Why a `[[webhook]]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadWebhook {
    /// Two of one name.
    #[error("webhook: there are two of the id `{0}`")]
    Twice(ChannelId),
    /// Patients' data would go over the network for everybody to read.
    #[error(
        "webhook `{0}`: its url must begin with https://, or name this machine by its loopback address"
    )]
    Plain(ChannelId),
    /// A number outside its bounds.
    #[error("webhook `{id}`: {key} must be {bounds}")]
    Bounds {
        /// Of which.
        id: ChannelId,
        /// Which key.
        key: &'static str,
        /// What it may be.
        bounds: &'static str,
    },
    /// The secrets cannot be read.
    #[error("webhook `{id}`: cannot read {}: {source}", path.display())]
    File {
        /// Of which.
        id: ChannelId,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of the file is no secret, or there is none.
    #[error("webhook `{0}`: each line of its secret_file is `whsec_` and 24 to 64 bytes in base64")]
    Secret(ChannelId),
}

/// What a message is signed with; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// Its bytes. Whoever calls this signs with them, and nothing else.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn parse(line: &str) -> Option<Self> {
        let bytes = BASE64.decode(line.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then_some(Self(bytes))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl Webhook {
    /// Makes relative paths start at `folder`.
    pub(super) fn within(&mut self, folder: &Path) {
        self.secret_file = folder.join(&self.secret_file);
        if let Some(ca) = &mut self.ca {
            *ca = folder.join(&*ca);
        }
    }

    fn check(&self) -> Result<(), BadWebhook> {
        let is_here = self.url.host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if !self.url.tls && !is_here {
            return Err(BadWebhook::Plain(self.id.clone()));
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
            Some((_, key, bounds)) => Err(BadWebhook::Bounds { id: self.id.clone(), key, bounds }),
            None => Ok(()),
        }
    }

    /// Reads the secrets; the first is the newest.
    pub fn secrets(&self) -> Result<Vec<WebhookSecret>, BadWebhook> {
        let (id, path) = (&self.id, &self.secret_file);
        let text = std::fs::read_to_string(path).map_err(|source| BadWebhook::File {
            id: id.clone(),
            path: path.clone(),
            source,
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Option<Vec<_>> = lines.map(WebhookSecret::parse).collect();
        secrets.filter(|secrets| !secrets.is_empty()).ok_or_else(|| BadWebhook::Secret(id.clone()))
    }
}

/// What can be seen of all of them without reading a secret.
pub(super) fn check(webhooks: &[Webhook]) -> Result<(), BadWebhook> {
    let mut ids = BTreeSet::new();
    for webhook in webhooks {
        if !ids.insert(&webhook.id) {
            return Err(BadWebhook::Twice(webhook.id.clone()));
        }
        webhook.check()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &str) -> Webhook {
        toml::from_str(&format!("id = \"pager\"\nsecret_file = \"s\"\n{lines}")).unwrap()
    }

    #[test]
    fn alarms_go_over_the_network_by_tls_alone() {
        let why = |lines: &str| check(&[parse(lines)]).map_err(|e| e.to_string());
        assert_eq!(why("url = \"https://pager.example/hook\""), Ok(()));
        assert_eq!(why("url = \"http://127.0.0.1:9/hook\""), Ok(()));
        assert_eq!(why("url = \"http://[::1]:9/hook\""), Ok(()));
        for plain in ["http://pager.example", "http://192.0.2.1", "http://localhost"] {
            assert!(why(&format!("url = \"{plain}\"")).is_err_and(|e| e.contains("https://")));
        }
        let two = parse("url = \"https://a\"");
        assert!(check(&[two.clone(), two]).is_err_and(|e| e.to_string().contains("two")));
        let late = why("url = \"https://a\"\ngive_up_after = \"1s\"");
        assert!(late.is_err_and(|e| e.contains("give_up_after")));
    }

    #[test]
    fn secrets_are_one_a_line_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let mut webhook = parse("url = \"https://a\"");
        webhook.within(dir.path());
        let secrets = |text: &str| {
            std::fs::write(dir.path().join("s"), text).unwrap();
            webhook.secrets()
        };
        let (newer, older) = (BASE64.encode(&[7; 32]), BASE64.encode(&[8; 24]));
        let both = secrets(&format!("whsec_{newer}\n\n whsec_{older}\r\n")).unwrap();
        assert_eq!(
            both.iter().map(WebhookSecret::bytes).collect::<Vec<_>>(),
            [&[7; 32][..], &[8; 24]]
        );
        assert!(!format!("{both:?}").contains('7'));
        let short = BASE64.encode(&[7; 23]);
        for bad in ["", "\n", &newer, &format!("whsec_{short}"), "whsec_?"] {
            assert!(secrets(bad).is_err_and(|e| !e.to_string().contains(&short)), "{bad}");
        }
    }
}
