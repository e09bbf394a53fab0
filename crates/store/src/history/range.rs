//! What was measured, from blocks and heads together: raw pages and buckets.
//!
//! Heads are read before the blocks, and the writer empties a head only after its block is
//! committed: a point that moves meanwhile is seen twice, never not at all, and settling makes the
//! two one. Calls wait for the disk: from async code only through `spawn_blocking`.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::block::{self, Aggregate, MAX_SPAN, Summary};
use super::buckets::{Bucket, Filling, Grid};
use super::heads::Heads;
use super::point::{Point, settle};
use super::table::unit_of;
use super::words::overruled::Overruled;
use super::words::series::WordSeries;
use crate::file::connection;
use crate::file::error::ReadError;
use crate::types::SeriesKey;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;

/// The history of a store; cheap to clone.
#[derive(Debug, Clone)]
pub struct History {
    pub(crate) path: PathBuf,
    pub(crate) heads: Arc<Heads>,
    pub(crate) words: Arc<WordSeries>,
    /// The blocks taken in, by number: see [`block_ids`].
    pub(crate) ids: Range<i64>,
    /// The rows of words taken in: those with numbers below.
    pub(crate) word_ids_end: i64,
}

/// Part of a series: a patient's history is the union of pieces, one for each binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which series.
    pub series: SeriesKey,
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// A page of points, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Each with the place of its piece in the request. All that is stored is here, with its flags:
    /// what was implausible or entered in error too.
    pub points: Vec<(usize, Point)>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Cursor>,
}

/// A place between two points; opaque text for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) at: Timestamp,
    /// How many points of that instant were given already.
    pub(crate) skip: usize,
}

/// Text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this gateway; use `next` of the page before, or leave it out")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.as_micros(), self.skip)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;
    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (at, skip) = text.split_once('.').ok_or(NotACursor)?;
        let at = Timestamp::from_micros(at.parse().map_err(|_| NotACursor)?);
        Ok(Self { at, skip: skip.parse::<u32>().map_err(|_| NotACursor)? as usize })
    }
}

impl History {
    pub(crate) fn new(path: PathBuf, heads: Arc<Heads>, words: Arc<WordSeries>) -> Self {
        Self { path, heads, words, ids: 0..i64::MAX, word_ids_end: i64::MAX }
    }

    /// Every series of a device that ever had a number.
    pub fn series_of(&self, device: &DeviceId) -> Vec<SeriesKey> {
        self.heads.series_of(device)
    }

    /// Up to and with which instant retention took numbers of a series, for their age or for want of
    /// room. All that was measured later is held, and of what was measured before only remnants.
    pub fn pruned_to(&self, series: &SeriesKey) -> Option<Timestamp> {
        self.heads.pruned_to(series)
    }

    /// The last of these instants over all series.
    pub fn pruned_of_any(&self) -> Option<Timestamp> {
        self.heads.pruned_of_any()
    }

    /// At most `limit` points of the pieces, merged by time, from `after` on.
    pub fn raw(
        &self,
        pieces: &[Piece],
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, ReadError> {
        let limit = limit.max(1);
        let skip = after.map_or(0, |cursor| cursor.skip);
        let wanted = limit.saturating_add(skip).saturating_add(1);
        let pieces: Vec<Piece> = pieces.iter().map(|piece| piece.starting(after)).collect();
        let mut points: Vec<(usize, Point)> = Vec::new();
        self.read(&pieces, |tx, place, piece, heads, overruled| {
            let found = page(tx, piece, heads, wanted, &self.ids, overruled)?;
            points.extend(found.into_iter().map(|point| (place, point)));
            // However many the pieces are, no more than a page is held. Stable: at one instant the
            // pieces stay in their order, so that what is cut off would come after the page anyway.
            points.sort_by_key(|(_, point)| point.at);
            points.truncate(wanted);
            Ok(())
        })?;
        let given = after.map_or(0, |cursor| {
            points.iter().take(skip).take_while(|(_, p)| p.at == cursor.at).count()
        });
        points.drain(..given);
        let next = points.get(limit).map(|(_, point)| {
            let at = point.at;
            let same = points[..limit].iter().rev().take_while(|(_, p)| p.at == at).count();
            let before = after.filter(|cursor| cursor.at == at).map_or(0, |_| given);
            Cursor { at, skip: same + before }
        });
        points.truncate(limit);
        Ok(Page { points, next })
    }

    /// The buckets of the grid that hold a point, over all pieces, values converted to `unit`.
    ///
    /// Implausible values and those entered in error do not count, nor do values of another quantity.
    pub fn buckets(
        &self,
        pieces: &[Piece],
        grid: Grid,
        unit: Unit,
    ) -> Result<Vec<Bucket>, ReadError> {
        let pieces: Vec<Piece> = pieces.iter().map(|piece| piece.inside(grid)).collect();
        let mut filling = Filling::new(grid, unit);
        self.read(&pieces, |tx, _, piece, heads, overruled| {
            fill(tx, piece, heads, &mut filling, &self.ids, overruled)
        })?;
        Ok(filling.buckets())
    }

    /// Calls `each` with the settled heads and one state of the file for all pieces.
    fn read(
        &self,
        pieces: &[Piece],
        mut each: impl FnMut(
            &Transaction<'_>,
            usize,
            &Piece,
            Vec<Point>,
            &Overruled,
        ) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let heads: Vec<Vec<Point>> = pieces
            .iter()
            .map(|piece| self.heads.points(&piece.series, piece.from, piece.to))
            .collect();
        let mut conn: Connection = connection::readable(&self.path)?;
        let tx = conn.transaction()?;
        for (place, (piece, mut heads)) in pieces.iter().zip(heads).enumerate() {
            settle(&mut heads);
            let overruled = self.overruled(&tx, piece)?;
            heads.retain(|point| overruled.leaves(point));
            each(&tx, place, piece, heads, &overruled)?;
        }
        Ok(())
    }
}

impl Piece {
    fn starting(&self, after: Option<Cursor>) -> Self {
        let from = after.map_or(self.from, |cursor| cursor.at.max(self.from));
        Self { from, ..self.clone() }
    }

    pub(super) fn inside(&self, grid: Grid) -> Self {
        let (from, to) = (self.from.max(grid.from), self.to.min(grid.to));
        Self { from, to, ..self.clone() }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    fn takes(&self, point: &Point, overruled: &Overruled) -> bool {
        self.holds(point.at) && overruled.leaves(point)
    }

    /// The first possible beginning of a block that reaches into the piece.
    fn look_back(&self) -> i64 {
        (self.from - MAX_SPAN).as_micros()
    }
}

/// The numbers of the blocks sealed with rows after `after`, up to and with row `to`. A block that
/// was sealed with a row holds samples of the rows before it only.
pub(crate) fn block_ids(after: u64, to: u64) -> Range<i64> {
    let first = |row: u64| i64::try_from(row).map_or(i64::MAX, |row| row.saturating_mul(1 << 10));
    first(after)..first(to)
}

/// The first `wanted` points of a piece, settled, of heads that no word overrules.
pub(crate) fn page(
    tx: &Transaction<'_>,
    piece: &Piece,
    heads: Vec<Point>,
    wanted: usize,
    ids: &Range<i64>,
    overruled: &Overruled,
) -> Result<Vec<Point>, ReadError> {
    let mut points = heads;
    if let Some(id) = series_id(tx, &piece.series)? {
        let mut statement = tx.prepare_cached(
            "SELECT t0, unit, body FROM blocks WHERE series = ? AND t0 >= ? AND t0 < ? AND t1 >= ?
               AND id >= ? AND id < ? ORDER BY t0, id",
        )?;
        let (from, to) = (piece.from.as_micros(), piece.to.as_micros());
        let mut rows = statement.query([id, piece.look_back(), to, from, ids.start, ids.end])?;
        while let Some(row) = rows.next()? {
            let t0 = Timestamp::from_micros(row.get(0)?);
            if points.len() >= wanted {
                settle(&mut points);
                // Nothing that follows lies before this block.
                let final_ = points.partition_point(|p| p.at < t0);
                if final_ >= wanted {
                    break;
                }
            }
            let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let opened = block::open(t0, unit_of(row.get(1)?)?, body)?;
            points.extend(opened.into_iter().filter(|p| piece.takes(p, overruled)));
        }
    }
    settle(&mut points);
    points.truncate(wanted);
    Ok(points)
}

/// Puts a piece into the buckets: from summaries where a block stands alone inside one bucket.
fn fill(
    tx: &Transaction<'_>,
    piece: &Piece,
    heads: Vec<Point>,
    filling: &mut Filling,
    ids: &Range<i64>,
    overruled: &Overruled,
) -> Result<(), ReadError> {
    let mut heads = heads.into_iter().peekable();
    if let Some(id) = series_id(tx, &piece.series)? {
        let blocks = summaries(tx, id, piece, ids)?;
        for cluster in clusters(&blocks) {
            let (start, end) = bounds(cluster);
            while let Some(point) = heads.next_if(|p| p.at < start) {
                filling.point(&point);
            }
            let mut points: Vec<Point> = Vec::new();
            while let Some(point) = heads.next_if(|p| p.at <= end) {
                points.push(point);
            }
            let stands_whole = points.is_empty() && !overruled.touches(start, end);
            if let ([(block, alone)], true) = (cluster, stands_whole) {
                let whole = piece.holds(alone.t0) && piece.holds(alone.t1);
                if !whole || !filling.summary(alone) {
                    // A block is settled in itself.
                    block::counted(alone.t0, &body(tx, id, *block, alone)?, |at, value| {
                        if piece.holds(at) {
                            filling.value(at, alone.unit, value);
                        }
                    })?;
                }
                continue;
            }
            for (block, summary) in cluster {
                let body = body(tx, id, *block, summary)?;
                points.extend(block::open(summary.t0, summary.unit, &body)?);
            }
            settle(&mut points);
            points.iter().filter(|p| piece.takes(p, overruled)).for_each(|p| filling.point(p));
        }
    }
    heads.for_each(|point| filling.point(&point));
    Ok(())
}

type Summarised = (i64, Summary);

/// Runs of blocks that overlap in time, each run apart from the next.
fn clusters(blocks: &[Summarised]) -> impl Iterator<Item = &[Summarised]> {
    let mut end = None;
    blocks.chunk_by(move |(_, block), (_, next)| {
        let reach = end.map_or(block.t1, |end: Timestamp| end.max(block.t1));
        end = (next.t0 <= reach).then_some(reach);
        next.t0 <= reach
    })
}

fn bounds(cluster: &[Summarised]) -> (Timestamp, Timestamp) {
    let start = cluster.iter().map(|(_, block)| block.t0).min().unwrap_or_default();
    let end = cluster.iter().map(|(_, block)| block.t1).max().unwrap_or_default();
    (start, end)
}

fn summaries(
    tx: &Transaction<'_>,
    series: i64,
    piece: &Piece,
    ids: &Range<i64>,
) -> Result<Vec<Summarised>, ReadError> {
    let mut statement = tx.prepare_cached(
        "SELECT id, t0, t1, unit, n, vmin, vmax, vsum, vlast FROM blocks
           WHERE series = ? AND t0 >= ? AND t0 < ? AND t1 >= ? AND id >= ? AND id < ?
           ORDER BY t0, id",
    )?;
    let (from, to) = (piece.from.as_micros(), piece.to.as_micros());
    let mut rows = statement.query([series, piece.look_back(), to, from, ids.start, ids.end])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let count = row.get::<_, i64>(4)? as u64;
        let values = if count == 0 {
            None
        } else {
            Some(Aggregate {
                count,
                min: row.get(5)?,
                max: row.get(6)?,
                sum: row.get(7)?,
                last: row.get(8)?,
            })
        };
        let summary = Summary {
            t0: Timestamp::from_micros(row.get(1)?),
            t1: Timestamp::from_micros(row.get(2)?),
            unit: unit_of(row.get(3)?)?,
            values,
        };
        found.push((row.get(0)?, summary));
    }
    Ok(found)
}

fn body(
    tx: &Transaction<'_>,
    series: i64,
    block: i64,
    summary: &Summary,
) -> Result<Vec<u8>, ReadError> {
    Ok(tx
        .prepare_cached("SELECT body FROM blocks WHERE series = ? AND t0 = ? AND id = ?")?
        .query_row([series, summary.t0.as_micros(), block], |row| row.get(0))?)
}

fn series_id(tx: &Transaction<'_>, key: &SeriesKey) -> Result<Option<i64>, ReadError> {
    Ok(tx
        .prepare_cached("SELECT id FROM series WHERE device = ? AND signal = ? AND instance = ?")?
        .query_row(params![key.device.as_str(), key.signal.0, key.instance.as_str()], |row| {
            row.get(0)
        })
        .optional()?)
}

#[cfg(test)]
pub(crate) mod tests;
