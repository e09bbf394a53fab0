//! The alarm that a number beyond a limit raises.

use super::watch::Evidence;
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{AlarmKind, Condition, Side, Trigger};
use crate::model::message::Comparator;
use crate::model::observation::Source;
use crate::model::time::Timestamp;
use crate::patient::technical;
use crate::rules::{Level, LimitRule};

/// The alarm of a rule over a reading beyond one of its limits.
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
    let comparator = number.comparator.map_or("", Comparator::as_str);
    let word = match rule.side {
        Side::Low => "below",
        Side::High => "above",
    };
    let (value, limit) = (technical::figure(number.value), technical::figure(evidence.limit));
    let unit = number.unit.written();
    let crossing = if rule.name.is_some() {
        format!("{} {comparator}{value} {unit}", rule.label).trim_end().to_owned()
    } else {
        let crossing = format!("{} {comparator}{value} {unit} {word} {limit} {unit}", rule.label);
        crossing.replace("  ", " ").trim_end().to_owned()
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
        text: technical::named(rule.name.as_deref(), crossing),
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
        acknowledge_for: rule.acknowledge_for[level],
        by_reading: true,
        resettable: false,
    }
}
