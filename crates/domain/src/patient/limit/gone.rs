//! A value that counts no more: neither does what it showed of when a condition held (contract §2, "Same reading").

use super::excursion::{Sides, Told};
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
        for rule in state.watching(context) {
            state.known_no_more(rule, (sent, &gone, instead), (limits, adult));
        }
        was_latest
    }

    /// Another value of an instant came: nobody knows that anything was over then.
    pub(in crate::patient) fn contradict(
        &mut self,
        source: &Source,
        (sent, rule_at): (DeviceInstant, Timestamp),
        context: RuleContext<'_>,
    ) {
        let adult = self.is_adult();
        let Self { series, limits, .. } = self;
        let Some(state) = series.get_mut(source) else { return };
        state.contradict(sent, rule_at);
        for rule in state.watching(context) {
            state.part_by_known(rule, &state.known_values(rule, (limits, adult), &[]));
        }
    }
}

impl SeriesState {
    /// The rules by which it is watched.
    fn watching<'r>(&self, context: RuleContext<'r>) -> Vec<&'r LimitRule> {
        let of = |id| context.rules.get(id).and_then(Rule::as_limit);
        self.watches.iter().filter_map(|watch| of(&watch.rule)).collect()
    }

    /// Where the nearest that lay inside beside an excursion counts no more, the next that is known parts it.
    fn part_by_known(&mut self, rule: &LimitRule, known: &[Sides; 2]) {
        let watch = self.watches.of_mut(rule);
        for level in Level::ALL {
            let Sides { inside, beyond } = &known[level];
            for at in inside {
                watch.past[level].inside(*at, beyond);
            }
            let track = &mut watch.tracks[level];
            let Some(Told { from, to, .. }) = track.told() else { continue };
            let before = inside.iter().filter(|at| **at < from).max();
            let since = inside.iter().filter(|at| **at > to).min();
            (track.after, track.over) =
                (track.after.or(before.copied()), track.over.or(since.copied()));
        }
    }

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
        let mut known = self.known_values(rule, (limits, adult), gone);
        let watch = self.watches.of_mut(rule);
        for level in Level::ALL {
            for at in gone {
                let still = instead.is_some_and(|number| is_beyond(level, (number, *at)));
                watch.past[level].take_back((sent, *at), still);
                // Of values of one time the milder one parts again.
                known[level].inside.retain(|inside| !still || inside != at);
            }
            let track = &mut watch.tracks[level];
            track.over.take_if(|over| gone.contains(over));
            track.after.take_if(|after| gone.contains(after));
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
        self.part_by_known(rule, &known);
    }
}
