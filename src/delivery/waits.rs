//! What a channel has not told yet, for whoever asks what became of an alarm. Calls wait for the disk.

use std::sync::Arc;

use super::outbox::Outbox;
use super::way::Way;
use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::consumers::Consumer;
use vitalgate_store::reader::TransitionRow;

/// A channel, as far as it concerns what waits for it.
#[derive(Debug)]
pub struct Waits {
    pub(super) channel: ChannelId,
    pub(super) way: Arc<Way>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) consumer: Consumer,
}

impl Waits {
    /// Which channel.
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    /// Of transitions of alarms those that it has to tell and that nobody has taken yet.
    pub fn of(&self, rows: &[TransitionRow], now: Timestamp) -> Vec<u64> {
        let come_to = self.consumer.cursor().seq;
        let behind = rows.iter().filter(|row| row.seq > come_to);
        let events = behind.filter_map(|row| self.outbox.event(row.clone()));
        events.filter(|event| self.way.tells(event, now)).map(|event| event.seq).collect()
    }
}
