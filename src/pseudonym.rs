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
                key
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
    let part = path.with_extension("part");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(key)?;
    file.sync_all()?;
    // A key that another process made meanwhile stays.
    std::fs::hard_link(&part, path)?;
    std::fs::remove_file(&part)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
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
}
