//! Small blocks of a series, made into few larger ones after their day.
//!
//! A head is sealed an hour after its first point. A signal that comes every few minutes has a dozen
//! by then, and a block of a dozen takes several times the room a point that it takes in a block of
//! a day. So once a day, when it has been over for [`RESTED`], a walk goes through every series, a
//! slice at a time, between commits.
//!
//! Whoever reads sees no difference. Settling parts first changes nothing, so that a merged block
//! stands for its parts; one transaction takes them away and puts it in. It has the number of the
//! newest of them, and all of them are of rows older than [`RESTED`]: it is still true that a block
//! holds points of rows before its own only, and who left out what was sealed before some row, or
//! after one of the last day, finds all that was not left out.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::block::{self, MAX_SPAN};
use super::commit::{insert_block, set_meta};
use super::heads::FULL;
use super::history::{block_ids, unit_of};
use super::retention::Keep;
use super::state;
use crate::domain::signal::SignalId;
use crate::domain::time::{Span, Timestamp};
use crate::domain::unit::Unit;

/// What is walked through at once, by the time of first points.
const DAY: Span = MAX_SPAN;
/// A day is walked through so long after its end, and a block is left alone so long after the row it
/// was sealed with: by then most late data has come, and no export that began before is under way.
const RESTED: Span = Span::days(1);
/// How often it is looked whether there is such a day, by the wall clock.
const EVERY: Span = Span::secs(60);
/// A merged block spans at most so small a part of the time its signal is kept: it goes whole, and
/// only when its last point may.
const PARTS_OF_KEPT: i64 = 16;
/// Bounds of one slice. Each may be passed by what one merged block is made of.
const SERIES: usize = 128;
const BLOCKS: usize = 512;
const POINTS: usize = 4_096;

/// The walks, a slice at a time.
#[derive(Debug, Default)]
pub(super) struct Merging {
    looked: Timestamp,
    walk: Option<Walk>,
}

/// A walk through all series for one day.
#[derive(Debug, Clone, Copy)]
struct Walk {
    day: Timestamp,
    /// Blocks of this number and later ones are too young.
    ids_end: i64,
    /// The last series done with.
    after: i64,
    /// Where to go on in the series after it: the `t0` and the number of a block.
    place: Option<(i64, i64)>,
}

/// Blocks that were merged, and what they became.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Merged {
    /// Small blocks that are no more.
    pub(super) small: usize,
    /// Blocks made of them.
    pub(super) large: usize,
}

/// Blocks of one series and one unit that fit into one.
#[derive(Debug)]
struct Run {
    unit: Unit,
    t0: Timestamp,
    points: usize,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    t0: Timestamp,
    id: i64,
    body: Vec<u8>,
}

/// What a slice may still look at and pack.
#[derive(Debug)]
struct Left {
    blocks: usize,
    points: usize,
}

impl Merging {
    /// Whether a walk is not at its end.
    pub(super) fn is_under_way(&self) -> bool {
        self.walk.is_some()
    }

    /// Merges what one slice may; `now` by the gateway's time, `wall` by the wall clock.
    pub(super) fn slice(
        &mut self,
        tx: &Transaction<'_>,
        keep: &Keep,
        now: Timestamp,
        wall: Timestamp,
    ) -> rusqlite::Result<Merged> {
        let Some(mut walk) = self.walk.take() else {
            // A wall clock that was set back begins anew.
            if self.looked > wall || wall - self.looked >= EVERY {
                self.looked = wall;
                self.walk = Walk::due(tx, now, wall)?;
            }
            return Ok(Merged::default());
        };
        let mut left = Left { blocks: BLOCKS, points: POINTS };
        let (ended, merged) = walk.slice(tx, keep, &mut left)?;
        self.walk = if ended {
            set_meta(tx, "merged_to", (walk.day + DAY).as_micros())?;
            Walk::due(tx, now, wall)?
        } else {
            Some(walk)
        };
        Ok(merged)
    }
}

impl Walk {
    /// The next day that holds blocks, or the day after it, if it has been over for long enough.
    fn due(
        tx: &Transaction<'_>,
        now: Timestamp,
        wall: Timestamp,
    ) -> rusqlite::Result<Option<Self>> {
        let merged_to = state::instant(tx, "merged_to")?;
        // What was left for the walk of the next day.
        let from = merged_to.map_or(i64::MIN, |merged_to| (merged_to - DAY).as_micros());
        let first: Option<i64> = tx
            .prepare_cached("SELECT t1 FROM blocks WHERE t1 >= ? ORDER BY t1 LIMIT 1")?
            .query_row([from], |row| row.get(0))
            .optional()?;
        let Some(first) = first.map(Timestamp::from_micros) else { return Ok(None) };
        let day =
            midnight(first - MAX_SPAN).max(merged_to.unwrap_or(Timestamp::from_micros(i64::MIN)));
        if day + DAY + RESTED > wall {
            return Ok(None);
        }
        let ids_end = block_ids(0, last_row_before(tx, now - RESTED)?).end;
        Ok(Some(Self { day, ids_end, after: i64::MIN, place: None }))
    }

    /// Goes on through the series; says whether all of them were done with.
    fn slice(
        &mut self,
        tx: &Transaction<'_>,
        keep: &Keep,
        left: &mut Left,
    ) -> rusqlite::Result<(bool, Merged)> {
        let mut merged = Merged::default();
        let series: Vec<(i64, SignalId)> = tx
            .prepare_cached("SELECT id, signal FROM series WHERE id > ? ORDER BY id LIMIT ?")?
            .query_map([self.after, SERIES as i64], |row| Ok((row.get(0)?, SignalId(row.get(1)?))))?
            .collect::<rusqlite::Result<_>>()?;
        for (id, signal) in &series {
            let kept = keep.history_of.get(signal).unwrap_or(&keep.history);
            let span = MAX_SPAN.min(Span::micros(kept.as_micros() / PARTS_OF_KEPT));
            let (runs, place) = self.runs(tx, *id, span, left)?;
            for run in runs {
                if run.merge(tx, *id)? {
                    merged.small += run.parts.len();
                    merged.large += 1;
                }
            }
            self.place = place;
            if place.is_some() {
                return Ok((false, merged));
            }
            self.after = *id;
        }
        Ok((series.len() < SERIES, merged))
    }

    /// The runs of a series that are worth merging and that no later block can join, and where to go
    /// on if the slice ends before the day does.
    ///
    /// It looks back a day for what began too late to be complete in the walk before; every run that
    /// began before this day is complete at its end.
    fn runs(
        &self,
        tx: &Transaction<'_>,
        series: i64,
        span: Span,
        left: &mut Left,
    ) -> rusqlite::Result<(Vec<Run>, Option<(i64, i64)>)> {
        let end = self.day + DAY;
        let (t0, id) = self.place.unwrap_or(((self.day - DAY).as_micros(), i64::MIN));
        let mut statement = tx.prepare_cached(
            "SELECT t0, id, t1, unit, body FROM blocks WHERE series = ?1 AND (t0, id) >= (?2, ?3)
               AND t0 < ?4 AND id < ?5 ORDER BY t0, id",
        )?;
        let mut rows = statement.query([series, t0, id, end.as_micros(), self.ids_end])?;
        let (mut runs, mut open): (Vec<Run>, Option<Run>) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            let (t0, id): (i64, i64) = (row.get(0)?, row.get(1)?);
            let t1 = Timestamp::from_micros(row.get(2)?);
            let body = row.get_ref(4)?.as_blob()?;
            left.blocks = left.blocks.saturating_sub(1);
            // What cannot be read is left as it is: who reads it says so.
            let read = unit_of(row.get(3)?).ok().zip(block::len(body).ok());
            let small = read.filter(|(_, points)| *points < FULL);
            let fits =
                |run: &Run| small.is_some_and(|(unit, points)| run.takes(unit, t1, points, span));
            if !open.as_ref().is_some_and(fits) {
                if let Some(run) = open.take() {
                    left.points = left.points.saturating_sub(run.cost());
                    runs.extend(run.worth_it());
                }
                if left.blocks == 0 || left.points == 0 {
                    return Ok((runs, Some((t0, id))));
                }
            }
            if let Some((unit, points)) = small {
                let t0 = Timestamp::from_micros(t0);
                let run =
                    open.get_or_insert_with(|| Run { unit, t0, points: 0, parts: Vec::new() });
                run.points += points;
                run.parts.push(Part { t0, id, body: body.to_vec() });
            }
        }
        if let Some(run) = open.filter(|run| run.t0 + span <= end) {
            left.points = left.points.saturating_sub(run.cost());
            runs.extend(run.worth_it());
        }
        Ok((runs, None))
    }
}

impl Run {
    fn takes(&self, unit: Unit, t1: Timestamp, points: usize, span: Span) -> bool {
        self.unit == unit && t1 - self.t0 <= span && self.points + points <= FULL
    }

    fn worth_it(self) -> Option<Self> {
        (self.parts.len() > 1).then_some(self)
    }

    /// Points to be packed for it.
    fn cost(&self) -> usize {
        if self.parts.len() > 1 { self.points } else { 0 }
    }

    /// Puts one block in place of its parts; says whether it did.
    fn merge(&self, tx: &Transaction<'_>, series: i64) -> rusqlite::Result<bool> {
        let mut points = Vec::with_capacity(self.points);
        for part in &self.parts {
            match block::open(part.t0, self.unit, &part.body) {
                Ok(opened) => points.extend(opened),
                Err(_) => return Ok(false),
            }
        }
        let Ok(blocks) = block::seal(points) else { return Ok(false) };
        let ([merged], Some(id)) = (blocks.as_slice(), self.parts.iter().map(|p| p.id).max())
        else {
            return Ok(false);
        };
        for part in &self.parts {
            tx.prepare_cached("DELETE FROM blocks WHERE series = ? AND t0 = ? AND id = ?")?
                .execute(params![series, part.t0.as_micros(), part.id])?;
        }
        insert_block(tx, series, id, merged)?;
        Ok(true)
    }
}

/// The last row stamped before an instant; the one before the first that is left if there is none.
fn last_row_before(tx: &Transaction<'_>, at: Timestamp) -> rusqlite::Result<u64> {
    let (first, last): (Option<i64>, Option<i64>) = tx
        .prepare_cached("SELECT (SELECT min(n) FROM journal), (SELECT max(n) FROM journal)")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(mut low), Some(last)) = (first, last) else { return Ok(0) };
    let mut stamp = tx.prepare_cached("SELECT at FROM journal WHERE n >= ? ORDER BY n LIMIT 1")?;
    let mut high = last + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        let stamped: i64 = stamp.query_row([middle], |row| row.get(0))?;
        if stamped < at.as_micros() { low = middle + 1 } else { high = middle }
    }
    Ok((low - 1).max(0) as u64)
}

/// The beginning of an instant's day.
fn midnight(at: Timestamp) -> Timestamp {
    at - Span::micros(at.as_micros().rem_euclid(DAY.as_micros()))
}
