//! Files that have their name only once they are whole, and the folder they are in.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use super::error::OpenError;
use super::owner::Owner;

/// Makes the folder of a store where it is missing, for the owner only; one that is there stays as
/// it is.
pub(crate) fn make_folder(dir: &Path) -> Result<(), OpenError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| OpenError::Io { path: dir.to_owned(), source })
}

/// Gives a finished, closed draft to whoever has the store's folder, where root made it.
pub(crate) fn give_to_owner(draft: &Path, dir: &Path) -> Result<(), OpenError> {
    let give = || Owner::of(dir)?.gets_of_root(&std::fs::File::open(draft)?);
    give().map_err(|source| OpenError::Io { path: draft.to_owned(), source })
}

/// Removes what an interrupted `create`, `restore` or upgrade left.
pub(crate) fn remove_draft(draft: &Path) -> Result<(), OpenError> {
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
pub(crate) fn publish(draft: &Path, path: &Path) -> Result<(), OpenError> {
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
