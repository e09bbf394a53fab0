//! A ward's own browser, through the whole program: what it shows, who acts at it, and what the record says of that.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, node_modules, root, telemetry};
use crate::page::chromium;
use crate::people::{Browser, PASSWORD, first_link, link_in, person, with_a_patient};
use crate::pki::Pki;

const PIN: &str = "481516";

/// Makes a station by the command line; the secret of its link.
fn station(gateway: &Gateway, args: &[&str]) -> String {
    let output = gateway.command_line("station", args);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    link_in(&said)
}

/// Jane, a clinician with a PIN, and an admin, as its browser.
fn staff(gateway: &Gateway) -> Browser<'_> {
    let mut admin = Browser::new(gateway);
    let first = json!({ "link": first_link(gateway), "name": "root.one", "password": PASSWORD });
    assert_eq!(admin.post("/api/v1/session/link", &first).0, 200);
    person(gateway, &["add", "jane", "--role", "clinician", "--password-stdin"], PASSWORD);
    let mut jane = Browser::new(gateway);
    let name = json!({ "name": "jane", "password": PASSWORD });
    eventually("jane is known", || (jane.post("/api/v1/session", &name).0 == 200).then_some(()));
    let agent = ureq::Agent::new_with_defaults();
    let request = agent.put(gateway.url("/api/v1/session/pin")).header("cookie", &jane.cookie);
    let pin = json!({ "password": PASSWORD, "pin": PIN });
    request.header("sec-fetch-site", "same-origin").send_json(pin).unwrap();
    admin
}

/// The acts of the audit, as soon as all of these are among them.
fn audited(admin: &Browser<'_>, expected: &[(&str, &str)]) -> Vec<(String, String)> {
    eventually("the audit knows", || {
        let (_, audit) = admin.get("/api/v1/audit?limit=1000");
        let line = |act: &Value| {
            let word = |key: &str| act[key].as_str().unwrap_or_default().to_owned();
            (word("actor"), word("what"))
        };
        let acts: Vec<_> = audit["items"].as_array()?.iter().map(line).collect();
        let has = |(actor, what): &(&str, &str)| acts.iter().any(|a| a.0 == *actor && a.1 == *what);
        expected.iter().all(has).then_some(acts)
    })
}

#[test]
fn a_station_made_on_the_command_line_shows_and_whoever_acts_at_it_is_in_the_record_by_name() {
    let mut gateway = with_a_patient(json!({}), None, None);
    let admin = staff(&gateway);
    let link = json!({ "link": station(&gateway, &["add", "desk", "--ward", "icu"]) });
    let mut desk = Browser::new(&gateway);
    eventually("the gateway knows of the station", || {
        (desk.post("/api/v1/session/station", &link).0 == 200).then_some(())
    });
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 84.0, "%")]));
    let alarm = eventually("the alarm is shown", || {
        let (_, alarms) = desk.get("/api/v1/alarms");
        alarms["items"].as_array()?.iter().find(|alarm| alarm["patient"] == "p1").cloned()
    });
    let act = format!("/api/v1/alarms/{}/acknowledge", alarm["id"].as_str().unwrap());
    let seen = json!({ "seq": alarm["seq"] });
    assert_eq!(desk.post(&act, &seen).0, 423);
    let signature = "/api/v1/session/signature";
    assert_eq!(desk.post(signature, &json!({ "name": "jane", "pin": "615184" })).0, 401);
    let (status, unlocked) = desk.post(signature, &json!({ "name": "jane", "pin": PIN }));
    assert_eq!(status, 200, "{unlocked}");
    let agent = ureq::Agent::new_with_defaults();
    let request = agent.post(gateway.url(&act)).header("cookie", &desk.cookie);
    let request = request.header("sec-fetch-site", "same-origin");
    let signed = request.header("vitalgate-signature", unlocked["signature"].as_str().unwrap());
    let answer: Value = signed.send_json(&seen).unwrap().body_mut().read_json().unwrap();
    assert_eq!(answer["alarm"]["acknowledged"]["by"], "jane", "{answer}");
    let acts = audited(
        &admin,
        &[
            ("local:cli", "add_station"),
            ("station/desk", "become_station"),
            ("station/desk", "see_wards"),
            ("station/desk", "wrong_pin"),
            ("jane", "set_pin"),
            ("jane", "unlock"),
            ("jane", "sign"),
            ("jane", "acknowledge"),
        ],
    );
    // Newest first: signed, and then done, with nothing between.
    let done = acts.iter().position(|act| act.1 == "acknowledge").unwrap();
    assert_eq!((&*acts[done + 1].0, &*acts[done + 1].1), ("jane", "sign"), "{acts:?}");

    // It is a station over a restart too, and locked; taken back it shows nothing.
    let cookie = desk.cookie.clone();
    gateway.restart();
    let mut desk = Browser::with_cookie(&gateway, &cookie);
    assert_eq!(desk.get("/api/v1/alarms").0, 200);
    assert_eq!(desk.post(&act, &seen).0, 423);
    let output = gateway.command_line("station", &["remove", "desk"]);
    assert!(output.status.success());
    eventually("it shows nothing", || (desk.get("/api/v1/alarms").0 == 401).then_some(()));
    gateway.verify();
}

#[test]
#[ignore = "needs chromium"]
fn acts_are_signed_at_a_station_in_a_browser_and_locking_hides_nothing() {
    let (pki, folder) = (Pki::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = pki.issue(folder.path(), "own", "localhost");
    let tls = json!({ "listen": "127.0.0.1:0", "certificate": certificate, "key": key });
    let gateway = with_a_patient(json!({ "tls": tls }), None, None);
    let admin = staff(&gateway);
    let link = station(&gateway, &["add", "desk", "--ward", "icu"]);
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 84.0, "%")]));
    let port = gateway.address("https").rsplit(':').next().unwrap();
    let status = Command::new("node")
        .arg(root().join("tests/external/station.cjs"))
        .env("NODE_PATH", node_modules())
        .args([format!("--link={link}"), format!("--pin={PIN}"), "--name=jane".to_owned()])
        .args(["--url", &format!("https://localhost:{port}/"), "--chromium"])
        .arg(chromium())
        .status()
        .unwrap();
    assert!(status.success(), "a step failed; its name is above");
    audited(&admin, &[("station/desk", "wrong_pin"), ("jane", "sign"), ("jane", "acknowledge")]);
}
