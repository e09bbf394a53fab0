//! The page in a real browser: live numbers, an alarm, its acknowledgement, a lost connection, races, sound, languages, a shift
//! that changes.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, node_modules, root, telemetry};
use crate::pki::Pki;
use crate::setup::{RULES, Setup};

pub(crate) fn chromium() -> PathBuf {
    std::env::var_os("VITALGATE_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

/// Whether the alarm of `p1` is acknowledged.
fn acknowledged(gateway: &Gateway) -> bool {
    gateway.alarms("p1").iter().any(|alarm| alarm["acknowledged"] != Value::Null)
}

#[track_caller]
fn the_page_follows_until(gone: &str) {
    let mut gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    let readings = [("heart_rate", 73.0, "/min"), ("spo2", 97.0, "%")];
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &readings));

    let mut browser = Command::new("node")
        .arg(root().join("tests/external/page.cjs"))
        .env("NODE_PATH", node_modules())
        .args(["--url", &gateway.url("/"), "--value", "73", "--alarm", "SpO2 84 %"])
        .arg("--chromium")
        .arg(chromium())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = BufReader::new(browser.stdout.take().expect("piped")).lines();
    let mut expect = |word: &str| {
        let shown = words.next().and_then(Result::ok);
        assert_eq!(shown.as_deref(), Some(word), "the page does not show it");
    };

    expect("vital");
    device.telemetry("dev-1", &telemetry(2, gateway.now(), &[("spo2", 84.0, "%")]));
    expect("alarm");
    expect("acknowledged");
    eventually("the gateway holds the acknowledgement", || acknowledged(&gateway).then_some(()));
    match gone {
        "stopped" => gateway.signal("STOP"),
        _ => gateway.kill(),
    }
    expect("lost");
    assert!(browser.wait().unwrap().success());
}

#[test]
#[ignore = "needs chromium"]
fn the_page_shows_what_happens_and_that_the_gateway_died() {
    the_page_follows_until("killed");
}

#[test]
#[ignore = "needs chromium"]
fn the_page_shows_what_happens_and_that_the_gateway_hangs() {
    the_page_follows_until("stopped");
}

/// The checks of some files of `tests/external/page`, before a gateway that does what they say.
#[track_caller]
fn every_check_holds(files: &str) {
    let status = Command::new("node")
        .arg(root().join("tests/external/page_races.cjs"))
        .env("NODE_PATH", node_modules())
        .args(["--files", files, "--chromium"])
        .arg(chromium())
        .status()
        .unwrap();
    assert!(status.success(), "a check of the page failed; its name is above");
}

/// Races to the millisecond.
#[test]
#[ignore = "needs chromium"]
fn the_page_never_answers_the_wrong_alarm() {
    every_check_holds("answers,resets,tabs,shows,mutes,responsible,grounds");
}

#[test]
#[ignore = "needs chromium"]
fn the_page_is_used_with_the_keyboard_alone_and_in_either_language() {
    every_check_holds("people");
}

#[test]
#[ignore = "needs chromium"]
fn axe_finds_nothing_in_any_view_of_the_page() {
    every_check_holds("axe");
}

#[test]
#[ignore = "needs chromium"]
fn nothing_speaks_against_installing_the_page() {
    every_check_holds("install");
}

/// Two nurses on duty, each called otherwise than their tokens.
const TEAMS: &str = r#"
[shifts]
always = "00:00-00:00"
[[person]]
id = "n1"
signs_in_as = "anna"
[[person]]
id = "n2"
signs_in_as = "ben"
[[team]]
id = "icu"
steps = [{ role = "nurse" }, { role = "second" }]
[[duty]]
team = "icu"
role = "nurse"
shift = "always"
people = ["n1"]
[[duty]]
team = "icu"
role = "second"
shift = "always"
people = ["n2"]
"#;

fn token(name: &str) -> Value {
    let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    let sha256 = data_encoding::HEXLOWER.encode(digest.as_ref());
    json!({ "name": name, "role": "clinician", "sha256": sha256 })
}

#[test]
#[ignore = "needs chromium"]
fn a_shift_changes_in_the_browser_and_six_tabs_are_served_over_https() {
    let (pki, folder) = (Pki::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = pki.issue(folder.path(), "own", "localhost");
    let tls = json!({ "listen": "127.0.0.1:0", "certificate": certificate, "key": key });
    let setup = Setup::default().rules(RULES).teams(TEAMS).section("http", json!({ "tls": tls }));
    let mut gateway = setup.start();
    gateway.admit("p1", "dev-1");
    gateway.set("http", "token", &json!([token("anna"), token("ben")]));
    gateway.restart();
    let port = gateway.address("https").rsplit(':').next().unwrap().to_owned();

    let mut browser = Command::new("node")
        .arg(root().join("tests/external/page_shift.cjs"))
        .env("NODE_PATH", node_modules())
        .args(["--url", &format!("https://localhost:{port}/"), "--first=anna", "--second=ben"])
        .arg("--chromium")
        .arg(chromium())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = BufReader::new(browser.stdout.take().expect("piped")).lines();
    let mut expect = |word: &str| {
        let shown = words.next().and_then(Result::ok);
        assert_eq!(shown.as_deref(), Some(word), "the page does not show it");
    };

    expect("live");
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 74.0, "%")]));
    expect("taken");
    expect("six");
    gateway.kill();
    expect("lost");
    assert!(browser.wait().unwrap().success());
}

fn seen_by(gateway: &Gateway, token: &str, path: &str) -> Value {
    let request = ureq::get(gateway.url(path)).header("authorization", format!("Bearer {token}"));
    request.call().unwrap().body_mut().read_json().unwrap()
}

#[test]
#[ignore = "needs chromium"]
fn whoever_makes_the_plan_of_duty_changes_it_in_the_browser_and_it_is_in_force() {
    let mut gateway = Setup::default().rules(RULES).teams(TEAMS).start();
    gateway.admit("p1", "dev-1");
    let mut planner = token("lead");
    planner["role"] = json!("ward-admin");
    gateway.set("http", "token", &json!([planner, token("ben")]));
    gateway.restart();
    let status = Command::new("node")
        .arg(root().join("tests/external/plan.cjs"))
        .env("NODE_PATH", node_modules())
        .args(["--url", &gateway.url("/"), "--token=lead", "--chromium"])
        .arg(chromium())
        .status()
        .unwrap();
    assert!(status.success(), "the reason is above");
    eventually("n2 is called first", || {
        let duty = seen_by(&gateway, "ben", "/api/v1/duty");
        (duty["items"][0]["person"] == "n2").then_some(())
    });
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 74.0, "%")]));
    eventually("the alarm asks her", || {
        let alarms = seen_by(&gateway, "ben", "/api/v1/alarms");
        (alarms["items"][0]["responsibility"]["person"] == "n2").then_some(())
    });
}

#[test]
#[ignore = "needs chromium"]
fn an_alarm_is_heard_by_its_priority_from_a_page_that_was_armed() {
    every_check_holds("sound");
}

#[test]
#[ignore = "needs chromium"]
fn a_screen_at_which_alarms_are_heard_stays_on_or_says_that_it_may_go_dark() {
    every_check_holds("awake");
}
