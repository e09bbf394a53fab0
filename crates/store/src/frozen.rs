//! A store as of one row, read without the memory of whoever writes it.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::params;

use crate::audit::End;
use crate::file::error::ReadError;
use crate::file::row::unsigned;
use crate::file::{connection, meta, state};
use crate::history::block::MAX_SPAN;
use crate::history::heads::Heads;
use crate::history::range::{History, block_ids};
use crate::history::scan::Extent;
use crate::history::words::row::first_of;
use crate::history::words::series::{Known, WordSeries};
use crate::reader::Reader;
use crate::types::{Identity, Sample, SeriesKey, SnapshotPart};
use vitalgate_domain::model::time::Timestamp;

/// What was in the store as of one row. Blocks that were sealed later are left out of its history, and
/// what they hold of earlier rows comes from the journal: so it stays the same while others write.
#[derive(Debug)]
pub struct Frozen {
    /// What the store is.
    pub identity: Identity,
    /// The newest row.
    pub last: state::LastRow,
    /// The number of the newest transition; 0 before the first.
    pub last_seq: u64,
    /// The newest statement of the audit.
    said: u64,
    /// The last complete snapshot.
    pub snapshot: Vec<SnapshotPart>,
    /// Every sample of rows up to this one is in a block: [`Self::restore`] needs the rows after it.
    pub sealed_to: u64,
    path: PathBuf,
    heads: Arc<Heads>,
    words: Arc<WordSeries>,
}

/// The sealed part of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Samples that count.
    pub samples: u64,
    /// Up to when retention took blocks of it, if that reaches into the extent.
    pruned_to: Option<i64>,
    /// Whether blocks that were sealed later were merged: with some that were not, they are left out.
    mixed: bool,
}

impl Sealed {
    /// How many samples that count are no more, `None` for none, and 0 when it cannot be said.
    pub fn lost(&self, now: &Self) -> Option<u64> {
        let whole = !now.mixed && now.samples >= self.samples && now.pruned_to == self.pruned_to;
        (!whole).then(|| self.samples.saturating_sub(now.samples))
    }
}

impl Reader {
    /// The store as of now; `None` before its first row.
    pub fn freeze(&self) -> Result<Option<Frozen>, ReadError> {
        let mut conn = connection::readable(self.path())?;
        let tx = conn.transaction()?;
        let Some(last) = state::last_row(&tx)? else { return Ok(None) };
        let strange = || ReadError::Strange("it has no site".into());
        Ok(Some(Frozen {
            identity: state::identity(&tx)?.ok_or_else(strange)?,
            last,
            last_seq: state::next_seq(&tx)?.saturating_sub(1),
            said: End::of(&tx)?.said,
            snapshot: state::snapshot(&tx)?,
            sealed_to: meta::number(&tx, "sealed_to")?.unwrap_or(0),
            path: self.path().to_owned(),
            heads: Arc::new(Heads::of(state::series(&tx)?)),
            words: Arc::new(WordSeries::load(&tx)?),
        }))
    }
}

impl Frozen {
    /// Puts samples of journal row `n` into memory, unless a block holds them. To be called for every
    /// row after [`Self::sealed_to`] up to the last, in order.
    pub fn restore(&self, n: u64, at: Timestamp, samples: &[Sample]) {
        self.heads.restore(n, at, samples);
    }

    /// The history.
    pub fn history(&self) -> History {
        let (heads, words) = (Arc::clone(&self.heads), Arc::clone(&self.words));
        let mut history = History::new(self.path.clone(), heads, words);
        history.ids = block_ids(0, self.last.n);
        history.word_ids_end = first_of(self.last.n + 1);
        history
    }

    /// How many transitions retention took since.
    pub fn lost_transitions(&self) -> Result<u64, ReadError> {
        let sql = "SELECT count(*) FROM cut WHERE by > ?";
        let conn = connection::readable(&self.path)?;
        Ok(conn.query_row(sql, [self.said as i64], |row| unsigned(row, 0))?)
    }

    /// A series, of those that are wanted, of which retention took words from `from` on since.
    pub fn lost_words(
        &self,
        from: Timestamp,
        wanted: impl Fn(&SeriesKey) -> bool,
    ) -> Result<Option<SeriesKey>, ReadError> {
        let now = WordSeries::load(&connection::readable(&self.path)?)?;
        let is_lost = |(series, known): &(SeriesKey, Known)| {
            let before = self.words.known(series).and_then(|before| before.pruned_to);
            wanted(series) && known.pruned_to != before && known.pruned_to >= Some(from)
        };
        Ok(now.all().into_iter().find(is_lost).map(|(series, _)| series))
    }

    /// What is sealed of a series in blocks that reach into an extent. Merged blocks hold as many
    /// samples as their parts, but for those that came twice, and some from before the extent.
    pub fn sealed(&self, series: &SeriesKey, extent: &Extent) -> Result<Sealed, ReadError> {
        let conn = connection::readable(&self.path)?;
        let ids = block_ids(0, self.last.n);
        Ok(conn
            .prepare_cached(
                "WITH this AS (SELECT id FROM series WHERE device = ? AND signal = ? AND instance = ?)
                 SELECT (SELECT ifnull(sum(n), 0) FROM blocks WHERE series = (SELECT id FROM this)
                     AND t0 >= ? AND t0 < ? AND t1 >= ?6 AND id < ?7),
                   (SELECT upto FROM gone WHERE series = (SELECT id FROM this) AND upto >= ?6),
                   ifnull((SELECT value > ?7 FROM meta WHERE key = 'merged_ids_end'), 0)",
            )?
            .query_row(
                params![
                    series.device.as_str(),
                    series.signal.0,
                    series.instance.as_str(),
                    (extent.from - MAX_SPAN).as_micros(),
                    extent.to.as_micros(),
                    extent.from.as_micros(),
                    ids.end,
                ],
                |row| {
                    Ok(Sealed {
                        samples: row.get::<_, i64>(0)? as u64,
                        pruned_to: row.get(1)?,
                        mixed: row.get(2)?,
                    })
                },
            )?)
    }
}
