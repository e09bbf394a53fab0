//! What a device's clock shows, until it is put right.

use jiff::{SignedDuration, Timestamp};

/// A clock that is wrong from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongClock {
    /// In which way.
    pub error: ClockError,
    /// From then on; right before.
    pub since: Timestamp,
    /// Put right by NTP then; never without.
    pub righted: Option<Timestamp>,
    /// Whether its messages say so from then on.
    pub says_ntp: bool,
    /// The device starts again, with another number.
    pub reboot: Option<Reboot>,
}

/// In which way a clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockError {
    /// Not at all.
    Right,
    /// Ahead by so much, or behind where it is negative.
    Off(SignedDuration),
    /// It began at 1970 when it was switched on.
    From1970,
    /// It stands still.
    Standing,
}

/// A start of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reboot {
    /// When, by true time.
    pub at: Timestamp,
    /// Its number from then on, which may be lower than before.
    pub boot: u64,
}

impl WrongClock {
    /// A clock that is right, though nobody says so.
    pub fn right() -> Self {
        let (error, since) = (ClockError::Right, Timestamp::MIN);
        Self { error, since, righted: None, says_ntp: false, reboot: None }
    }

    /// What it shows at `at`, which is true time.
    pub fn shown(&self, at: Timestamp) -> Timestamp {
        if at < self.since || self.is_righted(at) {
            return at;
        }
        match self.error {
            ClockError::Right => at,
            ClockError::Off(by) => at.saturating_add(by).unwrap_or(at),
            ClockError::From1970 => {
                Timestamp::UNIX_EPOCH.saturating_add(at.duration_since(self.since)).unwrap_or(at)
            }
            ClockError::Standing => self.since,
        }
    }

    /// What the device says of how its clock is kept.
    pub fn source(&self, at: Timestamp) -> &'static str {
        if self.says_ntp && self.is_righted(at) { "ntp" } else { "manual" }
    }

    /// The number of its start, where it started again.
    pub fn boot(&self, at: Timestamp) -> Option<u64> {
        self.reboot.filter(|reboot| reboot.at <= at).map(|reboot| reboot.boot)
    }

    fn is_righted(&self, at: Timestamp) -> bool {
        self.righted.is_some_and(|righted| righted <= at)
    }
}
