//! Whose the files of a store are.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, fchown, lchown};
use std::path::Path;

/// Who has the store, and must have what is made in it: a command may be run by root.
#[derive(Debug)]
pub(crate) struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Of the store in this folder.
    pub(crate) fn of(store: &Path) -> std::io::Result<Self> {
        let found = std::fs::metadata(store)?;
        Ok(Self { user: found.uid(), group: found.gid() })
    }

    /// Makes the folder, unless it is there; the inner error is that it cannot be given away.
    pub(crate) fn folder(&self, folder: &Path) -> std::io::Result<std::io::Result<()>> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(Ok(())),
            Err(e) => return Err(e),
        }
        if std::fs::symlink_metadata(folder)?.uid() == self.user {
            return Ok(Ok(()));
        }
        let given = lchown(folder, Some(self.user), Some(self.group));
        if given.is_err() {
            std::fs::remove_dir(folder)?;
        }
        Ok(given)
    }

    /// Gives a file that we made, unless it is the owner's already.
    pub(crate) fn gets(&self, file: &File) -> std::io::Result<()> {
        if file.metadata()?.uid() == self.user {
            return Ok(());
        }
        fchown(file, Some(self.user), Some(self.group))
    }

    /// The same where we are root, who works for whoever owns the store; others keep what they made.
    pub(crate) fn gets_of_root(&self, file: &File) -> std::io::Result<()> {
        if rustix::process::geteuid().is_root() { self.gets(file) } else { Ok(()) }
    }

    /// Who that is.
    pub(crate) fn user(&self) -> u32 {
        self.user
    }
}
