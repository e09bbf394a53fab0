//! Secrets that are random, as 32 bytes for people to copy, and what is kept of them.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

/// The SHA-256 of a secret. A random secret of 256 bits needs no slow hash: nobody tries them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of a secret's text.
    pub fn of(secret: &str) -> Self {
        let mut digest = [0; 32];
        let hashed = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
        digest.copy_from_slice(hashed.as_ref());
        Self(digest)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        HEXLOWER.encode(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        bytes.and_then(|b| b.try_into().ok()).map(Self).ok_or("no SHA-256 in hexadecimal")
    }
}

/// A new secret; `None` where the machine gives no random numbers.
pub fn new_secret() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(BASE64URL_NOPAD.encode(&bytes))
}
