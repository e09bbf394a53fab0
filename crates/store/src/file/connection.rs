//! Connections to the file, for the writer and for readers, and checkpoints of its log.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Readers are short and the writer waits only for a checkpoint; longer means something is wrong.
const BUSY: Duration = Duration::from_secs(5);

/// Opens an existing file for the one writer. Checkpoints are called for, never automatic: they
/// would make a commit wait.
pub(crate) fn writable(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    set_up(&conn)?;
    Ok(conn)
}

/// Opens an existing file for a reader.
pub(crate) fn readable(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(BUSY)?;
    Ok(conn)
}

/// Writes everything the log holds into the file itself and empties the log.
///
/// After a crash or a failed write the log may have been read back from a cache that never
/// reached the disk; the copy into the file is written and synced anew.
pub(crate) fn checkpoint_all(conn: &Connection) -> rusqlite::Result<()> {
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
        Some("a reader holds the log; close other programs that have the store open".to_owned()),
    ))
}

/// The same, and again until no reader of another process is in the way.
///
/// There is no going on without it: what only a cache holds must not be built on. Giving up would
/// end the gateway for the sake of a reader, and such a reader ends sooner or later.
pub(crate) fn checkpoint_at_last(
    conn: &Connection,
    mut kept_waiting: impl FnMut(),
) -> rusqlite::Result<()> {
    loop {
        match checkpoint_all(conn) {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                kept_waiting();
            }
            done => return done,
        }
    }
}

/// Says, each time a checkpoint has waited for [`BUSY`], who is in the way.
pub(crate) fn warn_of_readers(path: &Path) -> impl FnMut() {
    move || {
        tracing::warn!(
            store = %path.display(),
            "waiting for another program to end its reading; nobody is monitored meanwhile: close \
             what else has the store open"
        );
    }
}

/// The settings of every connection that writes.
pub(crate) fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.query_row("PRAGMA wal_autocheckpoint=0", [], |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -32_768)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::disk::file_in;
    use crate::file::schema::make;

    #[test]
    fn a_checkpoint_waits_for_a_reader_as_long_as_it_takes() {
        let dir = tempfile::tempdir().unwrap();
        let path = file_in(dir.path());
        let conn = make(&path).unwrap();
        conn.busy_timeout(Duration::from_millis(1)).unwrap();
        let mut other = readable(&path).unwrap();
        let reading = other.transaction().unwrap();
        let rows: i64 = reading.query_row("SELECT count(*) FROM meta", [], |r| r.get(0)).unwrap();
        conn.execute("INSERT INTO meta VALUES('new', 1)", []).unwrap();
        let (mut reading, mut waited) = (Some(reading), 0);
        checkpoint_at_last(&conn, || {
            waited += 1;
            if waited == 3 {
                reading = None;
            }
        })
        .unwrap();
        assert_eq!((rows, waited), (2, 3));
    }
}
