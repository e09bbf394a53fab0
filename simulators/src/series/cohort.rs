//! Who measures what, and the figures of `config/rules.toml` that a course is shaped by.

use std::time::Duration;

use crate::names::{self, Signal, class};

/// Who measures what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Cohort {
    /// Oxygen at the bedside, every second.
    BedsideSpo2,
    /// Heart rate at the bedside, every second.
    BedsideHeartRate,
    /// Breaths at the bedside, every second.
    BedsideRespiratoryRate,
    /// Arterial pressure at the bedside, every second.
    BedsidePressure,
    /// Heart rate by something worn, every minute.
    WearableHeartRate,
    /// Oxygen by something worn, every minute.
    WearableSpo2,
    /// Glucose by a sensor, every five minutes.
    CgmGlucose,
    /// A cuff at home, twice a day.
    CuffPressure,
    /// Heart rate as people enter it, every hour.
    ChartedHeartRate,
    /// Impedance of a lead, every day.
    ImplantImpedance,
}

/// A signal of a device, and what is usual, beyond a limit, and far beyond it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) class: &'static str,
    pub(super) signal: Signal,
    pub(super) interval: Duration,
    /// How many values a series has.
    pub(super) values: usize,
    pub(super) usual: f64,
    /// The last value that is inside.
    pub(super) limit: f64,
    pub(super) beyond: f64,
    pub(super) critical: f64,
    /// Intervals in the delay of the limit, and of the critical one.
    pub(super) delays: (usize, usize),
    /// Intervals without a value after which the signal is unknown.
    pub(super) gap: usize,
    /// How long a sender of this kind is away.
    pub(super) away: Duration,
    /// Values that one visit brings.
    pub(super) visit: usize,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

impl Cohort {
    pub(super) fn facts(self) -> Facts {
        match self {
            Self::BedsideSpo2 => bedside(names::SPO2, [96.0, 88.0, 85.0, 74.0], (15, 5), 10),
            Self::BedsideHeartRate => {
                bedside(names::HEART_RATE, [80.0, 130.0, 140.0, 175.0], (10, 5), 10)
            }
            Self::BedsideRespiratoryRate => {
                bedside(names::RESPIRATORY_RATE, [16.0, 30.0, 33.0, 40.0], (20, 20), 15)
            }
            Self::BedsidePressure => {
                bedside(names::ABP_SYS, [120.0, 90.0, 85.0, 70.0], (10, 5), 10)
            }
            Self::WearableHeartRate => wearable(names::HEART_RATE, [80.0, 130.0, 140.0, 175.0]),
            Self::WearableSpo2 => wearable(names::SPO2, [96.0, 88.0, 85.0, 74.0]),
            Self::CgmGlucose => Facts {
                gap: 4,
                visit: 2,
                ..spot(class::CGM, names::GLUCOSE_CGM, 300, 84, [110.0, 70.0, 64.0, 48.0])
            },
            Self::CuffPressure => Facts {
                away: DAY * 3,
                ..spot(class::SPOT, names::NIBP_SYS, 43_200, 30, [130.0, 180.0, 190.0, 235.0])
            },
            Self::ChartedHeartRate => {
                spot(class::CHARTED, names::HEART_RATE, 3600, 40, [80.0, 130.0, 140.0, 175.0])
            }
            Self::ImplantImpedance => Facts {
                away: DAY * 5,
                ..spot(class::CIED, names::IMPEDANCE, 86_400, 30, [500.0, 2000.0, 2400.0, 2900.0])
            },
        }
    }
}

type Values = [f64; 4];

fn bedside(signal: Signal, values: Values, delays: (usize, usize), gap: usize) -> Facts {
    let interval = 1;
    Facts { delays, gap, visit: 30, ..spot(class::BEDSIDE, signal, interval, 240, values) }
}

/// The delays of these signals are shorter than a minute, and a gap is never less than two.
fn wearable(signal: Signal, values: Values) -> Facts {
    Facts { delays: (1, 1), gap: 2, visit: 5, ..spot(class::WEARABLE, signal, 60, 150, values) }
}

/// Single measurements: each counts at once.
fn spot(
    class: &'static str,
    signal: Signal,
    interval_s: u64,
    values: usize,
    [usual, limit, beyond, critical]: Values,
) -> Facts {
    let interval = Duration::from_secs(interval_s);
    let (delays, gap, away, visit) = ((0, 0), 2, HOUR * 6, 1);
    Facts {
        class,
        signal,
        interval,
        values,
        usual,
        limit,
        beyond,
        critical,
        delays,
        gap,
        away,
        visit,
    }
}
