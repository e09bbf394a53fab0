//! `[[broker]]`: brokers of the site that the gateway subscribes to.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::Span;

/// A broker without TLS, and one with.
const PORTS: (u16, u16) = (1883, 8883);
/// Kept in MQTT as seconds in 16 bits.
const KEEP_ALIVE: (Span, Span) = (Span::secs(5), Span::hours(18));

/// One `[[broker]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// The connector the messages come by; its name in the registry.
    pub id: DeviceId,
    /// Host name or address.
    pub host: String,
    /// Port; 1883, or 8883 with TLS, where it is not given.
    #[serde(default)]
    pub port: Option<u16>,
    /// What the broker keeps the session by; `vitalgate-<site>-<id>` where it is not given.
    #[serde(default)]
    pub client_id: Option<String>,
    /// User name.
    #[serde(default)]
    pub user: Option<String>,
    /// The file whose first line is the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The environment variable that is the password.
    #[serde(default)]
    pub password_env: Option<String>,
    /// What to subscribe to.
    #[serde(default = "all_topics")]
    pub topics: Vec<String>,
    /// Whom its messages may speak of.
    #[serde(default)]
    pub speaks_for: SpeaksFor,
    /// How often a broker that says nothing is asked whether it is there.
    #[serde(default = "keep_alive")]
    pub keep_alive: Span,
    /// Bytes of messages between socket and commit, at most.
    #[serde(default = "max_bytes")]
    pub max_unacknowledged_bytes: u64,
    /// How often a probe is sent through the broker.
    #[serde(default = "probe_every")]
    pub probe_every: Span,
    /// An alarm is raised when none came back for so long.
    #[serde(default = "probe_within")]
    pub probe_within: Span,
    /// TLS; without it the connection is in the clear.
    #[serde(default)]
    pub tls: Option<BrokerTls>,
}

/// Whom the messages of a broker may speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeaksFor {
    /// Devices that are registered `via` the broker's id.
    #[default]
    Assigned,
    /// Every registered device: the broker's own access list has decided who publishes as whom.
    Registered,
}

/// `[broker.tls]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerTls {
    /// Who signs the broker's certificate, PEM. The system's authorities are not asked.
    pub ca: PathBuf,
    /// The gateway's own certificate chain, PEM, where the broker asks for one.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// The name in the broker's certificate, where it is not `host`.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// Why a `[[broker]]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadBroker {
    /// Two of the same name.
    #[error("two brokers are called `{0}`: each needs an id of its own")]
    Twice(DeviceId),
    /// A key that cannot be as it is, alone or beside another.
    #[error("broker `{id}`: {what}")]
    Key {
        /// Which broker.
        id: DeviceId,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The password is not where it should be.
    #[error("broker `{id}`: cannot read the password from {}: {source}", path.display())]
    PasswordFile {
        /// Which broker.
        id: DeviceId,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Broker {
    /// The port to connect to.
    pub fn port(&self) -> u16 {
        let usual = if self.tls.is_some() { PORTS.1 } else { PORTS.0 };
        self.port.unwrap_or(usual)
    }

    /// The password, read where it is kept.
    pub fn password(&self) -> Result<Option<String>, BadBroker> {
        if let Some(path) = &self.password_file {
            let text = std::fs::read_to_string(path).map_err(|source| BadBroker::PasswordFile {
                id: self.id.clone(),
                path: path.clone(),
                source,
            })?;
            return Ok(Some(text.lines().next().unwrap_or_default().to_owned()));
        }
        match &self.password_env {
            Some(name) => match std::env::var(name) {
                Ok(password) => Ok(Some(password)),
                Err(error) => Err(self.bad(format!("the variable `{name}`: {error}"))),
            },
            None => Ok(None),
        }
    }

    /// Paths are relative to the configuration's own folder.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        let tls = self.tls.iter_mut().flat_map(|tls| {
            [Some(&mut tls.ca), tls.certificate.as_mut(), tls.key.as_mut()].into_iter().flatten()
        });
        for path in self.password_file.iter_mut().chain(tls) {
            *path = folder.join(&*path);
        }
    }

    fn check(&self) -> Result<(), BadBroker> {
        let fits = |holds: bool, what: &str| if holds { Ok(()) } else { Err(self.bad(what)) };
        fits(!self.host.is_empty(), "`host` is empty")?;
        fits(
            self.password_file.is_none() || self.password_env.is_none(),
            "`password_file` and `password_env` are both given: leave one out",
        )?;
        fits(
            self.user.is_some() || (self.password_file.is_none() && self.password_env.is_none()),
            "a password needs a `user`",
        )?;
        fits(!self.topics.is_empty(), "`topics` is empty: nothing would be heard")?;
        for topic in &self.topics {
            if !rumqttc::valid_filter(topic) || topic.contains('\0') {
                return Err(self.bad(format!("`{topic}` is no topic filter")));
            }
        }
        fits(
            (KEEP_ALIVE.0..=KEEP_ALIVE.1).contains(&self.keep_alive),
            "`keep_alive` must be 5s to 18h",
        )?;
        fits(
            self.probe_every >= Span::secs(1) && self.probe_within >= self.probe_every,
            "`probe_every` must be 1s or more, `probe_within` no less than `probe_every`",
        )?;
        fits(
            (1 << 20..=1 << 30).contains(&self.max_unacknowledged_bytes),
            "`max_unacknowledged_bytes` must be 1 MiB to 1 GiB",
        )?;
        let Some(tls) = &self.tls else { return Ok(()) };
        fits(
            tls.certificate.is_some() == tls.key.is_some(),
            "`tls.certificate` and `tls.key` belong together",
        )
    }

    fn bad(&self, what: impl Into<String>) -> BadBroker {
        BadBroker::Key { id: self.id.clone(), what: what.into() }
    }
}

/// Checks all of them.
pub(super) fn check(brokers: &[Broker]) -> Result<(), BadBroker> {
    for (n, broker) in brokers.iter().enumerate() {
        if brokers[..n].iter().any(|before| before.id == broker.id) {
            return Err(BadBroker::Twice(broker.id.clone()));
        }
        broker.check()?;
    }
    Ok(())
}

fn all_topics() -> Vec<String> {
    vec!["vitalgate/v1/+/+".to_owned()]
}

fn keep_alive() -> Span {
    Span::secs(60)
}

fn max_bytes() -> u64 {
    4 << 20
}

fn probe_every() -> Span {
    Span::secs(10)
}

fn probe_within() -> Span {
    Span::secs(30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/vitalgate/gateway.toml")).map_err(|e| e.to_string())
    }

    #[test]
    fn a_broker_needs_an_id_and_a_host_and_has_its_defaults() {
        let config = parse("[[broker]]\nid = \"b1\"\nhost = \"mqtt.local\"").unwrap();
        let broker = &config.broker[0];
        assert_eq!((broker.port(), broker.speaks_for), (1883, SpeaksFor::Assigned));
        assert_eq!(broker.topics, ["vitalgate/v1/+/+"]);
        assert_eq!(broker.keep_alive, Span::secs(60));
        assert_eq!(broker.password().unwrap(), None);
    }

    #[test]
    fn paths_start_at_the_configuration_and_tls_has_its_own_port() {
        let text = "[[broker]]\nid = \"b1\"\nhost = \"h\"\nuser = \"u\"\npassword_file = \"p\"\n\
                    [broker.tls]\nca = \"ca.pem\"";
        let broker = parse(text).unwrap().broker.remove(0);
        assert_eq!(broker.port(), 8883);
        assert_eq!(broker.password_file.as_deref(), Some(Path::new("/etc/vitalgate/p")));
        assert_eq!(broker.tls.as_ref().unwrap().ca, Path::new("/etc/vitalgate/ca.pem"));
        let refusal = broker.password().unwrap_err().to_string();
        assert!(refusal.contains("`b1`") && refusal.contains("/etc/vitalgate/p"), "{refusal}");
    }

    #[test]
    fn the_password_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p"), "secret\nmore\n").unwrap();
        let text = "[[broker]]\nid = \"b1\"\nhost = \"h\"\nuser = \"u\"\npassword_file = \"p\"";
        let config = Config::parse(text, &folder.path().join("gateway.toml")).unwrap();
        assert_eq!(config.broker[0].password().unwrap().as_deref(), Some("secret"));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let check = |more: &str, expected: &str| {
            let refused = parse(&format!("[[broker]]\nid = \"b1\"\nhost = \"h\"\n{more}"));
            let refused = refused.map(drop).unwrap_err();
            assert!(refused.contains("b1") && refused.contains(expected), "{more}: {refused}");
        };
        check("[[broker]]\nid = \"b1\"\nhost = \"h\"", "two brokers");
        check("password_env = \"P\"", "needs a `user`");
        check("user = \"u\"\npassword_env = \"P\"\npassword_file = \"p\"", "both given");
        check("topics = []", "`topics` is empty");
        check("topics = [\"a/#/b\"]", "`a/#/b` is no topic filter");
        check("keep_alive = \"1s\"", "keep_alive");
        check("probe_within = \"5s\"", "probe_within");
        check("max_unacknowledged_bytes = 10", "max_unacknowledged_bytes");
        check("[broker.tls]\nca = \"ca.pem\"\nkey = \"k\"", "belong together");
    }
}
