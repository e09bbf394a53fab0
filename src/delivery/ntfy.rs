//! ntfy: a message on a topic that people's phones subscribe to, published as JSON.

use axum::http::header;
use serde::Serialize;

use super::event::Event;
use super::request::Request;
use super::words::{Words, label};
use crate::answers::{Answer, Replies};
use crate::config::{Bearer, Detail};
use vitalgate_domain::model::alarm::Priority;

/// ntfy's own steps, from 1 to 5; 5 and 4 sound whatever the phone is set to, 2 does not sound.
const URGENT: u8 = 5;
const HIGH: u8 = 4;
const USUAL: u8 = 3;
const QUIET: u8 = 2;

/// A topic.
#[derive(Debug)]
pub(super) struct Ntfy {
    /// Where the server is asked.
    pub(super) path: String,
    pub(super) topic: String,
    pub(super) token: Option<Bearer>,
    pub(super) detail: Detail,
}

#[derive(Serialize)]
struct Publication<'a> {
    topic: &'a str,
    title: &'a str,
    message: &'a str,
    priority: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action<'a>>,
}

/// A button: the phone itself asks the gateway.
#[derive(Serialize)]
struct Action<'a> {
    #[serde(rename = "action")]
    kind: &'static str,
    label: &'static str,
    method: &'static str,
    url: &'a str,
    /// The notification goes when it was taken.
    clear: bool,
}

impl Ntfy {
    /// What is published of an event; `None` where nobody need hear of it.
    pub(super) fn request(&self, event: &Event) -> Option<Request> {
        let priority = match event.calls() {
            Some(Priority::High) => URGENT,
            Some(Priority::Medium) => HIGH,
            Some(Priority::Low | Priority::Info) => USUAL,
            None if event.is_for_people() => QUIET,
            None => return None,
        };
        let urls = event.replies.as_ref().map(Replies::urls).unwrap_or_default();
        Some(self.publish(&Words::of(event, self.detail), priority, &urls))
    }

    /// Something that calls nobody.
    pub(super) fn test(&self) -> Request {
        self.publish(&Words::of_test(), QUIET, &[])
    }

    fn publish(&self, words: &Words, priority: u8, urls: &[(Answer, String)]) -> Request {
        let Words { title, message } = words;
        let actions = urls.iter().map(|(answer, url)| Action {
            kind: "http",
            label: label(*answer),
            method: "POST",
            url,
            clear: true,
        });
        let publication = Publication {
            topic: &self.topic,
            title,
            message,
            priority,
            actions: actions.collect(),
        };
        let mut request = Request::json(&self.path, &publication);
        if let Some(token) = &self.token {
            request.headers.insert(header::AUTHORIZATION, token.header());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::event::tests::{call, event};
    use super::*;
    use vitalgate_domain::output::transition::Change;

    fn published(change: Change, priority: Priority) -> Option<Value> {
        let (path, topic) = ("/".to_owned(), "icu-nurses".to_owned());
        let ntfy = Ntfy { path, topic, token: None, detail: Detail::Place };
        let request = ntfy.request(&event(change, |alarm| alarm.priority = priority))?;
        Some(serde_json::from_slice(&request.body).unwrap())
    }

    #[test]
    fn whoever_is_called_by_a_topic_of_their_own_has_buttons_that_answer() {
        let (path, topic) = ("/".to_owned(), "jane".to_owned());
        let ntfy = Ntfy { path, topic, token: None, detail: Detail::Place };
        let published = |public| -> Value {
            serde_json::from_slice(&ntfy.request(&call(public)).unwrap().body).unwrap()
        };
        let actions = published(Some("https://icu.example"))["actions"].clone();
        let labels: Vec<&Value> =
            actions.as_array().unwrap().iter().map(|one| &one["label"]).collect();
        assert_eq!(labels, ["Accept", "Acknowledge", "I cannot"]);
        assert_eq!(
            (&actions[0]["action"], &actions[0]["method"]),
            (&json!("http"), &json!("POST"))
        );
        let url = actions[0]["url"].as_str().unwrap();
        assert!(url.starts_with("https://icu.example/answer/"), "{url}");
        assert_eq!(published(None)["actions"], Value::Null);
    }

    #[test]
    fn what_calls_sounds_by_its_priority_and_an_end_does_not() {
        let high = published(Change::Raised, Priority::High).unwrap();
        assert_eq!((&high["topic"], &high["priority"]), (&json!("icu-nurses"), &json!(5)));
        assert_eq!(high["title"], "High: icu, icu-2");
        assert_eq!(published(Change::Recurred, Priority::Medium).unwrap()["priority"], 4);
        assert_eq!(published(Change::Raised, Priority::Low).unwrap()["priority"], 3);
        assert_eq!(published(Change::Ended, Priority::High).unwrap()["priority"], 2);
        assert_eq!(published(Change::Updated, Priority::High), None);
        let over = published(Change::EndedWhilePaused, Priority::Low).unwrap();
        assert_eq!(
            (&over["priority"], &over["title"]),
            (&json!(2), &json!("Over while paused: icu, icu-2"))
        );
        assert_eq!(published(Change::Raised, Priority::Info), None);
    }
}
