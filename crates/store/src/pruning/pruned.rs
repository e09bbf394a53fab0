//! Up to where each series is pruned.

use std::collections::BTreeMap;

use rusqlite::Transaction;

/// The last instant that is pruned of each series.
#[derive(Debug, Default)]
pub(crate) struct Pruned(pub(super) BTreeMap<i64, i64>);

impl Pruned {
    /// A block, or a word, is pruned that ends at `t1`.
    pub(crate) fn add(&mut self, series: i64, t1: i64) {
        let upto = self.0.entry(series).or_insert(t1);
        *upto = t1.max(*upto);
    }

    /// Notes them in the file, as series of words.
    pub(super) fn write_words(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut update = tx.prepare_cached(
            "UPDATE word_series SET gone = max(ifnull(gone, ?2), ?2) WHERE id = ?1",
        )?;
        self.0.iter().try_for_each(|pruned| update.execute(pruned).map(drop))
    }

    /// Notes them in the file, as series of blocks.
    pub(super) fn write(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut insert = tx.prepare_cached(
            "INSERT INTO gone VALUES(?, ?)
               ON CONFLICT(series) DO UPDATE SET upto = max(upto, excluded.upto)",
        )?;
        self.0.iter().try_for_each(|pruned| insert.execute(pruned).map(drop))
    }
}
