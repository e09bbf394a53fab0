//! Copies: one of a running store, and a store made from a copy.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::audit::adopt;
use crate::audit::head::SignedHead;
use crate::audit::key::AuditKey;
use crate::audit::stand;
use crate::audit::statement::Statement;
use crate::file::draft::{give_to_owner, make_folder, publish, remove_draft};
use crate::file::error::OpenError;
use crate::file::lock::Lock;
use crate::file::{connection, foreign, header, meta};
use crate::open::{Store, new_id};
use crate::reader::Reader;

impl Reader {
    /// Copies the store into `file`, which must not exist, also while a gateway writes it.
    ///
    /// The copy is the store at one instant: all pages are read in one transaction, during which
    /// the writer goes on and only its log cannot be reused. In steps it would never end, for SQLite
    /// begins a copy anew when another process commits between two steps.
    ///
    /// All that it holds is signed, and the head given, where the key of the store can be read; else what was
    /// signed by then.
    pub fn backup(&self, file: &Path) -> Result<Option<SignedHead>, OpenError> {
        let key = AuditKey::read(self.folder()).unwrap_or_else(|error| {
            tracing::warn!(%error, "the copy holds the head that was signed last");
            None
        });
        refuse_existing(file)?;
        let draft = file.with_extension("part");
        remove_draft(&draft)?;
        let head = copy(self.path(), &draft, key.as_ref())
            .map_err(|source| OpenError::Sqlite { path: self.path().to_owned(), source })?;
        publish(&draft, file)?;
        Ok(head)
    }
}

/// Makes a store in `dir` from a copy. It gets a new id, so that clients who saw transitions the
/// copy does not hold start anew; `file` stays as it is.
pub fn restore(file: &Path, dir: &Path) -> Result<(), OpenError> {
    header::check(file)?;
    refuse_unfinished(file)?;
    make_folder(dir)?;
    let _lock = Lock::take(dir)?;
    let path = Store::file(dir);
    refuse_existing(&path)?;
    let draft = path.with_extension("part");
    remove_draft(&draft)?;
    std::fs::copy(file, &draft)
        .map_err(|source| OpenError::Io { path: file.to_owned(), source })?;
    let sqlite = |source| OpenError::Sqlite { path: draft.clone(), source };
    let mut conn = connection::writable(&draft).map_err(sqlite)?;
    let objects = foreign::foreign(&conn).map_err(sqlite)?;
    if !objects.is_empty() {
        drop(conn);
        remove_draft(&draft)?;
        return Err(OpenError::ForeignObjects { path: file.to_owned(), objects });
    }
    let (key, unusable) = AuditKey::open(dir)?;
    if let Some(error) = unusable {
        tracing::warn!(%error, "another key signs the store");
    }
    rename_store(&mut conn, &key).map_err(sqlite)?;
    conn.close().map_err(|(_, e)| sqlite(e))?;
    give_to_owner(&draft, dir)?;
    publish(&draft, &path)
}

/// A file with a log beside it was copied by hand from a running store: what the log holds would be
/// missing without a word.
fn refuse_unfinished(file: &Path) -> Result<(), OpenError> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let why = "its log lies beside it, so it is no copy made by `backup`";
        return Err(OpenError::Foreign { path: file.to_owned(), why });
    }
    Ok(())
}

fn refuse_existing(path: &Path) -> Result<(), OpenError> {
    if path.exists() {
        return Err(OpenError::Exists { path: path.to_owned() });
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, key: Option<&AuditKey>) -> rusqlite::Result<Option<SignedHead>> {
    let source = connection::readable(from)?;
    let mut target = Connection::open_with_flags(
        to,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    let done = Backup::new(&source, &mut target)?.step(-1)? == StepResult::Done;
    if !done {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("the store is locked by another program; try again".to_owned()),
        ));
    }
    let key = if adopt::is_chained(&target)? { key } else { None };
    let head = match key.map(|key| stand::sign_whole(&target, key)).transpose()? {
        Some(Ok(head)) => Some(head),
        Some(Err(why)) => {
            tracing::warn!(why, "the copy is not signed: its audit does not go on from its head");
            None
        }
        None => None,
    };
    if let Some(head) = &head {
        stand::keep(&target, head)?;
        connection::checkpoint_all(&target)?;
    }
    target.close().map_err(|(_, e)| e)?;
    Ok(head)
}

fn rename_store(conn: &mut Connection, key: &AuditKey) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    let from: Option<String> = meta::get(&tx, "store")?;
    // One of an older version is chained when it is opened. How the copy stood is looked at while it is that store.
    let chained = adopt::is_chained(&tx)?;
    let head = if chained { stand::kept(&tx)? } else { None };
    let broken = if chained {
        stand::why_broken(&tx, stand::key_in_force(&tx)?, head.as_deref())?
    } else {
        None
    };
    let id = new_id();
    meta::set(&tx, "store", &id)?;
    if chained {
        let (key_text, from) = (key.public().text(), from.unwrap_or_default());
        Statement::Restored { store: id, key: key_text, from, head: head.clone() }.say(&tx, key)?;
        if let Some(why) = broken {
            tracing::error!(why, "the copy was changed after it was made: its audit keeps that");
            Statement::Broken { why, head }.say(&tx, key)?;
        }
        stand::sign_and_keep(&tx, key)?;
    }
    tx.commit()?;
    connection::checkpoint_all(conn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{commit, purpose, write};
    use crate::{Keep, Running, start};

    #[test]
    fn what_root_restores_belongs_to_whoever_has_the_folder() {
        use std::os::unix::fs::MetadataExt as _;
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let file = other.path().join("copy.backup");
        opened.reader().backup(&file).unwrap();
        let new = other.path().join("new");
        std::fs::create_dir(&new).unwrap();
        // Only root can give a folder away; what others make is theirs.
        drop(std::os::unix::fs::chown(&new, Some(54_321), Some(54_322)));
        let owner = std::fs::metadata(&new).unwrap();
        restore(&file, &new).unwrap();
        let mut seen = 0;
        for folder in [new.clone(), new.join("keys")] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let made = std::fs::metadata(&path).unwrap();
                let (user, group) = (owner.uid(), owner.gid());
                assert_eq!((made.uid(), made.gid()), (user, group), "{}", path.display());
                seen += 1;
            }
        }
        assert!(seen >= 4, "file, lock, keys and the key: {seen}");
    }

    #[test]
    fn a_copy_of_a_running_store_opens_as_another_store() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = other.path().join("copy.backup");
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let id = opened.identity.clone();
        write(opened, Keep::default(), vec![commit(1), commit(2)]);
        let opened = Store::open(dir.path()).unwrap();
        let reader = opened.reader();
        let Running { committer, mut reports, thread, .. } =
            start(opened, Keep::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            committer.send(commit(3)).await.unwrap();
            reports.recv().await.unwrap();
        });
        reader.backup(&file).unwrap();
        runtime.block_on(async {
            committer.send(commit(4)).await.unwrap();
            reports.recv().await.unwrap();
        });
        assert!(matches!(reader.backup(&file), Err(OpenError::Exists { .. })));
        assert!(matches!(restore(&file, dir.path()), Err(OpenError::Locked { .. })));
        let new = other.path().join("new");
        let by_hand = restore(&Store::file(dir.path()), &new);
        assert!(by_hand.unwrap_err().to_string().contains("no copy made by `backup`"));
        drop(committer);
        thread.join().unwrap().unwrap();
        assert!(matches!(restore(&file, dir.path()), Err(OpenError::Exists { .. })));

        restore(&file, &new).unwrap();
        let restored = Store::open(&new).unwrap();
        assert_eq!(restored.last_row.map(|row| row.n), Some(3));
        assert_ne!(restored.identity.store, id.store);
        assert_eq!(restored.identity.site, id.site);
        assert!(restored.identity.simulated);
    }
}
