//! Trends: the median of the last days, against a figure or against what was usual before (contract §5, Trends).
//!
//! Nothing falls due here: a trend is looked at when a value of its signal comes. While an alarm stands, usual is what
//! was usual when it began: nobody gets well by getting used to it.

use minicbor::{Decode, Encode};

use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured, Wanted};
use super::{Patient, RuleContext};
use crate::alarms::book::{Draft, Key};
use crate::alarms::draft::technical;
use crate::model::alarm::{Alarm, AlarmKind, Condition, LimitFrom, Trigger};
use crate::model::cause::Cause;
use crate::model::ids::RuleId;
use crate::model::observation::{DeviceInstant, Source};
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::rules::{Against, TrendRule};
use crate::text;

/// Of what is measured within so long the last counts.
const APART: Span = Span::hours(12);

/// Values of half a year, a day apart, and as many again.
const MOST: usize = 366;

/// What is remembered of one series by trends.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct TrendState {
    /// Which.
    #[n(0)]
    pub source: Source,
    /// Its values, oldest first, in the unit of its signal.
    #[n(1)]
    values: Vec<Measured>,
    /// The trends that an alarm stands for.
    #[n(2)]
    found: Vec<Found>,
}

/// A value that counts for its half day.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct Measured {
    /// When the first one of its half day was measured, in the gateway's own time.
    #[n(0)]
    since: Timestamp,
    /// When it was itself.
    #[n(1)]
    at: Timestamp,
    /// When, by its device's clock.
    #[n(2)]
    sent: Option<DeviceInstant>,
    /// What it was.
    #[n(3)]
    value: f64,
}

/// A trend that was found.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Found {
    #[n(0)]
    rule: RuleId,
    /// What was usual then.
    #[n(1)]
    usual: Option<f64>,
}

/// Where a series stands to a trend rule.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stands {
    /// The median of its last days.
    median: f64,
    /// The one before them, where that is what it is held against.
    usual: Option<f64>,
    limit: f64,
}

impl TrendState {
    fn new(source: Source) -> Self {
        Self { source, values: Vec::new(), found: Vec::new() }
    }

    /// Remembers a value, or one in the place of another, which was forgotten.
    fn note(&mut self, value: Measured, corrects: bool) {
        if corrects {
            let covers = |one: &Measured| one.since <= value.at && value.at - one.since < APART;
            if !self.values.iter().any(covers) {
                let place = self.values.partition_point(|one| one.at < value.at);
                self.values.insert(place, value);
            }
            return;
        }
        match self.values.last_mut() {
            Some(last) if value.at - last.since < APART => {
                *last = Measured { since: last.since, ..value };
            }
            _ => self.values.push(value),
        }
    }

    /// Forgets what no rule looks back at any more.
    fn prune(&mut self, horizon: Span) {
        let Some(newest) = self.values.last().map(|last| last.at) else { return };
        self.values.retain(|value| newest - value.at <= horizon);
        self.values.drain(..self.values.len().saturating_sub(MOST));
    }

    /// Where it stands to a rule, if enough is known.
    fn stands(&self, rule: &TrendRule) -> Option<Stands> {
        let newest = self.values.last()?.at;
        let of = |from: Span, to: Span| {
            let values = self.values.iter().filter(move |value| {
                let age = newest - value.at;
                age >= from && age < to
            });
            values.map(|value| value.value).collect::<Vec<f64>>()
        };
        let median = median(of(Span::ZERO, rule.over), rule.at_least)?;
        let held = self.found.iter().find(|found| found.rule == rule.id);
        let usual = match (held, rule.against) {
            (Some(found), _) => found.usual,
            (None, Against::Figure(_)) => None,
            (None, Against::Usual { at_least, .. }) => {
                Some(self::median(of(rule.over, rule.horizon()), at_least)?)
            }
        };
        Some(Stands { median, usual, limit: rule.limit(usual)? })
    }
}

/// The rules that follow a series.
fn trends_of<'r>(source: &Source, context: RuleContext<'r>) -> impl Iterator<Item = &'r TrendRule> {
    let of_signal = context.rules.trends_of(source.signal);
    of_signal.filter(|rule| rule.follows(&source.instance))
}

/// The median of some values, if they are enough.
fn median(mut values: Vec<f64>, at_least: usize) -> Option<f64> {
    if values.len() < at_least {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, upper))
}

/// Trends over days.
pub(super) struct Trends;

impl Kind for Trends {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Occurrence::Number(reading) = occurrence
            && (reading.is_live() || reading.observation.corrects)
            && reading.doubt_beside_age().is_none()
        {
            patient.follow(reading, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Reconfigured::Rules(wanted) = change {
            patient.judge_trends_again(*wanted, context, out);
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Reading(source, sent, _) => {
                let gone = |one: &Measured| sent.is_some() && one.sent == *sent;
                let of_source = patient.trends.iter_mut().filter(|state| state.source == **source);
                of_source.for_each(|state| state.values.retain(|one| !gone(one)));
            }
            Forgotten::Device(device, _) => {
                patient.trends.retain(|state| state.source.device != **device);
            }
            Forgotten::Rules(_) => {}
            Forgotten::Stay => patient.trends = Vec::new(),
        }
    }
}

impl Patient {
    /// A value of a signal came: how it goes is looked at.
    fn follow(&mut self, reading: Reading<'_>, context: RuleContext<'_>, out: &mut Output) {
        let source = &reading.observation.source;
        let Some(rule) = trends_of(source, context).next() else { return };
        let Some(value) = reading.number.unit.convert(reading.number.value, rule.unit) else {
            return;
        };
        let index = self.trends.iter().position(|state| state.source == *source);
        let index = index.unwrap_or_else(|| {
            self.trends.push(TrendState::new(source.clone()));
            self.trends.len() - 1
        });
        let Some(state) = self.trends.get_mut(index) else { return };
        let at = reading.observation.timing.rule_at;
        let sent = reading.observation.sent;
        state.note(Measured { since: at, at, sent, value }, reading.observation.corrects);
        let horizons = trends_of(source, context).map(TrendRule::horizon);
        state.prune(horizons.max().unwrap_or(Span::ZERO));
        for rule in trends_of(source, context) {
            self.judge_trend(index, rule, Some(reading), context, out);
        }
    }

    /// Judges a series by a rule, after a reading of it or because the rule is another.
    fn judge_trend(
        &mut self,
        index: usize,
        rule: &TrendRule,
        reading: Option<Reading<'_>>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Some(state) = self.trends.get_mut(index) else { return };
        let key = Key::new(rule.id.clone(), state.source.name());
        let open = self.alarms.get(&key).map(|open| open.alarm.condition);
        if open.is_none() {
            state.found.retain(|found| found.rule != rule.id);
        }
        let Some(stands) = state.stands(rule) else { return };
        let Stands { median, usual, limit } = stands;
        let found = state.found.iter().any(|found| found.rule == rule.id);
        // By a device that was bound before, say.
        let stands_open = matches!(open, Some(Condition::Present | Condition::Unknown));
        if (found || stands_open) && rule.is_inside(median, limit) {
            state.found.retain(|found| found.rule != rule.id);
            self.alarms.change(&key, None, out, Alarm::absent);
        } else if !found && rule.is_beyond(median, limit) {
            state.found.push(Found { rule: rule.id.clone(), usual });
            let device = state.source.device.clone();
            let class = self.class_of(&device, context).map(|class| class.acknowledge_for);
            let acknowledge_for = class.and_then(|holds| holds.of(rule.priority));
            let draft = self.trend_draft(key, index, rule, stands, reading, out);
            self.raise(Draft { acknowledge_for, ..draft }, out);
        }
    }

    /// The rules over what is known are others (row 23): what still holds is found anew.
    fn judge_trends_again(
        &mut self,
        wanted: Wanted<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        self.trends.retain(|state| trends_of(&state.source, context).next().is_some());
        for index in 0..self.trends.len() {
            let Some(state) = self.trends.get_mut(index) else { return };
            state.found.retain(|found| !wanted(&found.rule));
            let source = state.source.clone();
            for rule in trends_of(&source, context).filter(|rule| wanted(&rule.id)) {
                self.judge_trend(index, rule, None, context, out);
            }
        }
    }

    fn trend_draft(
        &self,
        key: Key,
        index: usize,
        rule: &TrendRule,
        stands: Stands,
        reading: Option<Reading<'_>>,
        out: &Output,
    ) -> Draft {
        let Stands { median, usual, limit } = stands;
        let source = self.trends.get(index).map(|state| &state.source);
        let cause = reading.map(|reading| reading.observation.cause.clone());
        let cause = cause.unwrap_or_else(|| Cause::noticed(None, out.now.at));
        let words =
            text::trend(&rule.label, rule.over, (median, limit), usual, rule.side, rule.unit);
        let draft = technical(
            key,
            source.map(|source| &source.device),
            rule.priority,
            Condition::Present,
            words,
            cause,
            out,
        );
        let timing = reading.map(|reading| &reading.observation.timing);
        Draft {
            kind: AlarmKind::Physiological,
            signal: source.map(|source| source.signal),
            sent: reading.and_then(|reading| reading.observation.sent),
            response: rule.response,
            advice: rule.advice.clone(),
            trigger: Trigger {
                value: Some(median),
                unit: Some(rule.unit),
                side: Some(rule.side),
                limit: Some(limit),
                limit_from: Some(LimitFrom::Pack),
                measured_at: timing.map(|timing| timing.measured),
                received_at: Some(out.wall()),
                ..Trigger::new(rule.signal_name.clone(), draft.trigger.time_quality)
            },
            ..draft
        }
    }
}
