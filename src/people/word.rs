//! What shuts somebody out where the book cannot be written: the name of an empty file beside it, which takes no room on a
//! full disk. It counts as if it stood in the book, for everybody who reads it, until it does.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::book::{Book, Refusal, name};

/// What the command line calls itself in the audit.
pub const BY_COMMAND: &str = "local:cli";
/// More of them are left unread: nobody has so many people.
const MOST: usize = 4_096;
const PERSON: &str = "people.out.person.";
const STATION: &str = "people.out.station.";

/// Who or what is shut out by the command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Out {
    /// A person is let in no more.
    Person(String),
    /// A station is taken back.
    Station(String),
}

impl Out {
    /// Does it; what is so already stays as it is.
    pub(super) fn apply(&self, book: &mut Book) -> Result<(), Refusal> {
        match self {
            Self::Person(named) if book.people.get(named).is_some_and(|one| one.disabled) => Ok(()),
            Self::Person(named) => book.disable(BY_COMMAND, named, true),
            Self::Station(named) => book.remove_station(BY_COMMAND, named),
        }
    }

    fn of(file: &OsStr) -> Option<Self> {
        let file = file.to_str()?;
        let own = |text: &str| name(text).ok().filter(|own| own == text);
        let person = file.strip_prefix(PERSON).and_then(own).map(Self::Person);
        person.or_else(|| file.strip_prefix(STATION).and_then(own).map(Self::Station))
    }

    fn file(&self) -> String {
        match self {
            Self::Person(named) => format!("{PERSON}{named}"),
            Self::Station(named) => format!("{STATION}{named}"),
        }
    }

    /// Leaves word of it in a folder; `give` makes the file its owner's.
    pub(super) fn leave_word(
        &self,
        folder: &Path,
        give: impl FnOnce(&File) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let own = options.create(true).truncate(false).write(true).mode(0o600);
        let only = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = own.custom_flags(only).open(folder.join(self.file()))?;
        give(&file)?;
        File::open(folder)?.sync_all()
    }
}

/// What is left of such words in a folder.
pub(super) fn words(folder: &Path) -> Vec<Out> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let files = found.flatten().filter(|found| found.file_type().is_ok_and(|of| of.is_file()));
    let mut words: Vec<Out> =
        files.filter_map(|file| Out::of(&file.file_name())).take(MOST).collect();
    words.sort();
    words
}

/// They stand in the book now.
pub(super) fn take_away(folder: &Path, words: &[Out]) -> std::io::Result<()> {
    let gone = |word: &Out| match std::fs::remove_file(folder.join(word.file())) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    words.iter().try_for_each(gone)
}
