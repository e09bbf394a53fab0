//! Secret keys of 32 bytes, kept beside the store and not in it: `keys/<name>.key`.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use ring::rand::SecureRandom as _;
use rustix::fs::OFlags;

use super::owner::Owner;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    /// The file cannot be read or made.
    #[error("cannot use the key {}: {source}; it and its folder must belong to the owner of the store's folder", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Made, it would shut out the gateway.
    #[error(
        "the new key {} cannot be given to user {owner}, who has the store: {source}; \
         run this as that user or as root", path.display()
    )]
    Owner {
        /// Which.
        path: PathBuf,
        /// The user id that owns the store's folder.
        owner: u32,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a key.
    #[error("{} is not a key of {KEY_BYTES} bytes: put back the one that was made with the store", path.display())]
    Length {
        /// Which.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// The key of this name in a store's folder; made at the first use, for the owner of that folder only,
/// whoever is the first.
pub fn open_key(store: &Path, name: &str) -> Result<[u8; KEY_BYTES], BadKey> {
    if let Some(key) = read_key(store, name)? {
        return Ok(key);
    }
    let path = file_of(store, name);
    let bad = |source| BadKey::File { path: path.clone(), source };
    let mut key = [0; KEY_BYTES];
    ring::rand::SystemRandom::new().fill(&mut key).map_err(|_| BadKey::Random)?;
    let owner = Owner::of(store).map_err(bad)?;
    let folder = store.join("keys");
    let cannot = |source| BadKey::Owner { path: path.clone(), owner: owner.user(), source };
    owner.folder(&folder).map_err(bad)?.map_err(cannot)?;
    let part = Part::write(&path, &key).map_err(bad)?;
    owner.gets(&part.file).map_err(cannot)?;
    part.finish(&path).map_err(bad)?;
    // Another may have made one meanwhile: that one counts.
    read_key(store, name)?.ok_or_else(|| bad(ErrorKind::NotFound.into()))
}

/// The same, and `None` where there is none.
pub fn read_key(store: &Path, name: &str) -> Result<Option<[u8; KEY_BYTES]>, BadKey> {
    let path = file_of(store, name);
    let mut key = Vec::new();
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&path);
    match opened.and_then(|file| file.take(2 * KEY_BYTES as u64).read_to_end(&mut key)) {
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(BadKey::File { path, source }),
    }
    Ok(Some(key.try_into().map_err(|_| BadKey::Length { path })?))
}

/// Puts what stands in the place of a key aside, whatever it is.
pub(crate) fn set_aside(store: &Path, name: &str) -> Result<(), BadKey> {
    let path = file_of(store, name);
    let aside =
        path.with_extension(format!("{}.unusable", random_name().map_err(|_| BadKey::Random)?));
    std::fs::rename(&path, aside).map_err(|source| BadKey::File { path, source })
}

/// A name that nobody else has.
fn random_name() -> std::io::Result<String> {
    let mut name = [0; 10];
    ring::rand::SystemRandom::new()
        .fill(&mut name)
        .map_err(|_| std::io::Error::other(BadKey::Random))?;
    Ok(BASE32_NOPAD.encode(&name))
}

fn file_of(store: &Path, name: &str) -> PathBuf {
    store.join("keys").join(format!("{name}.key"))
}

/// A key that is not yet there: it comes whole or not at all, for one cut short by a crash would be
/// refused for ever.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn write(key_file: &Path, key: &[u8]) -> std::io::Result<Self> {
        // A name of its own: two who come first must not write into one draft.
        let path = key_file.with_extension(format!("{}.part", random_name()?));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut part = Self { path, file };
        part.file.write_all(key)?;
        Ok(part)
    }

    fn finish(self, key_file: &Path) -> std::io::Result<()> {
        self.file.sync_all()?;
        match std::fs::hard_link(&self.path, key_file) {
            // A key that another made meanwhile stays.
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
            Ok(()) | Err(_) => {}
        }
        File::open(key_file.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}
