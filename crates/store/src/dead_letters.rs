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
