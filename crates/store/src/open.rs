//! Making a store, opening one, and refusing what is none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use ring::rand::SecureRandom as _;
use rusqlite::{Connection, params};

use crate::audit::adopt;
use crate::audit::key::AuditKey;
use crate::audit::stand::{self, Standing};
use crate::audit::statement::Statement;
use crate::consumers::{Consumer, Consumers, Registration};
use crate::file::draft::{give_to_owner, make_folder, publish, remove_draft};
use crate::file::error::OpenError;
use crate::file::lock::Lock;
use crate::file::state::{self, LastRow};
use crate::file::{connection, disk, foreign, header, meta, reserve, schema, upgrade};
use crate::history::heads::Heads;
use crate::history::range::History;
use crate::history::words::series::WordSeries;
use crate::reader::Reader;
use crate::types::{Identity, Sample, SnapshotPart};
use vitalgate_domain::CORE_VERSION;
use vitalgate_domain::model::ids::SiteId;
use vitalgate_domain::model::time::Timestamp;

/// What a store will be, before it has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// Part of alarm ids.
    pub site: SiteId,
    /// Made by `demo`.
    pub simulated: bool,
    /// Made with `--clock stream`.
    pub stream_clock: bool,
}

/// A store open for writing by this process, not yet writing.
#[derive(Debug)]
pub struct Opened {
    /// What it is.
    pub identity: Identity,
    /// The newest row; `None` in a new store.
    pub last_row: Option<LastRow>,
    /// The number of the next transition.
    pub next_seq: u64,
    /// The last complete snapshot; parts of an unfinished one are removed.
    pub snapshot: Vec<SnapshotPart>,
    /// Why it cannot be read, if so.
    pub snapshot_fault: Option<String>,
    /// The row at which that snapshot was frozen.
    pub snapshot_row: Option<u64>,
    /// Every sample of rows up to this one is in a block: [`Self::restore`] needs the rows after it.
    pub sealed_to: u64,
    /// How its audit was found.
    pub standing: Standing,
    pub(super) key: AuditKey,
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
    pub(super) consumers: Consumers,
    heads: Arc<Heads>,
    words: Arc<WordSeries>,
    copy: Option<PathBuf>,
}

/// The store in a folder.
#[derive(Debug)]
pub struct Store;

impl Store {
    /// Makes a store with a new id in `dir`, which is made too where it is missing.
    pub fn create(dir: &Path, purpose: &Purpose) -> Result<Opened, OpenError> {
        make_folder(dir)?;
        let lock = Lock::take(dir)?;
        let path = Self::file(dir);
        if path.exists() {
            return Err(OpenError::Exists { path });
        }
        let draft = path.with_extension("part");
        remove_draft(&draft)?;
        let (key, _) = AuditKey::open(dir)?;
        make(&draft, purpose, &key)
            .map_err(|source| OpenError::Sqlite { path: draft.clone(), source })?;
        give_to_owner(&draft, dir)?;
        publish(&draft, &path)?;
        load(path, lock)
    }

    /// Opens the store in `dir`: waits for the readers of other processes only, upgrades an older one, touches nothing else's file.
    pub fn open(dir: &Path) -> Result<Opened, OpenError> {
        let path = Self::file(dir);
        header::check(&path)?;
        let lock = Lock::take(dir)?;
        reserve::give_all_if_short(dir);
        load(path, lock)
    }

    /// Whether `dir` holds a store.
    pub fn exists(dir: &Path) -> bool {
        Self::file(dir).exists()
    }

    /// The database file of the store in `dir`.
    pub fn file(dir: &Path) -> PathBuf {
        disk::file_in(dir)
    }

    /// Bytes left for this user on the file system that holds `path`.
    pub fn disk_free(path: &Path) -> std::io::Result<u64> {
        disk::disk_free(path)
    }
}

impl Opened {
    /// Puts samples of journal row `n` back into memory, unless a block holds them already.
    ///
    /// To be called for every row after [`Self::sealed_to`], in order, before writing starts.
    pub fn restore(&self, n: u64, at: Timestamp, samples: &[Sample]) {
        self.heads.restore(n, at, samples);
    }

    /// In words, how to put the copy made before the upgrade in place again; `None` when there was no
    /// upgrade of the file, or something was taken in since.
    pub fn way_back(&self) -> Option<String> {
        self.copy.as_deref().map(|copy| upgrade::way_back(&self.path, copy))
    }

    /// Readers of this store.
    pub fn reader(&self) -> Reader {
        Reader::at(self.path.clone())
    }

    /// The history: what is sealed and what is still in memory.
    pub fn history(&self) -> History {
        History::new(self.path.clone(), Arc::clone(&self.heads), Arc::clone(&self.words))
    }

    /// The consumer of this name; whoever asks by it shares its cursor.
    pub fn consumer(&self, consumer: Registration) -> Result<Consumer, OpenError> {
        self.consumers
            .named(&self.conn, consumer)
            .map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })
    }

    /// The samples not yet in blocks.
    pub(super) fn heads(&self) -> &Arc<Heads> {
        &self.heads
    }

    /// The series that hold words.
    pub(super) fn words(&self) -> &Arc<WordSeries> {
        &self.words
    }
}

fn known_core(path: &Path, last: Option<LastRow>) -> Result<(), OpenError> {
    match last {
        Some(LastRow { core: found, .. }) if found > CORE_VERSION => {
            Err(OpenError::NewerCore { path: path.to_owned(), found, known: CORE_VERSION })
        }
        Some(_) | None => Ok(()),
    }
}

fn make(path: &Path, purpose: &Purpose, key: &AuditKey) -> rusqlite::Result<()> {
    let mut conn = schema::make(path)?;
    let tx = conn.transaction()?;
    let id = new_id();
    let set = |key: &str, value: &dyn rusqlite::ToSql| {
        tx.execute("INSERT INTO meta(key, value) VALUES(?, ?)", params![key, value])
    };
    set("store", &id)?;
    set("site", &purpose.site.as_str())?;
    set("simulated", &purpose.simulated)?;
    set("stream_clock", &purpose.stream_clock)?;
    set("snapshot_generation", &0)?;
    set("sealed_to", &0)?;
    Statement::Begun { store: id, key: key.public().text(), adopted: None }.say(&tx, key)?;
    stand::sign_and_keep(&tx, key)?;
    tx.commit()?;
    connection::checkpoint_all(&conn)?;
    conn.close().map_err(|(_, e)| e)
}

/// 80 random bits in lower-case base32: 16 letters and digits.
pub(super) fn new_id() -> String {
    let mut bytes = [0_u8; 10];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}

fn load(path: PathBuf, lock: Lock) -> Result<Opened, OpenError> {
    let sqlite = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            OpenError::Damaged { path: path.clone(), why: source.to_string() }
        }
        _ => OpenError::Sqlite { path: path.clone(), source },
    };
    let mut conn = connection::writable(&path).map_err(sqlite)?;
    let version: u32 =
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
    header::check_version(&path, version)?;
    known_core(&path, state::last_row(&conn).map_err(sqlite)?)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    let (key, unusable) = AuditKey::open(dir)?;
    // A killed process may have left rows that only the page cache holds: make them durable before
    // anybody builds on them.
    connection::checkpoint_at_last(&conn, connection::warn_of_readers(&path)).map_err(sqlite)?;
    if version < schema::VERSION {
        conn.close().map_err(|(_, e)| sqlite(e))?;
        conn = upgrade::upgrade(&path, version, |tx| {
            if version < adopt::SINCE { adopt::adopt(tx, &key) } else { Ok(()) }
        })?;
    }
    let foreign = foreign::foreign(&conn).map_err(sqlite)?;
    let found = stand::stand(&mut conn, &key, dir).map_err(sqlite)?;
    let key_fault = unusable.map(|why| why.to_string());
    let standing = Standing { key_fault, foreign, ..found };
    state::drop_unfinished_snapshot(&conn).map_err(sqlite)?;
    let identity = state::identity(&conn)
        .map_err(sqlite)?
        .ok_or_else(|| OpenError::Damaged { path: path.clone(), why: "it has no site".into() })?;
    let last_row = state::last_row(&conn).map_err(sqlite)?;
    let (snapshot, snapshot_fault) = match state::snapshot(&conn) {
        Ok(parts) => (parts, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    Ok(Opened {
        identity,
        last_row,
        standing,
        key,
        copy: upgrade::copy_of_present(&conn, &path, last_row).map_err(sqlite)?,
        next_seq: state::next_seq(&conn).map_err(sqlite)?,
        snapshot,
        snapshot_fault,
        snapshot_row: meta::number(&conn, "snapshot_row").map_err(sqlite)?,
        sealed_to: meta::number(&conn, "sealed_to").map_err(sqlite)?.unwrap_or(0),
        consumers: Consumers::default(),
        heads: Arc::new(Heads::of(state::series(&conn).map_err(sqlite)?)),
        words: Arc::new(WordSeries::load(&conn).map_err(sqlite)?),
        conn,
        path,
        lock,
    })
}
