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

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::access::refusals::Refusals;
use crate::handles::Handles;
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

/// Makes a message of a publish.
pub type Decode = fn(&vitalgate_formats::Request<'_>, &SignalTable) -> vitalgate_formats::Decoded;
