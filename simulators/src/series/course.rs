//! What happens to the patient: values in the order measured, some of them never measured.

use super::cohort::Facts;
use crate::noise::{Rng, round};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Course {
    /// Beyond a limit from one value to the next, for long.
    Step,
    /// Slowly to far beyond, and as slowly back.
    Ramp,
    /// Beyond for a little more than the delay.
    JustBeyond,
    /// Beyond for a little less.
    JustBelow,
    /// To and fro over the limit, never as long as the delay.
    Oscillating,
    /// Three times beyond, the second soon after the first.
    Several,
    /// Far beyond for a little more than the critical delay.
    Critical,
    /// Beyond, with holes longer and shorter than the gap.
    Holes,
    /// Around the limit, with noise.
    Noisy,
}

/// What was never measured.
const HOLE: f64 = f64::NAN;

impl Course {
    /// One value an interval; not a number where nothing was measured. It happens from `onset` on.
    pub(super) fn values(self, facts: &Facts, onset: usize, rng: &mut Rng) -> Vec<f64> {
        let Facts { usual, limit, beyond, critical, .. } = *facts;
        let (delay, critical_delay) = facts.delays;
        let short = delay + 2;
        let excursion = match self {
            Self::Step => vec![beyond; (2 * delay + 6).max(facts.values / 8)],
            Self::Ramp => ramp(usual, critical, facts.values / 5),
            Self::JustBeyond => vec![beyond; short],
            Self::JustBelow => vec![beyond; delay.saturating_sub(1).max(1)],
            Self::Oscillating => {
                let half = (delay / 3).max(1);
                let to_and_fro = [vec![beyond; half], vec![limit; half]].concat();
                to_and_fro.repeat(facts.values / 6 / half)
            }
            Self::Several => {
                let pause = |n: usize| vec![usual; n.max(1)];
                let once = vec![beyond; short];
                let (soon, later) = (pause(facts.values / 16), pause(facts.values * 3 / 10));
                [once.clone(), soon, once.clone(), later, once].concat()
            }
            Self::Critical => {
                let edge = [beyond; 2];
                [&edge[..], &vec![critical; critical_delay + 3], &edge[..]].concat()
            }
            Self::Holes => {
                let stretch = vec![beyond; 2 * delay + 4];
                let long = vec![HOLE; facts.gap + 3];
                let small = vec![HOLE; facts.gap.saturating_sub(1) / 2];
                [stretch.clone(), long, stretch.clone(), small, stretch].concat()
            }
            Self::Noisy => {
                let spread = (beyond - limit).abs();
                let noisy = |_| round(f64::midpoint(beyond, limit) + spread * rng.normal(), 0);
                (0..facts.values / 3).map(noisy).collect()
            }
        };
        let onset = if self == Self::Several { onset.min(facts.values / 6) } else { onset };
        let mut values: Vec<f64> = (0..facts.values).map(|_| near(usual, rng)).collect();
        for (at, value) in values.iter_mut().skip(onset).zip(excursion) {
            *at = value;
        }
        values
    }
}

/// From `from` to `to` in so many values, and back.
fn ramp(from: f64, to: f64, values: usize) -> Vec<f64> {
    let one = |n: usize| round(from + (to - from) * n as f64 / values as f64, 0);
    (0..=values).chain((0..values).rev()).map(one).collect()
}

fn near(usual: f64, rng: &mut Rng) -> f64 {
    usual + rng.whole(-1, 1) as f64
}
