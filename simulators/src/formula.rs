//! The values of load mode: what must be stored follows from (device, seq) alone.
//!
//! ```text
//! hash(device, seq, signal) = FNV-1a, 64 bits, over the ASCII text "<device>/<seq>/<signal>"
//! value = low + (hash mod steps) / 10                      low and steps by signal, see SIGNALS
//! ```
//! With excursions (period P, length L, in messages) a device belongs to the class
//! FNV-1a(device) mod 4. While seq mod P ≥ P − L
//!
//! * class 0 sends heart_rate 165 + (hash mod 100) / 10, above its critical limit;
//! * class 1 sends spo2 70 + (hash mod 50) / 10, below its critical limit;
//! * class 2 sends, at the first such seq only, one event `vf_detected` with the id `ep-<seq>`;
//! * class 3 does nothing.

use crate::names::{self, Signal};

/// The signals of a load message in their order, with the low end in tenths and the steps of a
/// tenth above it. All lie inside the default limits for adults.
pub const SIGNALS: [(Signal, u64, u64); 4] = [
    (names::HEART_RATE, 600, 400),
    (names::SPO2, 930, 70),
    (names::RESPIRATORY_RATE, 120, 80),
    (names::TEMPERATURE, 360, 15),
];

/// When and for how long a device leaves its limits, counted in its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excursions {
    /// One excursion in so many messages.
    pub period: u64,
    /// It lasts so many; at most `period`.
    pub length: u64,
}

/// What a device does in its excursions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Heart rate above the critical limit.
    FastHeart,
    /// SpO2 below the critical limit.
    LowOxygen,
    /// One event at the begin.
    Episode,
    /// Nothing.
    Quiet,
}

/// The formula for one device.
#[derive(Clone, Debug)]
pub struct Formula {
    prefix: u64,
    class: Class,
    excursions: Option<Excursions>,
}

impl Formula {
    /// For `device`, with excursions or without.
    pub fn new(device: &str, excursions: Option<Excursions>) -> Self {
        let of_device = fnv(FNV_OFFSET, device.as_bytes());
        let class = match of_device % 4 {
            0 => Class::FastHeart,
            1 => Class::LowOxygen,
            2 => Class::Episode,
            _ => Class::Quiet,
        };
        Self { prefix: fnv(of_device, b"/"), class, excursions }
    }

    /// What the device does in its excursions.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The value of `SIGNALS[index]` in message `seq`, in tenths of its unit.
    pub fn tenths(&self, seq: u64, index: usize) -> u64 {
        let (signal, low, steps) = SIGNALS[index];
        let hash = fnv(fnv(fnv_number(self.prefix, seq), b"/"), signal.name.as_bytes());
        match self.class {
            Class::FastHeart if index == 0 && self.is_out(seq) => 1650 + hash % 100,
            Class::LowOxygen if index == 1 && self.is_out(seq) => 700 + hash % 50,
            Class::FastHeart | Class::LowOxygen | Class::Episode | Class::Quiet => {
                low + hash % steps
            }
        }
    }

    /// The same as a number in the signal's unit: the double nearest to the decimal sent.
    pub fn value(&self, seq: u64, index: usize) -> f64 {
        self.tenths(seq, index) as f64 / 10.0
    }

    /// Whether the device sends an event before message `seq`.
    pub fn has_event(&self, seq: u64) -> bool {
        self.class == Class::Episode
            && self.excursions.is_some_and(|e| seq % e.period == e.period - e.length)
    }

    fn is_out(&self, seq: u64) -> bool {
        self.excursions.is_some_and(|e| seq % e.period >= e.period - e.length)
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// Hashes the decimal digits of `number`.
fn fnv_number(hash: u64, mut number: u64) -> u64 {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return fnv(hash, &digits[first..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // Test vectors published with the algorithm.
        assert_eq!(fnv(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(FNV_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv_number(FNV_OFFSET, 9070), fnv(FNV_OFFSET, b"9070"));
        assert_eq!(fnv_number(FNV_OFFSET, 0), fnv(FNV_OFFSET, b"0"));
    }

    #[test]
    fn values_follow_the_documented_text() {
        let formula = Formula::new("load-3", None);
        for (index, (signal, low, steps)) in SIGNALS.into_iter().enumerate() {
            let hash = fnv(FNV_OFFSET, format!("load-3/17/{}", signal.name).as_bytes());
            assert_eq!(formula.tenths(17, index), low + hash % steps);
        }
    }

    #[test]
    fn a_value_is_the_double_its_decimal_text_reads_as() {
        for tenths in 0..3000_u64 {
            let text = format!("{}.{}", tenths / 10, tenths % 10);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), (tenths as f64 / 10.0).to_bits());
        }
    }

    #[test]
    fn excursions_leave_the_limits_only_where_documented() {
        let excursions = Some(Excursions { period: 100, length: 30 });
        let mut seen = [false; 4];
        for device in (0..40).map(|n| format!("load-{n}")) {
            let formula = Formula::new(&device, excursions);
            seen[formula.class() as usize] = true;
            for seq in 0..300 {
                let out = seq % 100 >= 70;
                assert_eq!(
                    formula.value(seq, 0) > 160.0,
                    out && formula.class() == Class::FastHeart
                );
                assert_eq!(
                    formula.value(seq, 1) < 80.0,
                    out && formula.class() == Class::LowOxygen
                );
                let begins = seq % 100 == 70 && formula.class() == Class::Episode;
                assert_eq!(formula.has_event(seq), begins);
            }
        }
        assert_eq!(seen, [true; 4], "forty devices fall into every class");
    }
}
