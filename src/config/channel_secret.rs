//! What proves to the other side of a channel who sends. None of it is ever shown.

use std::fmt;
use std::path::PathBuf;

use axum::http::{HeaderName, HeaderValue, header};
use data_encoding::BASE64;

/// What every signing secret begins with, as Standard Webhooks writes them.
const PREFIX: &str = "whsec_";
/// Such a secret has so many bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// A routing key has so many letters and digits.
const ROUTING_KEY: usize = 32;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSecret {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no signing secret, or there is none.
    #[error("each line must be `whsec_` and 24 to 64 bytes in base64")]
    Signing,
    /// No token.
    #[error("it must hold an access token, printable and on one line")]
    Bearer,
    /// Nothing that a header carries.
    #[error(
        "it must hold one printable line, and secret_header must name a header that is none of Host, Content-Length, Content-Type, Connection, Transfer-Encoding"
    )]
    Header,
    /// No name and password.
    #[error("its first line must be the name, its second the password")]
    Login,
    /// No routing key.
    #[error("it must hold a routing key of 32 letters and digits")]
    RoutingKey,
}

/// What a webhook is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// One a line.
    pub(super) fn all(text: &str) -> Result<Vec<Self>, BadSecret> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Option<Vec<Self>> = lines.map(Self::of).collect();
        secrets.filter(|secrets| !secrets.is_empty()).ok_or(BadSecret::Signing)
    }

    /// Its bytes. Whoever calls this signs with them, and nothing else.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is written.
    pub fn of(line: &str) -> Option<Self> {
        let bytes = BASE64.decode(line.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then_some(Self(bytes))
    }
}

/// An access token.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer(HeaderValue);

impl Bearer {
    /// As it is written.
    pub fn of(token: &str) -> Option<Self> {
        let fits = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| fits)?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// The value of the `Authorization` header. Whoever calls this sends it, and nothing else.
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// What the request itself says.
const OURS: [HeaderName; 5] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
];

/// A header that proves who sends.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderSecret(HeaderName, HeaderValue);

impl HeaderSecret {
    /// A secret in a header of this name, as it is written.
    pub fn of(name: &str, secret: &str) -> Option<Self> {
        let fits = !secret.is_empty() && secret.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        let mut value = HeaderValue::from_str(secret).ok().filter(|_| fits)?;
        value.set_sensitive(true);
        let name: HeaderName = name.parse().ok()?;
        (!OURS.contains(&name)).then_some(Self(name, value))
    }

    /// A token as HTTP carries it.
    pub(super) fn authorization(bearer: &Bearer) -> Self {
        Self(header::AUTHORIZATION, bearer.header())
    }

    /// The header. Whoever calls this sends it, and nothing else.
    pub fn header(&self) -> (HeaderName, HeaderValue) {
        (self.0.clone(), self.1.clone())
    }
}

/// Name and password, each on a line of its own.
pub(super) fn login(text: &str) -> Option<(String, String)> {
    let mut lines = text.lines().map(str::to_owned);
    let (name, password) = (lines.next()?, lines.next()?);
    (!name.is_empty() && !password.is_empty()).then_some((name, password))
}

/// Which of PagerDuty's services is called.
#[derive(Clone, PartialEq, Eq)]
pub struct RoutingKey(String);

impl RoutingKey {
    /// As it is written.
    pub fn of(key: &str) -> Option<Self> {
        let fits = key.len() == ROUTING_KEY && key.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(key.to_owned()))
    }

    /// The key. Whoever calls this sends it, and nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

hidden!(WebhookSecret, Bearer, HeaderSecret, RoutingKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_secrets_are_one_a_line_and_never_shown() {
        let (newer, older) = (BASE64.encode(&[7; 32]), BASE64.encode(&[8; 24]));
        let both = WebhookSecret::all(&format!("whsec_{newer}\n\n whsec_{older}\r\n")).unwrap();
        assert_eq!(
            both.iter().map(WebhookSecret::bytes).collect::<Vec<_>>(),
            [&[7; 32][..], &[8; 24]]
        );
        assert_eq!(format!("{:?}", both[0]), "WebhookSecret(…)");
        let short = format!("whsec_{}", BASE64.encode(&[7; 23]));
        for bad in ["", "\n", &newer, &short, "whsec_?"] {
            assert!(WebhookSecret::all(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_and_keys_are_what_the_other_side_takes() {
        let token = Bearer::of("tk_abc").unwrap();
        assert_eq!(token.header(), "Bearer tk_abc");
        assert!(!format!("{token:?} {:?}", token.header()).contains("abc"));
        assert!(["", "a b", "a\nb", "ä"].into_iter().all(|bad| Bearer::of(bad).is_none()));
        assert!(RoutingKey::of(&"a".repeat(32)).is_some());
        let key = HeaderSecret::of("X-Api-Key", "Basic abc").unwrap();
        assert_eq!(key.header().0, "x-api-key");
        assert!(!format!("{key:?} {:?}", key.header()).contains("abc"));
        for (name, secret) in [("X Y", "a"), ("", "a"), ("x", ""), ("x", "a\nb")] {
            assert!(HeaderSecret::of(name, secret).is_none(), "{name} {secret}");
        }
        for ours in ["Host", "content-length", "Content-Type", "Connection", "Transfer-Encoding"] {
            assert!(HeaderSecret::of(ours, "a").is_none(), "{ours} is the request's own");
        }
        assert_eq!(login("me\npass word\n").unwrap().1, "pass word");
        assert!(["", "me", "me\n", "\nyou"].into_iter().all(|bad| login(bad).is_none()));
        assert!(["", "a-b", &"a".repeat(31)].into_iter().all(|bad| RoutingKey::of(bad).is_none()));
    }
}
