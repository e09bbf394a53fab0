//! Passwords: argon2id, a few at a time, and what may be one.

use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::pin::is_obvious;

/// Shorter ones are found by trying.
const SHORTEST: usize = 12;
/// Longer ones only cost time.
const LONGEST: usize = 256;
/// 19 MiB, two passes, one lane: what OWASP asks for at least.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A million of them at least: tried out one by one at a station, with its waits, they take years.
const PIN_DIGITS: (usize, usize) = (6, 12);
const SALT_BYTES: usize = 16;
/// What an unknown name is held against, in the same time as a known one: the hash of nothing anybody types.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Too short.
    #[error(
        "a password has at least {SHORTEST} characters; four words that do not belong together are a good one"
    )]
    Short,
    /// Too long.
    #[error("a password has at most {LONGEST} bytes")]
    Long,
    /// It says who it is of, or one thing over and over.
    #[error("that password is the first that anybody would try")]
    Obvious,
    /// The machine gives no random numbers, or no memory.
    #[error("the password could not be hashed; try again")]
    Unhashed,
}

/// A password, hashed: a PHC string.
pub fn hash(name: &str, password: &str) -> Result<String, BadPassword> {
    check(name, password)?;
    hashed(password)
}

fn hashed(secret: &str) -> Result<String, BadPassword> {
    let mut salt = [0; SALT_BYTES];
    SystemRandom::new().fill(&mut salt).map_err(|_| BadPassword::Unhashed)?;
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| BadPassword::Unhashed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash = argon2.hash_password_customized(secret.as_bytes(), &salt, None, None, params);
    Ok(hash.map_err(|_| BadPassword::Unhashed)?.to_string())
}

/// Why a PIN cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPin {
    /// Not as many digits as a PIN has.
    #[error("a PIN is {} to {} digits", PIN_DIGITS.0, PIN_DIGITS.1)]
    Form,
    /// Among the first that anybody would try.
    #[error(
        "that PIN is among the first that anybody would try: take no date, and no digits that repeat, count up or down, come in pairs, or read the same from behind"
    )]
    Obvious,
    /// As of a password.
    #[error("the PIN could not be hashed; try again")]
    Unhashed,
}

/// A PIN, hashed as a password is: a PHC string.
pub fn hash_pin(pin: &str) -> Result<String, BadPin> {
    if !(PIN_DIGITS.0..=PIN_DIGITS.1).contains(&pin.len())
        || !pin.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(BadPin::Form);
    }
    if is_obvious(pin.as_bytes()) {
        return Err(BadPin::Obvious);
    }
    hashed(pin).map_err(|_| BadPin::Unhashed)
}

/// Whether a password, or a PIN, is the one of this hash. It takes as long where there is none.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let cut = password.get(..LONGEST.min(password.len())).unwrap_or_default();
    let right = Argon2::default().verify_password(cut.as_bytes(), hash.unwrap_or(NOBODY)).is_ok();
    right && hash.is_some() && password.len() <= LONGEST
}

fn check(name: &str, password: &str) -> Result<(), BadPassword> {
    if password.chars().count() < SHORTEST {
        return Err(BadPassword::Short);
    }
    if password.len() > LONGEST {
        return Err(BadPassword::Long);
    }
    let lower = password.to_lowercase();
    let mut letters: Vec<char> = lower.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let says =
        |word: &str| !word.is_empty() && lower.replace(word, "").chars().count() < SHORTEST / 2;
    if letters.len() < 5 || says(&name.to_lowercase()) || says("vitalgate") || says("password") {
        return Err(BadPassword::Obvious);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let kept = hash("jane", "correct horse battery").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify("correct horse battery", Some(&kept)));
        assert!(!verify("correct horse batterz", Some(&kept)));
        assert!(!verify("correct horse battery", None));
        assert!(!verify("correct horse battery", Some("no hash")));
        assert_ne!(hash("jane", "correct horse battery").unwrap(), kept, "each has its salt");
    }

    #[test]
    fn a_pin_is_digits_and_none_of_those_that_anybody_would_try() {
        for (pin, why) in [
            ("12345", BadPin::Form),
            ("1234567890123", BadPin::Form),
            ("48151g", BadPin::Form),
            ("٤٨١٥١٦", BadPin::Form),
            ("111111", BadPin::Obvious),
            ("121212", BadPin::Obvious),
            ("123456", BadPin::Obvious),
            ("890123", BadPin::Obvious),
            ("112233", BadPin::Obvious),
            ("20001231", BadPin::Obvious),
        ] {
            assert_eq!(hash_pin(pin), Err(why), "{pin}");
        }
        let kept = hash_pin("481516").unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        assert!(verify("481516", Some(&kept)) && !verify("481517", Some(&kept)));
    }

    #[test]
    fn nobody_is_a_hash_that_takes_as_long() {
        use argon2::password_hash::phc::PasswordHash;
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn what_anybody_would_try_is_no_password() {
        for (password, why) in [
            ("short", BadPassword::Short),
            ("aaaaaaaaaaaaaaaa", BadPassword::Obvious),
            ("janejanejane!", BadPassword::Obvious),
            ("Vitalgate2026", BadPassword::Obvious),
            ("password12345", BadPassword::Obvious),
        ] {
            assert_eq!(hash("jane", password), Err(why), "{password}");
        }
        assert_eq!(hash("jane", &"lang und breit ".repeat(40)), Err(BadPassword::Long));
        assert!(check("jane", "jane likes purple tractors").is_ok());
    }
}
