//! How long to wait before the next try.

use std::time::Duration;

use ring::rand::SecureRandom as _;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(250);
/// At most.
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles with every failure; half of it is left to chance, so that gateways that lost the same
/// broker do not come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure.
    pub(super) fn pause(&mut self) -> Duration {
        let mut byte = [0; 1];
        // Without chance it waits the longest.
        let chance = match ring::rand::SystemRandom::new().fill(&mut byte) {
            Ok(()) => byte[0],
            Err(_) => u8::MAX,
        };
        let pause = self.pause_by(chance);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// It went well.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    fn pause_by(&self, chance: u8) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        whole / 2 + whole / 2 * u32::from(chance) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_bound_and_half_of_it_is_chance() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause_by(0), FIRST / 2);
        assert_eq!(backoff.pause_by(255), FIRST);
        for _ in 0..40 {
            let pause = backoff.pause();
            assert!(pause <= LONGEST && pause >= FIRST / 2, "{pause:?}");
        }
        assert_eq!(backoff.pause_by(255), LONGEST);
        assert_eq!(backoff.pause_by(0), LONGEST / 2);
        backoff.reset();
        assert_eq!(backoff.pause_by(255), FIRST);
    }
}
