//! The body of a journal row: the inputs, and where a sample is not what its reading alone gives.
//!
//! State is a fold over rows. The history, though, must come back without folding rows that a
//! snapshot already covers, so a row also states where the core stored a reading otherwise than as
//! sent: at a corrected time, with a flag only the core could know, or not at all. For devices that
//! keep good time the list is empty.

use minicbor::{Decode, Encode};

use crate::device::{device_time, flags_of};
use crate::model::input::Input;
use crate::model::message::{Body, Message, Reading, ReadingTime, Value};
use crate::model::observation::DeviceInstant;
use crate::model::sample::{Sample, Sent, SeriesKey};
use crate::model::time::{Stamp, Timestamp};

/// A message of a few readings takes about so much.
const USUAL_INPUT_BYTES: usize = 192;

/// What a journal row holds.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct RowBody {
    /// The inputs, in order.
    #[n(0)]
    pub inputs: Vec<Input>,
    /// Samples that differ from their readings, by their place among all numbers of the row.
    #[n(1)]
    pub exceptions: Vec<Exception>,
}

/// A number that was stored otherwise than as sent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Exception {
    /// Its place among all numbers of the row, from 0.
    #[n(0)]
    pub place: u32,
    /// When and with which flags it was stored; `None` where it was not stored at all.
    #[n(1)]
    pub stored: Option<(Timestamp, u16)>,
    /// Which reading it is, where that is not what its message says: its timeline was stated before.
    #[n(2)]
    pub ahead: Option<i64>,
}

/// A row body that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the body of row {n} cannot be read: {reason}; the journal is damaged or of a newer version"
)]
pub struct BadRow {
    /// Which row.
    pub n: u64,
    /// Why.
    pub reason: String,
}

impl RowBody {
    /// Puts a folded row together: `stored` are its samples with their places, ascending.
    pub fn new(inputs: Vec<Input>, stored: &[(u32, Sample)], now: Stamp) -> Self {
        let mut exceptions = Vec::new();
        let mut rest = stored.iter().peekable();
        for (place, (message, reading)) in numbers(&inputs).enumerate() {
            let place = place as u32;
            let plain = plain(message, reading, now);
            match rest.next_if(|(p, _)| *p == place) {
                Some((_, sample)) => {
                    let told = Sent::of(plain_instant(message, reading), reading.time, sample.at);
                    let ahead = Some(sample.sent.ahead).filter(|ahead| *ahead != told.ahead);
                    if (sample.at, sample.flags) != plain || ahead.is_some() {
                        let stored = Some((sample.at, sample.flags));
                        exceptions.push(Exception { place, stored, ahead });
                    }
                }
                None => exceptions.push(Exception { place, stored: None, ahead: None }),
            }
        }
        Self { inputs, exceptions }
    }

    /// The bytes of the row.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.inputs.len() * USUAL_INPUT_BYTES);
        minicbor::encode(self, &mut bytes)
            .unwrap_or_else(|e| unreachable!("derived encoders do not fail: {e}"));
        bytes
    }

    /// Reads the bytes of row `n`.
    pub fn decode(n: u64, bytes: &[u8]) -> Result<Self, BadRow> {
        minicbor::decode(bytes).map_err(|e| BadRow { n, reason: e.to_string() })
    }

    /// The samples of the row, as they were stored.
    pub fn samples(&self, now: Stamp) -> Vec<Sample> {
        let mut exceptions = self.exceptions.iter().peekable();
        let mut samples = Vec::new();
        for (place, (message, reading)) in numbers(&self.inputs).enumerate() {
            let exception = exceptions.next_if(|e| e.place == place as u32);
            let (stored, ahead) = match exception {
                Some(Exception { stored, ahead, .. }) => (*stored, *ahead),
                None => (Some(plain(message, reading, now)), None),
            };
            let (Some((at, flags)), Value::Number { value, unit, .. }) = (stored, &reading.value)
            else {
                continue;
            };
            let told = Sent::of(plain_instant(message, reading), reading.time, at);
            samples.push(Sample {
                series: SeriesKey {
                    device: message.device.clone(),
                    signal: reading.signal,
                    instance: reading.instance.clone(),
                },
                at,
                sent: Sent { ahead: ahead.unwrap_or(told.ahead), ..told },
                received: now.wall(),
                value: *value,
                unit: *unit,
                // What a reading says by itself an older version may have left out.
                flags: flags | flags_of(reading),
            });
        }
        samples
    }
}

/// How many numbers a message holds.
pub fn numbers_in(message: &Message) -> u32 {
    match &message.body {
        Body::Telemetry { readings, .. } => readings.iter().filter(|r| is_number(r)).count() as u32,
        Body::Events { .. }
        | Body::Waves { .. }
        | Body::Status { .. }
        | Body::Info { .. }
        | Body::Undecodable { .. } => 0,
    }
}

fn is_number(reading: &Reading) -> bool {
    matches!(reading.value, Value::Number { .. })
}

fn numbers(inputs: &[Input]) -> impl Iterator<Item = (&Message, &Reading)> {
    inputs.iter().filter_map(Input::message).flat_map(|message| {
        let readings = match &message.body {
            Body::Telemetry { readings, .. } => readings.as_slice(),
            Body::Events { .. }
            | Body::Waves { .. }
            | Body::Status { .. }
            | Body::Info { .. }
            | Body::Undecodable { .. } => &[],
        };
        readings.iter().filter(|r| is_number(r)).map(move |reading| (message, reading))
    })
}

/// The sample of a reading by itself.
fn plain(message: &Message, reading: &Reading, now: Stamp) -> (Timestamp, u16) {
    let at = match (device_time(message, reading.time), reading.time) {
        (Some(at), _) => at,
        (None, ReadingTime::Age(age)) => now.wall() - age,
        (None, _) => now.wall(),
    };
    (at, flags_of(reading))
}

/// The instant of a reading as far as its message tells it.
fn plain_instant(message: &Message, reading: &Reading) -> Option<DeviceInstant> {
    let timeline = message.clock.as_ref().and_then(|clock| clock.timeline).unwrap_or_default();
    Some(DeviceInstant { at: device_time(message, reading.time)?, timeline })
}
