//! What the bytes of a message leave behind beside the message itself; the core never sees it.

use super::{Kind, WaveChunk};
use crate::model::ids::DeviceId;

/// What was refused, with its first bytes, to look at later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Who sent it.
    pub principal: DeviceId,
    /// Under whose name, if the topic names one.
    pub device: Option<DeviceId>,
    /// The topic, at most 256 bytes.
    pub topic: String,
    /// Which kind of topic.
    pub kind: Option<Kind>,
    /// Why.
    pub reason: String,
    /// How long it was.
    pub length: u64,
    /// Its first bytes, at most 1 KiB.
    pub head: Vec<u8>,
}

/// Samples of one wave chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct WaveSamples {
    /// Whose.
    pub device: DeviceId,
    /// Its description, as journalled.
    pub chunk: WaveChunk,
    /// The samples.
    pub samples: Vec<i32>,
}
