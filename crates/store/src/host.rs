//! What the store asks of the program that runs it, and reports to it.

use std::fmt;

use crate::audit::head::SignedHead;

/// The program around the store. Called on the store's thread: no call may wait.
pub trait Host: fmt::Debug + Send + Sync {
    /// Whether packing into blocks, and merging of blocks, has to wait because the machine is
    /// overloaded.
    fn is_overloaded(&self) -> bool {
        false
    }

    /// Packing that was due waits, because of [`Host::is_overloaded`].
    fn sealing_deferred(&self) {}

    /// So many rows of a kind were pruned.
    fn pruned(&self, _kind: &'static str, _rows: u64) {}

    /// So many bytes of the reserve are not there: at the start, and whenever that changes.
    fn reserve_lacks(&self, _bytes: u64) {}

    /// A new head of the audit: it is to leave the machine.
    fn head(&self, _head: &SignedHead) {}

    /// So many small blocks were merged into larger ones.
    fn merged(&self, _blocks: u64) {}
}

/// Nobody counts, and nothing is ever overloaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Host for Alone {}
