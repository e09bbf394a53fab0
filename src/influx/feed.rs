//! What the store holds, as batches of lines. Calls wait for the disk.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::line::{Move, Store, Tags};
use super::transport::gzip;
use crate::domain::consent::{Purpose, may};
use crate::domain::ids::PatientId;
use crate::domain::journal::{BadRow, RowBody};
use crate::domain::signal::SignalTable;
use crate::domain::time::{Span, Stamp, Timestamp};
use crate::pseudonym::Pseudonyms;
use crate::store::cursor::{RowPlace, SavedPlace, SinkCursor};
use crate::store::history::History;
use crate::store::point::Point;
use crate::store::scan::{Extent, ScanPage};
use crate::store::types::{Sample, SeriesKey};
use crate::store::{ReadError, Reader};
use crate::view::{Board, DeviceView};

/// What came later than this into rows the journal lost is not looked for: a scan of everything
/// older would take hours.
const LATEST: Span = Span::days(31);
/// A device's clock may be ahead by so much and still be believed (contract §3).
const AHEAD: Span = Span::mins(10);
/// Moves of alarms in a batch; a line of one takes some 400 bytes.
const MOVES: usize = 500;
/// Points read from history at once.
const PAGE: usize = 4_096;
/// Rows in a batch: a store without readings has many empty ones.
const ROWS: u64 = 100_000;
/// Series whose tags are remembered.
const SERIES: usize = 65_536;

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
    pub cache: Mutex<HashMap<SeriesKey, Known>>,
}

/// The tags of a series while it belongs to one patient.
#[derive(Debug)]
pub(super) struct Known {
    patient: Option<PatientId>,
    tags: Tags,
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
    /// The shown time up to which all was told before.
    pub told_to: Timestamp,
    /// Where the cursor stands then.
    pub cursor: SinkCursor,
    /// Whether there was more to read.
    pub more: bool,
}

/// Lines being gathered.
#[derive(Default)]
struct Gathered {
    lines: Vec<u8>,
    points: u64,
    unwritable: u64,
    told_to: Timestamp,
}

impl Feed {
    /// The next batch from journal and transitions, empty where nothing is new.
    pub(super) fn next(&self, mut cursor: SinkCursor) -> Result<Batch, BadFeed> {
        // Of a row whose bindings this board does not know yet nothing is told yet.
        let board = Arc::clone(&self.board.borrow());
        let signals = Arc::clone(&self.signals.borrow());
        if let Some(RowPlace { n, at }) = self.reader.first_row()? {
            cursor.skip_to(n, at);
            if cursor.upto == Timestamp::default() {
                cursor.upto = at;
            }
        }
        let mut gathered = Gathered { told_to: cursor.upto, ..Gathered::default() };
        let mut broken = Ok(());
        let mut more = false;
        let first = cursor.row;
        self.reader.walk(cursor.row, board.seq, |row| {
            let now = Stamp { at: row.at, offset: row.offset };
            match RowBody::decode(row.n, &row.body) {
                Ok(body) => self.samples(&body.samples(now), &board, &signals, &mut gathered),
                Err(bad) => {
                    broken = Err(bad);
                    return ControlFlow::Break(());
                }
            }
            cursor.row = row.n;
            cursor.upto = now.wall();
            more = gathered.lines.len() >= self.batch_bytes || row.n - first >= ROWS;
            if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        broken?;
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
            if row.patient.as_ref().is_some_and(|patient| !may(Purpose::Care, patient)) {
                continue;
            }
            let name = |patient: &PatientId| Some(self.pseudonyms.of(patient));
            let written = self.store.alarm(&mut gathered.lines, &transition, name);
            gathered.count(written.is_ok());
        }
        Ok(gathered.batch(cursor, more))
    }

    /// The next batch of what the journal lost, from history; the cursor says when it is all told.
    pub(super) fn refill(&self, mut cursor: SinkCursor) -> Result<Batch, BadFeed> {
        let mut gathered = Gathered { told_to: cursor.upto, ..Gathered::default() };
        let Some(refill) = &mut cursor.refill else { return Ok(gathered.batch(cursor, false)) };
        let board = Arc::clone(&self.board.borrow());
        let signals = Arc::clone(&self.signals.borrow());
        let extent = Extent {
            from: refill.from - LATEST,
            to: refill.to + AHEAD,
            after_row: refill.after_row,
        };
        let from = refill.place.as_ref().and_then(SavedPlace::place);
        let mut scan = self.history.scan(extent, from);
        let mut ended = false;
        while gathered.lines.len() < self.batch_bytes {
            let Some(ScanPage { series, points }) = scan.next_page(PAGE)? else {
                ended = true;
                break;
            };
            self.points(&series, points.into_iter(), &board, &signals, &mut gathered);
        }
        refill.place = scan.place().map(SavedPlace::from);
        if ended || refill.place.is_none() {
            cursor.refill = None;
        }
        let more = cursor.refill.is_some();
        Ok(gathered.batch(cursor, more))
    }

    fn samples(&self, samples: &[Sample], board: &Board, signals: &SignalTable, to: &mut Gathered) {
        for of_one in samples.chunk_by(|a, b| a.series == b.series) {
            let points = of_one.iter().map(Point::of);
            self.points(&of_one[0].series, points, board, signals, to);
        }
    }

    fn points(
        &self,
        series: &SeriesKey,
        points: impl Iterator<Item = Point>,
        board: &Board,
        signals: &SignalTable,
        to: &mut Gathered,
    ) {
        let device = board.devices.get(&series.device);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= SERIES {
            cache.clear();
        }
        for point in points {
            let patient = device.and_then(|device| DeviceView::patient_at(device, point.at));
            if patient.is_some_and(|patient| !may(Purpose::Care, patient)) {
                continue;
            }
            let known = cache.get(series).filter(|known| known.patient.as_ref() == patient);
            if known.is_none() {
                let name = patient.map(|patient| self.pseudonyms.of(patient));
                let tags = self.store.tags(series, &signals.name(series.signal), name.as_deref());
                cache.insert(series.clone(), Known { patient: patient.cloned(), tags });
            }
            let Some(known) = cache.get(series) else { continue };
            let written = self.store.reading(&mut to.lines, &known.tags, &point);
            to.count(written.is_ok());
        }
    }
}

impl Gathered {
    fn count(&mut self, written: bool) {
        if written {
            self.points += 1;
        } else {
            self.unwritable += 1;
        }
    }

    fn batch(self, cursor: SinkCursor, more: bool) -> Batch {
        let Self { lines, points, unwritable, told_to } = self;
        let compressed = if lines.is_empty() { Bytes::new() } else { gzip(&lines) };
        Batch { lines: Bytes::from(lines), compressed, points, unwritable, told_to, cursor, more }
    }
}
