//! What is known last of a series, judged at once under rules that are new to it (contract §5, row 23).

use std::collections::BTreeSet;

use super::own::valid_at;
use crate::alarms::book::Key;
use crate::model::alarm::Condition;
use crate::model::ids::RuleId;
use crate::output::Output;
use crate::patient::alarms::Parts;
use crate::patient::judgement::Wanted;
use crate::patient::{Patient, RuleContext};
use crate::rules::Rule;

/// What is told where rules judge again what is known.
#[derive(Clone, Copy, Debug)]
pub(in crate::patient) enum News<'a> {
    /// What they begin.
    OfWhatBegins,
    /// That as well which is open and unknown, where something was heard of its series since: they did not judge it,
    /// but for the rules of these series.
    OfWhatWasHeard(&'a [(usize, RuleId)]),
}

impl News<'_> {
    /// Whether what is open and unknown is judged by what was heard of it since.
    fn is_of(self, series: usize, rule: &RuleId) -> bool {
        match self {
            Self::OfWhatBegins => false,
            Self::OfWhatWasHeard(judged) => !judged.iter().any(|(s, r)| *s == series && r == rule),
        }
    }
}

impl Patient {
    /// Judges what is known last of some series; emergencies first, those first from which most follows, so that what
    /// follows from one finds it.
    pub(in crate::patient) fn judge_all_latest(
        &mut self,
        all: &[usize],
        wanted: Wanted<'_>,
        news: News<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        for series in all {
            self.count_latest(*series, context, out);
        }
        let explains = |id: &RuleId| {
            context.rules.get(id).and_then(Rule::as_limit).map_or(0, |rule| rule.folds.len())
        };
        let rules = all.iter().filter_map(|series| self.series.key_at(*series));
        let rules = rules.flat_map(|source| context.rules.limits_of(source.signal));
        let amounts: BTreeSet<usize> = rules.map(|rule| rule.folds.len()).collect();
        for amount in amounts.into_iter().rev() {
            let these = |id: &RuleId| explains(id) == amount && wanted(id);
            for series in all {
                // What is lost by now explains nothing that was heard of since.
                if self.hold_latest(*series, &these, news, context, out) {
                    self.lose(&[*series], out.now.at, context, out);
                }
            }
        }
    }

    /// What is known last of a series says where it stands to all limits of its signal, where it lies beyond one.
    fn count_latest(&mut self, series: usize, context: RuleContext<'_>, out: &mut Output) {
        let Some(source) = self.series.key_at(series).cloned() else { return };
        let rules = self.judging(source.signal, out.now.at, context);
        let Parts { state, limits, adult, alarms } = self.parts(series, context, out);
        let now = alarms.now();
        let limits = valid_at(limits, adult, now.at);
        let known = state.known(&source, now);
        for rule in rules {
            state.count_known(rule, &known, limits);
        }
    }

    /// Judges what is known last of a series at once, by level, under rules that are new to it. What is in doubt
    /// raises as well: a change of rules ends nothing that only doubt holds (contract §5, row 23).
    pub(in crate::patient) fn judge_latest(
        &mut self,
        series: usize,
        wanted: Wanted<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if self.hold_latest(series, wanted, News::OfWhatBegins, context, out) {
            self.lose(&[series], out.now.at, context, out);
        }
    }

    /// Raises what the last known values of a series hold; whether that is lost by now.
    fn hold_latest(
        &mut self,
        series: usize,
        wanted: Wanted<'_>,
        news: News<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) -> bool {
        let Some(source) = self.series.key_at(series).cloned() else { return false };
        let rules = self.judging(source.signal, out.now.at, context);
        let Parts { state, limits, adult, mut alarms } = self.parts(series, context, out);
        let now = alarms.now().at;
        let limits = valid_at(limits, adult, now);
        let mut held = false;
        for rule in rules.filter(|rule| wanted(&rule.id)) {
            if state.hold_known(rule, &source, limits, alarms.now()) {
                let streams = !rule.spot && !state.spot;
                let is_past = |counted| context.intake.is_decided(counted + state.gap(rule), now);
                let lost = state.counted.map_or(state.lost, |counted| streams && is_past(counted));
                // Other rules are no reading: news is what they begin, and what was heard of what is unknown.
                let key = Key::new(rule.id.clone(), source.name());
                let fresh = match alarms.open(&key) {
                    Some((Condition::Present, _)) => false,
                    Some((Condition::Unknown, _)) => {
                        !lost
                            && news.is_of(series, &rule.id)
                            && alarms.book().is_heard_since(&key, state.counted)
                    }
                    _ => true,
                };
                alarms.settle(rule, &source, state, [fresh; 2], (false, false));
                (held, state.lost) = (true, lost);
            }
            alarms.ask_for_repeat(rule, &source, state, true);
        }
        state.lost && held
    }
}
