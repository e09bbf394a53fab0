//! Single measurements beyond a critical limit: one inside, confirmed by a second of any kind (contract §5, "Over").

use super::own::valid_at;
use super::watch::Watch;
use crate::model::observation::{Number, Source};
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::patient::alarms::Parts;
use crate::patient::judgement::Reading;
use crate::patient::{Patient, RuleContext, SeriesState};
use crate::rules::{Level, LimitRule, Relation};

impl Patient {
    /// A certain reading confirms what other series of its signal said last: that they are inside.
    pub(super) fn confirm_inside(
        &mut self,
        reading: Reading<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Reading { observation, number, .. } = reading;
        let Source { signal, .. } = observation.source;
        let waits = |(source, state): (&Source, &SeriesState)| {
            let other = source.signal == signal && *source != observation.source;
            (other && state.watches.iter().any(Watch::waits_for_a_second)).then(|| source.clone())
        };
        let waiting: Vec<Source> = self.series.iter().filter_map(waits).collect();
        let own = observation.timing.own;
        for source in waiting {
            let Ok(series) = self.series.find(&source) else { continue };
            let rules = self.judging(signal, own, context);
            let Parts { state, limits, adult, mut alarms } = self.parts(series, context, out);
            let limits = valid_at(limits, adult, own);
            let Number { value, unit, comparator, .. } = *number;
            let single = state.spot;
            for rule in rules.filter(|rule| single || rule.spot) {
                let inside = |level| {
                    rule.relation(level, limits, value, unit, comparator) == Relation::Inside
                };
                if state.confirm(rule, observation.timing.rule_at, inside) {
                    alarms.settle(rule, &source, state, [false; 2], (true, true));
                    alarms.ask_for_repeat(rule, &source, state, true);
                }
            }
            state.watches.tidy();
        }
    }
}

impl SeriesState {
    /// Another series is inside too, of what was beyond a critical limit; whether that confirms anything.
    fn confirm(&mut self, rule: &LimitRule, at: Timestamp, inside: impl Fn(Level) -> bool) -> bool {
        let watch = self.watches.iter_mut().find(|watch| watch.rule == rule.id);
        let Some(watch) = watch.filter(|watch| watch.waits_for_a_second()) else { return false };
        let mut confirms = false;
        for level in Level::ALL {
            let track = &mut watch.tracks[level];
            let since = track.inside_since.filter(|since| track.active && *since <= at);
            if since.is_some() && inside(level) {
                let told = std::mem::take(track).told();
                watch.note_told(level, told);
                confirms = true;
            }
        }
        confirms
    }
}
