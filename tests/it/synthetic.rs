//! The synthetic patient goes through the real listener and is seen nowhere; where it stays, an alarm says so until it comes.

use serde_json::{Value, json};

use crate::delivery::receiver::Receiver;
use crate::delivery::webhook;
use crate::harness::{Gateway, eventually, telemetry};
use crate::setup::{RULES, Setup};

const CAME: &str = "vitalgate_synthetic_patients_total{result=\"came\"}";

fn often() -> Value {
    json!({ "every": "1s", "within": "1s" })
}

fn own_alarm(gateway: &Gateway) -> Option<Value> {
    let list = gateway.get("/api/v1/alarms");
    let items = list["items"].as_array().unwrap().clone();
    items.into_iter().find(|alarm| alarm["rule"] == "gateway.synthetic")
}

#[test]
fn it_comes_out_every_time_and_is_in_no_list_no_history_and_no_count() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let gateway = Setup::default()
        .rules(RULES)
        .section("synthetic", often())
        .section("channel", json!([webhook(dir.path(), receiver.port)]))
        .start();
    gateway.admit("p1", "dev-1");
    eventually("it came out three times", || (gateway.metric(CAME) >= 3).then_some(()));
    assert_eq!(own_alarm(&gateway), None);
    assert_eq!(gateway.metric("vitalgate_synthetic_patients_total{result=\"stayed\"}"), 0);
    for list in ["/api/v1/patients", "/api/v1/devices", "/api/v1/alarms", "/api/v1/audit"] {
        let text = gateway.get(list).to_string();
        assert!(!text.contains("synthetic"), "{list}: {text}");
    }
    assert_eq!(gateway.metric("vitalgate_messages_total{kind=\"telemetry\"}"), 0);
    assert!(receiver.taken().is_empty(), "nobody is called");
    let kept = "SELECT (SELECT count(*) FROM transitions WHERE body LIKE '%synthetic%')
      + (SELECT count(*) FROM series WHERE device LIKE '%synthetic%')
      + (SELECT count(*) FROM snapshots WHERE key LIKE '%synthetic%')";
    assert_eq!(gateway.rows(kept, |row| row.get::<_, i64>(0)), [0]);
    // It comes as a device does, and so does whoever else is there.
    gateway.mqtt("dev-1").telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
    assert_eq!(gateway.metric("vitalgate_messages_total{kind=\"telemetry\"}"), 1);
}

#[test]
fn rules_that_find_nothing_in_it_are_an_alarm_until_they_do() {
    let blind = RULES
        .replace("critical_low = [\"80 %\"]", "critical_low = [\"20 %\"]")
        .replace("low = [\"88 %\"]", "low = [\"30 %\"]");
    let gateway = Setup::default().rules(&blind).section("synthetic", often()).start();
    let alarm = eventually("it stays", || own_alarm(&gateway));
    assert_eq!((&alarm["priority"], &alarm["kind"]), (&json!("high"), &json!("technical")));
    let text = alarm["text"].as_str().unwrap();
    assert!(text.ends_with("the rules in force raise no alarm on an SpO2 of 40 %"), "{text}");
    let degraded = gateway.get("/readyz")["degraded"].to_string();
    assert!(degraded.contains("synthetic patient"), "{degraded}");
    gateway.reload("rules.toml", RULES);
    eventually("it comes again", || own_alarm(&gateway).is_none().then_some(()));
    eventually("nothing is degraded by it", || {
        (!gateway.get("/readyz")["degraded"].to_string().contains("synthetic")).then_some(())
    });
}

#[test]
fn it_goes_through_a_listener_that_asks_for_credentials_and_nobody_else_has_its_name() {
    let gateway = Setup::default()
        .rules(RULES)
        .section("synthetic", often())
        .section("mqtt", json!({ "authentication": "required" }))
        .section("devices", json!({ "unknown": "admit" }))
        .start();
    eventually("it came out", || (gateway.metric(CAME) >= 1).then_some(()));
    let options = |password: Option<&str>| {
        let address: std::net::SocketAddr = gateway.address("mqtt").parse().unwrap();
        let mut options =
            rumqttc::MqttOptions::new("gateway.synthetic", "127.0.0.1", address.port());
        if let Some(password) = password {
            options.set_credentials("gateway.synthetic", password);
        }
        options
    };
    for password in [None, Some("guessed")] {
        let (_client, mut connection) = rumqttc::Client::new(options(password), 1);
        let answer = connection.iter().next().unwrap();
        assert!(answer.is_err(), "{answer:?}");
    }
    let named = json!({ "id": "gateway.synthetic", "class": "bedside" });
    let (status, body) = gateway.post("/api/v1/devices", &named);
    assert_eq!(status, 422, "{body}");
}

#[test]
fn a_target_that_does_not_answer_is_told_of_otherwise_and_does_not_hold_it_up() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    receiver.answers(|_| 503);
    let gateway = Setup::default()
        .rules(RULES)
        .section("synthetic", json!({ "every": "2s", "within": "2s" }))
        .section("channel", json!([webhook(dir.path(), receiver.port)]))
        .start();
    gateway.admit("p1", "dev-1");
    gateway.mqtt("dev-1").telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 70.0, "%")]));
    let failing = "vitalgate_delivery_requests_total{channel=\"pager\",result=\"failing\"}";
    // By then it rests for longer between two tries than the synthetic patient may take.
    eventually("it was tried four times", || (gateway.metric(failing) >= 4).then_some(()));
    let came = gateway.metric(CAME);
    eventually("it comes out all the same", || (gateway.metric(CAME) >= came + 2).then_some(()));
    assert_eq!(gateway.metric("vitalgate_synthetic_patients_total{result=\"stayed\"}"), 0);
    assert_eq!(own_alarm(&gateway), None);
}
