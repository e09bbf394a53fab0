//! From an older version of the file to this one, after a copy of it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction};

use super::connection::{checkpoint_at_last, warn_of_readers, writable};
use super::disk::disk_free;
use super::draft::{publish, remove_draft};
use super::error::OpenError;
use super::meta;
use super::schema::{MIGRATIONS, migrate};
use super::state::LastRow;

/// Brings a file of version `from`, open nowhere in this process, to this program's version, after
/// copying it aside. `fill` does what no SQL can, with the steps or not at all.
pub(crate) fn upgrade(
    path: &Path,
    from: u32,
    fill: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> Result<Connection, OpenError> {
    upgrade_through(path, from, MIGRATIONS, fill)
}

fn upgrade_through(
    path: &Path,
    from: u32,
    steps: &[&str],
    fill: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> Result<Connection, OpenError> {
    let copy = copy_path(path, from);
    let broken = |source| OpenError::Sqlite { path: path.to_owned(), source };
    keep_copy(path, &copy)?;
    let mut conn = writable(path).map_err(broken)?;
    migrate(&mut conn, from, steps, fill).map_err(broken)?;
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
    check_room(path, needed, disk_free(path).map_err(io)?)?;
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

/// The copy that an upgrade left of the store as it still is: nothing was taken in since.
pub(crate) fn copy_of_present(
    conn: &Connection,
    path: &Path,
    last: Option<LastRow>,
) -> rusqlite::Result<Option<PathBuf>> {
    let from = meta::number(conn, "upgraded_from")?;
    let upgraded_at = meta::number(conn, "upgraded_at_row")?;
    if upgraded_at != Some(last.map_or(0, |row| row.n)) {
        return Ok(None);
    }
    let copy = from.map(|version| copy_path(path, version as u32));
    Ok(copy.filter(|copy| copy.exists()))
}

fn copy_path(path: &Path, version: u32) -> PathBuf {
    path.with_extension(format!("v{version}.db"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::connection::readable;
    use crate::file::disk::file_in;
    use crate::file::schema::{V1, V2, V3, make_through};

    #[expect(clippy::unnecessary_wraps, reason = "what fills a file may fail")]
    fn nothing(_: &Transaction<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    fn version(conn: &Connection) -> u32 {
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_file_is_copied_and_then_brought_up_step_by_step() {
        let dir = tempfile::tempdir().unwrap();
        let path = file_in(dir.path());
        let conn = make_through(&path, &[V1]).unwrap();
        conn.execute("INSERT INTO meta VALUES('kept', 'yes')", []).unwrap();
        drop(conn);
        let steps = [V1, "CREATE TABLE later(a INTEGER); INSERT INTO meta VALUES('later', 1)"];
        let conn = upgrade_through(&path, 1, &steps, nothing).unwrap();
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
        let path = file_in(dir.path());
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
        let refused = upgrade_through(&path, 1, &steps, nothing);
        assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
        assert_eq!(names(), ["vitalgate.db", "vitalgate.v1.db"]);
        assert_eq!(version(&readable(&path).unwrap()), 1, "no copy, no upgrade");

        std::fs::remove_dir(&copy).unwrap();
        drop(upgrade_through(&path, 1, &steps, nothing).unwrap());
        assert_eq!(names(), ["vitalgate.db", "vitalgate.v1.db"]);
    }

    #[test]
    fn a_store_larger_than_the_room_left_is_refused_with_both_figures() {
        let path = Path::new("data/vitalgate.db");
        assert!(check_room(path, 4_096, 4_096).is_ok());
        let refused = check_room(path, 4_097, 4_096).unwrap_err().to_string();
        assert!(refused.contains("4097 bytes") && refused.contains("4096"), "{refused}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = file_in(dir.path());
        drop(make_through(&path, &[V1]).unwrap());
        let steps = [V1, "CREATE TABLE later(a INTEGER); INSERT INTO nowhere VALUES(1)"];
        assert!(upgrade_through(&path, 1, &steps, nothing).is_err());
        let conn = readable(&path).unwrap();
        assert_eq!(version(&conn), 1);
        assert!(conn.prepare("SELECT * FROM later").is_err());
    }

    #[test]
    fn a_store_of_the_first_version_learns_what_its_history_takes() {
        let dir = tempfile::tempdir().unwrap();
        let path = file_in(dir.path());
        let conn = make_through(&path, &[V1]).unwrap();
        let block = "INSERT INTO blocks VALUES(1, ?1, 1, 2, 0, NULL, NULL, NULL, NULL, 1, ?2)";
        conn.execute(block, (1, vec![0; 50])).unwrap();
        drop(conn);
        let conn = upgrade(&path, 1, nothing).unwrap();
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
        let path = file_in(dir.path());
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
        let conn = upgrade(&path, 2, nothing).unwrap();
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
    fn a_store_without_a_place_for_words_gets_one_and_knows_from_which_row_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = file_in(dir.path());
        let conn = make_through(&path, &[V1, V2, V3]).unwrap();
        conn.execute("INSERT INTO journal VALUES(7, 700, 0, 1, x'', 0, x'')", []).unwrap();
        drop(conn);
        let conn = upgrade(&path, 3, nothing).unwrap();
        let of_meta = |key: &str| -> i64 {
            let sql = "SELECT value FROM meta WHERE key = ?";
            conn.query_row(sql, [key], |row| row.get(0)).unwrap()
        };
        assert_eq!((of_meta("words_after"), of_meta("history_bytes")), (7, 0));
        let word = "INSERT INTO words VALUES(?, 1, 5, 0, NULL, 5, 0, 'text', 'käse')";
        conn.execute(word, [8 << 24]).unwrap();
        assert_eq!(of_meta("history_bytes"), 105, "in bytes, as a block");
        conn.execute("DELETE FROM words", []).unwrap();
        assert_eq!(of_meta("history_bytes"), 0);
        assert!(readable(&copy_path(&path, 3)).unwrap().prepare("SELECT * FROM words").is_err());
    }
}
