//! Numbers on their way into the history.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::ids::DeviceId;
use super::instance::Instance;
use super::message::{ReadingTime, Value};
use super::observation::{DeviceInstant, Source};
use super::signal::SignalId;
use super::time::{Span, Timestamp};
use super::unit::Unit;

/// A series of the history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// Whose.
    pub device: DeviceId,
    /// What.
    pub signal: SignalId,
    /// Lead or channel.
    pub instance: Instance,
}

impl From<&Source> for SeriesKey {
    fn from(Source { device, signal, instance }: &Source) -> Self {
        Self { device: device.clone(), signal: *signal, instance: instance.clone() }
    }
}

/// One number of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which series.
    pub series: SeriesKey,
    /// When it was measured, corrected.
    pub at: Timestamp,
    /// What its device's clock said.
    pub sent: Sent,
    /// When it arrived.
    pub received: Timestamp,
    /// The value in the unit sent.
    pub value: f64,
    /// That unit.
    pub unit: Unit,
    /// Bits of [`flag`].
    pub flags: u16,
}

/// One reading of the history that is no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordSample {
    /// Which series.
    pub series: SeriesKey,
    /// When it was measured, corrected.
    pub at: Timestamp,
    /// What its device's clock said.
    pub sent: Sent,
    /// When it arrived.
    pub received: Timestamp,
    /// What it says.
    pub word: Word,
    /// Bits of [`flag`].
    pub flags: u16,
}

/// What a reading says in place of a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// A code such as `mdc:754113`.
    Code(String),
    /// Words of the device's own.
    Text(String),
    /// An instant.
    Time(Timestamp),
    /// That nothing was measured, and why.
    Absent(String),
}

impl Word {
    /// Of what was measured; `None` for a number.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number { .. } => None,
            Value::Code(code) => Some(Self::Code(code.clone())),
            Value::Text(text) => Some(Self::Text(text.clone())),
            Value::Time(time) => Some(Self::Time(*time)),
            Value::Absent(reason) => Some(Self::Absent(reason.clone())),
        }
    }

    /// Of a kind and what it says, as [`Self::kind`] and [`Self::text`] give them.
    pub fn read(kind: &str, text: String) -> Option<Self> {
        match kind {
            "code" => Some(Self::Code(text)),
            "text" => Some(Self::Text(text)),
            "time" => text.parse().ok().map(Self::Time),
            "absent" => Some(Self::Absent(text)),
            _ => None,
        }
    }

    /// Its field on the wire: `code`, `text`, `time` or `absent`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Code(_) => "code",
            Self::Text(_) => "text",
            Self::Time(_) => "time",
            Self::Absent(_) => "absent",
        }
    }

    /// What it says; a time as RFC 3339 in UTC.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Code(text) | Self::Text(text) | Self::Absent(text) => Cow::Borrowed(text),
            Self::Time(time) => Cow::Owned(time.to_string()),
        }
    }
}

/// A time as a device's clock said it, told from the corrected one: with that it says which reading of its
/// series a number is (contract §2, "Same reading").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// By how many microseconds the device's clock was ahead, timelines kept apart. 0 is a clock that needed no
    /// correction, and a reading that came without a time.
    #[serde(default)]
    pub ahead: i64,
    /// For how long it was measured up to then; `None` at an instant.
    #[serde(default, with = "micros", skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
}

impl Sent {
    /// Further apart than any two clocks are.
    const TIMELINE: i64 = 0x1E37_79B9_7F4A_7C15;

    /// Of a reading of this instant that is kept at `at`.
    pub fn of(instant: Option<DeviceInstant>, time: ReadingTime, at: Timestamp) -> Self {
        let ahead = instant.map_or(0, |DeviceInstant { at: stamp, timeline }| {
            let ahead = (stamp - at).as_micros();
            ahead.wrapping_add((timeline as i64).wrapping_mul(Self::TIMELINE))
        });
        let period = match time {
            ReadingTime::Period(from, to) => Some(to - from),
            ReadingTime::At(_) | ReadingTime::Age(_) | ReadingTime::Unstated => None,
        };
        Self { ahead, period }
    }

    /// Whether the device's clock says what the corrected time says, and that is an instant.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

mod micros {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Span;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(super) fn serialize<S: Serializer>(span: &Option<Span>, to: S) -> Result<S::Ok, S::Error> {
        span.map(Span::as_micros).serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Span>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(Span::micros))
    }
}

/// Flag bits of a sample.
pub mod flag {
    use crate::model::message::Comparator;

    /// Outside the plausible range.
    pub const IMPLAUSIBLE: u16 = 1;
    /// Late or historical: stored, not judged as live.
    pub const LATE: u16 = 2;
    /// Its time is estimated, of arrival or unknown.
    pub const TIME_DOUBTFUL: u16 = 4;
    /// Low quality, test or demo mode, unit in doubt: not judged.
    pub const NOT_JUDGED: u16 = 8;
    /// The true value is below the number (`<`, `<=`).
    pub const BELOW: u16 = 16;
    /// The true value is above the number (`>`, `>=`).
    pub const ABOVE: u16 = 32;
    /// Replaces an earlier value of the same time.
    pub const CORRECTED: u16 = 64;
    /// Was entered in error.
    pub const ERROR: u16 = 128;
    /// The true value may be the number as well (`<=`, `>=`), beside [`BELOW`] or [`ABOVE`].
    pub const OR_EQUAL: u16 = 256;

    /// The words of the bits that speak of doubt, as lists and exports write them.
    pub fn words(flags: u16) -> impl Iterator<Item = &'static str> {
        const WORDS: [(u16, &str); 6] = [
            (IMPLAUSIBLE, "implausible"),
            (LATE, "late"),
            (TIME_DOUBTFUL, "time_doubtful"),
            (NOT_JUDGED, "not_judged"),
            (CORRECTED, "corrected"),
            (ERROR, "entered_in_error"),
        ];
        WORDS.into_iter().filter(move |(bit, _)| flags & bit != 0).map(|(_, word)| word)
    }

    /// How the number was sent, where it is only a bound.
    pub fn comparator(flags: u16) -> Option<Comparator> {
        match (flags & BELOW != 0, flags & ABOVE != 0, flags & OR_EQUAL != 0) {
            (true, false, false) => Some(Comparator::Less),
            (true, false, true) => Some(Comparator::LessOrEqual),
            (false, true, false) => Some(Comparator::Greater),
            (false, true, true) => Some(Comparator::GreaterOrEqual),
            (false, false, _) | (true, true, _) => None,
        }
    }

    /// The bits of a bound.
    pub fn of(comparator: Comparator) -> u16 {
        match comparator {
            Comparator::Less => BELOW,
            Comparator::LessOrEqual => BELOW | OR_EQUAL,
            Comparator::Greater => ABOVE,
            Comparator::GreaterOrEqual => ABOVE | OR_EQUAL,
        }
    }
}
