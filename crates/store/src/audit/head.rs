//! Where a chain stands, signed: one word that can be logged, sent and kept anywhere.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use super::Link;
use super::key::{AuditKey, PublicKey, Signature};
use vitalgate_domain::model::time::Timestamp;

/// What every head of this form begins with.
const FORM: &str = "vg1";
/// No head is longer: a text is looked through for heads of at most so many bytes.
const LONGEST: usize = 400;

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The store's id.
    pub store: String,
    /// The number of the newest transition.
    pub seq: u64,
    /// The number of the newest statement: with it, how many entries there are.
    pub said: u64,
    /// Shown time of the newest row of the journal when it was signed.
    pub at: Timestamp,
    /// The last link.
    pub link: Link,
}

/// Not a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a head of an audit: it begins with {FORM}. and has seven parts")]
pub struct NotAHead;

/// A head with its signature. As text: what was signed, a dot, and the signature in base64 as for
/// addresses, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// What was signed.
    pub head: Head,
    signature: Signature,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, seq, said, at, link } = self;
        let (at, link) = (at.as_micros(), HEXLOWER.encode(link));
        write!(f, "{FORM}.{store}.{seq}.{said}.{at}.{link}")
    }
}

impl Head {
    /// Signs it.
    pub fn signed(self, key: &AuditKey) -> SignedHead {
        let signature = key.sign(self.to_string().as_bytes());
        SignedHead { head: self, signature }
    }
}

impl SignedHead {
    /// Whether this key signed it.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.verifies(self.head.to_string().as_bytes(), &self.signature)
    }

    /// Every head in a text: a log, the list of pings at whoever waits for them, a line of InfluxDB.
    pub fn find_all(text: &str) -> Vec<Self> {
        let of_a_head = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let word = |(at, _): (usize, &str)| {
            let length = text[at..].bytes().take(LONGEST).take_while(of_a_head).count();
            // A head may end a sentence.
            text[at..at + length].trim_end_matches('.').parse().ok()
        };
        text.match_indices(FORM).filter_map(word).collect()
    }
}

impl fmt::Display for SignedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.head, BASE64URL_NOPAD.encode(&self.signature))
    }
}

impl FromStr for SignedHead {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let parts: Vec<&str> = text.split('.').collect();
        let [FORM, store, seq, said, at, link, signature] = parts[..] else { return Err(NotAHead) };
        let number = |text: &str| text.parse::<u64>().map_err(|_| NotAHead);
        let link = HEXLOWER.decode(link.as_bytes()).map_err(|_| NotAHead)?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| NotAHead)?;
        let head = Head {
            store: store.to_owned(),
            seq: number(seq)?,
            said: number(said)?,
            at: Timestamp::from_micros(at.parse().map_err(|_| NotAHead)?),
            link: link.try_into().map_err(|_| NotAHead)?,
        };
        let signature = signature.try_into().map_err(|_| NotAHead)?;
        // Only as it is written: `+7` is no number of a head.
        let read = Self { head, signature };
        if read.to_string() == text { Ok(read) } else { Err(NotAHead) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (SignedHead, AuditKey) {
        let dir = tempfile::tempdir().unwrap();
        let key = AuditKey::open(dir.path()).unwrap().0;
        let head = Head {
            store: "abcdefghijklmnop".to_owned(),
            seq: 17,
            said: 2,
            at: Timestamp::from_micros(1_795_000_000_000_001),
            link: [0xab; 32],
        };
        (head.signed(&key), key)
    }

    #[test]
    fn a_head_is_one_word_that_reads_back_and_says_who_signed_it() {
        let (signed, key) = signed();
        let text = signed.to_string();
        assert!(text.starts_with("vg1.abcdefghijklmnop.17.2.1795000000000001.abab"), "{text}");
        assert_eq!(text.parse(), Ok(signed.clone()));
        assert!(signed.is_by(&key.public()));
        let dir = tempfile::tempdir().unwrap();
        assert!(!signed.is_by(&AuditKey::open(dir.path()).unwrap().0.public()));
        let forged: SignedHead = text.replace(".17.", ".16.").parse().unwrap();
        assert!(!forged.is_by(&key.public()));
    }

    #[test]
    fn heads_are_found_in_any_text_and_nothing_else_is() {
        let text = signed().0.to_string();
        let log = format!(
            "{{\"head\":\"{text}\"}}\nGET /ping?a=b&head={text}&c\n\u{1b}[0m{text}. ä{text}"
        );
        assert_eq!(SignedHead::find_all(&log).len(), 4);
        let cut = &text[..text.len() - 1];
        for bad in [cut, "vg1", "", &text.replace(".17.", ".+17."), &format!("{text}.x")] {
            assert!(bad.parse::<SignedHead>().is_err(), "{bad}");
            assert!(SignedHead::find_all(bad).is_empty(), "{bad}");
        }
        assert!(SignedHead::find_all(&"vg1.".repeat(100_000)).is_empty());
    }
}
