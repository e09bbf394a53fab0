//! How far somebody who copies the store elsewhere has come, and what he reads.
//!
//! The cursor is written with the next commit, in its transaction: it costs no sync of its own, and
//! after a crash it stands where it stood at most a few rows before. Journal rows after it are held
//! back until the journal is too large; what is lost to the cursor then, history still holds.

use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::history::scan::Place;
use crate::reader::{ReadError, Reader, unsigned};
use crate::types::{Row, SeriesKey};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};

/// The row of `meta` that holds it.
const KEY: &str = "influx";
/// No row is larger: a batch is bounded to 4 MiB of payloads.
const BODY_BYTES: u64 = 64 << 20;
/// Dead letters that wait for a commit; the table keeps no more of one sender.
const WAITING: usize = crate::DEAD_LETTERS as usize;
/// What came later than this into rows the journal lost is not looked for: a scan of everything
/// older would take hours.
pub const LATEST: Span = Span::days(31);
/// A device's clock may be ahead by so much and still be believed (contract §3).
pub const AHEAD: Span = Span::mins(10);

/// How far InfluxDB has been told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkCursor {
    /// Every row up to this one.
    pub row: u64,
    /// The shown time of that row.
    pub upto: Timestamp,
    /// Every transition up to this one.
    pub seq: u64,
    /// What the journal lost before it was told.
    pub refill: Option<Refill>,
    /// What neither journal nor history held any more when it was to be told.
    #[serde(default)]
    pub lost: Option<Lost>,
}

/// Of what was measured in between, something may never have been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// From, included.
    pub from: Timestamp,
    /// To, included.
    pub to: Timestamp,
}

/// A range of rows that the journal holds no more, to be told from history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refill {
    /// The last row before it.
    pub after_row: u64,
    /// The shown time of that row.
    pub from: Timestamp,
    /// The stamp of the first row after it, shown or not: what is shown is never later than the
    /// stamp, and stamps never go back, so that no row of the range showed a later time.
    pub to: Timestamp,
    /// Where in the history it has come to.
    pub place: Option<SavedPlace>,
}

/// A [`Place`] as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlace {
    device: DeviceId,
    signal: u32,
    instance: String,
    cursor: Option<String>,
}

impl From<Place> for SavedPlace {
    fn from(Place { series, cursor }: Place) -> Self {
        Self {
            device: series.device,
            signal: u32::from(series.signal.0),
            instance: series.instance.to_string(),
            cursor: cursor.map(|cursor| cursor.to_string()),
        }
    }
}

impl SavedPlace {
    /// Where to go on; the beginning of the series if the cursor in it cannot be read.
    pub fn place(&self) -> Option<Place> {
        let signal = SignalId(self.signal.try_into().ok()?);
        let instance = self.instance.as_str().into();
        let series = SeriesKey { device: self.device.clone(), signal, instance };
        Some(Place { series, cursor: self.cursor.as_ref().and_then(|text| text.parse().ok()) })
    }
}

impl SinkCursor {
    /// The journal begins only at row `first`: what lies between is to be told from history.
    pub fn skip_to(&mut self, first: RowPlace) {
        if first.n <= self.row + 1 {
            return;
        }
        let (mut after_row, mut from, mut to) = (self.row, self.upto, first.stamp);
        if let Some(earlier) = &self.refill {
            after_row = after_row.min(earlier.after_row);
            from = from.min(earlier.from);
            to = to.max(earlier.to);
        }
        self.refill = Some(Refill { after_row, from, to, place: None });
        self.row = first.n - 1;
        self.upto = first.at;
    }

    /// What history held of the range is told. What retention took until then, of any series up to
    /// `taken`, may have been of it.
    pub fn refilled(&mut self, taken: Option<Timestamp>) {
        let Some(refill) = self.refill.take() else { return };
        let Some(taken) = taken.filter(|taken| *taken >= refill.from) else { return };
        let (mut from, mut to) = (refill.from, taken.min(refill.to + AHEAD));
        if let Some(earlier) = self.lost {
            from = from.min(earlier.from);
            to = to.max(earlier.to);
        }
        self.lost = Some(Lost { from, to });
    }

    /// Whether what was measured in `[from, to)` was told, but for what came late. Where that is not
    /// sure it was not.
    pub fn has_told(&self, from: Timestamp, to: Timestamp) -> bool {
        let is_apart = |first: Timestamp, last: Timestamp| to <= first || last < from;
        let refilled = |refill: &Refill| is_apart(refill.from - LATEST, refill.to + AHEAD);
        to + AHEAD <= self.upto
            && self.refill.as_ref().is_none_or(refilled)
            && self.lost.is_none_or(|lost| is_apart(lost.from, lost.to))
    }
}

/// Where the sink leaves its cursor and the writer's thread finds it; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SinkSlot(Arc<Mutex<Slot>>);

#[derive(Debug, Default)]
struct Slot {
    /// As it is on the disk.
    stored: SinkCursor,
    /// Whether anybody reads by it.
    in_use: bool,
    news: Option<SinkNews>,
}

/// What the sink leaves for the next commit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SinkNews {
    /// Where it stands now.
    pub cursor: SinkCursor,
    /// What the server refuses for good.
    pub dead: Vec<DeadLetter>,
}

impl SinkSlot {
    /// With what the store holds.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let text: Option<String> = conn
            .query_row("SELECT value FROM meta WHERE key = ?", [KEY], |row| row.get(0))
            .optional()?;
        // One that cannot be read is told all over again: that makes no point twice.
        let stored = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Self(Arc::new(Mutex::new(Slot { stored, ..Slot::default() }))))
    }

    /// Where to begin. From now on rows after the cursor are held back.
    pub fn begin(&self) -> SinkCursor {
        let mut slot = self.lock();
        slot.in_use = true;
        slot.stored.clone()
    }

    /// How far it has come by now.
    pub fn cursor(&self) -> SinkCursor {
        let slot = self.lock();
        slot.news.as_ref().map_or_else(|| slot.stored.clone(), |news| news.cursor.clone())
    }

    /// Leaves the cursor, and what is dead, for the next commit.
    pub fn put(&self, cursor: SinkCursor, dead: Vec<DeadLetter>) {
        let mut slot = self.lock();
        let news = slot.news.get_or_insert_default();
        news.cursor = cursor;
        news.dead.extend(dead);
        let over = news.dead.len().saturating_sub(WAITING);
        news.dead.drain(..over);
    }

    /// What was left since the last commit.
    pub(crate) fn take(&self) -> Option<SinkNews> {
        self.lock().news.take()
    }

    /// It is on the disk.
    pub(crate) fn stored(&self, news: &SinkNews) {
        self.lock().stored = news.cursor.clone();
    }

    /// Rows after this one are still needed; `None` if nobody reads them.
    pub(crate) fn held_after(&self) -> Option<u64> {
        let slot = self.lock();
        slot.in_use.then_some(slot.stored.row)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As large as it is, and no larger than any row may be.
fn decompressed(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::with_capacity(body.len() * 8);
    zstd::Decoder::with_buffer(body)?.take(BODY_BYTES).read_to_end(&mut all)?;
    Ok(all)
}

/// Writes the cursor as part of a commit.
pub(crate) fn write(tx: &Transaction<'_>, cursor: &SinkCursor) -> rusqlite::Result<()> {
    let text = serde_json::to_string(cursor)
        .unwrap_or_else(|e| unreachable!("a cursor has text for keys: {e}"));
    tx.prepare_cached("INSERT OR REPLACE INTO meta VALUES(?, ?)")?.execute(params![KEY, text])?;
    Ok(())
}

/// The place of a row in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPlace {
    /// Its number.
    pub n: u64,
    /// Its shown time.
    pub at: Timestamp,
    /// Its stamp, which never goes back, as the clock may.
    pub stamp: Timestamp,
}

impl Reader {
    /// The oldest row the journal holds.
    pub fn first_row(&self) -> Result<Option<RowPlace>, ReadError> {
        let place = self
            .connect()?
            .query_row("SELECT n, at, offset_us FROM journal ORDER BY n LIMIT 1", [], |row| {
                let stamp = Timestamp::from_micros(row.get(1)?);
                let at = stamp + Span::micros(row.get(2)?);
                Ok(RowPlace { n: unsigned(row, 0)?, at, stamp })
            })
            .optional()?;
        Ok(place)
    }

    /// Calls `each` with the rows after `after`, in order, until it breaks off; only those that no
    /// transition after `seq` belongs to, nor to a row before.
    pub fn walk(
        &self,
        after: u64,
        seq: u64,
        mut each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let conn = self.connect()?;
        let mut statement = conn.prepare(
            "SELECT n, at, offset_us, core, body FROM journal WHERE n > ?1 AND n < ifnull(
               (SELECT n FROM transitions WHERE seq > ?2 ORDER BY seq LIMIT 1), ?3) ORDER BY n",
        )?;
        let mut rows = statement.query(params![after as i64, seq as i64, i64::MAX])?;
        while let Some(row) = rows.next()? {
            let n = unsigned(row, 0)?;
            let body = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
            let row = Row {
                n,
                at: Timestamp::from_micros(row.get(1)?),
                offset: Span::micros(row.get(2)?),
                core: row.get(3)?,
                rules: [0; 8],
                body: decompressed(body).map_err(|source| ReadError::Body { n, source })?,
            };
            if each(row).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{commit, purpose, sample, second, write as write_rows};
    use crate::{Keep, Store};

    fn place(n: u64) -> RowPlace {
        let at = second(n);
        RowPlace { n, at, stamp: at }
    }

    #[test]
    fn after_the_clock_was_set_back_what_was_shown_before_is_still_within_the_range() {
        let mut cursor = SinkCursor { row: 10, upto: second(10), seq: 3, refill: None, lost: None };
        // Rows 11 to 20 showed up to second 3620; then the clock went back by an hour.
        cursor.skip_to(RowPlace { n: 21, at: second(21), stamp: second(3_621) });
        assert_eq!((cursor.row, cursor.upto), (20, second(21)));
        assert_eq!(cursor.refill.map(|r| r.to), Some(second(3_621)));
    }

    #[test]
    fn what_the_journal_lost_is_noted_and_grows_with_what_it_loses_later() {
        let mut cursor = SinkCursor { row: 10, upto: second(10), seq: 3, refill: None, lost: None };
        cursor.skip_to(place(11));
        assert_eq!(cursor.refill, None);
        cursor.skip_to(place(21));
        assert_eq!((cursor.row, cursor.upto), (20, second(21)));
        let refill = Refill { after_row: 10, from: second(10), to: second(21), place: None };
        assert_eq!(cursor.refill, Some(refill));
        cursor.skip_to(place(31));
        let refill = Refill { after_row: 10, from: second(10), to: second(31), place: None };
        assert_eq!(cursor.refill, Some(refill));
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<SinkCursor>(&text).unwrap(), cursor);
    }

    #[test]
    fn what_may_not_have_been_told_is_never_said_to_be() {
        let (minute, mins) = (|n: i64| second(0) + Span::mins(n), Span::mins);
        let mut cursor = SinkCursor { row: 10, upto: minute(100), ..SinkCursor::default() };
        assert!(cursor.has_told(minute(0), minute(90)));
        assert!(!cursor.has_told(minute(0), minute(91)), "it is behind");
        cursor.skip_to(RowPlace { n: 21, at: minute(300), stamp: minute(300) });
        assert!(!cursor.has_told(minute(0), minute(90)), "it came late, perhaps");
        assert!(!cursor.has_told(minute(200), minute(201)), "only from history, and not yet");
        cursor.upto = minute(1_000);
        assert!(cursor.has_told(minute(300) + mins(11), minute(400)));
        let mut whole = cursor.clone();
        whole.refilled(Some(minute(99)));
        assert!(whole.lost.is_none() && whole.has_told(minute(0), minute(400)));
        // Retention was faster.
        cursor.refilled(Some(minute(200)));
        assert_eq!(cursor.refill, None);
        assert!(cursor.has_told(minute(0), minute(100)));
        assert!(!cursor.has_told(minute(0), minute(101)));
        assert!(!cursor.has_told(minute(200), minute(400)));
        assert!(cursor.has_told(minute(201), minute(400)));
        cursor.skip_to(RowPlace { n: 2_000, at: minute(2_000), stamp: minute(2_000) });
        cursor.refilled(Some(minute(5_000)));
        let lost = Lost { from: minute(100), to: minute(2_000) + AHEAD };
        assert_eq!(cursor.lost, Some(lost), "it grows");
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<SinkCursor>(&text).unwrap(), cursor);
    }

    #[test]
    fn a_place_comes_back_as_it_was_saved() {
        let series = SeriesKey { instance: "lead II".into(), ..sample(second(1), 1.0).series };
        let place = Place { series, cursor: Some("17.3".parse().unwrap()) };
        let saved = serde_json::to_string(&SavedPlace::from(place.clone())).unwrap();
        let saved: SavedPlace = serde_json::from_str(&saved).unwrap();
        assert_eq!(saved.place(), Some(place));
    }

    #[test]
    fn the_cursor_is_on_the_disk_with_the_commit_that_follows_it() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let slot = opened.sink();
        assert_eq!(slot.begin(), SinkCursor::default());
        let cursor = SinkCursor { row: 7, upto: second(7), seq: 2, refill: None, lost: None };
        slot.put(cursor.clone(), Vec::new());
        assert_eq!(slot.held_after(), Some(0), "only what is on the disk lets rows go");
        write_rows(opened, Keep::default(), vec![commit(1)]);
        assert_eq!(slot.held_after(), Some(7));
        assert_eq!(Store::open(dir.path()).unwrap().sink().begin(), cursor);
    }

    #[test]
    fn what_is_left_at_the_end_is_written_without_a_commit() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let slot = opened.sink();
        let cursor = SinkCursor { row: 7, upto: second(7), seq: 2, refill: None, lost: None };
        slot.put(cursor.clone(), Vec::new());
        write_rows(opened, Keep::default(), Vec::new());
        assert_eq!(Store::open(dir.path()).unwrap().sink().begin(), cursor);
    }
}
