//! How much room a store takes: by part, in a few reads that do not grow with it, and by table.

use super::Reader;
use crate::file::disk::disk_free;
use crate::file::error::ReadError;
use crate::file::row::unsigned;

/// Bytes on the disk, by part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Space {
    /// Bodies of journal rows, compressed.
    pub journal: u64,
    /// Samples of waveforms, compressed.
    pub waves: u64,
    /// Pages to be used again.
    pub free: u64,
    /// Everything else in the file: blocks of history, alarm log, snapshots, room left in pages.
    pub history: u64,
    /// The write-ahead log beside the file.
    pub log: u64,
    /// The file, without the log.
    pub file: u64,
    /// Left on the file system, for this user.
    pub disk_free: u64,
}

/// How many bytes a table takes with its indexes, unused room in its pages included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The table, or `(free)` for pages to be used again.
    pub table: String,
    /// Whole pages.
    pub bytes: u64,
}

impl Reader {
    /// Bytes by table, largest first. Reads the whole file's page headers.
    pub fn sizes(&self) -> Result<Vec<TableSize>, ReadError> {
        self.list(
            "SELECT ifnull(m.tbl_name, s.name) AS t, sum(s.pgsize) FROM dbstat s
               LEFT JOIN sqlite_master m ON m.name = s.name WHERE s.aggregate = 1 GROUP BY t
             UNION ALL SELECT '(free)', freelist_count * page_size
               FROM pragma_freelist_count, pragma_page_size ORDER BY 2 DESC",
            [],
            |row| Ok(TableSize { table: row.get(0)?, bytes: unsigned(row, 1)? }),
        )
    }

    /// How much room the store takes now.
    pub fn space(&self) -> Result<Space, ReadError> {
        // The first row that is kept says what was before it.
        const SQL: &str = "SELECT
            (SELECT upto FROM journal ORDER BY n DESC LIMIT 1)
              - (SELECT upto - length(body) FROM journal ORDER BY n LIMIT 1),
            (SELECT upto FROM waves ORDER BY id DESC LIMIT 1)
              - (SELECT upto - length(body) FROM waves ORDER BY id LIMIT 1),
            page_count * page_size, freelist_count * page_size
          FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let conn = self.connect()?;
        let (journal, waves, file, free) = conn.query_row(SQL, [], |row| {
            let bytes = |at| row.get::<_, Option<i64>>(at).map(|n| n.unwrap_or(0).max(0) as u64);
            Ok((bytes(0)?, bytes(1)?, unsigned(row, 2)?, unsigned(row, 3)?))
        })?;
        let log = self.path().with_extension("db-wal");
        Ok(Space {
            journal,
            waves,
            free,
            history: file.saturating_sub(journal + waves + free),
            // Asked for its length and never opened: see the top of this crate.
            log: std::fs::metadata(log).map_or(0, |log| log.len()),
            file,
            disk_free: disk_free(self.path()).map_err(|e| {
                ReadError::Strange(format!("the room of the disk cannot be read: {e}"))
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{commit, purpose, write};
    use crate::{Keep, Store};

    #[test]
    fn parts_add_up_to_the_file_and_the_journal_grows_by_what_is_committed() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let reader = opened.reader();
        let empty = reader.space().unwrap();
        assert_eq!((empty.journal, empty.waves), (0, 0));
        assert!(empty.disk_free > 0);
        let rows: Vec<_> = (1..=3).map(commit).collect();
        write(opened, Keep::default(), rows);
        let space = Reader::of(dir.path()).unwrap().space().unwrap();
        let stored: u64 = {
            let conn = rusqlite::Connection::open(Store::file(dir.path())).unwrap();
            let sum = "SELECT sum(length(body)) FROM journal";
            conn.query_row(sum, [], |row| row.get::<_, i64>(0)).unwrap() as u64
        };
        assert!(stored > 0);
        assert_eq!(space.journal, stored);
        assert_eq!(space.journal + space.waves + space.free + space.history, space.file);
        assert_eq!(space.file, std::fs::metadata(Store::file(dir.path())).unwrap().len());
    }
}
