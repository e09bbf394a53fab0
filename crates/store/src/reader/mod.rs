//! Reading what is committed: the journal, transitions, alarms, dead letters, sizes.
//!
//! Every call opens the file read-only and holds no transaction when it returns, so that no reader
//! keeps the writer's log from being reused. Calls wait for the disk: from async code only through
//! `spawn_blocking`.

mod account;
mod audit;
mod dead_letters;
mod deliveries;
mod space;
mod transitions;
mod words;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

pub use self::account::{JudgedBy, Removed};
pub use self::audit::ActRow;
pub use self::dead_letters::DeadLetterRow;
pub use self::space::{Space, TableSize};
pub use self::transitions::{AlarmFilter, TransitionRow};
use crate::file::error::{OpenError, ReadError};
use crate::file::row::unsigned;
use crate::file::state::LastRow;
use crate::file::{connection, disk, header, meta, state};
use crate::journal::{self, RowPosition, Rows};
use crate::types::{Identity, Row, SnapshotPart};
use vitalgate_domain::CORE_VERSION;

/// Reads a store, also one that another process is writing; cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
}

impl Reader {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Readers of the store in `dir`, without taking its lock; refuses what is no store. For other
    /// processes than the one that writes it, which has [`Opened::reader`](crate::Opened::reader).
    pub fn of(dir: &Path) -> Result<Self, OpenError> {
        let path = disk::file_in(dir);
        header::check(&path)?;
        Ok(Self { path })
    }

    /// What the store says it is.
    pub fn identity(&self) -> Result<Identity, ReadError> {
        state::identity(&self.connect()?)?
            .ok_or_else(|| ReadError::Strange("it has no site".into()))
    }

    /// The newest row; `None` in a new store.
    pub fn last_row(&self) -> Result<Option<LastRow>, ReadError> {
        Ok(state::last_row(&self.connect()?)?)
    }

    /// The last complete snapshot and the row at which it was frozen; `None` before the first.
    pub fn snapshot(&self) -> Result<Option<(u64, Vec<SnapshotPart>)>, ReadError> {
        let mut conn = self.connect()?;
        let tx = conn.transaction()?;
        let Some(row) = meta::number(&tx, "snapshot_row")? else { return Ok(None) };
        Ok(Some((row, state::snapshot(&tx)?)))
    }

    /// The journal after row `after`, in order, fetched in chunks, up to the newest there is.
    pub fn rows(&self, after: u64) -> Result<Rows, ReadError> {
        Ok(Rows::after(self.connect()?, after))
    }

    /// The oldest row the journal holds.
    pub fn first_row(&self) -> Result<Option<RowPosition>, ReadError> {
        journal::first(&self.connect()?)
    }

    /// Calls `each` with the rows after `after`, in order, until it breaks off; only those that no
    /// transition after `seq` belongs to, nor to a row before.
    pub fn walk(
        &self,
        after: u64,
        seq: u64,
        each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        journal::walk(&self.connect()?, after, seq, each)
    }

    /// How many rows up to row `upto` another version of the core folded.
    pub fn rows_of_other_cores(&self, upto: u64) -> Result<u64, ReadError> {
        Ok(self.connect()?.query_row(
            "SELECT count(*) FROM journal WHERE n <= ? AND core <> ?",
            params![upto as i64, CORE_VERSION],
            |row| unsigned(row, 0),
        )?)
    }

    /// The folder of the store.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Reads a copy of a store, as `backup` makes it, where it lies.
    pub fn of_copy(file: &Path) -> Result<Self, OpenError> {
        header::check(file)?;
        Ok(Self { path: file.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn connect(&self) -> Result<Connection, ReadError> {
        Ok(connection::readable(&self.path)?)
    }

    fn list<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadError> {
        let conn = self.connect()?;
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
