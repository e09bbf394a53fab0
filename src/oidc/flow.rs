//! A sign-in by way of the provider: the code flow with PKCE. What was begun is in memory, and bound to the browser that began
//! it; it leads back to the page and nowhere else.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::Deserialize;

use super::keys::BadToken;
use super::{BadClaims, BadProvider, Provider, Vouched, held};
use crate::people::{Digest, new_secret};
use vitalgate_domain::model::time::{Span, Timestamp};

/// How long somebody may take there.
pub const HOLDS: Span = Span::mins(10);
/// Sign-ins under way; beyond it the oldest goes.
const MOST: usize = 1_024;

/// What was begun, by the digest of what the browser holds.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    state: Digest,
    nonce: String,
    verifier: String,
    until: Timestamp,
}

/// A sign-in that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What the browser keeps until it is back.
    pub browser: String,
    /// Where it goes.
    pub location: String,
}

/// Why somebody who came back is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum NoSignIn {
    /// Begun elsewhere, too long ago, or never.
    #[error("that sign-in was not begun in this browser, or took too long: begin again")]
    NotBegun,
    /// The provider could not be asked.
    #[error(transparent)]
    Provider(#[from] BadProvider),
    /// What it gave is not believed.
    #[error(transparent)]
    Token(#[from] BadToken),
    /// By what the provider says of them now they are nobody here.
    #[error("{why}")]
    Nobody {
        /// Who that is there.
        subject: String,
        /// Why.
        why: BadClaims,
    },
    /// A token of another sign-in.
    #[error("the token is of another sign-in")]
    Nonce,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Provider {
    /// Begins a sign-in; `None` where the provider is not known, or the machine gives no random numbers.
    pub fn begin(&self, now: Timestamp) -> Option<Begun> {
        let authorization = held(&self.known).as_ref()?.authorization.clone();
        let (browser, state, nonce, verifier) =
            (new_secret()?, new_secret()?, new_secret()?, new_secret()?);
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        let challenge = BASE64URL_NOPAD.encode(digest.as_ref());
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.way_back()),
            ("scope", &self.config.scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let pending = Pending { state: Digest::of(&state), nonce, verifier, until: now + HOLDS };
        let mut all = held(&self.pending);
        all.retain(|_, pending| now < pending.until);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, p)| p.until).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        all.insert(Digest::of(&browser).into(), pending);
        Some(Begun { browser, location: format!("{authorization}?{query}") })
    }

    /// Ends a sign-in: whom the provider vouches for. It is used once, whatever comes of it.
    pub async fn finish(
        &self,
        browser: &str,
        state: &str,
        code: &str,
        now: impl Fn() -> Timestamp,
    ) -> Result<Vouched, NoSignIn> {
        let begun = held(&self.pending).remove(&String::from(Digest::of(browser)));
        let good = |begun: &Pending| now() < begun.until && begun.state == Digest::of(state);
        let begun = begun.filter(good).ok_or(NoSignIn::NotBegun)?;
        let token = held(&self.known).as_ref().map(|known| known.token.clone());
        let token = token.ok_or(NoSignIn::Token(BadToken::NoKeys))?;
        let mut asked = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", &begun.verifier),
        ];
        let way_back = self.way_back();
        asked.push(("redirect_uri", &way_back));
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        let basic = self.secret.as_ref().and_then(|secret| {
            let both = format!("{}:{}", escaped(&self.config.client_id), escaped(secret));
            HeaderValue::from_str(&format!("Basic {}", BASE64.encode(both.as_bytes()))).ok()
        });
        match basic {
            Some(basic) => drop(headers.insert(header::AUTHORIZATION, basic)),
            None => asked.push(("client_id", &self.config.client_id)),
        }
        let body = Bytes::from(form(&asked));
        let Tokens { id_token } =
            self.ask("the token", Method::POST, &token, headers, body).await?;
        self.learn_key_of(&id_token, now()).await;
        let own = &self.config.client_id;
        let claims = self.claims(&id_token, own, now())?;
        let of_ours = claims.azp.as_ref().is_none_or(|azp| azp == own);
        if claims.nonce.as_ref() != Some(&begun.nonce) || !of_ours {
            return Err(NoSignIn::Nonce);
        }
        let nobody = |why| NoSignIn::Nobody { subject: claims.subject(&self.config), why };
        Vouched::of(&claims, &self.config).map_err(nobody)
    }

    fn way_back(&self) -> String {
        format!("{}/api/v1/session/oidc/back", self.config.page)
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        pairs.iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
    pairs.join("&")
}

/// Text as it stands in a query.
fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let byte = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}
