//! Making a store, opening one, and refusing what is none.

use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vitalgate_domain::CORE_VERSION;

use data_encoding::BASE32_NOPAD;
use ring::rand::SecureRandom as _;
use rusqlite::{Connection, params};

use crate::consumers::SinkSlot;
use crate::file::lock::Lock;
use crate::file::schema;
use crate::file::state::{self, LastRow};
use crate::history::heads::Heads;
use crate::history::range::History;
use crate::reader::Reader;
use crate::types::{Identity, Sample, SnapshotPart};
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

/// Why a store cannot be made or opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("the store in {} is in use by another process; stop that one first", dir.display())]
    Locked {
        /// The store's folder.
        dir: PathBuf,
    },
    /// There is none.
    #[error("there is no store at {}; check the folder, or let `run` make one", path.display())]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// There is one already.
    #[error("there is already a store at {}; choose an empty folder", path.display())]
    Exists {
        /// The file found.
        path: PathBuf,
    },
    /// A file of something else.
    #[error("{} is not a vitalgate store: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What shows it.
        why: &'static str,
    },
    /// A later program wrote it.
    #[error(
        "the store {} is of version {found}, this program knows up to {known}; use a newer program",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A later program folded its last row.
    #[error(
        "the rows of {} were last judged by version {found} of the core, this program has version \
         {known}; use the newer program",
        path.display()
    )]
    NewerCore {
        /// The file.
        path: PathBuf,
        /// The version of its last row.
        found: u32,
        /// The version of this program.
        known: u32,
    },
    /// There is no room for the copy that is made before an upgrade.
    #[error(
        "the store {} is copied before it is upgraded: that takes {needed} bytes, and {free} are free; \
         make room, or use the older program",
        path.display()
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        needed: u64,
        /// Bytes free beside it.
        free: u64,
    },
    /// It contradicts itself.
    #[error("the store {} is damaged: {why}; keep the file and restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What shows it.
        why: String,
    },
    /// The file system said no.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// SQLite said no.
    #[error("cannot open the store {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
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
    /// The last complete snapshot; parts of an unfinished one are gone.
    pub snapshot: Vec<SnapshotPart>,
    /// The row at which that snapshot was frozen.
    pub snapshot_row: Option<u64>,
    /// Every sample of rows up to this one is in a block: [`Self::restore`] needs the rows after it.
    pub sealed_to: u64,
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
    pub(super) sink: SinkSlot,
    heads: Arc<Heads>,
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
        make(&draft, purpose)
            .map_err(|source| OpenError::Sqlite { path: draft.clone(), source })?;
        publish(&draft, &path)?;
        load(path, lock)
    }

    /// Opens the store in `dir`: waits for the readers of other processes only, upgrades an older one, touches nothing else's file.
    pub fn open(dir: &Path) -> Result<Opened, OpenError> {
        let path = Self::file(dir);
        check_header(&path)?;
        let lock = Lock::take(dir)?;
        load(path, lock)
    }

    /// Whether `dir` holds a store.
    pub fn exists(dir: &Path) -> bool {
        Self::file(dir).exists()
    }

    /// The database file of the store in `dir`.
    pub fn file(dir: &Path) -> PathBuf {
        dir.join(schema::FILE)
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
        self.copy.as_deref().map(|copy| schema::way_back(&self.path, copy))
    }

    /// Readers of this store.
    pub fn reader(&self) -> Reader {
        Reader::at(self.path.clone())
    }

    /// The history: what is sealed and what is still in memory.
    pub fn history(&self) -> History {
        History::new(self.path.clone(), Arc::clone(&self.heads))
    }

    /// How far InfluxDB has been told.
    pub fn sink(&self) -> SinkSlot {
        self.sink.clone()
    }

    /// The samples not yet in blocks.
    pub(super) fn heads(&self) -> &Arc<Heads> {
        &self.heads
    }
}

/// Refuses, without opening it by SQLite, a file that is not a store this program can write.
///
/// Never to be called while this process has the file open by SQLite: closing any descriptor of a
/// file drops all the process's locks on it.
pub(super) fn check_header(path: &Path) -> Result<(), OpenError> {
    let foreign = |why| OpenError::Foreign { path: path.to_owned(), why };
    let mut header = [0_u8; 100];
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: path.to_owned() });
        }
        Err(source) => return Err(OpenError::Io { path: path.to_owned(), source }),
    };
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(foreign("it is shorter than a header"));
        }
        Err(source) => return Err(OpenError::Io { path: path.to_owned(), source }),
    }
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if &header[..16] != b"SQLite format 3\0" {
        return Err(foreign("it is not an SQLite file"));
    }
    if number(68) != schema::APPLICATION_ID {
        return Err(foreign("its application id is another program's"));
    }
    known_version(path, number(60))
}

fn known_version(path: &Path, found: u32) -> Result<(), OpenError> {
    if found > schema::VERSION {
        let path = path.to_owned();
        return Err(OpenError::Newer { path, found, known: schema::VERSION });
    }
    Ok(())
}

fn known_core(path: &Path, last: Option<LastRow>) -> Result<(), OpenError> {
    match last {
        Some(LastRow { core: found, .. }) if found > CORE_VERSION => {
            Err(OpenError::NewerCore { path: path.to_owned(), found, known: CORE_VERSION })
        }
        Some(_) | None => Ok(()),
    }
}

/// Makes the folder of a store where it is missing, for the owner only; one that is there stays as
/// it is.
pub(super) fn make_folder(dir: &Path) -> Result<(), OpenError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| OpenError::Io { path: dir.to_owned(), source })
}

fn make(path: &Path, purpose: &Purpose) -> rusqlite::Result<()> {
    let conn = schema::make(path)?;
    let set = |key: &str, value: &dyn rusqlite::ToSql| {
        conn.execute("INSERT INTO meta(key, value) VALUES(?, ?)", params![key, value])
    };
    set("store", &new_id())?;
    set("site", &purpose.site.as_str())?;
    set("simulated", &purpose.simulated)?;
    set("stream_clock", &purpose.stream_clock)?;
    set("snapshot_generation", &0)?;
    set("sealed_to", &0)?;
    schema::checkpoint_all(&conn)?;
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

/// Removes what an interrupted `create`, `restore` or upgrade left.
pub(super) fn remove_draft(draft: &Path) -> Result<(), OpenError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = draft.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(OpenError::Io { path: name.into(), source }),
        }
    }
    Ok(())
}

/// Gives a finished, closed file its name, durably.
pub(super) fn publish(draft: &Path, path: &Path) -> Result<(), OpenError> {
    let sync = || {
        // Patients' data: for the owner only. SQLite gives its log the same mode.
        std::fs::set_permissions(draft, std::fs::Permissions::from_mode(0o600))?;
        std::fs::File::open(draft)?.sync_all()?;
        std::fs::rename(draft, path)?;
        match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => std::fs::File::open(dir)?.sync_all(),
            _ => std::fs::File::open(".")?.sync_all(),
        }
    };
    sync().map_err(|source| OpenError::Io { path: path.to_owned(), source })
}

fn load(path: PathBuf, lock: Lock) -> Result<Opened, OpenError> {
    let sqlite = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            OpenError::Damaged { path: path.clone(), why: source.to_string() }
        }
        _ => OpenError::Sqlite { path: path.clone(), source },
    };
    let mut conn = schema::writable(&path).map_err(sqlite)?;
    let version: u32 =
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
    known_version(&path, version)?;
    known_core(&path, state::last_row(&conn).map_err(sqlite)?)?;
    // A killed process may have left rows that only the page cache holds: make them durable before
    // anybody builds on them.
    schema::checkpoint_at_last(&conn, schema::warn_of_readers(&path)).map_err(sqlite)?;
    if version < schema::VERSION {
        conn.close().map_err(|(_, e)| sqlite(e))?;
        conn = schema::upgrade(&path, version)?;
    }
    state::drop_unfinished_snapshot(&conn).map_err(sqlite)?;
    let identity = state::identity(&conn)
        .map_err(sqlite)?
        .ok_or_else(|| OpenError::Damaged { path: path.clone(), why: "it has no site".into() })?;
    let last_row = state::last_row(&conn).map_err(sqlite)?;
    Ok(Opened {
        identity,
        last_row,
        copy: schema::copy_of_present(&conn, &path, last_row).map_err(sqlite)?,
        next_seq: state::next_seq(&conn).map_err(sqlite)?,
        snapshot: state::snapshot(&conn).map_err(sqlite)?,
        snapshot_row: state::row_number(&conn, "snapshot_row").map_err(sqlite)?,
        sealed_to: state::row_number(&conn, "sealed_to").map_err(sqlite)?.unwrap_or(0),
        sink: SinkSlot::load(&conn).map_err(sqlite)?,
        heads: Arc::new(Heads::of(state::series(&conn).map_err(sqlite)?)),
        conn,
        path,
        lock,
    })
}
