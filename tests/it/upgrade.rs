//! Stores of older versions: they open, nothing in them ends silently, and they go on.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, root, telemetry};
use crate::setup::Setup;

/// The rules of the stores under `tests/fixtures/stores`: never to be changed.
const RULES: &str = r#"
quality_min = 0.5

[class.bedside]
expected_interval = "1s"
max_delay = "5s"
slack = "54s"

[[limit]]
id = "test.spo2"
signal = "spo2"
low = ["88 %"]
hysteresis = "2 %"
gap = "10m"

[[limit]]
id = "test.heart_rate"
signal = "heart_rate"
high = ["130 /min"]
hysteresis = "5 /min"
gap = "10m"
"#;

fn gateway() -> Gateway {
    Setup::default().rules(RULES).start()
}

/// Patient `p1` on `dev-1`, with a low SpO2 and a high heart rate, both announced.
fn two_alarms(gateway: &Gateway) {
    gateway.admit("p1", "dev-1");
    let readings = [("spo2", 84.0, "%"), ("heart_rate", 150.0, "/min")];
    gateway.mqtt("dev-1").telemetry("dev-1", &telemetry(1, gateway.now(), &readings));
    eventually("both are announced", || (gateway.alarms("p1").len() == 2).then_some(()));
}

fn alarm(gateway: &Gateway, rule: &str) -> Value {
    eventually(rule, || gateway.alarms("p1").into_iter().find(|a| a["rule"] == rule))
}

/// The transitions of an alarm, oldest first.
fn changes(gateway: &Gateway, id: &Value) -> Vec<String> {
    let id = id.as_str().unwrap();
    let sql = format!("SELECT change FROM transitions WHERE alarm = '{id}' ORDER BY seq");
    gateway.rows(&sql, |row| row.get(0))
}

#[test]
fn what_an_older_core_announced_stays_and_what_only_this_one_holds_is_raised() {
    let mut gateway = gateway();
    two_alarms(&gateway);
    let [spo2, fast] = ["test.spo2_low", "test.heart_rate_high"].map(|r| alarm(&gateway, r));
    gateway.stop();
    // As if an older core had held another alarm of the heart rate, and none of SpO2.
    let (spo2_id, fast_id) = (spo2["id"].as_str().unwrap(), fast["id"].as_str().unwrap());
    gateway.tamper(&format!(
        "UPDATE journal SET core = 0;
         DELETE FROM transitions WHERE alarm = '{spo2_id}';
         INSERT INTO transitions SELECT (SELECT max(seq) + 1 FROM transitions), n, at, kind,
           change, 'announced', patient, actor, json_set(body, '$.id', 'announced'), NULL, NULL
           FROM transitions WHERE alarm = '{fast_id}' ORDER BY seq DESC LIMIT 1"
    ));
    gateway.of_version_4();
    gateway.start_again();

    let announced = eventually("what was announced is kept", || {
        gateway.alarms("p1").into_iter().find(|a| a["id"] == "announced" && a["state"] == "latched")
    });
    assert_eq!(announced["condition_reason"], "upgraded", "{announced}");
    assert_eq!(changes(&gateway, &fast["id"]), ["raised"], "where both agree nothing moves");
    let raised = alarm(&gateway, "test.spo2_low");
    assert_eq!((&raised["id"], &raised["raised_at"]), (&spo2["id"], &spo2["raised_at"]));
    assert!(raised["seq"].as_u64() > fast["seq"].as_u64(), "{raised}");
    assert_eq!(changes(&gateway, &spo2["id"]), ["raised"]);
    gateway.verify();

    gateway.restart();
    assert_eq!(changes(&gateway, &json!("announced")).len(), 2, "it is settled once");
    let (status, answer) = gateway.command(&announced, "reset");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(gateway.alarms("p1").len(), 2);
    gateway.stop();
}

#[test]
fn a_store_that_a_newer_core_wrote_is_refused_and_not_touched() {
    let mut gateway = gateway();
    gateway.stop();
    gateway.tamper("UPDATE journal SET core = 99 WHERE n = (SELECT max(n) FROM journal)");
    let before = fs::read(gateway.database()).unwrap();
    let refused = gateway.command_line("device", &["add", "dev-9", "--class", "bedside"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("version 99 of the core"), "{error}");
    assert!(fs::read(gateway.database()).unwrap() == before, "untouched");
}

fn stores() -> PathBuf {
    root().join("tests/fixtures/stores")
}

/// A gateway on a copy, in `store`, of a packed store.
fn opened(packed: &Path, store: &Path) -> Gateway {
    let bytes = zstd::decode_all(fs::File::open(packed).unwrap()).unwrap();
    fs::write(store.join("vitalgate.db"), bytes).unwrap();
    Setup::default().rules(RULES).store(store).start()
}

#[test]
fn the_store_of_every_version_opens_and_goes_on() {
    let mut seen = 0;
    for packed in fs::read_dir(stores()).unwrap() {
        let store = tempfile::tempdir().unwrap();
        let mut gateway = opened(&packed.unwrap().path(), store.path());
        let left = alarm(&gateway, "test.spo2_low");
        let (status, answer) = gateway.command(&left, "acknowledge");
        assert_eq!(status, 200, "{answer}");
        gateway.admit("p2", "dev-2");
        let low = telemetry(1, gateway.now(), &[("spo2", 83.0, "%")]);
        gateway.mqtt("dev-2").telemetry("dev-2", &low);
        eventually("it judges", || gateway.alarms("p2").pop());
        assert_eq!(gateway.values("dev-2", "spo2"), [83.0]);
        gateway.stop();
        seen += 1;
    }
    assert!(seen > 0, "no store in {}", stores().display());
}

#[test]
#[ignore = "writes the store of this version; run it when one is released"]
fn writes_the_store_of_this_version() {
    let packed = stores().join(concat!(env!("CARGO_PKG_VERSION"), ".db.zst"));
    assert!(!packed.exists(), "{} stands for ever", packed.display());
    let gateway = gateway();
    two_alarms(&gateway);
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("copy.db");
    let made = gateway.command_line("backup", &[file.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::create_dir_all(stores()).unwrap();
    fs::write(packed, zstd::bulk::compress(&fs::read(&file).unwrap(), 19).unwrap()).unwrap();
}
