//! Limits of a patient's own are put, come into force, and end with the stay (contract §4).

use super::own::{LimitSet, holding_at, in_order, of, on, valid_at};
use crate::alarms::book::Key;
use crate::model::alarm::{Condition, Side};
use crate::model::command::PatientLimit;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::patient::alarms::Parts;
use crate::patient::{Patient, RuleContext};
use crate::rules::LimitRule;

impl Patient {
    /// Puts limits, and judges again the series of the signals whose limits changed by that (row 22). Limits that were
    /// to hold later hold no more; where these are of one signal, later ones of the others stay.
    pub fn set_limits(
        &mut self,
        set: LimitSet,
        only: Option<&str>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let actor = set.by.clone();
        let before = self.own_limits(out.now.at);
        if let Some(name) = only {
            for later in self.limits.iter_mut().filter(|later| later.since > set.since) {
                later.limits.retain(|limit| limit.signal != name);
                later.limits.extend(holding_at(of(&set.limits, name), later.since));
                in_order(&mut later.limits);
            }
        } else {
            self.limits.retain(|older| older.since < set.since);
        }
        let place = self.limits.partition_point(|older| older.since <= set.since);
        let waits = set.since > out.now.at;
        self.limits.insert(place, LimitSet { waits, ..set });
        self.renew_ends();
        self.judge_by_limits_since(&before, &actor, context, out);
        self.limits_changed_since(&before, &actor, out);
    }

    /// When the next limits come into force that were put for later, or it is told that some end, in the gateway's own
    /// time.
    pub(in crate::patient) fn limits_due(&self) -> Option<Timestamp> {
        let begin = self.limits.iter().filter(|set| set.waits).map(|set| set.since);
        begin.chain(self.end_told_at()).min()
    }

    /// Limits that were put for later come into force, or are left when others end: what is known of the patient is
    /// judged by them at once. And it is told of those that are about to end.
    pub(super) fn limits_begin(
        &mut self,
        due: Timestamp,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Some(first) = self.limits.iter().position(|set| set.waits && set.since <= due) {
            let before = first.checked_sub(1).map_or(Vec::new(), |i| self.limits[i].limits.clone());
            let (mut actor, mut put) = (String::new(), false);
            let version = self.limits_version() + 1;
            for set in self.limits.iter_mut().filter(|set| set.waits && set.since <= due) {
                set.waits = false;
                actor.clone_from(&set.by);
                put |= !set.of_an_end;
                if set.of_an_end {
                    set.version = version;
                }
            }
            let ended = self.ended(&before, due);
            if !ended.is_empty() {
                self.note_ended(&ended, context, out);
            }
            if put {
                let said = format!("limits that {actor} put for now are in force");
                out.note(Some(&self.details.id), None, "limits_in_force", said);
            }
            self.judge_by_limits_since(&before, &actor, context, out);
            if put {
                let stood: Vec<PatientLimit> = holding_at(before, due);
                self.limits_changed_since(&stood, &actor, out);
            }
            self.limits_ended(&ended, due, context, out);
        }
        self.tell_of_ends(due, context, out);
    }

    /// Judges again the series of the signals whose limits are others since: those as well that judge no more,
    /// without limits of the patient's own, and of the sides that changed.
    fn judge_by_limits_since(
        &mut self,
        before: &[PatientLimit],
        actor: &str,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let in_force = self.own_limits(out.now.at);
        let person = self.person();
        for series in 0..self.series.len() {
            let Some(source) = self.series.key_at(series).cloned() else { continue };
            let name = context.signals.name(source.signal);
            let changed = |side| on(before, &name, side) != on(&in_force, &name, side);
            let sides = [Side::Low, Side::High].map(|side| (side, changed(side)));
            if sides.iter().all(|(_, changed)| !changed) {
                continue;
            }
            // A floor where the limits beside it say the same no more, or again.
            let uncovered = |rule: &LimitRule| {
                rule.stands_for(person, before) != rule.stands_for(person, &in_force)
            };
            let wanted = |rule: &&LimitRule| {
                let made_for = rule.whom.adults_only || rule.whom.holds_for(person);
                let stands = if rule.floor { uncovered(rule) } else { made_for };
                stands && sides.contains(&(rule.side, true))
            };
            let rules = context.rules.limits_of(source.signal).filter(wanted);
            let Parts { state, limits, adult, mut alarms } = self.parts(series, context, out);
            let limits = valid_at(limits, adult, alarms.now().at);
            // What a rule tells, another over the same side goes on telling.
            let told = [Side::Low, Side::High].map(|side| {
                let rules = context.rules.limits_of(source.signal).filter(|r| r.side == side);
                let mut keys = rules.map(|rule| Key::new(rule.id.clone(), source.name()));
                keys.any(|key| alarms.open(&key).is_some_and(|(is, _)| is == Condition::Present))
            });
            for rule in rules {
                let told = told[usize::from(rule.side == Side::High)];
                let by = (limits, context.intake);
                alarms.judge_by_new_limits(rule, &source, state, by, (told, actor));
            }
            state.watches.tidy();
        }
    }

    /// The patient's own limits in force at an instant of the gateway's own time.
    fn own_limits(&self, at: Timestamp) -> Vec<PatientLimit> {
        self.limits_at(at).own.to_vec()
    }

    /// Limits that were put and wait, by when they come into force.
    pub fn waiting_limits(&self) -> impl Iterator<Item = &LimitSet> {
        self.limits.iter().filter(|set| set.waits && !set.of_an_end)
    }

    /// The limits of a stay end with it; those that stood are offered at the next (contract §4).
    pub fn end_limits(&mut self, actor: &str, out: &Output) {
        let version = self.limits_version() + 1;
        self.limits.retain(|set| set.since <= out.now.at);
        for set in &mut self.limits {
            set.waits = false;
        }
        if self.limits.last().is_some_and(|set| !set.limits.is_empty()) {
            self.limits.push(LimitSet {
                version,
                from: out.wall(),
                by: actor.to_owned(),
                reason: Some("discharged".to_owned()),
                limits: Vec::new(),
                since: out.now.at,
                waits: false,
                of_an_end: false,
            });
        }
    }

    /// Limits of an earlier stay, for a person to put again; none once there are others.
    pub fn offered_limits(&self) -> &[PatientLimit] {
        match self.limits.split_last() {
            Some((last, before)) if last.limits.is_empty() && !last.waits => {
                before.last().map_or(&[], |set| &set.limits)
            }
            Some(_) | None => &[],
        }
    }
}
