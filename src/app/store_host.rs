//! The gateway as its store sees it.

use tokio::sync::watch;
use vitalgate_store::Host;
use vitalgate_store::audit::SignedHead;

use crate::pipeline::load_shedding::{Load, Work};
use crate::telemetry::{Degraded, Metrics};

/// Answers what the store asks, and counts what it reports.
#[derive(Debug)]
pub(super) struct StoreHost {
    pub(super) load: Load,
    pub(super) metrics: Metrics,
    pub(super) degraded: Degraded,
    /// Where the audit stands, for those who carry it away.
    pub(super) heads: watch::Sender<Option<SignedHead>>,
}

impl Host for StoreHost {
    fn is_overloaded(&self) -> bool {
        self.load.is_shed(Work::Sealing)
    }

    fn sealing_deferred(&self) {
        self.metrics.shed(Work::Sealing.as_str());
    }

    fn pruned(&self, kind: &'static str, rows: u64) {
        self.metrics.pruned(kind, rows);
    }

    fn reserve_lacks(&self, bytes: u64) {
        let why = format!("{bytes} bytes of the reserve are not there: make room");
        self.degraded.set("disk", (bytes > 0).then_some(why));
    }

    fn head(&self, head: &SignedHead) {
        self.heads.send_replace(Some(head.clone()));
    }

    fn merged(&self, blocks: u64) {
        self.metrics.merged(blocks);
    }
}
