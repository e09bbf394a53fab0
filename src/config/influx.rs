//! `[influx]`: where InfluxDB 2 is, and how far behind it may be.

use std::fmt;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use serde::Deserialize;

use super::url::ServerUrl;
use vitalgate_domain::model::time::Span;

/// `[influx]`; without it nothing is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Influx {
    /// `http` or `https`, with the path prefix of a reverse proxy if there is one.
    pub url: ServerUrl,
    /// The organisation.
    pub org: String,
    /// The bucket.
    pub bucket: String,
    /// How the secret is shown.
    #[serde(default)]
    pub scheme: Scheme,
    /// For [`Scheme::Basic`].
    #[serde(default)]
    pub user: Option<String>,
    /// The file that holds the token or password.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Or the environment variable that does.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// Who signs the server's certificate, PEM; else the system's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Line protocol of one request, in bytes, before compression.
    #[serde(default = "batch_bytes")]
    pub batch_bytes: usize,
    /// What is committed is sent after so long at the latest.
    #[serde(default = "batch_age")]
    pub batch_age: Span,
    /// How long a request may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// Whether it is asked for what the gateway itself no longer holds.
    #[serde(default = "yes")]
    pub read: bool,
    /// How long it may take to answer that; what the gateway holds waits for it.
    #[serde(default = "read_timeout")]
    pub read_timeout: Span,
    /// A technical alarm says when the server is further behind.
    #[serde(default = "max_lag")]
    pub max_lag: Span,
}

fn batch_bytes() -> usize {
    1 << 20
}

fn batch_age() -> Span {
    Span::secs(1)
}

fn timeout() -> Span {
    Span::secs(30)
}

fn yes() -> bool {
    true
}

fn read_timeout() -> Span {
    Span::secs(10)
}

fn max_lag() -> Span {
    Span::mins(15)
}

/// How the secret is shown to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `Authorization: Token …`, InfluxDB's own.
    #[default]
    Token,
    /// `Authorization: Bearer …`.
    Bearer,
    /// User and password.
    Basic,
}

/// Why `[influx]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadInflux {
    /// None, or both.
    #[error("influx: give exactly one of `secret_file` and `secret_env`")]
    Secret,
    /// The file cannot be read.
    #[error("influx.secret_file: cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The variable is not set.
    #[error("influx.secret_env: the environment has no `{0}`")]
    Environment(String),
    /// The secret is empty or holds what no header may.
    #[error("influx: the secret is empty or holds characters other than printable ASCII")]
    Characters,
    /// A user without `basic`, or `basic` without one.
    #[error("influx.user goes with `scheme = \"basic\"`, and only with it")]
    User,
    /// An address that no path can be put behind.
    #[error("influx.url must have no `?`")]
    Query,
    /// An empty name.
    #[error("influx.{0} is empty")]
    Empty(&'static str),
    /// A number outside its bounds.
    #[error("influx.{key} must be {bounds}")]
    Bounds {
        /// Which key.
        key: &'static str,
        /// What it may be.
        bounds: &'static str,
    },
}

/// The value of the `Authorization` header; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(String);

impl Authorization {
    /// The header's value. Whoever calls this sends it, and nothing else.
    pub fn header(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}

impl Influx {
    /// Makes relative paths start at `folder`.
    pub(super) fn within(&mut self, folder: &Path) {
        for path in [&mut self.secret_file, &mut self.ca].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    /// What can be seen without reading the secret.
    pub(super) fn check(&self) -> Result<(), BadInflux> {
        for (key, value) in [("org", &self.org), ("bucket", &self.bucket)] {
            if value.is_empty() {
                return Err(BadInflux::Empty(key));
            }
        }
        if self.url.has_query() {
            return Err(BadInflux::Query);
        }
        if self.secret_file.is_some() == self.secret_env.is_some() {
            return Err(BadInflux::Secret);
        }
        if self.user.is_some() != (self.scheme == Scheme::Basic) {
            return Err(BadInflux::User);
        }
        let within = |span: Span, least, most| span >= least && span <= most;
        let bounds = [
            (
                (4 << 10..=16 << 20).contains(&self.batch_bytes),
                "batch_bytes",
                "from 4096 to 16777216",
            ),
            (
                within(self.batch_age, Span::millis(10), Span::mins(1)),
                "batch_age",
                "from 10ms to 1m",
            ),
            (within(self.timeout, Span::millis(100), Span::mins(5)), "timeout", "from 100ms to 5m"),
            (
                within(self.read_timeout, Span::millis(100), Span::mins(1)),
                "read_timeout",
                "from 100ms to 1m",
            ),
            (self.max_lag >= Span::secs(1), "max_lag", "at least 1s"),
        ];
        match bounds.into_iter().find(|(holds, ..)| !holds) {
            Some((_, key, bounds)) => Err(BadInflux::Bounds { key, bounds }),
            None => Ok(()),
        }
    }

    /// Reads the secret and puts the header together.
    pub fn authorization(&self) -> Result<Authorization, BadInflux> {
        let secret = match (&self.secret_file, &self.secret_env) {
            (Some(path), None) => std::fs::read_to_string(path)
                .map_err(|source| BadInflux::File { path: path.clone(), source })?,
            (None, Some(name)) => {
                std::env::var(name).map_err(|_| BadInflux::Environment(name.clone()))?
            }
            (Some(_), Some(_)) | (None, None) => return Err(BadInflux::Secret),
        };
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() || !secret.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err(BadInflux::Characters);
        }
        Ok(Authorization(match self.scheme {
            Scheme::Token => format!("Token {secret}"),
            Scheme::Bearer => format!("Bearer {secret}"),
            Scheme::Basic => {
                let user = self.user.as_deref().unwrap_or_default();
                format!("Basic {}", BASE64.encode(format!("{user}:{secret}").as_bytes()))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Influx {
        let text = format!("org = \"o\"\nbucket = \"b\"\n{text}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn the_secret_comes_from_a_file_and_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "s3cret\n").unwrap();
        let header = |lines: &str| {
            let text = format!("url = \"http://a\"\nsecret_file = \"token\"\n{lines}");
            let mut influx = parse(&text);
            influx.within(dir.path());
            influx.check().unwrap();
            let authorization = influx.authorization().unwrap();
            assert!(!format!("{influx:?} {authorization:?}").contains("s3cret"));
            authorization.header().to_owned()
        };
        assert_eq!(header(""), "Token s3cret");
        assert_eq!(header("scheme = \"bearer\""), "Bearer s3cret");
        assert_eq!(header("scheme = \"basic\"\nuser = \"me\""), "Basic bWU6czNjcmV0");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let why = |lines: &str| {
            parse(&format!("url = \"http://a\"\n{lines}")).check().unwrap_err().to_string()
        };
        assert!(why("").contains("secret_file"));
        let asks = parse("url = \"http://a?b\"\nsecret_env = \"A\"").check().unwrap_err();
        assert!(asks.to_string().contains("influx.url"));
        assert!(why("secret_env = \"A\"\nuser = \"me\"").contains("basic"));
        assert!(why("secret_env = \"A\"\nbatch_bytes = 1").contains("batch_bytes"));
        assert!(why("secret_env = \"A\"\ntimeout = \"0s\"").contains("timeout"));
        let missing = parse("url = \"http://a\"\nsecret_env = \"VITALGATE_NO_SUCH_VARIABLE\"");
        assert!(missing.authorization().unwrap_err().to_string().contains("NO_SUCH"));
    }
}
