//! Readings entered in error, and corrected: nothing that stands on them stays (row 26).

use super::judgement::Forgotten;
use super::{Patient, RuleContext};
use crate::alarms::book::{Key, Open};
use crate::model::ids::RuleId;
use crate::model::observation::{Number, Observation};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::{Level, REPEAT_DUE, Relation, Rule};

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
            let Some(rule) = context.rules.get(rule).and_then(Rule::as_limit) else { return true };
            Level::ALL.into_iter().any(|level| {
                let relation = rule.relation(level, limits, value, unit, comparator);
                matches!(relation, Relation::Beyond { .. } | Relation::Ambiguous)
            })
        };
        let stands_on_it = |key: &Key, open: &Open| {
            open.sent == *sent && open.series.as_ref() == Some(source) && !holds(&key.rule)
        };
        let retracted = self.alarms.keys_where(stands_on_it);
        self.forget(&mut Forgotten::Reading(source, *sent, &retracted));
        for key in retracted {
            self.alarms.close(&key, Change::Retracted, "retracted", None, out);
        }
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
        let retracted = self.alarms.keys_where(|_, open| {
            sent.is_some() && open.sent == *sent && open.series.as_ref() == Some(source)
        });
        // A request for another measurement asks to confirm this one.
        let asked = self.alarms.keys_where(|key, open| {
            key.rule.as_str().ends_with(REPEAT_DUE)
                && sent.is_some()
                && open.sent == *sent
                && key.source == source.name()
        });
        for key in asked {
            self.alarms.close(&key, Change::Retracted, "retracted", None, out);
        }
        if let Some(state) = self.series.get_mut(source) {
            state.withdraw(*sent);
            self.forget(&mut Forgotten::Reading(source, *sent, &retracted));
        }
        if retracted.is_empty() {
            return;
        }
        let over: Vec<RuleId> = retracted.iter().map(|key| key.rule.clone()).collect();
        for key in retracted {
            self.alarms.close(&key, Change::Retracted, "retracted", None, out);
        }
        if let Ok(series) = self.series.find(source) {
            self.judge_latest(series, &|rule| over.contains(rule), context, out);
        }
    }
}
