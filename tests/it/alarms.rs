//! From a publish to what a clinician sees: failures known from other systems, over real sockets.

use rumqttc::QoS;
use serde_json::{Value, json};
use vitalgate_domain::model::time::Span;

use crate::harness::{Gateway, eventually, measured_earlier, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};
use crate::sse::Event;

const SPO2: &str = "test.spo2_low";
const PULSELESS: &str = "test.heart_rate_low";

/// A gateway with patient `p1` on `dev-1`, and that device's connection.
struct Bedside {
    gateway: Gateway,
    device: Client,
    seq: u64,
}

impl Bedside {
    fn new() -> Self {
        let gateway = Gateway::start();
        gateway.admit("p1", "dev-1");
        let device = gateway.mqtt("dev-1");
        Self { gateway, device, seq: 0 }
    }

    fn measure(&mut self, readings: &[(&str, f64, &str)]) {
        self.seq += 1;
        let message = telemetry(self.seq, self.gateway.now(), readings);
        self.device.telemetry("dev-1", &message);
    }

    fn spo2(&mut self, value: f64) {
        self.measure(&[("spo2", value, "%")]);
    }

    fn heart_rate(&mut self, value: f64) {
        self.measure(&[("heart_rate", value, "/min")]);
    }

    fn restart(&mut self) {
        self.gateway.restart();
        self.device = self.gateway.mqtt("dev-1");
    }

    fn alarm(&self, rule: &str) -> Value {
        let of_rule = |alarms: Vec<Value>| alarms.into_iter().find(|a| a["rule"] == rule);
        eventually(rule, || of_rule(self.gateway.alarms("p1")))
    }

    fn alarm_in(&self, rule: &str, state: &str) -> Value {
        let fits = |a: &Value| a["rule"] == rule && a["state"] == state;
        eventually(&format!("{rule} is {state}"), || {
            self.gateway.alarms("p1").into_iter().find(fits)
        })
    }
}

#[test]
fn two_zeros_in_one_message_are_two_alarms_of_high_priority() {
    let mut bedside = Bedside::new();
    bedside.measure(&[("heart_rate", 0.0, "/min"), ("spo2", 0.0, "%")]);
    for rule in [SPO2, PULSELESS] {
        let alarm = bedside.alarm(rule);
        assert_eq!(alarm["priority"], "high", "{alarm}");
        assert_eq!(alarm["trigger"]["value"], 0.0, "{alarm}");
        assert_eq!(alarm["confirmed"], true, "{alarm}");
    }
    assert_eq!(bedside.gateway.alarms("p1").len(), 2);
}

#[test]
fn a_second_desaturation_alarms_again_whether_the_first_was_reset_or_not() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let first = bedside.alarm_in(SPO2, "alarming");
    bedside.spo2(95.0);
    let latched = bedside.alarm_in(SPO2, "latched");
    assert_eq!(latched["id"], first["id"]);

    bedside.spo2(83.0);
    let again = bedside.alarm_in(SPO2, "alarming");
    assert_eq!((&again["id"], &again["recurrence"]), (&first["id"], &json!(1)));

    bedside.spo2(96.0);
    let latched = bedside.alarm_in(SPO2, "latched");
    let (status, body) = bedside.gateway.command(&latched, "reset");
    assert_eq!(status, 200, "{body}");
    assert!(bedside.gateway.alarms("p1").is_empty());

    bedside.spo2(82.0);
    let second = bedside.alarm_in(SPO2, "alarming");
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["recurrence"], 0);
}

#[test]
fn a_new_patient_on_the_same_device_inherits_neither_alarm_nor_acknowledgement() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let (status, body) = bedside.gateway.command(&bedside.alarm(SPO2), "acknowledge");
    assert_eq!(status, 200, "{body}");

    bedside.gateway.admit_with("p2", "dev-2", "bedside", &["spo2"]);
    let (status, _) =
        bedside.gateway.put("/api/v1/devices/dev-1/binding", &json!({ "patient": "p2" }));
    assert_eq!(status, 409, "a device has one patient at a time");
    let (status, body) = bedside.gateway.delete("/api/v1/devices/dev-1/binding");
    assert!((200..300).contains(&status), "{status} {body}");
    bedside.gateway.bind_from("dev-1", "p2", bedside.gateway.now(), &[]);
    assert!(bedside.gateway.alarms("p2").is_empty());

    // Readings near the change of binding belong to nobody, so the device goes on until one counts.
    let alarm = eventually("the new patient's own alarm", || {
        bedside.spo2(83.0);
        bedside.gateway.alarms("p2").pop()
    });
    assert_eq!((&alarm["state"], &alarm["acknowledged"]), (&json!("alarming"), &Value::Null));
    assert_eq!(bedside.alarm(SPO2)["condition"], "unknown");
}

#[test]
fn an_acknowledgement_survives_a_kill() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let (status, body) = bedside.gateway.command(&bedside.alarm(SPO2), "acknowledge");
    assert_eq!(status, 200, "{body}");
    let before = bedside.alarm_in(SPO2, "acknowledged");
    assert!(before["acknowledged"]["until"].is_string(), "{before}");

    bedside.restart();
    let after = bedside.alarm_in(SPO2, "acknowledged");
    for field in ["id", "seq", "raised_at", "acknowledged"] {
        assert_eq!(after[field], before[field]);
    }
}

#[test]
fn a_command_needs_the_seq_that_was_seen_and_refuses_an_older_picture() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let seen = bedside.alarm_in(SPO2, "alarming");
    let id = seen["id"].as_str().unwrap();
    let (status, _) = bedside.gateway.post(&format!("/api/v1/alarms/{id}/acknowledge"), &json!({}));
    assert_eq!(status, 428);

    bedside.spo2(70.0);
    eventually("the priority rises", || (bedside.alarm(SPO2)["priority"] == "high").then_some(()));
    let (status, _) = bedside.gateway.command(&seen, "acknowledge");
    assert_eq!(status, 409);
    assert_eq!(bedside.alarm(SPO2)["state"], "alarming");
}

#[test]
fn a_delay_cut_by_a_kill_runs_out_when_it_would_have() {
    let rules = RULES.replacen("hysteresis = \"2 %\"", "hysteresis = \"2 %\"\ndelay = \"20s\"", 1);
    let gateway = Setup::default().rules(&rules).start();
    gateway.admit("p1", "dev-1");
    let device = gateway.mqtt("dev-1");
    let mut bedside = Bedside { gateway, device, seq: 0 };
    bedside.spo2(84.0);
    assert!(bedside.gateway.alarms("p1").is_empty(), "the delay has only begun");
    bedside.restart();
    let alarm = bedside.alarm_in(SPO2, "alarming");
    let at = |field: &Value| -> vitalgate_domain::model::time::Timestamp {
        field.as_str().unwrap().parse().unwrap()
    };
    let held = at(&alarm["raised_at"]) - at(&alarm["trigger"]["measured_at"]);
    // The device's clock and the gateway's differ by less than a second on one machine.
    assert!((Span::secs(19)..Span::secs(21)).contains(&held), "held {held}: {alarm}");
}

#[test]
fn a_value_that_was_beyond_the_limit_before_the_limit_was_there_alarms() {
    let mut bedside = Bedside::new();
    bedside.spo2(91.0);
    assert!(bedside.gateway.alarms("p1").is_empty());
    bedside.gateway.restart_under(&RULES.replace("88 %", "93 %"));
    bedside.device = bedside.gateway.mqtt("dev-1");
    bedside.spo2(91.0);
    let alarm = bedside.alarm_in(SPO2, "alarming");
    assert_eq!(alarm["trigger"]["limit"], 93.0, "{alarm}");
}

#[test]
fn data_back_after_a_gap_announce_an_acknowledged_alarm_again() {
    let mut bedside = Bedside::new();
    let events = bedside.gateway.events();
    bedside.heart_rate(20.0);
    let (status, body) = bedside.gateway.command(&bedside.alarm(PULSELESS), "acknowledge");
    assert_eq!(status, 200, "{body}");
    let of_rule = |alarm: &Value| alarm["rule"] == PULSELESS;
    events.alarm("unknown after the gap", |a| of_rule(a) && a["condition"] == "unknown");
    bedside.heart_rate(20.0);
    let back = events.alarm("present again", |a| of_rule(a) && a["condition"] == "present");
    assert_eq!(back.data["state"], "alarming");
    assert_eq!(back.data["acknowledged"], Value::Null);
}

#[test]
fn old_readings_clear_nothing_and_raise_only_as_late() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    bedside.alarm_in(SPO2, "alarming");
    let now = bedside.gateway.now();
    let healthy = telemetry(2, now, &[("spo2", 97.0, "%")]);
    bedside.device.telemetry("dev-1", &measured_earlier(Span::mins(30), healthy, now));
    let slow = telemetry(3, now, &[("heart_rate", 20.0, "/min")]);
    bedside.device.telemetry("dev-1", &measured_earlier(Span::mins(30), slow, now));

    let late = bedside.alarm(PULSELESS);
    assert_eq!(late["late"], true, "{late}");
    let live = bedside.alarm_in(SPO2, "alarming");
    assert_eq!((&live["condition"], &live["late"]), (&json!("present"), &json!(false)));
}

#[test]
fn silence_of_a_device_never_heard_and_of_one_sensor_is_told() {
    let gateway = Gateway::start();
    gateway.admit_with("p1", "never", "quick", &["spo2"]);
    gateway.admit_with("p2", "half", "quick", &["spo2", "heart_rate"]);
    let mut device = gateway.mqtt("half");
    eventually("the device never heard is told", || gateway.open_alarms("p1", "technical").pop());

    let mut seq = 0;
    let silent = eventually("the silent sensor is told", || {
        seq += 1;
        let message = telemetry(seq, gateway.now(), &[("spo2", 97.0, "%")]);
        device.telemetry("half", &message);
        gateway
            .open_alarms("p2", "technical")
            .into_iter()
            .find(|a| a.to_string().contains("heart_rate"))
    });
    assert_eq!(silent["kind"], "technical");
}

#[test]
fn a_thousand_and_one_bad_payloads_stop_nothing() {
    let mut bedside = Bedside::new();
    let topic = "vitalgate/v1/dev-1/telemetry";
    let ids: Vec<u16> = (0..1_001)
        .map(|n| {
            bedside.device.publish(
                topic,
                format!("{{\"seq\": {n}, \"readings\": [nonsense"),
                QoS::AtLeastOnce,
            )
        })
        .collect();
    for id in ids {
        assert_eq!(bedside.device.hear_puback(), id);
    }
    bedside.seq = 2_000;
    bedside.spo2(84.0);
    bedside.alarm_in(SPO2, "alarming");
    let letters = bedside.gateway.get("/api/v1/dead-letters");
    assert!(!letters["items"].as_array().unwrap().is_empty(), "{letters}");
}

#[test]
fn pubacks_keep_their_order_under_parallel_writers() {
    let gateway = Gateway::start();
    let writers: Vec<_> = (0..8)
        .map(|w| {
            let device = format!("dev-{w}");
            let mut client = gateway.mqtt(&device);
            let at = gateway.now();
            std::thread::spawn(move || {
                let sent: Vec<u16> = (1..=200)
                    .map(|seq| {
                        let message =
                            telemetry(seq, at + Span::millis(seq as i64), &[("spo2", 97.0, "%")]);
                        client.send_telemetry(&device, &message)
                    })
                    .collect();
                let heard: Vec<u16> = sent.iter().map(|_| client.hear_puback()).collect();
                assert_eq!(heard, sent);
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    for w in 0..8 {
        assert_eq!(gateway.values(&format!("dev-{w}"), "spo2").len(), 200);
    }
}

#[test]
fn a_stream_that_was_away_gets_exactly_what_it_missed_even_after_a_kill() {
    let mut bedside = Bedside::new();
    let witness = bedside.gateway.events();
    bedside.spo2(84.0);
    let first = witness.alarm("the first alarm", |a| a["rule"] == SPO2);
    let id = first.id.expect("a committed alarm carries an id");

    bedside.spo2(95.0);
    bedside.spo2(83.0);
    bedside.heart_rate(20.0);
    let told =
        |e: Event| (e.id, e.data["id"].clone(), e.data["seq"].clone(), e.data["state"].clone());
    let mut missed = Vec::new();
    while !saw(&missed, PULSELESS) {
        missed.push(witness.alarm("what the other misses", |_| true));
    }
    bedside.restart();
    let back = bedside.gateway.events_after(&id);
    for expected in missed {
        assert_eq!(told(back.alarm("what was missed", |_| true)), told(expected));
    }
}

fn saw(events: &[Event], rule: &str) -> bool {
    events.iter().any(|e| e.data["rule"] == rule)
}

#[test]
fn a_whole_limit_is_compared_with_the_fraction_sent() {
    let mut bedside = Bedside::new();
    bedside.spo2(88.0);
    assert!(bedside.gateway.alarms("p1").is_empty(), "the limit itself is inside");
    bedside.spo2(87.99);
    assert_eq!(bedside.alarm(SPO2)["trigger"]["value"], 87.99);
}

#[test]
fn one_side_switched_off_leaves_the_other_working() {
    let mut bedside = Bedside::new();
    let off = |critical| json!({ "signal": "heart_rate", "side": "high", "critical": critical, "value": null, "unit": "/min" });
    let (status, body) = bedside.gateway.put(
        "/api/v1/patients/p1/limits",
        &json!({ "limits": [off(false), off(true)], "reason": "paced at 170" }),
    );
    assert!((200..300).contains(&status), "{status} {body}");
    bedside.heart_rate(170.0);
    assert!(bedside.gateway.alarms("p1").is_empty());
    bedside.heart_rate(25.0);
    assert_eq!(bedside.alarm(PULSELESS)["priority"], "high");
}

#[test]
fn a_message_sent_again_after_a_kill_is_one_reading_and_one_alarm() {
    let mut bedside = Bedside::new();
    let message = telemetry(1, bedside.gateway.now(), &[("spo2", 84.0, "%")]);
    bedside.device.telemetry("dev-1", &message);
    let before = bedside.alarm(SPO2);
    bedside.restart();
    bedside.device.telemetry("dev-1", &message);
    assert_eq!(bedside.alarm(SPO2)["id"], before["id"]);
    assert_eq!(bedside.alarm(SPO2)["recurrence"], 0);
    assert_eq!(bedside.gateway.values("dev-1", "spo2"), [84.0]);
}

#[test]
fn a_command_on_an_alarm_that_is_over_gets_the_alarm_as_it_ended() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    bedside.alarm_in(SPO2, "alarming");
    bedside.spo2(95.0);
    let latched = bedside.alarm_in(SPO2, "latched");
    assert_eq!(bedside.gateway.command(&latched, "reset").0, 200);
    let (status, problem) = bedside.gateway.command(&latched, "acknowledge");
    assert_eq!((status, &problem["alarm"]["state"]), (409, &json!("closed")), "{problem}");
    assert_eq!(problem["alarm"]["closed_reason"], "reset");
}

#[test]
fn an_alarm_keeps_the_readings_and_the_limits_it_was_raised_on() {
    let mut bedside = Bedside::new();
    let own = |value: f64| {
        json!({ "limits": [
            { "signal": "spo2", "side": "low", "value": value, "unit": "%" },
            { "signal": "heart_rate", "side": "high", "value": 150.0, "unit": "/min" },
        ] })
    };
    let path = "/api/v1/patients/p1/limits";
    assert_eq!(bedside.gateway.put(path, &own(91.0)).0, 200);
    for n in 0..25 {
        bedside.measure(&[("spo2", 92.0 + f64::from(n) / 10.0, "%"), ("heart_rate", 70.0, "/min")]);
    }
    bedside.spo2(90.5);
    let alarm = bedside.alarm_in(SPO2, "alarming");
    let kept = |gateway: &Gateway| {
        let kept = gateway.get(&format!("/api/v1/alarms/{}", alarm["id"].as_str().unwrap()));
        (kept["limits"].clone(), kept["readings"].clone())
    };
    let (limits, readings) = kept(&bedside.gateway);
    let limit = |critical: bool, value: f64, from: &str| {
        json!({
            "rule": SPO2, "signal": "spo2", "side": "low", "critical": critical, "value": value,
            "unit": "%", "from": from,
        })
    };
    assert_eq!(limits, json!([limit(false, 91.0, "patient"), limit(true, 80.0, "pack")]));
    let values = |readings: &Value| -> Vec<f64> {
        readings.as_array().unwrap().iter().map(|r| r["value"].as_f64().unwrap()).collect()
    };
    let expected: Vec<f64> = (6..25).map(|n| 92.0 + f64::from(n) / 10.0).chain([90.5]).collect();
    assert_eq!(values(&readings), expected);
    assert_eq!(readings[19]["at"], alarm["trigger"]["measured_at"], "{readings}");
    assert_eq!((&readings[19]["unit"], &readings[19]["flags"]), (&json!("%"), &json!([])));

    bedside.spo2(90.4);
    assert_eq!(bedside.gateway.put(path, &own(85.0)).0, 200);
    bedside.restart();
    assert_eq!(kept(&bedside.gateway), (limits, readings), "the copy stays as it was");
}
