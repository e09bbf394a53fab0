//! Recordings of real patients, sent through MQTT as a device would have sent them, against the
//! second implementation of the rules.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::Gateway;
use crate::oracle::{Case, START, at, cases};
use crate::setup::Setup;

cases!(check);

fn check(name: &str, late: usize) {
    let case = Case::load(name);
    let gateway = Setup::default().args(&["--clock", "stream"]).start();
    admit(&case, &gateway);
    set_charted_limits(&case, &gateway);
    replay(&case, &gateway);
    case.compare(&moved(&gateway), late);
}

fn admit(case: &Case, gateway: &Gateway) {
    let (patient, device) = (case.text("patient"), case.text("device"));
    let signals: Vec<Value> = case
        .columns()
        .map(|(_, signal, _)| json!({ "signal": signal, "interval": case.interval() }))
        .collect();
    let made = |path: &str, body: Value| {
        let (status, answer) = gateway.post(&format!("/api/v1/{path}"), &body);
        assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
    };
    made("wards", json!({ "id": "w1" }));
    made("beds", json!({ "id": "b1", "ward": "w1" }));
    made("patients", json!({ "id": patient, "age_class": "adult", "bed": "b1" }));
    made("devices", json!({ "id": device, "class": case.text("class"), "signals": signals }));
    let (status, answer) = gateway.put(
        &format!("/api/v1/devices/{device}/binding"),
        &json!({
            "patient": patient, "from": at(-60.0),
            "zero_means_no_sensor": case.zero_means_no_sensor(),
        }),
    );
    assert!((200..300).contains(&status), "bind: {status} {answer}");
}

fn set_charted_limits(case: &Case, gateway: &Gateway) {
    let path = format!("/api/v1/patients/{}/limits", case.text("patient"));
    for change in case.charted_limits() {
        let body = json!({ "limits": change.all, "from": change.from, "reason": "as charted" });
        let (status, answer) = gateway.put(&path, &body);
        let expected = if change.mistyped { 422 } else { 200 };
        assert_eq!(status, expected, "{body}: {answer}");
    }
}

fn replay(case: &Case, gateway: &Gateway) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitalgate"));
    command.args(["replay", "--mqtt", gateway.address("mqtt")]);
    command.args(["--device", case.text("device"), "--start", START]);
    for (column, signal, unit) in case.columns() {
        command.args(["--column", &format!("{column}={signal}:{unit}")]);
    }
    let output = command.arg(case.recording()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{printed}", output.status);
}

/// Every move of every alarm.
fn moved(gateway: &Gateway) -> Vec<(String, Value)> {
    let sql = "SELECT change, body FROM transitions WHERE kind = 'alarm' ORDER BY seq";
    let rows = gateway.rows(sql, |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    rows.into_iter().map(|(change, body)| (change, serde_json::from_str(&body).unwrap())).collect()
}
