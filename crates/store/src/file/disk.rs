//! Where a store lies, and what is left on that disk.

use std::path::{Path, PathBuf};

/// The one database file in a store's folder.
const FILE: &str = "vitalgate.db";

/// The database file of the store in `dir`.
pub(crate) fn file_in(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Bytes left for this user on the file system that holds `path`.
pub(crate) fn disk_free(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes of the whole file system that holds `path`.
pub(crate) fn disk_size(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_blocks.saturating_mul(stat.f_frsize))
}
