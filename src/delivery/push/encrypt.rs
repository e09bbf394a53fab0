//! A message that one browser alone can read (RFC 8291), as one record of `aes128gcm` (RFC 8188).

use std::fmt;

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{aead, hkdf};

/// An uncompressed point of P-256.
const POINT: usize = 65;
/// Whatever is said is as long as this: its length says nothing. Push services take 4,096 bytes of body.
const PADDED: usize = 3_072;
/// Of a record; there is one.
const RECORD: u32 = 4_096;

/// What a browser gave to be written to.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserKeys {
    point: [u8; POINT],
    auth: [u8; 16],
}

impl BrowserKeys {
    /// As a browser writes them, in base64 for addresses; `None` where nothing could be encrypted with them.
    pub fn of(p256dh: &str, auth: &str) -> Option<Self> {
        let decoded = |text: &str| {
            let bare = BASE64URL_NOPAD.decode(text.as_bytes());
            bare.or_else(|_| BASE64URL.decode(text.as_bytes())).ok()
        };
        let keys = Self {
            point: decoded(p256dh)?.try_into().ok()?,
            auth: decoded(auth)?.try_into().ok()?,
        };
        keys.encrypt(b"").map(|_| keys)
    }

    /// The body of a request that holds `text`; `None` where it is too long, the point is none, or the machine gives no
    /// random numbers.
    pub(super) fn encrypt(&self, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let mut salt = [0; 16];
        random.fill(&mut salt).ok()?;
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).ok()?;
        let public = own.compute_public_key().ok()?;
        let padding = PADDED.checked_sub(text.len())?;
        agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, self.point), |shared| {
            self.sealed(shared, public.as_ref(), salt, text, padding)
        })
        .ok()?
    }

    fn sealed(
        &self,
        shared: &[u8],
        own: &[u8],
        salt: [u8; 16],
        text: &[u8],
        padding: usize,
    ) -> Option<Vec<u8>> {
        let (key, nonce) = self.derived(shared, own, salt)?;
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).ok()?);
        // What ends the last record, then padding.
        let mut record = [text, &[2]].concat();
        record.resize(record.len() + padding, 0);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut record).ok()?;
        Some([&salt[..], &RECORD.to_be_bytes(), &[POINT as u8], own, &record].concat())
    }

    /// Key and nonce of the record.
    fn derived(&self, shared: &[u8], own: &[u8], salt: [u8; 16]) -> Option<([u8; 16], [u8; 12])> {
        let info = [b"WebPush: info\0", &self.point[..], own].concat();
        let secret: [u8; 32] = expanded(&self.auth, shared, &info)?;
        let key = expanded(&salt, &secret, b"Content-Encoding: aes128gcm\0")?;
        Some((key, expanded(&salt, &secret, b"Content-Encoding: nonce\0")?))
    }
}

/// HKDF with SHA-256, all of it.
fn expanded<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Option<[u8; N]> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = [0; N];
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    key.expand(&[info], Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

impl fmt::Debug for BrowserKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserKeys(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The browser of RFC 8291's example.
    pub(crate) const POINT_OF_RFC: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    pub(crate) const AUTH_OF_RFC: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn of<const N: usize>(text: &str) -> [u8; N] {
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    /// Its appendix A: the whole message, from the secret that both sides share.
    #[test]
    fn the_message_of_the_rfc_is_sealed_as_it_stands_there() {
        let keys = BrowserKeys::of(POINT_OF_RFC, AUTH_OF_RFC).unwrap();
        let own: [u8; POINT] = of(
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        );
        let shared: [u8; 32] = of("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let salt = of("DGv6ra1nlYgDCS1FRnbzlw");
        let (key, nonce) = keys.derived(&shared, &own, salt).unwrap();
        assert_eq!((key, nonce), (of("oIhVW04MRdy2XN9CiKLxTg"), of("4h_95klXJ5E_qnoN")));
        let text = b"When I grow up, I want to be a watermelon";
        let message = keys.sealed(&shared, &own, salt, text, 0).unwrap();
        let expected = concat!(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6",
            "TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
        assert_eq!(BASE64URL_NOPAD.encode(&message), expected);
    }

    #[test]
    fn every_message_is_of_one_length_and_none_is_like_another() {
        let keys = BrowserKeys::of(POINT_OF_RFC, AUTH_OF_RFC).unwrap();
        let (short, long) = (keys.encrypt(b"a").unwrap(), keys.encrypt(&[b'a'; 900]).unwrap());
        assert_eq!(short.len(), long.len());
        assert!(short.len() <= 4_096, "{}", short.len());
        assert_ne!(short, keys.encrypt(b"a").unwrap());
        assert!(keys.encrypt(&[b'a'; PADDED + 1]).is_none());
    }

    #[test]
    fn what_is_no_key_of_a_browser_is_not_kept() {
        for (point, auth) in [
            ("", AUTH_OF_RFC),
            (POINT_OF_RFC, ""),
            (POINT_OF_RFC, "BTBZMqHH6r4Tts7J_aSI"),
            (&POINT_OF_RFC[..86], AUTH_OF_RFC),
            // Of the right length, and not on the curve.
            (&*format!("B{}", "A".repeat(86)), AUTH_OF_RFC),
        ] {
            assert!(BrowserKeys::of(point, auth).is_none(), "{point} {auth}");
        }
        assert!(BrowserKeys::of(POINT_OF_RFC, &format!("{AUTH_OF_RFC}==")).is_some());
    }
}
