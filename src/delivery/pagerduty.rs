//! PagerDuty, Events API version 2: an alarm is one incident, from its first call to its end.

use serde::Serialize;

use super::event::Event;
use super::request::Request;
use super::words::{Words, severity};
use crate::config::{Detail, RoutingKey};
use vitalgate_domain::model::alarm::{Priority, State};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::Change;

/// A service that is called.
#[derive(Debug)]
pub(super) struct PagerDuty {
    pub(super) path: String,
    pub(super) key: RoutingKey,
    /// Which site calls.
    pub(super) source: String,
    pub(super) detail: Detail,
}

#[derive(Serialize)]
struct Call<'a> {
    routing_key: &'a str,
    event_action: &'static str,
    dedup_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'a>>,
}

#[derive(Serialize)]
struct Payload<'a> {
    summary: String,
    source: &'a str,
    severity: &'static str,
    timestamp: Timestamp,
}

impl PagerDuty {
    /// What is sent of an event; `None` where the incident stays as it is.
    pub(super) fn request(&self, event: &Event) -> Option<Request> {
        let alarm = &event.alarm;
        let id = alarm.id.as_str();
        if let Some(priority) = event.calls() {
            let Words { title, message } = Words::of(event, self.detail);
            let payload = Payload {
                summary: format!("{title}. {message}"),
                source: &self.source,
                severity: severity(priority),
                timestamp: event.at,
            };
            return Some(self.call("trigger", id, Some(payload)));
        }
        match (alarm.state, event.change) {
            (State::Closed, _) => Some(self.call("resolve", id, None)),
            (_, Change::Acknowledged | Change::Accepted | Change::HandedOver) => {
                Some(self.call("acknowledge", id, None))
            }
            _ => None,
        }
    }

    /// An incident that says it is a test, and its end.
    pub(super) fn test(&self, now: Timestamp) -> [Request; 2] {
        let id = format!("vitalgate-test-{}", now.as_micros());
        let summary = "vitalgate: a test, this channel works".to_owned();
        let (source, severity) = (&*self.source, severity(Priority::Info));
        let payload = Payload { summary, source, severity, timestamp: now };
        [self.call("trigger", &id, Some(payload)), self.call("resolve", &id, None)]
    }

    fn call(
        &self,
        event_action: &'static str,
        dedup_key: &str,
        payload: Option<Payload<'_>>,
    ) -> Request {
        let routing_key = self.key.as_str();
        Request::json(&self.path, &Call { routing_key, event_action, dedup_key, payload })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::event::tests::event;
    use super::*;
    use vitalgate_domain::model::alarm::Alarm;

    fn sent(change: Change, edit: impl FnOnce(&mut Alarm)) -> Option<Value> {
        let service = PagerDuty {
            path: "/v2/enqueue".into(),
            key: RoutingKey::of("0123456789abcdef0123456789abcdef").unwrap(),
            source: "vitalgate north".into(),
            detail: Detail::Place,
        };
        let request = service.request(&event(change, edit))?;
        Some(serde_json::from_slice(&request.body).unwrap())
    }

    #[test]
    fn an_alarm_is_one_incident_from_its_first_call_to_its_end() {
        let raised = sent(Change::Raised, |_| {}).unwrap();
        assert_eq!(
            (&raised["event_action"], &raised["dedup_key"]),
            (&"trigger".into(), &"A1".into())
        );
        assert_eq!(raised["payload"]["severity"], "critical");
        assert_eq!(raised["routing_key"], "0123456789abcdef0123456789abcdef");
        let taken = sent(Change::Acknowledged, |_| {}).unwrap();
        assert_eq!(
            (&taken["event_action"], &taken["dedup_key"]),
            (&"acknowledge".into(), &"A1".into())
        );
        assert!(
            sent(Change::Latched, |alarm| alarm.state = State::Latched).is_none(),
            "somebody has to look"
        );
        let closed = sent(Change::Reset, |alarm| alarm.state = State::Closed).unwrap();
        assert_eq!(closed["event_action"], "resolve");
        assert!(sent(Change::Updated, |_| {}).is_none());
    }
}
