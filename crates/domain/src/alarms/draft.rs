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
        sent: None,
        priority,
        response: if priority == Priority::High { Response::Immediate } else { Response::Prompt },
        condition,
        text,
        advice: None,
        reason: None,
        cause,
        trigger: Trigger {
            received_at: Some(out.wall()),
            ..Trigger::new(String::new(), TimeQuality::Synced)
        },
        rule_version: 0,
        raised_at: out.wall(),
        late: false,
        latest: None,
        news: false,
        acknowledge_for: None,
        by_reading: false,
        resettable: false,
        folds: Vec::new(),
        crossing: None,
        known_at: None,
    }
}
