//! What the core notes of an alarm that moved: its holder, and the limits in force when it was raised.

use super::Core;
use crate::model::alarm::{Alarm, LimitFrom};
use crate::model::command::PatientLimit;
use crate::model::unit::Unit;
use crate::output::Output;
use crate::output::context::LimitInForce;
use crate::output::transition::TransitionBody;
use crate::rules::{InForce, Level, LimitRule};

impl Core {
    /// Notes the alarms that moved since the last call. It must come before the next input, which may
    /// change limits or ask for one of these alarms.
    pub(crate) fn note_alarms(&mut self, out: &mut Output) {
        for transition in out.transitions.iter_mut().skip(out.noted) {
            let TransitionBody::Alarm { alarm, context, .. } = &mut transition.body else {
                continue;
            };
            if let Some(context) = context {
                context.limits = self.limits_in_force(alarm);
            }
            self.alarm_index.moved(alarm, &self.patients);
        }
        out.noted = out.transitions.len();
    }

    /// The limits of the alarm's signal, on both sides.
    pub(crate) fn limits_in_force(&self, alarm: &Alarm) -> Vec<LimitInForce> {
        let signal = self.configuration.signals.find(&alarm.trigger.signal);
        let Some(signal) = signal else { return Vec::new() };
        let Some(unit) = alarm.trigger.unit.or(signal.unit) else { return Vec::new() };
        let patient = alarm.patient.as_ref().and_then(|id| self.patients.get(id));
        let sets = patient.map_or(&[][..], |patient| &patient.limits);
        let own = sets.iter().find(|set| set.version == alarm.rule_version);
        let own = own.map_or(&[][..], |set| &set.limits);
        let adult = patient.is_none_or(|patient| patient.is_adult());
        let own = InForce { own, version: alarm.rule_version, adult };
        let rules = self.configuration.rules.limits_of(signal.id);
        let floor_of_others = |rule: &&LimitRule| {
            patient.is_some_and(|p| rule.floor && !rule.whom.holds_for(p.person()))
        };
        let rules = rules.filter(|rule| !floor_of_others(rule));
        let levels = rules.flat_map(|rule| [(rule, Level::Warning), (rule, Level::Critical)]);
        levels.filter_map(|(rule, level)| in_force(rule, level, own, unit)).collect()
    }
}

fn in_force(
    rule: &LimitRule,
    level: Level,
    limits: InForce<'_>,
    unit: Unit,
) -> Option<LimitInForce> {
    let critical = level == Level::Critical;
    let LimitRule { id, signal_name, side, .. } = rule;
    let is_off = || {
        let of_it = |own: &&PatientLimit| (own.side, own.critical) == (*side, critical);
        let mut off = limits.own.iter().filter(of_it);
        !rule.floor && off.any(|own| own.signal == *signal_name && own.value.is_none())
    };
    let off = || is_off().then_some((None, LimitFrom::Patient));
    let stands = rule.limit(level, limits, unit).map(|(value, from)| (Some(value), from));
    let (value, from) = stands.or_else(off)?;
    let (rule, signal, side) = (id.clone(), signal_name.clone(), *side);
    Some(LimitInForce { rule, signal, side, critical, value, unit, from })
}
