//! Requests of the API.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::Gateway;

impl Gateway {
    /// GET, which must succeed.
    pub(crate) fn get(&self, path: &str) -> Value {
        let mut answer = self.agent.get(self.url(path)).call().unwrap();
        let body: Value = answer.body_mut().read_json().unwrap();
        assert!(answer.status().is_success(), "GET {path}: {} {body}", answer.status());
        body
    }

    /// GET: status and body.
    pub(crate) fn ask(&self, path: &str) -> (u16, Value) {
        Self::answer(self.agent.get(self.url(path)).call())
    }

    /// GET, whatever comes of it.
    pub(crate) fn request(&self, path: &str) -> ureq::http::Response<ureq::Body> {
        self.agent.get(self.url(path)).call().unwrap()
    }

    /// The status of a GET with a token.
    pub(crate) fn status_as(&self, token: &str, path: &str) -> u16 {
        let request = self.agent.get(self.url(path));
        let request = request.header("Authorization", format!("Bearer {token}"));
        request.call().unwrap().status().as_u16()
    }

    /// A counter of `/metrics`, with its labels; 0 before it counted.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.request("/metrics").body_mut().read_to_string().unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// POST: status and body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        Self::answer(self.agent.post(self.url(path)).send_json(body))
    }

    /// POST by a thread of its own; the answer comes when it comes, if ever.
    pub(crate) fn post_meanwhile(&self, path: &str, body: Value) -> Receiver<(u16, Value)> {
        let (tx, rx) = sync_channel(1);
        let request = self.agent.post(self.url(path));
        thread::spawn(move || tx.send(Self::answer(request.send_json(body))));
        rx
    }

    /// PATCH: the status, unless there is none for a second.
    pub(crate) fn patch_within(&self, path: &str, body: &Value) -> Option<u16> {
        let request = self.agent.patch(self.url(path)).config();
        let request = request.timeout_global(Some(Duration::from_secs(1))).build();
        request.send_json(body).ok().map(|answer| answer.status().as_u16())
    }

    /// PATCH: status and body.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        Self::answer(self.agent.patch(self.url(path)).send_json(body))
    }

    /// PUT: status and body.
    pub(crate) fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        Self::answer(self.agent.put(self.url(path)).send_json(body))
    }

    /// DELETE: status and body.
    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        Self::answer(self.agent.delete(self.url(path)).call())
    }

    pub(crate) fn made(&self, path: &str, body: &Value) {
        let (status, answer) = self.post(path, body);
        assert!((200..300).contains(&status), "POST {path} {body}: {status} {answer}");
    }

    pub(super) fn answer(
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> (u16, Value) {
        let mut answer = answer.unwrap();
        let body = answer.body_mut().read_json().unwrap_or(Value::Null);
        (answer.status().as_u16(), body)
    }
}
