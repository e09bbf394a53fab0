//! What is on disk: the tables, their version, and the way from an older version to this one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::state::{self, LastRow};
use crate::open::{OpenError, Store, publish, remove_draft};

/// `application_id` of every store: the letters `VGAT`.
pub(crate) const APPLICATION_ID: u32 = 0x5647_4154;
/// The schema this program writes.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;
/// The one database file in a store's folder.
pub(crate) const FILE: &str = "vitalgate.db";

const PAGE_BYTES: u32 = 8_192;
/// Readers are short and the writer waits only for a checkpoint; longer means something is wrong.
const BUSY: Duration = Duration::from_secs(5);

/// The step at index `v` leads from version `v` to `v + 1`; steps are only ever appended.
const MIGRATIONS: &[&str] = &[V1, V2, V3];

const V1: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- One row a commit. `body` is zstd of CBOR; times are microseconds since 1970; `upto` is the
-- length of all bodies up to this one, so that the size of what is kept is one subtraction.
CREATE TABLE journal(
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, offset_us INTEGER NOT NULL, core INTEGER NOT NULL,
  rules BLOB NOT NULL, upto INTEGER NOT NULL, body BLOB NOT NULL) STRICT;

CREATE TABLE transitions(
  seq INTEGER PRIMARY KEY, n INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
  change TEXT NOT NULL, alarm TEXT, patient TEXT, actor TEXT, body TEXT NOT NULL) STRICT;
CREATE INDEX transitions_n ON transitions(n);
CREATE INDEX transitions_alarm ON transitions(alarm, seq) WHERE alarm IS NOT NULL;
CREATE INDEX transitions_patient ON transitions(patient, seq) WHERE patient IS NOT NULL;

-- `sealed_to`: every sample of the series in rows up to this one is in a block.
CREATE TABLE series(
  id INTEGER PRIMARY KEY, device TEXT NOT NULL, signal INTEGER NOT NULL, instance TEXT NOT NULL,
  sealed_to INTEGER NOT NULL, UNIQUE(device, signal, instance)) STRICT;

-- The summary counts plausible samples not entered in error; with none, n is 0 and the rest NULL.
CREATE TABLE blocks(
  series INTEGER NOT NULL, t0 INTEGER NOT NULL, id INTEGER NOT NULL, t1 INTEGER NOT NULL,
  n INTEGER NOT NULL, vmin REAL, vmax REAL, vsum REAL, vlast REAL, unit INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY(series, t0, id)) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_t1 ON blocks(t1);

CREATE TABLE waves(
  id INTEGER PRIMARY KEY, n INTEGER NOT NULL, device TEXT NOT NULL, signal TEXT NOT NULL,
  at INTEGER NOT NULL, received INTEGER NOT NULL, rate_hz REAL NOT NULL, unit TEXT NOT NULL,
  scale REAL NOT NULL, summand REAL NOT NULL, samples INTEGER NOT NULL, upto INTEGER NOT NULL,
  body BLOB NOT NULL) STRICT;
CREATE INDEX waves_series ON waves(device, signal, at);

-- The state of a key is its newest part of a generation up to meta `snapshot_generation`.
CREATE TABLE snapshots(
  kind TEXT NOT NULL, key TEXT NOT NULL, generation INTEGER NOT NULL, n INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY(kind, key, generation)) STRICT;

CREATE TABLE dead_letters(
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, principal TEXT NOT NULL, device TEXT,
  topic TEXT NOT NULL, kind TEXT, reason TEXT NOT NULL, length INTEGER NOT NULL,
  head BLOB NOT NULL) STRICT;
CREATE INDEX dead_letters_owner ON dead_letters(ifnull(device, principal), id);
-- `total` counts for ever, `kept` and `bytes` what is still in dead_letters.
CREATE TABLE dead_letter_counts(
  owner TEXT PRIMARY KEY, total INTEGER NOT NULL, kept INTEGER NOT NULL,
  bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- chain = SHA-256(chain of the row before || SHA-256(seq, at, actor, what, hash)) with
-- hash = SHA-256(body); the first follows 32 zeros.
CREATE TABLE audit(
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT, what TEXT NOT NULL,
  hash BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
";

/// What raised an alarm is kept as long as its transitions: the limits in force and at most 20
/// readings, both as JSON. Meta `history_bytes` is what all blocks take: their bodies, and 100 bytes a block for its columns
/// and its place in the index. It follows the table, whoever changes it.
const V2: &str = "
CREATE TABLE alarm_grounds(
  alarm TEXT PRIMARY KEY, limits TEXT NOT NULL, readings TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta SELECT 'history_bytes', ifnull(sum(length(body) + 100), 0) FROM blocks;
CREATE TRIGGER block_in AFTER INSERT ON blocks BEGIN
  UPDATE meta SET value = value + length(NEW.body) + 100 WHERE key = 'history_bytes'; END;
CREATE TRIGGER block_out AFTER DELETE ON blocks BEGIN
  UPDATE meta SET value = value - length(OLD.body) - 100 WHERE key = 'history_bytes'; END;
";

/// `gone` says up to which instant retention took blocks of a series: all that was measured later is
/// held. Of what an older version wrote nobody noted it: anything before the oldest block may be.
const V3: &str = "
CREATE TABLE gone(series INTEGER PRIMARY KEY, upto INTEGER NOT NULL) STRICT;
INSERT INTO gone SELECT s.id, coalesce(
    (SELECT min(b.t0) - 1 FROM blocks b WHERE b.series = s.id),
    (SELECT max(j.at) FROM journal j WHERE j.n <= s.sealed_to),
    (SELECT min(j.at) FROM journal j), 0) FROM series s;
";

/// Makes the tables in an empty file that is not yet open anywhere else.
pub(crate) fn make(path: &Path) -> rusqlite::Result<Connection> {
    make_through(path, MIGRATIONS)
}

fn make_through(path: &Path, steps: &[&str]) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    set_up(&conn)?;
    let mut conn = conn;
    migrate(&mut conn, 0, steps)?;
    Ok(conn)
}

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

/// Brings a file of version `from`, open nowhere in this process, to this program's version, after
/// copying it aside.
pub(crate) fn upgrade(path: &Path, from: u32) -> Result<Connection, OpenError> {
    upgrade_through(path, from, MIGRATIONS)
}

fn upgrade_through(path: &Path, from: u32, steps: &[&str]) -> Result<Connection, OpenError> {
    let copy = copy_path(path, from);
    let broken = |source| OpenError::Sqlite { path: path.to_owned(), source };
    keep_copy(path, &copy)?;
    let mut conn = writable(path).map_err(broken)?;
    migrate(&mut conn, from, steps).map_err(broken)?;
    checkpoint_at_last(&conn, warn_of_readers(path)).map_err(broken)?;
    tracing::warn!(
        "the store {} was of version {from} and is now of version {}; to go back to the older \
         program, {}",
        path.display(),
        steps.len(),
        way_back(path, &copy),
    );
    Ok(conn)
}

/// Copies the file, whole or not at all.
fn keep_copy(path: &Path, copy: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let needed = std::fs::metadata(path).map_err(io)?.len();
    check_room(path, needed, Store::disk_free(path).map_err(io)?)?;
    tracing::warn!(
        store = %path.display(),
        copy = %copy.display(),
        bytes = needed,
        "the store is copied before it is upgraded; nobody is monitored meanwhile"
    );
    let draft = copy.with_extension("part");
    remove_draft(&draft)?;
    let copied = std::fs::copy(path, &draft)
        .map_err(|source| OpenError::Io { path: draft.clone(), source })
        .and_then(|_| publish(&draft, copy));
    if copied.is_err()
        && let Err(error) = remove_draft(&draft)
    {
        tracing::warn!(%error, "a copy that is not whole stays");
    }
    copied
}

fn check_room(path: &Path, needed: u64, free: u64) -> Result<(), OpenError> {
    if free < needed {
        return Err(OpenError::NoRoom { path: path.to_owned(), needed, free });
    }
    Ok(())
}

/// How to put a copy in place of the store. A log left beside it would be read into the copy.
pub(crate) fn way_back(path: &Path, copy: &Path) -> String {
    let (path, copy) = (path.display(), copy.display());
    format!(
        "stop this one, move {path}, {path}-wal and {path}-shm aside together, and rename {copy} to \
         {path}; what was taken in since the upgrade stays in what was moved aside"
    )
}

fn migrate(conn: &mut Connection, from: u32, steps: &[&str]) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    for step in steps.iter().skip(from as usize) {
        tx.execute_batch(step)?;
    }
    if from > 0 {
        tx.execute(
            "INSERT OR REPLACE INTO meta SELECT 'upgraded_from', ?
               UNION ALL SELECT 'upgraded_at_row', ifnull(max(n), 0) FROM journal",
            [from],
        )?;
    }
    tx.pragma_update(None, "user_version", steps.len() as u32)?;
    tx.commit()
}

/// The copy that an upgrade left of the store as it still is: nothing was taken in since.
pub(crate) fn copy_of_present(
    conn: &Connection,
    path: &Path,
    last: Option<LastRow>,
) -> rusqlite::Result<Option<PathBuf>> {
    let from = state::row_number(conn, "upgraded_from")?;
    let upgraded_at = state::row_number(conn, "upgraded_at_row")?;
    if upgraded_at != Some(last.map_or(0, |row| row.n)) {
        return Ok(None);
    }
    let copy = from.map(|version| copy_path(path, version as u32));
    Ok(copy.filter(|copy| copy.exists()))
}

fn copy_path(path: &Path, version: u32) -> PathBuf {
    path.with_extension(format!("v{version}.db"))
}

fn set_up(conn: &Connection) -> rusqlite::Result<()> {
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

    fn version(conn: &Connection) -> u32 {
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_file_is_copied_and_then_brought_up_step_by_step() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let conn = make_through(&path, &[V1]).unwrap();
        conn.execute("INSERT INTO meta VALUES('kept', 'yes')", []).unwrap();
        drop(conn);
        let steps = [V1, "CREATE TABLE later(a INTEGER); INSERT INTO meta VALUES('later', 1)"];
        let conn = upgrade_through(&path, 1, &steps).unwrap();
        assert_eq!(version(&conn), 2);
        let kept: String = conn
            .query_row("SELECT value FROM meta WHERE key = 'kept'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(kept, "yes");

        let copy = readable(&copy_path(&path, 1)).unwrap();
        assert_eq!(version(&copy), 1, "the copy is the store as it was");
        assert!(copy.prepare("SELECT * FROM later").is_err());
        assert!(copy.prepare("SELECT * FROM journal").is_ok());
        assert_eq!(copy_of_present(&conn, &path, None).unwrap(), Some(copy_path(&path, 1)));
    }

    #[test]
    fn a_copy_has_its_name_only_when_whole_and_leaves_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        drop(make_through(&path, &[V1]).unwrap());
        let names = || {
            let names = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        // What an interrupted copy left is no obstacle.
        std::fs::write(dir.path().join("vitalgate.v1.part"), "half").unwrap();
        let copy = copy_path(&path, 1);
        std::fs::create_dir(&copy).unwrap();
        let steps = [V1, "CREATE TABLE later(a INTEGER)"];
        let refused = upgrade_through(&path, 1, &steps);
        assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
        assert_eq!(names(), [FILE, "vitalgate.v1.db"]);
        assert_eq!(version(&readable(&path).unwrap()), 1, "no copy, no upgrade");

        std::fs::remove_dir(&copy).unwrap();
        drop(upgrade_through(&path, 1, &steps).unwrap());
        assert_eq!(names(), [FILE, "vitalgate.v1.db"]);
    }

    #[test]
    fn a_store_larger_than_the_room_left_is_refused_with_both_figures() {
        let path = Path::new("data/vitalgate.db");
        assert!(check_room(path, 4_096, 4_096).is_ok());
        let refused = check_room(path, 4_097, 4_096).unwrap_err().to_string();
        assert!(refused.contains("4097 bytes") && refused.contains("4096"), "{refused}");
    }

    #[test]
    fn a_store_of_the_first_version_learns_what_its_history_takes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let conn = make_through(&path, &[V1]).unwrap();
        let block = "INSERT INTO blocks VALUES(1, ?1, 1, 2, 0, NULL, NULL, NULL, NULL, 1, ?2)";
        conn.execute(block, (1, vec![0; 50])).unwrap();
        drop(conn);
        let conn = upgrade(&path, 1).unwrap();
        let bytes = || -> i64 {
            let sql = "SELECT value FROM meta WHERE key = 'history_bytes'";
            conn.query_row(sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(bytes(), 150);
        conn.execute(block, (2, vec![0; 7])).unwrap();
        assert_eq!(bytes(), 257);
        conn.execute("DELETE FROM blocks WHERE t0 = 1", []).unwrap();
        assert_eq!(bytes(), 107);
    }

    #[test]
    fn what_an_older_version_let_go_is_taken_to_be_all_before_the_oldest_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let conn = make_through(&path, &[V1, V2]).unwrap();
        for sql in [
            "INSERT INTO series VALUES(1, 'd', 1, '', 9), (2, 'd', 2, '', 5), (3, 'd', 3, '', 1)",
            "INSERT INTO blocks VALUES(1, 70, 1, 80, 0, NULL, NULL, NULL, NULL, 1, x''),
               (1, 30, 2, 90, 0, NULL, NULL, NULL, NULL, 1, x'')",
            "INSERT INTO journal VALUES(4, 400, 0, 1, x'', 0, x''), (5, 500, 0, 1, x'', 0, x''),
               (6, 600, 0, 1, x'', 0, x'')",
        ] {
            conn.execute(sql, []).unwrap();
        }
        drop(conn);
        let conn = upgrade(&path, 2).unwrap();
        let gone = conn
            .prepare("SELECT series, upto FROM gone ORDER BY series")
            .unwrap()
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .unwrap()
            .collect::<rusqlite::Result<Vec<_>>>()
            .unwrap();
        assert_eq!(gone, [(1, 29), (2, 500), (3, 400)]);
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        drop(make_through(&path, &[V1]).unwrap());
        let steps = [V1, "CREATE TABLE later(a INTEGER); INSERT INTO nowhere VALUES(1)"];
        assert!(upgrade_through(&path, 1, &steps).is_err());
        let conn = readable(&path).unwrap();
        assert_eq!(version(&conn), 1);
        assert!(conn.prepare("SELECT * FROM later").is_err());
    }

    #[test]
    fn a_checkpoint_waits_for_a_reader_as_long_as_it_takes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
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
        assert_eq!((rows, waited), (1, 3));
    }

    #[test]
    fn a_new_file_has_the_promised_settings() {
        let dir = tempfile::tempdir().unwrap();
        let conn = make(&dir.path().join(FILE)).unwrap();
        let number =
            |name: &str| -> i64 { conn.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
        assert_eq!(number("page_size"), i64::from(PAGE_BYTES));
        assert_eq!(number("auto_vacuum"), 2, "incremental");
        assert_eq!(number("application_id"), i64::from(APPLICATION_ID));
        assert_eq!(number("user_version"), i64::from(VERSION));
        assert_eq!(number("synchronous"), 2, "FULL");
    }
}
