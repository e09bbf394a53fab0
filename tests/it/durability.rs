//! Nothing acknowledged is lost, shown at the system call: the disk is made slow, stuck and broken.

use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc::TryRecvError;

use serde_json::{Value, json};

use crate::disk::{Disk, Tmpfs};
use crate::harness::{Gateway, PATIENCE, eventually, telemetry};
use crate::setup::{RULES, Setup};
use crate::sse::Event;

fn low_spo2(gateway: &Gateway, seq: u64) -> Value {
    telemetry(seq, gateway.now(), &[("spo2", 84.0, "%")])
}

fn is_alarm(event: &Event) -> bool {
    event.name == "alarm" && event.data["kind"] == "physiological"
}

#[test]
fn nothing_is_answered_before_the_disk_has_answered() {
    let disk = Disk::new();
    let gateway = disk.gateway();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    let events = gateway.events();

    disk.set("block", "");
    let calls = disk.count("calls");
    let id = device.send_telemetry("dev-1", &low_spo2(&gateway, 1));
    let answer = gateway.post_meanwhile("/api/v1/wards", json!({ "id": "w2" }));
    disk.entered_after(calls);
    // Whoever is going to answer too early has had its chance after some more requests.
    for _ in 0..20 {
        assert!(gateway.alarms("p1").is_empty());
    }
    assert!(device.is_silent(), "a PUBACK came before the sync");
    assert_eq!(answer.try_recv(), Err(TryRecvError::Empty), "a 200 came before the sync");
    assert!(!events.received().iter().any(is_alarm), "an alarm came before the sync");

    disk.clear("block");
    assert_eq!(device.receive_puback(), id);
    let alarm = events.wait("the alarm", is_alarm);
    assert_eq!((alarm.data["confirmed"].clone(), alarm.id.is_some()), (json!(true), true));
    let (status, body) = answer.recv_timeout(PATIENCE).unwrap();
    assert!((200..300).contains(&status), "{status} {body}");
}

#[test]
fn half_a_second_a_sync_delays_every_answer_by_a_sync() {
    let disk = Disk::new();
    let gateway = disk.gateway();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    disk.set("delay", "500");
    for seq in 1..=5 {
        let synced = disk.count("synced");
        device.telemetry("dev-1", &low_spo2(&gateway, seq));
        assert!(disk.count("synced") > synced, "message {seq} was acknowledged without a sync");
    }
}

#[test]
fn a_failing_disk_acknowledges_nothing_warns_and_recovers_by_itself() {
    for error in ["eio", "enospc"] {
        let disk = Disk::new();
        let gateway = disk.gateway();
        gateway.admit("p1", "dev-1");
        let mut device = gateway.mqtt("dev-1");
        // Its connection is a row too, and stands once a message after it does.
        device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
        let events = gateway.events();

        disk.set(error, "");
        let id = device.send_telemetry("dev-1", &low_spo2(&gateway, 2));
        let unconfirmed = events.wait("the unconfirmed alarm", is_alarm);
        assert_eq!((unconfirmed.data["confirmed"].clone(), unconfirmed.id), (json!(false), None));
        let failing = events.alarm("the store alarm", |a| a["rule"] == "store.failing");
        assert_eq!(failing.data["priority"], "high");
        events.wait("a heartbeat that says so", |e| {
            e.name == "heartbeat" && e.data["store"] == "failing"
        });
        let (status, body) = gateway.post("/api/v1/wards", &json!({ "id": "w2" }));
        assert_eq!(status, 503, "{body}");
        let open = gateway.open_alarms("p1", "physiological");
        assert_eq!(open[0]["confirmed"], false, "a list hides nothing that was judged");
        gateway.events().wait("the unconfirmed alarm, for who comes later", is_alarm);
        let patient = gateway.get("/api/v1/patients/p1");
        assert_eq!(patient["monitored"]["state"], "not", "{patient}");
        assert!(device.is_silent(), "acknowledged on a disk that answers {error}");

        disk.clear(error);
        assert_eq!(device.receive_puback(), id);
        let confirmed =
            events.wait("the confirmed alarm", |e| is_alarm(e) && e.data["confirmed"] == true);
        assert_eq!(confirmed.data["id"], unconfirmed.data["id"]);
        assert!(confirmed.id.is_some());
        events
            .wait("a heartbeat that says so", |e| e.name == "heartbeat" && e.data["store"] == "ok");
        assert_eq!(gateway.values("dev-1", "spo2"), [97.0, 84.0]);
    }
}

#[test]
fn a_disk_that_hangs_is_a_store_that_fails_once() {
    let disk = Disk::new();
    let gateway = disk.gateway();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    let events = gateway.events();
    disk.set("block", "");
    let first = device.send_telemetry("dev-1", &low_spo2(&gateway, 1));
    events.alarm("the store alarm", |a| a["rule"] == "store.failing");
    let second = device.send_telemetry("dev-1", &low_spo2(&gateway, 2));
    events.wait("a heartbeat that says so", |e| {
        e.name == "heartbeat" && e.data["store"] == "failing"
    });
    assert!(device.is_silent(), "acknowledged before the sync");

    disk.clear("block");
    assert_eq!([device.receive_puback(), device.receive_puback()], [first, second]);
    let over = |a: &serde_json::Value| a["rule"] == "store.failing" && a["state"] == "closed";
    events.alarm("the end of the store alarm", |a| over(a) && a["confirmed"] == true);
    let moves: Vec<String> = gateway.rows(
        "SELECT change FROM transitions WHERE body ->> 'rule' = 'store.failing' ORDER BY seq",
        |row| row.get(0),
    );
    assert_eq!(moves, ["raised", "ended"]);
}

/// Two batches wait for the store at any time, so that there is one window without intake after another.
#[test]
fn commits_that_stall_for_more_than_a_second_do_not_put_silence_off() {
    let disk = Disk::new();
    let gateway = disk.gateway();
    gateway.admit_with("p1", "dev-1", "quick", &["spo2"]);
    gateway.admit_with("p2", "dev-2", "bedside", &["spo2"]);
    let mut silent = gateway.mqtt("dev-1");
    let mut other = gateway.mqtt("dev-2");
    let events = gateway.events();
    silent.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));

    disk.set("delay", "1200");
    let mut seq = 0;
    let mut told = BTreeSet::new();
    eventually("the silence of dev-1, and that the gateway is deaf, are told", || {
        seq += 1;
        other.send_telemetry("dev-2", &telemetry(seq, gateway.now(), &[("spo2", 97.0, "%")]));
        for event in events.received().into_iter().filter(|e| e.name == "alarm") {
            told.insert((event.data["rule"].to_string(), event.data["patient"].to_string()));
        }
        let rules = [("link.silence", json!("p1")), ("gateway.deaf", Value::Null)];
        let all = rules.map(|(rule, patient)| (json!(rule).to_string(), patient.to_string()));
        all.iter().all(|one| told.contains(one)).then_some(())
    });
    disk.clear("delay");
}

#[test]
fn the_second_signal_ends_what_the_first_cannot() {
    let disk = Disk::new();
    let mut gateway = disk.gateway();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    let calls = disk.count("calls");
    disk.set("block", "");
    device.send_telemetry("dev-1", &low_spo2(&gateway, 1));
    disk.entered_after(calls);
    gateway.signal("TERM");
    eventually("it stops", || gateway.log().contains("stopping").then_some(()));
    gateway.signal("INT");
    assert_eq!(gateway.wait().code(), Some(130));
}

#[test]
fn killed_while_the_disk_fails_nothing_acknowledged_is_lost_and_nothing_is_doubled() {
    for error in ["eio", "enospc"] {
        let disk = Disk::new();
        let mut gateway = disk.gateway();
        gateway.admit("p1", "dev-1");
        let mut device = gateway.mqtt("dev-1");
        let events = gateway.events();
        let healthy = telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]);
        device.telemetry("dev-1", &healthy);

        disk.set(error, "");
        let message = low_spo2(&gateway, 2);
        device.send_telemetry("dev-1", &message);
        let unconfirmed = events.wait("the unconfirmed alarm", is_alarm);
        gateway.kill();
        assert!(device.receive_end().is_empty(), "acknowledged on a disk that answers {error}");

        disk.clear(error);
        gateway.restart();
        let mut device = gateway.mqtt("dev-1");
        device.telemetry("dev-1", &message);
        assert_eq!(gateway.values("dev-1", "spo2"), [97.0, 84.0]);
        let alarms = gateway.alarms("p1");
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        assert_eq!(alarms[0]["id"], unconfirmed.data["id"]);
    }
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn a_full_disk_is_survived_without_a_restart() {
    let full = Tmpfs::mount("6m");
    let gateway = Setup::default().rules(RULES).store(&full.dir.path().join("store")).start();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    let events = gateway.events();

    let filler = full.dir.path().join("filler");
    full.take_what_is_left(&filler);
    // Room the store already has is used up first; then one message stays without its PUBACK.
    let is_full = |e: &Event| e.name == "alarm" && e.data["rule"] == "store.full";
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged == sent {
        sent += 1;
        device.send_telemetry("dev-1", &low_spo2(&gateway, sent));
        eventually("an answer or the store alarm", || {
            if !device.is_silent() {
                acknowledged += 1;
                return Some(());
            }
            events.received().iter().any(is_full).then_some(())
        });
    }

    fs::remove_file(&filler).unwrap();
    assert_eq!(u64::from(device.receive_puback()), sent);
    events.wait("a heartbeat that says so", |e| e.name == "heartbeat" && e.data["store"] == "ok");
    assert_eq!(gateway.values("dev-1", "spo2").len() as u64, sent);
}
