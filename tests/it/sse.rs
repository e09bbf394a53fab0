//! A reader of the event stream.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use vitalgate::clock::Stopwatch;

use crate::harness::PATIENCE;

/// More events than any test lets pile up.
const MOST_RECEIVED: usize = 65_536;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

/// An open stream.
pub(crate) struct Events {
    received: Receiver<Event>,
}

impl Events {
    /// Opens the stream and waits for its `hello`.
    pub(crate) fn open(url: &str, after: Option<&str>) -> Self {
        Self::with(url, after.map(|id| ("Last-Event-ID", id)))
    }

    /// The same, with a header.
    pub(crate) fn with(url: &str, header: Option<(&str, &str)>) -> Self {
        let agent: Agent = Agent::config_builder().build().into();
        let mut request = agent.get(url).header("Accept", "text/event-stream");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let body = request.call().unwrap().into_body().into_reader();
        let (tx, received) = sync_channel(MOST_RECEIVED);
        thread::spawn(move || {
            let mut fields = (String::new(), None, String::new());
            for line in BufReader::new(body).lines().map_while(Result::ok) {
                let (field, value) = line.split_once(':').unwrap_or((&line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match field {
                    "event" => value.clone_into(&mut fields.0),
                    "id" => fields.1 = Some(value.to_owned()),
                    "data" => fields.2.push_str(value),
                    "" if line.is_empty() && !fields.2.is_empty() => {
                        let (name, id, data) = std::mem::take(&mut fields);
                        let data = serde_json::from_str(&data).expect("an event's data are JSON");
                        if tx.send(Event { name, id, data }).is_err() {
                            return;
                        }
                    }
                    _ => {}
                }
            }
        });
        let events = Self { received };
        events.wait("hello", |e| e.name == "hello");
        events
    }

    /// The next event that fits; those before it are dropped.
    pub(crate) fn wait(&self, what: &str, mut fits: impl FnMut(&Event) -> bool) -> Event {
        let watch = Stopwatch::start();
        loop {
            let left = PATIENCE.as_secs_f64() - watch.seconds();
            match self.received.recv_timeout(Duration::from_secs_f64(left.max(0.0))) {
                Ok(event) if fits(&event) => return event,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain for {what}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the stream ended before {what}"),
            }
        }
    }

    /// Waits until the stream has ended.
    pub(crate) fn ended(&self) {
        while self.received.recv_timeout(PATIENCE).is_ok_and(|event| event.name != "end") {}
        let left = self.received.recv_timeout(PATIENCE).err();
        assert_eq!(left, Some(RecvTimeoutError::Disconnected), "the stream goes on");
    }

    /// The next alarm event that fits.
    pub(crate) fn alarm(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Event {
        self.wait(what, |e| e.name == "alarm" && fits(&e.data))
    }

    /// What has been received and not looked at.
    pub(crate) fn received(&self) -> Vec<Event> {
        let mut all = Vec::new();
        loop {
            match self.received.try_recv() {
                Ok(event) => all.push(event),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return all,
            }
        }
    }
}
