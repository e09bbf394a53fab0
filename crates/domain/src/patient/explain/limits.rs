//! Limits: what each compares with, where that came from, and where each series stands to it.

use super::{Explained, NotJudged, RuleKind, Standing, State, Subject, View};
use crate::alarms::book::Key;
use crate::model::alarm::{Condition, LimitFrom, Priority, Response};
use crate::model::command::PatientLimit;
use crate::model::observation::Source;
use crate::model::time::{Span, Timestamp};
use crate::model::unit::Unit;
use crate::patient::limit::{Watch, clears_after};
use crate::patient::{Deadline, Due, SeriesState};
use crate::rules::{Amount, InForce, Level, LimitRule};

/// One of the two limits of a rule, as it holds for a patient now.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelInForce {
    /// The ordinary or the critical one.
    pub level: Level,
    /// The limit, in the unit that its device sends; `None` where it is switched off.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: Unit,
    /// Whose it is.
    pub from: LimitFrom,
    /// Who put it, if it is the patient's own.
    pub put: Option<Put>,
    /// Beyond it for so long is an alarm.
    pub delay: Span,
    /// How serious that is.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// When a delay that runs is over.
    pub due_at: Option<Timestamp>,
}

/// Who put a limit of a patient's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// Who.
    pub by: String,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// From when on it holds.
    pub from: Timestamp,
    /// When it ends; `None` is with the stay.
    pub until: Option<Timestamp>,
}

/// How a limit compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Back inside means so far inside.
    pub hysteresis: Amount,
    /// Back inside for so long ends the alarm.
    pub clear_delay: Span,
    /// Without a reading for so long nobody knows; `None` where every reading counts by itself.
    pub gap: Option<Span>,
    /// Every reading counts at once.
    pub single: bool,
    /// No limit of the patient's own takes its place.
    pub floor: bool,
    /// A single measurement beyond the ordinary limit asks for another one, and stands by itself after so long.
    pub repeat_within: Option<Span>,
}

/// A series, and the rule that follows it.
#[derive(Clone, Copy)]
struct Followed<'a> {
    rule: &'a LimitRule,
    index: usize,
    source: &'a Source,
    state: &'a SeriesState,
    limits: InForce<'a>,
}

impl<'a> View<'a> {
    /// The rows of a limit.
    pub(super) fn limit(self, rule: &'a LimitRule, put: &[Standing], rows: &mut Vec<Explained>) {
        let person = self.patient.person();
        let mut judging = self.patient.judging(rule.signal, self.now.at, self.context);
        let judges = judging.any(|other| other.id == rule.id);
        // What is made for others, and not refused, is none of the patient's.
        let refused = !judges && rule.whom.adults_only && !person.adult;
        let limits = self.patient.limits_at(self.now.at);
        // A side without any limit is only there for one that a person may put.
        let is_own = |own: &PatientLimit| own.signal == rule.signal_name && own.side == rule.side;
        let nothing = rule.levels.iter().all(Option::is_none) && !limits.own.iter().any(is_own);
        let (judges, refused) = (judges && !nothing, refused && !nothing);
        let subject = Subject {
            rule: &rule.id,
            kind: RuleKind::Limit,
            name: rule.name.as_ref(),
            label: &rule.label,
            signal: Some(rule.signal),
            side: Some(rule.side),
        };
        let first = rows.len();
        for (index, source) in self.series_of(&rule.id, rule.signal) {
            let Some(state) = self.patient.series.value_at(index) else { continue };
            let key = Key::new(rule.id.clone(), source.name());
            if !judges && !refused && self.patient.alarms.get(&key).is_none() {
                continue;
            }
            let followed = Followed { rule, index, source, state, limits };
            rows.push(self.limit_over(subject, followed, judges, put));
        }
        if judges || refused {
            self.unsent(subject, rule.signal, rows);
            for row in rows[first..].iter_mut().filter(|row| row.terms.is_none()) {
                let unit = self.unit(rule, None);
                row.levels = levels(rule, limits, unit, put);
                row.terms = Some(terms(rule, None));
                if refused {
                    row.state = State::NotJudged(NotJudged::AgeClass);
                } else if let Some(why) = self.why_none(rule, limits, unit) {
                    row.state = State::NotJudged(why);
                }
            }
        }
    }

    fn limit_over(
        self,
        subject: Subject<'_>,
        followed: Followed<'a>,
        judges: bool,
        put: &[Standing],
    ) -> Explained {
        let Followed { rule, index, source, state, limits } = followed;
        let key = Key::new(rule.id.clone(), source.name());
        let unit = self.unit(rule, Some(state));
        let watch = state.watches.of(rule);
        let intake = self.intake();
        let delays = watch.into_iter().flat_map(|watch| watch.delays((index, state), rule));
        let delays: Vec<Due<'_>> = delays.filter_map(|(at, due)| intake.due(at, due)).collect();
        // What is known of one is lost with all.
        let gaps = state.watches.iter().filter_map(|watch| watch.gap_over(state, self.context));
        let gap = gaps.filter_map(|at| intake.due(at, Deadline::Gap { series: index })).min();
        let first = delays.iter().min().copied();
        let of_alarm = self.patient.alarms.deadline_of(&key).map(|at| self.now.shown(at));
        let due = [self.shown(first), self.shown(gap).filter(|_| watch.is_some()), of_alarm];
        let mut row = Explained {
            instance: source.instance.clone(),
            levels: levels(rule, limits, unit, put),
            terms: Some(terms(rule, Some((state, self.asks(source))))),
            state: self.stands(followed, judges, (first, gap)),
            alarm: self.patient.alarms.get(&key).map(Into::into),
            kept_back: self.kept_back(&rule.id, Some(&key)),
            last: state.last_judged(),
            doubtful: state.in_doubt(),
            due_at: due.into_iter().flatten().min(),
            ..self.row(subject, Some(&source.device), State::Watching)
        };
        for level in &mut row.levels {
            let of_level = delays.iter().find(|due| due.level() == Some(level.level)).copied();
            level.due_at = self.shown(of_level);
        }
        row
    }

    /// Where a series stands to a rule.
    fn stands(
        self,
        followed: Followed<'_>,
        judges: bool,
        (delay, gap): (Option<Due<'_>>, Option<Due<'_>>),
    ) -> State {
        let Followed { rule, source, state, limits, .. } = followed;
        let key = Key::new(rule.id.clone(), source.name());
        let open = self.patient.alarms.get(&key).map(|open| &open.alarm);
        let watch = state.watches.of(rule);
        match open.map(|alarm| alarm.condition) {
            Some(Condition::Present) => return self.alarming(followed, watch),
            Some(Condition::Unknown) => {
                let why = open.and_then(|alarm| alarm.condition_reason.clone());
                let since = open.map(|alarm| alarm.condition_since);
                return State::Unknown { since, why: why.unwrap_or_default() };
            }
            Some(Condition::Absent | Condition::Momentary) | None => {}
        }
        if let Some(state) = watch.and_then(|watch| self.pending(followed, watch, (delay, gap))) {
            return state;
        }
        if !judges {
            return State::NotJudged(NotJudged::AgeClass);
        }
        if let Some(why) = self.why_none(rule, limits, self.unit(rule, Some(state))) {
            return State::NotJudged(why);
        }
        let stale = !state.spot && !rule.spot;
        self.at_rest(source, state, stale.then(|| state.gap(rule)))
    }

    /// Its alarm is open and what it looks for is there, or was until a moment ago.
    fn alarming(self, followed: Followed<'_>, watch: Option<&Watch>) -> State {
        let Followed { rule, state, .. } = followed;
        let active = || {
            let levels = Level::ALL.into_iter().rev();
            levels.filter_map(|level| {
                let track = &watch?.tracks[level];
                track.active.then_some((level, track))
            })
        };
        // It is over with the last of them.
        let inside: Option<Vec<Timestamp>> =
            active().map(|(_, track)| track.inside_since).collect();
        if let Some(since) = inside.and_then(|inside| inside.into_iter().max()) {
            let after = clears_after(state.spot || rule.spot, rule.clear_delay(state.interval));
            let (since, ends_at) = (self.now.shown(since), self.now.shown(since + after));
            return State::Clearing { since, ends_at };
        }
        State::Alarming { level: active().next().map(|(level, _)| level) }
    }

    /// A delay runs, if one does.
    fn pending(
        self,
        Followed { rule, source, .. }: Followed<'_>,
        watch: &Watch,
        (delay, gap): (Option<Due<'_>>, Option<Due<'_>>),
    ) -> Option<State> {
        let level = delay.and_then(|due| due.level());
        let pending = |level: &Level| watch.tracks[*level].pending();
        let level =
            level.or_else(|| Level::ALL.into_iter().rev().find(|l| pending(l).is_some()))?;
        let since = self.now.shown(pending(&level)?.rule_at);
        let fires_at = self.shown(delay.filter(|delay| gap.is_none_or(|gap| *delay < gap)));
        let asks = rule.confirm.as_ref().filter(|_| level == Level::Warning);
        let asked = asks.map(|confirm| Key::new(confirm.request.clone(), source.name()));
        if asked.is_some_and(|request| self.patient.alarms.holds(&request)) {
            return Some(State::RepeatAsked { since, fires_at });
        }
        let lost_at = self.shown(gap.filter(|_| fires_at.is_none()));
        Some(State::DelayRunning { level: Some(level), since, fires_at, lost_at })
    }

    /// Why a rule has no limit in force, if it has none.
    fn why_none(self, rule: &LimitRule, limits: InForce<'_>, unit: Unit) -> Option<NotJudged> {
        let mut levels = Level::ALL.into_iter();
        if levels.any(|level| rule.limit(level, limits, unit).is_some()) {
            return None;
        }
        if rule.floor && rule.is_covered(limits) {
            let by = self.context.rules.beside(rule)?.id.clone();
            return Some(NotJudged::Covered { by });
        }
        let off = Level::ALL.into_iter().any(|level| rule.is_switched_off(level, limits));
        Some(match (off, rule.whom.adults_only && !limits.adult) {
            (true, _) => NotJudged::SwitchedOff,
            (false, true) => NotJudged::AgeClass,
            (false, false) => NotJudged::NoLimit,
        })
    }

    /// In which unit its limits are told: the one that was sent, else that of the signal.
    fn unit(self, rule: &LimitRule, state: Option<&SeriesState>) -> Unit {
        let sent = state.and_then(SeriesState::newest).map(|newest| newest.number.unit);
        let of_signal = || self.context.signals.get(rule.signal)?.unit;
        sent.or_else(of_signal).unwrap_or(Unit::One)
    }

    /// Whether a single measurement of a series asks for another: what a person entered was looked at.
    fn asks(self, source: &Source) -> bool {
        let class = self.patient.class_of(&source.device, self.context);
        !class.is_some_and(|class| class.charted)
    }
}

/// The limits of a rule that hold, and those that are switched off.
fn levels(
    rule: &LimitRule,
    limits: InForce<'_>,
    unit: Unit,
    put: &[Standing],
) -> Vec<LevelInForce> {
    let of_level = |level: Level| {
        let limit = rule.limit(level, limits, unit);
        let off = rule.is_switched_off(level, limits);
        let (value, from) = match limit {
            Some((value, from)) => (Some(value), from),
            None => (None, LimitFrom::Patient),
        };
        let is_it = |one: &&Standing| {
            let own = &one.limit;
            own.signal == rule.signal_name && own.side == rule.side && Level::of(own) == level
        };
        let put = put.iter().filter(|_| from == LimitFrom::Patient).find(is_it).map(|one| Put {
            by: one.by.clone(),
            reason: one.reason.clone(),
            from: one.from,
            until: one.limit.until,
        });
        (limit.is_some() || off).then(|| LevelInForce {
            level,
            value,
            unit,
            from,
            put,
            delay: rule.delay(level),
            priority: rule.priority(level),
            response: rule.response(level),
            due_at: None,
        })
    };
    Level::ALL.into_iter().filter_map(of_level).collect()
}

/// How a rule compares, over a series and whether that asks for another measurement.
fn terms(rule: &LimitRule, series: Option<(&SeriesState, bool)>) -> Terms {
    let state = series.map(|(state, _)| state);
    let single = rule.spot || state.is_some_and(|state| state.spot);
    let interval = state.and_then(|state| state.interval);
    let asks = series.is_none_or(|(_, asks)| asks);
    Terms {
        hysteresis: rule.hysteresis,
        clear_delay: clears_after(single, rule.clear_delay(interval)),
        gap: (!single).then(|| rule.tolerated_gap(interval)),
        single,
        floor: rule.floor,
        repeat_within: rule.confirm.as_ref().filter(|_| asks).map(|confirm| confirm.within),
    }
}
