//! Senders as they are, against the running gateway, in the time of the stream: an outbox that comes
//! back, a cuff that visits, a clock that is put right.

use serde_json::{Value, json};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_sim::names::{self, Signal};
use vitalgate_sim::sender::{ClockError, Measured, Order, Reach, SenderPlan, Sending, WrongClock};
use vitalgate_sim::wire::Mode;

use crate::harness::{Gateway, telemetry};
use crate::mqtt::Client;
use crate::setup::Setup;

const RATE_HIGH: &str = "vitals_live.heart_rate_high";
const PRESSURE_HIGH: &str = "vitals_live.nibp_sys_high";
const HOUR: i64 = 3600;

/// A gateway under the shipped rules with one patient's device, in the time of a monitor that is
/// always there.
struct Home {
    gateway: Gateway,
    monitor: Client,
    told: u64,
}

impl Home {
    fn new(device: &str, class: &str, signal: Signal) -> Self {
        let gateway = Setup::default().args(&["--clock", "stream"]).start();
        let monitor = gateway.mqtt("monitor");
        let mut home = Self { gateway, monitor, told: 0 };
        home.pass(start());
        home.admit(device, class, signal);
        home
    }

    fn admit(&self, device: &str, class: &str, signal: Signal) {
        let made = |path: &str, body: Value| {
            let (status, answer) = self.gateway.post(&format!("/api/v1/{path}"), &body);
            assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
        };
        made("patients", json!({ "id": "p1", "age_class": "adult" }));
        let signals = json!([{ "signal": signal.name }]);
        made("devices", json!({ "id": device, "class": class, "signals": signals }));
        self.gateway.bind_from(device, "p1", stamp(start()), &[]);
    }

    /// The monitor says what time it is.
    fn pass(&mut self, to: jiff::Timestamp) {
        self.told += 1;
        let message = telemetry(self.told, stamp(to), &[("spo2", 97.0, "%")]);
        self.monitor.telemetry("monitor", &message);
    }

    /// Each message at its time; each visit of the sender is a connection of its own.
    fn receive(&mut self, device: &str, sendings: &[Sending]) {
        for visit in sendings.chunk_by(|one, next| one.visit == next.visit) {
            self.pass(visit[0].at);
            let mut client = self.gateway.mqtt(device);
            for sending in visit {
                self.pass(sending.at);
                let id = client.publish(
                    &sending.topic,
                    sending.message.encode(),
                    rumqttc::QoS::AtLeastOnce,
                );
                assert_eq!(client.receive_puback(), id);
            }
            client.disconnect();
        }
    }

    /// Every move of an alarm about the patient so far: word, rule, and where it was late that.
    fn moved(&self) -> Vec<String> {
        let sql = "SELECT change, body FROM transitions WHERE kind = 'alarm' ORDER BY seq";
        let rows =
            self.gateway.rows(sql, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let one = |(change, body): (String, String)| {
            let alarm: Value = serde_json::from_str(&body).unwrap();
            let late = if alarm["late"] == true { ", late" } else { "" };
            let rule = alarm["rule"].as_str().unwrap();
            (alarm["patient"] == "p1").then(|| format!("{change} {rule}{late}"))
        };
        rows.into_iter().filter_map(one).collect()
    }
}

fn stamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_microsecond())
}

fn start() -> jiff::Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

fn at(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(start().as_second() + seconds).unwrap()
}

#[test]
fn what_waited_in_an_outbox_for_six_hours_is_told_once_as_late_and_moves_no_clock() {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut home = Home::new("worn-1", "wearable", names::HEART_RATE);
        let (from, to) = (at(20 * 60), at(20 * 60 + 6 * HOUR));
        let reach = Reach::Away { from, to, order };
        // Beyond for ten minutes while it is away, and again when it is back.
        let beyond = |n| (60..70).contains(&n) || n >= 385;
        let measured = values(names::HEART_RATE, 60, [80.0, 140.0], 390, beyond);
        let sent = plan("worn-1", measured, reach).sendings();
        home.receive("worn-1", &sent);
        assert_eq!(home.gateway.values("worn-1", "heart_rate").len(), 390, "{order:?}");
        let late = format!("raised {RATE_HIGH}, late");
        let moved = home.moved();
        assert_eq!(moved.iter().filter(|one| **one == late).count(), 1, "{order:?}: {moved:?}");
        let live = format!("recurred {RATE_HIGH}");
        assert_eq!(moved.iter().filter(|one| **one == live).count(), 1, "{order:?}: {moved:?}");
        let of_clock = |one: &String| one.contains("clock.");
        assert!(!moved.iter().any(of_clock), "{order:?}: a queue is no wrong clock: {moved:?}");
    }
}

#[test]
fn a_cuff_that_connects_sends_and_leaves_is_judged_like_any_other() {
    let mut home = Home::new("cuff-1", "spot", names::NIBP_SYS);
    // Three measurements beyond, a minute apart, and three good ones.
    let beyond = |n| (2..5).contains(&n);
    let measured = values(names::NIBP_SYS, 60, [130.0, 190.0], 8, beyond);
    let sent = plan("cuff-1", measured, Reach::Visits { values: 1 }).sendings();
    assert_eq!(sent.last().unwrap().visit, 7, "each on a connection of its own");
    home.receive("cuff-1", &sent);
    let again = format!("{PRESSURE_HIGH}_repeat_due");
    let mut moved = home.moved();
    moved.sort();
    let expected = [
        format!("ended {again}"),
        format!("latched {PRESSURE_HIGH}"),
        format!("raised {PRESSURE_HIGH}"),
        format!("raised {again}"),
    ];
    assert_eq!(moved, expected, "asked for another, raised by it, over by two good ones");
}

#[test]
fn a_clock_three_hours_behind_is_known_and_told_when_it_is_put_right() {
    let mut home = Home::new("worn-1", "wearable", names::HEART_RATE);
    let beyond = |n| (10..14).contains(&n) || (40..44).contains(&n);
    let measured = values(names::HEART_RATE, 60, [80.0, 140.0], 60, beyond);
    let clock = WrongClock {
        error: ClockError::Off(jiff::SignedDuration::from_hours(-3)),
        since: start(),
        righted: Some(at(30 * 60)),
        says_ntp: false,
        reboot: None,
    };
    let sent = SenderPlan { clock, ..plan("worn-1", measured, Reach::Always) }.sendings();
    home.receive("worn-1", &sent);
    let moved = home.moved();
    let expected = [
        format!("raised {RATE_HIGH}"),
        format!("latched {RATE_HIGH}"),
        "raised clock.stepped".to_owned(),
        format!("recurred {RATE_HIGH}"),
        format!("latched {RATE_HIGH}"),
    ];
    assert_eq!(moved, expected, "live before and after, and the step between them");
}

fn plan(device: &str, measured: Vec<Measured>, reach: Reach) -> SenderPlan {
    let (device, clock) = (device.to_owned(), WrongClock::right());
    SenderPlan { device, measured, reach, clock, mode: Mode::Real, seed: 1 }
}

/// One value every `interval` seconds, beyond its limit where `beyond` says so.
fn values(
    signal: Signal,
    interval: i64,
    [inside, outside]: [f64; 2],
    count: i64,
    beyond: impl Fn(i64) -> bool,
) -> Vec<Measured> {
    let one = |n| Measured {
        at: at((n + 1) * interval),
        signal,
        value: if beyond(n) { outside } else { inside },
    };
    (0..count).map(one).collect()
}
