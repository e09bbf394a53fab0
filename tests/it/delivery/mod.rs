//! Alarms on their way to others: each arrives, in order and signed, whatever happens to either side.

mod answered;
mod days;
mod killed;
mod mail;
mod personal;
mod push;
pub(crate) mod receiver;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use self::receiver::{Posted, Receiver};
use crate::harness::{Gateway, eventually, python, root, telemetry};
use crate::setup::{RULES, Setup};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A `[[channel]]` for whoever listens at a port; its secret is in `dir`.
pub(crate) fn webhook(dir: &Path, port: u16) -> Value {
    let secret = dir.join("webhook-secret");
    fs::write(&secret, SECRET).unwrap();
    let url = format!("http://127.0.0.1:{port}/hook");
    json!({
        "id": "pager", "kind": "webhook", "url": url, "secret_file": secret, "timeout": "2s",
    })
}

fn gateway(dir: &Path, port: u16) -> Gateway {
    let gateway =
        Setup::default().rules(RULES).section("channel", json!([webhook(dir, port)])).start();
    gateway.admit("p1", "dev-1");
    gateway
}

/// SpO2 of `p1`, each value acknowledged.
fn send(gateway: &Gateway, from: u64, values: &[f64]) {
    let mut client = gateway.mqtt("dev-1");
    for (seq, value) in (from..).zip(values) {
        client.telemetry("dev-1", &telemetry(seq, gateway.now(), &[("spo2", *value, "%")]));
    }
    client.disconnect();
}

/// The transitions of alarms in the log, but for those about the channel itself.
fn log(gateway: &Gateway) -> Vec<u64> {
    let sql = "SELECT seq FROM transitions WHERE kind = 'alarm'
               AND body ->> 'rule' NOT LIKE 'delivery.%' AND body ->> 'priority_peak' <> 'info' ORDER BY seq";
    gateway.rows(sql, |row| row.get::<_, i64>(0)).into_iter().map(|seq| seq as u64).collect()
}

fn seqs(posted: &[Posted]) -> Vec<u64> {
    posted.iter().map(Posted::seq).collect()
}

/// Waits until all of the log has arrived.
fn expect_all(gateway: &Gateway, receiver: &Receiver) {
    eventually("all of it arrives", || {
        let (log, taken) = (log(gateway), seqs(&receiver.taken()));
        log.iter().all(|seq| taken.contains(seq)).then_some(())
    });
}

fn own_alarm(gateway: &Gateway, rule: &str) -> Option<Value> {
    let list = gateway.get("/api/v1/alarms");
    let items = list["items"].as_array().unwrap().clone();
    items.into_iter().find(|alarm| alarm["rule"] == rule && alarm["state"] != "closed")
}

#[test]
fn an_alarm_and_its_end_arrive_once_in_order_and_say_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let mut gateway = gateway(dir.path(), receiver.port);
    send(&gateway, 1, &[70.0, 97.0]);
    expect_all(&gateway, &receiver);
    let taken = receiver.taken().clone();
    assert_eq!(seqs(&taken), log(&gateway));
    let kinds: Vec<String> = taken.iter().map(Posted::kind).collect();
    assert_eq!(kinds, ["raised", "latched"]);
    let (raised, alarm) = (taken[0].body(), taken[0].body()["data"].clone());
    assert_eq!(
        (&raised["specversion"], &raised["source"]),
        (&json!("1.0"), &json!("/vitalgate/site-1"))
    );
    assert_eq!((&raised["announces"], &raised["simulated"]), (&json!(true), &json!(false)));
    assert_eq!(taken[1].body()["announces"], json!(false));
    assert_eq!((&alarm["priority"], &alarm["patient"]), (&json!("high"), &json!("p1")));
    assert_eq!(taken[0].path, "/hook");
    assert!(taken[0].header("content-type").starts_with("application/cloudevents+json"));
    let store =
        gateway.rows("SELECT value FROM meta WHERE key = 'store'", |row| row.get::<_, String>(0));
    let key = format!("{}-{}-{}", alarm["id"].as_str().unwrap(), store[0], alarm["seq"]);
    assert_eq!(taken[0].header("webhook-id"), key);
    assert_eq!(raised["subject"], alarm["id"]);
    // A restart in order sends nothing again.
    gateway.stop();
    gateway.start_again();
    send(&gateway, 3, &[71.0]);
    expect_all(&gateway, &receiver);
    assert_eq!(seqs(&receiver.taken()), log(&gateway));
}

#[test]
fn what_the_target_missed_is_an_alarm_and_arrives_in_order_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let port = receiver.port;
    receiver.stop();
    let gateway = gateway(dir.path(), port);
    send(&gateway, 1, &[70.0, 97.0, 71.0, 98.0]);
    let alarm = eventually("the gateway says so", || own_alarm(&gateway, "delivery.failing"));
    assert_eq!((&alarm["priority"], &alarm["source"]), (&json!("high"), &json!("pager")));
    let degraded = gateway.get("/readyz")["degraded"].to_string();
    assert!(degraded.contains("channel pager"), "{degraded}");
    let receiver = Receiver::start(port);
    expect_all(&gateway, &receiver);
    assert_eq!(seqs(&receiver.taken()), log(&gateway));
    eventually("the alarm ends", || {
        own_alarm(&gateway, "delivery.failing").is_none().then_some(())
    });
}

#[test]
fn a_grave_alarm_behind_one_that_waits_is_told_of_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    receiver.answers(|_| 503);
    let gateway = gateway(dir.path(), receiver.port);
    send(&gateway, 1, &[86.0]);
    eventually("it was tried", || {
        (gateway.metric("vitalgate_delivery_requests_total{channel=\"pager\",result=\"failing\"}")
            > 2)
        .then_some(())
    });
    assert!(own_alarm(&gateway, "delivery.failing").is_none(), "a medium one may wait a minute");
    send(&gateway, 2, &[70.0]);
    let alarm = eventually("the gateway says so", || own_alarm(&gateway, "delivery.failing"));
    assert_eq!(alarm["priority"], "high");
}

#[test]
fn a_target_that_refuses_everything_keeps_everything_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    receiver.answers(|_| 401);
    let mut gateway = gateway(dir.path(), receiver.port);
    send(&gateway, 1, &[70.0]);
    let alarm = eventually("the gateway says so", || own_alarm(&gateway, "delivery.failing"));
    let text = alarm["text"].as_str().unwrap();
    assert!(text.contains("pager") && text.contains("status 401"), "{text}");
    assert!(!text.contains("said the receiver"), "it may repeat what it was sent: {text}");
    receiver.answers(|_| 422);
    send(&gateway, 2, &[97.0]);
    assert!(
        own_alarm(&gateway, "delivery.refused").is_none(),
        "nothing is given up for a channel that takes nothing"
    );
    gateway.restart();
    let still = eventually("it is the same alarm", || own_alarm(&gateway, "delivery.failing"));
    assert_eq!(still["id"], alarm["id"]);
    receiver.answers(|_| 200);
    expect_all(&gateway, &receiver);
}

#[test]
fn one_message_that_is_never_taken_holds_up_none_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    receiver.answers(|posted| if posted.kind() == "raised" { 422 } else { 204 });
    let gateway = gateway(dir.path(), receiver.port);
    send(&gateway, 1, &[70.0, 97.0]);
    eventually("what follows arrives", || {
        receiver.taken().iter().any(|posted| posted.kind() == "latched").then_some(())
    });
    let alarm = eventually("the gateway says so", || own_alarm(&gateway, "delivery.refused"));
    assert_eq!((&alarm["condition"], &alarm["source"]), (&json!("momentary"), &json!("pager")));
    let kept = eventually("it is kept", || {
        let letters = gateway.get("/api/v1/dead-letters");
        letters["items"].as_array().unwrap().iter().find(|one| one["principal"] == "pager").cloned()
    });
    assert!(kept["reason"].as_str().unwrap().contains("status 422"), "{kept}");
}

#[test]
fn whatever_is_killed_each_arrives_at_least_once_under_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let mut gateway = gateway(dir.path(), receiver.port);
    let mut seq = 1;
    for kill in 0..5 {
        send(&gateway, seq, &[70.0, 97.0]);
        seq += 2;
        if kill % 2 == 0 {
            expect_all(&gateway, &receiver);
        }
        gateway.restart();
    }
    expect_all(&gateway, &receiver);
    let taken = receiver.taken();
    let mut by_key: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for posted in taken.iter() {
        by_key.entry(posted.header("webhook-id")).or_default().insert(&posted.text);
    }
    assert!(by_key.values().all(|texts| texts.len() == 1), "one key, one message");
}

#[test]
fn what_was_over_before_anything_was_taken_arrives_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let port = receiver.port;
    receiver.stop();
    let mut gateway = gateway(dir.path(), port);
    send(&gateway, 1, &[70.0, 97.0]);
    let alarm = gateway.alarms("p1").pop().unwrap();
    assert_eq!(gateway.command(&alarm, "reset").0, 200);
    gateway.restart();
    let receiver = Receiver::start(port);
    expect_all(&gateway, &receiver);
    assert_eq!(seqs(&receiver.taken()), log(&gateway));
}

#[test]
fn a_channel_that_begins_tells_of_what_is_open_and_of_nothing_before() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let mut gateway = Setup::default().rules(RULES).start();
    gateway.admit("p1", "dev-1");
    gateway.admit("p2", "dev-2");
    send(&gateway, 1, &[70.0]);
    let mut other = gateway.mqtt("dev-2");
    other.telemetry("dev-2", &telemetry(1, gateway.now(), &[("spo2", 86.0, "%")]));
    other.telemetry("dev-2", &telemetry(2, gateway.now(), &[("spo2", 97.0, "%")]));
    let latched = gateway.alarms("p2").pop().unwrap();
    assert_eq!(gateway.command(&latched, "reset").0, 200);
    gateway.made("/api/v1/wards", &json!({ "id": "w2" }));
    gateway.made("/api/v1/beds", &json!({ "id": "bed-2", "ward": "w2" }));
    let transfer =
        |bed: &str| gateway.post("/api/v1/patients/p1/transfer", &json!({ "bed": bed })).0;
    assert_eq!(transfer("bed-2"), 200);
    gateway.stop();
    gateway.set_section("channel", &json!([webhook(dir.path(), receiver.port)]));
    gateway.start_again();
    send(&gateway, 2, &[97.0]);
    eventually("the end arrives", || {
        receiver.taken().iter().any(|posted| posted.kind() == "latched").then_some(())
    });
    let told: Vec<String> = receiver.taken().iter().map(Posted::kind).collect();
    assert_eq!(told, ["moved", "latched"]);
    assert_eq!(receiver.taken()[0].body()["announces"], json!(true), "it stands, so it calls");
}

#[test]
#[ignore = "needs python packages"]
fn the_library_of_the_standard_verifies_what_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let gateway = gateway(dir.path(), receiver.port);
    send(&gateway, 1, &[70.0, 97.0]);
    expect_all(&gateway, &receiver);
    verified_by_the_library(&receiver.taken());
}

/// The library of Standard Webhooks believes each message, and none that was changed.
fn verified_by_the_library(posted: &[Posted]) {
    let posted: Vec<Value> = posted.iter().map(Posted::as_json).collect();
    let mut verifier = Command::new(python())
        .arg(root().join("tests/external/verify_webhook.py"))
        .arg(SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(verifier.stdin.take().unwrap(), &posted).unwrap();
    let output = verifier.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), posted.len().to_string());
}

/// A gateway with one channel that speaks as a person's tool does.
fn speaking(dir: &Path, channel: Value) -> Gateway {
    let secret = dir.join("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    let mut channel = channel;
    (channel["id"], channel["secret_file"]) = (json!("pager"), json!(secret));
    let gateway = Setup::default().rules(RULES).section("channel", json!([channel])).start();
    gateway.admit("p1", "dev-1");
    gateway
}

/// The fake is written from ntfy's description of publishing as JSON.
#[test]
fn a_topic_of_ntfy_hears_what_calls_and_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let url = format!("http://127.0.0.1:{}/icu-nurses", receiver.port);
    let gateway = speaking(dir.path(), json!({ "kind": "ntfy", "url": url }));
    send(&gateway, 1, &[70.0, 97.0]);
    eventually("the end arrives", || (receiver.taken().len() == 2).then_some(()));
    let taken = receiver.taken();
    assert!(
        taken
            .iter()
            .all(|one| one.path == "/" && one.header("authorization").starts_with("Bearer 0123"))
    );
    let message = |at: usize, key: &str| taken[at].body()[key].clone();
    assert_eq!((message(0, "topic"), message(0, "priority")), (json!("icu-nurses"), json!(5)));
    assert_eq!(
        (message(0, "title"), message(1, "title")),
        (json!("High: w1, bed-p1"), json!("Over: w1, bed-p1"))
    );
    assert_eq!(message(1, "priority"), json!(2));
    assert!(
        taken.iter().all(|one| !one.text.contains("70") && !one.text.contains("p1 ")),
        "nothing measured"
    );
}

/// The fake is written from the description of PagerDuty's Events API, version 2.
#[test]
fn an_incident_of_pagerduty_is_triggered_acknowledged_and_resolved() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    receiver.answers(|_| 202);
    let url = format!("http://127.0.0.1:{}/v2/enqueue", receiver.port);
    let channel = json!({ "kind": "pagerduty", "url": url, "detail": "full" });
    let gateway = speaking(dir.path(), channel);
    send(&gateway, 1, &[70.0]);
    let alarm = gateway.alarms("p1").pop().unwrap();
    assert_eq!(gateway.command(&alarm, "acknowledge").0, 200);
    send(&gateway, 2, &[97.0]);
    eventually("the incident is over", || (receiver.taken().len() == 3).then_some(()));
    let taken = receiver.taken();
    let actions: Vec<Value> = taken.iter().map(|one| one.body()["event_action"].clone()).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    assert!(
        taken.iter().all(|one| one.body()["dedup_key"] == alarm["id"] && one.path == "/v2/enqueue")
    );
    let payload = taken[0].body()["payload"].clone();
    assert_eq!(payload["severity"], "critical");
    assert!(payload["summary"].as_str().unwrap().contains("SpO2 70"), "{payload}");
}

/// Written from Alertmanager's description of what it posts to a webhook, version 4.
#[test]
fn a_receiver_of_alertmanager_and_a_gateway_of_short_messages_hear_in_their_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", receiver.port);
    let secret = dir.path().join("key");
    fs::write(&secret, "an-api-key\n").unwrap();
    let channels = json!([
        { "id": "oncall", "kind": "alertmanager", "url": url("alerts"), "secret_file": secret },
        {
            "id": "sms", "kind": "template", "url": url("sms"), "secret_file": secret,
            "secret_header": "X-Api-Key", "content_type": "application/json",
            "body": r#"{"to":["+49123"],"text":"{title}. {message}","ref":"{key}"}"#,
        },
    ]);
    let gateway = Setup::default().rules(RULES).section("channel", channels).start();
    gateway.admit("p1", "dev-1");
    send(&gateway, 1, &[70.0, 97.0]);
    let alarm = gateway.alarms("p1").pop().unwrap();
    assert_eq!(gateway.command(&alarm, "reset").0, 200);
    let to = |path: &str| -> Vec<Posted> {
        receiver.taken().iter().filter(|one| one.path == path).cloned().collect()
    };
    eventually("all of it arrives", || {
        (to("/alerts").len() == 2 && to("/sms").len() == 3).then_some(())
    });
    let alerts = to("/alerts");
    let status = |at: usize| alerts[at].body()["alerts"][0]["status"].clone();
    assert_eq!((status(0), status(1)), (json!("firing"), json!("resolved")));
    assert_eq!(alerts[0].body()["groupKey"], alarm["id"]);
    assert_eq!(alerts[0].header("authorization"), "Bearer an-api-key");
    let messages = to("/sms");
    let text = |at: usize| messages[at].body()["text"].as_str().unwrap().to_owned();
    assert!(text(0).starts_with("High: w1, bed-p1. ") && text(1).starts_with("Over: "));
    assert_eq!(messages[0].header("x-api-key"), "an-api-key");
    assert_ne!(messages[0].body()["ref"], messages[1].body()["ref"]);
}

#[test]
fn the_channel_of_a_ward_is_called_where_a_patient_with_an_alarm_comes_there() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let mut channel = webhook(dir.path(), receiver.port);
    channel["wards"] = json!(["w2"]);
    let gateway = Setup::default().rules(RULES).section("channel", json!([channel])).start();
    gateway.admit("p1", "dev-1");
    let degraded = || gateway.get("/readyz")["degraded"].to_string();
    eventually("there is no such ward yet", || {
        degraded().contains("none of its wards").then_some(())
    });
    gateway.made("/api/v1/wards", &json!({ "id": "w2" }));
    for bed in ["bed-2", "bed-3"] {
        gateway.made("/api/v1/beds", &json!({ "id": bed, "ward": "w2" }));
    }
    send(&gateway, 1, &[70.0]);
    for bed in ["bed-2", "bed-3"] {
        assert_eq!(gateway.post("/api/v1/patients/p1/transfer", &json!({ "bed": bed })).0, 200);
    }
    eventually("both moves arrive", || (receiver.taken().len() == 2).then_some(()));
    let calls: Vec<Value> =
        receiver.taken().iter().map(|one| one.body()["announces"].clone()).collect();
    assert_eq!(calls, [json!(true), json!(false)], "once, when it came");
    assert!(!degraded().contains("none of its wards"));
}

#[test]
fn a_channel_can_be_tried_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let gateway = gateway(dir.path(), receiver.port);
    let good = gateway.command_line("notify", &["test", "pager"]);
    assert!(good.status.success(), "{good:?}");
    assert_eq!(receiver.taken().last().unwrap().body()["type"], "vitalgate.test");
    receiver.answers(|_| 403);
    let bad = gateway.command_line("notify", &["test", "pager"]);
    assert!(!bad.status.success());
    assert!(String::from_utf8_lossy(&bad.stderr).contains("status 403"), "{bad:?}");
    let unknown = gateway.command_line("notify", &["test", "pagr"]);
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("pager"),
        "names those there are: {unknown:?}"
    );
}
