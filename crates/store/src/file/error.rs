//! Why a store cannot be opened, or something in it cannot be read.

use std::path::PathBuf;

use super::folder::FolderFault;
use super::key::BadKey;

/// Why a store cannot be made or opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("the store in {} is in use by another process; stop that one first", dir.display())]
    Locked {
        /// The store's folder.
        dir: PathBuf,
    },
    /// A folder that is not ours alone.
    #[error("no store may be in {}: {fault}", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        fault: FolderFault,
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
    /// It holds what no program of this name makes.
    #[error("{} is not restored: {}; a program that is not this one has changed it", path.display(), objects.join("; "))]
    ForeignObjects {
        /// The file.
        path: PathBuf,
        /// Which, in words.
        objects: Vec<String>,
    },
    /// The key that signs its audit cannot be used.
    #[error(transparent)]
    Key(#[from] BadKey),
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

/// Why something stored could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite said no.
    #[error("cannot read the store")]
    Sqlite(#[from] rusqlite::Error),
    /// A journal body cannot be decompressed.
    #[error("journal row {n} cannot be decompressed; restore a backup")]
    Body {
        /// Its row.
        n: u64,
        /// Why.
        source: std::io::Error,
    },
    /// A block of the history cannot be read.
    #[error(transparent)]
    Block(#[from] BadBlock),
    /// It is not signed as it is.
    #[error("the audit does not go on from its signed head: {0}; `verify` says what differs")]
    Audit(String),
    /// A column holds what this program never writes.
    #[error("the store holds a strange value: {0}")]
    Strange(String),
}

/// A body that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a block of the history cannot be read: {0}")]
pub struct BadBlock(String);

impl BadBlock {
    /// Says why.
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}
