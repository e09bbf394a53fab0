use std::time::Duration;

/// Sub-buckets of each power of two: a quantile is at most 1/32 above the truth.
const FINE: u32 = 5;

/// A histogram of durations in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, span: Duration) {
        let bucket = bucket(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
    }

    /// Adds all that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own += more;
        }
    }

    /// The upper edge of the bucket that holds the share `q` of all; zero when empty.
    pub fn quantile(&self, q: f64) -> Duration {
        let total: u64 = self.counts.iter().sum();
        let rank = (total as f64 * q).ceil() as u64;
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= rank && *count > 0 {
                return Duration::from_micros(upper_edge(bucket));
            }
        }
        Duration::ZERO
    }
}

fn bucket(micros: u64) -> usize {
    let exponent = micros.max(1).ilog2();
    if exponent <= FINE {
        micros as usize
    } else {
        let shift = exponent - FINE;
        ((shift as usize) << FINE) + (micros >> shift) as usize
    }
}

fn upper_edge(bucket: usize) -> u64 {
    if bucket < 2 << FINE {
        bucket as u64
    } else {
        let shift = (bucket >> FINE) as u32 - 1;
        let mantissa = (bucket as u64) - ((u64::from(shift)) << FINE);
        ((mantissa + 1) << shift) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket_and_buckets_are_narrow() {
        let mut last = 0;
        for micros in (0..5000).chain([1 << 20, (1 << 20) + 7, 1 << 40]) {
            let found = bucket(micros);
            assert!(found >= last, "{micros} went back");
            last = found;
            let edge = upper_edge(found);
            assert!(edge >= micros && edge - micros <= micros / 32, "{micros} in {edge}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        let (mut one, mut two) = (Histogram::default(), Histogram::default());
        for micros in 1..=50 {
            one.record(Duration::from_micros(micros));
            two.record(Duration::from_micros(micros + 50));
        }
        one.merge(&two);
        assert_eq!(one.quantile(0.5), Duration::from_micros(50));
        let p99 = one.quantile(0.99).as_micros();
        assert!((99..=100).contains(&p99), "{p99}");
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
