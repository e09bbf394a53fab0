//! The alarm that a number beyond a limit raises.

use super::watch::{Evidence, Watch};
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{AlarmKind, Condition, Trigger};
use crate::model::crossing::{Crossing, Seen};
use crate::model::observation::{Number, Source};
use crate::model::time::Timestamp;
use crate::patient::alarms::PatientAlarms;
use crate::patient::{Doubt, SeriesState, technical};
use crate::rules::{Level, LimitRule};
use crate::text;

/// The number of a series that speaks of now.
pub(in crate::patient) fn newest(state: &SeriesState) -> Option<&Number> {
    let doubtful = state.doubtful.as_deref().filter(|value| value.doubt != Doubt::Late);
    let latest = state.latest.as_ref().map(|latest| &latest.number);
    doubtful.map(|value| &value.number).or(latest)
}

impl PatientAlarms<'_> {
    /// The open alarm of a rule is to tell what is known now of its series.
    pub(super) fn see(&mut self, key: &Key, rule: &LimitRule, state: &SeriesState) {
        let worst = state.watches.of(rule).into_iter().flat_map(Watch::worst);
        if let Some(now) = newest(state) {
            self.book().see(key, now, worst);
        }
    }
}

/// The alarm of a rule over a reading beyond one of its limits.
pub(super) fn limit_draft(
    rule: &LimitRule,
    source: &Source,
    evidence: &Evidence,
    level: Level,
    raised_at: Timestamp,
) -> Draft {
    let number = &evidence.number;
    let response = rule.response(level);
    let doubt = number.unit_doubtful.then(|| "unit doubtful".to_owned());
    let crossing = Crossing {
        name: rule.name.clone(),
        label: rule.label.clone(),
        side: rule.side,
        limit: evidence.limit,
        unit: number.unit,
        now: number.clone(),
        worst: Seen { number: number.clone(), sent: evidence.sent },
    };
    Draft {
        key: Key::new(rule.id.clone(), source.name()),
        kind: AlarmKind::Physiological,
        device: Some(source.device.clone()),
        signal: Some(source.signal),
        series: Some(source.clone()),
        sent: evidence.sent,
        priority: rule.priority(level),
        response,
        condition: Condition::Present,
        text: text::crossing(&crossing),
        crossing: Some(crossing),
        folds: rule.folds.clone(),
        advice: rule.advice.clone(),
        reason: doubt.or_else(|| technical::doubt_of(evidence.quality)),
        cause: evidence.cause.clone(),
        trigger: Trigger {
            value: Some(number.value),
            comparator: number.comparator,
            unit: Some(number.unit),
            side: Some(rule.side),
            limit: Some(evidence.limit),
            limit_from: Some(evidence.from),
            measured_at: Some(evidence.measured),
            relay_at: evidence.relay_at,
            received_at: Some(evidence.received),
            ..Trigger::new(rule.signal_name.clone(), evidence.quality)
        },
        rule_version: evidence.version,
        raised_at,
        late: false,
        latest: None,
        news: false,
        acknowledge_for: None,
        by_reading: true,
        resettable: false,
        known_at: None,
        way: None,
    }
}
