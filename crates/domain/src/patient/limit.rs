//! Limit rules: a number beyond a limit for its delay (contract §3, §5; docs/architecture.md, "Time").

mod again;
mod confirmed;
mod draft;
mod ends;
mod excursion;
mod gone;
mod known;
mod late;
mod lost;
mod own;
mod put;
mod repeat;
mod settle;
mod standing;
mod track;
mod watch;

use std::cmp::Reverse;

pub(super) use again::News;
pub(super) use draft::newest;
pub(super) use ends::LIMIT_EXPIRING;
pub(super) use late::lowered;
use own::valid_at;
pub use own::{Checked, LimitSet};
pub use standing::{Afterwards, Standing};
pub(super) use track::clears_after;
use track::{Manner, move_track};
pub(super) use watch::Evidence;
pub(super) use watch::{Watch, Watches};

use super::alarms::Parts;
use super::deadline::Earliest;
use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured};
use super::{Deadline, Patient, RuleContext, SeriesState};
use crate::alarms::book::Key;
use crate::model::alarm::Condition;
use crate::model::ids::RuleId;
use crate::model::observation::{Number, Source};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::rules::{Level, LimitRule, Relation, Rule};

/// Limits, each by its series.
pub(super) struct Limits;

impl Kind for Limits {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match occurrence {
            Occurrence::Number(reading) if reading.is_live() => {
                patient.judge_live(reading, context, out);
            }
            Occurrence::Number(reading) => patient.judge_late(reading, context, out),
            Occurrence::Silence(silent) => patient.series_unknown(silent, context, out),
            Occurrence::Word(..)
            | Occurrence::NoSensor { .. }
            | Occurrence::Implausible(..)
            | Occurrence::Episode(_)
            | Occurrence::IntakeGap(_)
            | Occurrence::Changed(_) => {}
        }
    }

    fn deadlines<'r>(
        &self,
        patient: &Patient,
        context: RuleContext<'r>,
        earliest: &mut Earliest<'r, '_>,
    ) {
        for (series, state) in patient.series.values().enumerate() {
            for watch in state.watches.iter() {
                watch.deadlines((series, state), context, earliest);
            }
        }
        if let Some(at) = patient.limits_due() {
            earliest.offer_surely(at, Deadline::Limits);
        }
    }

    fn fire(
        &self,
        patient: &mut Patient,
        due: Timestamp,
        deadline: Deadline<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Deadline::Delay { series, rule, level, .. } = deadline {
            patient.delay_over(series, rule, level, context, out);
        } else if let Deadline::Gap { .. } = deadline {
            let all = patient.gaps_at(due, context);
            patient.lose(&all, due, context, out);
        } else if deadline == Deadline::Limits {
            patient.limits_begin(due, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match change {
            Reconfigured::Rules(wanted) => {
                let judged = patient.active_rules();
                self.forget(patient, &mut Forgotten::Rules(*wanted));
                let all: Vec<usize> = (0..patient.series.len()).collect();
                let news = News::OfWhatWasHeard(&judged);
                patient.judge_all_latest(&all, *wanted, news, context, out);
            }
            Reconfigured::Inherited(sources, _) => {
                let all: Vec<usize> =
                    sources.iter().map(|source| patient.series.index_of(source)).collect();
                patient.judge_all_latest(&all, &|_| true, News::OfWhatBegins, context, out);
            }
            Reconfigured::Closed { .. } => {}
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Reading(source, sent, retracted) => {
                if let Some(state) = patient.series.get_mut(*source) {
                    state.watches.withdraw(*sent);
                    let gone = |rule: &RuleId| retracted.iter().any(|key| key.rule == *rule);
                    state.watches.forget(&gone);
                }
            }
            Forgotten::Rules(wanted) => {
                let Patient { series, expectations, alarms, .. } = patient;
                for (source, state) in series.iter_mut() {
                    let bound = expectations.iter().any(|e| e.device == source.device);
                    let is_open = |rule: &RuleId| {
                        alarms.get(&Key::new(rule.clone(), source.name())).is_some()
                    };
                    // What stays open of a device that is not bound stays as it was.
                    state.watches.begin_anew(&|rule| wanted(rule) && (bound || !is_open(rule)));
                }
            }
            // Watches go with their series.
            Forgotten::Device(..) | Forgotten::Stay => {}
        }
    }
}

impl Patient {
    /// Whether a number is a bound that allows more than one answer to a rule: then it was not judged.
    pub(super) fn is_bound(
        &self,
        signal: SignalId,
        at: Timestamp,
        number: &Number,
        context: RuleContext<'_>,
    ) -> bool {
        let limits = self.limits_at(at);
        let Number { value, unit, comparator, .. } = number;
        comparator.is_some()
            && self.judging(signal, at, context).any(|rule| {
                Level::ALL.into_iter().any(|level| {
                    rule.relation(level, limits, *value, *unit, *comparator) == Relation::Ambiguous
                })
            })
    }

    /// Whether the last value of a series, as far as it is certain, was inside all limits.
    pub(super) fn was_inside(&self, source: &Source, context: RuleContext<'_>) -> bool {
        let Some(latest) = self.series.get(source).and_then(SeriesState::certain) else {
            return false;
        };
        let limits = self.limits_at(latest.rule_at);
        let Number { value, unit, comparator, .. } = latest.number;
        let mut rules = self.judging(source.signal, latest.rule_at, context).peekable();
        rules.peek().is_some()
            && rules.all(|rule| {
                Level::ALL.into_iter().all(|level| {
                    let relation = rule.relation(level, limits, value, unit, comparator);
                    !matches!(relation, Relation::Beyond { .. } | Relation::Ambiguous)
                })
            })
    }

    /// The rules beyond whose limits series are, each with the index of its series.
    pub(super) fn active_rules(&self) -> Vec<(usize, RuleId)> {
        let all = self.series.values().enumerate();
        let watches = all.flat_map(|(index, state)| state.watches.iter().map(move |w| (index, w)));
        let active = watches.filter(|(_, watch)| watch.active_level().is_some());
        active.map(|(index, watch)| (index, watch.rule.clone())).collect()
    }

    /// Forgets how the series of an alarm stands to its rule.
    pub(super) fn forget_watch(&mut self, key: &Key) {
        for (source, state) in self.series.iter_mut() {
            if source.name() == key.source {
                state.watches.begin_anew(&|rule| *rule == key.rule);
            }
        }
    }

    /// Judges a live number by every limit rule of its signal.
    fn judge_live(&mut self, reading: Reading<'_>, context: RuleContext<'_>, out: &mut Output) {
        let Reading { observation, number, series, spot, by_hand, .. } = reading;
        let certain = reading.is_certain();
        if certain {
            self.lose_if_gap_passed(reading, context, out);
        }
        let source = &observation.source;
        let sure = certain && !observation.corrects;
        if sure {
            // What ends by it has ended before what it finds.
            self.confirm_inside(reading, context, out);
        }
        if sure && self.is_calm(reading, context) {
            let state = self.series.at(series);
            (state.counted, state.lost) = (Some(out.now.at), false);
            return;
        }
        // Beyond one limit it says where it stands to all of its signal.
        let counts = sure || !self.rules_beyond(reading, context).is_empty();
        let rules = self.judging(source.signal, observation.timing.own, context);
        let Parts { state, limits, adult, mut alarms } = self.parts(series, context, out);
        let limits = valid_at(limits, adult, observation.timing.own);
        let is_decided = |due, now| context.intake.is_decided(due, now);
        let left = state.earlier.as_ref().and_then(|earlier| earlier.newest()).map(|v| v.rule_at);
        // What is corrected is of its own instant, and was never heard before it.
        let earlier = |at: &Timestamp| *at < observation.timing.rule_at;
        let heard = reading.before.rule_at.filter(earlier).or(left.filter(earlier));
        for rule in rules {
            let gap = (!spot && !rule.spot).then(|| state.gap(rule));
            let (mut beyond, mut judged) = ([false; 2], false);
            let mut fresh = [false; 2];
            for level in Level::ALL {
                let relation =
                    rule.relation(level, limits, number.value, number.unit, number.comparator);
                beyond[level] = matches!(relation, Relation::Beyond { .. });
                // Without a limit nothing says that it is over, but for the one that was switched off.
                let held = state.watches.of(rule).is_some_and(|watch| watch.tracks[level].active);
                let off = held && rule.is_switched_off(level, limits);
                let says = relation != Relation::NoLimit || off;
                judged |= says;
                if !beyond[level] && state.watches.of(rule).is_none() {
                    continue;
                }
                let watch = state.watches.of_mut(rule);
                if !says && held {
                    continue;
                }
                let before = watch.tracks[level].told();
                let was_active = watch.tracks[level].active;
                let track = &mut watch.tracks[level];
                let evidence = |limit, from| {
                    Box::new(Evidence::new(observation, number, limit, from, limits.version))
                };
                let manner = Manner {
                    spot: spot || rule.spot,
                    asks: !by_hand && level == Level::Warning && rule.confirm.is_some(),
                    delay: rule.delay(level),
                    clear_delay: rule.clear_delay(state.interval),
                    newest: state.rule_at.unwrap_or(observation.timing.rule_at),
                    measured: observation.timing.measured.min(observation.timing.received),
                    before: heard,
                    arrives: alarms.now().at,
                    sent: observation.sent,
                    corrects: observation.corrects,
                };
                let rule_at = observation.timing.rule_at;
                let last = track.last;
                move_track(track, relation, certain, manner, rule_at, evidence);
                // What is further than the gap from what was told is another excursion.
                let apart = gap.zip(last).is_some_and(|(gap, last)| rule_at - last > gap);
                if beyond[level] {
                    track.see(number, observation.sent, rule.side);
                    if apart && before.is_some() {
                        // What was heard between lay inside.
                        track.since = Some(rule_at);
                        track.after = heard.filter(|heard| Some(*heard) > last);
                    }
                }
                let over = track.began.is_none() || (apart && beyond[level]);
                let due = state.watches.of(rule).and_then(|watch| watch.due(rule, level, state));
                let watch = state.watches.of_mut(rule);
                // What is due already is told with what it is graver than.
                watch.tracks[level].active |=
                    observation.corrects && due.is_some_and(|due| is_decided(due, alarms.now().at));
                fresh[level] = beyond[level] || (watch.tracks[level].active && !was_active);
                let inside = certain && !beyond[level];
                watch.note_past(rule, level, before.filter(|_| over), (inside, observation));
            }
            if counts {
                state.counted = Some(alarms.now().at);
            }
            if sure || beyond.contains(&true) {
                state.lost = false;
            }
            if alarms.is_empty() && state.watches.of(rule).is_none() {
                // Nothing is told, and nothing is to be.
                continue;
            }
            if state.lost {
                // What is no sign of life does not show that it is over.
                state.watches.begin_clearing_anew(rule);
            }
            let open = alarms.open_of(rule, source);
            alarms.settle(rule, source, state, fresh, (certain, judged));
            // What lies inside does not show of what is unknown that it holds.
            let rests = certain && judged && matches!(open, Some((_, Condition::Present, _)));
            let holds = state.watches.of(rule).is_some_and(|watch| watch.active_level().is_some());
            if holds
                && (beyond.contains(&true) || rests)
                && let Some((key, ..)) = alarms.open_of(rule, source)
            {
                alarms.known(&key, state.counted);
            }
            alarms.ask_for_repeat(rule, source, state, certain);
        }
        state.watches.tidy();
    }

    /// Whether there is nothing to remember or to tell of a number that is certain, as hardly ever is.
    fn is_calm(&self, reading: Reading<'_>, context: RuleContext<'_>) -> bool {
        let Number { value, unit, comparator, .. } = *reading.number;
        let signal = reading.observation.source.signal;
        let watched = self.series.value_at(reading.series).is_none_or(|s| !s.watches.is_empty());
        let nothing_told = self.alarms.is_empty() && self.limits.is_empty() && !watched;
        nothing_told
            && comparator.is_none()
            && context.rules.is_calm(signal, self.person(), value, unit)
    }

    /// A delay ran out with no further reading.
    fn delay_over(
        &mut self,
        series: usize,
        rule: &RuleId,
        level: Level,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Some(source) = self.series.key_at(series).cloned() else { return };
        let rule = context.rules.limits_of(source.signal).find(|r| r.id == *rule);
        if let Some(rule) = rule {
            let Parts { state, mut alarms, .. } = self.parts(series, context, out);
            let now = alarms.now().at;
            let lost = state.counted.or(state.arrival).filter(|_| !state.spot && !rule.spot);
            let until = lost.map_or(now, |counted| now.min(counted + state.gap(rule)));
            // What is due at the same moment is told at once, but what was lost before.
            let due = |other| state.watches.of(rule).and_then(|w| w.due(rule, other, state));
            let over = Level::ALL
                .map(|other| other == level || due(other).is_some_and(|due| due <= until));
            let watch = state.watches.of_mut(rule);
            for other in Level::ALL {
                watch.tracks[other].active |= over[other] && watch.tracks[other].began.is_some();
            }
            // That time went on is nothing heard of what is unknown.
            let open = alarms.open_of(rule, &source);
            let fresh = open.is_none_or(|(key, condition, _)| {
                condition != Condition::Unknown || alarms.book().is_heard_since(&key, state.counted)
            });
            alarms.settle(rule, &source, state, [fresh; 2], (false, false));
            alarms.ask_for_repeat(rule, &source, state, true);
        }
    }
}

impl Watch {
    /// Deadlines of running delays and of the tolerated gap.
    fn deadlines<'r>(
        &self,
        (series, state): (usize, &SeriesState),
        context: RuleContext<'r>,
        earliest: &mut Earliest<'r, '_>,
    ) {
        let Some(rule) = context.rules.get(&self.rule).and_then(Rule::as_limit) else { return };
        if state.arrival.is_none() || self.is_at_rest() {
            return;
        }
        if let Some(over) = self.gap_over(state, context) {
            earliest.offer(over, Deadline::Gap { series });
        }
        for (due, deadline) in self.delays((series, state), rule) {
            earliest.offer(due, deadline);
        }
    }

    /// When delays that run are over.
    pub(super) fn delays<'r>(
        &self,
        (series, state): (usize, &SeriesState),
        rule: &'r LimitRule,
    ) -> impl Iterator<Item = (Timestamp, Deadline<'r>)> {
        let explains = Reverse(rule.folds.len());
        Level::ALL.into_iter().filter_map(move |level| {
            let due = self.due(rule, level, state)?;
            Some((due, Deadline::Delay { explains, series, rule: &rule.id, level }))
        })
    }

    /// When the tolerated gap is over, if anything is known that is unknown then.
    pub(super) fn gap_over(
        &self,
        state: &SeriesState,
        context: RuleContext<'_>,
    ) -> Option<Timestamp> {
        let rule = context.rules.get(&self.rule).and_then(Rule::as_limit)?;
        let arrival = state.arrival.filter(|_| !self.is_at_rest())?;
        // What doubtful readings began after a loss is lost in its turn.
        let known = !rule.spot && !state.spot && (!state.lost || self.is_pending());
        known.then(|| state.counted.unwrap_or(arrival) + state.gap(rule))
    }

    /// When a delay that runs is over: of a stream by the measured times of what came, of single measurements by when
    /// the first arrived.
    fn due(&self, rule: &LimitRule, level: Level, state: &SeriesState) -> Option<Timestamp> {
        let track = &self.tracks[level];
        let (began, wait) = (track.pending()?, rule.wait(level));
        if let Some(arrived) = track.arrived.filter(|_| rule.spot || state.spot) {
            return Some(arrived + wait);
        }
        let newest = state.rule_at?;
        if began.rule_at > newest {
            // It began with its limit.
            return Some(began.rule_at + wait);
        }
        Some(state.arrival? + (began.rule_at + wait - newest).max(Span::ZERO))
    }
}
