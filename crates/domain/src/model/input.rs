//! Everything that can change the core: the body of a journal row is a list of these.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::alarm::{Alarm, Priority};
use super::command::Command;
use super::duty::DutyPlan;
use super::ids::{AlarmId, ChannelId, DeviceId, WardId};
use super::message::Message;
use super::pack::Pack;
use super::time::Timestamp;

/// One input. Numbers are part of the journal and never used again.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Input {
    /// A message, decoded or not.
    #[n(0)]
    Message(#[n(0)] Box<Message>),
    /// A principal's connection came or went.
    #[n(1)]
    Link {
        /// Whose.
        #[n(0)]
        principal: DeviceId,
        /// Came or went.
        #[n(1)]
        connected: bool,
        /// Went by DISCONNECT.
        #[n(2)]
        clean: bool,
    },
    /// A command.
    #[n(2)]
    Command(#[n(0)] Box<Command>),
    /// The texts the core is configured by, in force from here on.
    #[n(3)]
    Configuration {
        /// `config/signals.toml`.
        #[n(0)]
        signals: String,
        /// `config/rules.toml`.
        #[n(1)]
        rules: String,
        /// The site's other settings, canonical TOML.
        #[n(2)]
        site: String,
        /// The packs of rules that are switched on.
        #[n(3)]
        #[cbor(default)]
        packs: Vec<Pack>,
    },
    /// Intake stood still from `from` to `to` (docs/architecture.md).
    #[n(4)]
    IntakeGap {
        /// The stamp of the last row before.
        #[n(0)]
        from: Timestamp,
        /// When intake began again.
        #[n(1)]
        to: Timestamp,
    },
    /// The wall clock moved against the gateway's own time by more than 100 ms.
    #[n(5)]
    ClockStep {
        /// Old offset, in microseconds.
        #[n(0)]
        from_us: i64,
        /// New offset, in microseconds.
        #[n(1)]
        to_us: i64,
    },
    /// Commits fail, or succeed again.
    #[n(6)]
    Store {
        /// Whether they fail.
        #[n(0)]
        failing: bool,
    },
    /// The wards with patients that no open stream has shown for a minute; all others are watched.
    #[n(7)]
    Unwatched(#[n(0)] Vec<WardId>),
    /// The rows before were folded by an older core; always the first input of its row. What the
    /// present core makes of them is settled with what was announced of them.
    #[n(8)]
    Upgraded {
        /// The version of the core that folded the row before.
        #[n(0)]
        from: u32,
        /// The number of the next transition.
        #[n(1)]
        next_seq: u64,
        /// The alarms that the transitions table holds open, each as of its newest transition.
        #[n(2)]
        held: Vec<Alarm>,
    },
    /// What the machine states of its own clock.
    #[n(9)]
    Synchronised(#[n(0)] Synchronised),
    /// Publishes under a name that the sender may not speak for.
    #[n(10)]
    NotAllowed {
        /// Who published; `None` for several.
        #[n(0)]
        principal: Option<DeviceId>,
        /// The name in the topic; `None` for several, or none.
        #[n(1)]
        name: Option<DeviceId>,
        /// How often since then.
        #[n(2)]
        count: u64,
        /// When it was tried first in this hour.
        #[n(3)]
        since: Timestamp,
        /// The topic, where it names no device; escaped and cut.
        #[n(4)]
        topic: Option<String>,
    },
    /// Whether the way from a broker of the site to the core is proven: the probe sent through it
    /// came back, or it did not in time.
    #[n(11)]
    Broker {
        /// The connector its messages come by.
        #[n(0)]
        id: DeviceId,
        /// What is wrong; `None` where the probe came back, or the broker is configured no more.
        #[n(1)]
        fault: Option<String>,
    },
    /// How InfluxDB takes what is exported to it, where that changed.
    #[n(12)]
    Sink {
        /// The status with which it refuses everything.
        #[n(0)]
        refused: Option<u16>,
        /// Whether it is further behind than it may be.
        #[n(1)]
        behind: bool,
        /// The server's words for it, fit for everybody's eyes.
        #[n(2)]
        words: Option<String>,
    },
    /// Lines that InfluxDB will never take; the export goes on behind them.
    #[n(13)]
    LinesRefused {
        /// Why.
        #[n(0)]
        why: LineRefusal,
        /// How many.
        #[n(1)]
        lines: u64,
        /// The server's words for it, fit for everybody's eyes.
        #[n(2)]
        words: String,
    },
    /// Somebody could not prove who they are, or may not connect.
    #[n(14)]
    SignInsFailed(#[n(0)] FailedSignIns),
    /// Connections were closed or turned away for want of places, or no longer are.
    #[n(15)]
    Crowded {
        /// At which door.
        #[n(0)]
        way: SignInWay,
        /// How many within the last minute; 0 where it is over.
        #[n(1)]
        ended: u64,
        /// From where the last of them came.
        #[n(2)]
        address: Option<String>,
    },
    /// The disk is full, so that nothing of devices is taken in, or has room again.
    #[n(16)]
    Disk {
        /// Whether it is.
        #[n(0)]
        full: bool,
    },
    /// A sender sends more than its budget, so that it is read slowly, or no longer does.
    #[n(17)]
    OverBudget {
        /// Who connects.
        #[n(0)]
        sender: DeviceId,
        /// Whether it does.
        #[n(1)]
        over: bool,
    },
    /// How a channel takes what is announced, where that changed.
    #[n(18)]
    Undelivered {
        /// Which.
        #[n(0)]
        channel: ChannelId,
        /// The gravest of what it has not taken in time; `None` where nothing waits.
        #[n(1)]
        waits: Option<Priority>,
        /// What the other side answers, fit for everybody's eyes.
        #[n(2)]
        words: String,
    },
    /// A channel will never take some of what was announced; what follows goes on.
    #[n(19)]
    NotTaken {
        /// Which.
        #[n(0)]
        channel: ChannelId,
        /// What the other side answers, fit for everybody's eyes.
        #[n(1)]
        words: String,
    },
    /// Who is on duty from here on; `None` where no plan says so any more.
    #[n(40)]
    Duty(#[n(0)] Option<Box<DutyPlan>>),
    /// A channel took what a transition told somebody.
    #[n(41)]
    Delivered {
        /// Which.
        #[n(0)]
        channel: ChannelId,
        /// Of which alarm.
        #[n(1)]
        alarm: AlarmId,
        /// The transition.
        #[n(2)]
        seq: u64,
    },
    /// Whether the synthetic patient comes out in time, where that changed.
    #[n(60)]
    Synthetic {
        /// Where it stays; `None` where it comes out again, or nobody sends it any more.
        #[n(0)]
        fault: Option<String>,
    },
    /// More alarms were late on a stretch of their way than may be, or no longer.
    #[n(61)]
    Late {
        /// On which.
        #[n(0)]
        stretch: Stretch,
        /// How many of the last hour; `None` where it is over.
        #[n(1)]
        found: Option<LateAlarms>,
    },
}

/// A stretch of the way of an alarm that has a time to keep. Numbers are part of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Stretch {
    /// From what raised it being received to its being committed and announced.
    #[n(0)]
    Announced,
    /// From there to a channel taking it.
    #[n(1)]
    Taken,
}

impl Stretch {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Announced, Self::Taken];

    /// As the source of the alarm, and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Taken => "taken",
        }
    }
}

/// Alarms of an hour that were late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LateAlarms {
    /// How many.
    #[n(0)]
    pub late: u64,
    /// Of how many.
    #[n(1)]
    pub all: u64,
    /// Within how long they should have been there, in milliseconds.
    #[n(2)]
    pub within_ms: u64,
    /// How long the slowest took, in milliseconds.
    #[n(3)]
    pub worst_ms: u64,
}

/// What InfluxDB has against a line for good. Numbers are part of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum LineRefusal {
    /// This one line, for a reason of its own.
    #[n(0)]
    Line,
    /// It is older than the bucket keeps anything.
    #[n(1)]
    Retention,
    /// It would begin a series, and the server takes no more of them.
    #[n(2)]
    Series,
    /// A field of it is of another type there.
    #[n(3)]
    FieldType,
}

impl LineRefusal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Line, Self::Retention, Self::Series, Self::FieldType];

    /// In metrics, and as the source of the alarm.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Retention => "retention",
            Self::Series => "series",
            Self::FieldType => "field_type",
        }
    }
}

impl Input {
    /// The message, if it is one.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Link { .. }
            | Self::Command(_)
            | Self::Configuration { .. }
            | Self::IntakeGap { .. }
            | Self::ClockStep { .. }
            | Self::Store { .. }
            | Self::Unwatched(_)
            | Self::Upgraded { .. }
            | Self::Synchronised(_)
            | Self::NotAllowed { .. }
            | Self::Broker { .. }
            | Self::Sink { .. }
            | Self::LinesRefused { .. }
            | Self::SignInsFailed(_)
            | Self::Crowded { .. }
            | Self::Disk { .. }
            | Self::OverBudget { .. }
            | Self::Undelivered { .. }
            | Self::NotTaken { .. }
            | Self::Duty(_)
            | Self::Delivered { .. }
            | Self::Synthetic { .. }
            | Self::Late { .. } => None,
        }
    }
}

/// Attempts to sign in that failed, alike in name and address.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct FailedSignIns {
    /// On which way; `None` for several names.
    #[n(0)]
    pub way: Option<SignInWay>,
    /// The name claimed, escaped and cut; `None` for none, or several.
    #[n(1)]
    pub name: Option<String>,
    /// From where; `None` for several addresses.
    #[n(2)]
    pub address: Option<String>,
    /// Why the last of them failed.
    #[n(3)]
    pub why: String,
    /// How often since then.
    #[n(4)]
    pub count: u64,
    /// When it was tried first in this minute.
    #[n(5)]
    pub since: Timestamp,
}

/// Where somebody signs in. Numbers are part of the journal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum SignInWay {
    /// A device, over MQTT.
    #[n(0)]
    Mqtt,
    /// A person or program, over HTTP.
    #[n(1)]
    Http,
}

impl SignInWay {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Mqtt, Self::Http];

    /// In metrics, and as the source of an alarm.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Http => "http",
        }
    }
}

/// Whether the machine's clock is synchronised. Numbers are part of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Synchronised {
    /// It is.
    #[n(0)]
    Yes,
    /// It is not.
    #[n(1)]
    No,
    /// Nobody knows, and why.
    #[n(2)]
    Unknown(#[n(0)] String),
    /// Nobody is asked any more.
    #[n(3)]
    NotAsked,
}
