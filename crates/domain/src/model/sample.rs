//! Numbers on their way into the history.

use serde::{Deserialize, Serialize};

use super::ids::DeviceId;
use super::instance::Instance;
use super::observation::{DeviceInstant, Source};
use super::signal::SignalId;
use super::time::Timestamp;
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
    pub flags: u8,
}

/// A time as a device's clock said it, told from the corrected one: with that it says which reading of its
/// series a number is (contract §2, "Same reading").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// By how many microseconds the device's clock was ahead, timelines kept apart. 0 is a clock that needed no
    /// correction, and a reading that came without a time.
    #[serde(default)]
    pub ahead: i64,
}

impl Sent {
    /// Further apart than any two clocks are.
    const TIMELINE: i64 = 0x1E37_79B9_7F4A_7C15;

    /// Of a reading of this instant that is kept at `at`.
    pub fn of(instant: Option<DeviceInstant>, at: Timestamp) -> Self {
        let Some(DeviceInstant { at: stamp, timeline }) = instant else { return Self::default() };
        let ahead = (stamp - at).as_micros();
        let ahead = ahead.wrapping_add((timeline as i64).wrapping_mul(Self::TIMELINE));
        Self { ahead }
    }

    /// Whether the device's clock says what the corrected time says.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Flag bits of a sample.
pub mod flag {
    /// Outside the plausible range.
    pub const IMPLAUSIBLE: u8 = 1;
    /// Late or historical: stored, not judged as live.
    pub const LATE: u8 = 2;
    /// Its time is estimated, of arrival or unknown.
    pub const TIME_DOUBTFUL: u8 = 4;
    /// Low quality, test or demo mode, unit in doubt: not judged.
    pub const NOT_JUDGED: u8 = 8;
    /// The true value is below the number (`<`, `<=`).
    pub const BELOW: u8 = 16;
    /// The true value is above the number (`>`, `>=`).
    pub const ABOVE: u8 = 32;
    /// Replaces an earlier value of the same time.
    pub const CORRECTED: u8 = 64;
    /// Was entered in error.
    pub const ERROR: u8 = 128;

    /// The words of the bits that speak of doubt, as lists and exports write them.
    pub fn words(flags: u8) -> impl Iterator<Item = &'static str> {
        const WORDS: [(u8, &str); 6] = [
            (IMPLAUSIBLE, "implausible"),
            (LATE, "late"),
            (TIME_DOUBTFUL, "time_doubtful"),
            (NOT_JUDGED, "not_judged"),
            (CORRECTED, "corrected"),
            (ERROR, "entered_in_error"),
        ];
        WORDS.into_iter().filter(move |(bit, _)| flags & bit != 0).map(|(_, word)| word)
    }

    /// `<` or `>` where the number is only a bound.
    pub fn comparator(flags: u8) -> Option<&'static str> {
        match (flags & BELOW != 0, flags & ABOVE != 0) {
            (true, false) => Some("<"),
            (false, true) => Some(">"),
            (false, false) | (true, true) => None,
        }
    }
}
