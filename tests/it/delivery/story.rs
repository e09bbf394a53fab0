//! What is told of an alarm stands in its story: to whom, by which way, after how many tries, and what waits.

use serde_json::{Value, json};

use super::personal::Ward;
use super::receiver::Receiver;
use super::{gateway, send};
use crate::harness::{Gateway, eventually};

fn story(gateway: &Gateway, alarm: &Value) -> Value {
    gateway.get(&format!("/api/v1/alarms/{}", alarm["id"].as_str().unwrap()))
}

/// Of what was told: the word of the transition, to whom, by which channel, and what came of it.
fn told(story: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let change = |seq: &Value| {
        let all = story["transitions"].as_array().unwrap();
        text(&all.iter().find(|transition| transition["seq"] == *seq).unwrap()["change"])
    };
    let one = |told: &Value| {
        [change(&told["seq"]), text(&told["to"]), text(&told["channel"]), text(&told["result"])]
    };
    story["deliveries"].as_array().unwrap().iter().map(one).collect()
}

fn row(words: &str) -> [String; 4] {
    let mut words = words.split(' ').map(str::to_owned);
    std::array::from_fn(|_| words.next().unwrap())
}

#[test]
fn the_story_of_an_alarm_names_each_step_and_each_delivery_and_a_restart_loses_none() {
    let mut ward = Ward::begin();
    send(&ward.gateway, 1, &[70.0]);
    eventually("the nurse's phone took it", || {
        (ward.alarm()["responsibility"]["state"] == "notified").then_some(())
    });
    assert_eq!(ward.act("reject").0, 200);
    eventually("the physician's phone took it", || {
        (ward.alarm()["responsibility"]["state"] == "notified").then_some(())
    });
    assert_eq!(ward.act("accept").0, 200);
    let alarm = ward.alarm();
    let whole = |story: &Value| {
        let told = told(story);
        let expected = [
            "raised n1 phone taken",
            "rejected d1 doctor taken",
            "raised - pager taken",
            "rejected - pager taken",
            "accepted - phone taken",
            "accepted - doctor taken",
            "accepted - pager taken",
        ];
        expected.iter().all(|words| told.contains(&row(words)))
    };
    let before = eventually("all of it is told", || {
        let story = story(&ward.gateway, &alarm);
        whole(&story).then_some(story)
    });
    let settled = |told: &Value| told["settled_at"].is_string() && told["tries"] == json!(1);
    assert!(before["deliveries"].as_array().unwrap().iter().all(settled), "{before}");
    let ladder = before["ladder"].as_array().unwrap();
    let steps: Vec<[&Value; 4]> =
        ladder.iter().map(|s| [&s["change"], &s["state"], &s["person"], &s["actor"]]).collect();
    let [raised, _, rejected, ..] = steps[..] else { panic!("{steps:?}") };
    assert_eq!(raised, [&json!("raised"), &json!("unassigned"), &json!("n1"), &Value::Null]);
    assert_eq!(rejected[0], &json!("rejected"), "{steps:?}");
    assert_eq!(rejected[2..], [&json!("d1"), &json!("local:anonymous")]);
    let last = steps.last().unwrap();
    assert_eq!(last[..3], [&json!("accepted"), &json!("accepted"), &json!("n1")], "{steps:?}");

    ward.gateway.stop();
    ward.gateway.start_again();
    assert_eq!(story(&ward.gateway, &alarm), before);
}

#[test]
fn what_waits_stands_there_as_waiting_and_then_with_how_often_it_was_tried() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    receiver.answers(|_| 503);
    let gateway = gateway(dir.path(), receiver.port);
    send(&gateway, 1, &[70.0]);
    let alarm = eventually("an alarm", || gateway.alarms("p1").pop());
    assert_eq!(told(&story(&gateway, &alarm)), [row("raised - pager waiting")]);
    let failing = "vitalgate_delivery_requests_total{channel=\"pager\",result=\"failing\"}";
    eventually("it was tried twice", || (gateway.metric(failing) >= 2).then_some(()));
    receiver.answers(|_| 204);
    let arrived = eventually("it arrives", || {
        let story = story(&gateway, &alarm);
        (told(&story) == [row("raised - pager taken")]).then_some(story)
    });
    let told = &arrived["deliveries"][0];
    assert!(told["tries"].as_u64().unwrap() >= 3, "{told}");
    assert!(told["settled_at"].as_str() > told["at"].as_str(), "{told}");
}

#[test]
fn verify_names_the_channel_that_has_not_told_an_alarm_and_nothing_once_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    let gateway = gateway(dir.path(), receiver.port);
    send(&gateway, 1, &[70.0]);
    let undelivered = || {
        let output = gateway.command_line("verify", &[]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter(|line| line.starts_with("undelivered: ")).collect::<Vec<_>>().join("\n")
    };
    eventually("all is told", || (undelivered() == "undelivered: nothing").then_some(()));
    receiver.answers(|_| 503);
    send(&gateway, 2, &[97.0, 71.0]);
    let alarm = eventually("it came back", || {
        gateway.alarms("p1").pop().filter(|alarm| alarm["recurrence"] == 1)
    });
    let said = eventually("that it was not told", || {
        Some(undelivered()).filter(|said| said != "undelivered: nothing")
    });
    assert!(said.contains("channel pager has told all up to transition"), "{said}");
    assert!(said.contains(alarm["id"].as_str().unwrap()), "{said}");
}

#[test]
fn verify_names_the_person_who_was_told_and_has_not_got_it_and_what_devices_left_out() {
    let ward = Ward::begin();
    ward.phone.answers(|_| 503);
    send(&ward.gateway, 1, &[70.0]);
    send(&ward.gateway, 5, &[69.0]);
    let alarm = ward.alarm();
    let lines = eventually("the nurse is named", || {
        let output = ward.gateway.command_line("verify", &[]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.contains(" to n1 by phone at ").then_some(text)
    });
    let of = |begin: &str| lines.lines().filter(|line| line.starts_with(begin)).collect::<Vec<_>>();
    let told = format!(
        "undelivered: alarm {} (test.spo2_low) to n1 by phone",
        alarm["id"].as_str().unwrap()
    );
    assert!(of("undelivered: ").iter().any(|line| line.starts_with(&told)), "{lines}");
    assert_eq!(of("holes: "), ["holes: device dev-1 numbered 3 messages that never came"]);
    assert_eq!(of("retention: "), ["retention: nothing"]);
    assert!(of("journal: ")[0].contains(", from 20"), "{lines}");
    assert!(of("judged by: ")[0].starts_with("judged by: core "), "{lines}");
}

#[test]
fn a_channel_that_takes_alarms_too_late_is_an_alarm_itself() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0);
    // The other side takes its time.
    receiver.answers(|_| {
        std::thread::sleep(std::time::Duration::from_millis(40));
        204
    });
    let channel = super::webhook(dir.path(), receiver.port);
    let gateway = crate::setup::Setup::default()
        .rules(crate::setup::RULES)
        .section("channel", json!([channel]))
        .section("slo", json!({ "taken_within": "10ms", "announced_within": "10m" }))
        .start();
    gateway.admit("p1", "dev-1");
    send(&gateway, 1, &[70.0]);
    let late = eventually("the gateway says so", || super::own_alarm(&gateway, "alarms.late"));
    assert_eq!((&late["source"], &late["priority"]), (&json!("taken"), &json!("medium")));
    let text = late["text"].as_str().unwrap();
    assert!(text.contains("taken by a channel later than 0.01 s"), "{text}");
    assert!(gateway.metric("vitalgate_late_alarms_total{stretch=\"taken\"}") >= 1);
    assert_eq!(gateway.metric("vitalgate_late_alarms_total{stretch=\"announced\"}"), 0);
    let hop = "vitalgate_alarm_latency_seconds_count{hop=\"channel\",priority=\"high\"}";
    assert!(gateway.metric(hop) >= 1);
}
