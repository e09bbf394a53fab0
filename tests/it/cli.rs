//! The command line: devices, checks, copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{Gateway, telemetry, vitalgate};
use crate::mqtt::Client;
use crate::pki::Pki;
use crate::setup::{RULES, Setup};

/// Standard output of a command that must succeed.
#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complaint(output: &Output) -> String {
    format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
}

/// The error of a command that must fail with `code`.
#[track_caller]
fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", complaint(output));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The one token that a command printed.
#[track_caller]
fn token(output: &Output) -> String {
    let printed = printed(output);
    let tokens: Vec<&str> =
        printed.lines().filter_map(|line| line.strip_prefix("token: ")).collect();
    assert_eq!(tokens.len(), 1, "{printed}");
    tokens[0].to_owned()
}

/// What `device list` says of a device.
fn listed(gateway: &Gateway, device: &str) -> Option<String> {
    let list = printed(&gateway.command_line("device", &["list"]));
    list.lines().find(|line| line.split('\t').next() == Some(device)).map(str::to_owned)
}

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Registers, binds, lists and revokes `device`; `connects` says whether a token is let in.
fn a_devices_life(gateway: &mut Gateway, device: &str, running: bool) {
    let add = ["add", device, "--class", "bedside", "--signal", "spo2", "--signal", "nibp_sys=15m"];
    let first = token(&gateway.command_line("device", &add));
    let again = refused(&gateway.command_line("device", &["bind", device, "nobody"]), 1);
    assert!(again.contains("nobody"), "{again}");
    printed(&gateway.command_line("device", &["bind", device, "p1"]));
    assert_eq!(listed(gateway, device).unwrap(), format!("{device}\tbedside\tactive\tp1"));

    let connects = |gateway: &mut Gateway| {
        if !running {
            gateway.start_again();
        }
        let address = gateway.address("mqtt");
        assert!(Client::log_in(address, device, "another").is_none());
        let client = Client::log_in(address, device, &first);
        let let_in = client.is_some();
        if let Some(mut client) = client {
            let now = gateway.now();
            client.telemetry(device, &telemetry(1, now, &[("spo2", 97.0, "%")]));
            assert!(gateway.values(device, "spo2").ends_with(&[97.0]));
        }
        if !running {
            gateway.stop();
        }
        let_in
    };
    assert!(connects(gateway));
    // Registering overwrites nothing: its token lets in as before.
    let other =
        refused(&gateway.command_line("device", &["add", device, "--class", "wearable"]), 1);
    assert!(other.contains("conflict") && other.contains("as bedside"), "{other}");
    let same = ["add", device, "--class", "bedside", "--no-token"];
    assert_eq!(printed(&gateway.command_line("device", &same)), "already so\n");
    let line = format!("{device}\tbedside\tactive\tp1");
    assert_eq!(listed(gateway, device).unwrap(), line);
    assert!(connects(gateway));
    let anew = token(&gateway.command_line("device", &["change", device, "--new-token"]));
    assert_ne!(anew, first);
    assert!(!connects(gateway), "the token before it is over");
    let other = ["change", device, "--class", "quick", "--via", "hub"];
    printed(&gateway.command_line("device", &other));
    let line = format!("{device}\tquick\tactive\tp1");
    assert_eq!(listed(gateway, device).unwrap(), line);
    printed(&gateway.command_line("device", &["revoke", device]));
    assert_eq!(listed(gateway, device).unwrap().split('\t').nth(2), Some("revoked"));
    assert!(!connects(gateway));
    let unknown = ["change", "nobodys", "--class", "bedside"];
    assert!(refused(&gateway.command_line("device", &unknown), 1).contains("not_found"));
}

#[test]
fn a_device_lives_and_ends_by_the_command_line_beside_a_gateway_and_without() {
    let mut gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    a_devices_life(&mut gateway, "dev-2", true);
    gateway.stop();
    a_devices_life(&mut gateway, "dev-3", false);
}

#[test]
fn without_a_store_no_device_is_registered_and_none_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let config =
        toml::to_string(&json!({ "site": { "id": "site-1" }, "store": { "dir": &store } }))
            .unwrap();
    let config = file(dir.path(), "gateway.toml", &config);
    for args in [&["add", "dev-1", "--class", "bedside"][..], &["revoke", "dev-1"], &["list"]] {
        let error = refused(&vitalgate("device", &config, args), 1);
        assert!(error.contains("there is no store"), "{error}");
        assert!(error.contains(&store.display().to_string()), "{error}");
        assert!(!store.exists());
    }
}

#[test]
fn check_names_line_and_column_of_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "gateway.toml", "[rules]\nfile = \"rules.toml\"\n");
    file(dir.path(), "rules.toml", RULES);
    assert!(printed(&vitalgate("check", &config, &[])).starts_with("ok: "));
    for (right, wrong, line, column) in [
        ("signal = \"spo2\"", "signal = \"spo3\"", "line 18", "column 10"),
        ("low = [\"88 %\"]", "low = [\"88 mg/dL\"]", "line 19", "column 8"),
        ("quality_min = 0.5", "quality_min = ", "line 2", "column 15"),
    ] {
        file(dir.path(), "rules.toml", &RULES.replacen(right, wrong, 1));
        let error = refused(&vitalgate("check", &config, &[]), 64);
        assert!(error.contains(line) && error.contains(column), "{wrong}: {error}");
    }
}

#[test]
fn check_names_a_hole_in_the_plan_of_duty_and_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "gateway.toml", "[teams]\nfile = \"teams.toml\"\n");
    let example = include_str!("../../config/teams.toml");
    file(dir.path(), "teams.toml", example);
    assert!(printed(&vitalgate("check", &config, &[])).starts_with("ok: "));
    let now = printed(&vitalgate("duty", &config, &["list"]));
    assert_eq!(now.lines().count(), 3, "{now}");
    assert!(!now.contains("nobody"), "{now}");
    file(dir.path(), "teams.toml", &example.replace("shift = \"late\"", "shift = \"early\""));
    let whole = vitalgate("duty", &config, &["check"]);
    let holes = String::from_utf8(whole.stdout).unwrap();
    assert_eq!(whole.status.code(), Some(1));
    assert!(holes.contains("nobody is on duty as nurse of icu from 20"), "{holes}");
    assert_eq!(vitalgate("check", &config, &[]).status.code(), Some(1));

    // What nobody is missing for, and reaches nobody all the same, both checks say alike.
    let channel = "[[channel]]\nid = \"pager\"\nkind = \"ntfy\"\nurl = \"https://n.example/t\"\nleast = \"high\"\n";
    let config =
        file(dir.path(), "gateway.toml", &["[teams]\nfile = \"teams.toml\"\n", channel].concat());
    let teams = example.replace("gateway = true", "gateway = false");
    file(
        dir.path(),
        "teams.toml",
        &teams.replace("# channels = [\"phone-nurse-1\"]", "channels = [\"pager\"]"),
    );
    let warned = |output: &std::process::Output| -> Vec<String> {
        let said = String::from_utf8_lossy(&output.stdout);
        said.lines()
            .filter(|l| l.starts_with("warning") || l.contains("no store"))
            .map(str::to_owned)
            .collect()
    };
    let (check, of_duty) =
        (vitalgate("check", &config, &[]), vitalgate("duty", &config, &["check"]));
    assert_eq!((check.status.code(), warned(&check)), (Some(0), warned(&of_duty)));
    assert_eq!(warned(&check).len(), 3, "{check:?}");
    let config = file(dir.path(), "gateway.toml", "[teams]\nfile = \"teams.toml\"\n");
    file(dir.path(), "teams.toml", &example.replace("\"nurse-3\"]", "\"nurse-4\"]"));
    let error = refused(&vitalgate("check", &config, &[]), 64);
    assert!(error.contains("teams.toml: line "), "{error}");
    assert!(error.contains("there is nobody `nurse-4`"), "{error}");
}

#[test]
fn a_plan_is_put_whole_or_not_at_all_and_somebody_who_is_away_is_added_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "gateway.toml", "[teams]\nfile = \"teams.toml\"\n");
    let example = include_str!("../../config/teams.toml");
    // What stands there need not be right.
    let plan = file(dir.path(), "teams.toml", "[[person]]\n");
    file(dir.path(), "wrong.toml", &example.replace("\"nurse-3\"]", "\"nurse-4\"]"));
    let new = file(dir.path(), "new.toml", example);
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let error = refused(&vitalgate("duty", &config, &["put", &path("wrong.toml")]), 64);
    assert!(error.contains("there is nobody `nurse-4`"), "{error}");
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), "[[person]]\n");
    printed(&vitalgate("duty", &config, &["put", &path("new.toml")]));
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), std::fs::read_to_string(new).unwrap());

    let away = ["absent", "nurse-1", "2000-01-01", "2999-12-31"];
    let said = printed(&vitalgate("duty", &config, &away));
    assert!(said.contains("nobody is on duty as nurse of icu"), "{said}");
    printed(&vitalgate("duty", &config, &["put", &path("new.toml")]));
    printed(&vitalgate("duty", &config, &[&away[..], &["--substitute", "nurse-2"]].concat()));
    assert!(!printed(&vitalgate("duty", &config, &["list"])).contains("nurse-1"));
    let error = refused(&vitalgate("duty", &config, &["absent", "nurse-9", "x", "y"]), 64);
    assert!(error.contains("teams.toml: line "), "{error}");
    let last = std::fs::read_to_string(&plan).unwrap();
    assert!(last.starts_with(example) && last.contains("substitute = \"nurse-2\""), "{last}");

    file(dir.path(), "empty.toml", "");
    let error = refused(&vitalgate("duty", &config, &["put", &path("empty.toml")]), 1);
    let meant = error.split("if that is meant, say ").nth(1).unwrap().trim();
    assert!(meant.starts_with("--nobody-for "), "{error}");
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), last, "nothing is changed");
    let empty = path("empty.toml");
    let put =
        [&["put", empty.as_str()][..], &meant.split_whitespace().collect::<Vec<_>>()].concat();
    printed(&vitalgate("duty", &config, &put));
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), "");
}

#[test]
fn check_refuses_retention_for_a_class_that_no_signal_is_of() {
    let dir = tempfile::tempdir().unwrap();
    let check = |class: &str| {
        let text = format!("[store]\nhistory_keep_by_class = {{ {class} = \"30d\" }}\n");
        vitalgate("check", &file(dir.path(), "gateway.toml", &text), &[])
    };
    assert!(printed(&check("glucose")).starts_with("ok: "));
    let error = refused(&check("glucoses"), 64);
    assert!(error.contains("history_keep_by_class") && error.contains("`glucoses`"), "{error}");
    assert!(error.contains("continuous, glucose, spot"), "{error}");
}

#[test]
fn check_reads_the_secrets_and_certificates_that_run_will_read() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::new();
    pki.authority(dir.path());
    pki.issue(dir.path(), "own", "localhost");
    file(dir.path(), "secret", "s3cret\n");
    file(dir.path(), "empty", "\n");
    let says = |command: &str, text: &str| {
        vitalgate(command, &file(dir.path(), "gateway.toml", text), &[])
    };
    let check = |text: &str| says("check", text);
    let broker = "[[broker]]\nid = \"b1\"\nhost = \"h\"\nuser = \"u\"\npassword_file = \"secret\"\n\
                  [broker.tls]\nca = \"ca.pem\"\n";
    let influx = "[influx]\nurl = \"https://h\"\norg = \"o\"\nbucket = \"b\"\n\
                  secret_file = \"secret\"\nca = \"ca.pem\"\n";
    let listener = "[mqtt.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"own.pem\"\n\
                    key = \"own.key\"\nclient_ca = \"ca.pem\"\n";
    let deadman = "[deadman]\nurl = \"https://h/\"\nca = \"ca.pem\"\n";
    assert!(printed(&check(&[broker, influx, listener, deadman].concat())).starts_with("ok: "));
    for (section, right, wrong) in [
        (broker, "\"secret\"", "\"none\""),
        (broker, "\"ca.pem\"", "\"none\""),
        (influx, "\"secret\"", "\"none\""),
        (influx, "\"ca.pem\"", "\"secret\""),
        (listener, "\"own.pem\"", "\"none\""),
        (listener, "\"own.key\"", "\"none\""),
        (listener, "\"ca.pem\"", "\"none\""),
        (deadman, "\"ca.pem\"", "\"none\""),
    ] {
        for command in ["check", "run"] {
            let error = refused(&says(command, &section.replace(right, wrong)), 64);
            assert!(error.contains(wrong.trim_matches('"')), "{wrong} in {section}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
    let error = refused(&check(&influx.replace("\"secret\"", "\"empty\"")), 64);
    assert!(error.contains("the secret is empty"), "{error}");
}

#[test]
fn a_copy_of_a_running_store_becomes_a_store_of_its_own() {
    let mut gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 84.0, "%")]));
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy");
    let path = copy.to_str().unwrap();
    printed(&gateway.command_line("backup", &[path]));
    let error = refused(&gateway.command_line("backup", &[path]), 1);
    assert!(error.contains("already"), "{error}");
    device.telemetry("dev-1", &telemetry(2, gateway.now(), &[("spo2", 83.0, "%")]));

    let store = dir.path().join("restored");
    let folder = store.to_str().unwrap();
    printed(&gateway.command_line("restore", &["--dir", folder, path]));
    let mut restored = Setup::default().rules(RULES).store(&store).start();
    assert_ne!(id(&restored), id(&gateway));
    assert_eq!(restored.values("dev-1", "spo2"), [84.0], "what came after the copy is not in it");
    let open = |gateway: &Gateway| -> Vec<Value> {
        gateway.alarms("p1").iter().map(|alarm| alarm["id"].clone()).collect()
    };
    assert_eq!(open(&restored), open(&gateway));
    let raised_on = |gateway: &Gateway| {
        let id = &gateway.alarms("p1")[0]["id"];
        gateway.get(&format!("/api/v1/alarms/{}", id.as_str().unwrap()))["readings"].clone()
    };
    let readings = raised_on(&restored);
    assert_eq!((&readings[0]["value"], &readings), (&json!(84.0), &raised_on(&gateway)));
    restored.stop();
    gateway.stop();
}

fn id(gateway: &Gateway) -> String {
    let sql = "SELECT value FROM meta WHERE key = 'store'";
    gateway.rows(sql, |row| row.get(0)).remove(0)
}

#[test]
fn run_opens_no_door_without_being_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let closed = json!({
        "store": { "dir": &store },
        "http": { "token": [{ "name": "n", "role": "viewer", "sha256": "0".repeat(64) }] },
        "mqtt": { "authentication": "required" },
    });
    let open = json!({ "store": { "dir": &store } });
    let config = |content| file(dir.path(), "gateway.toml", &toml::to_string(&content).unwrap());
    let error = refused(&vitalgate("run", &config(open.clone()), &[]), 64);
    assert!(["http (", "mqtt (", "--open"].iter().all(|word| error.contains(word)), "{error}");
    let checked = printed(&vitalgate("check", &config(open), &[]));
    assert!(
        ["to http", "to mqtt", "--open"].iter().all(|word| checked.contains(word)),
        "{checked}"
    );
    let error = refused(&vitalgate("run", &config(closed.clone()), &["--open"]), 64);
    assert!(error.contains("no effect"), "{error}");
    assert!(!printed(&vitalgate("check", &config(closed), &[])).contains("open"));
    assert!(!store.exists(), "nothing is made");
}

#[test]
fn run_does_not_open_itself_to_others_without_authentication() {
    let dir = tempfile::tempdir().unwrap();
    for (listener, cure) in [("http", "[[http.token]]"), ("mqtt", "authentication")] {
        let store = dir.path().join(listener);
        let config = json!({ "store": { "dir": &store }, listener: { "listen": "0.0.0.0:0" } });
        let config = file(dir.path(), "gateway.toml", &toml::to_string(&config).unwrap());
        let error = refused(&vitalgate("run", &config, &[]), 64);
        assert!(error.contains(&format!("{listener}.listen")) && error.contains(cure), "{error}");
        assert!(!store.exists(), "nothing is made");
    }
}
