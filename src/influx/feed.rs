//! What the store holds, as batches of lines. Calls wait for the disk.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::gather::{Cache, Gathering};
use super::line::{Move, Store};
use crate::privacy::pseudonym::Pseudonyms;
use crate::projection::view::Board;
use vitalgate_domain::core::journal::{BadRow, RowBody};
use vitalgate_domain::device::BINDING_UNCERTAINTY;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::audit::SignedHead;
use vitalgate_store::consumers::ConsumerCursor;
use vitalgate_store::consumers::cursor::{AHEAD, LATEST, SavedPosition};
use vitalgate_store::history::range::History;
use vitalgate_store::history::scan::{Extent, ScanPage};
use vitalgate_store::{ReadError, Reader};

/// A row waits so long before it is exported: until then a change of binding may still take the patient
/// from what was measured just before it. One second is for the commit of that change.
pub(super) const SETTLED: Span = Span::micros(BINDING_UNCERTAINTY.as_micros() + 1_000_000);
/// Moves of alarms in a batch; a line of one takes some 400 bytes.
const MOVES: usize = 500;
/// Words in a batch; a line of one takes some 200 bytes.
const WORDS: usize = 1_000;
/// Points read from history at once.
const PAGE: usize = 4_096;
/// Of heads of the audit one is exported in so long, by their time.
const HEADS_EVERY: Span = Span::mins(1);
/// Rows in a batch: a store without readings has many empty ones.
const ROWS: u64 = 100_000;

/// Why there is no batch.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadFeed {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row cannot be decoded.
    #[error(transparent)]
    Row(#[from] BadRow),
}

/// Reads what InfluxDB lacks.
#[derive(Debug)]
pub(super) struct Feed {
    /// The journal and the transitions.
    pub reader: Reader,
    /// What the journal lost.
    pub history: History,
    /// Who was bound to whom.
    pub board: watch::Receiver<Arc<Board>>,
    /// Names of signals.
    pub signals: watch::Receiver<Arc<SignalTable>>,
    /// Names for patients.
    pub pseudonyms: Pseudonyms,
    /// What every line says.
    pub store: Store,
    /// A batch ends at the first row beyond.
    pub batch_bytes: usize,
    /// Tags made before.
    pub cache: Mutex<Cache>,
    /// Where the audit stands.
    pub heads: watch::Receiver<Option<SignedHead>>,
    /// Of when the last head is that was exported.
    pub told: Mutex<Option<Timestamp>>,
}

/// Lines, and where the cursor stands once they are written.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Whole lines.
    pub lines: Bytes,
    /// The same compressed.
    pub compressed: Bytes,
    /// How many there are.
    pub points: u64,
    /// What no line can say.
    pub unwritable: u64,
    /// The shown time up to which all was exported before.
    pub exported_to: Timestamp,
    /// Where the cursor stands then.
    pub cursor: ConsumerCursor,
    /// Whether there was more to read.
    pub more: bool,
}

impl Feed {
    /// The next batch from journal, words and transitions, empty where nothing is new; rows are exported
    /// [`SETTLED`] after their stamp, `now` by the clock that gives stamps.
    pub(super) fn next(
        &self,
        mut cursor: ConsumerCursor,
        now: Timestamp,
    ) -> Result<Batch, BadFeed> {
        let mut gathering = self.gather();
        if let Some(first) = self.reader.first_row()? {
            cursor.skip_to(first);
            if cursor.upto == Timestamp::default() {
                cursor.upto = first.at;
            }
        }
        let exported_to = cursor.upto;
        let mut broken = Ok(());
        let mut more = false;
        let first = cursor.row;
        // A row whose bindings this board does not know yet waits.
        let bound = gathering.board.seq;
        self.reader.walk(cursor.row, bound, |row| {
            if row.at + SETTLED > now {
                return ControlFlow::Break(());
            }
            let stamp = row.stamp();
            match RowBody::decode(row.n, &row.body) {
                Ok(body) => gathering.samples(&body.samples(stamp)),
                Err(bad) => {
                    broken = Err(bad);
                    return ControlFlow::Break(());
                }
            }
            cursor.row = row.n;
            cursor.upto = stamp.wall();
            more = gathering.lines.len() >= self.batch_bytes || row.n - first >= ROWS;
            if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        broken?;
        // Each stays in a table of its own, whatever becomes of the journal: nothing is refilled of them.
        let words = self.reader.words_after(cursor.word, cursor.row, WORDS)?;
        more |= words.len() == WORDS;
        for (number, word) in words {
            cursor.word = number;
            gathering.word(&word);
        }
        let moves = self.reader.alarms_after(cursor.seq, MOVES)?;
        more |= moves.len() == MOVES;
        for row in moves {
            let transition = Move {
                seq: row.seq,
                at: row.at,
                change: &row.change,
                patient: row.patient.as_ref(),
                body: &row.body,
            };
            cursor.seq = row.seq;
            gathering.alarm(&transition);
        }
        if let Some(head) = self.head_due() {
            gathering.head(&head);
        }
        Ok(gathering.batch(exported_to, cursor, more))
    }

    /// The next batch of what the journal lost, from history; the cursor says when all of it is exported.
    pub(super) fn refill(&self, mut cursor: ConsumerCursor) -> Result<Batch, BadFeed> {
        let mut gathering = self.gather();
        let exported_to = cursor.upto;
        let Some(refill) = &mut cursor.refill else {
            return Ok(gathering.batch(exported_to, cursor, false));
        };
        let extent = Extent {
            from: refill.from - LATEST,
            to: refill.to + AHEAD,
            after_row: refill.after_row,
        };
        let from = refill.place.as_ref().and_then(SavedPosition::position);
        let mut scan = self.history.scan(extent, from);
        let mut ended = false;
        while gathering.lines.len() < self.batch_bytes {
            let Some(ScanPage { series, points }) = scan.next_page(PAGE)? else {
                ended = true;
                break;
            };
            let points = points.into_iter().map(|point| (&series, point));
            gathering.readings(&series.device, points);
        }
        refill.place = scan.position().map(SavedPosition::from);
        if ended || refill.place.is_none() {
            cursor.refilled(self.history.pruned_of_any());
        }
        let more = cursor.refill.is_some();
        Ok(gathering.batch(exported_to, cursor, more))
    }

    fn head_due(&self) -> Option<SignedHead> {
        let head = self.heads.borrow().clone()?;
        let at = head.head.at;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins anew.
        let is_due = told.is_none_or(|told| at < told || at - told >= HEADS_EVERY);
        is_due.then(|| {
            *told = Some(at);
            head
        })
    }

    fn gather(&self) -> Gathering<'_> {
        Gathering {
            store: &self.store,
            pseudonyms: &self.pseudonyms,
            board: Arc::clone(&self.board.borrow()),
            signals: Arc::clone(&self.signals.borrow()),
            cache: self.cache.lock().unwrap_or_else(PoisonError::into_inner),
            lines: Vec::new(),
            points: 0,
            unwritable: 0,
        }
    }
}

#[cfg(test)]
mod tests;
