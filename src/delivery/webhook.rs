//! A webhook: every transition as a CloudEvent, version 1.0, in JSON, signed.

use axum::http::{HeaderValue, header};
use bytes::Bytes;
use serde::Serialize;

use super::event::Event;
use super::request::Request;
use super::signature::Signer;
use crate::answers::Answer;
use vitalgate_domain::model::time::Timestamp;

/// What it says of itself and signs with.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) path: String,
    /// Where events say they are from.
    pub(super) source: String,
    pub(super) signer: Signer,
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
    /// Where whoever is called answers, each used once.
    #[serde(skip_serializing_if = "Option::is_none")]
    accept: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<String>,
}

impl Webhook {
    /// What is posted of an event `now`.
    pub(super) fn request(&self, event: &Event, now: Timestamp) -> Request {
        let (key, alarm) = (event.key(), &event.alarm);
        let link = |answer| event.replies.as_ref().and_then(|replies| replies.url(answer));
        let head = CloudEvent {
            kind: &format!("vitalgate.alarm.{}", event.change.as_str()),
            subject: alarm.id.as_str(),
            announces: event.calls().is_some(),
            simulated: alarm.simulated,
            accept: link(Answer::Accept),
            acknowledge: link(Answer::Acknowledge),
            reject: link(Answer::Reject),
            ..self.head(&key, event.at)
        };
        self.signed(&head, &event.stored, now)
    }

    /// Something that calls nobody.
    pub(super) fn test(&self, now: Timestamp) -> Request {
        self.signed(&self.head(&format!("test-{}", now.as_micros()), now), "null", now)
    }

    fn head<'a>(&'a self, id: &'a str, time: Timestamp) -> CloudEvent<'a> {
        CloudEvent {
            specversion: "1.0",
            id,
            source: &self.source,
            kind: "vitalgate.test",
            subject: "test",
            time,
            datacontenttype: "application/json",
            announces: false,
            simulated: true,
            accept: None,
            acknowledge: None,
            reject: None,
        }
    }

    /// The head with its data, which are JSON already.
    fn signed(&self, head: &CloudEvent<'_>, data: &str, now: Timestamp) -> Request {
        let text = serde_json::to_string(head).unwrap_or_default();
        let body = Bytes::from(format!("{},\"data\":{data}}}", text.trim_end_matches('}')));
        let mut headers = self.signer.headers(head.id, now.as_micros() / 1_000_000, &body);
        let kind = HeaderValue::from_static("application/cloudevents+json; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, kind);
        Request { path: self.path.clone(), headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;
    use crate::pipeline::stored::tests::BODY;
    use vitalgate_domain::output::transition::Change;

    #[test]
    fn an_event_says_what_happened_and_carries_the_alarm_as_it_was_stored() {
        let (path, source) = ("/hook".to_owned(), "/vitalgate/north".to_owned());
        let webhook = Webhook { path, source, signer: Signer::new(&[]) };
        let raised = event(Change::Raised, |_| {});
        let request = webhook.request(&raised, raised.at);
        assert_eq!(request.headers["webhook-id"], "A1-S1-7");
        let head = concat!(
            r#"{"specversion":"1.0","id":"A1-S1-7","source":"/vitalgate/north","type":"vitalgate.alarm.raised","#,
            r#""subject":"A1","time":"2026-03-01T00:00:10Z","datacontenttype":"application/json","#,
            r#""announces":true,"simulated":false,"data":"#,
        );
        assert_eq!(request.body, format!("{head}{BODY}}}"));
        let test = String::from_utf8(webhook.test(raised.at).body.to_vec()).unwrap();
        assert!(
            test.contains(r#""type":"vitalgate.test""#) && test.ends_with(r#","data":null}"#),
            "{test}"
        );
    }
}
