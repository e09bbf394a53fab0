//! One alarm as one file: written beside a running gateway or from a copy, derived again where there is no store at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;

use crate::harness::{Gateway, telemetry};

fn replayed(file: &std::path::Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vitalgate"))
        .args(["incident", "replay"])
        .arg(file)
        .current_dir(file.parent().unwrap())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn an_alarm_is_written_beside_the_gateway_and_derived_again_where_there_is_none() {
    let gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    gateway.admit("other-patient", "dev-2");
    let mut other = gateway.mqtt("dev-2");
    let mut device = gateway.mqtt("dev-1");
    for seq in 1..=5 {
        let value = 84.0 - seq as f64;
        other.telemetry("dev-2", &telemetry(seq, gateway.now(), &[("spo2", 63.25, "%")]));
        device.telemetry("dev-1", &telemetry(seq, gateway.now(), &[("spo2", value, "%")]));
    }
    let alarm = gateway.alarms("p1").remove(0);
    let (status, body) = gateway.command(&alarm, "acknowledge");
    assert_eq!(status, 200, "{body}");
    device.telemetry("dev-1", &telemetry(6, gateway.now(), &[("spo2", 97.0, "%")]));

    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("incident.jsonl");
    let id = alarm["id"].as_str().unwrap();
    let written = gateway.command_line("incident", &[id, "--out", out.to_str().unwrap()]);
    let said = String::from_utf8(written.stdout.clone()).unwrap();
    assert!(written.status.success(), "{written:?}");
    assert!(said.contains(&format!("alarm {id} of patient p1")), "{said}");
    assert!(said.contains("the same id, the same moments, the same words"), "{said}");
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&out).unwrap();
    for strange in ["other-patient", "dev-2", "63.25"] {
        assert!(!text.contains(strange), "{strange}");
    }
    let (same, said) = replayed(&out);
    assert!(same && said.contains("derived again"), "{said}");
    let again = gateway.command_line("incident", &[id, "--out", out.to_str().unwrap()]);
    assert!(!again.status.success(), "what is there stays");

    fs::write(&out, text.replacen("\"acknowledged\"", "\"unacknowledged\"", 1)).unwrap();
    let (same, _) = replayed(&out);
    assert!(!same, "it was changed");

    let copy = dir.path().join("copy.db");
    assert!(gateway.command_line("backup", &[copy.to_str().unwrap()]).status.success());
    let out = dir.path().join("from-copy.jsonl");
    let from = ["--from", copy.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let written = gateway.command_line("incident", &[&[id], &from[..]].concat());
    assert!(written.status.success(), "{written:?}");
    assert!(replayed(&out).0);

    let missing = gateway.command_line("incident", &["NOSUCHALARM"]);
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no alarm NOSUCHALARM"));
    let story = gateway.get(&format!("/api/v1/alarms/{id}"));
    assert_eq!(story["deliveries"], json!([]), "nobody was told but on the stream");
}
