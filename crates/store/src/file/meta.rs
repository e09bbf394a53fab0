//! What the file remembers by a key: the table `meta`.

use rusqlite::types::{FromSql, ToSql};
use rusqlite::{Connection, OptionalExtension as _, params};

use vitalgate_domain::model::time::Timestamp;

/// The store's own keys. Every other key is the name of a consumer.
pub(crate) const OWN_KEYS: [&str; 14] = [
    "store",
    "site",
    "simulated",
    "stream_clock",
    "snapshot_generation",
    "snapshot_row",
    "sealed_to",
    "history_bytes",
    "merged_to",
    "merged_ids_end",
    "upgraded_from",
    "upgraded_at_row",
    "words_after",
    "audit_head",
];

/// What is remembered under this key.
pub(crate) fn get<T: FromSql>(conn: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    conn.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0)).optional()
}

/// The journal row, or the count, remembered under this key.
pub(crate) fn number(conn: &Connection, key: &str) -> rusqlite::Result<Option<u64>> {
    Ok(get::<i64>(conn, key)?.map(|n| n as u64))
}

/// The instant remembered under this key.
pub(crate) fn instant(conn: &Connection, key: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(get(conn, key)?.map(Timestamp::from_micros))
}

/// Remembers a value.
pub(crate) fn set(conn: &Connection, key: &str, value: impl ToSql) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO meta VALUES(?, ?)")?
        .execute(params![key, value])?;
    Ok(())
}
