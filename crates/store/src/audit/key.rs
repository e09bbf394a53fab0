//! The key by which a store is vouched for: Ed25519, beside the store and not in it, and its public half.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::{BASE64, BASE64_MIME_PERMISSIVE, HEXLOWER};
use ring::rand::SecureRandom as _;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use rustix::fs::OFlags;

use super::sha256;
use crate::file::key::{BadKey, KEY_BYTES, open_key, read_key, set_aside};
use crate::file::owner::Owner;

/// The key's file is `keys/audit.key`: the 32 bytes of RFC 8032's private key.
const NAME: &str = "audit";
/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// An Ed25519 signature.
pub(crate) type Signature = [u8; 64];

/// Signs for a store; cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditKey(Arc<Ed25519KeyPair>);

impl AuditKey {
    /// The key of the store in this folder, made at the first use; and why the one that was there cannot be used, if so.
    ///
    /// Then it is put aside, and another is made as where there was none. Where that fails too, on a full disk or in a
    /// folder that is not ours, one of this process alone signs: nobody must go unwatched for want of a signature.
    pub(crate) fn open(store: &Path) -> Result<(Self, Option<BadKey>), BadKey> {
        match open_key(store, NAME) {
            Ok(seed) => Ok((Self::of(&seed), None)),
            Err(BadKey::Random) => Err(BadKey::Random),
            Err(unusable) => {
                let another = set_aside(store, NAME).and_then(|()| open_key(store, NAME));
                let seed = another.or_else(|_| of_this_process())?;
                Ok((Self::of(&seed), Some(unusable)))
            }
        }
    }

    /// The same, and `None` where there is none yet.
    pub fn read(store: &Path) -> Result<Option<Self>, BadKey> {
        Ok(read_key(store, NAME)?.map(|seed| Self::of(&seed)))
    }

    fn of(seed: &[u8; KEY_BYTES]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        Self(Arc::new(pair.unwrap_or_else(|_| unreachable!("32 bytes are a key"))))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}

/// A key that ends with the process.
fn of_this_process() -> Result<[u8; KEY_BYTES], BadKey> {
    let mut key = [0; KEY_BYTES];
    ring::rand::SystemRandom::new().fill(&mut key).map_err(|_| BadKey::Random)?;
    Ok(key)
}

/// Says that whoever runs the store has seen that this key signs: `keys/audit.accepted` names it.
pub fn accept(store: &Path, key: &PublicKey) -> std::io::Result<()> {
    let path = accepted_in(store);
    let part = path.with_extension("accepted.part");
    let mut options = OpenOptions::new();
    let own = options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = own.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&part)?;
    Owner::of(store)?.gets_of_root(&file)?;
    file.write_all(key.name().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, &path)
}

/// Whether that was said of the key of this name.
pub(crate) fn is_accepted(store: &Path, key: &str) -> bool {
    std::fs::read_to_string(accepted_in(store)).is_ok_and(|name| name.trim() == key)
}

fn accepted_in(store: &Path) -> PathBuf {
    store.join("keys").join("audit.accepted")
}

/// The public half of an [`AuditKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// As PEM, which `openssl` reads.
    pub fn pem(&self) -> String {
        format!("{BEGIN}\n{}\n{END}\n", BASE64.encode(&self.der()))
    }

    /// Out of PEM, whatever stands around it.
    pub fn of_pem(text: &str) -> Option<Self> {
        let inside = text.split_once(BEGIN)?.1.split_once(END)?.0;
        let der = BASE64_MIME_PERMISSIVE.decode(inside.as_bytes()).ok()?;
        Some(Self(der.strip_prefix(&PREFIX)?.try_into().ok()?))
    }

    /// The first 8 bytes of the SHA-256 of its DER, in hexadecimal: enough to tell keys apart.
    pub fn name(&self) -> String {
        HEXLOWER.encode(&sha256(&self.der())[..8])
    }

    pub(crate) fn text(&self) -> String {
        BASE64.encode(&self.0)
    }

    pub(crate) fn of_text(text: &str) -> Option<Self> {
        Some(Self(BASE64.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    fn der(&self) -> Vec<u8> {
        [&PREFIX[..], &self.0].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_the_one_of_rfc_8032_and_reads_back_from_its_pem() {
        let seed = HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        let key = AuditKey::of(&seed.try_into().unwrap());
        let public = key.public();
        assert_eq!(
            HEXLOWER.encode(&public.0),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(HEXLOWER.encode(&key.sign(b""))[..16], *"e5564300c360ac72");
        assert!(public.verifies(b"", &key.sign(b"")) && !public.verifies(b"a", &key.sign(b"")));
        let crlf = public.pem().replace('\n', "\r\n");
        assert_eq!(PublicKey::of_pem(&format!("the key:\r\n{crlf}")), Some(public));
        assert_eq!(PublicKey::of_text(&public.text()), Some(public));
        for bad in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", BEGIN] {
            assert_eq!(PublicKey::of_pem(bad), None, "{bad}");
        }
    }
}
