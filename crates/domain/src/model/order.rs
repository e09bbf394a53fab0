//! The one order of alarms for people (contract §5): what the API lists and what `status` reads out. The
//! page has the same in `web/order.js`, and `tests/fixtures/order.txt` holds both to it.

use std::cmp::{Ordering, Reverse};

use super::alarm::{Alarm, AlarmKind, Condition, Priority, State};

/// What waits for an answer, then what has one; each by urgency.
pub fn in_order(a: &Alarm, b: &Alarm) -> Ordering {
    key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
}

fn key(alarm: &Alarm) -> impl Ord {
    let over = alarm.condition == Condition::Absent;
    (
        !waits(alarm),
        standing(alarm),
        alarm.kind == AlarmKind::Technical,
        Reverse(alarm.priority),
        alarm.group.is_some(),
        (!holds(alarm), over),
        Reverse(alarm.announced_at),
    )
}

/// Nobody has answered it yet.
fn waits(alarm: &Alarm) -> bool {
    alarm.calls() || alarm.state == State::Latched
}

/// What is not known to be over counts as present.
fn holds(alarm: &Alarm) -> bool {
    matches!(alarm.condition, Condition::Present | Condition::Unknown)
}

/// A high alarm that is over stands between what is present of a patient and what is present of
/// equipment; one that had no duration, such as a VF, is not over as long as nobody has answered it.
/// What is high of the gateway stands behind all that is high of somebody.
fn standing(alarm: &Alarm) -> u8 {
    let high = alarm.priority == Priority::High;
    let of_patient = alarm.kind == AlarmKind::Physiological;
    let unanswered = of_patient && alarm.condition == Condition::Momentary && waits(alarm);
    match alarm.condition {
        _ if high && !of_patient && alarm.patient.is_none() => 2,
        _ if holds(alarm) && (high || of_patient) => 0,
        _ if high && unanswered => 0,
        _ if high => 1,
        _ if holds(alarm) => 3,
        Condition::Momentary => 4,
        Condition::Present | Condition::Unknown | Condition::Absent => 5,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A line of the fixture: id, kind, priority, condition, state, whether it follows from another,
    /// whose it is, the second of its announcement.
    fn alarm(line: &str) -> Alarm {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [id, kind, priority, condition, state, group, patient, second] = fields[..] else {
            panic!("{line}")
        };
        let some = |text: &str| if text == "-" { Value::Null } else { json!(text) };
        let at = format!("2026-11-21T10:00:{second}Z");
        let alarm = json!({
            "id": id, "seq": 1, "site": "site", "patient": some(patient), "source": "s",
            "group": some(group), "simulated": false, "rule": "r", "rule_version": 0, "kind": kind,
            "text": "", "priority": priority, "priority_peak": priority, "response": "prompt",
            "state": state, "condition": condition, "condition_since": at,
            "trigger": { "signal": "", "time_quality": "synced" }, "raised_at": at,
            "announced_at": at, "late": false, "recurrence": 0, "confirmed": true,
        });
        serde_json::from_value(alarm).unwrap()
    }

    #[test]
    fn the_order_is_that_of_the_page() {
        let fixture = include_str!("../../../../tests/fixtures/order.txt");
        let lines: Vec<&str> = fixture.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() > 100, "an order worth its name");
        let mut alarms: Vec<Alarm> = lines.iter().copied().map(alarm).collect();
        // By id: nothing of the order is left.
        alarms.sort_by(|a, b| a.id.cmp(&b.id));
        alarms.sort_by(in_order);
        let expected: Vec<&str> = lines.iter().filter_map(|l| l.split(' ').next()).collect();
        let found: Vec<&str> = alarms.iter().map(|alarm| alarm.id.as_str()).collect();
        assert_eq!(found, expected);
    }
}
