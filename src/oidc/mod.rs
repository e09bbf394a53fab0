//! A provider of the site that vouches for people: its keys, its tokens, and a sign-in by way of it.
//!
//! Nothing that it says is believed unless it is signed by one of its keys, for this gateway, and in time. That it cannot be
//! reached stops nothing: whoever is signed in stays so, and others sign in by password.

mod claims;
mod flow;
mod keys;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use self::claims::{BadClaims, Vouched};
use self::flow::Pending;
pub use self::flow::{Begun, HOLDS as SIGN_IN_HOLDS, NoSignIn};
pub use self::keys::BadToken;
use self::keys::{Keys, number_in, verified};
use crate::config::{Oidc, private};
use crate::net::outbound::{NoAnswer, Outbound};
use crate::net::tls::BadTls;
use vitalgate_domain::model::time::{Span, Timestamp};

/// How long it may take to answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Keys are looked at again this often.
pub const AGAIN: Duration = Duration::from_secs(600);
/// A key that is not known is asked for at most this often: who sends nonsense makes no requests of it.
const ASKED_AGAIN: Span = Span::secs(10);

/// Why there is no provider, or it could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum BadProvider {
    /// A file of its configuration.
    #[error("cannot read {path}: {source}")]
    Secret {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate.
    #[error(transparent)]
    Tls(#[from] BadTls),
    /// It does not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// It answers something else.
    #[error("{what} of the provider: {why}")]
    Answer {
        /// What was asked for.
        what: &'static str,
        /// What came.
        why: String,
    },
}

/// The provider of a configuration.
#[derive(Debug)]
pub struct Provider {
    config: Oidc,
    secret: Option<String>,
    known: Mutex<Option<Known>>,
    pending: Mutex<BTreeMap<String, Pending>>,
    asking: tokio::sync::Mutex<Option<Timestamp>>,
}

/// What it says of itself.
#[derive(Clone, Debug)]
struct Known {
    authorization: String,
    token: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

impl Provider {
    /// Of a configuration; reads its secret.
    pub fn new(config: &Oidc) -> Result<Self, BadProvider> {
        keys::install();
        let secret = config.secret_file.as_ref().map(|path| {
            let bad = |source| BadProvider::Secret { path: path.display().to_string(), source };
            std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(bad)
        });
        Ok(Self {
            config: config.clone(),
            secret: secret.transpose()?,
            known: Mutex::new(None),
            pending: Mutex::default(),
            asking: tokio::sync::Mutex::new(None),
        })
    }

    /// Asks it for its keys. What was known stays where it does not answer.
    pub async fn refresh(&self) -> Result<(), BadProvider> {
        let issuer = self.config.issuer.trim_end_matches('/');
        let said: Discovery = self
            .get("the configuration", &format!("{issuer}/.well-known/openid-configuration"))
            .await?;
        let bad = |what, why: &str| BadProvider::Answer { what, why: why.to_owned() };
        if said.issuer != self.config.issuer {
            return Err(bad("the configuration", "it is another issuer than `oidc.issuer`"));
        }
        let urls = [&said.authorization_endpoint, &said.token_endpoint, &said.jwks_uri];
        if urls.into_iter().any(|url| private(url).is_none()) {
            return Err(bad(
                "the configuration",
                "an address in it is neither https nor on this machine",
            ));
        }
        let keys: Keys = self.get("the keys", &said.jwks_uri).await?;
        let known =
            Known { authorization: said.authorization_endpoint, token: said.token_endpoint, keys };
        *held(&self.known) = Some(known);
        Ok(())
    }

    /// Asks for its keys where a token names one that is not known, as after a rotation.
    pub async fn learn_key_of(&self, token: &str, now: Timestamp) {
        let Some(number) = number_in(token) else { return };
        let unknown = |known: &Option<Known>| known.as_ref().is_none_or(|k| !k.keys.has(&number));
        if !unknown(&held(&self.known)) {
            return;
        }
        let mut asked = self.asking.lock().await;
        let recent = asked.is_some_and(|at| now < at + ASKED_AGAIN);
        if recent || !unknown(&held(&self.known)) {
            return;
        }
        *asked = Some(now);
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "the keys of the provider could not be read");
        }
    }

    /// Whom a program's token is of, if the provider signed it for this gateway and it holds now.
    pub fn vouched(&self, token: &str, now: Timestamp) -> Result<Vouched, BadToken> {
        let audience = self.config.audience.as_ref().unwrap_or(&self.config.client_id);
        let claims = self.claims(token, audience, now)?;
        Ok(Vouched::of(&claims, &self.config)?)
    }

    fn claims(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<claims::Claims, BadToken> {
        let known = held(&self.known);
        let keys = &known.as_ref().ok_or(BadToken::NoKeys)?.keys;
        verified(token, keys, &self.config.issuer, audience, self.config.skew, now)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        what: &'static str,
        url: &str,
    ) -> Result<T, BadProvider> {
        self.ask(what, Method::GET, url, HeaderMap::new(), Bytes::new()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        what: &'static str,
        method: Method,
        url: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<T, BadProvider> {
        let bad = |why: String| BadProvider::Answer { what, why };
        let server = private(url).ok_or_else(|| bad("an address that others can read".into()))?;
        let path = server.path.clone();
        let outbound = Outbound::new(server, self.config.ca.as_deref(), WITHIN)?;
        headers.insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        // A redirect is not followed: it is no 200.
        let answer = outbound.send(method, &path, headers, body).await?;
        if answer.status != 200 {
            return Err(bad(format!("answered {}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|e| bad(e.to_string()))
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
