//! What a device sends, decoded (contract §2): the journalled form of telemetry, events, waves,
//! status and info. Field numbers are part of the journal and never used again.

mod event;
mod old;
mod raw;
mod reading;
mod refused;

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::ids::DeviceId;
use super::time::{Span, Timestamp};
pub use event::{DeviceInfo, Event, ExpectedSignal, Phase, WaveChunk};
pub use old::OldByStamp;
pub use raw::{DeadLetter, WaveSamples};
pub use reading::{Comparator, Reading, ReadingTime, Status, Value};
pub use refused::{RefusalReason, Refused};

/// What is nearly always so is not written down, and read back where it is missing.
fn usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

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
    /// How it is kept, where stated.
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

impl Relay {
    /// What to add to the implant's time to have the relay's; nothing where the relay did not read its clock.
    pub fn implant_correction(&self) -> Span {
        self.received_at.zip(self.device_clock).map_or(Span::ZERO, |(at, clock)| at - clock)
    }
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
    #[cbor(skip_if = "usual")]
    pub retained: bool,
    /// A redelivery by the client's own word.
    #[n(2)]
    #[cbor(skip_if = "usual")]
    pub dup: bool,
    /// From the backlog of a resumed session.
    #[n(3)]
    #[cbor(skip_if = "usual")]
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
    #[cbor(skip_if = "usual")]
    pub mode: Mode,
    /// The sender's clock, where described.
    #[n(6)]
    pub clock: Option<Clock>,
    /// The hop in between, where there was one.
    #[n(7)]
    pub relay: Option<Relay>,
    /// The first 8 bytes of the payload's SHA-256, big-endian: distinguishes a redelivery from a reused number.
    #[n(8)]
    pub hash: u64,
    /// How it came.
    #[n(9)]
    pub delivery: Delivery,
    /// Fields nobody knows, counted.
    #[n(10)]
    #[cbor(skip_if = "usual")]
    pub unknown_fields: u32,
    /// What it contains.
    #[n(11)]
    pub body: Body,
    /// What of it is older than it is kept, unless its clock is wrong.
    #[n(12)]
    pub old: Option<Box<OldByStamp>>,
}

/// What a message contains.
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
        /// What the device states of itself.
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
