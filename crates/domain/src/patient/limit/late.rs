//! Late data: they may raise, marked so, and clear nothing (contract §3).

use super::draft::limit_draft;
use super::excursion::{Sides, Word};
use super::own::{LimitSet, valid_at};
use super::watch::Evidence;
use crate::alarms::book::Draft;
use crate::model::alarm::{Condition, Priority, Response, TimeQuality};
use crate::model::observation::{Number, Observation, Source};
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::patient::alarms::{Parts, PatientAlarms};
use crate::patient::judgement::Reading;
use crate::patient::{Patient, RuleContext, SeriesState};
use crate::rules::{Level, LimitRule, Relation};
use crate::text;

impl Patient {
    /// Judges a late number: it may raise, marked as late, and clears nothing.
    pub(super) fn judge_late(
        &mut self,
        reading: Reading<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Reading { observation, series, spot, .. } = reading;
        let source = &observation.source;
        let rules = self.judging(source.signal, observation.timing.own, context);
        let Parts { state, limits, adult, mut alarms } = self.parts(series, context, out);
        let sets = (limits, adult);
        let age = observation.timing.received - observation.timing.measured;
        let (now, mut kept) = (alarms.now().at, Span::ZERO);
        for rule in rules {
            let spot = spot || rule.spot;
            let told = if age > rule.actionable { Word::Noted } else { Word::Told };
            let manner = (spot, told);
            if let Some((level, worst)) = state.add_late(rule, reading, sets, manner) {
                alarms.announce_late(rule, source, &worst, level, told);
            }
            kept = kept.max(rule.actionable);
        }
        state.remember_late(reading, (now, kept));
        state.watches.tidy();
    }
}

impl SeriesState {
    /// Remembers a late number for as long as it may part one excursion from another.
    fn remember_late(&mut self, reading: Reading<'_>, (now, kept): (Timestamp, Span)) {
        let Observation { timing, sent, .. } = reading.observation;
        if timing.quality != TimeQuality::Unknown && !reading.observation.conflict {
            let value = (reading.number, timing.rule_at, *sent);
            self.earlier.get_or_insert_default().push_late(value, (now, kept));
        }
    }

    /// Adds a late number to the excursions it belongs to. The gravest level to be announced with it, and its worst
    /// reading: an excursion is announced once it has lasted for the delay, and again only where it turns out to be
    /// graver.
    fn add_late(
        &mut self,
        rule: &LimitRule,
        reading: Reading<'_>,
        (sets, adult): (&[LimitSet], bool),
        (spot, word): (bool, Word),
    ) -> Option<(Level, Evidence)> {
        let Reading { observation, number, .. } = reading;
        let limits = valid_at(sets, adult, observation.timing.own);
        let evidence =
            |limit, from| Box::new(Evidence::new(observation, number, limit, from, limits.version));
        let at = observation.timing.rule_at;
        let timed = observation.timing.quality != TimeQuality::Unknown;
        let gap = (!spot).then(|| self.gap(rule));
        let mut known = self.known_values(rule, (sets, adult), &[]);
        let mut announced = None;
        for level in Level::ALL {
            let relation =
                rule.relation(level, limits, number.value, number.unit, number.comparator);
            let Relation::Beyond { limit, from } = relation else {
                // What is in doubt parts nothing, as while values contradict each other.
                let clear = relation != Relation::Ambiguous && !observation.conflict && timed;
                // Nor does the milder of two values of one time.
                let parts = clear && !known[level].beyond.contains(&at);
                if parts && self.watches.of(rule).is_some() {
                    self.watches.of_mut(rule).past[level].inside(at, &known[level].beyond);
                }
                continue;
            };
            let watch = self.watches.of_mut(rule);
            // What comes late and lies beyond shows that it was not over.
            watch.tracks[level].inside_since.take_if(|since| *since <= at);
            if level == Level::Critical {
                // What lies inside the ordinary limit lies inside the critical one.
                known[level].inside_as_well(watch.past[Level::Warning].inside_at());
            }
            // Beside what is told as it happens nothing else begins.
            let goes_on = gap.is_some_and(|gap| watch.is_told_near(level, at, gap));
            let past = &mut watch.past[level];
            past.forget_before(at - rule.actionable, gap.is_none());
            let reach = (gap, rule.actionable);
            past.beyond(evidence(limit, from), rule.side, reach, &known[level]);
            let Some(excursion) = past.around(at) else { continue };
            let delay = if spot || !timed { Span::ZERO } else { rule.delay(level) };
            if excursion.lasts() >= delay && !excursion.is_said(word, level) {
                announced = excursion.worst().map(|worst| (level, worst.clone()));
            } else if goes_on {
                past.say_at(at, Word::Told, level);
            } else if watch.past[Level::Warning].is_said_at(at, Word::Told, Level::Critical) {
                // All of it was told as critical.
                watch.past[Level::Critical].say_at(at, Word::Told, level);
            }
        }
        let (level, worst) = announced?;
        // What is critical is beyond the ordinary limit as well: the whole of it is told.
        let watch = self.watches.of_mut(rule);
        let said_before = watch.past.iter().any(|past| past.is_said_at(at, word, level));
        for milder in Level::ALL.into_iter().filter(|milder| *milder <= level) {
            watch.past[milder].say_at(at, word, level);
        }
        (!said_before).then_some((level, worst))
    }
}

impl SeriesState {
    /// Where values that are remembered stood to a limit when they were measured, by level: no excursion reaches over
    /// those inside. What was known of these instants is `gone`, but for what is remembered of them.
    pub(super) fn known_values(
        &self,
        rule: &LimitRule,
        (sets, adult): (&[LimitSet], bool),
        gone: &[Timestamp],
    ) -> [Sides; 2] {
        let latest = self.latest.iter();
        let latest = latest.map(|value| (&value.number, value.rule_at, value.contradicted));
        let earlier = self.earlier.iter().flat_map(|earlier| earlier.all());
        let values: Vec<(&Number, Timestamp, bool)> = latest.chain(earlier).collect();
        Level::ALL.map(|level| {
            let mut sides = Sides::default();
            // What is not told yet lies beyond as well.
            let track = self.watches.of(rule).map(|watch| &watch.tracks[level]);
            let began = track.and_then(|track| track.began.as_deref()).map(|began| began.rule_at);
            sides.beyond.extend(began.filter(|began| !gone.contains(began)));
            for (number, rule_at, contradicted) in &values {
                let Number { value, unit, comparator, .. } = **number;
                let limits = valid_at(sets, adult, *rule_at);
                match rule.relation(level, limits, value, unit, comparator) {
                    Relation::Inside | Relation::Between if !contradicted => {
                        sides.inside.push(*rule_at);
                    }
                    Relation::Beyond { .. } => sides.beyond.push(*rule_at),
                    Relation::Inside
                    | Relation::Between
                    | Relation::Ambiguous
                    | Relation::NoLimit => {}
                }
            }
            // Of values of one instant the milder one parts nothing.
            sides.inside.retain(|at| !sides.beyond.contains(at));
            sides
        })
    }
}

impl PatientAlarms<'_> {
    fn announce_late(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        evidence: &Evidence,
        level: Level,
        word: Word,
    ) {
        let draft = limit_draft(rule, source, evidence, level, evidence.measured);
        let then = || format!("{} at {}", draft.text, evidence.measured);
        if word == Word::Noted {
            return self.note(&source.device, "historical", then());
        }
        let held = self.open(&draft.key).map(|(condition, _)| condition);
        if matches!(held, Some(Condition::Present | Condition::Unknown)) {
            // The open alarm keeps what is known of the present.
            return self.note(&source.device, "late", then());
        }
        self.raise(Draft {
            priority: lowered(draft.priority, draft.response),
            condition: Condition::Momentary,
            text: text::late(&draft.text),
            crossing: None,
            late: true,
            ..draft
        });
    }
}

/// One step lower for rules that ask for a response now (contract §3).
pub(in crate::patient) fn lowered(priority: Priority, response: Response) -> Priority {
    match (response, priority) {
        (Response::Immediate | Response::Prompt, Priority::High) => Priority::Medium,
        (Response::Immediate | Response::Prompt, Priority::Medium) => Priority::Low,
        (Response::Immediate | Response::Prompt, Priority::Low) => Priority::Info,
        _ => priority,
    }
}
