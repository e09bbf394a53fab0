//! What became of telling a transition by a channel, written with the cursor that moves past it.

use rusqlite::{Transaction, params};

use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::time::Timestamp;

/// A channel is done with a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Which transition.
    pub seq: u64,
    /// By which channel.
    pub channel: ChannelId,
    /// When it was tried first, by the clock shown.
    pub tried: Timestamp,
    /// When it was taken, or given up.
    pub at: Timestamp,
    /// How often it was sent.
    pub tries: u32,
    /// `taken`, or why it was given up.
    pub result: String,
}

/// The other side has it.
pub const TAKEN: &str = "taken";

impl Delivered {
    /// Whether the other side has it.
    pub fn is_taken(&self) -> bool {
        self.result == TAKEN
    }
}

/// Writes it; what a restart sent a second time counts as of the last time.
pub(crate) fn insert(tx: &Transaction<'_>, of: &Delivered) -> rusqlite::Result<()> {
    let Delivered { seq, channel, tried, at, tries, result } = of;
    tx.prepare_cached("INSERT OR REPLACE INTO deliveries VALUES(?, ?, ?, ?, ?, ?)")?.execute(
        params![*seq as i64, channel.as_str(), tried.as_micros(), at.as_micros(), tries, result,],
    )?;
    Ok(())
}
