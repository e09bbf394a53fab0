//! Predictions: a straight line through the last readings of a series, by least squares, crosses a limit soon (contract
//! §5, Predictions).

use minicbor::{Decode, Encode};

use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured, Silent, Wanted};
use super::series::SeriesState;
use super::{LatestValue, Patient, RuleContext};
use crate::alarms::book::{Draft, Key};
use crate::alarms::draft::technical;
use crate::model::alarm::{Alarm, AlarmKind, Condition, LimitFrom, Side, Trigger};
use crate::model::cause::Cause;
use crate::model::ids::RuleId;
use crate::model::observation::Source;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::rules::PredictionRule;
use crate::text;

/// Readings that make a line.
const AT_LEAST: usize = 3;

/// A prediction whose alarm stands.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct PredictionState {
    /// Of which series.
    #[n(0)]
    source: Source,
    /// By which rule.
    #[n(1)]
    rule: RuleId,
    /// Since when the line stays inside, in the gateway's own time.
    #[n(2)]
    inside_since: Option<Timestamp>,
}

/// Where a series goes.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    newest: LatestValue,
    /// What the newest value will be, in its unit.
    ahead: f64,
    /// The limit and the hysteresis, in the same unit.
    limit: f64,
    margin: f64,
}

impl Line {
    /// The line through the last readings of a series, if they make one.
    fn of(state: &SeriesState, rule: &PredictionRule) -> Option<Self> {
        let newest = state.latest.as_ref()?;
        let unit = newest.number.unit;
        let before = state.earlier.iter().flat_map(|earlier| earlier.newest_first());
        let points: Vec<(f64, f64)> = [newest]
            .into_iter()
            .chain(before)
            .filter(|value| newest.rule_at - value.rule_at <= rule.over)
            .filter(|value| value.number.comparator.is_none() && !value.contradicted)
            .filter_map(|value| {
                let minutes = (value.rule_at - newest.rule_at).as_secs_f64() / 60.0;
                Some((minutes, value.number.unit.convert(value.number.value, unit)?))
            })
            .collect();
        let oldest = points.iter().map(|(minutes, _)| *minutes).fold(0.0, f64::min);
        let half = rule.over.as_secs_f64() / 120.0;
        if points.len() < AT_LEAST || newest.number.comparator.is_some() || -oldest < half {
            return None;
        }
        let ahead = newest.number.value + slope(&points)? * rule.within.as_secs_f64() / 60.0;
        let newest = newest.clone();
        Some(Self { newest, ahead, limit: rule.limit(unit)?, margin: rule.margin(unit)?.abs() })
    }

    fn crosses(&self, rule: &PredictionRule) -> bool {
        rule.reaches(self.ahead, self.limit)
    }

    /// Whether the newest value is there already: that is for the limit to tell.
    fn is_there(&self, rule: &PredictionRule) -> bool {
        rule.reaches(self.newest.number.value, self.limit)
    }

    fn is_inside(&self, rule: &PredictionRule) -> bool {
        let further = match rule.side {
            Side::Low => self.limit + self.margin,
            Side::High => self.limit - self.margin,
        };
        !rule.reaches(self.ahead, further) && !self.is_there(rule)
    }
}

/// By how much a value changes a minute, by least squares.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - mean_x) * (y - mean_y), below + (x - mean_x) * (x - mean_x))
    });
    (below > 0.0).then(|| above / below)
}

/// Predictions.
pub(super) struct Predictions;

impl Kind for Predictions {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Occurrence::Number(reading) = occurrence
            && reading.is_certain()
        {
            let source = &reading.observation.source;
            for rule in context.rules.predictions_of(source.signal) {
                patient.predict(source, rule, Some(reading), context, out);
            }
        } else if let Occurrence::Silence(silent) = occurrence {
            patient.predictions_unknown(silent, out);
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
            patient.predict_again(*wanted, context, out);
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Device(device, _) => {
                patient.predictions.retain(|state| state.source.device != **device);
            }
            Forgotten::Stay => patient.predictions = Vec::new(),
            // An alarm that was closed is followed no more when the next reading comes.
            Forgotten::Reading(..) | Forgotten::Rules(_) => {}
        }
    }
}

impl Patient {
    /// Looks ahead along one series by one rule.
    fn predict(
        &mut self,
        source: &Source,
        rule: &PredictionRule,
        reading: Option<Reading<'_>>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let key = Key::new(rule.id.clone(), source.name());
        let condition = self.alarms.get(&key).map(|open| open.alarm.condition);
        let stands = matches!(condition, Some(Condition::Present | Condition::Unknown));
        let Some(line) = self.series.get(source).and_then(|state| Line::of(state, rule)) else {
            return;
        };
        let at = line.newest.rule_at;
        if line.crosses(rule) && (stands || !line.is_there(rule)) {
            self.inside(source, rule, None);
            if condition != Some(Condition::Present) {
                let class = self.class_of(&source.device, context).map(|c| c.acknowledge_for);
                let of_class = class.and_then(|holds| holds.of(rule.priority));
                let acknowledge_for = rule.acknowledge_for.or(of_class);
                let draft = draft(key, source, rule, line, reading, out);
                self.raise(Draft { acknowledge_for, ..draft }, out);
            }
        } else if stands && line.is_inside(rule) {
            let since = self.inside(source, rule, Some(at)).unwrap_or(at);
            if at - since >= rule.clear_delay {
                self.followed_no_more(source, rule);
                self.alarms.change(&key, None, out, Alarm::absent);
            }
        } else if stands {
            self.inside(source, rule, None);
        } else {
            self.followed_no_more(source, rule);
        }
    }

    /// Notes whether the line stays inside at an instant: since when it has.
    fn inside(
        &mut self,
        source: &Source,
        rule: &PredictionRule,
        at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let of_rule = |state: &PredictionState| state.source == *source && state.rule == rule.id;
        let index = self.predictions.iter().position(of_rule).unwrap_or_else(|| {
            let (source, rule) = (source.clone(), rule.id.clone());
            self.predictions.push(PredictionState { source, rule, inside_since: None });
            self.predictions.len() - 1
        });
        let state = self.predictions.get_mut(index)?;
        state.inside_since = at.map(|at| state.inside_since.unwrap_or(at));
        state.inside_since
    }

    fn followed_no_more(&mut self, source: &Source, rule: &PredictionRule) {
        self.predictions.retain(|state| state.source != *source || state.rule != rule.id);
    }

    /// Nothing was judged of a signal for too long: nobody knows where it goes (row 6).
    fn predictions_unknown(&mut self, silent: Silent<'_>, out: &mut Output) {
        let Silent { device, signal, reason, .. } = silent;
        let is_silent = |source: &Source| {
            source.device == *device && signal.is_none_or(|signal| signal == source.signal)
        };
        for state in self.predictions.iter_mut().filter(|state| is_silent(&state.source)) {
            state.inside_since = None;
            let key = Key::new(state.rule.clone(), state.source.name());
            self.alarms.change(&key, None, out, |alarm, now| alarm.input_lost(reason, now));
        }
    }

    /// The rules are others (row 23): what still holds is found anew.
    fn predict_again(&mut self, wanted: Wanted<'_>, context: RuleContext<'_>, out: &mut Output) {
        self.predictions.retain(|state| !wanted(&state.rule));
        let sources: Vec<Source> = self.series.keys().cloned().collect();
        for source in sources {
            let rules = context.rules.predictions_of(source.signal);
            for rule in rules.filter(|rule| wanted(&rule.id)) {
                let state = self.series.get(&source);
                let newest = state.and_then(|state| state.latest.as_ref());
                // A line of long ago goes nowhere any more.
                let fresh = newest.is_some_and(|newest| out.now.at - newest.rule_at <= rule.over);
                if fresh {
                    self.predict(&source, rule, None, context, out);
                }
            }
        }
    }
}

fn draft(
    key: Key,
    source: &Source,
    rule: &PredictionRule,
    line: Line,
    reading: Option<Reading<'_>>,
    out: &Output,
) -> Draft {
    let Line { newest, limit, .. } = line;
    let cause = reading.map(|reading| reading.observation.cause.clone());
    let cause = cause.unwrap_or_else(|| Cause::noticed(Some(source.device.clone()), out.now.at));
    let words = text::prediction(&rule.label, &newest.number, rule.side, limit, rule.within);
    let device = Some(&source.device);
    let draft = technical(key, device, rule.priority, Condition::Present, words, cause, out);
    Draft {
        kind: AlarmKind::Physiological,
        signal: Some(source.signal),
        series: Some(source.clone()),
        sent: newest.sent,
        response: rule.response,
        advice: rule.advice.clone(),
        trigger: Trigger {
            value: Some(newest.number.value),
            unit: Some(newest.number.unit),
            side: Some(rule.side),
            limit: Some(limit),
            limit_from: Some(LimitFrom::Pack),
            measured_at: Some(newest.measured),
            received_at: Some(newest.received),
            ..Trigger::new(rule.signal_name.clone(), draft.trigger.time_quality)
        },
        ..draft
    }
}
