//! What became of telling transitions by channels, and how far each channel has come.

use rusqlite::{Connection, Row, params};

use super::Reader;
use crate::consumers::ConsumerCursor;
use crate::deliveries::{Delivered, TAKEN};
use crate::file::error::ReadError;
use crate::file::row::{id, unsigned};
use vitalgate_domain::model::ids::{AlarmId, ChannelId};
use vitalgate_domain::model::time::Timestamp;

/// What the keys of channels in `meta` begin with.
const CHANNEL: &str = "channel:";

impl Reader {
    /// What became of telling each transition of an alarm, in their order. Of what an older version told nothing is known.
    pub fn deliveries(&self, alarm: &AlarmId) -> Result<Vec<Delivered>, ReadError> {
        if !has_deliveries(&self.connect()?)? {
            return Ok(Vec::new());
        }
        self.list(
            "SELECT d.seq, d.channel, d.tried, d.at, d.tries, d.result FROM transitions t
               JOIN deliveries d ON d.seq = t.seq WHERE t.alarm = ? ORDER BY d.seq, d.channel",
            params![alarm.as_str()],
            delivered,
        )
    }

    /// What channels gave up, in the order of the transitions.
    pub fn given_up(&self) -> Result<Vec<Delivered>, ReadError> {
        if !has_deliveries(&self.connect()?)? {
            return Ok(Vec::new());
        }
        self.list(
            "SELECT seq, channel, tried, at, tries, result FROM deliveries WHERE result <> ? ORDER BY seq",
            params![TAKEN],
            delivered,
        )
    }

    /// How far each channel has come that ever told anything, by its id: up to which transition.
    pub fn channels(&self) -> Result<Vec<(ChannelId, u64)>, ReadError> {
        let cursors = self.list(
            "SELECT substr(key, length(?1) + 1), value FROM meta WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
            params![CHANNEL],
            |row| Ok((id::<ChannelId>(row, 0)?, row.get::<_, String>(1)?)),
        )?;
        let read = |(channel, cursor): (ChannelId, String)| {
            let cursor: ConsumerCursor = serde_json::from_str(&cursor)
                .map_err(|e| ReadError::Strange(format!("the cursor of channel {channel}: {e}")))?;
            Ok((channel, cursor.seq))
        };
        cursors.into_iter().map(read).collect()
    }
}

/// Whether the store is of a version that keeps them.
fn has_deliveries(conn: &Connection) -> Result<bool, ReadError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'deliveries'";
    Ok(conn.query_row(sql, [], |row| unsigned(row, 0))? > 0)
}

fn delivered(row: &Row<'_>) -> rusqlite::Result<Delivered> {
    Ok(Delivered {
        seq: unsigned(row, 0)?,
        channel: id(row, 1)?,
        tried: Timestamp::from_micros(row.get(2)?),
        at: Timestamp::from_micros(row.get(3)?),
        tries: row.get(4)?,
        result: row.get(5)?,
    })
}
