//! The drafts of technical alarms.

use super::book::{Draft, Key};
use crate::model::alarm::{AlarmKind, Condition, Priority, Response, TimeQuality, Trigger};
use crate::model::cause::Cause;
use crate::model::ids::DeviceId;
use crate::output::Output;

/// A technical alarm with the usual fields.
pub(crate) fn technical(
    key: Key,
    device: Option<&DeviceId>,
    priority: Priority,
    condition: Condition,
    text: String,
    cause: Cause,
    out: &Output,
) -> Draft {
    Draft {
        key,
        kind: AlarmKind::Technical,
        device: device.cloned(),
        signal: None,
        series: None,
        priority,
        response: if priority == Priority::High { Response::Immediate } else { Response::Prompt },
        condition,
        text,
        advice: None,
        reason: None,
        cause,
        trigger: Trigger {
            signal: String::new(),
            value: None,
            comparator: None,
            unit: None,
            side: None,
            limit: None,
            limit_from: None,
            measured_at: None,
            relay_at: None,
            received_at: Some(out.wall()),
            time_quality: TimeQuality::Synced,
        },
        rule_version: 0,
        raised_at: out.wall(),
        late: false,
        latest: None,
        news: false,
    }
}
