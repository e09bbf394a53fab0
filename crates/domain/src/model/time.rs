//! Instants and spans in whole microseconds; the core never reads a clock.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::str::FromStr;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::rfc3339::Text;

mod rfc3339;

/// An instant: microseconds since 1970-01-01T00:00:00Z, shown as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] Micros);

/// A signed length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Span(#[n(0)] Micros);

/// Microseconds, ordered as they are. The least number of all is left out, so that an instant that
/// may be missing takes no more room than one that is there: machines are full of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Micros(NonZeroU64);

impl Micros {
    const SIGN: u64 = 1 << 63;

    const fn of(micros: i64) -> Self {
        match NonZeroU64::new(micros as u64 ^ Self::SIGN) {
            Some(flipped) => Self(flipped),
            None => Self(NonZeroU64::MIN),
        }
    }

    const fn get(self) -> i64 {
        (self.0.get() ^ Self::SIGN) as i64
    }
}

impl Default for Micros {
    fn default() -> Self {
        Self::of(0)
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

impl<C> Encode<C> for Micros {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.i64(self.get())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Micros {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.i64().map(Self::of)
    }
}

/// From when to when nothing was taken in, in the gateway's own time.
pub type IntakeGap = (Timestamp, Timestamp);

/// One reading of the gateway's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Stamp {
    /// The gateway's own time: durations and deadlines use it.
    #[n(0)]
    pub at: Timestamp,
    /// Wall clock − `at`.
    #[n(1)]
    pub offset: Span,
}

impl Stamp {
    /// The time shown, stored as received, and compared with a device's clock.
    pub fn wall(self) -> Timestamp {
        self.at + self.offset
    }

    /// An instant of the shown clock in the gateway's own time.
    pub fn own(self, wall: Timestamp) -> Timestamp {
        wall - self.offset
    }

    /// An instant of the gateway's own time by the shown clock.
    pub fn shown(self, at: Timestamp) -> Timestamp {
        at + self.offset
    }
}

/// Text that is no RFC 3339 instant with a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time with a zone")]
pub struct NotATime(pub String);

/// Text that is no span such as `15s`, `2m`, `36h`, `3d` or `250ms`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a span: write a whole number and ms, s, m, h or d, such as `15s`")]
pub struct NotASpan(pub String);

impl Timestamp {
    /// The first instant a device's stamp is believed: 2000-01-01 (contract §3).
    pub const YEAR_2000: Self = Self::from_micros(946_684_800_000_000);

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(Micros::of(micros))
    }

    /// From milliseconds since 1970, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(Micros::of(millis.saturating_mul(1_000)))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0.get()
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.get().div_euclid(1_000)
    }

    /// Without the fraction of its second, for people.
    #[must_use]
    pub const fn to_the_second(self) -> Self {
        let micros = self.as_micros();
        Self::from_micros(micros - micros.rem_euclid(1_000_000))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self::micros(0);
    /// Longer than any deadline.
    pub const MAX: Self = Self::micros(i64::MAX);

    /// From microseconds.
    pub const fn micros(micros: i64) -> Self {
        Self(Micros::of(micros))
    }

    /// From milliseconds, saturating.
    pub const fn millis(millis: i64) -> Self {
        Self(Micros::of(millis.saturating_mul(1_000)))
    }

    /// From seconds, saturating.
    pub const fn secs(secs: i64) -> Self {
        Self(Micros::of(secs.saturating_mul(1_000_000)))
    }

    /// From minutes, saturating.
    pub const fn mins(mins: i64) -> Self {
        Self::secs(mins.saturating_mul(60))
    }

    /// From hours, saturating.
    pub const fn hours(hours: i64) -> Self {
        Self::secs(hours.saturating_mul(3_600))
    }

    /// From days of 24 hours, saturating.
    pub const fn days(days: i64) -> Self {
        Self::secs(days.saturating_mul(86_400))
    }

    /// Whole microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0.get()
    }

    /// Seconds with their fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0.get() as f64 / 1e6
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(Micros::of(self.0.get().saturating_sub(earlier.0.get())))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(Micros::of(self.0.get().saturating_add(span.0.get())))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(Micros::of(self.0.get().saturating_sub(span.0.get())))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(Micros::of(self.0.get().saturating_add(other.0.get())))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(Micros::of(self.0.get().saturating_sub(other.0.get())))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(*self).as_str())
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        rfc3339::parse(text).ok_or_else(|| NotATime(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(Text::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 4] =
            [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s")];
        for (size, name) in UNITS {
            if self.0.get() != 0 && self.0.get() % size == 0 {
                return write!(f, "{}{name}", self.0.get() / size);
            }
        }
        write!(f, "{}ms", self.0.get() / 1_000)
    }
}

impl FromStr for Span {
    type Err = NotASpan;
    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let fail = || NotASpan(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: i64 = number.parse().map_err(|_| fail())?;
        match unit {
            "ms" => Ok(Self::millis(number)),
            "s" => Ok(Self::secs(number)),
            "m" => Ok(Self::mins(number)),
            "h" => Ok(Self::hours(number)),
            "d" => Ok(Self::days(number)),
            _ => Err(fail()),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_microseconds_through_text() {
        let t: Timestamp = "2026-11-21T10:00:00.250001+01:00".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-21T09:00:00.250001Z");
        assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        assert!("2026-11-21T10:00:00".parse::<Timestamp>().is_err(), "a zone is required");
    }

    #[test]
    fn spans_read_and_write_the_same_text() {
        for text in ["250ms", "15s", "2m", "36h", "3d"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
        for text in ["", "15", "s", "-3s", "1.5h", "3 s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
