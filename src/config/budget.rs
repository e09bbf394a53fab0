//! `[budget]`: how much of a sender is taken in.

use serde::Deserialize;

use super::BadConfig;

/// `[budget]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Messages that a device may send in an hour; a relay so many for each of its devices.
    pub messages_an_hour: u64,
    /// Bytes of them.
    pub bytes_an_hour: u64,
}

/// Below these a device that keeps to its class is slowed.
const LEAST: (u64, u64) = (60, 64 << 10);

impl Budget {
    pub(super) fn check(self) -> Result<(), BadConfig> {
        let (messages, bytes) = LEAST;
        if self.messages_an_hour < messages || self.bytes_an_hour < bytes {
            return Err(BadConfig::Budget { messages, bytes });
        }
        Ok(())
    }
}

/// Far above what any device sends: 277 messages and 298 kB a second, all day.
impl Default for Budget {
    fn default() -> Self {
        Self { messages_an_hour: 1_000_000, bytes_an_hour: 1 << 30 }
    }
}
