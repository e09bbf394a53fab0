//! Names for patients that only this site can trace back: HMAC-SHA256 of the patient id by a key for
//! each purpose, kept beside the store and not in it.

use std::path::Path;

use data_encoding::BASE32_NOPAD;
use ring::hmac;

use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::ids::{AlarmId, DeviceId, PatientId};
use vitalgate_store::{BadKey, open_key};

/// Bytes of the HMAC that make the pseudonym: 26 characters, which two patients never share.
const PSEUDONYM_BYTES: usize = 16;

/// Names patients for one purpose.
#[derive(Clone, Debug)]
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// With the key of this purpose in the store's folder, `keys/<purpose>.key`; made at the first
    /// use, for the owner of the store's folder only, whoever is the first.
    pub fn open(store: &Path, purpose: Purpose) -> Result<Self, BadKey> {
        let key = open_key(store, purpose.as_str())?;
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

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
