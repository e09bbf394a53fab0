//! Names for patients that only this site can trace back: HMAC-SHA256 of the patient id by a key for
//! each purpose, kept beside the store and not in it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use ring::hmac;
use ring::rand::SecureRandom as _;

use crate::domain::consent::Purpose;
use crate::domain::ids::{AlarmId, DeviceId, PatientId};

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of the HMAC that make the pseudonym: 26 characters, which two patients never share.
const PSEUDONYM_BYTES: usize = 16;

/// Why there are no pseudonyms.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    /// The file cannot be read or made.
    #[error("cannot use the key {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
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
    /// With the key of this purpose in the store's folder, `keys/<purpose>.key`; made, for its
    /// owner only, at the first use.
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
                DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(bad)?;
                write_new(&path, &key).map_err(bad)?;
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

/// Whole or not at all: a key cut short by a crash would be refused for ever.
fn write_new(path: &Path, key: &[u8]) -> std::io::Result<()> {
    // A name of its own: two who come first must not write into one draft.
    let mut name = [0; 10];
    ring::rand::SystemRandom::new()
        .fill(&mut name)
        .map_err(|_| std::io::Error::other(BadKey::Random))?;
    let part = path.with_extension(format!("{}.part", BASE32_NOPAD.encode(&name)));
    let written = link_new(&part, path, key);
    match std::fs::remove_file(&part) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => written?,
    }
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn link_new(part: &Path, path: &Path, key: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
    file.write_all(key)?;
    file.sync_all()?;
    match std::fs::hard_link(part, path) {
        // A key that another made meanwhile stays.
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        Ok(()) | Err(_) => Ok(()),
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
}
