//! A bedside monitor: heart rate, SpO2 and respiration every second, cuff pressure every few
//! minutes, temperature every minute. A pure function of its options.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock;
use crate::names::{self, Signal};
use crate::noise::{Rng, Wander, round};
use crate::wire::Reading;

/// One telemetry message a second.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Seconds between two temperatures.
pub const TEMPERATURE_EVERY_S: u64 = 60;
/// A spike of the artefact scenario lasts at most so many seconds: fewer than any alarm delay.
pub const LONGEST_ARTEFACT_S: u64 = 3;

/// What happens to the patient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Nothing.
    #[default]
    Stable,
    /// Over half an hour: faster, breathless, hypoxic, hypotensive, febrile.
    Deterioration,
    /// SpO2 falls to the seventies within seconds and comes back, every five minutes.
    Desaturation,
    /// The heart stops; pulse oximetry and breathing follow.
    Arrest,
    /// The oximeter's sensor falls off; the monitor says so.
    SensorOff,
    /// The oximeter's sensor falls off; the monitor sends 0.
    SensorZero,
    /// Short spikes, shorter than every delay.
    Artefact,
}

/// How a monitor behaves.
#[derive(Clone, Copy, Debug)]
pub struct BedsideOptions {
    /// What happens.
    pub scenario: Scenario,
    /// When it begins, in seconds after the start.
    pub onset_s: u64,
    /// Seconds between two cuff measurements.
    pub nibp_every_s: u64,
    /// The same seed gives the same patient and the same noise.
    pub seed: u64,
}

impl Default for BedsideOptions {
    fn default() -> Self {
        Self { scenario: Scenario::Stable, onset_s: 60, nibp_every_s: 300, seed: 1 }
    }
}

/// The monitor at one second of its life.
#[derive(Clone, Debug)]
pub struct Bedside {
    options: BedsideOptions,
    start: Timestamp,
    second: u64,
    rng: Rng,
    usual: Vitals,
    wander: [Wander; 3],
    spikes: Spikes,
}

/// One set of vital signs.
#[derive(Clone, Copy, Debug)]
struct Vitals {
    heart_rate: f64,
    spo2: f64,
    respiratory_rate: f64,
    systolic: f64,
    diastolic: f64,
    temperature: f64,
}

impl Bedside {
    /// A monitor switched on at `start`.
    pub fn new(options: BedsideOptions, start: Timestamp) -> Self {
        let mut patient = Rng::fork(options.seed, 1);
        let usual = Vitals {
            heart_rate: patient.between(62.0, 88.0),
            spo2: patient.between(95.5, 98.5),
            respiratory_rate: patient.between(12.0, 18.0),
            systolic: patient.between(110.0, 135.0),
            diastolic: patient.between(65.0, 82.0),
            temperature: patient.between(36.4, 37.2),
        };
        Self {
            options,
            start,
            second: 0,
            rng: Rng::fork(options.seed, 2),
            usual,
            wander: [Wander::new(0.95, 0.6), Wander::new(0.97, 0.12), Wander::new(0.95, 0.25)],
            spikes: Spikes::new(options.seed, options.onset_s),
        }
    }

    /// When the next readings are due.
    pub fn due(&self) -> Timestamp {
        clock::add(self.start, INTERVAL * self.second as u32)
    }

    /// The readings of the next second.
    pub fn readings(&mut self) -> Vec<Reading> {
        let at = self.due();
        let second = self.second;
        self.second += 1;
        let now = self.now(second);
        let measured =
            |signal: Signal, value: f64| Reading::number(at, signal, value.max(0.0).round());

        let mut readings = vec![measured(names::HEART_RATE, now.heart_rate)];
        readings.push(match self.oximeter(second) {
            Oximeter::On => measured(names::SPO2, now.spo2.min(100.0)),
            Oximeter::Silent => Reading::absent(at, names::SPO2, "not-performed"),
            Oximeter::Zero => Reading::number(at, names::SPO2, 0.0),
        });
        readings.push(measured(names::RESPIRATORY_RATE, now.respiratory_rate));
        if second.is_multiple_of(TEMPERATURE_EVERY_S) {
            readings.push(Reading::number(at, names::TEMPERATURE, round(now.temperature, 1)));
        }
        if second.is_multiple_of(self.options.nibp_every_s.max(1)) {
            readings.extend(self.cuff(at, now));
        }
        readings
    }

    fn now(&mut self, second: u64) -> Vitals {
        let [heart, oxygen, breath] = &mut self.wander;
        let mut now = self.usual;
        now.heart_rate += heart.next(&mut self.rng);
        now.spo2 += oxygen.next(&mut self.rng);
        now.respiratory_rate += breath.next(&mut self.rng);
        let Some(since) = second.checked_sub(self.options.onset_s) else { return now };
        let since = since as f64;
        match self.options.scenario {
            Scenario::Stable | Scenario::SensorOff | Scenario::SensorZero => {}
            Scenario::Deterioration => {
                let r = (since / 1800.0).min(1.0);
                now.heart_rate += 62.0 * r;
                now.spo2 -= 13.0 * r;
                now.respiratory_rate += 18.0 * r;
                now.systolic -= 42.0 * r;
                now.diastolic -= 22.0 * r;
                now.temperature += 1.9 * r;
            }
            Scenario::Desaturation => {
                // Six seconds down, seventy low, twenty up again, every five minutes.
                let phase = since % 300.0;
                let depth = (phase / 6.0).min((96.0 - phase) / 20.0).clamp(0.0, 1.0);
                now.spo2 -= 22.0 * depth;
                now.heart_rate += 18.0 * depth;
                now.respiratory_rate += 6.0 * depth;
            }
            Scenario::Arrest => {
                let pumping = (1.0 - since / 8.0).max(0.0);
                let breathing = (1.0 - since / 25.0).max(0.0);
                now.heart_rate *= pumping;
                now.spo2 -= 0.6 * since;
                now.respiratory_rate *= breathing;
                now.systolic *= pumping;
                now.diastolic *= pumping;
            }
            Scenario::Artefact => match self.spikes.at(second) {
                Some(Spike::Heart) => now.heart_rate = self.rng.between(180.0, 230.0),
                Some(Spike::Oxygen) => now.spo2 = self.rng.between(60.0, 75.0),
                None => {}
            },
        }
        now
    }

    fn oximeter(&self, second: u64) -> Oximeter {
        let Some(since) = second.checked_sub(self.options.onset_s) else { return Oximeter::On };
        match self.options.scenario {
            Scenario::SensorOff => Oximeter::Silent,
            Scenario::SensorZero => Oximeter::Zero,
            // Without a pulse wave an oximeter gives up after some seconds.
            Scenario::Arrest if since >= 20 => Oximeter::Silent,
            Scenario::Stable
            | Scenario::Deterioration
            | Scenario::Desaturation
            | Scenario::Arrest
            | Scenario::Artefact => Oximeter::On,
        }
    }

    fn cuff(&mut self, at: Timestamp, now: Vitals) -> [Reading; 3] {
        // Below this no cuff finds a pulse.
        if now.systolic < 40.0 {
            return [names::NIBP_SYS, names::NIBP_DIA, names::NIBP_MEAN]
                .map(|signal| Reading::absent(at, signal, "error"));
        }
        let systolic = (now.systolic + 3.0 * self.rng.normal()).round();
        let diastolic = (now.diastolic + 2.0 * self.rng.normal()).round().min(systolic - 10.0);
        let mean = (diastolic + (systolic - diastolic) / 3.0).round();
        [
            Reading::number(at, names::NIBP_SYS, systolic),
            Reading::number(at, names::NIBP_DIA, diastolic),
            Reading::number(at, names::NIBP_MEAN, mean),
        ]
    }
}

enum Oximeter {
    On,
    Silent,
    Zero,
}

#[derive(Clone, Copy, Debug)]
enum Spike {
    Heart,
    Oxygen,
}

/// Spikes of one to `LONGEST_ARTEFACT_S` seconds, 30 to 70 seconds apart.
#[derive(Clone, Debug)]
struct Spikes {
    rng: Rng,
    kind: Spike,
    from: u64,
    to: u64,
}

impl Spikes {
    fn new(seed: u64, onset_s: u64) -> Self {
        let mut spikes = Self { rng: Rng::fork(seed, 3), kind: Spike::Heart, from: 0, to: onset_s };
        spikes.draw();
        spikes
    }

    fn at(&mut self, second: u64) -> Option<Spike> {
        if second >= self.to {
            self.draw();
        }
        (self.from..self.to).contains(&second).then_some(self.kind)
    }

    fn draw(&mut self) {
        self.kind = if self.rng.chance(0.5) { Spike::Heart } else { Spike::Oxygen };
        self.from = self.to + self.rng.whole(30, 70) as u64;
        self.to = self.from + self.rng.whole(1, LONGEST_ARTEFACT_S as i64) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Value;

    const START: &str = "2026-01-01T00:00:00Z";

    fn run(scenario: Scenario, seed: u64, seconds: u64) -> Vec<Vec<Reading>> {
        let options = BedsideOptions { scenario, seed, ..BedsideOptions::default() };
        let mut monitor = Bedside::new(options, START.parse().unwrap());
        (0..seconds).map(|_| monitor.readings()).collect()
    }

    fn values(run: &[Vec<Reading>], signal: Signal) -> Vec<Option<f64>> {
        let of = |reading: &Reading| match reading.value {
            Value::Number { value, .. } => Some(value),
            Value::Code { .. } | Value::Absent { .. } => None,
        };
        run.iter().flatten().filter(|r| r.signal == signal.name).map(of).collect()
    }

    /// The longest run of consecutive seconds for which `beyond` holds.
    fn longest(values: &[Option<f64>], beyond: impl Fn(f64) -> bool) -> usize {
        values.split(|value| !value.is_some_and(&beyond)).map(<[_]>::len).max().unwrap_or_default()
    }

    #[test]
    fn the_same_seed_gives_identical_bytes_and_another_does_not() {
        let bytes = |seed| serde_json::to_vec(&run(Scenario::Artefact, seed, 900)).unwrap();
        assert_eq!(bytes(5), bytes(5));
        assert_ne!(bytes(5), bytes(6));
    }

    #[test]
    fn a_second_holds_the_three_continuous_signals_and_the_others_at_their_intervals() {
        let run = run(Scenario::Stable, 1, 601);
        assert_eq!(values(&run, names::HEART_RATE).len(), 601);
        assert_eq!(values(&run, names::SPO2).len(), 601);
        assert_eq!(values(&run, names::RESPIRATORY_RATE).len(), 601);
        assert_eq!(values(&run, names::TEMPERATURE).len(), 11);
        assert_eq!(values(&run, names::NIBP_SYS).len(), 3);
    }

    #[test]
    fn a_stable_patient_never_leaves_the_default_limits() {
        for seed in 0..20 {
            let run = run(Scenario::Stable, seed, 3600);
            let within = |signal, low, high| {
                let found = values(&run, signal);
                assert!(
                    found.iter().all(|v| v.is_some_and(|v| (low..=high).contains(&v))),
                    "{signal:?}, seed {seed}"
                );
            };
            within(names::HEART_RATE, 40.0, 130.0);
            within(names::SPO2, 88.0, 100.0);
            within(names::RESPIRATORY_RATE, 8.0, 30.0);
            within(names::NIBP_SYS, 90.0, 180.0);
            within(names::TEMPERATURE, 35.0, 38.5);
        }
    }

    #[test]
    fn an_arrest_ends_at_heart_rate_zero_within_ten_seconds_and_breathing_within_thirty() {
        let run = run(Scenario::Arrest, 3, 400);
        let hearts = values(&run, names::HEART_RATE);
        assert!(hearts[59].unwrap() > 40.0);
        assert!(hearts[70..].iter().all(|v| *v == Some(0.0)));
        assert!(values(&run, names::RESPIRATORY_RATE)[90..].iter().all(|v| *v == Some(0.0)));
        assert!(values(&run, names::SPO2)[80..].iter().all(Option::is_none));
        assert_eq!(values(&run, names::NIBP_SYS)[1], None, "no cuff finds a pulse at 300 s");
    }

    #[test]
    fn a_deterioration_crosses_the_limits_slowly() {
        let run = run(Scenario::Deterioration, 4, 2400);
        let oxygen = values(&run, names::SPO2);
        assert!(oxygen[..400].iter().all(|v| v.unwrap() >= 88.0));
        assert!(oxygen[2000..].iter().all(|v| v.unwrap() < 90.0));
        assert!(values(&run, names::TEMPERATURE).last().unwrap().unwrap() > 38.0);
    }

    #[test]
    fn a_desaturation_is_below_its_critical_limit_long_enough_and_returns() {
        for seed in 0..20 {
            let run = run(Scenario::Desaturation, seed, 660);
            let oxygen = values(&run, names::SPO2);
            assert!(longest(&oxygen[60..160], |v| v < 80.0) > 15, "seed {seed}");
            assert!(oxygen[170..350].iter().all(|v| v.unwrap() >= 90.0), "seed {seed}");
            assert!(longest(&oxygen[360..460], |v| v < 80.0) > 15, "seed {seed}: the second one");
        }
    }

    #[test]
    fn a_sensor_off_is_absent_or_zero() {
        assert!(
            values(&run(Scenario::SensorOff, 1, 90), names::SPO2)[60..].iter().all(Option::is_none)
        );
        let zeros = values(&run(Scenario::SensorZero, 1, 90), names::SPO2);
        assert!(zeros[..60].iter().all(|v| v.unwrap() > 0.0));
        assert!(zeros[60..].iter().all(|v| *v == Some(0.0)));
    }

    #[test]
    fn artefacts_are_there_and_shorter_than_every_delay() {
        for seed in 0..20 {
            let run = run(Scenario::Artefact, seed, 3600);
            let (hearts, oxygen) = (values(&run, names::HEART_RATE), values(&run, names::SPO2));
            for (signal, spike) in [
                (names::HEART_RATE, longest(&hearts, |v| v > 130.0)),
                (names::SPO2, longest(&oxygen, |v| v < 88.0)),
            ] {
                assert!((1..5).contains(&spike), "{signal:?}: {spike} s, seed {seed}");
            }
        }
    }
}
