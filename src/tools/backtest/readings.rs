//! The last readings of each series, to show what an alarm stands on.

use std::collections::HashMap;

use super::spell::Reading;
use vitalgate_domain::model::sample::{Sample, SeriesKey};
use vitalgate_domain::model::time::Timestamp;

/// Of each series.
const LAST: usize = 8;

/// The last readings of each series.
#[derive(Debug, Default)]
pub(super) struct Readings {
    of: HashMap<SeriesKey, Ring>,
    /// All that came.
    pub(super) count: u64,
}

#[derive(Debug)]
struct Ring {
    readings: [(Timestamp, f64); LAST],
    count: usize,
}

impl Readings {
    pub(super) fn note(&mut self, samples: &[(u32, Sample)]) {
        self.count += samples.len() as u64;
        for (_, sample) in samples {
            let reading = (sample.at, sample.value);
            if let Some(ring) = self.of.get_mut(&sample.series) {
                ring.readings[ring.count % LAST] = reading;
                ring.count += 1;
            } else {
                let ring = Ring { readings: [reading; LAST], count: 1 };
                self.of.insert(sample.series.clone(), ring);
            }
        }
    }

    /// The one of a series that came last.
    pub(super) fn newest(&self, series: &SeriesKey) -> Option<Reading> {
        let ring = self.of.get(series)?;
        let (at, value) = *ring.readings.get((ring.count - 1) % LAST)?;
        Some(Reading { at, value })
    }

    /// Those of a series that were measured before an instant, oldest first.
    pub(super) fn before(&self, series: &SeriesKey, at: Timestamp) -> Vec<Reading> {
        let Some(ring) = self.of.get(series) else { return Vec::new() };
        let first = ring.count.saturating_sub(LAST);
        let last = (first..ring.count).map(|n| ring.readings[n % LAST]);
        let mut last: Vec<Reading> = last
            .filter(|(measured, _)| *measured <= at)
            .map(|(at, value)| Reading { at, value })
            .collect();
        last.sort_by_key(|reading| reading.at);
        last
    }
}
