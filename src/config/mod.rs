//! `gateway.toml` as checked types; knows no other part of the gateway. Nothing is bound or opened
//! before the whole of it is valid.

mod broker;
mod budget;
mod channel;
mod channel_secret;
mod channel_target;
mod channel_template;
mod clock;
mod deadman;
mod exposed;
mod http;
mod influx;
mod mqtt;
mod oidc;
mod open;
mod people;
mod push;
mod rules;
mod site;
mod slo;
mod store;
mod synthetic;
mod teams;
mod url;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::broker::{BadBroker, Broker, BrokerTls, SpeaksFor};
pub use self::budget::Budget;
pub use self::channel::{BadChannel, Channel, ChannelKind, Detail};
pub use self::channel_secret::{BadSecret, Bearer, HeaderSecret, RoutingKey, WebhookSecret};
pub use self::channel_target::{ChannelTarget, MailServer, MailTls};
pub use self::channel_template::{BadTemplate, Template};
pub use self::clock::Clock;
pub use self::deadman::{BadDeadMan, DeadMan};
pub use self::http::{BadToken, Http, HttpTls, HttpToken, Role, Token};
pub use self::influx::{Authorization as InfluxAuthorization, BadInflux, Influx, Scheme};
pub use self::mqtt::{Devices, Mqtt, Proof, Tls, UnknownDevices};
pub use self::oidc::{BadOidc, Oidc, private};
pub use self::open::OpenDoor;
pub use self::people::People;
pub use self::push::{BadPush, Push};
pub use self::rules::{BadPack, Rules, packs};
pub use self::site::{Site, TimeZone as SiteZone};
pub use self::slo::Slo;
pub use self::store::Store;
pub use self::synthetic::Synthetic;
pub use self::teams::{
    BadTeams, MOST_BYTES, NoPlace, NotPut, Places, Teams, TeamsFile, Unanswered, leaves_nobody,
    left_out, version,
};
pub use self::url::{NotAServer, ServerUrl};
use vitalgate_domain::core::configuration::{BadConfiguration, Configuration, SiteSettings, Texts};
use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::signal::NoSuchClass;
use vitalgate_domain::model::time::Span;

/// The configuration of a gateway, every key documented in `docs/config.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it was read; `None` for the built-in.
    #[serde(skip)]
    pub file: Option<PathBuf>,
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
    /// People who sign in by name, where they do.
    #[serde(default)]
    pub people: Option<People>,
    /// A provider of the site that vouches for people.
    #[serde(default)]
    pub oidc: Option<Oidc>,
    /// The MQTT listener.
    #[serde(default)]
    pub mqtt: Mqtt,
    /// Brokers of the site to subscribe to.
    #[serde(default)]
    pub broker: Vec<Broker>,
    /// Devices.
    #[serde(default)]
    pub devices: Devices,
    /// How much a sender may send.
    #[serde(default)]
    pub budget: Budget,
    /// Which rules are read.
    #[serde(default)]
    pub rules: Rules,
    /// Another signal table than the built-in.
    #[serde(default)]
    pub signals: Override,
    /// Who is called for alarms.
    #[serde(default)]
    pub teams: Override,
    /// InfluxDB 2, where there is one.
    #[serde(default)]
    pub influx: Option<Influx>,
    /// By which ways alarms are sent to others.
    #[serde(default)]
    pub channel: Vec<Channel>,
    /// By which services browsers are pushed to.
    #[serde(default)]
    pub push: Option<Push>,
    /// Who waits for a ping.
    #[serde(default)]
    pub deadman: Option<DeadMan>,
    /// The patient that the gateway makes up.
    #[serde(default)]
    pub synthetic: Synthetic,
    /// How fast alarms have to be.
    #[serde(default)]
    pub slo: Slo,
}

/// `[signals]` and `[teams]`.
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
    /// A pack of rules.
    #[error(transparent)]
    Pack(#[from] BadPack),
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
    /// Doors that are open without anybody having said so.
    #[error("nobody has to sign in: {}; or run it with --open, for this machine alone", open::cures(.0))]
    NobodySignsIn(Vec<OpenDoor>),
    /// The contrary.
    #[error("--open has no effect: whoever comes has to sign in by this configuration")]
    NothingOpen,
    /// Links that anybody on the way could read, or that could not be put behind it.
    #[error(
        "http.public_address must begin with https:// (or name this machine by its loopback address), without a query"
    )]
    PublicAddress,
    /// Links that lead nowhere.
    #[error(
        "channel `{0}`: {{accept}} and {{acknowledge}} need http.public_address, where they lead to"
    )]
    NoPublicAddress(ChannelId),
    /// Sessions that nobody could use, or that never end.
    #[error("people: `idle` must be 5m to 24h, `longest` 15m to 30d, and `unlocked` 10s to 5m")]
    Sessions,
    /// A time for CONNECT that nobody could keep, or that gives places away.
    #[error("mqtt.connect_timeout = \"{0}\" must be 1s to 5m")]
    ConnectTimeout(Span),
    /// A budget that would slow devices which send no more than they should.
    #[error("budget: at least {messages} messages and {bytes} bytes an hour")]
    Budget {
        /// Messages.
        messages: u64,
        /// Bytes.
        bytes: u64,
    },
    /// A synthetic patient that says nothing.
    #[error("synthetic: `every` must be 1s to 1h, and `within` 100ms to `every`")]
    Synthetic,
    /// Times that no alarm could keep, or that say nothing.
    #[error("slo: times must be 10ms to 10m, and `objective` 0.5 to 1.0")]
    Slo,
    /// A class that no signal is of.
    #[error("store.history_keep_by_class: {0}")]
    Class(#[from] NoSuchClass),
    /// A token that cannot be.
    #[error("http.token: {0}")]
    Token(#[from] BadToken),
    /// InfluxDB.
    #[error(transparent)]
    Influx(#[from] BadInflux),
    /// A provider that vouches for people.
    #[error(transparent)]
    Oidc(#[from] BadOidc),
    /// The dead-man ping.
    #[error(transparent)]
    DeadMan(#[from] BadDeadMan),
    /// A channel that cannot be.
    #[error(transparent)]
    Channel(#[from] BadChannel),
    /// Push that reaches nobody.
    #[error(transparent)]
    Push(#[from] BadPush),
    /// A broker that cannot be.
    #[error(transparent)]
    Broker(#[from] BadBroker),
    /// Who is called for alarms.
    #[error(transparent)]
    Teams(#[from] BadTeams),
}

const BUILT_IN_GATEWAY: &str = include_str!("../../config/gateway.toml");
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
        Ok(Self { file: Some(path.to_owned()), ..Self::parse(&read(path)?, path)? })
    }

    /// The same, with the rules and packs that its file names by now.
    pub fn with_rules_of_now(&self) -> Result<Self, BadConfig> {
        let Some(file) = &self.file else { return Ok(self.clone()) };
        Ok(Self { rules: Self::read(file)?.rules, ..self.clone() })
    }

    fn parse(text: &str, path: &Path) -> Result<Self, BadConfig> {
        let mut config: Self = toml::from_str(text).map_err(|e| BadConfig::Toml {
            path: path.to_owned(),
            message: at_its_place(text, &e),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in [&mut config.signals.file, &mut config.teams.file].into_iter().flatten() {
            *file = folder.join(&*file);
        }
        config.rules.within(folder);
        config.http.within(folder);
        config.mqtt.within(folder);
        if let Some(oidc) = &mut config.oidc {
            oidc.within(folder);
        }
        if let Some(deadman) = &mut config.deadman {
            deadman.within(folder);
        }
        if let Some(influx) = &mut config.influx {
            influx.within(folder);
        }
        for channel in &mut config.channel {
            channel.within(folder);
        }
        for broker in &mut config.broker {
            broker.paths_from(folder);
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), BadConfig> {
        self.http.check(self.people.is_some())?;
        if let Some(people) = &self.people {
            people.check()?;
        }
        if let Some(oidc) = &self.oidc {
            oidc.check(self.people.is_some())?;
        }
        self.mqtt.check()?;
        if let Some(deadman) = &self.deadman {
            deadman.check()?;
        }
        if let Some(influx) = &self.influx {
            influx.check()?;
        }
        broker::check(&self.broker)?;
        channel::check(&self.channel)?;
        let answers = |channel: &&Channel| channel.template().is_ok_and(|body| body.answers());
        if self.http.public_address.is_none()
            && let Some(channel) = self.channel.iter().find(answers)
        {
            return Err(BadConfig::NoPublicAddress(channel.id.clone()));
        }
        if let Some(push) = &self.push {
            push.check()?;
        }
        let pushes = self.channel.iter().any(|channel| channel.kind == ChannelKind::WebPush);
        if pushes && (self.push.is_none() || self.people.is_none() || self.teams.file.is_none()) {
            return Err(BadPush::Missing.into());
        }
        self.budget.check()?;
        self.synthetic.check()?;
        self.slo.check()?;
        Ok(())
    }

    /// Who is called for alarms; `None` where no file says so.
    pub fn teams(&self) -> Result<Option<Teams>, BadConfig> {
        let Some(path) = &self.teams.file else { return Ok(None) };
        let bad = |message: String| BadTeams { path: path.clone(), message };
        let unreadable = |e: std::io::Error| bad(format!("cannot read it: {e}"));
        // A pipe would be waited for.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(bad("it is no file".to_owned()).into());
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Ok(Some(self.teams_of(path, &text)?))
    }

    /// Who is called for alarms by a text that is, or is to be, in that file.
    fn teams_of(&self, path: &Path, text: &str) -> Result<Teams, BadTeams> {
        let bad = |message: String| BadTeams { path: path.to_owned(), message };
        let channels: Vec<ChannelId> = self.channel.iter().map(|c| c.id.clone()).collect();
        let teams = Teams::parse(text, &channels).map_err(bad)?;
        let nobodys = |channel: &&Channel| {
            channel.kind == ChannelKind::WebPush && teams.whose(&channel.id).is_none()
        };
        if let Some(channel) = self.channel.iter().find(nobodys) {
            let message = format!(
                "channel `{}` pushes to the browsers of one person: name it for one, and for no step",
                channel.id
            );
            return Err(bad(message));
        }
        Ok(teams)
    }

    /// Whether nothing listens where other machines could reach it.
    pub fn is_loopback(&self) -> bool {
        let tls = self.mqtt.tls.as_ref().map(|tls| tls.listen);
        let http = self.http.addresses().map(|(_, address)| address);
        http.chain(self.mqtt.listen).chain(tls).all(|address| address.ip().is_loopback())
    }

    /// The texts the core is configured by, checked.
    pub fn configuration(&self) -> Result<Configuration, BadConfig> {
        let signals = self.signals.file.as_deref();
        let signals = signals.map_or_else(|| Ok(BUILT_IN_SIGNALS.to_owned()), read)?;
        let settings = SiteSettings { time_zone: self.site.time_zone.name().to_owned() };
        let (rules, packs) = self.rules.texts()?;
        let texts =
            Texts { signals, rules, packs, site: toml::to_string(&settings).unwrap_or_default() };
        let mut configuration = Configuration::parse(texts)?;
        configuration.signals.keep_by_class(&self.store.history_keep_by_class)?;
        Ok(configuration)
    }
}

fn read(path: &Path) -> Result<String, BadConfig> {
    std::fs::read_to_string(path)
        .map_err(|source| BadConfig::Read { path: path.to_owned(), source })
}

/// Line, column and reason; not the line itself, which may hold a secret.
fn at_its_place(text: &str, error: &toml::de::Error) -> String {
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
    fn what_is_wrong_is_named_with_its_place_and_without_its_secret() {
        let error = |text: &str| {
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
            let error = error(&text);
            assert!(!error.contains("s3cret"), "{error}");
            assert!(error.starts_with("/etc/vitalgate/gateway.toml: "), "{error}");
            assert!(error.contains(place), "{error}");
        }
        let error = error("[influx]\nschema = \"token\"\n");
        assert!(error.contains("line 2, column 1: unknown field `schema`"), "{error}");
    }

    #[test]
    fn tokens_are_for_the_wards_they_name() {
        let wards = |role: &str, wards: &str| {
            let sha256 = "0".repeat(64);
            let text = format!(
                "[[http.token]]\nname = \"n\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n{wards}\n"
            );
            let config = Config::parse(&text, Path::new("gateway.toml"));
            config.and_then(|config| config.http.tokens()).map_err(|e| e.to_string())
        };
        let named =
            wards("clinician", "wards = [\"icu\", \"west\"]").unwrap().remove(0).wards.unwrap();
        assert_eq!(named.iter().map(ToString::to_string).collect::<Vec<_>>(), ["icu", "west"]);
        assert_eq!(wards("ops", "").unwrap().remove(0).wards, None);
        assert!(wards("viewer", "wards = []").is_err_and(|e| e.contains("names none")));
        assert!(wards("ops", "wards = [\"icu\"]").is_err_and(|e| e.contains("for ops")));
        assert!(wards("viewer", "wards = [\"a b\"]").is_err());
    }

    #[test]
    fn tokens_have_names_of_their_own() {
        let token = |(name, digit): &(&str, &str)| {
            let (name, sha256) = (toml::Value::from(*name), digit.repeat(64));
            format!("[[http.token]]\nname = {name}\nrole = \"viewer\"\nsha256 = \"{sha256}\"\n")
        };
        let why = |tokens: &[(&str, &str)]| {
            let text: String = tokens.iter().map(token).collect();
            Config::parse(&text, Path::new("gateway.toml")).map(drop).map_err(|e| e.to_string())
        };
        assert_eq!(why(&[("a", "0"), ("ward 3", "1")]), Ok(()));
        assert!(
            why(&[("a", "0"), ("b", "1"), ("a", "2")]).is_err_and(|e| e.contains("two tokens"))
        );
        assert!(why(&[("a", "0"), ("b", "0")]).is_err_and(|e| e.contains("of another")));
        for name in [
            "",
            " ",
            "nurse ",
            "local:cli",
            "Local",
            "gateway",
            "jane/own",
            "a\tb",
            "\u{202e}a",
            "\u{ff4c}ocal",
        ] {
            assert!(why(&[(name, "0")]).is_err_and(|e| e.contains("no name")), "{name:?}");
        }
    }
}
