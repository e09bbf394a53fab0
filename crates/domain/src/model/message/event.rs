//! What a device reports besides readings: events, waveforms, and what it is.

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::ReadingTime;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};

/// `phase` of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Begun and over by the time it is reported.
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

/// What a device states of itself.
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

impl DeviceInfo {
    /// Takes what is stated anew; what is left out stands.
    pub(crate) fn take(&mut self, stated: &Self) {
        let Self { maker, model, serial, udi, firmware, battery_percent, signals } = stated;
        let words = [
            (&mut self.maker, maker),
            (&mut self.model, model),
            (&mut self.serial, serial),
            (&mut self.udi, udi),
            (&mut self.firmware, firmware),
        ];
        for (before, stated) in words.into_iter().filter(|(_, stated)| stated.is_some()) {
            before.clone_from(stated);
        }
        self.battery_percent = battery_percent.or(self.battery_percent);
        if !signals.is_empty() {
            self.signals.clone_from(signals);
        }
    }
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
