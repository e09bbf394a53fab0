//! Somebody else's gateway for short messages or pagers: one POST in the shape that it asks for.

use axum::http::{HeaderName, HeaderValue, header};

use super::event::Event;
use super::request::Request;
use super::words::Words;
use crate::answers::Answer;
use crate::config::{Detail, Template};
use vitalgate_domain::model::time::Timestamp;

/// The other gateway, and what it is told.
#[derive(Debug)]
pub(super) struct Templated {
    pub(super) path: String,
    pub(super) body: Template,
    /// What proves who sends, and in which header.
    pub(super) secret: Option<(HeaderName, HeaderValue)>,
    pub(super) detail: Detail,
}

impl Templated {
    /// What is posted of an event; `None` where nobody need hear of it.
    pub(super) fn request(&self, event: &Event) -> Option<Request> {
        if !event.is_for_people() {
            return None;
        }
        let (words, alarm) = (Words::of(event, self.detail), &event.alarm);
        let (key, priority) = (event.key(), alarm.priority.as_str());
        let link = |answer| event.replies.as_ref().and_then(|replies| replies.url(answer));
        let links = [Answer::Accept, Answer::Acknowledge].map(|a| link(a).unwrap_or_default());
        Some(self.post(&words, [priority, alarm.id.as_str(), &key], event.at, &links))
    }

    /// Something that calls nobody.
    pub(super) fn test(&self, now: Timestamp) -> Request {
        let key = format!("test-{}", now.as_micros());
        self.post(&Words::of_test(), ["info", "test", &key], now, &Default::default())
    }

    fn post(
        &self,
        words: &Words,
        [priority, alarm, key]: [&str; 3],
        at: Timestamp,
        [accept, acknowledge]: &[String; 2],
    ) -> Request {
        let (Words { title, message }, time) = (words, at.to_string());
        let values = [title, message, priority, alarm, key, &time, accept, acknowledge];
        let body = self.body.fill(values);
        let mut request =
            Request { path: self.path.clone(), body: body.into(), ..Request::default() };
        request.headers.insert(header::CONTENT_TYPE, self.body.content_type());
        if let Some((name, value)) = &self.secret {
            request.headers.insert(name, value.clone());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::{call, event};
    use super::*;
    use vitalgate_domain::output::transition::Change;

    #[test]
    fn what_calls_and_what_became_of_it_are_told_in_the_shape_that_was_asked_for() {
        let body = "to=12&text={title}&id={key}&p={priority}";
        let kind = "application/x-www-form-urlencoded";
        let gateway = Templated {
            path: "/sms".into(),
            body: Template::of(body, kind).unwrap(),
            secret: Some((HeaderName::from_static("x-api-key"), HeaderValue::from_static("k"))),
            detail: Detail::Place,
        };
        let raised = gateway.request(&event(Change::Raised, |_| {})).unwrap();
        assert_eq!(raised.body, "to=12&text=High%3A%20icu%2C%20icu-2&id=A1-S1-7&p=high");
        assert_eq!(
            (&raised.headers["content-type"], &raised.headers["x-api-key"]),
            (&kind.parse().unwrap(), &"k".parse().unwrap())
        );
        assert!(gateway.request(&event(Change::Ended, |_| {})).is_some());
        assert!(gateway.request(&event(Change::Updated, |_| {})).is_none());
        let body = Template::of("{title} {accept}", "text/plain").unwrap();
        let answered = Templated { body, ..gateway }.request(&call(Some("https://icu.example")));
        let text = String::from_utf8(answered.unwrap().body.to_vec()).unwrap();
        assert!(text.starts_with("High: icu, icu-2 https://icu.example/answer/"), "{text}");
    }
}
