//! Where data come in: bytes from devices become decoded inputs in the inbox.
//!
//! Two sources: devices connect to the `listener`; the `subscriber` fetches what they published to
//! a broker of the site. Both decode alike and acknowledge after the commit.

pub mod access;
mod bundle;
mod line;
mod settings;
pub mod sources;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::access::budgets::SenderBudget;
pub use self::access::refusals::Refusals;
use crate::handles::Handles;
use crate::projection::view::Board;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::signal::SignalTable;

/// What a source works with.
#[derive(Clone, Debug)]
pub struct SourceHandles {
    /// What it shares with every interface.
    pub handles: Handles,
    /// What senders may not do, for the audit.
    pub refusals: Arc<Refusals>,
    /// Has one task for each connection of a device.
    pub tracker: TaskTracker,
    /// Stops the source.
    pub cancel: CancellationToken,
}

impl SourceHandles {
    /// Takes what a sender sent, so many messages and bytes, of its budget, which is that of the devices it speaks for; how
    /// long it is not read for that. Where time goes by the messages nobody is slowed.
    pub(crate) fn charge(
        &self,
        sender: &DeviceId,
        sent: (usize, usize),
        devices: impl FnOnce(&Board) -> u64,
    ) -> Duration {
        let Handles { board, clock, metrics, .. } = &self.handles;
        if clock.follows_stream() {
            return Duration::ZERO;
        }
        let devices = || devices(&board.borrow());
        let wait = self.refusals.charge(sender, sent, devices, clock.stamp().at);
        if wait > Duration::ZERO {
            metrics.slowed();
        }
        wait
    }
}

/// Makes a message of a publish.
pub type Decode = fn(&vitalgate_formats::Request<'_>, &SignalTable) -> vitalgate_formats::Decoded;
