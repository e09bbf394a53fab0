//! One process writes a store: the lock file says who may.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::OpenError;
use super::folder;
use super::owner::Owner;

/// Held while a store is open for writing; the system frees it when the process ends, however.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store in `dir`, or says that another process has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = file_in(dir);
        let io = |source| OpenError::Io { path: path.clone(), source };
        if let Some(fault) = folder::fault(dir).map_err(io)? {
            return Err(OpenError::Folder { dir: dir.to_owned(), fault });
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(io)?;
        Owner::of(dir).and_then(|owner| owner.gets_of_root(&file)).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

fn file_in(dir: &Path) -> PathBuf {
    dir.join("vitalgate.lock")
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn neither_a_link_nor_a_folder_of_everybody_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::write(&elsewhere, "another's").unwrap();
        std::os::unix::fs::symlink(&elsewhere, file_in(dir.path())).unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(OpenError::Io { .. })));
        std::fs::remove_file(file_in(dir.path())).unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        let refused = Lock::take(dir.path()).unwrap_err();
        assert!(refused.to_string().contains("chmod 700"), "{refused}");
        assert!(!file_in(dir.path()).exists());
    }

    #[test]
    fn the_second_taker_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(OpenError::Locked { .. })));
        drop(first);
        Lock::take(dir.path()).unwrap();
    }
}
