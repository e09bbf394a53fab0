//! Transitions that retention takes: what they were is gone, that they were stays in the chain.

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::head::SignedHead;
use super::key::AuditKey;
use super::stand;
use super::statement::{Removed, Statement};
use super::{Chained, End, Link};

/// The transitions of one statement, in order.
pub(crate) struct Cut {
    count: u64,
    first: u64,
    last: u64,
    hash: Context,
}

impl Cut {
    pub(crate) fn new() -> Self {
        Self { count: 0, first: 0, last: 0, hash: Context::new(&SHA256) }
    }

    pub(crate) fn add(&mut self, seq: u64, hash: &Link) {
        if self.count == 0 {
            self.first = seq;
        }
        self.last = seq;
        self.count += 1;
        self.hash.update(&seq.to_be_bytes());
        self.hash.update(hash);
    }

    pub(crate) fn removed(self) -> Removed {
        let Self { count, first, last, hash } = self;
        Removed { first, last, count, hash: HEXLOWER.encode(hash.finish().as_ref()) }
    }
}

/// Takes transitions out, with what the alarms among them stood on; their hashes stay, and a signed
/// statement says which. Neither the newest transition, from which the next one is counted, nor an act may be one
/// of them.
///
/// The head that covers it is on the disk with it; `None` where none of them was there.
pub(crate) fn cut(
    tx: &Transaction<'_>,
    key: &AuditKey,
    seqs: &[u64],
) -> rusqlite::Result<Option<SignedHead>> {
    let by = End::of(tx)?.said + 1;
    let mut cut = Cut::new();
    for seq in seqs {
        let found = tx
            .prepare_cached(
                "SELECT seq, n, at, kind, change, alarm, patient, actor, body, grounds
                   FROM transitions WHERE seq = ?",
            )?
            .query_row([*seq as i64], |row| {
                let alarm: Option<String> = row.get(5)?;
                let chained = Chained::read(row)?;
                Ok((chained.hash(), chained.grounds.and(alarm)))
            })
            .optional()?;
        let Some((hash, raised)) = found else { continue };
        cut.add(*seq, &hash);
        tx.prepare_cached("INSERT INTO cut VALUES(?, ?, ?)")?.execute(params![
            *seq as i64,
            by as i64,
            hash
        ])?;
        tx.prepare_cached("DELETE FROM transitions WHERE seq = ?")?.execute([*seq as i64])?;
        tx.prepare_cached("DELETE FROM deliveries WHERE seq = ?")?.execute([*seq as i64])?;
        if let Some(alarm) = raised {
            tx.prepare_cached(
                "DELETE FROM alarm_grounds WHERE alarm = ?1 AND NOT EXISTS
                   (SELECT 1 FROM transitions WHERE alarm = ?1 AND grounds IS NOT NULL)",
            )?
            .execute([alarm])?;
        }
    }
    if cut.count == 0 {
        return Ok(None);
    }
    Statement::Cut(cut.removed()).say(tx, key)?;
    stand::sign_and_keep(tx, key).map(Some)
}
