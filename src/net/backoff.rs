//! How long to wait before the next try.

use std::time::Duration;

use ring::rand::SecureRandom as _;

/// Doubles with every failure; half of it is left to chance, so that gateways that lost the same
/// server do not come back together.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// At most `first` after one failure, and never more than `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The pause after one more failure.
    pub fn pause(&mut self) -> Duration {
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
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn pause_by(&self, chance: u8) -> Duration {
        let whole = self.first.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        whole / 2 + whole / 2 * u32::from(chance) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_bound_and_half_of_it_is_chance() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        let mut backoff = Backoff::new(first, longest);
        assert_eq!(backoff.pause_by(0), first / 2);
        let mut most = Vec::new();
        for _ in 0..40 {
            most.push(backoff.pause_by(255).as_secs());
            let pause = backoff.pause();
            assert!(pause <= longest && pause >= first / 2, "{pause:?}");
        }
        assert_eq!(most[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.pause_by(0), longest / 2);
        backoff.reset();
        assert_eq!(backoff.pause_by(255), first);
    }
}
