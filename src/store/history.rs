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
use super::reader::ReadError;
use super::schema;
use super::types::SeriesKey;
use crate::domain::ids::DeviceId;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

/// The history of a store; cheap to clone.
#[derive(Debug, Clone)]
pub struct History {
    pub(super) path: PathBuf,
    pub(super) heads: Arc<Heads>,
    /// The blocks taken in, by number: see [`block_ids`].
    pub(super) ids: Range<i64>,
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
    pub(super) at: Timestamp,
    /// How many points of that instant were given already.
    pub(super) skip: usize,
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
    pub(super) fn new(path: PathBuf, heads: Arc<Heads>) -> Self {
        Self { path, heads, ids: 0..i64::MAX }
    }

    /// Every series with a number ever heard from a device.
    pub fn series_of(&self, device: &DeviceId) -> Vec<SeriesKey> {
        self.heads.series_of(device)
    }

    /// Up to and with which instant retention took numbers of a series, for their age or for want of
    /// room. All that was measured later is held, and of what was measured before only remnants.
    pub fn gone_to(&self, series: &SeriesKey) -> Option<Timestamp> {
        self.heads.gone_to(series)
    }

    /// The last of these instants over all series.
    pub fn gone_of_any(&self) -> Option<Timestamp> {
        self.heads.gone_of_any()
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
        self.read(&pieces, |tx, place, piece, heads| {
            let found = page(tx, piece, heads, wanted, &self.ids)?;
            points.extend(found.into_iter().map(|point| (place, point)));
            // However many the pieces are, no more than a page is held. Stable: at one instant the
            // pieces stay in their order, so that what is let go would come after the page anyway.
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
        self.read(&pieces, |tx, _, piece, heads| fill(tx, piece, heads, &mut filling, &self.ids))?;
        Ok(filling.buckets())
    }

    /// Calls `each` with the settled heads and one state of the file for all pieces.
    fn read(
        &self,
        pieces: &[Piece],
        mut each: impl FnMut(&Transaction<'_>, usize, &Piece, Vec<Point>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let heads: Vec<Vec<Point>> = pieces
            .iter()
            .map(|piece| self.heads.points(&piece.series, piece.from, piece.to))
            .collect();
        let mut conn: Connection = schema::readable(&self.path)?;
        let tx = conn.transaction()?;
        for (place, (piece, mut heads)) in pieces.iter().zip(heads).enumerate() {
            settle(&mut heads);
            each(&tx, place, piece, heads)?;
        }
        Ok(())
    }
}

impl Piece {
    fn starting(&self, after: Option<Cursor>) -> Self {
        let from = after.map_or(self.from, |cursor| cursor.at.max(self.from));
        Self { from, ..self.clone() }
    }

    fn inside(&self, grid: Grid) -> Self {
        let (from, to) = (self.from.max(grid.from), self.to.min(grid.to));
        Self { from, to, ..self.clone() }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// The first possible beginning of a block that reaches into the piece.
    fn look_back(&self) -> i64 {
        (self.from - MAX_SPAN).as_micros()
    }
}

/// The numbers of the blocks sealed with rows after `after`, up to and with row `to`. A block that
/// was sealed with a row holds samples of the rows before it only.
pub(super) fn block_ids(after: u64, to: u64) -> Range<i64> {
    let first = |row: u64| i64::try_from(row).map_or(i64::MAX, |row| row.saturating_mul(1 << 10));
    first(after)..first(to)
}

/// The first `wanted` points of a piece, settled.
pub(super) fn page(
    tx: &Transaction<'_>,
    piece: &Piece,
    heads: Vec<Point>,
    wanted: usize,
    ids: &Range<i64>,
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
            points.extend(opened.into_iter().filter(|p| piece.holds(p.at)));
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
            if let ([(block, alone)], true) = (cluster, points.is_empty()) {
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
            points.iter().filter(|p| piece.holds(p.at)).for_each(|p| filling.point(p));
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

/// The unit of a stored number.
pub(super) fn unit_of(number: u8) -> Result<Unit, ReadError> {
    Unit::from_number(number).ok_or_else(|| ReadError::Strange(format!("unit {number}")))
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::super::tests::{any_rows, commit, purpose, put, sample, second, series};
    use super::super::types::{Commit, Sample};
    use super::super::{Keep, Opened, Report, Running, Store, start};
    use super::*;
    use crate::domain::time::Span;

    const UNIT: Unit = Unit::MmolPerL;

    fn origin() -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }

    pub(crate) fn piece(from: i64, to: i64) -> Piece {
        let at = |millis| origin() + Span::millis(millis);
        Piece { series: series(), from: at(from), to: at(to) }
    }

    /// The settled points inside the piece.
    pub(crate) fn expected(rows: &[(Vec<Point>, bool)], piece: &Piece) -> Vec<Point> {
        let mut points: Vec<Point> = rows.iter().flat_map(|(points, _)| points.clone()).collect();
        settle(&mut points);
        points.retain(|p| piece.holds(p.at));
        points
    }

    pub(crate) fn check_raw(history: &History, piece: &Piece, limit: usize, expected: &[Point]) {
        let mut got = Vec::new();
        let mut after = None;
        loop {
            let page = history.raw(std::slice::from_ref(piece), after, limit).unwrap();
            assert!(page.points.len() <= limit);
            got.extend(page.points.into_iter().map(|(_, point)| point));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(got, expected);
    }

    pub(crate) fn check_buckets(
        history: &History,
        piece: &Piece,
        points: usize,
        expected: &[Point],
    ) {
        let grid = Grid::new(piece.from, piece.to, points);
        let got = history.buckets(std::slice::from_ref(piece), grid, UNIT).unwrap();
        assert!(got.len() <= points);
        let mut rest = got.iter();
        let counting: Vec<&Point> = expected.iter().filter(|p| p.counts()).collect();
        let place = |p: &Point| (p.at - piece.from).as_micros() / grid.width().as_micros();
        for bucket in counting.chunk_by(|a, b| place(a) == place(b)) {
            let values: Vec<f64> =
                bucket.iter().map(|p| p.unit.convert(p.value, UNIT).unwrap()).collect();
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            let got = rest.next().expect("a bucket for every value");
            let start = Span::micros(place(bucket[0]) * grid.width().as_micros());
            assert_eq!((got.from, got.count), (piece.from + start, values.len() as u64));
            assert!(near(got.min, values.iter().copied().fold(f64::INFINITY, f64::min)));
            assert!(near(got.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
            assert!(near(got.mean, values.iter().sum::<f64>() / values.len() as f64));
            assert!(near(got.last, *values.last().unwrap()));
        }
        assert_eq!(rest.next(), None, "empty buckets are absent");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn history_is_a_sorted_map_however_it_came_and_was_sealed(
            rows in any_rows(),
            from in prop_oneof![Just(-1_000_i64), 0..400_000_i64],
            length in prop_oneof![0..110_000_i64, 0..900_000_i64],
            limit in 1_usize..50,
            buckets in 1_usize..20,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut opened = Store::create(dir.path(), &purpose()).unwrap();
            let mut commits = Vec::new();
            for (i, (points, seal)) in rows.iter().enumerate() {
                commits.push(put(&mut opened, i as u64 + 1, points, *seal, |_| series()));
            }
            let piece = piece(from, from + length);
            let expected = expected(&rows, &piece);
            let check = |opened: &Opened| {
                check_raw(&opened.history(), &piece, limit, &expected);
                check_buckets(&opened.history(), &piece, buckets, &expected);
            };
            check(&opened);
            drop(opened);
            let opened = Store::open(dir.path()).unwrap();
            for commit in commits.iter().filter(|c| c.row.n > opened.sealed_to) {
                opened.restore(commit.row.n, commit.row.at, &commit.samples);
            }
            check(&opened);
        }
    }

    /// Every read, whatever the writer does meanwhile, gives all that was committed when it began.
    #[test]
    fn no_seam_shows_while_heads_become_blocks() {
        const ROWS: u64 = 60;
        const POINTS: u64 = 100;
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let history = opened.history();
        let Running { committer, mut reports, thread } = start(opened, Keep::default()).unwrap();
        let committed = AtomicU64::new(0);
        let read = || {
            let before = committed.load(Ordering::SeqCst) * POINTS;
            let page = history.raw(&[piece(0, i64::MAX / 1_000_000)], None, 99_999).unwrap();
            let values: Vec<u64> = page.points.iter().map(|(_, p)| p.value as u64).collect();
            assert!(values.len() as u64 >= before, "{} of {before}", values.len());
            assert!(values.iter().copied().eq(0..values.len() as u64), "a hole");
            before
        };
        std::thread::scope(|scope| {
            scope.spawn(|| while read() < ROWS * POINTS {});
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                for n in 1..=ROWS {
                    let samples = ((n - 1) * POINTS..n * POINTS).map(|i| {
                        let at = origin() + Span::millis(i as i64);
                        sample(at, i as f64)
                    });
                    let row = Commit { samples: samples.collect(), ..commit(n) };
                    committer.send(row).await.unwrap();
                    assert!(matches!(reports.recv().await, Some(Report::Committed { .. })));
                    committed.store(n, Ordering::SeqCst);
                }
            });
        });
        drop(committer);
        thread.join().unwrap().unwrap();
    }

    /// A block inside a bucket is answered by its summary alone: its body may be garbage.
    #[test]
    fn a_block_inside_a_bucket_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        let points: Vec<Point> = (0..10)
            .map(|s| {
                Point::of(&Sample { unit: UNIT, ..sample(origin() + Span::secs(s), s as f64) })
            })
            .collect();
        put(&mut opened, 1, &points, false, |_| series());
        put(&mut opened, 2, &[], true, |_| series());
        opened.conn.execute("UPDATE blocks SET body = x'00'", []).unwrap();
        let buckets = |length: i64, buckets: usize| {
            let piece = piece(0, length);
            let grid = Grid::new(piece.from, piece.to, buckets);
            opened.history().buckets(&[piece], grid, UNIT)
        };
        let whole = buckets(40_000, 4).unwrap();
        assert_eq!(whole.len(), 1);
        let Bucket { count, min, max, mean, last, .. } = whole[0];
        assert_eq!((count, min, max, mean, last), (10, 0.0, 9.0, 4.5, 9.0));
        assert!(buckets(40_000, 5).is_err(), "a bucket ends inside the block");
        assert!(buckets(9_000, 1).is_err(), "the range ends inside the block");
    }

    #[test]
    fn pieces_of_two_series_make_one_history() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let other = SeriesKey { device: "dev-2".parse().unwrap(), ..series() };
        let sample = |series: &SeriesKey, s: i64, value: f64| Sample {
            series: series.clone(),
            at: origin() + Span::secs(s),
            received: origin() + Span::secs(s),
            value,
            unit: UNIT,
            flags: 0,
        };
        let samples: Vec<Sample> =
            (0..10).flat_map(|s| [sample(&series(), s, 1.0), sample(&other, s, 2.0)]).collect();
        opened.heads().committed(&[], 1, second(1), &samples);
        let pieces = [piece(0, 5_000), Piece { series: other, ..piece(4_000, 9_000) }];
        let page = opened.history().raw(&pieces, None, 99).unwrap();
        let places: Vec<usize> = page.points.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
        let grid = Grid::new(pieces[0].from, pieces[1].to, 2);
        let buckets = opened.history().buckets(&pieces, grid, UNIT).unwrap();
        let counts: Vec<(u64, f64)> = buckets.iter().map(|b| (b.count, b.last)).collect();
        assert_eq!(counts, [(6, 2.0), (4, 2.0)]);
    }

    /// Whatever a page lets go, none of what comes first is lost, nor the order at one instant.
    #[test]
    fn pages_of_many_pieces_are_one_history() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let of = |n: i64| SeriesKey { device: format!("dev-{n}").parse().unwrap(), ..series() };
        let sample = |n: i64, s: i64| Sample {
            series: of(n),
            at: origin() + Span::secs(s),
            received: origin(),
            value: (s * 10 + n) as f64,
            unit: UNIT,
            flags: 0,
        };
        // The first pieces begin last.
        let samples: Vec<Sample> =
            (0..9).flat_map(|n| (9 - n..20).map(move |s| sample(n, s))).collect();
        opened.heads().committed(&[], 1, second(1), &samples);
        let pieces: Vec<Piece> =
            (0..9).map(|n| Piece { series: of(n), ..piece(0, 30_000) }).collect();
        let mut expected: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        expected.sort_by(f64::total_cmp);
        for limit in [1, 7, 99, 1_000] {
            let (mut got, mut after) = (Vec::new(), None);
            loop {
                let page = opened.history().raw(&pieces, after, limit).unwrap();
                got.extend(page.points.iter().map(|(_, point)| point.value));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(got, expected, "{limit}");
        }
    }

    #[test]
    fn a_cursor_reads_back_from_its_text_and_nothing_else_does() {
        let cursor = Cursor { at: origin(), skip: 3 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", ".", "1", "1.", "x.1", "1.-1", "1.2.3"] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }
}
