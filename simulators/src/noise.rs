//! Seeded noise that is the same on every machine: integer arithmetic and the four basic float
//! operations only.

/// xoshiro256** seeded by splitmix64.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut mixer = seed;
        Self { state: std::array::from_fn(|_| splitmix(&mut mixer)) }
    }

    /// A stream of its own for `purpose`, so that one consumer's draws never shift another's.
    pub fn fork(seed: u64, purpose: u64) -> Self {
        let mut mixer = seed ^ purpose.rotate_left(32);
        Self::new(splitmix(&mut mixer))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `0..1`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `low..=high`.
    pub fn whole(&mut self, low: i64, high: i64) -> i64 {
        low + (self.bits() % (high - low + 1).max(1) as u64) as i64
    }

    /// Whether something of probability `p` happens.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Close to a standard normal: the sum of twelve uniforms, which needs no logarithm.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// A first-order autoregressive walk around zero.
#[derive(Clone, Debug)]
pub struct Wander {
    value: f64,
    memory: f64,
    step: f64,
}

impl Wander {
    /// Keeps the share `memory` of its value at each step and adds noise of deviation `step`.
    pub fn new(memory: f64, step: f64) -> Self {
        Self { value: 0.0, memory, step }
    }

    /// The next value.
    pub fn next(&mut self, rng: &mut Rng) -> f64 {
        self.value = self.memory * self.value + self.step * rng.normal();
        self.value
    }
}

/// `value` rounded to `decimals` places.
pub fn round(value: f64, decimals: i32) -> f64 {
    let factor = 10_f64.powi(decimals);
    (value * factor).round() / factor
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeding_agrees_with_the_published_reference_of_splitmix64() {
        let mut state = 1_234_567;
        let drawn: Vec<u64> = (0..3).map(|_| splitmix(&mut state)).collect();
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_stream_and_another_seed_another() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (0..32).map(|_| rng.bits()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(Rng::fork(7, 1).bits(), Rng::fork(7, 2).bits());
    }

    #[test]
    fn draws_keep_their_bounds_and_moments() {
        let mut rng = Rng::new(1);
        let mut sum = 0.0;
        let mut squares = 0.0;
        for _ in 0..20_000 {
            let n = rng.normal();
            sum += n;
            squares += n * n;
            assert!((0.0..1.0).contains(&rng.unit()));
            assert!((3..=5).contains(&rng.whole(3, 5)));
        }
        assert!((sum / 20_000.0).abs() < 0.05, "mean {}", sum / 20_000.0);
        assert!((squares / 20_000.0 - 1.0).abs() < 0.05, "variance {}", squares / 20_000.0);
    }
}
