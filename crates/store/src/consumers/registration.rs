//! How a consumer is known to the store.

use std::borrow::Cow;

use crate::file::meta::OWN_KEYS;
use vitalgate_domain::model::ids::ChannelId;

/// A consumer's name, and how much the journal may hold back for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its key in `meta`, for ever: another name is another consumer.
    pub(super) name: Cow<'static, str>,
    pub(super) held_bytes: u64,
}

impl Registration {
    /// A consumer for which rows are held back as long as the journal has room for them.
    ///
    /// # Panics
    ///
    /// If the name is one of the store's own keys. For a constant that is found at compile time.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let mut key = 0;
        while key < OWN_KEYS.len() {
            assert!(
                !is_same(OWN_KEYS[key].as_bytes(), name.as_bytes()),
                "a key of the store's own"
            );
            key += 1;
        }
        Self { name: Cow::Borrowed(name), held_bytes: u64::MAX }
    }

    /// A channel for alarms, which needs transitions alone: no row of the journal is held back for it.
    #[must_use]
    pub fn channel(id: &ChannelId) -> Self {
        // No key of the store's own has a colon.
        Self { name: Cow::Owned(format!("channel:{id}")), held_bytes: 0 }
    }

    /// The same, for which no more than `bytes` of the newest rows are held back, compressed.
    #[must_use]
    pub fn holding_at_most(self, bytes: u64) -> Self {
        Self { held_bytes: bytes, ..self }
    }
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a key of the store's own")]
    fn no_consumer_takes_a_key_of_the_store() {
        assert_ne!(Registration::new("sealed_to"), Registration::new("sealed"));
    }

    #[test]
    fn part_of_such_a_key_is_a_name() {
        assert_eq!(Registration::new("sealed").name, "sealed");
    }
}
