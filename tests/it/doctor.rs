//! `doctor`, `status` and `config show`, as an operator meets them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_influx::{FakeInflux, PREFIX, Sight, State};
use crate::harness::{Gateway, eventually, telemetry, vitalgate};
use crate::mosquitto::Mosquitto;
use crate::setup::{RULES, Setup};

/// A configuration with one section more, in a folder of its own.
fn configured(section: &str, content: &Value) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let config = json!({ "store": { "dir": dir.path().join("store") }, section: content });
    let path = dir.path().join("gateway.toml");
    fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
    (dir, path)
}

fn influx(server: &FakeInflux) -> (TempDir, PathBuf) {
    let (dir, path) = configured(
        "influx",
        &json!({
            "url": format!("http://{}{PREFIX}", server.address), "org": "o", "bucket": "b",
            "secret_file": "token",
        }),
    );
    fs::write(dir.path().join("token"), "secret-token\n").unwrap();
    (dir, path)
}

/// What `doctor --json` finds of a part: `what verdict`; and the exit code for that part alone.
fn found(config: &Path, part: &str, args: &[&str]) -> (Vec<String>, Option<i32>) {
    let args: Vec<&str> = ["--json"].iter().chain(args).copied().collect();
    let output = vitalgate("doctor", config, &args);
    let printed: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = printed["findings"].as_array().unwrap();
    let code_of = |of: &[&Value]| i32::from(of.iter().any(|f| f["verdict"] == "fail"));
    let all: Vec<&Value> = findings.iter().collect();
    assert_eq!(output.status.code(), Some(code_of(&all)), "{printed}");
    // The disk of the machine that tests may be as full as it likes.
    let is_of_part = |f: &&Value| f["part"].as_str().unwrap().starts_with(part);
    let of_part: Vec<&Value> = findings.iter().filter(is_of_part).collect();
    let line = |f: &Value| {
        assert_eq!(f["verdict"] == "ok", f["advice"].is_null(), "{f}");
        format!("{} {}", f["what"].as_str().unwrap(), f["verdict"].as_str().unwrap())
    };
    (of_part.iter().copied().map(line).collect(), Some(code_of(&of_part)))
}

#[test]
fn an_influxdb_that_is_well_takes_a_point_and_gives_it_back() {
    let server = FakeInflux::start();
    let (_dir, config) = influx(&server);
    let whole =
        ["server ok", "organisation ok", "bucket ok", "write ok", "read back ok", "sums ok"];
    let whole = whole.map(str::to_owned).to_vec();
    assert_eq!(found(&config, "influxdb", &[]), (whole.clone(), Some(0)));
    assert_eq!(found(&config, "influxdb", &[]), (whole, Some(0)), "and again");
    assert_eq!(server.count("vitalgate_doctor"), 10);
    assert_eq!(server.count("vitalgate_reading"), 0);
}

#[test]
fn what_influxdb_lacks_is_named_and_made_when_asked_for() {
    let server = FakeInflux::start();
    let (_dir, config) = influx(&server);
    server.state().buckets.clear();
    let (lines, code) = found(&config, "influxdb", &[]);
    assert_eq!((&*lines[2], lines.len(), code), ("bucket fail", 3, Some(1)));
    assert!(server.state().buckets.is_empty(), "nothing is made unasked");
    server.state().orgs.clear();
    let (lines, code) = found(&config, "influxdb", &[]);
    assert_eq!((&*lines[1], lines.len(), code), ("organisation fail", 2, Some(1)));

    let (lines, code) = found(&config, "influxdb", &["--fix"]);
    assert_eq!((lines.len(), code), (6, Some(0)), "{lines:?}");
    let made = server.state();
    assert_eq!((made.orgs.join(" "), made.buckets.join(" ")), ("o".to_owned(), "b".to_owned()));
}

#[test]
fn a_token_that_may_only_use_the_bucket_is_enough() {
    let server = FakeInflux::start();
    let (_dir, config) = influx(&server);
    let check = |sight: Sight, expected: [&str; 6], code: i32| {
        server.state().sight = sight;
        for args in [&[][..], &["--fix"]] {
            let (lines, exit) = found(&config, "influxdb", args);
            let expected: Vec<&str> = expected.into_iter().filter(|e| !e.is_empty()).collect();
            assert_eq!(lines, expected);
            assert_eq!(exit, Some(code));
        }
    };
    let unseen = "organisation warn";
    let (write, read, sums) = ("write ok", "read back ok", "sums ok");
    check(Sight::Bucket, ["server ok", unseen, "bucket ok", write, read, sums], 0);
    check(Sight::Nothing, ["server ok", unseen, "bucket warn", write, "read back warn", ""], 0);
    check(Sight::Refused, ["server ok", unseen, "bucket warn", write, read, sums], 0);
    // The write finds out what no list shows.
    server.state().buckets.clear();
    check(Sight::Bucket, ["server ok", unseen, "bucket warn", "write fail", "", ""], 1);
    assert!(server.state().buckets.is_empty(), "nothing is made where nothing is seen");
}

#[test]
fn each_fault_of_influxdb_is_named() {
    let server = FakeInflux::start();
    let (_dir, config) = influx(&server);
    let last = |server: &FakeInflux, change: fn(&mut State)| {
        change(&mut server.state());
        let (lines, code) = found(&config, "influxdb", &[]);
        (lines.last().unwrap().clone(), code)
    };
    assert_eq!(last(&server, |s| s.forgetful = true), ("read back fail".to_owned(), Some(1)));
    assert_eq!(last(&server, |s| s.read_only = true), ("write fail".to_owned(), Some(1)));
    assert_eq!(
        last(&server, |s| s.authorization = "Token another".into()),
        ("write fail".to_owned(), Some(1))
    );
    let address = server.address;
    drop(server);
    let (lines, code) = found(&config, "influxdb", &[]);
    assert_eq!((lines, code), (vec!["server fail".to_owned()], Some(1)), "{address}");
}

#[test]
fn a_bucket_that_forgets_and_another_server_are_worth_a_warning() {
    let server = FakeInflux::start();
    let (_dir, config) = influx(&server);
    server.state().retention_s = 30 * 86_400;
    server.state().version = "3.1.0".into();
    let (lines, code) = found(&config, "influxdb", &[]);
    assert_eq!((&*lines[0], &*lines[2], code), ("server warn", "bucket warn", Some(0)));
    let output = vitalgate("doctor", &config, &[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("it forgets after 30 days") && printed.contains("→ "), "{printed}");
    assert!(!printed.contains("secret-token"), "{printed}");
}

#[test]
fn the_screen_shows_what_is_wrong_with_a_running_gateway_and_its_store_afterwards() {
    let mut gateway = Setup::default().rules(RULES).start();
    gateway.admit_with("p1", "dev-1", "quick", &["spo2"]);
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 79.0, "%")]));
    let screen = |gateway: &Gateway| {
        let output = gateway.command_line("status", &[]);
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let shown = eventually("the device is shown as silent", || {
        let (shown, code) = screen(&gateway);
        (code == Some(0) && shown.contains("silent     1")).then_some(shown)
    });
    for line in
        ["site site-1  ready", "p1 in w1: SpO2 79 %", "high       1", "paused     none", "commits"]
    {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let json = gateway.command_line("status", &["--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["running"], &json["status"]["devices"]), (&json!(true), &json!(1)));
    gateway.kill();
    let (shown, code) = screen(&gateway);
    assert!(shown.contains("NO GATEWAY RUNS") && shown.contains("last row"), "{shown}");
    assert_eq!(code, Some(1));
}

#[test]
fn the_configuration_shown_is_one_that_runs() {
    let (dir, config) = configured("http", &json!({ "listen": "127.0.0.1:0" }));
    let shown = vitalgate("config", &config, &[]);
    assert!(!shown.status.success(), "`config` alone shows its help");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vitalgate"))
        .args(["config", "show"])
        .output()
        .unwrap();
    let built_in = dir.path().join("built-in.toml");
    fs::write(&built_in, output.stdout).unwrap();
    assert!(vitalgate("check", &built_in, &[]).status.success());
}

fn broker(mosquitto: &Mosquitto) -> (TempDir, PathBuf) {
    let section = json!([{ "id": "ward-broker", "host": "127.0.0.1", "port": mosquitto.port }]);
    configured("broker", &section)
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_is_well_is_found_so_and_left_as_it_was() {
    let mosquitto = Mosquitto::start("");
    let (_dir, config) = broker(&mosquitto);
    let whole = ["reachable", "topics", "probe", "session", "window", "packet size"];
    let whole = whole.map(|what| format!("{what} ok")).to_vec();
    assert_eq!(found(&config, "broker", &[]), (whole.clone(), Some(0)));
    assert_eq!(found(&config, "broker", &[]), (whole, Some(0)), "and again: no session stayed");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_brokers_small_window_and_small_packets_are_named() {
    let limits = "max_inflight_messages 20\nmessage_size_limit 100000\n";
    let mosquitto = Mosquitto::start_with("", |_, _| limits.to_owned());
    let (_dir, config) = broker(&mosquitto);
    let (lines, code) = found(&config, "broker", &[]);
    assert_eq!(
        (&lines[4..], code),
        (&["window warn".to_owned(), "packet size warn".to_owned()][..], Some(0))
    );
    let printed = vitalgate("doctor", &config, &[]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("20 messages before one is acknowledged"), "{printed}");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_probe_that_the_access_list_stops_and_a_broker_that_is_not_there_fail() {
    let mut mosquitto = Mosquitto::start_with("", |dir, _| {
        let list = dir.join("acl");
        fs::write(&list, "topic read vitalgate/v1/#\n").unwrap();
        format!("acl_file {}\n", list.display())
    });
    let (_dir, config) = broker(&mosquitto);
    let stopped = vitalgate("doctor", &config, &[]);
    let printed = String::from_utf8(stopped.stdout).unwrap();
    assert!(printed.contains("did not come back"), "{printed}");
    assert_eq!(stopped.status.code(), Some(1));
    mosquitto.stop();
    let (lines, code) = found(&config, "broker", &[]);
    assert_eq!((lines, code), (vec!["reachable fail".to_owned()], Some(1)));
}
