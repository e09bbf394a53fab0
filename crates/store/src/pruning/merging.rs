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

use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter};

use super::keep::Keep;
use crate::file::meta;
use crate::history::block::{self, MAX_SPAN};
use crate::history::heads::FULL;
use crate::history::range::block_ids;
use crate::history::table::{self, unit_of};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;

/// What is walked through at once, by the time of first points.
const DAY: Span = MAX_SPAN;
/// A day is walked through so long after its end, and a block is left alone so long after the row it
/// was sealed with: by then most late data has come, and no export that began before is under way.
const RESTED: Span = Span::days(1);
/// How often it is looked whether there is such a day, by the wall clock.
const EVERY: Span = Span::secs(60);
/// A merged block spans at most so small a part of the time its signal is kept: it is pruned whole, and
/// only when its last point may.
const PARTS_OF_KEPT: i64 = 16;
/// So many blocks before a merged one are taken out and put back with it. SQLite joins a page to the
/// next only when two thirds of it are free, and fills pages only where rows come in: so it does both,
/// and pages that small blocks had made wide are filled again.
const NEIGHBOURS: i64 = 4;
/// Bounds of one slice. Each may be passed by what one merged block is made of.
const SERIES: usize = 128;
const BLOCKS: usize = 512;
const POINTS: usize = 4_096;

/// The walks, a slice at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Merging {
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
    /// Where to go on in the series after it.
    place: Option<Place>,
    /// A series that could not be merged: what comes before it is done once more, and it is passed.
    bad: Option<i64>,
}

/// A block of a series: its `t0` and its number.
type Place = (i64, i64);

/// Blocks that were merged, and what they became.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Small blocks that are no more.
    pub(crate) small: usize,
    /// Blocks made of them.
    pub(crate) large: usize,
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
    pub(crate) fn is_under_way(&self) -> bool {
        self.walk.is_some()
    }

    /// Merges what one slice may; `now` by the gateway's time, `wall` by the wall clock. After an
    /// error the transaction is to be rolled back, and the next slice passes the series it came from.
    pub(crate) fn slice(
        &mut self,
        tx: &Transaction<'_>,
        keep: &Keep,
        now: Timestamp,
        wall: Timestamp,
    ) -> rusqlite::Result<Merged> {
        let Some(begun) = self.walk else {
            // A wall clock that was set back begins anew.
            if self.looked > wall || wall - self.looked >= EVERY {
                self.looked = wall;
                self.walk = Walk::due(tx, now, wall)?;
            }
            return Ok(Merged::default());
        };
        let (mut walk, mut left) = (begun, Left { blocks: BLOCKS, points: POINTS });
        let sliced = walk.slice(tx, keep, &mut left);
        if sliced.is_err() {
            self.walk = Some(Walk { bad: walk.bad, ..begun });
        }
        let (ended, merged) = sliced?;
        self.walk = if ended {
            meta::set(tx, "merged_to", (walk.day + DAY).as_micros())?;
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
        // A wall clock that was ahead when this was written would hold merging up until then.
        let merged_to = meta::instant(tx, "merged_to")?
            .map(|to| if to > wall { midnight(wall) - DAY - RESTED } else { to });
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
        Ok(Some(Self { day, ids_end, after: i64::MIN, place: None, bad: None }))
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
            if self.bad == Some(*id) {
                *self = Self { after: *id, place: None, bad: None, ..*self };
                return Ok((false, merged));
            }
            let kept = keep.history_of.get(signal).unwrap_or(&keep.history);
            let span = MAX_SPAN.min(Span::micros(kept.as_micros() / PARTS_OF_KEPT));
            match self.series(tx, *id, span, left, &mut merged) {
                Ok(place) => self.place = place,
                Err(error) => {
                    self.bad = Some(*id);
                    return Err(error);
                }
            }
            if self.place.is_some() {
                return Ok((false, merged));
            }
            self.after = *id;
        }
        Ok((series.len() < SERIES, merged))
    }

    /// Merges a series; says where to go on if the slice ends before the day does.
    fn series(
        &self,
        tx: &Transaction<'_>,
        series: i64,
        span: Span,
        left: &mut Left,
        merged: &mut Merged,
    ) -> rusqlite::Result<Option<Place>> {
        let (runs, place) = self.runs(tx, series, span, left)?;
        for run in runs {
            if run.merge(tx, series)? {
                merged.small += run.parts.len();
                merged.large += 1;
            }
        }
        Ok(place)
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
    ) -> rusqlite::Result<(Vec<Run>, Option<Place>)> {
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
            // What cannot be read, or may be damaged unseen, is left as it is: who reads it says so.
            let sound = unit_of(row.get(3)?).ok().zip(block::checked_len(body));
            let small = sound.filter(|(_, points)| *points < FULL);
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

    /// Puts one block in place of its parts; says whether it did. Whoever leaves out blocks from some
    /// number on finds in `meta` whether any of those may hold what it does not leave out.
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
        let before = take_out_before(tx, series, self.t0)?;
        for part in &self.parts {
            tx.prepare_cached("DELETE FROM blocks WHERE series = ? AND t0 = ? AND id = ?")?
                .execute(params![series, part.t0.as_micros(), part.id])?;
        }
        for row in before {
            tx.prepare_cached("INSERT INTO blocks VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
                .execute(params_from_iter(row))?;
        }
        table::insert(tx, series, id, merged)?;
        tx.prepare_cached(
            "INSERT INTO meta VALUES('merged_ids_end', ?)
               ON CONFLICT(key) DO UPDATE SET value = max(value, excluded.value)",
        )?
        .execute([id + 1])?;
        Ok(true)
    }
}

/// Takes the blocks out that stand before a place in a series, [`NEIGHBOURS`] of them, to be put back
/// as they are.
fn take_out_before(
    tx: &Transaction<'_>,
    series: i64,
    t0: Timestamp,
) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = tx.prepare_cached(
        "SELECT * FROM blocks WHERE series = ? AND t0 < ? ORDER BY t0 DESC, id DESC LIMIT ?",
    )?;
    let columns = statement.column_count();
    let rows = statement.query_map(params![series, t0.as_micros(), NEIGHBOURS], |row| {
        (0..columns).map(|column| row.get(column)).collect()
    })?;
    let mut rows: Vec<Vec<Value>> = rows.collect::<rusqlite::Result<_>>()?;
    rows.reverse();
    for row in &rows {
        tx.prepare_cached("DELETE FROM blocks WHERE series = ? AND t0 = ? AND id = ?")?
            .execute(params_from_iter(&row[..3]))?;
    }
    Ok(rows)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::super::ageing::Ageing;
    use super::super::pruned::Pruned;
    use super::*;
    use crate::history::point::{Point, settle};
    use crate::history::range;
    use crate::history::range::History;
    use crate::history::range::tests::{check_buckets, check_raw, expected, piece};
    use crate::history::scan::Extent;
    use crate::host::Host;
    use crate::tests::{any_rows, commit, purpose, put, sample, second, series};
    use crate::types::SeriesKey;
    use crate::{Opened, Reader, Running, Store, Terms, start};

    const ALL: Extent = Extent {
        from: Timestamp::from_micros(0),
        to: Timestamp::from_micros(i64::MAX),
        after_row: 0,
    };

    /// Walks until no day is due; what was merged, slice by slice.
    fn walk(conn: &mut Connection, keep: &Keep, now: Timestamp, wall: Timestamp) -> Vec<Merged> {
        let mut merging = Merging::default();
        let mut merged = Vec::new();
        loop {
            let tx = conn.transaction().unwrap();
            merged.push(merging.slice(&tx, keep, now, wall).unwrap());
            tx.commit().unwrap();
            if !merging.is_under_way() {
                return merged;
            }
        }
    }

    /// When all that these tests write has long been at rest.
    fn later() -> Timestamp {
        second(0) + Span::days(100)
    }

    fn all(history: &History, extent: Extent) -> Vec<(SeriesKey, Point)> {
        let mut scan = history.scan(extent, None);
        let mut got = Vec::new();
        while let Some(page) = scan.next_page(50).unwrap() {
            got.extend(page.points.into_iter().map(|point| (page.series.clone(), point)));
        }
        got
    }

    fn count(conn: &Connection, what: &str) -> i64 {
        conn.query_row(&format!("SELECT {what} FROM blocks"), [], |row| row.get(0)).unwrap()
    }

    /// A glucose sensor's value every five minutes in these hours, each sealed in the next.
    fn sensor(opened: &mut Opened, hours: std::ops::Range<u64>) {
        for hour in hours {
            let at = |n: i64| midnight(second(0)) + Span::mins(60 * hour as i64 + 5 * n);
            let value = |n: i64| 100.0 + ((hour as i64 + n * n) % 37) as f64;
            let points: Vec<Point> = (0..12).map(|n| Point::of(&sample(at(n), value(n)))).collect();
            put(opened, hour + 1, &points, true, |_| series());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn who_reads_sees_no_difference(
            rows in any_rows(),
            stretch in prop_oneof![Just(1_i64), Just(2_000)],
            young in 0_u64..9,
            from in prop_oneof![Just(-1_000_i64), 0..400_000_i64],
            length in prop_oneof![0..110_000_i64, 0..900_000_i64],
            limit in 1_usize..50,
            buckets in 1_usize..20,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut opened = Store::create(dir.path(), &purpose()).unwrap();
            let mut rows = rows;
            for point in rows.iter_mut().flat_map(|(points, _)| points) {
                point.at = second(0) + Span::micros((point.at - second(0)).as_micros() * stretch);
            }
            for (i, (points, seal)) in rows.iter().enumerate() {
                put(&mut opened, i as u64 + 1, points, *seal, |_| series());
            }
            let piece = piece(from * stretch, (from + length) * stretch);
            let expected = expected(&rows, &piece);
            let before = all(&opened.history(), ALL);
            let blocks = count(&opened.conn, "count(*)");
            // A first walk leaves what is young, a second one finds its day done with.
            for now in [second(young) + RESTED, later()] {
                walk(&mut opened.conn, &Keep::default(), now, later());
                check_raw(&opened.history(), &piece, limit, &expected);
                check_buckets(&opened.history(), &piece, buckets, &expected);
                prop_assert_eq!(&all(&opened.history(), ALL), &before);
            }
            // A store that never came so far begins anew.
            opened.conn.execute("DELETE FROM meta WHERE key = 'merged_to'", []).unwrap();
            walk(&mut opened.conn, &Keep::default(), later(), later());
            check_raw(&opened.history(), &piece, limit, &expected);
            prop_assert!(count(&opened.conn, "count(*)") <= blocks);
            for after_row in 0..rows.len() as u64 {
                let got = all(&opened.history(), Extent { after_row, ..ALL });
                let mut late: Vec<_> =
                    rows.iter().skip(after_row as usize).flat_map(|(points, _)| points).collect();
                late.retain(|point| before.iter().any(|(_, kept)| kept == *point));
                for point in late {
                    prop_assert!(got.iter().any(|(_, kept)| kept == point), "{after_row}");
                }
            }
        }

        #[test]
        fn nothing_inside_its_retention_goes_and_little_stays_that_is_older(
            rows in any_rows(),
            stretch in prop_oneof![2 => Just(1_i64), 1 => Just(5)],
            alike in prop::bool::weighted(0.8),
            keep in 0_i64..20_000,
            oldest in 0_i64..300,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut opened = Store::create(dir.path(), &purpose()).unwrap();
            let mut rows = rows;
            for (points, seal) in &mut rows {
                *seal |= alike;
                for point in points {
                    let after = (point.at - second(0)).as_micros() * stretch;
                    point.at = second(0) + Span::micros(after);
                    point.unit = if alike { Unit::MgPerDl } else { point.unit };
                }
            }
            for (i, (points, seal)) in rows.iter().enumerate() {
                put(&mut opened, i as u64 + 1, points, *seal, |_| series());
            }
            let sealed = Span::micros(count(&opened.conn, "ifnull(max(t1 - t0), 0)"));
            let keep = Span::secs(keep);
            let history_of = BTreeMap::from([(series().signal, keep)]);
            let kept = Keep { history_of, ..Keep::default() };
            walk(&mut opened.conn, &kept, later(), later());
            let span = sealed.max(Span::micros(keep.as_micros() / PARTS_OF_KEPT));
            prop_assert!(count(&opened.conn, "ifnull(max(t1 - t0), 0)") <= span.as_micros());
            // Many a time within a merged block.
            let wall = second(0) + keep + Span::secs(oldest * stretch);
            let tx = opened.conn.transaction().unwrap();
            Ageing::default().slice(&tx, &kept, wall, &mut Pruned::default()).unwrap();
            tx.commit().unwrap();
            let before = |what, at: Timestamp| {
                count(&opened.conn, &format!("ifnull(sum({what} < {}), 0)", at.as_micros()))
            };
            prop_assert_eq!(before("t1", wall - keep), 0);
            prop_assert_eq!(before("t0", wall - keep - span), 0);
            let piece = range::Piece {
                series: series(),
                from: wall - keep,
                to: wall + Span::days(1),
            };
            let mut inside: Vec<Point> = rows.into_iter().flat_map(|(points, _)| points).collect();
            settle(&mut inside);
            inside.retain(|p| piece.from <= p.at && p.at < piece.to);
            check_raw(&opened.history(), &piece, 9_999, &inside);
        }
    }

    #[test]
    fn a_day_of_a_slow_signal_becomes_one_block() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        sensor(&mut opened, 0..10 * 24 + 1);
        let before = all(&opened.history(), ALL);
        let bytes = count(&opened.conn, "sum(length(body))");
        assert_eq!(count(&opened.conn, "count(*)"), 240);
        let ended = midnight(second(0)) + Span::days(4) + RESTED;
        walk(&mut opened.conn, &Keep::default(), later(), ended - Span::micros(1));
        assert_eq!(count(&opened.conn, "count(*)"), 240 - 3 * 23, "three days were over");
        walk(&mut opened.conn, &Keep::default(), later(), ended);
        assert_eq!(count(&opened.conn, "count(*)"), 240 - 4 * 23);
        walk(&mut opened.conn, &Keep::default(), later(), later());
        assert_eq!(count(&opened.conn, "count(*)"), 10);
        assert_eq!((count(&opened.conn, "min(n)"), count(&opened.conn, "max(n)")), (288, 288));
        assert!(count(&opened.conn, "sum(length(body))") * 4 < bytes, "{bytes}");
        assert_eq!(all(&opened.history(), ALL), before);
        let counted = meta::number(&opened.conn, "history_bytes").unwrap().unwrap();
        assert_eq!(counted as i64, count(&opened.conn, "sum(length(body) + 100)"));
        let again = walk(&mut opened.conn, &Keep::default(), later(), later());
        assert_eq!(again, [Merged::default()], "nothing is packed twice");
    }

    #[test]
    fn a_wall_clock_that_was_ahead_for_days_does_not_hold_merging_up_for_days() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        sensor(&mut opened, 0..4 * 24 + 1);
        let ahead = later().as_micros();
        opened.conn.execute("INSERT INTO meta VALUES('merged_to', ?)", [ahead]).unwrap();
        let wall = midnight(second(0)) + Span::days(4) + RESTED;
        walk(&mut opened.conn, &Keep::default(), later(), wall);
        let kept = "SELECT count(*) FROM blocks WHERE t0 >= ?";
        let of_last_day = (wall - RESTED - DAY).as_micros();
        let left: i64 = opened.conn.query_row(kept, [of_last_day], |row| row.get(0)).unwrap();
        assert_eq!(left, 1);
        let merged_to = meta::instant(&opened.conn, "merged_to").unwrap();
        assert_eq!(merged_to, Some(wall - RESTED));
    }

    /// Heads do not begin at midnight, nor last for an hour to the second.
    #[test]
    fn what_is_left_of_a_day_joins_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        for n in 0..300 {
            let at = |i: i64| second(0) + Span::mins(65 * n as i64 + 5 * i);
            let points: Vec<Point> = (0..13).map(|i| Point::of(&sample(at(i), i as f64))).collect();
            put(&mut opened, n + 1, &points, true, |_| series());
        }
        walk(&mut opened.conn, &Keep::default(), later(), later());
        let blocks = count(&opened.conn, "count(*)");
        // 22 heads fit into 24 hours.
        assert_eq!(blocks, (299 + 21) / 22);
        assert!(count(&opened.conn, "max(t1 - t0)") <= MAX_SPAN.as_micros());
    }

    #[test]
    fn slices_are_bounded_and_a_crash_between_any_two_loses_and_doubles_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        for n in 0..30 {
            for device in 0..20 {
                let of = |_: &Point| SeriesKey {
                    device: format!("dev-{device}").parse().unwrap(),
                    ..series()
                };
                let at = |i| second(3_600 * n + 60 * i);
                let points: Vec<Point> =
                    (0..60).map(|i| Point::of(&sample(at(i), (n * i % 7) as f64))).collect();
                put(&mut opened, n * 20 + device + 1, &points, device == 19, of);
            }
        }
        let before = all(&opened.history(), ALL);
        let samples = count(&opened.conn, "sum(n)");
        let same = |dir: &Path| {
            let copy = tempfile::tempdir().unwrap();
            crate::tests::copy_files(dir, copy.path());
            let reader = Reader::of(copy.path()).unwrap();
            // What is in memory is of the last rows.
            let mut got = all(&reader.freeze().unwrap().unwrap().history(), ALL);
            got.extend(before.iter().filter(|(_, p)| p.at >= second(3_600 * 29)).cloned());
            got.sort_by(|(a, p), (b, q)| a.cmp(b).then(p.at.cmp(&q.at)));
            got.dedup();
            assert_eq!(got, before);
            // Whoever reads settles what is there twice.
            let conn = Connection::open(Store::file(copy.path())).unwrap();
            assert_eq!(count(&conn, "sum(n)"), samples);
        };
        let mut merging = Merging::default();
        let (mut slices, mut merged) = (0, 0);
        loop {
            let tx = opened.conn.transaction().unwrap();
            let slice = merging.slice(&tx, &Keep::default(), later(), later()).unwrap();
            same(dir.path());
            tx.commit().unwrap();
            same(dir.path());
            assert!(slice.small * 60 <= POINTS + FULL, "{slice:?}");
            slices += 1;
            merged += slice.small;
            if !merging.is_under_way() {
                break;
            }
        }
        // 30 hours in blocks of an hour, the last device's 29: 24 become three blocks, the rest one.
        assert_eq!((merged, count(&opened.conn, "count(*)")), (19 * 30 + 29, 20 * 4));
        assert!(slices > 20 * 29 * 60 / (POINTS + FULL), "{slices}");
    }

    #[test]
    fn who_reads_the_store_as_it_stood_finds_it_so_while_blocks_are_merged() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        sensor(&mut opened, 0..12);
        let frozen = opened.reader().freeze().unwrap().unwrap();
        sensor(&mut opened, 12..60);
        let before = all(&frozen.history(), ALL);
        let sealed = frozen.sealed(&series(), &ALL).unwrap();
        assert_eq!((before.len(), sealed.samples), (11 * 12, 11 * 12));
        // Only what was sealed a day ago is merged.
        walk(&mut opened.conn, &Keep::default(), frozen.last.at + RESTED, later());
        assert_eq!(count(&opened.conn, "count(*)"), 59 - 10 + 1);
        assert_eq!(all(&frozen.history(), ALL), before);
        assert_eq!(sealed.lost(&frozen.sealed(&series(), &ALL).unwrap()), None);
        opened
            .conn
            .execute("DELETE FROM blocks WHERE t0 = (SELECT min(t0) FROM blocks)", [])
            .unwrap();
        assert_eq!(sealed.lost(&frozen.sealed(&series(), &ALL).unwrap()), Some(120));
    }

    #[test]
    fn a_series_that_cannot_be_merged_holds_up_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        let of = |point: &Point| SeriesKey {
            device: format!("dev-{}", point.value).parse().unwrap(),
            ..series()
        };
        for hour in 0..49 {
            let at = midnight(second(0)) + Span::mins(60 * hour);
            let points: Vec<Point> =
                (0..5).map(|device| Point::of(&sample(at, f64::from(device)))).collect();
            put(&mut opened, hour as u64 + 1, &points, true, of);
        }
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON blocks WHEN NEW.n > 1
          AND NEW.series IN (2, 4) BEGIN SELECT RAISE(ABORT, 'refused'); END";
        opened.conn.execute_batch(refuse).unwrap();
        let (mut merging, mut refused) = (Merging::default(), 0);
        loop {
            let tx = opened.conn.transaction().unwrap();
            match merging.slice(&tx, &Keep::default(), later(), later()) {
                Ok(_) => tx.commit().unwrap(),
                Err(_) => refused += 1,
            }
            if !merging.is_under_way() {
                break;
            }
        }
        let mut left = opened.conn.prepare("SELECT count(*) FROM blocks GROUP BY series").unwrap();
        let left: Vec<i64> =
            left.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(left, [2, 48, 2, 48, 2]);
        assert_eq!(refused, 6, "two series in the walks of three days");
    }

    /// A merged block that reaches over the beginning of what is asked for has samples to spare.
    #[test]
    fn who_reads_part_of_the_store_as_it_stood_learns_what_went() {
        let lost = |walk_at: fn(Timestamp) -> Timestamp, then: &str| {
            let dir = tempfile::tempdir().unwrap();
            let mut opened = Store::create(dir.path(), &purpose()).unwrap();
            sensor(&mut opened, 0..36);
            let frozen = opened.reader().freeze().unwrap().unwrap();
            let from = midnight(second(0)) + Span::mins(60 * 22);
            let extent = Extent { from, ..ALL };
            let sealed = frozen.sealed(&series(), &extent).unwrap();
            assert_eq!(sealed.samples, 13 * 12);
            sensor(&mut opened, 36..80);
            walk(&mut opened.conn, &Keep::default(), walk_at(frozen.last.at), later());
            opened.conn.execute_batch(then).unwrap();
            let now = frozen.sealed(&series(), &extent).unwrap();
            assert!(now.samples >= sealed.samples, "by this nobody would know");
            sealed.lost(&now)
        };
        assert_eq!(lost(|frozen| frozen + RESTED, ""), None);
        assert_eq!(lost(|_| later(), ""), Some(0));
        let take =
            "DELETE FROM blocks WHERE t0 = (SELECT max(t0) FROM blocks WHERE id < 36 << 10);";
        let gone =
            "INSERT INTO gone SELECT series, t0 - 1 FROM blocks ORDER BY t0 LIMIT 1 OFFSET 1";
        assert_eq!(lost(|frozen| frozen + RESTED, &format!("{take}{gone}")), Some(0));
    }

    #[test]
    fn an_unreadable_block_and_one_of_another_unit_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        sensor(&mut opened, 0..25);
        let nth = |n: u8| format!("t0 = (SELECT t0 FROM blocks ORDER BY t0 LIMIT 1 OFFSET {n})");
        // A bit of the CRC, and so of anything before it.
        let body: Vec<u8> = {
            let sql = format!("SELECT body FROM blocks WHERE {}", nth(10));
            opened.conn.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let spoiled = [&body[..body.len() - 1], &[body[body.len() - 1] ^ 1]].concat();
        let spoil = format!("UPDATE blocks SET body = ? WHERE {}", nth(10));
        opened.conn.execute(&spoil, [spoiled]).unwrap();
        opened
            .conn
            .execute(&format!("UPDATE blocks SET unit = 200 WHERE {}", nth(20)), [])
            .unwrap();
        walk(&mut opened.conn, &Keep::default(), later(), later());
        let mut kept = opened.conn.prepare("SELECT n FROM blocks ORDER BY t0").unwrap();
        let kept: Vec<i64> =
            kept.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(kept, [120, 12, 108, 12, 36]);
    }

    /// Rows of a sensor by the gateway's own time, and empty ones for days after it.
    fn rows(overloaded: bool) -> (u64, i64) {
        let row = |n: u64| {
            let mut row = commit(n);
            row.row.at = second(0) + Span::mins(5 * n as i64);
            row.samples =
                if n <= 600 { vec![sample(row.row.at, (n % 9) as f64)] } else { Vec::new() };
            row
        };
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let host = Arc::new(Counting { overloaded, ..Counting::default() });
        let terms = Terms { host: host.clone(), ..Terms::default() };
        let Running { committer, mut reports, thread, .. } = start(opened, terms).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for n in 1..=1_800 {
                committer.send(row(n)).await.unwrap();
                reports.recv().await.unwrap();
            }
        });
        drop(committer);
        thread.join().unwrap().unwrap();
        let opened = Store::open(dir.path()).unwrap();
        (host.merged.load(Ordering::Relaxed), count(&opened.conn, "count(*)"))
    }

    #[derive(Debug, Default)]
    struct Counting {
        overloaded: bool,
        merged: AtomicU64,
    }

    impl Host for Counting {
        fn is_overloaded(&self) -> bool {
            self.overloaded
        }

        fn merged(&self, blocks: u64) {
            self.merged.fetch_add(blocks, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_writer_merges_between_commits_and_not_under_pressure() {
        let (merged, blocks) = rows(false);
        assert!(blocks < 6, "{blocks}");
        assert!(merged > 30, "{merged}");
        let (_, blocks) = rows(true);
        assert!(blocks > 20, "{blocks}");
    }
}
