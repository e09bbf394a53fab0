//! Everything the history holds between two times, page by page, for who copies it elsewhere.
//!
//! The order is that of the series (device, signal, instance), and in each that of time; it is the
//! same however often it is asked for. Memory is that of one page and the names of the series.

use rusqlite::Connection;

use super::point::{Point, settle};
use super::range::{Cursor, History, Piece, block_ids, page};
use crate::file::connection;
use crate::file::error::ReadError;
use crate::types::SeriesKey;
use vitalgate_domain::model::time::Timestamp;

/// What a scan takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first instant of measurement inside.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Everything that came with journal rows after this one is given, and of what came before only
    /// what stands in the same blocks; 0 gives all.
    pub after_row: u64,
}

/// A position between two samples of a scan: everything before it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPosition {
    /// In which series.
    pub series: SeriesKey,
    /// Where in it; `None` before its first sample.
    pub cursor: Option<Cursor>,
}

/// Samples of one series, oldest first; never none.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanPage {
    /// Which series.
    pub series: SeriesKey,
    /// Its samples, with their flags: what was implausible or entered in error too.
    pub points: Vec<Point>,
}

/// A walk through the numbers of the history. No transaction is open between two pages: what is committed
/// meanwhile is given where the walk has not passed yet.
#[derive(Debug)]
pub struct Scan {
    history: History,
    extent: Extent,
    conn: Option<Connection>,
    /// The series still to come, the next one last.
    rest: Vec<SeriesKey>,
    cursor: Option<Cursor>,
}

impl History {
    /// Everything in `extent`, from the beginning or from where an earlier scan of it had come to.
    /// Series that begin later are left out.
    pub fn scan(&self, extent: Extent, from: Option<ScanPosition>) -> Scan {
        let mut rest = self.heads.all_series();
        let cursor = from.and_then(|ScanPosition { series, cursor }| {
            rest.retain(|key| *key >= series);
            cursor.filter(|_| rest.first() == Some(&series))
        });
        rest.reverse();
        Scan { history: self.clone(), extent, conn: None, rest, cursor }
    }
}

impl Scan {
    /// Leaves out the series that do not pass; to be called before the first page.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&SeriesKey) -> bool) -> Self {
        self.rest.retain(wanted);
        self
    }

    /// The next samples, at most `limit`; `None` at the end.
    pub fn next_page(&mut self, limit: usize) -> Result<Option<ScanPage>, ReadError> {
        while let Some(series) = self.rest.last().cloned() {
            let points = self.points(&series, limit.max(1))?;
            if !points.is_empty() {
                return Ok(Some(ScanPage { series, points }));
            }
        }
        Ok(None)
    }

    /// Where the next page begins; `None` at the end.
    pub fn position(&self) -> Option<ScanPosition> {
        Some(ScanPosition { series: self.rest.last()?.clone(), cursor: self.cursor })
    }

    /// The series still to come, the one it stands in included, in their order.
    pub fn series_left(&self) -> impl Iterator<Item = &SeriesKey> {
        self.rest.iter().rev()
    }

    /// The next points of a series; after its last ones the series is done.
    fn points(&mut self, series: &SeriesKey, limit: usize) -> Result<Vec<Point>, ReadError> {
        let Extent { from, to, after_row } = self.extent;
        let from = self.cursor.map_or(from, |cursor| cursor.at);
        let piece = Piece { series: series.clone(), from, to };
        let given = self.cursor.map_or(0, |cursor| cursor.skip);
        let wanted = limit.saturating_add(given).saturating_add(1);
        let sealed = block_ids(after_row.saturating_add(1), u64::MAX);
        let ids = sealed.start.max(self.history.ids.start)..self.history.ids.end;
        // Heads before blocks: see the top of `history`.
        let mut heads = self.history.heads.points(series, from, to);
        settle(&mut heads);
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => connection::readable(&self.history.path)?,
        };
        let tx = conn.transaction()?;
        let overruled = self.history.overruled(&tx, &piece)?;
        heads.retain(|point| overruled.leaves(point));
        let mut points = page(&tx, &piece, heads, wanted, &ids, &overruled)?;
        drop(tx);
        self.conn = Some(conn);
        let same = points.iter().take(given).take_while(|p| p.at == from).count();
        points.drain(..same);
        if points.len() <= limit {
            self.rest.pop();
            self.cursor = None;
        } else {
            let at = points[limit].at;
            let skip = points[..limit].iter().rev().take_while(|p| p.at == at).count();
            let before = if at == from { same } else { 0 };
            points.truncate(limit);
            self.cursor = Some(Cursor { at, skip: skip + before });
        }
        Ok(points)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::{any_rows, purpose, put, sample, second, series};
    use crate::types::Commit;
    use crate::{Opened, Store};
    use vitalgate_domain::model::time::Span;

    const ALL: Extent = Extent {
        from: Timestamp::from_micros(0),
        to: Timestamp::from_micros(i64::MAX),
        after_row: 0,
    };

    /// The series of these tests, in order, by the value of a point.
    fn of(point: &Point) -> SeriesKey {
        let instance = ["", "II", "V1"][point.value as usize % 3];
        SeriesKey { instance: instance.into(), ..series() }
    }

    fn everything(history: &History, extent: Extent, limit: usize) -> Vec<(SeriesKey, Point)> {
        let mut got = Vec::new();
        let mut from = None;
        loop {
            // A new walk for every page: a position is all that is needed to go on.
            let mut scan = history.scan(extent, from);
            let Some(ScanPage { series, points }) = scan.next_page(limit).unwrap() else { break };
            assert!(points.len() <= limit && !points.is_empty());
            got.extend(points.into_iter().map(|point| (series.clone(), point)));
            from = scan.position();
            if from.is_none() {
                break;
            }
        }
        got
    }

    fn put_by_value(opened: &mut Opened, n: u64, points: &[Point], seal: bool) -> Commit {
        put(opened, n, points, seal, of)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_scan_gives_every_series_in_order_and_whole(
            rows in any_rows(),
            from in prop_oneof![Just(-1_000_i64), 0..400_000_i64],
            length in 0..900_000_i64,
            limit in 1_usize..50,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut opened = Store::create(dir.path(), &purpose()).unwrap();
            for (i, (points, seal)) in rows.iter().enumerate() {
                put_by_value(&mut opened, i as u64 + 1, points, *seal);
            }
            let from = Timestamp::from_millis(1_700_000_000_000 + from);
            let to = from + Span::millis(length);
            let mut expected = Vec::new();
            let all: Vec<Point> = rows.iter().flat_map(|(points, _)| points.clone()).collect();
            for instance in ["", "II", "V1"] {
                let key = SeriesKey { instance: instance.into(), ..series() };
                let mut points: Vec<Point> = all.iter().filter(|p| of(p) == key).copied().collect();
                settle(&mut points);
                points.retain(|p| from <= p.at && p.at < to);
                expected.extend(points.into_iter().map(|point| (key.clone(), point)));
            }
            let extent = Extent { from, to, after_row: 0 };
            prop_assert_eq!(everything(&opened.history(), extent, limit), expected);
        }

        #[test]
        fn nothing_that_came_after_a_row_is_left_out(rows in any_rows(), after in 0_u64..9) {
            let dir = tempfile::tempdir().unwrap();
            let mut opened = Store::create(dir.path(), &purpose()).unwrap();
            for (i, (points, seal)) in rows.iter().enumerate() {
                put_by_value(&mut opened, i as u64 + 1, points, *seal);
            }
            let history = opened.history();
            let all = everything(&history, ALL, 1_000);
            let got = everything(&history, Extent { after_row: after, ..ALL }, 7);
            // Where a sample came more than once, the earlier row may stand for it.
            let mut late: Vec<_> = rows.iter().skip(after as usize).flat_map(|(p, _)| p).collect();
            late.retain(|point| all.iter().any(|(key, kept)| *key == of(point) && kept == *point));
            for point in late {
                prop_assert!(got.iter().any(|(key, kept)| *key == of(point) && kept == point));
            }
        }
    }

    #[test]
    fn what_was_sealed_before_a_row_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        let points = |n: u64| vec![Point::of(&sample(second(n), n as f64))];
        for n in 1..=6 {
            put(&mut opened, n, &points(n), n % 2 == 1, |_| series());
        }
        // Sealed with row 3: 1 and 2. With row 5: 3 and 4. In memory: 5 and 6.
        let check = |after_row: u64, expected: &[f64]| {
            let got = everything(&opened.history(), Extent { after_row, ..ALL }, 9);
            let values: Vec<f64> = got.iter().map(|(_, point)| point.value).collect();
            assert_eq!(values, expected, "after row {after_row}");
        };
        check(0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        check(1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        check(2, &[3.0, 4.0, 5.0, 6.0]);
        check(4, &[5.0, 6.0]);
    }

    #[test]
    fn series_that_are_not_wanted_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        let points: Vec<Point> = (0..6).map(|n| Point::of(&sample(second(n), n as f64))).collect();
        put_by_value(&mut opened, 1, &points, false);
        let mut scan = opened.history().scan(ALL, None).only(|key| key.instance.as_str() == "II");
        assert_eq!(scan.series_left().count(), 1);
        let page = scan.next_page(9).unwrap().unwrap();
        assert_eq!(page.points.iter().map(|p| p.value).collect::<Vec<_>>(), [1.0, 4.0]);
        assert_eq!((scan.position(), scan.next_page(9).unwrap()), (None, None));
    }
}
