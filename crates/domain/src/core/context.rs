//! What an alarm stands on: the series it was raised by, and the limits that were in force.

use super::Core;
use crate::model::alarm::{Alarm, AlarmKind, LimitFrom};
use crate::model::command::PatientLimit;
use crate::model::sample::SeriesKey;
use crate::model::signal::{Signal, SignalId};
use crate::model::unit::Unit;
use crate::output::Output;
use crate::output::context::{AlarmContext, LimitInForce, raised};
use crate::rules::{CRITICAL, LimitRule, WARNING};

impl Core {
    /// Notes what the alarms raised since the last time stand on: before other limits are in force.
    pub(crate) fn note_grounds(&self, out: &mut Output) {
        let raised = out.transitions.iter().filter_map(raised).skip(out.grounds.len());
        let grounds: Vec<AlarmContext> = raised.map(|alarm| self.grounds(alarm)).collect();
        out.grounds.extend(grounds);
    }

    /// What an alarm stands on that this core has just raised.
    pub fn grounds(&self, alarm: &Alarm) -> AlarmContext {
        let latest = alarm.latest.as_ref().map(|latest| latest.measured_at);
        let until = alarm.trigger.measured_at.max(latest).unwrap_or(alarm.raised_at);
        let Some(signal) = self.configuration.signals.find(&alarm.trigger.signal) else {
            return AlarmContext { series: None, until, limits: Vec::new() };
        };
        AlarmContext {
            series: series_of(alarm, signal.id),
            until,
            limits: self.limits_of(alarm, signal),
        }
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

/// The series in the alarm's source: a device, an instance where there is one, and in technical alarms
/// the number of the signal.
fn series_of(alarm: &Alarm, signal: SignalId) -> Option<SeriesKey> {
    let device = alarm.device.clone()?;
    let rest = alarm.source.strip_prefix(device.as_str())?;
    let rest = match alarm.kind {
        AlarmKind::Physiological => rest,
        AlarmKind::Technical => rest.strip_suffix(&format!("/{}", signal.0))?,
    };
    let instance = rest.strip_prefix('/').unwrap_or_default().into();
    Some(SeriesKey { device, signal, instance })
}

fn in_force(
    rule: &LimitRule,
    level: usize,
    own: &[PatientLimit],
    unit: Unit,
) -> Option<LimitInForce> {
    let critical = level == CRITICAL;
    let LimitRule { id, signal_name, side, .. } = rule;
    let is_off = || {
        let of_it = |own: &&PatientLimit| (own.side, own.critical) == (*side, critical);
        own.iter().filter(of_it).any(|own| own.signal == *signal_name && own.value.is_none())
    };
    let off = || is_off().then_some((None, LimitFrom::Patient));
    let stands = rule.limit(level, own, unit).map(|(value, from)| (Some(value), from));
    let (value, from) = stands.or_else(off)?;
    let (rule, signal, side) = (id.clone(), signal_name.clone(), *side);
    Some(LimitInForce { rule, signal, side, critical, value, unit, from })
}
