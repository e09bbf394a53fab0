//! Series of which no more comes: what is known of their limits is unknown (contract §5, rows 3 and 6).

use super::watch::{Evidence, Watch};
use crate::model::alarm::{AlarmKind, Priority};
use crate::model::ids::RuleId;
use crate::model::observation::{Number, Source};
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::patient::judgement::{Reading, Silent, Wanted};
use crate::patient::{Patient, RuleContext, SeriesState};
use crate::rules::{Level, LimitRule, Relation, Rule};

impl Patient {
    /// A gap that passed unnoticed, because intake stood still, is noticed at the first reading after
    /// it.
    pub(super) fn lose_if_gap_passed(
        &mut self,
        reading: Reading<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Reading { observation, series, spot, before, .. } = reading;
        let Some(last) = before.rule_at.filter(|_| !spot && !self.series.at(series).lost) else {
            return;
        };
        let gap = context.rules.longest_gap(observation.source.signal, before.interval);
        if gap.is_some_and(|gap| observation.timing.rule_at - last > gap) {
            // The data are back: there is nothing to tell of what was pending, and what goes on is not unknown.
            let beyond = self.rules_beyond(reading, context);
            self.series_lost(series, &|rule| !beyond.contains(rule), context, out);
        }
    }

    /// Continuous signals are silent for longer than their tolerated gap, since then (rows 3 and 6). What was found of
    /// one of them is known no more before the loss of another is told.
    pub(super) fn lose(
        &mut self,
        all: &[usize],
        since: Timestamp,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let mut lost = Vec::new();
        for series in all {
            let pending = self.series_lost(*series, &|_| true, context, out);
            lost.extend(pending.zip(self.series.key_at(*series).cloned()));
        }
        for ((priority, began), source) in lost {
            self.lost_while_pending(&source, priority, &began, since, context, out);
        }
    }

    /// Series whose tolerated gap is over at an instant.
    pub(super) fn gaps_at(&self, due: Timestamp, context: RuleContext<'_>) -> Vec<usize> {
        let falls = |state: &SeriesState| {
            let gap = |watch: &Watch| watch.gap_over(state, context) == Some(due);
            state.watches.iter().any(gap)
        };
        let all = self.series.values().enumerate();
        all.filter(|(_, state)| falls(state)).map(|(series, _)| series).collect()
    }

    /// What a series says is unknown; the gravest of what was pending.
    fn series_lost(
        &mut self,
        series: usize,
        unknown: Wanted<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) -> Option<(Priority, Box<Evidence>)> {
        let source = self.series.key_at(series).cloned()?;
        let state = self.series.at(series);
        state.lost = true;
        let pending = state.watches.lose(context);
        let reason = state.doubt.as_ref().map_or("no data", |doubt| doubt).to_owned();
        self.input_lost(&source, &reason, unknown, context, out);
        pending
    }

    /// The rules beyond whose limits a reading lies.
    pub(in crate::patient) fn rules_beyond(
        &self,
        reading: Reading<'_>,
        context: RuleContext<'_>,
    ) -> Vec<RuleId> {
        let Reading { observation, number, .. } = reading;
        let limits = self.limits_at(observation.timing.own);
        let Number { value, unit, comparator, .. } = *number;
        let is_beyond = |rule: &&LimitRule| {
            Level::ALL.into_iter().any(|level| {
                let relation = rule.relation(level, limits, value, unit, comparator);
                matches!(relation, Relation::Beyond { .. })
            })
        };
        let rules = self.judging(observation.source.signal, observation.timing.own, context);
        rules.filter(is_beyond).map(|rule| rule.id.clone()).collect()
    }

    /// Nobody knows where silent series stand to their limits (row 6).
    pub(super) fn series_unknown(
        &mut self,
        silent: Silent<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let of_silent = |source: &Source| {
            source.device == *silent.device && silent.signal.is_none_or(|s| source.signal == s)
        };
        let speaks = |state: &SeriesState| state.speaks(silent.due, silent.within);
        let sources: Vec<Source> = self
            .series
            .iter()
            .filter(|(source, state)| of_silent(source) && !speaks(state))
            .map(|(source, _)| source.clone())
            .collect();
        for source in sources {
            self.input_lost(&source, silent.reason, &|_| true, context, out);
        }
    }

    /// Physiological alarms over what a series says are unknown; that it says nothing is no reason
    /// to doubt its loss.
    pub(in crate::patient) fn input_lost(
        &mut self,
        source: &Source,
        reason: &str,
        unknown: Wanted<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let name = source.name();
        let over = self.alarms.keys_where(|key, open| {
            unknown(&key.rule)
                && open.alarm.kind == AlarmKind::Physiological
                && context.rules.get(&key.rule).and_then(Rule::as_loss).is_none()
                && open.signal == Some(source.signal)
                && key.source == name
        });
        for key in over {
            self.alarms.change(&key, None, out, |alarm, now| alarm.input_lost(reason, now));
        }
    }
}

impl SeriesState {
    /// Whether it says where it stands to its limits when a rung of its silence is due: what is doubtful and beyond one
    /// does as well.
    pub(in crate::patient) fn speaks(&self, due: Timestamp, within: Span) -> bool {
        self.counted.is_some_and(|counted| due - counted < within)
    }
}
