//! Messages as the contract has them on the wire.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::names::Signal;

/// The kind of topic, each with sequence numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Readings.
    Telemetry,
    /// Episodes.
    Events,
    /// What the device says of itself.
    Info,
    /// The device's own link.
    Status,
}

impl Kind {
    /// The topic of `device` for this kind.
    pub fn topic(self, device: &str) -> String {
        let kind = match self {
            Self::Telemetry => "telemetry",
            Self::Events => "events",
            Self::Info => "info",
            Self::Status => "status",
        };
        format!("vitalgate/v1/{device}/{kind}")
    }
}

/// Whether a message counts as a patient's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As a real device says it; only for a gateway that marks its store as simulated.
    Real,
    /// Raises no physiological alarm.
    Test,
}

/// A message yet without the time it is sent.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Rises whenever `seq` starts again.
    pub boot: u64,
    /// Rises by one per device and kind.
    pub seq: u64,
    /// When it was sent, by the sender's clock.
    pub sent_at: Stamp,
    /// Real or test.
    pub mode: Mode,
    /// How the sender's clock is kept.
    pub clock: Clock,
    /// The hop in between, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<Relay>,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

impl Message {
    /// The bytes on the wire. The same message gives the same bytes, always.
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self).expect("plain structs with string keys always serialise").into()
    }
}

/// How the sender's clock is kept.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Clock {
    /// `network`, `ntp`, `manual` or `none`.
    pub source: &'static str,
}

/// The hop of an implant's message.
#[derive(Clone, Debug, Serialize)]
pub struct Relay {
    /// The relay's id.
    pub id: String,
    /// The implant's clock when the relay took the message.
    pub device_clock: Stamp,
    /// When the relay took it.
    pub received_at: Stamp,
    /// When the relay sent it on.
    pub sent_at: Stamp,
}

/// What a message says.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// Readings.
    Telemetry {
        /// In the order measured.
        readings: Vec<Reading>,
    },
    /// Episodes.
    Events {
        /// Oldest first.
        events: Vec<Event>,
    },
    /// What the device says of itself.
    Info {
        /// Maker.
        maker: &'static str,
        /// Model.
        model: &'static str,
        /// Serial number.
        serial: String,
        /// Firmware.
        firmware: &'static str,
        /// Signals to come, and how often.
        signals: Vec<Expected>,
    },
    /// The device's own link.
    Status {
        /// In words.
        status: &'static str,
    },
}

impl Body {
    /// The kind of topic it goes to.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Telemetry { .. } => Kind::Telemetry,
            Self::Events { .. } => Kind::Events,
            Self::Info { .. } => Kind::Info,
            Self::Status { .. } => Kind::Status,
        }
    }
}

/// A signal that will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Its name.
    pub signal: &'static str,
    /// How often, in seconds.
    pub interval_s: u64,
}

/// One reading.
#[derive(Clone, Debug, Serialize)]
pub struct Reading {
    /// When.
    #[serde(flatten)]
    pub time: ReadingTime,
    /// Which signal.
    pub signal: &'static str,
    /// Lead or chamber.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<&'static str>,
    /// What was measured.
    #[serde(flatten)]
    pub value: Value,
}

impl Reading {
    /// A number measured at one instant.
    pub fn number(at: Timestamp, signal: Signal, value: f64) -> Self {
        let value = Value::Number { value, comparator: None, unit: signal.unit };
        Self::at(at, signal, value)
    }

    /// A signal that could not be measured, with the reason.
    pub fn absent(at: Timestamp, signal: Signal, absent: &'static str) -> Self {
        Self::at(at, signal, Value::Absent { absent })
    }

    /// Any value at one instant.
    pub fn at(at: Timestamp, signal: Signal, value: Value) -> Self {
        Self { time: ReadingTime::At { at: Stamp(at) }, signal: signal.name, instance: None, value }
    }

    /// A statistic over a period.
    pub fn over(from: Timestamp, to: Timestamp, signal: Signal, value: f64) -> Self {
        Self {
            time: ReadingTime::Period { from: Stamp(from), to: Stamp(to) },
            signal: signal.name,
            instance: None,
            value: Value::Number { value, comparator: None, unit: signal.unit },
        }
    }

    /// The same for one lead or chamber.
    #[must_use]
    pub fn of(self, instance: &'static str) -> Self {
        Self { instance: Some(instance), ..self }
    }
}

/// When a reading was taken.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum ReadingTime {
    /// At one instant.
    At {
        /// By the device's clock.
        at: Stamp,
    },
    /// Over a period.
    Period {
        /// Its begin.
        from: Stamp,
        /// Its end.
        to: Stamp,
    },
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number {
        /// In `unit`.
        value: f64,
        /// Where only a bound is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        comparator: Option<&'static str>,
        /// UCUM.
        unit: &'static str,
    },
    /// A code.
    Code {
        /// With the prefix of its system.
        code: &'static str,
    },
    /// Nothing, and why.
    Absent {
        /// The reason, after FHIR's data-absent-reason.
        absent: &'static str,
    },
}

/// One episode.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// The device's own number of the episode.
    pub id: String,
    /// When it began, by the device's clock.
    pub at: Stamp,
    /// What it is.
    pub event: &'static str,
    /// Where it is in its course.
    pub phase: &'static str,
    /// The device's words.
    pub text: &'static str,
}

/// A time written in RFC 3339 with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Timestamp);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn a_message_is_written_as_the_contract_shows_it() {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let message = Message {
            boot: 17,
            seq: 42,
            sent_at: Stamp(at),
            mode: Mode::Real,
            clock: Clock { source: "ntp" },
            relay: None,
            body: Body::Telemetry {
                readings: vec![
                    Reading::number(at, names::HEART_RATE, 72.0),
                    Reading::absent(at, names::NIBP_SYS, "not-performed"),
                    Reading::over(at, at, names::PACING_PERCENT, 98.2).of(names::RV),
                    Reading::at(
                        at,
                        names::BATTERY_STATUS,
                        Value::Code { code: names::BATTERY_IN_SERVICE },
                    ),
                ],
            },
        };
        let stamp = "2026-11-21T10:00:00.000Z";
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&message.encode()).unwrap(),
            serde_json::json!({
                "boot": 17, "seq": 42, "sent_at": stamp, "mode": "real", "clock": { "source": "ntp" },
                "readings": [
                    { "at": stamp, "signal": "heart_rate", "value": 72.0, "unit": "/min" },
                    { "at": stamp, "signal": "nibp_sys", "absent": "not-performed" },
                    { "from": stamp, "to": stamp, "signal": "pacing_percent", "instance": "RV",
                      "value": 98.2, "unit": "%" },
                    { "at": stamp, "signal": "battery_status", "code": "mdc:754113" },
                ],
            })
        );
    }
}
