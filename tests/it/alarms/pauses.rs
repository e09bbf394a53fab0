//! Alarms that people keep quiet: over HTTP, across a kill, and in what is kept of them.

use serde_json::{Value, json};
use vitalgate_domain::model::time::Span;

use super::{Bedside, SPO2};

/// Asks something of an alarm as it is seen, with these further members.
fn ask(bedside: &Bedside, alarm: &Value, act: &str, more: &Value) -> (u16, Value) {
    let mut body = more.clone();
    body["seq"] = alarm["seq"].clone();
    let id = alarm["id"].as_str().unwrap();
    bedside.gateway.post(&format!("/api/v1/alarms/{id}/{act}"), &body)
}

/// The changes of an alarm, oldest first.
fn story(bedside: &Bedside, alarm: &Value) -> Vec<Value> {
    let id = alarm["id"].as_str().unwrap();
    let story = bedside.gateway.get(&format!("/api/v1/alarms/{id}"));
    story["transitions"].as_array().unwrap().clone()
}

#[test]
fn a_pause_outlives_a_kill_and_what_still_holds_is_announced_at_its_end() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let alarm = bedside.alarm_in(SPO2, "alarming");
    let until = bedside.gateway.now() + Span::secs(4);
    let paused = json!({ "what": "alarm", "reason": "washing", "until": until });
    let (status, answer) = ask(&bedside, &alarm, "pause", &paused);
    assert_eq!((status, &answer["alarm"]["state"]), (200, &json!("paused")), "{answer}");
    bedside.gateway.kill();
    bedside.gateway.start_again();
    let again = bedside.alarm_in(SPO2, "alarming");
    assert_eq!((&again["id"], &again["inactivation"]), (&alarm["id"], &Value::Null));
    let told =
        again["announced_at"].as_str().unwrap().parse::<vitalgate_domain::model::time::Timestamp>();
    // A pause runs out in the gateway's own time, which its wall clock follows to a few microseconds.
    assert!(told.unwrap() + Span::secs(1) > until, "{again}");
    let transitions = story(&bedside, &alarm);
    let changes: Vec<_> = transitions.iter().map(|t| t["change"].as_str().unwrap()).collect();
    assert_eq!((changes[0], changes[1]), ("raised", "paused"));
    assert!(changes.contains(&"pause_over"), "{changes:?}");
    assert_eq!(transitions[1]["inactivation"]["reason"], "washing");
    bedside.gateway.stop();
    bedside.gateway.verify();
}

#[test]
fn what_begins_under_a_pause_is_paused_until_somebody_ends_that() {
    let mut bedside = Bedside::new();
    let until = bedside.gateway.now() + Span::hours(1);
    let pause = json!({ "patient": "p1", "reason": "CT", "until": until });
    let (status, answer) = bedside.gateway.post("/api/v1/pauses", &pause);
    assert_eq!(status, 201, "{answer}");
    let listed = bedside.gateway.get("/api/v1/pauses");
    assert_eq!(listed["items"][0]["id"], answer["pause"]["id"], "{listed}");
    assert_eq!(listed["items"][0]["reason"], "CT", "{listed}");

    bedside.spo2(84.0);
    let alarm = bedside.alarm_in(SPO2, "paused");
    assert_eq!(alarm["inactivation"]["reason"], "CT", "{alarm}");
    let id = answer["pause"]["id"].as_u64().unwrap();
    let (status, ended) = bedside.gateway.delete(&format!("/api/v1/pauses/{id}"));
    assert_eq!((status, &ended["pause"]["id"]), (200, &json!(id)), "{ended}");
    bedside.alarm_in(SPO2, "alarming");
    assert_eq!(bedside.gateway.get("/api/v1/pauses")["items"], json!([]));
    assert_eq!(bedside.gateway.delete(&format!("/api/v1/pauses/{id}")).0, 404);
}

#[test]
fn what_a_person_asks_carries_what_was_seen_and_is_in_the_story_and_the_audit() {
    let mut bedside = Bedside::new();
    bedside.spo2(84.0);
    let alarm = bedside.alarm_in(SPO2, "alarming");
    let id = alarm["id"].as_str().unwrap();
    for act in ["pause", "off", "resume"] {
        assert_eq!(bedside.gateway.post(&format!("/api/v1/alarms/{id}/{act}"), &json!({})).0, 428);
    }
    assert_eq!(ask(&bedside, &alarm, "off", &json!({})).0, 422, "without a reason");
    let seq = alarm["seq"].as_u64().unwrap();
    let unseen = json!({ "seq": seq + 1_000, "text": "t" });
    assert_eq!(bedside.gateway.post(&format!("/api/v1/alarms/{id}/comment"), &unseen).0, 409);
    let said = json!({ "text": "probe moved to the ear" });
    assert_eq!(ask(&bedside, &alarm, "comment", &said).0, 200);
    assert_eq!(ask(&bedside, &alarm, "pause", &json!({})).0, 200);
    assert_eq!(ask(&bedside, &alarm, "resume", &json!({})).0, 200);
    let transitions = story(&bedside, &alarm);
    assert_eq!(transitions[1]["comment"], "probe moved to the ear");
    assert_eq!(
        transitions[2]["inactivation"]["what"], "audio",
        "its sound, where nothing is named"
    );
    let audit = bedside.gateway.get("/api/v1/audit").to_string();
    for what in ["comment", "pause", "resume", "off"] {
        assert!(audit.contains(&format!("\"{what}\"")), "{what} in {audit}");
    }
}
