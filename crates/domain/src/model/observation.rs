//! What a device machine passes on to a patient machine.

use minicbor::{Decode, Encode};

use super::alarm::{Side, TimeQuality};
use super::cause::Cause;
use super::ids::DeviceId;
use super::instance::Instance;
use super::message::{Comparator, Phase};
use super::signal::SignalId;
use super::time::Timestamp;
use super::unit::Unit;

/// A series: what a device measures of one signal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Source {
    /// Whose.
    #[n(0)]
    pub device: DeviceId,
    /// What.
    #[n(1)]
    pub signal: SignalId,
    /// Lead or channel.
    #[n(2)]
    pub instance: Instance,
}

impl Source {
    /// The `source` of its alarms: the device, and the instance where there is one.
    pub fn name(&self) -> String {
        let device = self.device.as_str();
        if self.instance.is_empty() {
            device.to_owned()
        } else {
            [device, "/", self.instance.as_str()].concat()
        }
    }
}

/// An instant by a device's clock, as sent. With device, signal and instance it is what makes a reading the
/// same reading: corrected times move, and numbers are used again (contract §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeviceInstant {
    /// The time.
    #[n(0)]
    pub at: Timestamp,
    /// Of which timeline of its clock.
    #[n(1)]
    pub timeline: u64,
}

/// How old news is (contract §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeliness {
    /// Within the live window.
    Live,
    /// Older, or not newer than what was judged already.
    Late,
}

/// When something was measured, and how far that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// By the device's clock, corrected; the time of arrival where that is all there is.
    pub measured: Timestamp,
    /// The same in the gateway's own time, which no step of the clock moves; never after its arrival.
    pub own: Timestamp,
    /// The same again, never before the last judged reading of its series and
    /// never after its arrival: differences between readings are taken in it.
    pub rule_at: Timestamp,
    /// When it arrived, by the shown clock.
    pub received: Timestamp,
    /// When a relay took it.
    pub relay_at: Option<Timestamp>,
    /// How far `measured` can be trusted.
    pub quality: TimeQuality,
    /// Live or late.
    pub timeliness: Timeliness,
}

impl Timing {
    /// Doubtful time raises and never clears.
    pub fn is_doubtful(&self) -> bool {
        self.quality != TimeQuality::Synced
    }
}

/// One reading, judged fit or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Which series.
    pub source: Source,
    /// Which message.
    pub cause: Cause,
    /// When.
    pub timing: Timing,
    /// When, by its device's clock; `None` without a time.
    pub sent: Option<DeviceInstant>,
    /// Other values of the same time contradict it, or did a moment ago: nobody knows which is right.
    pub conflict: bool,
    /// Another value of its very time does.
    pub contradicted: bool,
    /// It takes the place of another value of the same time.
    pub corrects: bool,
    /// It was measured under an earlier binding of its device to the same patient.
    pub earlier: bool,
    /// What.
    pub content: Content,
    /// Its sample's place among all numbers of the row; `None` where it is not kept.
    pub number: Option<u32>,
}

impl Observation {
    /// That a reading does not count any more.
    pub(crate) fn withdrawn(
        source: Source,
        cause: Cause,
        timing: Timing,
        sent: Option<DeviceInstant>,
    ) -> Self {
        let content = Content::Withdrawn;
        Self {
            source,
            cause,
            timing,
            sent,
            conflict: false,
            contradicted: false,
            corrects: false,
            earlier: false,
            content,
            number: None,
        }
    }
}

/// How the reason begins why something absent is not judged.
pub(crate) const ABSENT: &str = "absent: ";

/// What a reading holds for the rules.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A number to judge.
    Number(Number),
    /// A code, text or time: a sign of life, nothing to compare.
    Word(String),
    /// A zero that the binding declares to mean "no sensor".
    NoSensor,
    /// A number outside the plausible range.
    Implausible(Number),
    /// Over a period longer than what is live: a minimum of the night is no value of now.
    Statistic,
    /// Not judged, and why: low quality, test mode, absent, refused.
    NotJudged(String),
    /// Entered in error: whatever it raised is retracted.
    Withdrawn,
}

/// A number in the unit sent.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Number {
    /// The number.
    #[n(0)]
    pub value: f64,
    /// Its unit.
    #[n(1)]
    pub unit: Unit,
    /// Where only a bound is known.
    #[n(2)]
    pub comparator: Option<Comparator>,
    /// Glucose whose unit is in doubt: raises, marked, and never clears.
    #[n(3)]
    pub unit_doubtful: bool,
}

impl Number {
    /// Whether it lies further out on a side than another.
    pub fn is_worse_than(&self, other: &Self, side: Side) -> bool {
        let Some(value) = self.unit.convert(self.value, other.unit) else { return false };
        match side {
            Side::Low => value < other.value,
            Side::High => value > other.value,
        }
    }
}

/// One event of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Whose.
    pub device: DeviceId,
    /// Which message.
    pub cause: Cause,
    /// When.
    pub timing: Timing,
    /// What.
    pub name: String,
    /// The device's own number of it.
    pub id: Option<String>,
    /// Where in its course.
    pub phase: Phase,
    /// The device's own words.
    pub text: Option<String>,
}

impl Episode {
    /// Whether it is live and its time beyond doubt: only then it may end something.
    pub(crate) fn is_certain(&self) -> bool {
        self.timing.timeliness == Timeliness::Live && !self.timing.is_doubtful()
    }
}
