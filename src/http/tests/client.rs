//! Requests over plain sockets, whole replies, and the events of a stream.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut all = BTreeMap::from([
        ("host", "localhost"),
        ("connection", "close"),
        ("content-type", "application/json"),
    ]);
    all.extend(headers.iter().copied());
    let lines: Vec<_> = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let lines = lines.concat();
    format!("{method} {path} HTTP/1.1\r\n{lines}content-length: {}\r\n\r\n{body}", body.len())
}

/// A whole response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        });
        Self { status, headers: headers.collect(), body: body.to_owned() }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The body of a problem of this status.
    pub(super) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json()["status"], status);
        self.json()
    }
}

/// One server-sent event.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) data: Value,
    /// `data` as it came.
    pub(super) text: String,
}

/// Reads events off a socket; chunk sizes between them are passed over.
pub(super) struct EventReader(pub(super) BufReader<TcpStream>);

impl EventReader {
    /// The next event; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if let Some(name) = line.strip_prefix("event: ") {
                name.trim().clone_into(&mut event.name);
            } else if let Some(id) = line.strip_prefix("id: ") {
                event.id = Some(id.trim().to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.data = serde_json::from_str(data).unwrap();
                data.trim_end().clone_into(&mut event.text);
                return Some(event);
            }
        }
    }

    /// The ids of the alarms up to the heartbeat that says `until`.
    pub(super) async fn alarms_until(&mut self, until: u64) -> Vec<String> {
        let mut ids = Vec::new();
        loop {
            let event = self.next().await.unwrap();
            match event.name.as_str() {
                "alarm" => ids.push(event.id.unwrap_or_else(|| "unconfirmed".into())),
                "heartbeat" if event.data["seq"] == until => return ids,
                "heartbeat" => {}
                other => ids.push(other.to_owned()),
            }
        }
    }
}
