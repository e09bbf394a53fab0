//! Blocks and words of history beyond the bytes that are kept, oldest measured first.
//!
//! Only these are looked at: what is in memory is bounded by itself, and a restart needs the journal
//! and the snapshots, never a block.

use rusqlite::{Transaction, params};

use super::pruned::Pruned;
use super::retention::ROWS;
use crate::file::meta;

/// Prunes at most [`ROWS`] blocks and words, and none once what is kept takes no more than `most` bytes;
/// says how many.
pub(crate) fn slice(
    tx: &Transaction<'_>,
    most: u64,
    blocks: &mut Pruned,
    words: &mut Pruned,
) -> rusqlite::Result<usize> {
    let bytes = || meta::number(tx, "history_bytes").map(Option::unwrap_or_default);
    if bytes()? <= most {
        return Ok(0);
    }
    let mut oldest = tx.prepare_cached(
        "SELECT * FROM (SELECT t1, series, t0, id FROM blocks ORDER BY t1 LIMIT ?1) UNION ALL
         SELECT * FROM (SELECT at, series, NULL, id FROM words ORDER BY at LIMIT ?1)
         ORDER BY 1 LIMIT ?1",
    )?;
    let oldest = oldest.query_map([ROWS], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, i64>(3)?))
    })?;
    let mut count = 0;
    for (end, series, t0, id) in oldest.collect::<rusqlite::Result<Vec<_>>>()? {
        if bytes()? <= most {
            break;
        }
        count += if let Some(t0) = t0 {
            blocks.add(series, end);
            tx.prepare_cached("DELETE FROM blocks WHERE series = ? AND t0 = ? AND id = ?")?
                .execute(params![series, t0, id])?
        } else {
            words.add(series, end);
            tx.prepare_cached("DELETE FROM words WHERE id = ?")?.execute([id])?
        };
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tests::{commit, purpose, sample, second, write};
    use crate::{Keep, Reader, Store};
    use vitalgate_domain::model::time::Span;

    /// Times of the last samples of the blocks there are.
    fn ends(opened: &crate::Opened) -> BTreeSet<i64> {
        let mut ends = opened.conn.prepare("SELECT t1 FROM blocks").unwrap();
        ends.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn bytes(opened: &crate::Opened) -> (u64, u64) {
        let counted = meta::number(&opened.conn, "history_bytes").unwrap().unwrap();
        let there = opened
            .conn
            .query_row("SELECT ifnull(sum(length(body) + 100), 0) FROM blocks", [], |r| r.get(0))
            .map(|bytes: i64| bytes as u64);
        (counted, there.unwrap())
    }

    /// No two of them become one block.
    const APART: u64 = 25 * 3_600;

    /// Rows `from..=to`, so far apart that each seals the head of the one before.
    fn apart(from: u64, to: u64) -> Vec<crate::types::Commit> {
        let row = |n: u64| {
            let mut row = commit(n);
            row.row.at = second(n * APART);
            row.samples = vec![sample(row.row.at, n as f64)];
            row
        };
        (from..=to).map(row).collect()
    }

    #[test]
    fn the_oldest_measured_goes_first_and_no_more_than_must() {
        let dir = tempfile::tempdir().unwrap();
        write(Store::create(dir.path(), &purpose()).unwrap(), Keep::default(), apart(1, 40));
        let opened = Store::open(dir.path()).unwrap();
        let (all, there) = bytes(&opened);
        assert_eq!((all, ends(&opened).len()), (there, 39), "what is in memory is not counted");
        let mut ever = ends(&opened);
        drop(opened);

        let keep = Keep { history_bytes: all / 2, ..Keep::default() };
        write(Store::open(dir.path()).unwrap(), keep, apart(41, 50));
        let opened = Store::open(dir.path()).unwrap();
        let (counted, there) = bytes(&opened);
        let kept = ends(&opened);
        assert_eq!(counted, there);
        assert!(counted <= all / 2 && counted + 2 * all / 39 > all / 2, "{counted} of {all}");
        ever.extend((41..50).map(|n| second(n * APART).as_micros()));
        assert!(kept.iter().rev().eq(ever.iter().rev().take(kept.len())), "{kept:?}");
        assert_eq!(Reader::of(dir.path()).unwrap().rows(0).unwrap().count(), 50);
    }

    #[test]
    fn a_slice_is_bounded_and_memory_is_never_touched() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep { history: Span::days(1_000), ..Keep::default() };
        write(Store::create(dir.path(), &purpose()).unwrap(), keep, apart(1, 400));
        let mut opened = Store::open(dir.path()).unwrap();
        let mut slice = || {
            let tx = opened.conn.transaction().unwrap();
            let pruned =
                super::slice(&tx, 0, &mut Pruned::default(), &mut Pruned::default()).unwrap();
            tx.commit().unwrap();
            pruned
        };
        assert_eq!([slice(), slice(), slice()], [ROWS as usize, 399 - ROWS as usize, 0]);
        assert_eq!(bytes(&opened), (0, 0));
    }
}
