//! What a device says, decoded (contract §2): the journalled form of telemetry, events, waves,
//! status and info. Field numbers are part of the journal and never used again.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::DeviceId;
use super::instance::Instance;
use super::signal::SignalId;
use super::time::{Span, Timestamp};
use super::unit::Unit;

/// The kind of topic, each with its own sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Readings.
    #[n(0)]
    Telemetry,
    /// Episodes and other happenings.
    #[n(1)]
    Events,
    /// Waveforms.
    #[n(2)]
    Waves,
    /// The device's own link, last wills included.
    #[n(3)]
    Status,
    /// Maker, model, firmware, signals to come.
    #[n(4)]
    Info,
}

/// `real`, or data that raise no physiological alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A patient's data.
    #[default]
    #[n(0)]
    Real,
    /// A test; counts as silence.
    #[n(1)]
    Test,
    /// A demonstration; counts as silence.
    #[n(2)]
    Demo,
    /// The gateway's own synthetic patient.
    #[n(3)]
    Probe,
}

/// How the sender's clock is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// By the mobile network: its offset is taken as zero.
    #[n(0)]
    Network,
    /// By NTP: its offset is taken as zero.
    #[n(1)]
    Ntp,
    /// By hand.
    #[n(2)]
    Manual,
    /// Not at all.
    #[n(3)]
    None,
}

/// `clock` of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Clock {
    /// How it is kept, where said.
    #[n(0)]
    pub source: Option<ClockSource>,
    /// Rises with every step of the device's clock.
    #[n(1)]
    pub timeline: Option<u64>,
}

/// `relay` of a message: the hop between implant and network.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Relay {
    /// Who carried it.
    #[n(0)]
    pub id: DeviceId,
    /// The implant's clock at the moment of reception.
    #[n(1)]
    pub device_clock: Option<Timestamp>,
    /// When the relay took it, by the relay's clock.
    #[n(2)]
    pub received_at: Option<Timestamp>,
    /// When the relay sent it on, by the relay's clock.
    #[n(3)]
    pub sent_at: Option<Timestamp>,
}

/// How a publish reached the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Delivery {
    /// 0, 1 or 2; a message of QoS 0 is unprotected.
    #[n(0)]
    pub qos: u8,
    /// A retained value of an external broker.
    #[n(1)]
    pub retained: bool,
    /// A redelivery by the client's own word.
    #[n(2)]
    pub dup: bool,
    /// From the backlog of a resumed session.
    #[n(3)]
    pub resumed: bool,
}

impl Delivery {
    /// Whether the message may have been made just now (contract §3).
    pub fn could_be_live(self) -> bool {
        !self.retained && !self.dup && !self.resumed
    }
}

/// One decoded message.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Message {
    /// Who published it.
    #[n(0)]
    pub principal: DeviceId,
    /// Whom it speaks of.
    #[n(1)]
    pub device: DeviceId,
    /// Rises whenever `seq` starts again.
    #[n(2)]
    pub boot: Option<u64>,
    /// Rises by one per device, kind and boot.
    #[n(3)]
    pub seq: Option<u64>,
    /// The sender's clock when it was sent.
    #[n(4)]
    pub sent_at: Option<Timestamp>,
    /// Real, test, demo or probe.
    #[n(5)]
    pub mode: Mode,
    /// The sender's clock, where described.
    #[n(6)]
    pub clock: Option<Clock>,
    /// The hop in between, where there was one.
    #[n(7)]
    pub relay: Option<Relay>,
    /// The first 8 bytes of the payload's SHA-256, big-endian: tells a redelivery from a reused number.
    #[n(8)]
    pub hash: u64,
    /// How it came.
    #[n(9)]
    pub delivery: Delivery,
    /// Fields nobody knows, counted.
    #[n(10)]
    pub unknown_fields: u32,
    /// What it says.
    #[n(11)]
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Body {
    /// `telemetry`.
    #[n(0)]
    Telemetry {
        /// Readings accepted, each with its place in the message.
        #[n(0)]
        readings: Vec<Reading>,
        /// Readings refused; the others stand.
        #[n(1)]
        refused: Vec<Refused>,
    },
    /// `events`.
    #[n(1)]
    Events {
        /// Events accepted.
        #[n(0)]
        events: Vec<Event>,
        /// Events refused.
        #[n(1)]
        refused: Vec<Refused>,
    },
    /// `waves`: the samples themselves are stored as chunks beside the journal.
    #[n(2)]
    Waves {
        /// One line a chunk.
        #[n(0)]
        chunks: Vec<WaveChunk>,
        /// Chunks refused.
        #[n(1)]
        refused: Vec<Refused>,
    },
    /// `status`, or a last will.
    #[n(3)]
    Status {
        /// Whether it is the last will of the connection that was lost.
        #[n(0)]
        will: bool,
        /// Its text, at most 256 bytes.
        #[n(1)]
        text: String,
    },
    /// `info`.
    #[n(4)]
    Info {
        /// What the device says of itself.
        #[n(0)]
        info: DeviceInfo,
    },
    /// Nothing of it could be read; a dead letter holds its first bytes.
    #[n(5)]
    Undecodable {
        /// The topic kind it came on.
        #[n(0)]
        kind: Kind,
        /// Why, one line.
        #[n(1)]
        reason: String,
    },
}

impl Body {
    /// The kind of topic it came on.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Telemetry { .. } => Kind::Telemetry,
            Self::Events { .. } => Kind::Events,
            Self::Waves { .. } => Kind::Waves,
            Self::Status { .. } => Kind::Status,
            Self::Info { .. } => Kind::Info,
            Self::Undecodable { kind, .. } => *kind,
        }
    }
}

/// `from` and `to` around the mean, one instant, or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ReadingTime {
    /// At an instant of the device's clock.
    #[n(0)]
    At(#[n(0)] Timestamp),
    /// Over a period; the reading counts at its end.
    #[n(1)]
    Period(#[n(0)] Timestamp, #[n(1)] Timestamp),
    /// So long before `sent_at` or, without it, before arrival.
    #[n(2)]
    Age(#[n(0)] Span),
    /// Not said.
    #[n(3)]
    Unstated,
}

/// The true value lies on this side of the one sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
pub enum Comparator {
    /// `<`
    #[n(0)]
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[n(1)]
    #[serde(rename = "<=")]
    LessOrEqual,
    /// `>=`
    #[n(2)]
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// `>`
    #[n(3)]
    #[serde(rename = ">")]
    Greater,
}

impl Comparator {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Value {
    /// A finite number in the unit the device sent.
    #[n(0)]
    Number {
        /// The number.
        #[n(0)]
        value: f64,
        /// Its unit.
        #[n(1)]
        unit: Unit,
        /// Where the device only knows a bound.
        #[n(2)]
        comparator: Option<Comparator>,
    },
    /// A code such as `mdc:754113`.
    #[n(1)]
    Code(#[n(0)] String),
    /// An instant.
    #[n(2)]
    Time(#[n(0)] Timestamp),
    /// Words.
    #[n(3)]
    Text(#[n(0)] String),
    /// Not measured, with the reason given.
    #[n(4)]
    Absent(#[n(0)] String),
}

/// `status` of a reading, after FHIR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Status {
    /// As measured.
    #[default]
    #[n(0)]
    Final,
    /// To be confirmed.
    #[n(1)]
    Preliminary,
    /// Replaces an earlier value of the same time.
    #[n(2)]
    Corrected,
    /// Never was.
    #[n(3)]
    EnteredInError,
}

/// One accepted reading.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Reading {
    /// Its place in the message's list, from 0.
    #[n(0)]
    pub index: u32,
    /// What was measured.
    #[n(1)]
    pub signal: SignalId,
    /// Lead, zone or channel; empty where there is only one.
    #[n(2)]
    pub instance: Instance,
    /// When, by the device's clock.
    #[n(3)]
    pub time: ReadingTime,
    /// The value.
    #[n(4)]
    pub value: Value,
    /// 0..1; `low`, `medium`, `high` count as 0.25, 0.6, 0.9. `None` is not stated, not 1.
    #[n(5)]
    pub quality: Option<f32>,
    /// Final unless said otherwise.
    #[n(6)]
    pub status: Status,
    /// Outside the plausible range of the signal.
    #[n(7)]
    pub implausible: bool,
    /// Glucose of 10-33 "mg/dL" (contract §2).
    #[n(8)]
    pub unit_doubtful: bool,
}

/// `phase` of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Begun and over by the time it is told.
    #[default]
    #[n(0)]
    Single,
    /// The condition began.
    #[n(1)]
    Start,
    /// It goes on.
    #[n(2)]
    Update,
    /// It ended.
    #[n(3)]
    End,
}

/// One accepted event.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Event {
    /// Its place in the message's list, from 0.
    #[n(0)]
    pub index: u32,
    /// The device's own number of the episode.
    #[n(1)]
    pub id: Option<String>,
    /// When, by the device's clock.
    #[n(2)]
    pub time: ReadingTime,
    /// What, such as `vf_detected`.
    #[n(3)]
    pub name: String,
    /// Where in its course.
    #[n(4)]
    pub phase: Phase,
    /// The device's own words, at most 256 bytes.
    #[n(5)]
    pub text: Option<String>,
}

/// One chunk of a waveform; its samples are in the `waves` table.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct WaveChunk {
    /// Its place in the message's list, from 0.
    #[n(0)]
    pub index: u32,
    /// Time of the first sample.
    #[n(1)]
    pub at: Timestamp,
    /// Which lead or channel, as the device names it.
    #[n(2)]
    pub signal: String,
    /// Samples a second.
    #[n(3)]
    pub rate_hz: f64,
    /// The unit of `sample × scale + offset`.
    #[n(4)]
    pub unit: String,
    /// Factor.
    #[n(5)]
    pub scale: f64,
    /// Summand.
    #[n(6)]
    pub offset: f64,
    /// How many samples.
    #[n(7)]
    pub samples: u32,
}

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct DeviceInfo {
    /// Maker.
    #[n(0)]
    pub maker: Option<String>,
    /// Model.
    #[n(1)]
    pub model: Option<String>,
    /// Serial number.
    #[n(2)]
    pub serial: Option<String>,
    /// Unique device identifier.
    #[n(3)]
    pub udi: Option<String>,
    /// Firmware version.
    #[n(4)]
    pub firmware: Option<String>,
    /// Own battery in percent.
    #[n(5)]
    pub battery_percent: Option<f64>,
    /// Signals to come.
    #[n(6)]
    pub signals: Vec<ExpectedSignal>,
}

/// A signal a device will send, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ExpectedSignal {
    /// Which.
    #[n(0)]
    pub signal: SignalId,
    /// How often; `None` takes the interval of the device's class.
    #[n(1)]
    pub interval: Option<Span>,
}

impl Serialize for ExpectedSignal {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (self.signal.0, self.interval).serialize(s)
    }
}

/// Why one reading, event or chunk was refused.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// Its place in the message's list, from 0.
    #[n(0)]
    pub index: u32,
    /// The signal, if that much could be read: its silence then names the reason.
    #[n(1)]
    pub signal: Option<SignalId>,
    /// The class of the reason.
    #[n(2)]
    pub reason: RefusalReason,
    /// The reason in words, at most 200 bytes, without the value.
    #[n(3)]
    pub detail: String,
}

/// The classes of refusal, as counted in `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Not the shape of contract §2: missing, doubled or contradictory fields.
    #[n(0)]
    Shape,
    /// The signal is not in the table.
    #[n(1)]
    UnknownSignal,
    /// The unit is unknown or of another quantity.
    #[n(2)]
    Unit,
    /// Not a finite number, or a text, code or id out of bounds.
    #[n(3)]
    Value,
    /// No usable time.
    #[n(4)]
    Time,
    /// Older than retention.
    #[n(5)]
    TooOld,
    /// Larger than allowed.
    #[n(6)]
    TooLarge,
    /// Not JSON or CBOR, or nested too deeply.
    #[n(7)]
    Syntax,
}

impl RefusalReason {
    /// The word used in labels and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::UnknownSignal => "unknown_signal",
            Self::Unit => "unit",
            Self::Value => "value",
            Self::Time => "time",
            Self::TooOld => "too_old",
            Self::TooLarge => "too_large",
            Self::Syntax => "syntax",
        }
    }
}
