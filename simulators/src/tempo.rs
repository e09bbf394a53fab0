//! How simulated time passes: with the wall clock, or as fast as the slowest device is
//! acknowledged, all devices in step.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::clock::Epoch;

/// The time that all devices of a ward share.
#[derive(Clone, Debug)]
pub enum Tempo {
    /// A message is due at its time on the wall clock.
    Wall(Epoch),
    /// A message is due when everything earlier, of all devices, is acknowledged.
    Stream(Arc<Lockstep>),
}

/// Where each device stands in stream time.
#[derive(Debug)]
pub struct Lockstep {
    /// The earliest thing each device still has to send or to get acknowledged.
    positions: Mutex<Vec<Timestamp>>,
    floor: watch::Sender<Timestamp>,
}

/// One device's place in the tempo.
#[derive(Debug)]
pub struct Seat {
    tempo: Tempo,
    index: usize,
    floor: watch::Receiver<Timestamp>,
}

impl Tempo {
    /// Wall time from now on.
    pub fn wall() -> Self {
        Self::Wall(Epoch::now())
    }

    /// Stream time.
    pub fn stream() -> Self {
        let lockstep =
            Lockstep { positions: Mutex::default(), floor: watch::Sender::new(Timestamp::MIN) };
        Self::Stream(Arc::new(lockstep))
    }

    /// A place for a device whose first message is due at `first`. All seats must be taken before
    /// the first device starts, else it would run ahead.
    pub fn seat(&self, first: Timestamp) -> Seat {
        let (index, floor) = match self {
            Self::Wall(epoch) => (0, watch::Sender::new(epoch.start()).subscribe()),
            Self::Stream(lockstep) => {
                let index = lockstep.change(|positions| {
                    positions.push(first);
                    positions.len() - 1
                });
                (index, lockstep.floor.subscribe())
            }
        };
        Seat { tempo: self.clone(), index, floor }
    }
}

impl Lockstep {
    /// Changes positions, and wakes everybody if the earliest of them moved.
    fn change<R>(&self, how: impl FnOnce(&mut Vec<Timestamp>) -> R) -> R {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let result = how(&mut positions);
        let earliest = positions.iter().min().copied().unwrap_or(Timestamp::MAX);
        self.floor.send_if_modified(|floor| {
            let moved = *floor != earliest;
            *floor = earliest;
            moved
        });
        result
    }
}

impl Seat {
    /// Whether a message of this time may be sent now.
    pub fn is_due(&mut self, due: Timestamp) -> bool {
        match &self.tempo {
            Tempo::Wall(epoch) => due <= epoch.wall(),
            Tempo::Stream(_) => due <= *self.floor.borrow_and_update(),
        }
    }

    /// Resolves when [`is_due`](Self::is_due) may answer otherwise for `due`.
    pub async fn wait(&mut self, due: Timestamp) {
        match &self.tempo {
            Tempo::Wall(epoch) => sleep_until(Instant::from_std(epoch.moment(due))).await,
            // The sender lives as long as the tempo this seat holds.
            Tempo::Stream(_) => drop(self.floor.changed().await),
        }
    }

    /// Everything of this device before `to` is sent and acknowledged.
    pub fn reach(&self, to: Timestamp) {
        if let Tempo::Stream(lockstep) = &self.tempo {
            lockstep.change(|positions| positions[self.index] = to);
        }
    }

    /// What the sender's clock shows while it sends a message due at `due`.
    pub fn sending_time(&self, due: Timestamp) -> Timestamp {
        match &self.tempo {
            Tempo::Wall(epoch) => epoch.wall(),
            Tempo::Stream(_) => due,
        }
    }
}

impl Drop for Seat {
    /// A device that is gone holds nobody back.
    fn drop(&mut self) {
        self.reach(Timestamp::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: i64) -> Timestamp {
        Timestamp::from_second(s).unwrap()
    }

    #[test]
    fn in_stream_time_nobody_runs_ahead_of_the_slowest() {
        let tempo = Tempo::stream();
        let (mut fast, mut slow) = (tempo.seat(second(1)), tempo.seat(second(2)));
        assert!(fast.is_due(second(1)) && !slow.is_due(second(2)));
        fast.reach(second(5));
        assert!(!fast.is_due(second(5)) && slow.is_due(second(2)));
        slow.reach(second(5));
        assert!(fast.is_due(second(5)) && slow.is_due(second(5)), "together again");
        drop(slow);
        fast.reach(second(9));
        assert!(fast.is_due(second(9)), "one that is gone holds nobody back");
    }

    #[tokio::test]
    async fn a_waiting_device_is_woken_when_the_floor_moves() {
        let tempo = Tempo::stream();
        let (mut waiting, other) = (tempo.seat(second(2)), tempo.seat(second(1)));
        assert!(!waiting.is_due(second(2)));
        tokio::join!(waiting.wait(second(2)), async { other.reach(second(3)) });
        assert!(waiting.is_due(second(2)));
    }

    #[test]
    fn in_stream_time_a_message_is_sent_when_it_is_due() {
        let tempo = Tempo::stream();
        assert_eq!(tempo.seat(second(7)).sending_time(second(7)), second(7));
    }
}
