//! What an opened store knows before the first commit: its identity, last row, snapshot, series.

use rusqlite::{Connection, OptionalExtension as _};

use super::meta;
use super::row::{series_key, unsigned};
use crate::types::{Identity, SeriesKey, SnapshotPart};
use vitalgate_domain::model::time::{Span, Timestamp};

/// The newest row of the journal, without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRow {
    /// Its number.
    pub n: u64,
    /// Its stamp.
    pub at: Timestamp,
    /// Wall clock − `at`.
    pub offset: Span,
    /// The version of the core that folded it.
    pub core: u32,
}

/// A series as the table has it.
#[derive(Debug)]
pub(crate) struct SeriesRow {
    pub(crate) id: i64,
    pub(crate) key: SeriesKey,
    pub(crate) sealed_to: u64,
    /// See [`History::pruned_to`](crate::history::range::History::pruned_to).
    pub(crate) pruned_to: Option<Timestamp>,
}

/// What the file says it is; `None` if it does not say enough.
pub(crate) fn identity(conn: &Connection) -> rusqlite::Result<Option<Identity>> {
    let store: Option<String> = meta::get(conn, "store")?;
    let site: Option<String> = meta::get(conn, "site")?;
    let simulated: Option<bool> = meta::get(conn, "simulated")?;
    let stream_clock: Option<bool> = meta::get(conn, "stream_clock")?;
    Ok(match (store, site.and_then(|s| s.parse().ok()), simulated, stream_clock) {
        (Some(store), Some(site), Some(simulated), Some(stream_clock)) => {
            Some(Identity { store, site, simulated, stream_clock })
        }
        _ => None,
    })
}

/// The newest row, if there is any.
pub(crate) fn last_row(conn: &Connection) -> rusqlite::Result<Option<LastRow>> {
    conn.query_row(
        "SELECT n, at, offset_us, core FROM journal ORDER BY n DESC LIMIT 1",
        [],
        |row| {
            Ok(LastRow {
                n: unsigned(row, 0)?,
                at: Timestamp::from_micros(row.get(1)?),
                offset: Span::micros(row.get(2)?),
                core: row.get(3)?,
            })
        },
    )
    .optional()
}

/// Removes parts of a snapshot that was never completed: the next one must not mix with them.
pub(crate) fn drop_unfinished_snapshot(conn: &Connection) -> rusqlite::Result<usize> {
    conn.execute(
        "DELETE FROM snapshots WHERE generation >
           (SELECT value FROM meta WHERE key = 'snapshot_generation')",
        [],
    )
}

/// The newest complete part of every key.
pub(crate) fn snapshot(conn: &Connection) -> rusqlite::Result<Vec<SnapshotPart>> {
    let mut parts = Vec::new();
    let mut statement = conn.prepare(
        "SELECT kind, key, n, body, max(generation) FROM snapshots WHERE generation <=
           (SELECT value FROM meta WHERE key = 'snapshot_generation') GROUP BY kind, key",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let kind = match row.get_ref(0)?.as_str()? {
            "core" => "core",
            "site" => "site",
            "device" => "device",
            "patient" => "patient",
            other => {
                return Err(rusqlite::Error::InvalidColumnName(format!("snapshot kind {other}")));
            }
        };
        parts.push(SnapshotPart {
            kind,
            key: row.get(1)?,
            n: unsigned(row, 2)?,
            body: row.get(3)?,
        });
    }
    Ok(parts)
}

/// Every series that has a block.
pub(crate) fn series(conn: &Connection) -> rusqlite::Result<Vec<SeriesRow>> {
    let mut statement = conn.prepare(
        "SELECT id, device, signal, instance, sealed_to, upto FROM series
           LEFT JOIN gone ON gone.series = series.id ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(SeriesRow {
            id: row.get(0)?,
            key: series_key(row, 1)?,
            sealed_to: unsigned(row, 4)?,
            pruned_to: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
        })
    })?;
    rows.collect()
}

/// The number of the next transition.
pub(crate) fn next_seq(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row("SELECT ifnull(max(seq), 0) + 1 FROM transitions", [], |row| unsigned(row, 0))
}
