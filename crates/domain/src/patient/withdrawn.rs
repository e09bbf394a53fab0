//! Readings entered in error, and corrected: nothing that stands on them stays (row 26).

use super::judgement::{Forgotten, Occurrence, Wanted};
use super::limit::newest;
use super::technical::ZERO_OR_OFF;
use super::{Patient, RuleContext};
use crate::alarms::book::{Key, Open};
use crate::model::alarm::Condition;
use crate::model::ids::RuleId;
use crate::model::observation::{DeviceInstant, Number, Observation, Source, Timeliness};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::{Level, REPEAT_DUE, Relation};

impl Patient {
    /// A reading is corrected (row 26): what it raised, and what takes its place would not, was announced in error.
    pub(super) fn correct(
        &mut self,
        observation: &Observation,
        number: &Number,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Observation { source, sent, .. } = observation;
        let limits = self.limits_at(observation.timing.own);
        let Number { value, unit, comparator, .. } = *number;
        let holds = |rule: &RuleId| {
            // What is not known to be beyond asks for no other measurement.
            let asks = rule.as_str().strip_suffix(REPEAT_DUE);
            let asked_by = asks.unwrap_or(rule.as_str());
            let rule = context.rules.limits_of(source.signal).find(|r| r.id.as_str() == asked_by);
            rule.is_some_and(|rule| {
                Level::ALL.into_iter().any(|level| {
                    let relation = rule.relation(level, limits, value, unit, comparator);
                    let may_be = asks.is_none() && relation == Relation::Ambiguous;
                    may_be || matches!(relation, Relation::Beyond { .. })
                })
            })
        };
        let Some(sent) = *sent else { return };
        let retracted = self
            .alarms
            .keys_where(|key, open| stands_on(source, sent, key, open) && !holds(&key.rule));
        self.forget_value(source, (sent, observation.timing.rule_at), Some(number), context);
        let unknown = self.unknown_of(&retracted);
        let over = self.take_back(source, sent, retracted, out);
        // Where it is the newest of its series it is judged itself.
        if observation.timing.timeliness == Timeliness::Late {
            self.judge_what_remains(source, &|rule| over.contains(rule), &unknown, context, out);
            self.ask_again(source, &over, context, out);
        }
        self.told_no_more(&over, &source.device, context, out);
    }

    /// A reading was entered in error (row 26): nothing that stands on it stays, and its series is judged again
    /// by what remains.
    pub(super) fn withdraw(
        &mut self,
        observation: &Observation,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Observation { source, sent, .. } = observation;
        let Some(sent) = *sent else { return };
        // That there was no sensor is told already.
        let is_told = |key: &Key| observation.corrects && key.rule.as_str() == ZERO_OR_OFF;
        let retracted =
            self.alarms.keys_where(|key, open| stands_on(source, sent, key, open) && !is_told(key));
        // What is told goes on; what the last value hid comes back.
        let told: Vec<RuleId> = self.series.get(source).map_or_else(Vec::new, |state| {
            let active = state.watches.iter().filter(|watch| watch.active_level().is_some());
            active.map(|watch| watch.rule.clone()).collect()
        });
        let was_latest =
            self.forget_value(source, (sent, observation.timing.rule_at), None, context);
        let unknown = self.unknown_of(&retracted);
        let over = self.take_back(source, sent, retracted, out);
        let wanted = |rule: &RuleId| over.contains(rule) || (was_latest && !told.contains(rule));
        self.judge_what_remains(source, &wanted, &unknown, context, out);
        self.ask_again(source, &over, context, out);
        self.told_no_more(&over, &source.device, context, out);
        self.hurry_silence(&source.device, context, out);
        self.judge(Occurrence::Changed(Some(&observation.cause)), context, out);
    }

    /// Which of these alarms are unknown, and why.
    fn unknown_of(&self, keys: &[Key]) -> Vec<(RuleId, String)> {
        let alarms = keys.iter().filter_map(|key| self.alarms.get(key)).map(|open| &open.alarm);
        let unknown = alarms.filter(|alarm| alarm.condition == Condition::Unknown);
        unknown
            .map(|alarm| (alarm.rule.clone(), alarm.condition_reason.clone().unwrap_or_default()))
            .collect()
    }

    /// Judges a series by what it says without a reading. What is silent, and what was `unknown`, stays so: nothing
    /// came.
    fn judge_what_remains(
        &mut self,
        source: &Source,
        wanted: Wanted<'_>,
        unknown: &[(RuleId, String)],
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Ok(series) = self.series.find(source) else { return };
        self.judge_latest(series, wanted, context, out);
        if let Some(reason) = self.why_silent(source, context, out.now.at) {
            self.input_lost(source, &reason, wanted, context, out);
        }
        for (rule, reason) in unknown {
            self.input_lost(source, reason, &|of| of == rule, context, out);
        }
    }

    /// Forgets a reading, and closes what stands on it; the rules of that.
    fn take_back(
        &mut self,
        source: &Source,
        sent: DeviceInstant,
        retracted: Vec<Key>,
        out: &mut Output,
    ) -> Vec<RuleId> {
        self.forget(&mut Forgotten::Reading(source, Some(sent), &retracted));
        let now = self.series.get(source).and_then(newest);
        self.alarms.take_back(source, sent, now);
        let close = |key: Key| {
            self.alarms.close(&key, Change::Retracted, "retracted", None, out);
            key.rule
        };
        retracted.into_iter().map(close).collect()
    }
}

/// Whether a reading began an alarm, or a request for another measurement that confirms it.
fn stands_on(source: &Source, sent: DeviceInstant, key: &Key, open: &Open) -> bool {
    let asks = key.rule.as_str().ends_with(REPEAT_DUE) && key.source == source.name();
    let asks = asks && open.signal == Some(source.signal);
    open.sent == Some(sent) && (asks || open.series.as_ref() == Some(source))
}
