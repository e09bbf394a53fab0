//! Blocks and words of history that are older than their signal is kept, series by series.
//!
//! What there is of one series stands in the order of time, so that what may be pruned is found at its
//! beginning and nothing else is looked at, however much older that of another class may be.

use rusqlite::{Transaction, params};

use super::keep::Keep;
use super::pruned::Pruned;
use super::retention::ROWS;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};

/// How often a walk through all series begins, by the wall clock.
const EVERY: Span = Span::secs(60);
/// Series looked at in one slice.
const SERIES: i64 = 256;

/// What is walked through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aged {
    /// Blocks of numbers, each by its last.
    #[default]
    Blocks,
    /// Words, each by itself.
    Words,
}

/// A walk through the series, a slice at a time.
#[derive(Debug, Default)]
pub(crate) struct Ageing {
    what: Aged,
    begun: Timestamp,
    /// The last series done with, while a walk is under way.
    after: Option<i64>,
}

impl Aged {
    /// The series after a number, at most so many.
    fn series(self) -> &'static str {
        match self {
            Self::Blocks => "SELECT id, signal FROM series WHERE id > ? ORDER BY id LIMIT ?",
            Self::Words => "SELECT id, signal FROM word_series WHERE id > ? ORDER BY id LIMIT ?",
        }
    }

    /// Deletes the oldest of a series that end before an instant, at most so many, and gives their ends.
    fn delete(self) -> &'static str {
        match self {
            Self::Blocks => {
                "DELETE FROM blocks WHERE (series, t0, id) IN (SELECT series, t0, id FROM blocks
                   WHERE series = ?1 AND t0 < ?2 AND t1 < ?2 ORDER BY t0, id LIMIT ?3) RETURNING t1"
            }
            Self::Words => {
                "DELETE FROM words WHERE id IN (SELECT id FROM words
                   WHERE series = ?1 AND at < ?2 ORDER BY at, id LIMIT ?3) RETURNING at"
            }
        }
    }
}

impl Ageing {
    /// Through these.
    pub(crate) fn of(what: Aged) -> Self {
        Self { what, ..Self::default() }
    }

    /// Whether a walk is not at its end.
    pub(crate) fn is_under_way(&self) -> bool {
        self.after.is_some()
    }

    /// Prunes at most [`ROWS`] blocks whose last sample, or words that, are older than their signal is kept;
    /// says how many.
    pub(crate) fn slice(
        &mut self,
        tx: &Transaction<'_>,
        keep: &Keep,
        wall: Timestamp,
        pruned: &mut Pruned,
    ) -> rusqlite::Result<usize> {
        if self.after.is_none() {
            // A wall clock that was set back begins anew.
            if self.begun <= wall && wall - self.begun < EVERY {
                return Ok(0);
            }
            self.begun = wall;
        }
        let mut after = self.after.unwrap_or(i64::MIN);
        let mut left = ROWS as usize;
        let mut series = tx.prepare_cached(self.what.series())?;
        let mut rows = series.query([after, SERIES])?;
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let kept = keep.history_of.get(&SignalId(row.get(1)?)).unwrap_or(&keep.history);
            left -= prune(tx, self.what, id, wall - *kept, left, pruned)?;
            if left == 0 {
                break;
            }
            after = id;
            looked_at += 1;
        }
        let at_the_end = left > 0 && looked_at < SERIES;
        self.after = (!at_the_end).then_some(after);
        Ok(ROWS as usize - left)
    }
}

/// Prunes what ends before `before` of a series, oldest first, at most `most`.
fn prune(
    tx: &Transaction<'_>,
    what: Aged,
    series: i64,
    before: Timestamp,
    most: usize,
    pruned: &mut Pruned,
) -> rusqlite::Result<usize> {
    let mut delete = tx.prepare_cached(what.delete())?;
    let ends = delete.query_map(params![series, before.as_micros(), most as i64], |r| r.get(0))?;
    let mut count = 0;
    for end in ends {
        pruned.add(series, end?);
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;
    use crate::Store;
    use crate::history::point::{Point, settle};
    use crate::history::range;
    use crate::tests::{any_rows, purpose, put, series};
    use crate::types::SeriesKey;
    use vitalgate_domain::model::time::Span;

    const SIGNALS: [SignalId; 3] = [SignalId(1), SignalId(2), SignalId(3)];

    fn of(point: &Point) -> SeriesKey {
        SeriesKey { signal: SIGNALS[point.value as usize % 3], ..series() }
    }

    /// Walks to the end; how many blocks went, and in how many slices.
    fn walk(
        ageing: &mut Ageing,
        conn: &mut Connection,
        keep: &Keep,
        wall: Timestamp,
    ) -> (usize, usize) {
        let (mut pruned, mut slices) = (0, 0);
        loop {
            let tx = conn.transaction().unwrap();
            pruned += ageing.slice(&tx, keep, wall, &mut Pruned::default()).unwrap();
            tx.commit().unwrap();
            slices += 1;
            if !ageing.is_under_way() {
                return (pruned, slices);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn nothing_inside_its_own_retention_goes_and_no_older_block_stays(
            rows in any_rows(),
            keep in prop::array::uniform3(0_i64..900),
            now in 0_i64..900,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut opened = Store::create(dir.path(), &purpose()).unwrap();
            for (i, (points, seal)) in rows.iter().enumerate() {
                put(&mut opened, i as u64 + 1, points, *seal, of);
            }
            let keep = keep.map(Span::secs);
            let wall = Timestamp::from_millis(1_700_000_000_000) + Span::secs(now);
            // The first signal has no retention of its own.
            let own = BTreeMap::from([(SIGNALS[1], keep[1]), (SIGNALS[2], keep[2])]);
            let kept = Keep { history: keep[0], history_of: own, ..Keep::default() };
            walk(&mut Ageing::default(), &mut opened.conn, &kept, wall);
            let all: Vec<Point> = rows.iter().flat_map(|(points, _)| points.clone()).collect();
            for (signal, keep) in SIGNALS.into_iter().zip(keep) {
                let series = SeriesKey { signal, ..series() };
                let (from, to) = (Timestamp::default(), wall + Span::days(1));
                let piece = range::Piece { series: series.clone(), from, to };
                let page = opened.history().raw(&[piece], None, 9_999).unwrap();
                let left: Vec<Point> = page.points.into_iter().map(|(_, point)| point).collect();
                let mut expected: Vec<Point> =
                    all.iter().filter(|p| of(p) == series).copied().collect();
                settle(&mut expected);
                expected.retain(|p| p.at >= wall - keep);
                let inside: Vec<Point> =
                    left.iter().filter(|p| p.at >= wall - keep).copied().collect();
                prop_assert_eq!(inside, expected);
                let stale: i64 = opened.conn.query_row(
                    "SELECT count(*) FROM blocks JOIN series ON series.id = blocks.series
                       WHERE signal = ? AND t1 < ?",
                    params![signal.0, (wall - keep).as_micros()],
                    |row| row.get(0),
                ).unwrap();
                prop_assert_eq!(stale, 0);
            }
        }
    }

    #[test]
    fn a_walk_goes_in_slices_and_comes_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let conn = &mut Store::create(dir.path(), &purpose()).unwrap().conn;
        let wall = Timestamp::from_millis(1_700_000_000_000);
        let fill = "INSERT INTO series SELECT value, 'dev-' || value, 3, '', 0
                      FROM generate(1, 600);
                    INSERT INTO blocks SELECT id, 0, 1, 1, 0, NULL, NULL, NULL, NULL, 1, x''
                      FROM series WHERE id > 1;
                    INSERT INTO blocks SELECT 1, value, value, value, 0, NULL, NULL, NULL, NULL, 1,
                      x'' FROM generate(1, 1000)";
        let generated = "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n
                            WHERE value < MOST) SELECT value FROM n)";
        let fill = fill
            .replace("generate(1, 600)", &generated.replace("MOST", "600"))
            .replace("generate(1, 1000)", &generated.replace("MOST", "1000"));
        conn.execute_batch(&fill).unwrap();
        let keep = Keep { history: Span::days(1), ..Keep::default() };
        let mut ageing = Ageing::default();
        let (pruned, slices) = walk(&mut ageing, conn, &keep, wall);
        assert_eq!(pruned, 1_599);
        assert!((7..=9).contains(&slices), "{slices}");
        // The next walk begins a minute later.
        conn.execute_batch(
            "INSERT INTO blocks VALUES(7, 0, 9, 1, 0, NULL, NULL, NULL, NULL, 1, x'')",
        )
        .unwrap();
        assert_eq!(walk(&mut ageing, conn, &keep, wall + Span::secs(59)), (0, 1));
        assert_eq!(walk(&mut ageing, conn, &keep, wall + Span::secs(60)).0, 1);
    }
}
