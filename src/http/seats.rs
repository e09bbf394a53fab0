//! How many streams may be open, in all and by one client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Problem;
use super::state::Limits;
use crate::telemetry::Metrics;

/// The seats of all streams.
#[derive(Debug)]
pub(crate) struct Seats {
    total: usize,
    each: usize,
    taken: Mutex<BTreeMap<String, usize>>,
    metrics: Metrics,
}

/// One stream's seat, given back on drop.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    client: String,
}

impl Seats {
    pub(crate) fn new(limits: Limits, metrics: Metrics) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self { total: limits.streams, each: limits.streams_each, taken, metrics })
    }

    /// Takes a seat; 503 where none is left.
    pub(crate) fn take(self: &Arc<Self>, client: String) -> Result<Seat, Problem> {
        let mut taken = self.lock();
        let mine = taken.get(&client).copied().unwrap_or(0);
        if mine >= self.each || taken.values().sum::<usize>() >= self.total {
            let whose = if mine >= self.each { "this client has" } else { "the gateway has" };
            return Err(Problem::busy(format!("{whose} no stream left; close one"), 10));
        }
        taken.insert(client.clone(), mine + 1);
        self.metrics.watchers(1);
        Ok(Seat { seats: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(mine) = taken.get_mut(&self.client) {
            *mine -= 1;
            if *mine == 0 {
                taken.remove(&self.client);
            }
        }
        self.seats.metrics.watchers(-1);
    }
}
