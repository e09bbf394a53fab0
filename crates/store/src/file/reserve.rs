//! Room on the disk that is kept for what must go on when it is full: commands, open alarms, a restart.
//!
//! It is a file beside the store, so that nobody else takes it either. Half of what it holds is given back to the disk piece
//! by piece when writes find no room, all of it when a start does, and it is taken again as far as there is room.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags, fallocate};

use super::disk::{disk_free, disk_size};
use super::owner::Owner;

/// Kept of a disk unless that is more than [`SHARE`] of it.
pub(crate) const USUAL: u64 = 256 << 20;
/// One part of so many.
const SHARE: u64 = 20;
/// Given back at a time, one part of so many.
const PIECES: u64 = 8;
/// What devices send leaves so much of a large disk beside the reserve.
const MARGIN: u64 = 16 << 20;

/// The reserve of one store.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    file: Option<File>,
    /// Bytes it should hold, as long as there is a way to hold them.
    wanted: u64,
    /// Bytes it was to hold from the beginning.
    usual: u64,
    /// Bytes it holds.
    held: u64,
}

impl Reserve {
    /// Of the store in `dir`, as large as is set or usual. Takes nothing yet.
    pub(crate) fn of(dir: &Path, set: Option<u64>) -> Self {
        let usual = || disk_size(dir).map_or(0, |size| USUAL.min(size / SHARE));
        let path = file_in(dir);
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true).mode(0o600);
        let open = options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&path);
        let file = open.inspect_err(|error| tracing::warn!(%error, "no room can be kept")).ok();
        if let (Some(file), Ok(owner)) = (&file, Owner::of(dir)) {
            drop(
                owner
                    .gets_of_root(file)
                    .inspect_err(|error| tracing::warn!(%error, "the reserve stays root's")),
            );
        }
        let held = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |file| file.len());
        let wanted = set.unwrap_or_else(usual);
        Self { path, file, wanted, usual: wanted, held }
    }

    /// Bytes that it should hold and does not.
    pub(crate) fn lacks(&self) -> u64 {
        self.usual.saturating_sub(self.held)
    }

    /// What devices send leaves so much free beside it.
    pub(crate) fn margin(&self) -> u64 {
        MARGIN.min(self.wanted / 4)
    }

    /// How much a log may hold that is not yet copied into the file.
    pub(crate) fn most_in_log(&self, usual: u64) -> u64 {
        if self.wanted == 0 { usual } else { usual.min((self.wanted / 4).max(256 << 10)) }
    }

    /// Room beside what it holds or should hold; all there is where that cannot be measured.
    pub(crate) fn room(&self) -> u64 {
        let free = disk_free(&self.path).unwrap_or(u64::MAX);
        free.saturating_sub(self.wanted.saturating_sub(self.held))
    }

    /// Takes what it lacks, as far as there is room for it and to spare.
    pub(crate) fn fill(&mut self) {
        let lacks = self.wanted.saturating_sub(self.held);
        if lacks == 0 {
            return;
        }
        let free = disk_free(&self.path).unwrap_or(0);
        let taken = lacks.min(free.saturating_sub(2 * self.margin()));
        if let Some(file) = self.file.as_ref().filter(|_| taken > 0) {
            match fallocate(file, FallocateFlags::empty(), self.held, taken) {
                Ok(()) => self.held += taken,
                Err(error) => {
                    // Whatever it took of that is no loss, and on such a disk only the margin is kept.
                    tracing::warn!(%error, "no room can be kept on this disk");
                    self.file = None;
                    self.wanted = self.held;
                }
            }
        }
    }

    /// Gives a piece of it back to the disk; whether it had any but for the half that the next start may need.
    pub(crate) fn give(&mut self) -> bool {
        let left = self.held.saturating_sub((self.wanted / PIECES).max(1));
        let given = left >= self.wanted / 2
            && self.held > 0
            && self.file.as_ref().is_some_and(|file| file.set_len(left).is_ok());
        if given {
            self.held = left;
            tracing::warn!(left, "the disk is full: some of the reserve is used");
        }
        given
    }
}

/// Gives all of the reserve of the store in `dir` back where little else is free, so that it can be opened.
pub(crate) fn give_all_if_short(dir: &Path) {
    let path = file_in(dir);
    // A link would be somebody else's file.
    let Ok(reserve) = path.symlink_metadata() else { return };
    if reserve.len() > 0 && disk_free(dir).is_ok_and(|free| free < reserve.len()) {
        let mut options = OpenOptions::new();
        let own = options.write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        match own.open(&path).and_then(|file| file.set_len(0)) {
            Ok(()) => tracing::warn!("the disk is full: the reserve is used to open the store"),
            Err(error) => {
                tracing::warn!(%error, "the disk is full, and the reserve cannot be used");
            }
        }
    }
}

fn file_in(dir: &Path) -> PathBuf {
    dir.join("vitalgate.reserve")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_given_in_pieces_and_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::of(dir.path(), Some(8 << 20));
        assert_eq!((reserve.held, reserve.margin()), (0, 2 << 20));
        reserve.fill();
        let length = || file_in(dir.path()).metadata().unwrap().len();
        assert_eq!((reserve.held, length()), (8 << 20, 8 << 20));
        assert!(reserve.give());
        assert_eq!((reserve.held, length()), (7 << 20, 7 << 20));
        assert_eq!((0..99).filter(|_| reserve.give()).count(), 3);
        assert_eq!(length(), 4 << 20, "the rest is for a start");
        reserve.fill();
        assert_eq!(length(), 8 << 20);
        assert_eq!(Reserve::of(dir.path(), Some(8 << 20)).held, 8 << 20, "a restart finds it");
        give_all_if_short(dir.path());
        assert_eq!(length(), 8 << 20, "there is room");
    }

    #[test]
    fn none_is_kept_where_none_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::of(dir.path(), Some(0));
        reserve.fill();
        assert!(!reserve.give());
        assert_eq!((reserve.margin(), reserve.most_in_log(7)), (0, 7));
    }
}
