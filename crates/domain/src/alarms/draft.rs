//! The drafts of technical alarms, and of what is unknown.

use super::book::{Draft, Key};
use crate::model::alarm::{AlarmKind, Condition, Priority, Response, TimeQuality, Trigger};
use crate::model::cause::Cause;
use crate::model::ids::DeviceId;
use crate::model::time::Timestamp;
use crate::output::{Output, StillUnknown};

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
        way: None,
    }
}

impl Output {
    /// What was unknown before it was judged anew is raised as that, and not as present for a moment; since when it is.
    pub(crate) fn as_far_as_known(&mut self, draft: Draft) -> (Draft, Option<Timestamp>) {
        let key = &draft.key;
        let is_it = |one: &StillUnknown| one.rule == key.rule && one.source == key.source;
        let Some(index) = self.still_unknown.iter().position(is_it) else { return (draft, None) };
        let StillUnknown { reason, since, .. } = self.still_unknown.swap_remove(index);
        if draft.condition != Condition::Present {
            return (draft, None);
        }
        (Draft { condition: Condition::Unknown, reason: Some(reason), ..draft }, Some(since))
    }
}
