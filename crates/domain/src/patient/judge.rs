//! Limit rules over what is heard (contract §3, §5; docs/architecture.md, "Time").

use super::limits::valid_at;
use super::watch::{Evidence, LatestValue, SourceState, Track};
use super::{Context, Deadline, Patient, technical};
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{AlarmKind, Condition, Latest, Priority, Side, Trigger};
use crate::model::ids::RuleId;
use crate::model::observation::{Number, Observation, Source};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::{Level, LimitRule, Relation, Rule};

impl Patient {
    /// Judges a live number by every limit rule of its signal.
    pub(super) fn judge_live(
        &mut self,
        observation: &Observation,
        number: &Number,
        spot: bool,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let certain = !observation.timing.is_doubtful() && !number.unit_doubtful;
        let source = &observation.source;
        if certain {
            self.lose_if_gap_passed(observation, spot, context, out);
        }
        let place = self.sources.index_of(source);
        let mut state = std::mem::take(self.sources.at(place));
        state.interval = self.interval_of(source, context);
        state.judged(observation, out.now);
        if certain {
            state.show(observation, number);
        }
        let sets = std::mem::take(&mut self.limits);
        let (limits, version) = valid_at(&sets, observation.timing.own);
        let mut refused_age = false;
        for rule in context.rules.limits_of(source.signal) {
            if rule.adults_only && !self.is_adult() {
                refused_age = true;
                continue;
            }
            let mut beyond = [false; 2];
            for level in Level::ALL {
                let relation =
                    rule.relation(level, limits, number.value, number.unit, number.comparator);
                beyond[level] = matches!(relation, Relation::Beyond { .. });
                if !beyond[level] && state.known(rule).is_none() {
                    continue;
                }
                let track = &mut state.watch(rule).tracks[level];
                let evidence = |limit, from| {
                    Box::new(Evidence::new(observation, number, limit, from, version))
                };
                move_track(track, relation, certain, rule, level, spot, observation, evidence);
            }
            self.settle(rule, source, &mut state, beyond, certain, out);
            self.ask_for_repeat(rule, source, &state, certain, out);
        }
        self.limits = sets;
        state.tidy();
        if certain {
            state.lost = false;
            state.doubt = None;
        }
        *self.sources.at(place) = state;
        if certain {
            self.back(source, out);
            self.sign_of_life(source, &observation.cause, context, out);
            self.mind_losses(observation, spot, context, out);
        } else {
            self.doubted(observation, number.unit_doubtful);
        }
        if refused_age {
            self.refuse_age(source, &observation.cause, out);
        }
    }

    /// Takes out what is remembered of a series; [`Self::put_state`] must follow.
    pub(super) fn take_state(&mut self, source: &Source) -> SourceState {
        self.sources.get_mut(source).map(std::mem::take).unwrap_or_default()
    }

    /// Puts back what is remembered of a series.
    pub(super) fn put_state(&mut self, source: &Source, state: SourceState) {
        let place = self.sources.index_of(source);
        *self.sources.at(place) = state;
    }

    /// Brings the alarm of a rule into line with where its series stands.
    fn settle(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &mut SourceState,
        beyond: [bool; 2],
        certain: bool,
        out: &mut Output,
    ) {
        let Some(watch) = state.watches.iter_mut().find(|w| w.rule == rule.id) else { return };
        for (late, beyond) in watch.late.iter_mut().zip(beyond) {
            if certain && !beyond {
                *late = None;
            }
        }
        if watch.tracks[Level::Critical].active
            && watch.tracks[Level::Warning].began.is_some()
            && rule.spot
        {
            // What is critical needs no other measurement.
            watch.tracks[Level::Warning].active = true;
        }
        let watch = &*watch;
        let key = Key::new(rule.id.clone(), source.name());
        let open = self.alarms.get(&key).map(|o| (o.alarm.condition, o.alarm.priority));
        match (watch.active_level(), open) {
            (Some(level), None) => self.raise_limit(rule, source, state, level, out),
            (Some(level), Some((condition, priority))) => {
                let wanted = rule.priority(level);
                let fresh = beyond.contains(&true);
                if (condition != Condition::Present && fresh) || priority < wanted {
                    self.raise_limit(rule, source, state, level, out);
                } else if condition == Condition::Present && priority > wanted {
                    self.alarms.change(&key, None, out, |alarm, now| alarm.present(wanted, now));
                }
            }
            (None, Some((Condition::Present | Condition::Unknown, _)))
                if certain && !watch.is_pending() =>
            {
                let latest = state.latest_on(out.now, state.gap(rule));
                self.alarms.change(&key, None, out, |alarm, now| {
                    alarm.latest = latest;
                    alarm.absent(now)
                });
            }
            (None, _) => {}
        }
    }

    fn raise_limit(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &SourceState,
        level: Level,
        out: &mut Output,
    ) {
        let watch = state.watches.iter().find(|w| w.rule == rule.id);
        let Some(began) = watch.and_then(|w| w.tracks[level].began.as_deref()) else { return };
        let raised_at = out.now.shown(began.rule_at + rule.wait(level)).min(out.wall());
        let draft = limit_draft(rule, source, began, level, raised_at);
        let draft = Draft { latest: state.latest_on(out.now, state.gap(rule)), ..draft };
        self.alarms.raise(Self::owner(&self.details, self.ward.as_ref()), draft, out);
    }

    /// A delay ran out with no further reading.
    pub(super) fn delay_over(
        &mut self,
        source: &Source,
        rule: &RuleId,
        level: Level,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let mut state = self.take_state(source);
        let rule = context.rules.limits_of(source.signal).find(|r| r.id == *rule);
        if let Some(rule) = rule {
            state.watch(rule).tracks[level].active = true;
            self.settle(rule, source, &mut state, [true; 2], false, out);
            self.ask_for_repeat(rule, source, &state, true, out);
        }
        self.put_state(source, state);
    }

    /// Deadlines of running delays and of tolerated gaps.
    pub(super) fn watch_deadlines<'a>(
        &'a self,
        context: Context<'a>,
    ) -> impl Iterator<Item = (Timestamp, Deadline)> + 'a {
        self.sources.iter().enumerate().flat_map(move |(series, (_, state))| {
            let (arrival, rule_at) = (state.arrival, state.rule_at);
            state.watches.iter().flat_map(move |watch| {
                let rule = context.rules.get(&watch.rule).and_then(Rule::as_limit);
                let waits = rule.filter(|_| !watch.is_idle());
                // What doubtful readings began after a loss is lost in its turn.
                let heard = arrival.filter(|_| !state.lost || watch.is_pending());
                let streams = waits.filter(|rule| !rule.spot);
                let gap = streams
                    .zip(heard)
                    .map(|(rule, arrival)| (arrival + state.gap(rule), Deadline::Gap(series)));
                let delays = Level::ALL.into_iter().filter_map(move |level| {
                    let track = &watch.tracks[level];
                    let began = track.began.as_ref().filter(|_| !track.active)?;
                    let left = began.rule_at + waits?.wait(level) - rule_at?;
                    let due = arrival? + left.max(Span::ZERO);
                    Some((due, Deadline::Delay(series, watch.rule.clone(), level)))
                });
                gap.into_iter().chain(delays)
            })
        })
    }

    /// A gap that passed unnoticed, because nobody listened, is noticed at the first reading after it.
    fn lose_if_gap_passed(
        &mut self,
        observation: &Observation,
        spot: bool,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let source = &observation.source;
        let Some(state) = self.sources.get(source) else { return };
        let Some(last) = state.rule_at.filter(|_| !state.lost && !spot) else { return };
        let rules = context.rules.limits_of(source.signal).filter(|r| !r.spot);
        let gap = rules.map(|rule| state.gap(rule)).max();
        if gap.is_some_and(|gap| observation.timing.rule_at - last > gap) {
            self.lose(source, out.now.at, context, out);
        }
    }

    /// A continuous signal is silent for longer than its tolerated gap, since then (rows 3 and 6).
    pub(super) fn lose(
        &mut self,
        source: &Source,
        since: Timestamp,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let Some(state) = self.sources.get_mut(source) else { return };
        state.lost = true;
        let mut pending: Option<(Priority, Box<Evidence>)> = None;
        for watch in state.watches.iter_mut() {
            let Some(rule) = context.rules.get(&watch.rule).and_then(Rule::as_limit) else {
                continue;
            };
            for level in Level::ALL {
                let track = &mut watch.tracks[level];
                track.inside_since = None;
                if !track.active
                    && let Some(began) = track.began.take()
                {
                    let priority = rule.priority(level);
                    if pending.as_ref().is_none_or(|(worst, _)| *worst < priority) {
                        pending = Some((priority, began));
                    }
                }
            }
        }
        state.tidy();
        let reason = state.doubt.as_ref().map_or("no data", |doubt| doubt).to_owned();
        for key in self.keys_of(source, context) {
            self.alarms.change(&key, None, out, |alarm, now| alarm.input_lost(&reason, now));
        }
        if let Some((priority, began)) = pending {
            self.lost_while_pending(source, priority, &began, since, context, out);
        }
    }

    /// Physiological alarms over what one series says; that it says nothing is no reason to doubt
    /// its loss.
    pub(super) fn keys_of(&self, source: &Source, context: Context<'_>) -> Vec<Key> {
        let name = source.name();
        self.alarms.keys_where(|key, open| {
            open.alarm.kind == AlarmKind::Physiological
                && context.rules.get(&key.rule).and_then(Rule::as_loss).is_none()
                && open.signal == Some(source.signal)
                && key.source == name
        })
    }

    /// Judges the latest live value of a series at once, by level, under rules that are new to it.
    pub(super) fn judge_latest(
        &mut self,
        source: &Source,
        wanted: impl Fn(&RuleId) -> bool,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let mut state = self.take_state(source);
        let mut held = false;
        for rule in context.rules.limits_of(source.signal).filter(|r| wanted(&r.id)) {
            if rule.adults_only && !self.is_adult() {
                continue;
            }
            if self.hold_latest(rule, source, &mut state) {
                self.settle(rule, source, &mut state, [true; 2], false, out);
                held = true;
            }
        }
        let lost = state.lost && held;
        self.put_state(source, state);
        if lost {
            self.lose(source, out.now.at, context, out);
        }
    }

    /// Marks the levels the latest value is beyond as held; whether there is one.
    fn hold_latest(&self, rule: &LimitRule, source: &Source, state: &mut SourceState) -> bool {
        let Some(latest) = state.latest.clone() else { return false };
        let (limits, version) = self.limits_at(latest.rule_at);
        let number = &latest.number;
        let mut holds = false;
        for level in Level::ALL {
            let relation =
                rule.relation(level, limits, number.value, number.unit, number.comparator);
            let Relation::Beyond { limit, from } = relation else { continue };
            let evidence = Evidence {
                number: number.clone(),
                cause: latest.place.of(&source.device),
                measured: latest.measured,
                relay_at: None,
                received: latest.received,
                quality: crate::model::alarm::TimeQuality::Synced,
                rule_at: latest.rule_at,
                limit,
                from,
                version,
            };
            let track = &mut state.watch(rule).tracks[level];
            *track = Track { began: Some(Box::new(evidence)), active: true, inside_since: None };
            holds = true;
        }
        holds
    }

    /// A live value closes alarms of another source of the same signal that is gone (row 24).
    pub(super) fn back(&mut self, source: &Source, out: &mut Output) {
        if self.alarms.is_empty() {
            return;
        }
        let replaced =
            self.alarms.keys_where(|_, open| open.unbound && open.signal == Some(source.signal));
        for key in replaced {
            self.alarms.close(&key, Change::SourceReplaced, "source_replaced", None, out);
        }
        self.technical_back(source, out);
    }
}

/// Moves one limit's track by one reading.
#[expect(clippy::too_many_arguments, reason = "one reading against one limit of one rule")]
fn move_track(
    track: &mut Track,
    relation: Relation,
    certain: bool,
    rule: &LimitRule,
    level: Level,
    only_spot: bool,
    observation: &Observation,
    evidence: impl FnOnce(f64, crate::model::alarm::LimitFrom) -> Box<Evidence>,
) {
    let rule_at = observation.timing.rule_at;
    let spot = only_spot || rule.spot;
    match relation {
        Relation::Beyond { limit, from } => {
            track.inside_since = None;
            // Another measurement beyond confirms the first; hand-entered ones are confirmed.
            let first = track.began.is_none();
            let asks = first && !only_spot && level == Level::Warning && rule.confirm.is_some();
            let began = track.began.get_or_insert_with(|| evidence(limit, from)).rule_at;
            track.active |= if spot { !asks } else { rule_at - began >= rule.delay(level) };
        }
        Relation::Inside if certain && track.active => {
            let since = *track.inside_since.get_or_insert(rule_at);
            if spot || rule_at - since >= rule.clear_delay {
                *track = Track::default();
            }
        }
        Relation::Between if certain && track.active => track.inside_since = None,
        Relation::Inside | Relation::Between if certain => *track = Track::default(),
        Relation::NoLimit => *track = Track::default(),
        Relation::Inside | Relation::Between | Relation::Ambiguous => {}
    }
}

/// The alarm a reading beyond a limit raises.
pub(super) fn limit_draft(
    rule: &LimitRule,
    source: &Source,
    evidence: &Evidence,
    level: Level,
    raised_at: Timestamp,
) -> Draft {
    let number = &evidence.number;
    let response = rule.responses[level];
    let doubt = number.unit_doubtful.then(|| "unit doubtful".to_owned());
    let comparator = number.comparator.map_or("", crate::model::message::Comparator::as_str);
    let word = match rule.side {
        Side::Low => "below",
        Side::High => "above",
    };
    Draft {
        key: Key::new(rule.id.clone(), source.name()),
        kind: AlarmKind::Physiological,
        device: Some(source.device.clone()),
        signal: Some(source.signal),
        series: Some(source.clone()),
        priority: rule.priority(level),
        response,
        condition: Condition::Present,
        text: format!(
            "{} {comparator}{} {} {word} {} {}",
            rule.label,
            technical::figure(number.value),
            number.unit,
            technical::figure(evidence.limit),
            number.unit
        ),
        advice: rule.advice.clone(),
        reason: doubt.or_else(|| technical::doubt_of(evidence.quality)),
        cause: evidence.cause.clone(),
        trigger: Trigger {
            signal: rule.signal_name.clone(),
            value: Some(number.value),
            comparator: number.comparator,
            unit: Some(number.unit),
            side: Some(rule.side),
            limit: Some(evidence.limit),
            limit_from: Some(evidence.from),
            measured_at: Some(evidence.measured),
            relay_at: evidence.relay_at,
            received_at: Some(evidence.received),
            time_quality: evidence.quality,
        },
        rule_version: evidence.version,
        raised_at,
        late: false,
        latest: None,
        news: false,
    }
}

impl SourceState {
    /// Makes a value the latest.
    fn show(&mut self, observation: &Observation, number: &Number) {
        let timing = &observation.timing;
        let place = observation.cause.position();
        if self.latest.as_ref().is_some_and(|l| l.place == place) {
            return;
        }
        self.before = self.latest.take().map(|l| (l.rule_at, l.number.value));
        self.latest = Some(LatestValue {
            number: number.clone(),
            place,
            measured: timing.measured,
            received: timing.received,
            rule_at: timing.rule_at,
        });
    }

    /// The latest value as an alarm shows it; older than `gap` it is stale.
    pub(super) fn latest_on(&self, now: Stamp, gap: Span) -> Option<Latest> {
        self.latest.as_ref().map(|latest| {
            let age = now.at - latest.rule_at;
            Latest {
                value: latest.number.value,
                unit: latest.number.unit,
                measured_at: latest.measured,
                age_s: age.as_secs_f64(),
                stale: age > gap,
            }
        })
    }
}
