//! Names of things: one newtype each, one constructor each (contract §1).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit")]
pub struct NotAnId(pub String);

/// Whether `text` matches `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Ids up to here stand in the value itself: most do, and a copy or comparison of one then touches
/// neither the heap nor a counter that another thread is using.
const SHORT: usize = 23;

/// The text of an id.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    /// Padded with zeros, which no id holds.
    Short([u8; SHORT]),
    /// Anything longer than [`SHORT`].
    Long(Arc<str>),
}

impl Text {
    fn of(id: &str) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..id.len()) {
            Some(place) => {
                place.copy_from_slice(id.as_bytes());
                Self::Short(bytes)
            }
            None => Self::Long(id.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Short(bytes) => {
                let text = &bytes[..length(bytes)];
                str::from_utf8(text).unwrap_or_else(|_| unreachable!("ids are ASCII"))
            }
            Self::Long(text) => text,
        }
    }

    fn as_padded(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Long(text) => text.as_bytes(),
        }
    }
}

/// How many of the bytes are no padding.
fn length(bytes: &[u8; SHORT]) -> usize {
    let (first, last) = numbers(bytes);
    // Where the last eight are padding the byte that overlaps is as well.
    let padding = if last == 0 {
        SHORT - 16 + first.trailing_zeros() as usize / 8
    } else {
        last.trailing_zeros() as usize / 8
    };
    SHORT - padding.min(SHORT)
}

/// The bytes as numbers of the same order, which are compared without a call. The two overlap by one byte.
fn numbers(b: &[u8; SHORT]) -> (u128, u64) {
    let first = [
        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
        b[14], b[15],
    ];
    let last = [b[15], b[16], b[17], b[18], b[19], b[20], b[21], b[22]];
    (u128::from_be_bytes(first), u64::from_be_bytes(last))
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Short(a), Self::Short(b)) => {
                let ((a, rest_of_a), (b, rest_of_b)) = (numbers(a), numbers(b));
                if a == b { rest_of_a.cmp(&rest_of_b) } else { a.cmp(&b) }
            }
            _ => self.as_padded().cmp(other.as_padded()),
        }
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                if is_id(text) {
                    Ok(Self(Text::of(text)))
                } else {
                    Err(NotAnId(text.chars().take(80).collect()))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), EncodeError<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                d.str()?.parse().map_err(DecodeError::custom)
            }
        }
    };
}

id!(
    /// A device, relay or connector: whoever may speak on the wire.
    DeviceId
);
id!(
    /// The site's pseudonymous key of a patient; never a name or record number.
    PatientId
);
id!(
    /// A ward.
    WardId
);
id!(
    /// A bed.
    BedId
);
id!(
    /// A rule, `pack.name`, such as `vitals_live.spo2_low`.
    RuleId
);
id!(
    /// An alarm: base32 over what caused it, so that a replay finds the same id (contract §5).
    AlarmId
);
id!(
    /// A channel on which alarms leave the gateway.
    ChannelId
);
id!(
    /// Somebody who may be called.
    PersonId
);
id!(
    /// Those who answer for the same alarms.
    TeamId
);
id!(
    /// What somebody is on duty as: a step of a team's ladder.
    DutyRole
);
id!(
    /// The site a store belongs to; fixed when the store is made, part of every alarm id.
    SiteId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_and_found_as_their_text_is() {
        let lengths: Vec<usize> = (1..=SHORT + 1).chain([64]).collect();
        let of_length = |n: usize| ["a", "b", "a-"].map(|base| base.repeat(n)[..n].to_owned());
        let texts: Vec<String> = lengths.into_iter().flat_map(of_length).collect();
        for a in &texts {
            let id: DeviceId = a.parse().unwrap();
            assert_eq!(id.as_str(), a);
            for b in &texts {
                let other: DeviceId = b.parse().unwrap();
                assert_eq!(id.cmp(&other), a.cmp(b), "{a} {b}");
                assert_eq!(id == other, a == b, "{a} {b}");
            }
        }
        let found: std::collections::HashSet<DeviceId> =
            texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(texts.iter().all(|text| found.contains(text.as_str())));
    }

    #[test]
    fn ids_follow_the_contract() {
        for good in ["a", "dev-12", "A.b_c-9", &"x".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "a/b", "ä", "a\0", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
