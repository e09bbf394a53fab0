//! Days of the stream's own time: a target that is away for one, and one that is away for longer than is waited.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use super::receiver::Receiver;
use super::{expect_all, log, own_alarm, seqs, verified_by_the_library, webhook};
use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};

/// A ward whose time is that of what is sent.
struct Days {
    gateway: Gateway,
    device: Client,
    now: Timestamp,
    seq: u64,
}

impl Days {
    fn begin(channel: &Value) -> Self {
        Self::begin_at(channel, "2026-01-10T00:00:00Z".parse().unwrap())
    }

    fn begin_at(channel: &Value, now: Timestamp) -> Self {
        let setup = Setup::default().rules(RULES).args(&["--clock", "stream"]);
        let gateway = setup.section("channel", json!([channel])).start();
        let device = gateway.mqtt("dev-1");
        let mut days = Self { gateway, device, now, seq: 0 };
        days.send(Span::ZERO, 97.0);
        let (status, _) =
            days.gateway.post("/api/v1/patients", &json!({ "id": "p1", "age_class": "adult" }));
        assert_eq!(status, 201);
        days.gateway.register("dev-1", "bedside", &json!([{ "signal": "spo2" }]));
        days.gateway.bind_from("dev-1", "p1", now, &[]);
        days
    }

    /// SpO2 of `p1`, so much later.
    fn send(&mut self, later: Span, value: f64) {
        self.now = self.now + later;
        self.seq += 1;
        self.device.telemetry("dev-1", &telemetry(self.seq, self.now, &[("spo2", value, "%")]));
    }
}

/// How long the day is in which the target is away.
const AWAY: Span = Span::secs(24 * 3_630);

/// A day of desaturations that nobody takes; then a target that does, and all that it gets.
fn a_day_away(dir: &Path, begin: Timestamp) -> (Days, Receiver) {
    let receiver = Receiver::start(0);
    let port = receiver.port;
    receiver.stop();
    let mut days = Days::begin_at(&webhook(dir, port), begin);
    for _hour in 0..24 {
        days.send(Span::hours(1), 70.0);
        days.send(Span::secs(30), 97.0);
    }
    eventually("the gateway says so", || own_alarm(&days.gateway, "delivery.failing"));
    let receiver = Receiver::start(port);
    expect_all(&days.gateway, &receiver);
    (days, receiver)
}

#[test]
fn a_target_that_is_away_for_a_day_gets_every_alarm_of_it_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (days, receiver) = a_day_away(dir.path(), "2026-01-10T00:00:00Z".parse().unwrap());
    let taken = receiver.taken();
    assert_eq!(seqs(&taken), log(&days.gateway));
    let keys: BTreeSet<&str> = taken.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(keys.len(), taken.len(), "once by key");
    let announced = taken.iter().filter(|one| one.body()["announces"] == true).count();
    assert!(announced >= 24, "{announced} of 24 desaturations");
}

#[test]
#[ignore = "needs python packages"]
fn what_is_sent_a_day_late_is_signed_as_of_when_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    // A receiver believes no message of another time than its own.
    let now = vitalgate::clock::Clock::system(Timestamp::default()).wall();
    let (days, receiver) = a_day_away(dir.path(), now - AWAY);
    assert_eq!(seqs(&receiver.taken()), log(&days.gateway));
    verified_by_the_library(&receiver.taken());
}

#[test]
fn what_cannot_be_sent_until_its_alarm_is_over_and_longer_is_kept_and_told_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    receiver.answers(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        503
    });
    let mut channel = webhook(dir.path(), receiver.port);
    channel["give_up_after"] = json!("1h");
    let mut days = Days::begin(&channel);
    days.send(Span::secs(1), 70.0);
    eventually("the gateway says so", || own_alarm(&days.gateway, "delivery.failing"));
    days.send(Span::hours(2), 97.0);
    // As long as the alarm stands somebody may still be reached.
    let before = tries.load(Ordering::Relaxed);
    eventually("it is tried on", || (tries.load(Ordering::Relaxed) > before + 1).then_some(()));
    assert_eq!(own_alarm(&days.gateway, "delivery.refused"), None);
    let open = days.gateway.open_alarms("p1", "physiological").remove(0);
    assert_eq!((&open["state"], days.gateway.command(&open, "reset").0), (&json!("latched"), 200));
    days.send(Span::hours(2), 97.0);
    let alarm = eventually("it is given up", || own_alarm(&days.gateway, "delivery.refused"));
    assert!(alarm["text"].as_str().unwrap().contains("status 503"), "{alarm}");
    receiver.answers(|_| 204);
    days.send(Span::secs(1), 71.0);
    let newest = log(&days.gateway).pop().unwrap();
    eventually("what follows arrives", || seqs(&receiver.taken()).contains(&newest).then_some(()));
    let letters = days.gateway.get("/api/v1/dead-letters");
    assert!(
        letters["items"].as_array().unwrap().iter().any(|one| one["principal"] == "pager"),
        "{letters}"
    );
}

#[test]
fn what_alone_is_not_taken_of_an_alarm_that_stands_makes_the_rest_wait_no_longer_than_is_waited() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    receiver.answers(|posted| if posted.kind() == "raised" { 503 } else { 204 });
    let mut channel = webhook(dir.path(), receiver.port);
    channel["give_up_after"] = json!("1h");
    let mut days = Days::begin(&channel);
    days.send(Span::secs(1), 70.0);
    days.send(Span::secs(30), 97.0);
    eventually("the gateway says so", || own_alarm(&days.gateway, "delivery.failing"));
    assert_eq!(receiver.taken().len(), 0, "in their order");
    days.send(Span::hours(2), 97.0);
    eventually("what follows arrives", || {
        receiver.taken().iter().any(|one| one.kind() == "latched").then_some(())
    });
    eventually("it is given up", || own_alarm(&days.gateway, "delivery.refused"));
    assert_eq!(days.gateway.open_alarms("p1", "physiological")[0]["state"], "latched");
}
