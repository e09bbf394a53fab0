//! A value that counts no more: neither does what it showed of when a condition held (contract §2, "Same reading").

use super::own::{LimitSet, valid_at};
use crate::model::observation::{DeviceInstant, Number, Source};
use crate::model::time::Timestamp;
use crate::patient::{Patient, RuleContext, SeriesState};
use crate::rules::{Level, LimitRule, Relation, Rule};

impl Patient {
    /// Forgets the value of an instant, where nothing or another takes its place; whether it was the latest.
    pub(in crate::patient) fn forget_value(
        &mut self,
        source: &Source,
        (sent, rule_at): (DeviceInstant, Timestamp),
        instead: Option<&Number>,
        context: RuleContext<'_>,
    ) -> bool {
        let adult = self.is_adult();
        let Self { series, limits, .. } = self;
        let Some(state) = series.get_mut(source) else { return false };
        let (was_latest, mut gone) = state.take_back(sent);
        // However long ago that was, but where its time is that of another.
        if !state.is_of_another(sent, rule_at) {
            gone.push(rule_at);
        }
        let of = |id| context.rules.get(id).and_then(Rule::as_limit);
        let rules: Vec<&LimitRule> =
            state.watches.iter().filter_map(|watch| of(&watch.rule)).collect();
        for rule in rules {
            state.known_no_more(rule, (sent, &gone, instead), (limits, adult));
        }
        was_latest
    }
}

impl SeriesState {
    /// Values of these instants bound no excursion any more, and are no part of what is told.
    fn known_no_more(
        &mut self,
        rule: &LimitRule,
        (sent, gone, instead): (DeviceInstant, &[Timestamp], Option<&Number>),
        (limits, adult): (&[LimitSet], bool),
    ) {
        let latest = self.latest.iter().map(|latest| (&latest.number, latest.rule_at));
        let earlier = self.earlier.iter().flat_map(|earlier| earlier.values());
        let values: Vec<(&Number, Timestamp)> = latest.chain(earlier).collect();
        let is_beyond = |level, (number, at): (&Number, Timestamp)| {
            let Number { value, unit, comparator, .. } = *number;
            let limits = valid_at(limits, adult, at);
            matches!(rule.relation(level, limits, value, unit, comparator), Relation::Beyond { .. })
        };
        let beyond = Level::ALL.map(|level| {
            let beyond = values.iter().filter(|value| is_beyond(level, **value));
            beyond.map(|(_, at)| *at).collect::<Vec<_>>()
        });
        let known = self.known_values(rule, (limits, adult), gone);
        let watch = self.watches.of_mut(rule);
        for level in Level::ALL {
            for at in gone {
                let still = instead.is_some_and(|number| is_beyond(level, (number, *at)));
                watch.past[level].take_back((sent, *at), still);
                // Of values of one time the milder one parts again.
                if !still && known[level].inside.contains(at) {
                    watch.past[level].inside(*at, &known[level].beyond);
                }
            }
            let track = &mut watch.tracks[level];
            track.over.take_if(|over| gone.contains(over));
            // It may be what showed first that it was over.
            track.inside_since.take_if(|since| gone.contains(since));
            // Of a clock that stands still several came of its instant, each at a time of its own.
            let is_gone = |last: &Timestamp| gone.contains(last) || track.last_sent == Some(sent);
            let Some(last) = track.last.filter(is_gone) else { continue };
            let before = beyond[level].iter().copied().filter(|at| *at < last).max();
            let began = track.began.as_deref().map(|began| (began.rule_at, began.sent));
            track.last = before.max(began.map(|(at, _)| at));
            track.last_sent =
                began.filter(|(at, _)| track.last == Some(*at)).and_then(|(_, of)| of);
        }
    }
}
