//! `[http]`: where the API and the page are, and who may use them.

use std::net::SocketAddr;

use serde::Deserialize;

use super::BadConfig;
use crate::http::{Auth, Role, Token};

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

impl Http {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        if !self.listen.ip().is_loopback() && self.token.is_empty() {
            return Err(BadConfig::Open {
                key: "http.listen",
                address: self.listen,
                cure: "add a [[http.token]], or listen on 127.0.0.1",
            });
        }
        self.auth().map(drop)
    }

    /// Who may use it.
    pub fn auth(&self) -> Result<Auth, BadConfig> {
        if self.token.is_empty() {
            return Ok(Auth::Local("local:anonymous".to_owned()));
        }
        let mut tokens = Vec::new();
        for HttpToken { name, role, sha256 } in &self.token {
            let role: Role = role.parse()?;
            tokens.push(Token::new(name, role, sha256)?);
        }
        Ok(Auth::Tokens(tokens))
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), token: Vec::new() }
    }
}
