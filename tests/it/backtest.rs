//! Other rules over what a gateway recorded, and over recordings.

use std::path::Path;
use std::process::{Command, Output};

use rumqttc::QoS;
use serde_json::Value;

use crate::cases::recordings;
use crate::harness::{Gateway, root, telemetry};
use crate::setup::RULES;

fn backtest(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vitalgate")).arg("backtest").args(args).output().unwrap()
}

#[track_caller]
fn report(args: &[&str]) -> Value {
    let output = backtest(&[args, &["--json"]].concat());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn kind(report: &Value, kind: &str) -> u64 {
    let kinds = report["differences"]["kinds"].as_array().unwrap();
    kinds.iter().find(|one| one[0] == kind).unwrap()[1].as_u64().unwrap()
}

#[test]
fn what_a_gateway_recorded_is_judged_again_beside_it() {
    let gateway = Gateway::start();
    gateway.admit("p-secret", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    for (seq, value) in (1..).zip([97.0, 89.0, 87.0, 97.0, 97.0, 89.0]) {
        device.telemetry("dev-1", &telemetry(seq, gateway.now(), &[("spo2", value, "%")]));
    }
    let announced = gateway.alarms("p-secret").len() as u64;
    let dir = tempfile::tempdir().unwrap();
    let rules = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let old = rules("old.toml", RULES);
    let new = rules("new.toml", &RULES.replace("88 %", "85 %"));
    let store = gateway.store();
    let args = ["--rules", text(&new), "--against", text(&old), text(&store)];

    let found = report(&args);
    assert_eq!(found["covered"]["readings"], 6, "{found}");
    assert_eq!(found["old"]["announcements"]["count"], announced, "as it was: {found}");
    assert_eq!(found["old"]["announcements"]["count"], 1, "{found}");
    assert_eq!(found["new"]["announcements"]["count"], 0, "{found}");
    assert_eq!(kind(&found, "lost"), 1, "{found}");
    let readings = found["differences"]["listed"][0]["readings"].as_array().unwrap();
    assert_eq!(readings.last().unwrap()["value"], 87.0, "{found}");
    let same = report(&["--rules", text(&old), "--against", text(&old), text(&store)]);
    assert_eq!(same["differences"]["same"], 1);
    assert_eq!(same["differences"]["listed"], serde_json::json!([]));

    let page = dir.path().join("page.html");
    let output = backtest(&[&args[..], &["--html", text(&page)]].concat());
    let table = String::from_utf8(output.stdout).unwrap();
    let html = std::fs::read_to_string(&page).unwrap();
    for words in [&table, &html, &found.to_string()] {
        // A bed is named, and this one after who lies in it.
        let words = words.replace("bed-p-secret", "");
        assert!(words.contains("test.spo2_low") && !words.contains("p-secret"), "{words}");
    }
    let again = backtest(&[&args[..], &["--html", text(&page)]].concat());
    assert!(!again.status.success(), "what is there stays");
    let named = report(&[&args[..], &["--patients"]].concat());
    assert!(named.to_string().contains("p-secret"));
}

#[test]
fn a_pack_is_tried_beside_the_rules_that_are_there() {
    let gateway = Gateway::start();
    gateway.admit("p-1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
    let event = serde_json::json!({ "event": "vt_detected", "id": "ep-1" });
    let now = gateway.now();
    let message = serde_json::json!({ "seq": 2, "sent_at": now, "at": now, "events": [event] });
    device.publish("vitalgate/v1/dev-1/events", message.to_string(), QoS::AtLeastOnce);
    device.receive_puback();
    let dir = tempfile::tempdir().unwrap();
    let (rules, pack) = (dir.path().join("rules.toml"), dir.path().join("own.toml"));
    std::fs::write(&rules, RULES).unwrap();
    let vt = "[[event]]\nid = \"own.vt\"\nevents = [\"vt_detected\"]\npriority = \"high\"\n\
              response = \"immediate\"\ntext = \"VT\"\n";
    std::fs::write(&pack, vt).unwrap();
    let store = gateway.store();
    let config = gateway.config_file();
    let args = ["--config", text(&config), text(&store)];

    let found = report(&[&["--packs", text(&pack)][..], &args].concat());
    assert_eq!(kind(&found, "gained"), 1, "{found}");
    let name = found["new"]["rules"].as_str().unwrap();
    assert!(name.ends_with(&format!("with {}", text(&pack))), "{name}");
    let back = report(&[&["--packs", "none", "--against-packs", text(&pack)][..], &args].concat());
    assert_eq!(kind(&back, "lost"), 1, "{back}");
    let same = [&["--packs", text(&pack), "--against-packs", text(&pack)][..], &args].concat();
    assert_eq!(report(&same)["differences"]["same"], 1);

    for (packs, said) in [("news3", "there is no pack `news3`"), ("hf,hf", "stands twice")] {
        let output = backtest(&[&["--packs", packs][..], &args].concat());
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{complaint}");
        assert!(complaint.contains(said), "{complaint}");
    }
    let neither = backtest(&args);
    assert!(!neither.status.success(), "nothing is tried");
}

#[test]
fn rules_that_are_wrong_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad.toml");
    std::fs::write(&bad, RULES.replace("\"88 %\"", "\"88 mmHg\"")).unwrap();
    let good = dir.path().join("good.toml");
    std::fs::write(&good, RULES).unwrap();
    for args in [
        ["--rules", text(&bad), "--against", text(&good), "nowhere.csv"],
        ["--rules", text(&good), "--against", text(&bad), "nowhere.csv"],
    ] {
        // What is wrong with the input is looked at later.
        let case = root().join("tests/model/cases/hupa_0001P.json");
        let inputs = ["--case", text(&case), "hupa_0001P_cgm_7d.csv"];
        let output = backtest(&[&args[..4], &inputs[..]].concat());
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{complaint}");
        assert!(
            complaint.contains("bad.toml") && complaint.contains("line 19, column"),
            "{complaint}"
        );
    }
    let output = backtest(&["--rules", text(&good), "nowhere"]);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("no folder of a store, and no --case"), "{complaint}");
}

#[test]
#[ignore = "needs the recordings"]
fn the_shipped_rules_over_a_recording_differ_from_changed_ones_alone() {
    let dir = tempfile::tempdir().unwrap();
    let shipped = root().join("config/rules.toml");
    let changed = dir.path().join("changed.toml");
    let rules = std::fs::read_to_string(&shipped).unwrap();
    std::fs::write(&changed, rules.replace("low = [\"8 /min\"]", "low = [\"7 /min\"]")).unwrap();
    let case = root().join("tests/model/cases/mimic2_s00001.json");
    let folder = recordings();
    let run =
        |rules: &Path| report(&["--rules", text(rules), "--case", text(&case), text(&folder)]);
    let same = run(&shipped);
    assert_eq!(same["old"]["rules"], "the built-in rules");
    assert_eq!(same["old"]["announcements"], same["new"]["announcements"]);
    assert!(same["old"]["announcements"]["count"].as_u64().unwrap() > 10, "{same}");
    assert_eq!(same["differences"]["listed"], serde_json::json!([]));
    let days = same["covered"]["patient_days"].as_f64().unwrap();
    assert!((1.2..1.4).contains(&days), "1,936 minutes are 1.34 days: {days}");

    let other = run(&changed);
    let listed = other["differences"]["listed"].as_array().unwrap();
    assert!(!listed.is_empty(), "{other}");
    for one in listed {
        let about = one["about"].as_str().unwrap();
        assert_eq!(about, "respiratory_rate low", "{one}");
        assert!(!one["readings"].as_array().unwrap().is_empty(), "{one}");
    }
    assert_eq!(other["old"], same["old"]);
}
