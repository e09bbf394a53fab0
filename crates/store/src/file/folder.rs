//! Who else could put something into the folder of a store.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Anybody may write.
const ANYBODY: u32 = 0o002;

/// Why a folder is no place for a store: somebody else could put a link or another file there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderFault {
    /// It is another user's.
    #[error(
        "it belongs to user {owner}, and this program runs as user {user}: chown it, or run as that user"
    )]
    Foreign {
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Everybody may write into it.
    #[error("every user may write into it (mode {mode:03o}): chmod 700")]
    Open {
        /// Its mode.
        mode: u32,
    },
}

/// What is wrong with a folder, if anything.
pub fn fault(dir: &Path) -> io::Result<Option<FolderFault>> {
    Ok(fault_of(&std::fs::metadata(dir)?, rustix::process::geteuid().as_raw()))
}

fn fault_of(folder: &Metadata, user: u32) -> Option<FolderFault> {
    let (owner, mode) = (folder.uid(), folder.permissions().mode() & 0o777);
    if mode & ANYBODY != 0 {
        return Some(FolderFault::Open { mode });
    }
    // Root works for whoever owns the store, and may do everything anyway.
    (![owner, 0].contains(&user) && owner != 0).then_some(FolderFault::Foreign { owner, user })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn only_a_folder_of_ones_own_that_nobody_else_writes_into_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let us = rustix::process::geteuid().as_raw();
        let with = |mode, user| {
            fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            fault_of(&fs::metadata(dir.path()).unwrap(), user)
        };
        assert_eq!(with(0o700, us), None);
        assert_eq!(with(0o755, us), None);
        assert_eq!(with(0o1777, us), Some(FolderFault::Open { mode: 0o777 }));
        let stranger = with(0o755, 4_711);
        let foreign = FolderFault::Foreign { owner: us, user: 4_711 };
        assert_eq!(stranger, (us != 0).then_some(foreign), "what is root's is nobody's");
    }
}
