//! `[http]`: where the API and the page are, and who may use them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::BadConfig;
use super::url::ServerUrl;
use vitalgate_domain::model::ids::WardId;

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where the API and the page are served without TLS.
    pub listen: SocketAddr,
    /// Who may use them; needed unless both addresses are on loopback.
    pub token: Vec<HttpToken>,
    /// TLS.
    pub tls: Option<HttpTls>,
    /// Event streams that may be open at once.
    pub max_streams: NonZeroU16,
    /// By which address people reach it, from wherever they are told of alarms.
    pub public_address: Option<ServerUrl>,
}

/// `[http.tls]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTls {
    /// Where the API and the page are served with TLS.
    pub listen: SocketAddr,
    /// The gateway's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
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
    /// Where it may be used; left out: everywhere.
    pub wards: Option<Vec<WardId>>,
}

/// A static token, kept as its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The actor in audit and alarms.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the token's text.
    pub sha256: [u8; 32],
    /// The wards it is for; `None` is the whole gateway.
    pub wards: Option<BTreeSet<WardId>>,
}

/// Why a token of the configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Not 64 hexadecimal digits.
    #[error("token `{0}`: `sha256` must be 64 hexadecimal digits")]
    Hash(String),
    /// A name that says nothing, or says who it is not.
    #[error(
        "`{0}` is no name of a token: it must be printable ASCII without `/` and without space at its ends, and may not \
         begin with `local` or `gateway`"
    )]
    Name(String),
    /// A name that two have.
    #[error("two tokens are called `{0}`: in audit and alarms nobody could tell them apart")]
    Twice(String),
    /// Two names for one token.
    #[error("`{0}` has the token of another")]
    Same(String),
    /// An empty list of wards.
    #[error("token `{0}`: `wards` names none: leave it out where the token is for all of them")]
    NoWard(String),
    /// Wards of somebody who sees no patients.
    #[error(
        "token `{0}` is for ops or an admin, who care for the whole gateway: `wards` can hold for viewers and clinicians"
    )]
    OpsOfWards(String),
    /// Not a role.
    #[error("`{0}` is no role of a token: write viewer, clinician, ward-admin, ops or admin")]
    Role(String),
}

impl Token {
    /// A token from its configuration; `sha256` in hexadecimal.
    pub fn new(name: &str, role: Role, sha256: &str) -> Result<Self, BadToken> {
        let said = name.trim() == name
            && !name.is_empty()
            // With a slash it would read as the program of a person.
            && name.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'/');
        let reserved = ["local", "gateway"];
        if !said || reserved.iter().any(|word| name.to_ascii_lowercase().starts_with(word)) {
            return Err(BadToken::Name(name.escape_default().to_string()));
        }
        // Whose devices they are stands with a person.
        if role == Role::Maker {
            return Err(BadToken::Role(role.as_str().to_owned()));
        }
        let sha256 = data_encoding::HEXLOWER_PERMISSIVE
            .decode(sha256.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| BadToken::Hash(name.to_owned()))?;
        Ok(Self { name: name.to_owned(), role, sha256, wards: None })
    }

    /// The same, for some wards only, where any are named.
    pub fn in_wards(self, wards: Option<&[WardId]>) -> Result<Self, BadToken> {
        let Some(wards) = wards else { return Ok(self) };
        if wards.is_empty() {
            return Err(BadToken::NoWard(self.name));
        }
        if matches!(self.role, Role::Ops | Role::Admin) {
            return Err(BadToken::OpsOfWards(self.name));
        }
        Ok(Self { wards: Some(wards.iter().cloned().collect()), ..self })
    }
}

/// What a token or a person may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Role {
    /// Sees patients, alarms and devices.
    Viewer,
    /// A viewer who acts on alarms, patients and bindings.
    Clinician,
    /// A clinician who also looks after the people of some wards.
    WardAdmin,
    /// Sees devices of its own make; no patients.
    Maker,
    /// Sees and registers devices, sees dead letters; no patients.
    Ops,
    /// Ops who also looks after all people.
    Admin,
    /// The one actor of a loopback gateway without authentication.
    Local,
}

impl std::str::FromStr for Role {
    type Err = BadToken;
    fn from_str(word: &str) -> Result<Self, BadToken> {
        match word {
            "viewer" => Ok(Self::Viewer),
            "clinician" => Ok(Self::Clinician),
            "ward-admin" => Ok(Self::WardAdmin),
            "maker" => Ok(Self::Maker),
            "ops" => Ok(Self::Ops),
            "admin" => Ok(Self::Admin),
            _ => Err(BadToken::Role(word.to_owned())),
        }
    }
}

impl TryFrom<String> for Role {
    type Error = BadToken;
    fn try_from(word: String) -> Result<Self, BadToken> {
        word.parse()
    }
}

impl From<Role> for &'static str {
    fn from(role: Role) -> Self {
        role.as_str()
    }
}

impl Role {
    /// The word of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Clinician => "clinician",
            Self::WardAdmin => "ward-admin",
            Self::Maker => "maker",
            Self::Ops => "ops",
            Self::Admin => "admin",
            Self::Local => "local",
        }
    }
}

impl Http {
    /// Makes relative paths start at `folder`.
    pub(super) fn within(&mut self, folder: &Path) {
        if let Some(HttpTls { certificate, key, .. }) = &mut self.tls {
            *certificate = folder.join(&*certificate);
            *key = folder.join(&*key);
        }
    }

    /// Where it is served, each address with its key.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let tls = self.tls.as_ref().map(|tls| ("http.tls.listen", tls.listen));
        [("http.listen", self.listen)].into_iter().chain(tls)
    }

    /// With `people` somebody signs in by name, for which no password is taken without TLS.
    pub(super) fn check(&self, people: bool) -> Result<(), BadConfig> {
        let reached = self.addresses().filter(|(_, address)| !address.ip().is_loopback());
        let mut open = reached.filter(|(key, _)| !people || *key == "http.listen");
        if let Some((key, address)) = open.next().filter(|_| self.token.is_empty()) {
            let cure = match key {
                "http.listen" => "add a [[http.token]], or listen on 127.0.0.1",
                _ => "add [people] or a [[http.token]], or listen on 127.0.0.1",
            };
            return Err(BadConfig::Open { key, address, cure });
        }
        if let Some(url) = &self.public_address
            && (url.has_query() || !(url.tls || url.is_loopback()))
        {
            return Err(BadConfig::PublicAddress);
        }
        self.tokens().map(drop)
    }

    /// Who may use it, checked; none where everybody on loopback may.
    pub fn tokens(&self) -> Result<Vec<Token>, BadConfig> {
        let token = |HttpToken { name, role, sha256, wards }: &HttpToken| {
            Token::new(name, role.parse()?, sha256)?.in_wards(wards.as_deref())
        };
        let tokens = self.token.iter().map(token).collect::<Result<Vec<_>, BadToken>>()?;
        let mut names = BTreeSet::new();
        if let Some(twice) = tokens.iter().find(|token| !names.insert(&token.name)) {
            return Err(BadToken::Twice(twice.name.clone()).into());
        }
        let mut digests = BTreeSet::new();
        if let Some(same) = tokens.iter().find(|token| !digests.insert(token.sha256)) {
            return Err(BadToken::Same(same.name.clone()).into());
        }
        Ok(tokens)
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            token: Vec::new(),
            tls: None,
            public_address: None,
            max_streams: NonZeroU16::MIN.saturating_add(1_023),
        }
    }
}
