//! What Prometheus' Alertmanager posts to its receivers, version 4, so that whatever takes alerts from there takes alarms.

use axum::http::header;
use serde::Serialize;

use super::event::Event;
use super::request::Request;
use super::words::{Words, severity};
use crate::config::{Bearer, Detail};
use vitalgate_domain::model::alarm::{Priority, State};
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Timestamp;

/// Alertmanager writes so that nothing has ended.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A receiver of alerts.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) path: String,
    /// The channel's id, as the receiver's name.
    pub(super) name: String,
    pub(super) site: String,
    pub(super) token: Option<Bearer>,
    pub(super) detail: Detail,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: u64,
    status: &'static str,
    receiver: &'a str,
    group_labels: GroupLabels<'a>,
    common_labels: &'a Labels<'a>,
    common_annotations: &'a Annotations,
    #[serde(rename = "externalURL")]
    external_url: &'static str,
    alerts: [Alert<'a>; 1],
}

#[derive(Serialize)]
struct GroupLabels<'a> {
    alarm: &'a str,
}

#[derive(Serialize)]
struct Labels<'a> {
    alertname: &'a str,
    severity: &'static str,
    alarm: &'a str,
    site: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ward: Option<&'a str>,
    simulated: &'static str,
}

#[derive(Serialize)]
struct Annotations {
    summary: String,
    description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    status: &'static str,
    labels: &'a Labels<'a>,
    annotations: &'a Annotations,
    starts_at: Timestamp,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'static str,
    fingerprint: &'a str,
}

impl Receiver {
    /// What is posted of an event; `None` where the alert stays as it is.
    pub(super) fn request(&self, event: &Event) -> Option<Request> {
        let alarm = &event.alarm;
        let is_over = alarm.state == State::Closed;
        if event.calls().is_none() && !is_over {
            return None;
        }
        let name = if self.detail == Detail::Full { alarm.rule.as_str() } else { "alarm" };
        let labels = Labels {
            alertname: name,
            severity: severity(alarm.priority_peak),
            alarm: alarm.id.as_str(),
            site: &self.site,
            ward: alarm.ward_shown().map(WardId::as_str),
            simulated: if alarm.simulated { "true" } else { "false" },
        };
        let ended = is_over.then_some(event.at);
        Some(self.post(&labels, Words::of(event, self.detail), alarm.raised_at, ended))
    }

    /// An alert that is over as it comes.
    pub(super) fn test(&self, now: Timestamp) -> Request {
        let alarm = format!("vitalgate-test-{}", now.as_micros());
        let labels = Labels {
            alertname: "test",
            severity: severity(Priority::Info),
            alarm: &alarm,
            site: &self.site,
            ward: None,
            simulated: "true",
        };
        self.post(&labels, Words::of_test(), now, Some(now))
    }

    fn post(
        &self,
        labels: &Labels<'_>,
        words: Words,
        starts_at: Timestamp,
        ended: Option<Timestamp>,
    ) -> Request {
        let annotations = Annotations { summary: words.title, description: words.message };
        let status = if ended.is_some() { "resolved" } else { "firing" };
        let alert = Alert {
            status,
            labels,
            annotations: &annotations,
            starts_at,
            ends_at: ended.map_or_else(|| NEVER.to_owned(), |at| at.to_string()),
            generator_url: "",
            fingerprint: labels.alarm,
        };
        let notification = Notification {
            version: "4",
            group_key: labels.alarm,
            truncated_alerts: 0,
            status,
            receiver: &self.name,
            group_labels: GroupLabels { alarm: labels.alarm },
            common_labels: labels,
            common_annotations: &annotations,
            external_url: "",
            alerts: [alert],
        };
        let mut request = Request::json(&self.path, &notification);
        if let Some(token) = &self.token {
            request.headers.insert(header::AUTHORIZATION, token.header());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::event::tests::event;
    use super::*;
    use vitalgate_domain::model::alarm::Alarm;
    use vitalgate_domain::output::transition::Change;

    fn posted(detail: Detail, change: Change, edit: impl FnOnce(&mut Alarm)) -> Option<Value> {
        let (path, name, site) = ("/hook".into(), "oncall".into(), "north".into());
        let receiver = Receiver { path, name, site, token: None, detail };
        let request = receiver.request(&event(change, edit))?;
        Some(serde_json::from_slice(&request.body).unwrap())
    }

    #[test]
    fn an_alarm_fires_with_its_calls_and_is_resolved_when_it_is_closed() {
        let fires = posted(Detail::Place, Change::Raised, |_| {}).unwrap();
        assert_eq!((&fires["status"], &fires["receiver"]), (&json!("firing"), &json!("oncall")));
        let alert = &fires["alerts"][0];
        let labels = json!({
            "alertname": "alarm", "severity": "critical", "alarm": "A1", "site": "north", "ward": "icu",
            "simulated": "false",
        });
        assert_eq!((&alert["labels"], &fires["commonLabels"]), (&labels, &labels));
        assert_eq!((&alert["endsAt"], &alert["fingerprint"]), (&json!(NEVER), &json!("A1")));
        assert!(!fires.to_string().contains("spo2"), "nothing that was measured");
        let full = posted(Detail::Full, Change::Raised, |_| {}).unwrap();
        assert_eq!(full["commonLabels"]["alertname"], "vitals_live.spo2_low");
        let over =
            posted(Detail::Place, Change::Ended, |alarm| alarm.state = State::Closed).unwrap();
        assert_eq!(
            (&over["status"], &over["alerts"][0]["endsAt"]),
            (&json!("resolved"), &json!("2026-03-01T00:00:10Z"))
        );
        assert_eq!(posted(Detail::Place, Change::Acknowledged, |_| {}), None);
    }
}
