//! Names for patients that only this site can trace back: HMAC-SHA256 of the patient id by a key for
//! each purpose, kept beside the store and not in it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown, lchown,
};
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use ring::hmac;
use ring::rand::SecureRandom as _;

use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::ids::{AlarmId, DeviceId, PatientId};

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of the HMAC that make the pseudonym: 26 characters, which two patients never share.
const PSEUDONYM_BYTES: usize = 16;

/// Why there are no pseudonyms.
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

/// Names patients for one purpose.
#[derive(Clone, Debug)]
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// With the key of this purpose in the store's folder, `keys/<purpose>.key`; made at the first
    /// use, for the owner of the store's folder only, whoever is the first.
    pub fn open(store: &Path, purpose: Purpose) -> Result<Self, BadKey> {
        let folder = store.join("keys");
        let path = folder.join(format!("{}.key", purpose.as_str()));
        let bad = |source| BadKey::File { path: path.clone(), source };
        let key = match File::open(&path) {
            Ok(mut file) => {
                let mut key = Vec::new();
                file.read_to_end(&mut key).map_err(bad)?;
                key
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let mut key = vec![0; KEY_BYTES];
                ring::rand::SystemRandom::new().fill(&mut key).map_err(|_| BadKey::Random)?;
                let owner = Owner::of(store).map_err(bad)?;
                owner
                    .folder(&folder)
                    .map_err(bad)?
                    .map_err(|source| owner.cannot(&path, source))?;
                let part = Part::write(&path, &key).map_err(bad)?;
                owner.gets(&part.file).map_err(|source| owner.cannot(&path, source))?;
                part.finish(&path).map_err(bad)?;
                // Another may have made one meanwhile: that one counts.
                std::fs::read(&path).map_err(bad)?
            }
            Err(e) => return Err(bad(e)),
        };
        if key.len() != KEY_BYTES {
            return Err(BadKey::Length { path });
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The patient's name for this purpose: 26 characters of base32, lower case.
    pub fn of(&self, patient: &PatientId) -> String {
        self.name(patient.as_str())
    }

    /// A device's name likewise: who knows the device may know the patient.
    pub fn of_device(&self, device: &DeviceId) -> String {
        // No id holds a slash: no patient is named like a device.
        self.name(&format!("device/{device}"))
    }

    /// An alarm's name likewise: its id is made of the patient's, and guesses can be tried.
    pub fn of_alarm(&self, alarm: &AlarmId) -> String {
        self.name(&format!("alarm/{alarm}"))
    }

    fn name(&self, id: &str) -> String {
        let tag = hmac::sign(&self.0, id.as_bytes());
        BASE32_NOPAD.encode(&tag.as_ref()[..PSEUDONYM_BYTES]).to_ascii_lowercase()
    }
}

/// Who has the store, and must have what is made in it: `export` may be run by root.
struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    fn of(store: &Path) -> std::io::Result<Self> {
        let found = std::fs::metadata(store)?;
        Ok(Self { user: found.uid(), group: found.gid() })
    }

    /// Makes the folder, unless it is there; the inner error is that it cannot be given away.
    fn folder(&self, folder: &Path) -> std::io::Result<std::io::Result<()>> {
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

    fn gets(&self, file: &File) -> std::io::Result<()> {
        if file.metadata()?.uid() == self.user {
            return Ok(());
        }
        fchown(file, Some(self.user), Some(self.group))
    }

    fn cannot(&self, path: &Path, source: std::io::Error) -> BadKey {
        BadKey::Owner { path: path.to_owned(), owner: self.user, source }
    }
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
        let mut name = [0; 10];
        ring::rand::SystemRandom::new()
            .fill(&mut name)
            .map_err(|_| std::io::Error::other(BadKey::Random))?;
        let path = key_file.with_extension(format!("{}.part", BASE32_NOPAD.encode(&name)));
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_pseudonym_is_the_same_tomorrow_and_another_for_another_purpose_or_patient() {
        let dir = tempfile::tempdir().unwrap();
        let name = |purpose, patient: &str| {
            Pseudonyms::open(dir.path(), purpose).unwrap().of(&patient.parse().unwrap())
        };
        let first = name(Purpose::Care, "p-1");
        assert_eq!(first.len(), 26);
        assert_eq!(name(Purpose::Care, "p-1"), first);
        assert_ne!(name(Purpose::Care, "p-2"), first);
        assert_ne!(name(Purpose::Research, "p-1"), first);
        let names = Pseudonyms::open(dir.path(), Purpose::Care).unwrap();
        let device = names.of_device(&"p-1".parse().unwrap());
        assert_eq!(device.len(), 26);
        let alarm = names.of_alarm(&"p-1".parse().unwrap());
        assert_eq!(std::collections::BTreeSet::from([&first, &device, &alarm]).len(), 3);
    }

    #[test]
    fn a_key_is_for_its_owner_only_and_a_damaged_one_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Pseudonyms::open(dir.path(), Purpose::Care).unwrap();
        let path = dir.path().join("keys/care.key");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, b"short").unwrap();
        let error = Pseudonyms::open(dir.path(), Purpose::Care).unwrap_err().to_string();
        assert!(error.contains("care.key") && error.contains("put back"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn all_who_come_first_get_the_key_that_is_on_the_disk() {
        let patient = &"p-1".parse().unwrap();
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let together = std::sync::Barrier::new(8);
            let name = || Pseudonyms::open(dir.path(), Purpose::Care).unwrap().of(patient);
            let first = std::thread::scope(|scope| {
                let open = || {
                    together.wait();
                    name()
                };
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            });
            assert_eq!(first, vec![name(); 8]);
            assert_eq!(std::fs::read_dir(dir.path().join("keys")).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_key_belongs_to_who_has_the_store_whoever_made_it() {
        let dir = tempfile::tempdir().unwrap();
        // Only root can give a folder away; others make the key for themselves.
        let given = std::os::unix::fs::chown(dir.path(), Some(54_321), Some(54_322)).is_ok();
        let owner = std::fs::metadata(dir.path()).unwrap();
        assert_eq!(given, owner.uid() == 54_321);
        Pseudonyms::open(dir.path(), Purpose::Care).unwrap();
        for name in ["keys", "keys/care.key"] {
            let made = std::fs::metadata(dir.path().join(name)).unwrap();
            assert_eq!((made.uid(), made.gid()), (owner.uid(), owner.gid()), "{name}");
            assert_eq!(made.permissions().mode() & 0o077, 0, "{name}");
        }
        let left: Vec<_> = std::fs::read_dir(dir.path().join("keys")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
