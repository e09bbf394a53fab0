//! One device fills the disk: nothing acknowledged is lost, and whatever must go on goes on (docs/store.md).

use std::fs;
use std::path::Path;

use rumqttc::QoS;
use serde_json::{Value, json};

use crate::disk::Tmpfs;
use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};
use crate::sse::Events;

const SAMPLES: usize = 18_000;

/// A wave that cannot be compressed.
fn noise(gateway: &Gateway, seq: u64) -> String {
    let mut state = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut sample = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as i32
    };
    let samples: Vec<i32> = (0..SAMPLES).map(|_| sample()).collect();
    let wave = json!({ "signal": "ecg_ii", "rate_hz": 250.0, "samples": samples });
    json!({ "seq": seq, "sent_at": gateway.now(), "at": gateway.now(), "waves": [wave] })
        .to_string()
}

/// Sends waves until one is not acknowledged because the disk is full; how many were.
fn fill(gateway: &Gateway, device: &mut Client, events: &Events) -> u64 {
    let is_full = |alarm: &Value| alarm["rule"] == "store.full" && alarm["condition"] == "present";
    for seq in 1..10_000 {
        device.publish("vitalgate/v1/flood/waves", noise(gateway, seq), QoS::AtLeastOnce);
        let acknowledged = eventually("an answer or the alarm", || {
            if !device.is_silent() {
                return Some(true);
            }
            let full = events.received().iter().any(|e| e.name == "alarm" && is_full(&e.data));
            full.then_some(false)
        });
        if !acknowledged {
            return seq - 1;
        }
    }
    panic!("the disk is never full");
}

fn kept(gateway: &Gateway) -> u64 {
    gateway.rows("SELECT count(*) FROM waves", |row| row.get::<_, i64>(0))[0] as u64
}

fn is_ready(gateway: &Gateway) -> bool {
    gateway.ask("/readyz").0 == 200
}

fn reserve_is_whole(store: &Path, volume: u64) -> bool {
    fs::metadata(store.join("vitalgate.reserve")).unwrap().len() == volume / 20
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn one_device_fills_the_disk_and_all_else_goes_on() {
    let disk = Tmpfs::mount("32m");
    let filler = disk.dir.path().join("filler");
    fs::write(&filler, vec![0; 12 << 20]).unwrap();
    let store = disk.dir.path().join("store");
    let mut gateway = Setup::default().rules(RULES).store(&store).start();
    gateway.admit("p1", "dev-1");
    gateway.register("flood", "bedside", &json!([]));
    gateway.register("spare", "bedside", &json!([]));
    let (mut good, events) = (gateway.mqtt("dev-1"), gateway.events());
    good.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 70.0, "%")]));
    let alarm = events.alarm("SpO2", |alarm| alarm["kind"] == "physiological").data;

    let mut flood = gateway.mqtt("flood");
    let acknowledged = fill(&gateway, &mut flood, &events);
    assert!(acknowledged > 20, "{acknowledged}");
    assert!(reserve_is_whole(&store, 32 << 20), "acknowledgements stop before it is touched");
    assert!(kept(&gateway) >= acknowledged);
    assert!(!is_ready(&gateway));

    // People and operators go on.
    assert_eq!(gateway.command(&alarm, "acknowledge").0, 200);
    let revoked = gateway.command_line("device", &["revoke", "spare"]);
    assert!(revoked.status.success(), "{revoked:?}");

    gateway.restart();
    assert!(kept(&gateway) >= acknowledged);
    assert_eq!(gateway.alarms("p1")[0]["state"], "acknowledged");
    let events = gateway.events();
    let mut flood = gateway.mqtt("flood");
    let more = fill(&gateway, &mut flood, &events);
    assert!(more < 10, "{more}: it is nearly as full as before");
    let revoked = gateway.command_line("device", &["revoke", "flood"]);
    assert!(revoked.status.success(), "{revoked:?}");

    // There is room again, and nobody has to do anything.
    fs::remove_file(&filler).unwrap();
    let over = |alarm: &Value| alarm["rule"] == "store.full" && alarm["state"] == "closed";
    events.alarm("the end of the alarm", over);
    eventually("it is ready", || is_ready(&gateway).then_some(()));
    let mut good = gateway.mqtt("dev-1");
    good.telemetry("dev-1", &telemetry(2, gateway.now(), &[("spo2", 97.0, "%")]));
    assert_eq!(gateway.values("dev-1", "spo2"), [70.0, 97.0]);
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn retention_makes_room_on_a_full_disk() {
    let disk = Tmpfs::mount("24m");
    let store = disk.dir.path().join("store");
    let mut gateway = Setup::default().rules(RULES).store(&store).start();
    gateway.register("flood", "bedside", &json!([]));
    let (mut flood, events) = (gateway.mqtt("flood"), gateway.events());
    assert!(fill(&gateway, &mut flood, &events) > 20);

    gateway.stop();
    gateway.set("store", "waves_max_bytes", &json!(1 << 20));
    gateway.start_again();
    eventually("it is ready", || is_ready(&gateway).then_some(()));
    let mut flood = gateway.mqtt("flood");
    flood.publish("vitalgate/v1/flood/waves", noise(&gateway, 20_000), QoS::AtLeastOnce);
    flood.receive_puback();
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn another_program_fills_the_disk_and_a_restart_comes_up() {
    let disk = Tmpfs::mount("24m");
    let store = disk.dir.path().join("store");
    let mut gateway = Setup::default().rules(RULES).store(&store).start();
    gateway.admit("p1", "dev-1");
    gateway.register("spare", "bedside", &json!([]));
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 70.0, "%")]));
    let filler = disk.dir.path().join("filler");
    disk.take_what_is_left(&filler);

    for _ in 0..3 {
        gateway.restart();
    }
    let mut device = gateway.mqtt("dev-1");
    let message = telemetry(2, gateway.now(), &[("spo2", 97.0, "%")]);
    device.send_telemetry("dev-1", &message);
    eventually("the alarm", || {
        let alarms = gateway.get("/api/v1/alarms")["items"].as_array().unwrap().clone();
        alarms.into_iter().find(|alarm| alarm["rule"] == "store.full")
    });
    assert!(device.is_silent());
    let of_disk = |gateway: &Gateway| {
        let ids = "SELECT DISTINCT body ->> 'id' FROM transitions WHERE kind = 'alarm' AND body ->> 'rule' = 'store.full'";
        gateway.rows(ids, |row| row.get::<_, String>(0))
    };
    assert_eq!(of_disk(&gateway).len(), 1);
    gateway.restart();
    let mut device = gateway.mqtt("dev-1");
    device.send_telemetry("dev-1", &message);
    assert!(device.is_silent());
    assert_eq!(of_disk(&gateway).len(), 1, "a start on a disk that is full yet ends nothing");
    let alarm = gateway.alarms("p1").remove(0);
    assert_eq!(gateway.command(&alarm, "acknowledge").0, 200);
    let revoked = gateway.command_line("device", &["revoke", "spare"]);
    assert!(revoked.status.success(), "{revoked:?}");

    fs::remove_file(&filler).unwrap();
    device.receive_puback();
    assert_eq!(gateway.values("dev-1", "spo2"), [70.0, 97.0]);
}

/// Bytes of the reserve that are there.
fn reserve(store: &Path) -> u64 {
    fs::symlink_metadata(store.join("vitalgate.reserve")).map_or(0, |file| file.len())
}

fn degraded(gateway: &Gateway) -> String {
    gateway.ask("/readyz").1["degraded"].to_string()
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn a_flood_of_commands_on_a_full_disk_leaves_half_of_the_reserve_for_a_start() {
    let disk = Tmpfs::mount("24m");
    let store = disk.dir.path().join("store");
    let mut gateway = Setup::default().rules(RULES).store(&store).start();
    gateway.register("spare", "bedside", &json!([]));
    let whole = reserve(&store);
    assert!(whole > 0 && !degraded(&gateway).contains("reserve"));
    disk.take_what_is_left(&disk.dir.path().join("filler"));

    // Each of them is a row and a transition that is kept.
    let mut refused = 0;
    for n in 0..20_000 {
        let class = ["quick", "bedside"][n % 2];
        let answer = gateway.patch_within("/api/v1/devices/spare", &json!({ "class": class }));
        if answer != Some(200) {
            refused += 1;
            if refused > 2 {
                break;
            }
        }
        if n % 64 == 0 {
            assert!(reserve(&store) >= whole / 2, "{} of {whole} after {n}", reserve(&store));
        }
    }
    assert!(refused > 0, "the half that commands may use has an end");
    assert!(reserve(&store) >= whole / 2, "{} of {whole}", reserve(&store));
    assert!(!is_ready(&gateway) && degraded(&gateway).contains("of the reserve are not there"));
    gateway.restart();
    assert_eq!(gateway.get("/api/v1/devices/spare")["revoked"], false, "a start comes up");
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn a_full_disk_is_told_before_anybody_sends_something() {
    let disk = Tmpfs::mount("24m");
    let store = disk.dir.path().join("store");
    let mut gateway = Setup::default().rules(RULES).store(&store).start();
    eventually("it is ready", || is_ready(&gateway).then_some(()));
    gateway.stop();
    let filler = disk.dir.path().join("filler");
    disk.take_what_is_left(&filler);
    gateway.start_again();
    eventually("it is not ready", || (!is_ready(&gateway)).then_some(()));
    assert!(degraded(&gateway).contains("reserve"), "{}", degraded(&gateway));
    fs::remove_file(&filler).unwrap();
    eventually("it is ready", || is_ready(&gateway).then_some(()));
    eventually("the reserve is whole", || (!degraded(&gateway).contains("reserve")).then_some(()));
}

#[test]
fn a_link_in_the_place_of_the_reserve_is_not_followed_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let (store, elsewhere) = (dir.path().join("store"), dir.path().join("elsewhere"));
    fs::write(&elsewhere, "another's").unwrap();
    let reserve = json!({ "reserve_bytes": 1 << 20 });
    let mut gateway = Setup::default().rules(RULES).store(&store).section("store", reserve).start();
    gateway.stop();
    let place = store.join("vitalgate.reserve");
    fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &place).unwrap();
    gateway.start_again();
    assert!(degraded(&gateway).contains("1048576 bytes of the reserve"), "{}", degraded(&gateway));
    gateway.admit("p1", "dev-1");
    gateway.stop();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "another's");
    assert!(fs::symlink_metadata(&place).unwrap().is_symlink());
}
