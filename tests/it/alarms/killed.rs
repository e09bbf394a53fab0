//! What a kill of the gateway leaves as it was.

use serde_json::Value;
use vitalgate_domain::model::time::Span;

use crate::harness::telemetry;
use crate::setup::{RULES, Setup};
use crate::sse::Event;

use super::{Bedside, PULSELESS, SPO2};

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
fn a_stream_that_was_away_gets_exactly_what_it_missed_even_after_a_kill() {
    let mut bedside = Bedside::new();
    let witness = bedside.gateway.events();
    bedside.spo2(84.0);
    let first = witness.alarm("the first alarm", |a| a["rule"] == SPO2);
    let id = first.id.expect("a committed alarm carries an id");

    bedside.spo2(95.0);
    bedside.spo2(83.0);
    bedside.heart_rate(20.0);
    let move_of =
        |e: Event| (e.id, e.data["id"].clone(), e.data["seq"].clone(), e.data["state"].clone());
    let mut missed = Vec::new();
    while !saw(&missed, PULSELESS) {
        missed.push(witness.alarm("what the other misses", |_| true));
    }
    bedside.restart();
    let back = bedside.gateway.events_after(&id);
    for expected in missed {
        assert_eq!(move_of(back.alarm("what was missed", |_| true)), move_of(expected));
    }
}

fn saw(events: &[Event], rule: &str) -> bool {
    events.iter().any(|e| e.data["rule"] == rule)
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
