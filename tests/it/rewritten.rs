//! The record, rewritten by somebody who can write the file: found by what left the machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use vitalgate_store::audit::SignedHead;

use crate::fake_influx::FakeInflux;
use crate::harness::{Gateway, eventually, telemetry};
use crate::setup::{RULES, Setup};

/// A gateway with one alarm.
fn alarmed(setup: Setup) -> Gateway {
    let gateway = setup.rules(RULES).start();
    gateway.admit("p1", "dev-1");
    alarm(&gateway, 1);
    gateway
}

fn alarm(gateway: &Gateway, seq: u64) {
    let low = telemetry(seq, gateway.now(), &[("spo2", 84.0, "%")]);
    gateway.mqtt("dev-1").telemetry("dev-1", &low);
    eventually("it is raised", || gateway.alarms("p1").pop());
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What `verify` finds with a head, or a file of heads, and whether it finds anything.
fn verified(gateway: &Gateway, head: &str) -> (bool, String) {
    let output = gateway.command_line("verify", &["--head", head]);
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

fn heads_of(log: &str) -> Vec<SignedHead> {
    SignedHead::find_all(log)
}

#[test]
fn an_older_copy_in_the_place_of_the_store_is_found_by_the_log_of_the_gateway() {
    let mut gateway = Setup::default().rules(RULES).start();
    let copies = tempfile::tempdir().unwrap();
    let (older, log) = (copies.path().join("older"), copies.path().join("kept.log"));
    let printed = text(&gateway.command_line("backup", &[older.to_str().unwrap()]));
    assert_eq!(heads_of(&printed).len(), 1, "{printed}");
    gateway.admit("p1", "dev-1");
    alarm(&gateway, 1);
    gateway.stop();
    fs::write(&log, gateway.log()).unwrap();
    let heads = heads_of(&gateway.log());
    let last = heads.last().expect("the end of the audit is in the log");
    let newest = "SELECT max(seq) FROM transitions";
    assert_eq!(gateway.rows(newest, |row| row.get::<_, i64>(0)), [last.head.seq as i64]);
    let (clean, said) = verified(&gateway, log.to_str().unwrap());
    assert!(clean && said.contains("not known: what whoever has its key"), "{said}");

    // The copy has the store's own id and key, and is whole.
    for log in ["vitalgate.db-wal", "vitalgate.db-shm"] {
        drop(fs::remove_file(gateway.database().with_file_name(log)));
    }
    fs::copy(&older, gateway.database()).unwrap();
    gateway.verify();
    let (clean, said) = verified(&gateway, log.to_str().unwrap());
    assert!(!clean && said.contains("the head that was kept elsewhere stands at"), "{said}");
    let (clean, said) = verified(&gateway, &heads_of(&printed)[0].to_string());
    assert!(clean, "{said}");
}

#[test]
fn a_store_that_was_cut_back_is_told_at_the_start_and_for_ever() {
    let mut gateway = alarmed(Setup::default());
    gateway.stop();
    gateway.tamper(
        "DELETE FROM alarm_grounds; DELETE FROM journal WHERE n >= (SELECT min(n) FROM transitions
           WHERE change = 'raised');
         DELETE FROM transitions WHERE n > (SELECT max(n) FROM journal);
         DELETE FROM audit WHERE seq > (SELECT max(seq) FROM transitions)",
    );
    gateway.damages_its_store("its end was cut off");
    gateway.start_again();
    let (_, ready) = gateway.ask("/readyz");
    let degraded = ready["degraded"].to_string();
    assert!(degraded.contains("audit: what its head vouches for"), "{ready}");
    assert!(gateway.log().contains("the audit does not go on from its signed head"));
    gateway.restart();
    let output = gateway.command_line("verify", &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains("did not go on from its head"), "{said}");
}

#[test]
fn a_copy_with_a_trigger_of_somebody_else_is_no_store() {
    let mut gateway = alarmed(Setup::default());
    let copies = tempfile::tempdir().unwrap();
    let (copy, new) = (copies.path().join("copy"), copies.path().join("new"));
    text(&gateway.command_line("backup", &[copy.to_str().unwrap()]));
    let hush = "CREATE TRIGGER hush AFTER INSERT ON transitions
        BEGIN DELETE FROM transitions WHERE seq = NEW.seq; END";
    rusqlite::Connection::open(&copy).unwrap().execute_batch(hush).unwrap();
    let args = ["--dir", new.to_str().unwrap(), copy.to_str().unwrap()];
    let refused = gateway.command_line("restore", &args);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.contains("the trigger \"hush\" of \"transitions\""), "{error}");

    gateway.stop();
    gateway.tamper(hush);
    gateway.damages_its_store("a trigger is in it");
    gateway.start_again();
    let (_, ready) = gateway.ask("/readyz");
    assert!(ready["degraded"].to_string().contains("hush"), "{ready}");
}

#[test]
fn a_copy_whose_end_was_cut_off_is_restored_and_says_so_for_ever() {
    let mut gateway = alarmed(Setup::default());
    let dir = tempfile::tempdir().unwrap();
    let (copy, store) = (dir.path().join("copy"), dir.path().join("store"));
    text(&gateway.command_line("backup", &[copy.to_str().unwrap()]));
    let conn = rusqlite::Connection::open(&copy).unwrap();
    let last: i64 =
        conn.query_row("SELECT max(seq) FROM transitions", [], |row| row.get(0)).unwrap();
    for table in ["transitions", "audit"] {
        conn.execute(&format!("DELETE FROM {table} WHERE seq >= ?"), [last]).unwrap();
    }
    conn.close().unwrap();
    let (copy, folder) = (copy.to_str().unwrap(), store.to_str().unwrap());
    let restored = gateway.command_line("restore", &["--dir", folder, copy]);
    let said = String::from_utf8_lossy(&restored.stderr).into_owned();
    assert!(restored.status.success() && said.contains("was changed after it was made"), "{said}");
    let verified = gateway.command_line("verify", &["--dir", folder]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(!verified.status.success() && said.contains("head"), "{said}");
    gateway.stop();
}

#[test]
fn a_journal_whose_end_was_cut_off_is_found_by_the_transitions_that_stand_on_it() {
    let mut gateway = alarmed(Setup::default());
    gateway.stop();
    gateway.tamper("DELETE FROM journal WHERE n >= (SELECT max(n) FROM transitions)");
    gateway.damages_its_store("the end of its journal is gone");
    let verified = gateway.command_line("verify", &[]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(!verified.status.success() && said.contains("missing at the end"), "{said}");
}

#[test]
fn where_the_audit_stands_is_told_to_influxdb() {
    let (server, dir) = (FakeInflux::start(), tempfile::tempdir().unwrap());
    let secret = dir.path().join("secret");
    fs::write(&secret, "secret-token").unwrap();
    let url = format!("http://127.0.0.1:{}/tsdb", server.address.port());
    let influx = json!({
        "url": url, "org": "o", "bucket": "b", "secret_file": secret, "batch_age": "50ms",
    });
    let gateway = alarmed(Setup::default().section("influx", influx));
    let told = eventually("it is told", || {
        let state = server.state();
        let points = state.points.iter().find(|(head, _)| head.starts_with("vitalgate_audit,"))?.1;
        SignedHead::find_all(points.values().next()?).pop()
    });
    let (clean, said) = verified(&gateway, &told.to_string());
    assert!(clean, "{said}");
}

/// As docs/store.md says it is done: without this program.
#[test]
#[ignore = "needs openssl"]
fn a_head_is_checked_by_openssl_alone() {
    let mut gateway = alarmed(Setup::default());
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("key.pem"), text(&gateway.command_line("audit", &["key"]))).unwrap();
    let head = text(&gateway.command_line("audit", &["head"]));
    check_by_openssl(dir.path(), head.trim(), true);
    check_by_openssl(dir.path(), &head.trim().replacen(".1.", ".2.", 1), false);
    gateway.stop();
    let last = heads_of(&gateway.log()).pop().unwrap().to_string();
    check_by_openssl(dir.path(), &last, true);
    let output =
        gateway.command_line("verify", &["--key", dir.path().join("key.pem").to_str().unwrap()]);
    text(&output);
}

fn check_by_openssl(dir: &Path, head: &str, expected: bool) {
    let store = fs::read_to_string(crate::harness::root().join("docs/store.md")).unwrap();
    let script = store.split("```sh\nHEAD=").nth(1).unwrap().split("```").next().unwrap();
    let script = script.split_once('\n').unwrap().1;
    let output = Command::new("sh")
        .args(["-ec", script])
        .env("HEAD", head)
        .current_dir(dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.success(),
        expected,
        "{said}{:?}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(said.contains("Signature Verified Successfully"), expected, "{said}");
}
