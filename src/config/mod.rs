//! `gateway.toml` as checked types. Nothing is bound or opened before the whole of it is valid.

mod broker;
mod clock;
mod deadman;
mod influx;
mod url;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::broker::{BadBroker, Broker, BrokerTls, SpeaksFor};
pub use self::clock::Clock;
use crate::domain::configuration::{BadConfiguration, Configuration, SiteSettings, Texts};
use crate::domain::ids::SiteId;
use crate::domain::signal::{NoSuchClass, SignalTable};
use crate::domain::time::Span;
use crate::http::{Auth, BadToken, Role, Token};
use crate::influx::transport::{self, BadTransport};
use crate::ingest::listener::{Authentication, ListenerConfig, TlsFiles, Unknown};
use crate::ingest::subscriber::{Subscriber, SubscriberConfig};
use crate::ops;
use crate::store::Keep;

pub use deadman::{BadDeadMan, DeadMan};
pub use influx::{Authorization as InfluxAuthorization, BadInflux, Influx, Scheme};
pub use url::{NotAServer, ServerUrl};

/// The configuration of a gateway, every key documented in `docs/config.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What site this is.
    #[serde(default)]
    pub site: Site,
    /// Where the store is.
    #[serde(default)]
    pub store: Store,
    /// The machine's clock.
    #[serde(default)]
    pub clock: Clock,
    /// The HTTP side.
    #[serde(default)]
    pub http: Http,
    /// The MQTT listener.
    #[serde(default)]
    pub mqtt: Mqtt,
    /// Brokers of the site to subscribe to.
    #[serde(default)]
    pub broker: Vec<Broker>,
    /// Devices.
    #[serde(default)]
    pub devices: Devices,
    /// Another rules file than the built-in.
    #[serde(default)]
    pub rules: Override,
    /// Another signal table than the built-in.
    #[serde(default)]
    pub signals: Override,
    /// InfluxDB 2, where there is one.
    #[serde(default)]
    pub influx: Option<Influx>,
    /// Who waits for a ping.
    #[serde(default)]
    pub deadman: Option<DeadMan>,
}

/// `[site]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// Part of every alarm id; fixed when the store is made.
    pub id: SiteId,
    /// Decides what a day is.
    pub time_zone: TimeZone,
}

/// An IANA time zone that exists.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeZone(String);

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The folder.
    pub dir: PathBuf,
    /// How long the journal is kept, at least.
    pub journal_keep: Span,
    /// Bytes of journal kept, at most, once it may go.
    pub journal_max_bytes: u64,
    /// How long numbers are kept; readings older than this are refused.
    pub history_keep: Span,
    /// The same for classes of signals that are kept longer or shorter.
    pub history_keep_by_class: BTreeMap<String, Span>,
    /// Bytes of blocks of numbers kept, at most.
    pub history_max_bytes: u64,
    /// How long waveforms are kept.
    pub waves_keep: Span,
    /// Bytes of waveforms kept, at most.
    pub waves_max_bytes: u64,
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where the API and the page are served.
    pub listen: SocketAddr,
    /// Who may use them; needed unless `listen` is on loopback.
    pub token: Vec<HttpToken>,
}

/// `[[http.token]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpToken {
    /// The actor in audit and alarms.
    pub name: String,
    /// `viewer`, `clinician` or `ops`.
    pub role: String,
    /// SHA-256 of the token, hexadecimal.
    pub sha256: String,
}

/// `[mqtt]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mqtt {
    /// Where devices connect without TLS.
    pub listen: Option<SocketAddr>,
    /// Whether devices must prove who they are; always, off loopback.
    pub authentication: Proof,
    /// Messages of one connection between socket and commit.
    pub max_inflight: u16,
    /// Connections at a time.
    pub max_connections: usize,
    /// TLS.
    pub tls: Option<Tls>,
}

/// How devices prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// By certificate or token.
    Required,
    /// By their word, on loopback only.
    Loopback,
}

/// `[mqtt.tls]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Where devices connect with TLS.
    pub listen: SocketAddr,
    /// The gateway's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Who signs client certificates, PEM; without it there are none.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Whether a client certificate is needed.
    #[serde(default)]
    pub client_certificate_required: bool,
}

/// `[devices]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Devices {
    /// What becomes of devices nobody registered.
    pub unknown: UnknownDevices,
}

/// What becomes of devices nobody registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownDevices {
    /// They are refused.
    Refuse,
    /// They may publish, bound to nobody.
    Admit,
}

/// `[rules]` and `[signals]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Override {
    /// The file; relative to the configuration's own folder.
    pub file: Option<PathBuf>,
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a key that does not exist or has a value it cannot have.
    #[error("{}: {message}", path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// The rules or the signal table.
    #[error(transparent)]
    Domain(#[from] BadConfiguration),
    /// An address that others can reach, without authentication.
    #[error("{key} = \"{address}\" can be reached from other machines: {cure}")]
    Open {
        /// Which key.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What to do.
        cure: &'static str,
    },
    /// A class that no signal is of.
    #[error("store.history_keep_by_class: {0}")]
    Class(#[from] NoSuchClass),
    /// A token that cannot be.
    #[error("http.token: {0}")]
    Token(#[from] BadToken),
    /// InfluxDB.
    #[error(transparent)]
    Influx(#[from] BadInflux),
    /// The dead-man ping.
    #[error(transparent)]
    DeadMan(#[from] BadDeadMan),
    /// A broker that cannot be.
    #[error(transparent)]
    Broker(#[from] BadBroker),
    /// InfluxDB's secret or certificates.
    #[error(transparent)]
    Sink(#[from] BadTransport),
    /// Another's certificate that cannot be used.
    #[error("{section}: {why}")]
    File {
        /// Of which section.
        section: &'static str,
        /// Which file, what is wrong with it.
        why: String,
    },
}

const BUILT_IN_GATEWAY: &str = include_str!("../../config/gateway.toml");
const BUILT_IN_RULES: &str = include_str!("../../config/rules.toml");
const BUILT_IN_SIGNALS: &str = include_str!("../../config/signals.toml");

impl Config {
    /// The built-in configuration, `config/gateway.toml`.
    pub fn built_in() -> Result<Self, BadConfig> {
        Self::parse(BUILT_IN_GATEWAY, Path::new("config/gateway.toml"))
    }

    /// The built-in configuration as it is written, with every key and its default.
    pub const fn built_in_text() -> &'static str {
        BUILT_IN_GATEWAY
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, BadConfig> {
        Self::parse(&read(path)?, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, BadConfig> {
        let mut config: Self = toml::from_str(text)
            .map_err(|e| BadConfig::Toml { path: path.to_owned(), message: told(text, &e) })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let files = [&mut config.rules.file, &mut config.signals.file];
        let tls = config.mqtt.tls.iter_mut().flat_map(|tls| {
            [Some(&mut tls.certificate), Some(&mut tls.key), tls.client_ca.as_mut()]
        });
        for file in files.into_iter().flatten().chain(tls.flatten()) {
            *file = folder.join(&*file);
        }
        if let Some(deadman) = &mut config.deadman {
            deadman.within(folder);
        }
        if let Some(influx) = &mut config.influx {
            influx.within(folder);
        }
        for broker in &mut config.broker {
            broker.paths_from(folder);
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), BadConfig> {
        if !self.http.listen.ip().is_loopback() && self.http.token.is_empty() {
            return Err(BadConfig::Open {
                key: "http.listen",
                address: self.http.listen,
                cure: "add a [[http.token]], or listen on 127.0.0.1",
            });
        }
        if let Some(address) = self.mqtt.listen
            && !address.ip().is_loopback()
            && self.mqtt.authentication != Proof::Required
        {
            return Err(BadConfig::Open {
                key: "mqtt.listen",
                address,
                cure: "set mqtt.authentication = \"required\", or listen on 127.0.0.1",
            });
        }
        if let Some(deadman) = &self.deadman {
            deadman.check()?;
        }
        if let Some(influx) = &self.influx {
            influx.check()?;
        }
        broker::check(&self.broker)?;
        self.auth().map(drop)
    }

    /// Whether nothing listens where other machines could reach it.
    pub fn is_loopback(&self) -> bool {
        let tls = self.mqtt.tls.as_ref().map(|tls| tls.listen);
        let all = [Some(self.http.listen), self.mqtt.listen, tls];
        all.iter().flatten().all(|address| address.ip().is_loopback())
    }

    /// Who may use the HTTP side.
    pub fn auth(&self) -> Result<Auth, BadConfig> {
        if self.http.token.is_empty() {
            return Ok(Auth::Local("local:anonymous".to_owned()));
        }
        let mut tokens = Vec::new();
        for HttpToken { name, role, sha256 } in &self.http.token {
            let role: Role = role.parse()?;
            tokens.push(Token::new(name, role, sha256)?);
        }
        Ok(Auth::Tokens(tokens))
    }

    /// The texts the core is configured by, checked.
    pub fn configuration(&self) -> Result<Configuration, BadConfig> {
        let text = |file: &Option<PathBuf>, built_in: &str| match file {
            Some(path) => read(path),
            None => Ok(built_in.to_owned()),
        };
        let settings = SiteSettings { time_zone: self.site.time_zone.0.clone() };
        let texts = Texts {
            signals: text(&self.signals.file, BUILT_IN_SIGNALS)?,
            rules: text(&self.rules.file, BUILT_IN_RULES)?,
            site: toml::to_string(&settings).unwrap_or_default(),
        };
        let mut configuration = Configuration::parse(texts)?;
        configuration.signals.keep_by_class(&self.store.history_keep_by_class)?;
        Ok(configuration)
    }

    /// What the listener needs to know.
    pub fn listener(&self) -> ListenerConfig {
        let tls = self.mqtt.tls.as_ref();
        ListenerConfig {
            plain: self.mqtt.listen.into_iter().collect(),
            tls: tls.map(|tls| tls.listen).into_iter().collect(),
            tls_files: tls.map(|tls| TlsFiles {
                certificates: tls.certificate.clone(),
                key: tls.key.clone(),
                client_ca: tls.client_ca.clone(),
                require_client_certificate: tls.client_certificate_required,
            }),
            authentication: match self.mqtt.authentication {
                Proof::Required => Authentication::Required,
                Proof::Loopback => Authentication::Open,
            },
            unknown: self.unknown(),
            max_connections: self.mqtt.max_connections,
            max_inflight: self.mqtt.max_inflight,
            retention: self.store.history_keep,
            ..ListenerConfig::default()
        }
    }

    /// What each subscriber needs to know, passwords read.
    pub fn subscribers(&self) -> Result<Vec<SubscriberConfig>, BadConfig> {
        let all = self.broker.iter().map(|broker| {
            let mut config = broker.subscriber(&self.site.id)?;
            config.unknown = self.unknown();
            config.retention = self.store.history_keep;
            Ok(config)
        });
        all.collect()
    }

    fn unknown(&self) -> Unknown {
        match self.devices.unknown {
            UnknownDevices::Refuse => Unknown::Refuse,
            UnknownDevices::Admit => Unknown::Admit,
        }
    }

    /// Reads every secret and certificate, as `run` does at its start.
    pub fn check_files(&self) -> Result<(), BadConfig> {
        fn of<E: std::fmt::Display>(section: &'static str) -> impl Fn(E) -> BadConfig {
            move |why| BadConfig::File { section, why: why.to_string() }
        }
        for broker in self.subscribers()? {
            Subscriber::new(broker).map_err(of("[[broker]]"))?;
        }
        if let Some(files) = self.listener().tls_files {
            files.check().map_err(of("[mqtt.tls]"))?;
        }
        if let Some(influx) = &self.influx {
            transport::check(influx)?;
        }
        if let Some(deadman) = &self.deadman {
            ops::deadman::outbound(deadman).map_err(of("[deadman]"))?;
        }
        Ok(())
    }

    /// What the store keeps; `signals` as [`Self::configuration`] gives them.
    pub fn keep(&self, signals: &SignalTable) -> Keep {
        Keep {
            history_of: signals.kept(),
            journal: self.store.journal_keep,
            journal_bytes: self.store.journal_max_bytes,
            history: self.store.history_keep,
            history_bytes: self.store.history_max_bytes,
            waves: self.store.waves_keep,
            waves_bytes: self.store.waves_max_bytes,
        }
    }
}

impl Default for Site {
    fn default() -> Self {
        let id = "site".parse().unwrap_or_else(|_| unreachable!("`site` is an id"));
        Self { id, time_zone: TimeZone("UTC".to_owned()) }
    }
}

impl Default for Store {
    fn default() -> Self {
        let keep = Keep::default();
        Self {
            dir: PathBuf::from("vitalgate-data"),
            journal_keep: keep.journal,
            journal_max_bytes: keep.journal_bytes,
            history_keep: keep.history,
            history_keep_by_class: BTreeMap::new(),
            history_max_bytes: keep.history_bytes,
            waves_keep: keep.waves,
            waves_max_bytes: keep.waves_bytes,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), token: Vec::new() }
    }
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 1883))),
            authentication: Proof::Loopback,
            max_inflight: 64,
            max_connections: 10_000,
            tls: None,
        }
    }
}

impl Default for Devices {
    fn default() -> Self {
        Self { unknown: UnknownDevices::Refuse }
    }
}

impl TryFrom<String> for TimeZone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        match jiff::tz::TimeZone::get(&name) {
            Ok(_) => Ok(Self(name)),
            Err(_) => Err(format!("`{name}` is not an IANA time zone, such as `Europe/Berlin`")),
        }
    }
}

fn read(path: &Path) -> Result<String, BadConfig> {
    std::fs::read_to_string(path)
        .map_err(|source| BadConfig::Read { path: path.to_owned(), source })
}

/// Line, column and reason; not the line itself, which may hold a secret.
fn told(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return error.message().to_owned() };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let value = text.get(span).unwrap_or_default().trim_matches(['"', '\'']);
    let mut message = error.message().to_owned();
    // A reason may quote the value, and an address its password.
    if value.contains("://") {
        message = message.replace(value, "…");
    }
    format!("line {line}, column {column}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_without_its_secret() {
        let said = |text: &str| {
            let parsed = Config::parse(text, Path::new("/etc/vitalgate/gateway.toml"));
            parsed.map(drop).unwrap_err().to_string()
        };
        let influx = "org = \"o\"\nbucket = \"b\"\nsecret_file = \"t\"\n";
        for (text, place) in [
            (format!("[influx]\nurl = \"https://me:s3cret@host\"\n{influx}"), "line 2, column 7"),
            (format!("[influx]\n  url = \"ftp://host/s3cret\"\n{influx}"), "line 2, column 9"),
            ("[deadman]\nurl = \"https://me:s3cret@host\"\n".to_owned(), "line 2, column 7"),
            ("influx = \"https://me:s3cret@host\"\n".to_owned(), "line 1, column 10"),
            ("[broker]\npassword = s3cret\n".to_owned(), "line 2, column 12"),
        ] {
            let said = said(&text);
            assert!(!said.contains("s3cret"), "{said}");
            assert!(said.starts_with("/etc/vitalgate/gateway.toml: "), "{said}");
            assert!(said.contains(place), "{said}");
        }
        let said = said("[influx]\nschema = \"token\"\n");
        assert!(said.contains("line 2, column 1: unknown field `schema`"), "{said}");
    }
}
