//! What could not be decoded, or nobody takes: kept within bounds by sender.

use rusqlite::{Transaction, params};

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::{DeadLetter, Kind};
use vitalgate_domain::model::time::Timestamp;

/// Dead letters kept of one sender (contract §2).
pub const DEAD_LETTERS: u64 = 1_000;
/// Bytes of dead letters kept of one sender (contract §2).
pub const DEAD_LETTER_BYTES: u64 = 4 << 20;

/// Keeps a dead letter and, of the same sender, prunes the oldest beyond the bounds.
pub(crate) fn keep(
    tx: &Transaction<'_>,
    at: Timestamp,
    letter: &DeadLetter,
) -> rusqlite::Result<()> {
    let owner = letter.device.as_ref().unwrap_or(&letter.principal).as_str();
    tx.prepare_cached("INSERT INTO dead_letters VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            at.as_micros(),
            letter.principal.as_str(),
            letter.device.as_ref().map(DeviceId::as_str),
            letter.topic,
            letter.kind.map(kind_word),
            letter.reason,
            letter.length as i64,
            letter.head,
        ],
    )?;
    let size = (letter.head.len() + letter.topic.len() + letter.reason.len()) as i64;
    tx.prepare_cached(
        "INSERT INTO dead_letter_counts VALUES(?1, 1, 1, ?2) ON CONFLICT(owner)
           DO UPDATE SET total = total + 1, kept = kept + 1, bytes = bytes + ?2",
    )?
    .execute(params![owner, size])?;
    loop {
        let (kept, bytes): (i64, i64) = tx
            .prepare_cached("SELECT kept, bytes FROM dead_letter_counts WHERE owner = ?")?
            .query_row([owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if kept as u64 <= DEAD_LETTERS && bytes as u64 <= DEAD_LETTER_BYTES {
            return Ok(());
        }
        let pruned: i64 = tx
            .prepare_cached(
                "DELETE FROM dead_letters WHERE id = (SELECT min(id) FROM dead_letters
                   WHERE ifnull(device, principal) = ?)
                 RETURNING length(head) + length(CAST(topic AS BLOB)) + length(CAST(reason AS BLOB))",
            )?
            .query_row([owner], |row| row.get(0))?;
        tx.prepare_cached(
            "UPDATE dead_letter_counts SET kept = kept - 1, bytes = bytes - ? WHERE owner = ?",
        )?
        .execute(params![pruned, owner])?;
    }
}

/// Prunes the oldest of all senders while they take more than `most` bytes, at most so many; says how many.
pub(crate) fn prune_beyond(tx: &Transaction<'_>, most: u64, rows: i64) -> rusqlite::Result<usize> {
    let all: i64 = tx
        .prepare_cached("SELECT ifnull(sum(bytes), 0) FROM dead_letter_counts")?
        .query_row([], |row| row.get(0))?;
    let mut beyond = all - most as i64;
    if beyond <= 0 {
        return Ok(0);
    }
    let mut oldest = tx.prepare_cached(
        "SELECT id, ifnull(device, principal),
             length(head) + length(CAST(topic AS BLOB)) + length(CAST(reason AS BLOB))
           FROM dead_letters ORDER BY id LIMIT ?",
    )?;
    let oldest = oldest.query_map([rows], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
    })?;
    let mut pruned = 0;
    for letter in oldest.collect::<rusqlite::Result<Vec<_>>>()? {
        if beyond <= 0 {
            break;
        }
        let (id, owner, bytes) = letter;
        tx.prepare_cached("DELETE FROM dead_letters WHERE id = ?")?.execute([id])?;
        tx.prepare_cached(
            "UPDATE dead_letter_counts SET kept = kept - 1, bytes = bytes - ? WHERE owner = ?",
        )?
        .execute(params![bytes, owner])?;
        beyond -= bytes;
        pruned += 1;
    }
    Ok(pruned)
}

/// The word of a topic kind, as stored.
fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Telemetry => "telemetry",
        Kind::Events => "events",
        Kind::Waves => "waves",
        Kind::Status => "status",
        Kind::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::tests::purpose;

    #[test]
    fn of_all_senders_the_oldest_go_first_and_no_more_than_must() {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = Store::create(dir.path(), &purpose()).unwrap().conn;
        let tx = conn.transaction().unwrap();
        for n in 0..100 {
            let letter = DeadLetter {
                principal: format!("made-up-{n}").parse().unwrap(),
                device: None,
                topic: "t".to_owned(),
                kind: None,
                reason: "r".to_owned(),
                length: 98,
                head: vec![7; 98],
            };
            keep(&tx, Timestamp::default(), &letter).unwrap();
        }
        assert_eq!(prune_beyond(&tx, 100 * 100, 256).unwrap(), 0);
        assert_eq!(prune_beyond(&tx, 50 * 100 - 1, 20).unwrap(), 20);
        assert_eq!(prune_beyond(&tx, 50 * 100 - 1, 256).unwrap(), 31);
        assert_eq!(prune_beyond(&tx, 50 * 100 - 1, 256).unwrap(), 0);
        let (letters, first): (i64, i64) = tx
            .query_row("SELECT count(*), min(id) FROM dead_letters", [], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })
            .unwrap();
        let counted = "SELECT sum(kept), sum(bytes), sum(total) FROM dead_letter_counts";
        let counted: (i64, i64, i64) =
            tx.query_row(counted, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
        assert_eq!((letters, first, counted), (49, 52, (49, 4_900, 100)));
    }
}
