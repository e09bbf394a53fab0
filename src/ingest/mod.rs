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

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::access::refusals::Refusals;
use crate::clock::Clock;
use crate::inbox::Inbox;
use crate::projection::view::Board;
use crate::telemetry::Metrics;
use vitalgate_domain::model::signal::SignalTable;

/// What a source works with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where messages go.
    pub inbox: Inbox,
    /// The registry of principals is part of the board.
    pub board: watch::Receiver<Arc<Board>>,
    /// Signals, for decoding.
    pub signals: watch::Receiver<Arc<SignalTable>>,
    /// Says when messages arrived.
    pub clock: Clock,
    /// Counts.
    pub metrics: Metrics,
    /// What senders may not do, for the audit.
    pub refusals: Arc<Refusals>,
    /// Has one task for each connection of a device.
    pub tracker: TaskTracker,
    /// Stops the source.
    pub cancel: CancellationToken,
}

/// Makes a message of a publish.
pub type Decode = fn(&vitalgate_formats::Request<'_>, &SignalTable) -> vitalgate_formats::Decoded;
