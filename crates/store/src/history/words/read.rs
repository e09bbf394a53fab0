//! Words of a range, by time, and how often they changed in it.

use std::ops::{ControlFlow, Range};

use rusqlite::{Connection, params};

use super::super::buckets::Grid;
use super::super::range::{History, Piece};
use super::super::settle::settle;
use super::overruled::Overruled;
use super::row::{COLUMNS, Entry};
use crate::file::connection;
use crate::file::error::ReadError;
use crate::types::{SeriesKey, Word, WordSample, flag};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::Timestamp;

/// What was said in one bucket of a grid; never nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordBucket {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// How many readings.
    pub count: u64,
    /// How many of them said something else than the one before; the first of all is one of them.
    pub changes: u64,
    /// What the last one said.
    pub last: Word,
}

impl History {
    /// Every series of a device that ever held a word.
    pub fn word_series_of(&self, device: &DeviceId) -> Vec<SeriesKey> {
        self.words.of_device(device)
    }

    /// Up to and with which instant retention took words of a series. All that was measured later is held.
    pub fn words_pruned_to(&self, series: &SeriesKey) -> Option<Timestamp> {
        self.words.known(series)?.pruned_to
    }

    /// At most `limit` words of the pieces, oldest first, each with the place of its piece in the request:
    /// all that is stored, what was entered in error too. At one instant the pieces stay in their order.
    pub fn words(
        &self,
        pieces: &[Piece],
        limit: usize,
    ) -> Result<Vec<(usize, WordSample)>, ReadError> {
        let mut words: Vec<(usize, WordSample)> = Vec::new();
        self.of_words(pieces, |conn, place, piece, id| {
            let mut wanted = limit;
            each_instant(conn, id, piece.from..piece.to, self.word_ids_end, |entries| {
                let samples = entries.into_iter().filter_map(|entry| entry.sample(&piece.series));
                let before = words.len();
                words.extend(samples.map(|sample| (place, sample)));
                wanted = wanted.saturating_sub(words.len() - before);
                if wanted == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            words.sort_by_key(|(_, word)| word.at);
            words.truncate(limit);
            Ok(())
        })?;
        Ok(words)
    }

    /// The buckets of the grid in which a series said anything, over its pieces, which follow each other.
    /// What was entered in error does not count.
    pub fn word_buckets(&self, pieces: &[Piece], grid: Grid) -> Result<Vec<WordBucket>, ReadError> {
        let pieces: Vec<Piece> = pieces.iter().map(|piece| piece.inside(grid)).collect();
        let mut buckets: Vec<WordBucket> = Vec::new();
        self.of_words(&pieces, |conn, _, piece, id| {
            each_instant(conn, id, piece.from..piece.to, self.word_ids_end, |entries| {
                for entry in entries.into_iter().filter(|entry| entry.flags & flag::ERROR == 0) {
                    if let Some(word) = entry.word {
                        add(&mut buckets, grid, entry.at, word);
                    }
                }
                ControlFlow::Continue(())
            })
        })?;
        Ok(buckets)
    }

    /// The numbers of part of a series that words correct or withdraw.
    pub(in crate::history) fn overruled(
        &self,
        conn: &Connection,
        piece: &Piece,
    ) -> Result<Overruled, ReadError> {
        match self.words.known(&piece.series) {
            Some(known) => Overruled::of(conn, known.id, piece.from..piece.to, self.word_ids_end),
            None => Ok(Overruled::default()),
        }
    }

    /// Calls `each` with one state of the file for all pieces of series that hold words.
    fn of_words(
        &self,
        pieces: &[Piece],
        mut each: impl FnMut(&Connection, usize, &Piece, i64) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let known = |piece: &Piece| self.words.known(&piece.series).map(|known| known.id);
        let ids: Vec<Option<i64>> = pieces.iter().map(known).collect();
        if ids.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut conn = connection::readable(&self.path)?;
        let tx = conn.transaction()?;
        for (place, (piece, id)) in pieces.iter().zip(ids).enumerate() {
            if let Some(id) = id {
                each(&tx, place, piece, id)?;
            }
        }
        Ok(())
    }
}

/// Calls `each` with what stands of each instant that has any, oldest first, until it breaks off.
pub(super) fn each_instant(
    conn: &Connection,
    series: i64,
    times: Range<Timestamp>,
    ids_end: i64,
    mut each: impl FnMut(Vec<Entry>) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM words w WHERE w.series = ? AND w.at >= ? AND w.at < ? AND w.id < ?
           ORDER BY w.at, w.id"
    ))?;
    let (from, to) = (times.start.as_micros(), times.end.as_micros());
    let mut rows = statement.query(params![series, from, to, ids_end])?;
    let mut instant: Vec<Entry> = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = Entry::read(row, 0)?;
        if instant.first().is_some_and(|first| first.at != entry.at) {
            settle(&mut instant);
            if each(std::mem::take(&mut instant)).is_break() {
                return Ok(());
            }
        }
        instant.push(entry);
    }
    settle(&mut instant);
    if !instant.is_empty() {
        let _ended = each(instant);
    }
    Ok(())
}

fn add(buckets: &mut Vec<WordBucket>, grid: Grid, at: Timestamp, word: Word) {
    let Some((from, to)) = grid.bucket_of(at) else { return };
    let changes = u64::from(buckets.last().is_none_or(|bucket| bucket.last != word));
    match buckets.last_mut().filter(|bucket| bucket.from == from) {
        Some(bucket) => {
            bucket.count += 1;
            bucket.changes += changes;
            bucket.last = word;
        }
        None => buckets.push(WordBucket { from, to, count: 1, changes, last: word }),
    }
}
