//! Room on the disk that is kept for the book, so that a full one keeps nobody let in: `people.reserve`, beside it.
//!
//! What is lacking at a write is given back to the disk, and taken again once the book before is gone.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::Errno;

/// Kept at least, and as many times the book as that.
const LEAST: u64 = 512 << 10;
const BOOKS: u64 = 8;
/// The smallest piece that a disk gives.
const BLOCK: u64 = 4 << 10;
/// Given back beside what a book takes: for the folder, and for whoever takes some of it first.
const BESIDE: u64 = 32 << 10;

/// The room of the book in `folder`.
pub(super) struct Room {
    path: PathBuf,
}

impl Room {
    pub(super) fn of(folder: &Path) -> Self {
        Self { path: folder.join("people.reserve") }
    }

    /// Bytes it should hold beside a book of so many, and does not.
    pub(super) fn lacks(&self, book: u64) -> u64 {
        let held = match self.path.symlink_metadata() {
            Ok(found) if found.is_file() => found.len(),
            Ok(_) | Err(_) => 0,
        };
        wanted(book).saturating_sub(held)
    }

    /// Takes what it lacks as far as there is room; `give` makes a new file its owner's.
    pub(super) fn keep(&self, book: u64, give: impl FnOnce(&File) -> std::io::Result<()>) {
        if self.lacks(book) == 0 {
            return;
        }
        if let Err(error) = self.take(wanted(book), give) {
            tracing::debug!(%error, "no room can be kept for people");
        }
    }

    fn take(
        &self,
        wanted: u64,
        give: impl FnOnce(&File) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let file = self.open(true)?;
        give(&file)?;
        let mut held = file.metadata()?.len();
        let mut piece = wanted.saturating_sub(held);
        while held < wanted && piece >= BLOCK {
            match fallocate(&file, FallocateFlags::empty(), held, piece.min(wanted - held)) {
                Ok(()) => held = file.metadata()?.len(),
                Err(Errno::NOSPC | Errno::DQUOT) => piece /= 2,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives back to the disk what a book of so many bytes takes; whether there was any.
    pub(super) fn give(&self, book: u64) -> bool {
        let given = || -> std::io::Result<bool> {
            let file = self.open(false)?;
            let held = file.metadata()?.len();
            file.set_len(held.saturating_sub(book + BESIDE))?;
            Ok(held > 0)
        };
        given().unwrap_or(false)
    }

    /// A link would be somebody else's file, and so would one that is elsewhere too.
    fn open(&self, make: bool) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        let own = options.write(true).create(make).truncate(false).mode(0o600);
        let file = own.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&self.path)?;
        let found = file.metadata()?;
        if found.is_file() && found.nlink() == 1 {
            Ok(file)
        } else {
            Err(ErrorKind::InvalidInput.into())
        }
    }
}

/// Whether a disk has no room.
pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn wanted(book: u64) -> u64 {
    LEAST.max(BOOKS * book)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_given_in_pieces_and_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::of(dir.path());
        let own = |_: &File| Ok(());
        assert!(!room.give(10), "there is none yet");
        assert_eq!((room.lacks(0), room.lacks(1 << 20)), (LEAST, 8 << 20));
        room.keep(0, own);
        assert_eq!((room.lacks(0), room.lacks(1 << 20)), (0, (8 << 20) - LEAST));
        let mut pieces = 0;
        while room.give(96 << 10) {
            pieces += 1;
            assert_eq!(room.lacks(0), LEAST.min(pieces * (128 << 10)));
        }
        assert_eq!(pieces, 4);
        room.keep(0, own);
        assert_eq!(room.lacks(0), 0);
    }

    #[test]
    fn what_is_somebody_elses_is_neither_taken_nor_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (room, other) = (Room::of(dir.path()), dir.path().join("other"));
        std::fs::write(&other, "another's").unwrap();
        for put in [std::os::unix::fs::symlink::<&Path, &Path>, std::fs::hard_link] {
            put(&other, &room.path).unwrap();
            room.keep(0, |_| Ok(()));
            assert!(!room.give(0));
            assert_eq!(std::fs::read_to_string(&other).unwrap(), "another's");
            std::fs::remove_file(&room.path).unwrap();
        }
    }
}
