//! The patient with leads and battery, as the implant measures them.

use std::time::Duration;

use jiff::Timestamp;

use super::Scenario;
use crate::names::{self, Signal};
use crate::noise::{Rng, Wander, round};
use crate::wire::{Reading, Value};

/// What the implant can measure of a lead, in Ohm; outside it says only on which side.
const MEASURABLE: (f64, f64) = (200.0, 3000.0);
/// The shock lead is measured every so many days.
const SHOCK_LEAD_EVERY: u64 = 4;

/// Everything a report is made of.
#[derive(Clone, Debug)]
pub(super) struct Patient {
    rng: Rng,
    leads: [Lead; 3],
    shock_ohm: f64,
    battery_v: f64,
    is_spent: bool,
    charge_s: f64,
    pacing: [(&'static str, f64); 3],
    has_af: bool,
    mean_rate: f64,
    resting_rate: f64,
    active_h: f64,
    pvc: f64,
    thorax_ohm: f64,
    sway: Wander,
}

/// What the implant reports of a scenario: seconds after its begin, event, words.
pub(super) fn episodes(scenario: Scenario) -> &'static [(u64, &'static str, &'static str)] {
    match scenario {
        Scenario::Stable => &[],
        Scenario::LeadFault => {
            &[(0, names::IMPEDANCE_OUT_OF_RANGE, "RV pacing impedance out of range")]
        }
        Scenario::Eri => &[(0, names::BATTERY_ERI, "battery reached ERI")],
        Scenario::Vt => &[(0, names::VT_DETECTED, "VT 375 ms, ended by ATP")],
        Scenario::Shock => &[
            (0, names::VF_DETECTED, "VF 240 ms"),
            (12, names::SHOCK_DELIVERED, "30 J, episode ended"),
        ],
        Scenario::IneffectiveShock => &[
            (0, names::VF_DETECTED, "VF 240 ms"),
            (12, names::SHOCK_INEFFECTIVE, "30 J, episode goes on"),
            (26, names::SHOCK_DELIVERED, "41 J, episode ended"),
        ],
        Scenario::Storm => &[
            (0, names::VT_DETECTED, "VT 340 ms, ended by ATP"),
            (14_400, names::VF_DETECTED, "VF 260 ms"),
            (14_412, names::SHOCK_DELIVERED, "30 J, episode ended"),
            (32_400, names::VT_DETECTED, "VT 330 ms, ended by ATP"),
            (32_401, names::VT_STORM, "3 episodes in 48 h"),
        ],
    }
}

#[derive(Clone, Debug)]
struct Lead {
    name: &'static str,
    ohm: f64,
    sensed_mv: f64,
    threshold_v: f64,
    is_broken: bool,
}

impl Patient {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::fork(seed, 10);
        let mut lead = |name, sensed: (f64, f64)| Lead {
            name,
            ohm: rng.between(470.0, 730.0),
            sensed_mv: rng.between(sensed.0, sensed.1),
            threshold_v: rng.between(0.5, 1.0),
            is_broken: false,
        };
        Self {
            leads: [
                lead(names::RA, (1.5, 4.0)),
                lead(names::RV, (6.0, 15.0)),
                lead(names::LV, (6.0, 15.0)),
            ],
            shock_ohm: rng.between(45.0, 85.0),
            battery_v: rng.between(3.0, 3.15),
            is_spent: false,
            charge_s: rng.between(8.0, 10.0),
            pacing: [
                (names::RA, rng.between(8.0, 24.0)),
                (names::RV, rng.between(95.0, 99.0)),
                (names::BIV, rng.between(96.0, 99.0)),
            ],
            has_af: rng.chance(0.2),
            mean_rate: rng.between(62.0, 78.0),
            resting_rate: rng.between(52.0, 60.0),
            active_h: rng.between(2.5, 5.5),
            pvc: rng.between(0.0, 60.0),
            thorax_ohm: rng.between(55.0, 85.0),
            sway: Wander::new(0.8, 1.0),
            rng,
        }
    }

    /// What stays after the scenario has struck.
    pub(super) fn suffer(&mut self, scenario: Scenario) {
        match scenario {
            Scenario::LeadFault => self.leads[1].is_broken = true,
            Scenario::Eri => self.is_spent = true,
            Scenario::Stable
            | Scenario::Vt
            | Scenario::Shock
            | Scenario::IneffectiveShock
            | Scenario::Storm => {}
        }
    }

    /// The daily report made at `at` by the implant's clock; leads and battery were measured
    /// `before`, statistics cover the `period` until `at`.
    pub(super) fn report(
        &mut self,
        day: u64,
        at: Timestamp,
        before: Duration,
        period: Duration,
    ) -> Vec<Reading> {
        let early = at.checked_sub(before).unwrap_or(at);
        let mut readings = Vec::with_capacity(24);
        for lead in &self.leads {
            readings.extend(lead.measured(early, &mut self.rng));
        }
        if day % SHOCK_LEAD_EVERY == SHOCK_LEAD_EVERY - 1 {
            let ohm = self.shock_ohm + self.rng.normal();
            readings.push(Reading::number(early, names::SHOCK_IMPEDANCE, ohm.round()));
        }
        readings.extend(self.battery(early));
        readings.extend(self.statistics(at, period));
        readings
    }

    fn battery(&mut self, at: Timestamp) -> [Reading; 4] {
        self.battery_v -= 0.0002;
        let volts = if self.is_spent { 2.55 } else { self.battery_v };
        let code = if self.is_spent { names::BATTERY_REPLACE } else { names::BATTERY_IN_SERVICE };
        let months = if self.is_spent { 3.0 } else { ((volts - 2.6) * 180.0).max(4.0).round() };
        let charge = self.charge_s + if self.is_spent { 6.0 } else { 0.0 };
        [
            Reading::number(at, names::BATTERY_VOLTAGE, round(volts, 2)),
            Reading::at(at, names::BATTERY_STATUS, Value::Code { code }),
            Reading::number(at, names::BATTERY_REMAINING, months),
            Reading::number(at, names::CHARGE_TIME, round(charge, 1)),
        ]
    }

    fn statistics(&mut self, to: Timestamp, period: Duration) -> Vec<Reading> {
        let from = to.checked_sub(period).unwrap_or(to);
        let rng = &mut self.rng;
        let sway = self.sway.next(rng);
        let mut near = |usual: f64, spread: f64, low: f64, high: f64, decimals| {
            round((usual + spread * rng.normal()).clamp(low, high), decimals)
        };
        let over = |signal: Signal, value: f64| Reading::over(from, to, signal, value);
        let mut readings: Vec<Reading> = self
            .pacing
            .into_iter()
            .map(|(chamber, usual)| {
                over(names::PACING_PERCENT, near(usual, 0.8, 0.0, 100.0, 1)).of(chamber)
            })
            .collect();
        let af = if self.has_af { near(5.8, 2.0, 0.0, 100.0, 1) } else { 0.0 };
        let thorax = near(self.thorax_ohm, 0.02 * self.thorax_ohm, 20.0, 200.0, 1);
        readings.extend([
            over(names::AF_BURDEN, af),
            over(names::MEAN_HEART_RATE_24H, near(self.mean_rate + sway, 1.0, 30.0, 180.0, 0)),
            over(names::MEAN_HEART_RATE_REST, near(self.resting_rate + sway, 1.0, 30.0, 180.0, 0)),
            over(names::ACTIVITY, near(self.active_h, 0.5, 0.0, 24.0, 1)),
            over(names::PVC_RATE, near(self.pvc, 6.0, 0.0, 5000.0, 0)),
            over(names::THORACIC_IMPEDANCE, thorax),
        ]);
        readings
    }
}

impl Lead {
    fn measured(&self, at: Timestamp, rng: &mut Rng) -> [Reading; 3] {
        let ohm = if self.is_broken { 9000.0 } else { self.ohm + 15.0 * rng.normal() };
        let (low, high) = MEASURABLE;
        let comparator = match ohm {
            ohm if ohm < low => Some("<"),
            ohm if ohm > high => Some(">"),
            _ => None,
        };
        let impedance = Value::Number {
            value: ohm.clamp(low, high).round(),
            comparator,
            unit: names::IMPEDANCE.unit,
        };
        let sensed = (self.sensed_mv + 0.2 * rng.normal()).max(0.1);
        let threshold = (self.threshold_v + 0.03 * rng.normal()).max(0.1);
        [
            Reading::at(at, names::IMPEDANCE, impedance).of(self.name),
            Reading::number(at, names::SENSING_AMPLITUDE, round(sensed, 1)).of(self.name),
            Reading::number(at, names::THRESHOLD, round(threshold, 2)).of(self.name),
        ]
    }
}
