//! What an alarm stands on: the series it was raised by, and the limits that were in force.

use serde::Serialize;

use super::alarm::{Alarm, LimitFrom, Side};
use super::command::PatientLimit;
use super::core::Core;
use super::ids::RuleId;
use super::rules::{CRITICAL, LimitRule, WARNING};
use super::sample::SeriesKey;
use super::signal::{Signal, SignalId};
use super::time::Timestamp;
use super::unit::Unit;

/// What an alarm stands on, told when it is raised.
#[derive(Clone, Debug, PartialEq)]
pub struct Grounds {
    /// Its series; `None` where no number raised it: an event, silence, the gateway itself.
    pub series: Option<SeriesKey>,
    /// When the last reading that counted was measured.
    pub until: Timestamp,
    /// The limits of its signal, by which it was judged.
    pub limits: Vec<LimitInForce>,
}

/// A limit as it stood.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LimitInForce {
    /// The rule it belongs to.
    pub rule: RuleId,
    /// The signal's name.
    pub signal: String,
    /// Low or high.
    pub side: Side,
    /// Whether it is the critical limit.
    pub critical: bool,
    /// The limit; `None` where it was switched off for the patient.
    pub value: Option<f64>,
    /// Its unit: as sent where the readings had one.
    pub unit: Unit,
    /// Whose it was.
    pub from: LimitFrom,
}

impl Core {
    /// What an alarm stands on that this core has just raised.
    pub fn grounds(&self, alarm: &Alarm) -> Grounds {
        let latest = alarm.latest.as_ref().map(|latest| latest.measured_at);
        let until = alarm.trigger.measured_at.max(latest).unwrap_or(alarm.raised_at);
        let Some(signal) = self.configuration.signals.find(&alarm.trigger.signal) else {
            return Grounds { series: None, until, limits: Vec::new() };
        };
        Grounds {
            series: self.series_of(alarm, signal.id),
            until,
            limits: self.limits_of(alarm, signal),
        }
    }

    /// The series of the alarm's signal whose name, alone or before the signal's number, is its source.
    fn series_of(&self, alarm: &Alarm, signal: SignalId) -> Option<SeriesKey> {
        let patient = self.patients.get(alarm.patient.as_ref()?)?;
        let device = alarm.device.as_ref()?;
        let is_its = |name: &str| {
            alarm.source.strip_prefix(name).is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix('/') == Some(&signal.0.to_string())
            })
        };
        let of_device = patient.sources.keys().filter(|s| s.device == *device);
        let source = of_device.filter(|s| s.signal == signal).find(|s| is_its(&s.name()))?;
        Some(SeriesKey { device: device.clone(), signal, instance: source.instance.clone() })
    }

    fn limits_of(&self, alarm: &Alarm, signal: &Signal) -> Vec<LimitInForce> {
        let Some(unit) = alarm.trigger.unit.or(signal.unit) else { return Vec::new() };
        let patient = alarm.patient.as_ref().and_then(|id| self.patients.get(id));
        let sets = patient.map_or(&[][..], |patient| &patient.limits);
        let own = sets.iter().find(|set| set.version == alarm.rule_version);
        let own = own.map_or(&[][..], |set| &set.limits);
        let rules = self.configuration.rules.limits_of(signal.id);
        let levels = rules.flat_map(|rule| [(rule, WARNING), (rule, CRITICAL)]);
        levels.filter_map(|(rule, level)| in_force(rule, level, own, unit)).collect()
    }
}

fn in_force(
    rule: &LimitRule,
    level: usize,
    own: &[PatientLimit],
    unit: Unit,
) -> Option<LimitInForce> {
    let critical = level == CRITICAL;
    let (value, from) = match rule.limit(level, own, unit) {
        Some((value, from)) => (Some(value), from),
        None => {
            let off = own.iter().find(|limit| {
                (limit.side, limit.critical) == (rule.side, critical)
                    && limit.signal == rule.signal_name
            });
            (off?.value, LimitFrom::Patient)
        }
    };
    let (id, signal, side) = (rule.id.clone(), rule.signal_name.clone(), rule.side);
    Some(LimitInForce { rule: id, signal, side, critical, value, unit, from })
}
