//! Dead letters read back.

use rusqlite::{Row, params};

use super::Reader;
use crate::file::error::ReadError;
use crate::file::row::{id, optional_id, unsigned};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::Timestamp;

/// A dead letter read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRow {
    /// Rises with every dead letter of a store.
    pub id: u64,
    /// When it came, shown time.
    pub at: Timestamp,
    /// Who sent it.
    pub principal: DeviceId,
    /// Under whose name, if the topic said.
    pub device: Option<DeviceId>,
    /// The topic.
    pub topic: String,
    /// The word of the topic kind.
    pub kind: Option<String>,
    /// Why.
    pub reason: String,
    /// How long it was.
    pub length: u64,
    /// Its first bytes.
    pub head: Vec<u8>,
}

impl Reader {
    /// Dead letters, newest first: of one device or relay or of all, before number `before`.
    pub fn dead_letters(
        &self,
        of: Option<&DeviceId>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<DeadLetterRow>, ReadError> {
        let before = before.map_or(i64::MAX, |id| id as i64);
        match of {
            Some(of) => self.list(
                "SELECT * FROM dead_letters WHERE ifnull(device, principal) = ? AND id < ?
                   ORDER BY id DESC LIMIT ?",
                params![of.as_str(), before, limit as i64],
                dead_letter,
            ),
            None => self.list(
                "SELECT * FROM dead_letters WHERE id < ? ORDER BY id DESC LIMIT ?",
                [before, limit as i64],
                dead_letter,
            ),
        }
    }

    /// How many dead letters each device or relay ever caused, those that are pruned included.
    pub fn dead_letter_counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        self.list("SELECT owner, total FROM dead_letter_counts ORDER BY owner", [], |row| {
            Ok((row.get(0)?, unsigned(row, 1)?))
        })
    }
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetterRow> {
    Ok(DeadLetterRow {
        id: unsigned(row, 0)?,
        at: Timestamp::from_micros(row.get(1)?),
        principal: id(row, 2)?,
        device: optional_id(row, 3)?,
        topic: row.get(4)?,
        kind: row.get(5)?,
        reason: row.get(6)?,
        length: unsigned(row, 7)?,
        head: row.get(8)?,
    })
}
