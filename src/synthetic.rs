//! What the synthetic patient is known by, and how far it has come: shared by all that it passes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom as _, SystemRandom};

use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::synthetic::SYNTHETIC;

/// Cheap to clone.
#[derive(Clone)]
pub struct Synthetic(Arc<Inner>);

struct Inner {
    /// Which run of the gateway this is, and what only this process knows; `None` where the machine gives no randomness.
    run: Option<(u64, String)>,
    passed: Mutex<BTreeMap<ChannelId, u64>>,
}

impl std::fmt::Debug for Synthetic {
    /// Without what only this process knows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Synthetic").finish_non_exhaustive()
    }
}

impl Default for Synthetic {
    fn default() -> Self {
        let (mut boot, mut secret) = ([0; 8], [0; 32]);
        let random = SystemRandom::new();
        let filled = random.fill(&mut boot).and_then(|()| random.fill(&mut secret));
        // A `boot` is written as a number that every reader of JSON keeps.
        let run = || (u64::from_be_bytes(boot) >> 12, HEXLOWER.encode(&secret));
        let run = filled.is_ok().then(run);
        Self(Arc::new(Inner { run, passed: Mutex::default() }))
    }
}

impl Synthetic {
    /// The number of this run.
    pub fn boot(&self) -> Option<u64> {
        self.0.run.as_ref().map(|(boot, _)| *boot)
    }

    /// What it shows to the listener.
    pub(crate) fn secret(&self) -> Option<&str> {
        self.0.run.as_ref().map(|(_, secret)| secret.as_str())
    }

    /// Whether a name is kept for it.
    pub(crate) fn is_named(name: &str) -> bool {
        name == SYNTHETIC
    }

    /// Whether a password is the one of this process; all of it is compared, so that the time taken says nothing.
    pub(crate) fn fits(&self, password: &str) -> bool {
        self.secret().is_some_and(|own| {
            let (own, given) = (own.as_bytes(), password.as_bytes());
            own.len() == given.len()
                && own.iter().zip(given).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
        })
    }

    /// A channel works, and has seen the synthetic patient of this number pass by.
    pub fn passed(&self, channel: &ChannelId, seq: u64) {
        let mut passed = self.all();
        match passed.get_mut(channel) {
            Some(known) => *known = seq.max(*known),
            None => drop(passed.insert(channel.clone(), seq)),
        }
    }

    /// The channels, of these, that have not seen it pass.
    pub fn missed_by<'a>(&self, channels: &'a [ChannelId], seq: u64) -> Vec<&'a ChannelId> {
        let passed = self.all();
        let missed = |channel: &&ChannelId| passed.get(*channel).is_none_or(|known| *known < seq);
        channels.iter().filter(missed).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<ChannelId, u64>> {
        self.0.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_process_speaks_for_it() {
        let (own, other) = (Synthetic::default(), Synthetic::default());
        assert!(Synthetic::is_named("gateway.synthetic") && !Synthetic::is_named("dev-1"));
        assert!(own.fits(own.secret().unwrap()));
        assert!(!own.fits(other.secret().unwrap()) && !own.fits("") && !own.fits("x"));
        assert_ne!(own.boot(), other.boot());
        assert!(own.boot().unwrap() < 1 << 53);
        assert!(!format!("{own:?}").contains(own.secret().unwrap()));
    }

    #[test]
    fn a_channel_that_stands_still_has_missed_it() {
        let (a, b): (ChannelId, ChannelId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let synthetic = Synthetic::default();
        let all = [a.clone(), b.clone()];
        assert_eq!(synthetic.missed_by(&all, 1), [&a, &b]);
        synthetic.passed(&a, 2);
        synthetic.passed(&a, 1);
        synthetic.passed(&b, 1);
        assert_eq!(synthetic.missed_by(&all, 1), Vec::<&ChannelId>::new());
        assert_eq!(synthetic.missed_by(&all, 2), [&b]);
    }
}
