//! What is sent: one transition of an alarm as a CloudEvent, version 1.0, in JSON.

use serde::Serialize;

use vitalgate_domain::model::alarm::{Alarm, Priority};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::Change;
use vitalgate_store::reader::TransitionRow;

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its place in the log.
    pub(super) seq: u64,
    /// What it is known by on the other side, however often it is sent.
    pub(super) key: String,
    /// When it happened, by the clock shown.
    pub(super) at: Timestamp,
    /// How grave what it calls for is; `None` where it calls nobody.
    pub(super) calls: Option<Priority>,
    /// The body.
    pub(super) body: String,
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: Timestamp,
    datacontenttype: &'static str,
    announces: bool,
    simulated: bool,
}

impl CloudEvent<'_> {
    /// The event with its data, which are JSON already.
    fn json(&self, data: &str) -> String {
        let head = serde_json::to_string(self).unwrap_or_default();
        format!("{},\"data\":{data}}}", head.trim_end_matches('}'))
    }
}

impl Event {
    /// Of a transition and the alarm it moved.
    pub(super) fn of(source: &str, row: &TransitionRow, alarm: &Alarm) -> Self {
        let change = Change::of_word(&row.change);
        let announces = change.is_some_and(Change::announces) && !alarm.is_shown_only();
        let key = format!("{}-{}", alarm.id, row.seq);
        let event = CloudEvent {
            specversion: "1.0",
            id: &key,
            source,
            kind: &format!("vitalgate.alarm.{}", row.change),
            subject: alarm.id.as_str(),
            time: row.at,
            datacontenttype: "application/json",
            announces,
            simulated: alarm.simulated,
        };
        let body = event.json(&row.body);
        Self { seq: row.seq, key, at: row.at, calls: announces.then_some(alarm.priority), body }
    }

    /// One that calls nobody: whether the channel works.
    pub(super) fn test(source: &str, at: Timestamp) -> Self {
        let key = format!("test-{}", at.as_micros());
        let event = CloudEvent {
            specversion: "1.0",
            id: &key,
            source,
            kind: "vitalgate.test",
            subject: "test",
            time: at,
            datacontenttype: "application/json",
            announces: false,
            simulated: true,
        };
        let body = event.json("null");
        Self { seq: 0, key, at, calls: None, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stored::{alarm, tests::BODY};

    fn row(change: &str, body: &str) -> TransitionRow {
        let alarm = alarm(body).unwrap();
        TransitionRow {
            seq: 7,
            n: 3,
            at: alarm.raised_at,
            kind: "alarm".into(),
            change: change.into(),
            alarm: Some(alarm.id.clone()),
            patient: alarm.patient.clone(),
            actor: None,
            body: body.into(),
        }
    }

    #[test]
    fn an_event_says_what_happened_and_carries_the_alarm_as_it_was_stored() {
        let row = row("raised", BODY);
        let event = Event::of("/site/north", &row, &alarm(BODY).unwrap());
        assert_eq!((&*event.key, event.calls), ("A1-7", Some(Priority::High)));
        let head = concat!(
            r#"{"specversion":"1.0","id":"A1-7","source":"/site/north","type":"vitalgate.alarm.raised","#,
            r#""subject":"A1","time":"2026-03-01T00:00:10Z","datacontenttype":"application/json","#,
            r#""announces":true,"simulated":false,"data":"#,
        );
        assert_eq!(event.body, format!("{head}{BODY}}}"));
    }

    #[test]
    fn what_is_only_shown_or_ends_calls_nobody() {
        let calls = |change: &str, body: &str| {
            Event::of("/s", &row(change, body), &alarm(body).unwrap()).calls
        };
        assert_eq!(calls("ended", BODY), None);
        assert_eq!(calls("raised", &BODY.replace(r#""group":null"#, r#""group":"A0""#)), None);
        assert_eq!(
            calls("raised", &BODY.replace(r#""priority":"high""#, r#""priority":"info""#)),
            None
        );
    }
}
