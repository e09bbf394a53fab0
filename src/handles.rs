//! What every interface holds of the gateway behind it: the way in, what is published, time, and
//! where to report. Made once, cheap to clone.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::inbox::{Inbox, Receipt, Submission};
use crate::projection::view::Board;
use crate::synthetic::Synthetic;
use crate::telemetry::{Degraded, Metrics};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;

/// The handles that travel together.
#[derive(Clone, Debug)]
pub struct Handles {
    /// The one way in for whatever changes something.
    pub inbox: Inbox,
    /// What the pipeline published last; the registry of principals is part of it.
    pub board: watch::Receiver<Arc<Board>>,
    /// The signal table in force.
    pub signals: watch::Receiver<Arc<SignalTable>>,
    /// The clock shown.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Metrics,
    /// Where a part reports that it does not work as it should.
    pub degraded: Degraded,
    /// What the synthetic patient is known by, and how far it has come.
    pub synthetic: Synthetic,
}

impl Handles {
    /// Handles whose metrics stand at zero and where nothing is degraded.
    pub fn new(
        inbox: Inbox,
        board: watch::Receiver<Arc<Board>>,
        signals: watch::Receiver<Arc<SignalTable>>,
        clock: Clock,
    ) -> Self {
        let (metrics, degraded) = (Metrics::default(), Degraded::default());
        let synthetic = Synthetic::default();
        Self { inbox, board, signals, clock, metrics, degraded, synthetic }
    }

    /// The board as it is now.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board.borrow())
    }

    /// Tells the core something; whether it did, for good.
    pub async fn tell(&self, inputs: Vec<Input>) -> bool {
        // Before a stream's first message there is no time that an alarm could have.
        if self.clock.wall() < Timestamp::YEAR_2000 {
            return false;
        }
        let (receipt, committed) = Receipt::new();
        let told = self.inbox.submit(Submission::of(inputs, 0, receipt)).await;
        told.is_ok() && committed.await.is_ok()
    }

    /// The signal table as it is now.
    pub fn signals(&self) -> Arc<SignalTable> {
        Arc::clone(&self.signals.borrow())
    }
}
