//! Who sends, as push services want to know it (VAPID, RFC 8292): a token signed by a key of the gateway's own, for which
//! alone a browser takes messages.

use std::fmt;

use axum::http::HeaderValue;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::config::ServerUrl;
use crate::people::{BadPeople, People};
use vitalgate_domain::model::time::{Span, Timestamp};

/// A token holds so long; 24 h at most by the RFC.
const HOLDS: Span = Span::hours(12);

/// The key of the gateway.
pub struct Vapid(EcdsaKeyPair);

impl Vapid {
    /// That of these people, made when it is first asked for; `None` where what is kept is no key, or none can be made.
    pub fn of(people: &People) -> Result<Option<Self>, BadPeople> {
        if let Some(kept) = people.look(|book| book.push_key.clone()) {
            return Ok(Self::read(&kept));
        }
        let Some(made) = new_key() else { return Ok(None) };
        // Another may have made one meanwhile: that one counts.
        let kept = people.change(|book| Ok(book.push_key.get_or_insert(made).clone()))?;
        Ok(Self::read(&kept))
    }

    fn read(kept: &str) -> Option<Self> {
        let pkcs8 = BASE64.decode(kept.as_bytes()).ok()?;
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random).ok().map(Self)
    }

    /// As a browser wants it, and everybody may know it.
    pub fn public(&self) -> String {
        BASE64URL_NOPAD.encode(self.0.public_key().as_ref())
    }

    /// The `Authorization` of a request to the server of an address.
    pub(super) fn authorization(
        &self,
        to: &ServerUrl,
        subject: &str,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let scheme = if to.tls { "https" } else { "http" };
        let until = (now + HOLDS).as_micros() / 1_000_000;
        let claims = serde_json::json!({
            "aud": format!("{scheme}://{}", to.authority), "exp": until, "sub": subject,
        });
        let part = |json: &str| BASE64URL_NOPAD.encode(json.as_bytes());
        let said =
            format!("{}.{}", part(r#"{"typ":"JWT","alg":"ES256"}"#), part(&claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), said.as_bytes()).ok()?;
        let signature = BASE64URL_NOPAD.encode(signature.as_ref());
        let mut value =
            HeaderValue::from_str(&format!("vapid t={said}.{signature},k={}", self.public()))
                .ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

fn new_key() -> Option<String> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    Some(BASE64.encode(made.ok()?.as_ref()))
}

impl fmt::Debug for Vapid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vapid(…)")
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_request_says_who_sends_to_whom_and_until_when() {
        let vapid = Vapid::read(&new_key().unwrap()).unwrap();
        let now = Timestamp::from_micros(1_780_000_000_000_000);
        let to = ServerUrl::try_from("https://push.example/send/abc".to_owned()).unwrap();
        let header = vapid.authorization(&to, "mailto:it@icu.example", now).unwrap();
        let (token, key) =
            header.to_str().unwrap().strip_prefix("vapid t=").unwrap().split_once(",k=").unwrap();
        let (said, signature) = token.rsplit_once('.').unwrap();
        let decoded = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decoded(key))
            .verify(said.as_bytes(), &decoded(signature))
            .unwrap();
        let claims = decoded(said.split_once('.').unwrap().1);
        let expected = json!({
            "aud": "https://push.example", "exp": 1_780_043_200, "sub": "mailto:it@icu.example",
        });
        assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap(), expected);
        assert!(!format!("{header:?} {vapid:?}").contains(token));
    }

    #[test]
    fn a_key_is_made_once_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let people = crate::people::tests::people(dir.path());
        let public = || Vapid::of(&people).unwrap().unwrap().public();
        assert_eq!((public(), public().len()), (public(), 87));
        let again = crate::people::tests::people(dir.path());
        assert_eq!(Vapid::of(&again).unwrap().unwrap().public(), public());
    }
}
