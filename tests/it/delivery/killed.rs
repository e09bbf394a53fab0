//! kill -9 between the commit that calls somebody and the call itself: they are called all the same, under the same key,
//! and when they are told again and the next one is asked stays as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver as Signals, SyncSender, sync_channel};

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use super::SECRET;
use super::personal::TEAMS;
use super::receiver::Receiver;
use crate::harness::{Gateway, PATIENCE, eventually, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};

/// Whom a high alarm calls when nobody takes it, in seconds after it was raised (contract §5): the nurse, the nurse again,
/// the physician.
const LADDER: [(i64, &str, &str); 3] =
    [(0, "raised", "phone"), (120, "notified", "phone"), (180, "notified", "doctor")];

/// When in the life of one call the gateway is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// It is committed, and nothing of it was taken.
    Committed,
    /// It was posted; the answer never comes.
    Posted,
    /// It was taken; whether that was noted nobody knows.
    Taken,
}

const MOMENTS: [Moment; 3] = [Moment::Committed, Moment::Posted, Moment::Taken];

/// A ward by the time of what is sent, a nurse and a physician each with a channel.
struct Ward {
    gateway: Gateway,
    receivers: BTreeMap<&'static str, Receiver>,
    device: Client,
    now: Timestamp,
    seq: u64,
    _secrets: tempfile::TempDir,
}

impl Ward {
    fn begin() -> Self {
        let secrets = tempfile::tempdir().unwrap();
        std::fs::write(secrets.path().join("webhook-secret"), SECRET).unwrap();
        let receivers = BTreeMap::from(["phone", "doctor"].map(|id| (id, Receiver::start(0))));
        let channel = |(id, receiver): (&&str, &Receiver)| {
            let mut channel = super::webhook(secrets.path(), receiver.port);
            channel["id"] = json!(id);
            // Longer than any test: what is not answered is not tried again meanwhile.
            channel["timeout"] = json!("1m");
            channel
        };
        let channels: Vec<Value> = receivers.iter().map(channel).collect();
        let setup = Setup::default().rules(RULES).teams(TEAMS).args(&["--clock", "stream"]);
        let gateway = setup.section("channel", json!(channels)).start();
        let now = "2026-01-10T00:00:00Z".parse().unwrap();
        let device = gateway.mqtt("dev-1");
        let mut ward = Self { gateway, receivers, device, now, seq: 0, _secrets: secrets };
        ward.measure(now, 97.0);
        let gateway = &ward.gateway;
        gateway.made("/api/v1/patients", &json!({ "id": "p1", "age_class": "adult" }));
        gateway.register("dev-1", "bedside", &json!([{ "signal": "spo2" }]));
        gateway.bind_from("dev-1", "p1", now, &[]);
        eventually("the plan is known", || {
            let duty = gateway.get("/api/v1/duty");
            (!duty["items"].as_array().unwrap().is_empty()).then_some(())
        });
        ward
    }

    /// SpO2 of `p1` at a time, acknowledged.
    fn measure(&mut self, at: Timestamp, value: f64) {
        self.now = at;
        self.seq += 1;
        self.device.telemetry("dev-1", &telemetry(self.seq, at, &[("spo2", value, "%")]));
    }

    fn alarm(&self) -> Value {
        eventually("an alarm", || self.gateway.alarms("p1").pop())
    }

    /// Whom it asks, since when and until when: what no restart may change.
    fn asked(&self) -> Value {
        let asked = self.alarm()["responsibility"].clone();
        json!(["step", "role", "person", "since", "deadline"].map(|key| asked[key].clone()))
    }

    /// One alarm of which nobody takes care, killed at one of its calls; then somebody does.
    fn round(&mut self, at: usize, moment: Moment) {
        let begin = self.now + Span::secs(10);
        for (index, (second, _, channel)) in LADDER.into_iter().enumerate() {
            let due = begin + Span::secs(second);
            if index > 0 {
                let before = self.asked();
                self.measure(due - Span::secs(1), 70.0);
                assert_eq!(self.asked(), before, "{moment:?} at {at}: nothing is due yet");
            }
            if index == at {
                self.killed_at(moment, channel, due);
            } else {
                self.measure(due, 70.0);
            }
            let asked = self.asked();
            let begun = if channel == "phone" { begin } else { due };
            assert_eq!(asked[3], json!(begun), "{moment:?} at {at}: {asked}");
            assert_eq!(asked[4], json!(begun + Span::mins(3)), "{moment:?} at {at}: {asked}");
            self.expect_told(channel, due);
        }
        let (status, body) = self.gateway.command(&self.alarm(), "accept");
        assert_eq!(status, 200, "{body}");
        self.measure(begin + Span::secs(190), 97.0);
        let (status, body) = self.gateway.command(&self.alarm(), "reset");
        assert_eq!(status, 200, "{body}");
    }

    /// What is due is committed, and the gateway is killed and started again.
    fn killed_at(&mut self, moment: Moment, channel: &str, due: Timestamp) {
        let receiver = &self.receivers[channel];
        let held = Held::of(receiver, if moment == Moment::Committed { 503 } else { 204 });
        let waits = (moment != Moment::Taken).then_some(held);
        if waits.is_none() {
            receiver.answers(|_| 204);
        }
        let before = receiver.taken().len();
        self.measure(due, 70.0);
        let asked = self.asked();
        match moment {
            Moment::Committed => {}
            Moment::Posted => waits.as_ref().unwrap().posted.recv_timeout(PATIENCE).unwrap(),
            Moment::Taken => {
                let taken = || self.receivers[channel].taken().len() > before;
                eventually("it is taken", || taken().then_some(()));
            }
        }
        self.gateway.kill();
        drop(waits);
        self.receivers[channel].answers(|_| 204);
        self.gateway.start_again();
        self.device = self.gateway.mqtt("dev-1");
        assert_eq!(self.asked(), asked, "{moment:?}: a restart moves no ladder");
    }

    /// What calls somebody at a time has arrived there.
    fn expect_told(&self, channel: &str, at: Timestamp) {
        let at = json!(at);
        eventually("whoever is asked is called", || {
            let taken = self.receivers[channel].taken();
            let is_it = |body: &Value| body["announces"] == true && body["time"] == at;
            taken.iter().any(|posted| is_it(&posted.body())).then_some(())
        });
    }

    /// Every call in the log: its channel, when it was after its alarm was raised, its word and its key.
    fn calls(&self) -> Vec<(String, i64, String, String)> {
        let store = self
            .gateway
            .rows("SELECT value FROM meta WHERE key = 'store'", |row| row.get::<_, String>(0));
        let sql = "SELECT seq, change, body FROM transitions WHERE kind = 'alarm' ORDER BY seq";
        let rows = self.gateway.rows(sql, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let mut calls = Vec::new();
        for (seq, change, body) in rows {
            let alarm: Value = serde_json::from_str(&body).unwrap();
            let told = alarm["responsibility"]["told"].as_array().cloned().unwrap_or_default();
            for told in told.iter().filter(|told| told["seq"] == seq) {
                let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
                let after = time(&told["at"]) - time(&alarm["raised_at"]);
                let channel = told["channel"].as_str().unwrap().to_owned();
                let key = format!("{}-{}-{seq}", alarm["id"].as_str().unwrap(), store[0]);
                calls.push((channel, after.as_micros() / 1_000_000, change.clone(), key));
            }
        }
        calls
    }
}

/// A receiver that does not answer until this is dropped.
struct Held {
    posted: Signals<()>,
    _until: SyncSender<()>,
}

impl Held {
    fn of(receiver: &Receiver, status: u16) -> Self {
        let (tell, posted) = sync_channel(1);
        let (until, dropped) = sync_channel::<()>(1);
        receiver.answers(move |_| {
            // Nobody may listen any more; and it only waits for the drop.
            tell.try_send(()).unwrap_or_default();
            dropped.recv().unwrap_or_default();
            status
        });
        Self { posted, _until: until }
    }
}

/// Kills it so often, once in each round; what that shows, in a line.
fn kills(count: usize) -> String {
    let mut ward = Ward::begin();
    for kill in 0..count {
        // Every moment of every call, one after the other.
        ward.round(kill / MOMENTS.len() % LADDER.len(), MOMENTS[kill % MOMENTS.len()]);
    }
    let calls = ward.calls();
    let expected: Vec<_> = (0..count).flat_map(|_| LADDER).collect();
    let found: Vec<_> =
        calls.iter().map(|(channel, after, change, _)| (*after, &**change, &**channel)).collect();
    assert_eq!(found, expected, "the ladder's times");
    let mut again = 0;
    for (id, receiver) in &ward.receivers {
        let taken = receiver.taken();
        let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut order = Vec::new();
        for posted in taken.iter() {
            let key = posted.header("webhook-id");
            let texts = by_key.entry(key).or_default();
            if texts.is_empty() {
                order.push(posted.seq());
            }
            texts.push(&posted.text);
        }
        assert!(order.is_sorted(), "{id}: in the order of the log");
        for (channel, _, _, key) in calls.iter().filter(|(channel, ..)| channel == id) {
            assert!(by_key.contains_key(&**key), "{key} never came to {channel}");
        }
        for (key, texts) in by_key {
            assert_eq!(BTreeSet::from_iter(&texts).len(), 1, "{key}: one key, one message");
            again += texts.len() - 1;
        }
    }
    format!(
        "{count} kills between commit and delivery: {} calls, every one delivered, {again} messages twice under one key; every \
         ladder at 0, 120 and 180 s",
        calls.len()
    )
}

#[test]
fn whoever_is_asked_is_called_over_three_kills_and_no_ladder_moves_by_a_restart() {
    kills(3);
}

#[test]
#[ignore = "a campaign: fifty kills"]
#[expect(clippy::print_stdout, reason = "a campaign says what it has shown")]
fn a_campaign_of_fifty_kills_between_commit_and_delivery() {
    println!("{}", kills(50));
}
