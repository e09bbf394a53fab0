//! What stops nothing is loud: `/readyz` says under `degraded` what a person has to look at.

use std::fs;
use std::io::{PipeWriter, pipe};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Gateway, eventually, telemetry};
use crate::pki::Pki;
use crate::setup::{RULES, Setup, Tls};

/// The line under `degraded` that begins so.
fn degraded(gateway: &Gateway, what: &str) -> Option<String> {
    let readiness: Value = gateway.ask("/readyz").1;
    let lines = readiness["degraded"].as_array().unwrap().iter().filter_map(Value::as_str);
    lines.map(str::to_owned).find(|line| line.starts_with(&format!("{what}: ")))
}

#[test]
fn a_key_of_the_audit_that_cannot_be_used_stops_no_start_and_is_told_until_its_follower_is_accepted()
 {
    let mut gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let key = gateway.store().join("keys/audit.key");
    assert_eq!(degraded(&gateway, "audit key"), None);
    for damage in ["cut to nothing", "a folder", "a link to nowhere"] {
        gateway.stop();
        fs::remove_file(&key).unwrap();
        match damage {
            "cut to nothing" => fs::write(&key, "").unwrap(),
            "a folder" => fs::create_dir(&key).unwrap(),
            _ => std::os::unix::fs::symlink("nowhere", &key).unwrap(),
        }
        gateway.start_again();
        let told = degraded(&gateway, "audit key").expect(damage);
        assert!(told.contains("audit.key") && told.contains("took the place"), "{damage}: {told}");
        assert!(gateway.log().contains("the key of the audit cannot be used"), "{damage}");

        // It is told at each start until somebody says that he has seen it.
        gateway.restart();
        let told = degraded(&gateway, "audit key").expect(damage);
        assert!(told.contains("took the place of another"), "{damage}: {told}");
        let accepted = gateway.command_line("audit", &["accept"]);
        assert!(accepted.status.success(), "{accepted:?}");
        let named = gateway.command_line("audit", &["key"]);
        assert_eq!(accepted.stdout, named.stdout, "what was accepted is printed");
        gateway.signal("HUP");
        eventually("it is accepted", || degraded(&gateway, "audit key").is_none().then_some(()));
        gateway.restart();
        assert_eq!(degraded(&gateway, "audit key"), None, "{damage}");
    }
    gateway.verify();
}

#[test]
fn a_key_that_is_gone_is_told_as_well() {
    let mut gateway = Gateway::start();
    gateway.stop();
    fs::remove_file(gateway.store().join("keys/audit.key")).unwrap();
    gateway.start_again();
    let told = degraded(&gateway, "audit key").unwrap();
    assert!(told.contains("took the place of another"), "{told}");
}

#[test]
fn a_snapshot_that_cannot_be_read_stops_no_start_while_the_journal_is_whole() {
    let mut gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let low = telemetry(1, gateway.now(), &[("spo2", 84.0, "%")]);
    gateway.mqtt("dev-1").telemetry("dev-1", &low);
    let alarm = eventually("it is raised", || gateway.alarms("p1").pop());
    gateway.stop();
    gateway.tamper(
        "INSERT INTO snapshots(kind, key, generation, n, body)
           VALUES('core', '', (SELECT value FROM meta WHERE key = 'snapshot_generation'), 1, x'ff')
           ON CONFLICT DO UPDATE SET body = x'ff';
         INSERT OR REPLACE INTO meta VALUES('snapshot_row', 1)",
    );
    gateway.start_again();
    let told = degraded(&gateway, "snapshot").unwrap();
    assert!(told.contains("whole journal"), "{told}");
    assert_eq!(gateway.alarms("p1")[0]["id"], alarm["id"], "nothing is lost by it");
    gateway.stop();
    gateway.tamper("DELETE FROM journal WHERE n = 1");
    let refused = gateway.command_line("run", &["--open"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("rows 1 to 1 are missing") && !refused.status.success(), "{said}");
    gateway.damages_its_store("the first row is gone, and no snapshot stands for it");
}

#[test]
fn what_cannot_be_read_at_sighup_is_told_until_it_can() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let (certificate, key) = pki.issue(dir.path(), "own", "localhost");
    let client_ca = pki.authority(dir.path());
    let tls = Tls { certificate: certificate.clone(), key, client_ca };
    let gateway = Setup::default().rules(RULES).tls(tls).start();
    let good = fs::read(&certificate).unwrap();
    let told = |what: &str, is_there: bool| {
        gateway.signal("HUP");
        eventually(what, || (degraded(&gateway, what).is_some() == is_there).then_some(()));
    };
    fs::write(&certificate, "no certificate").unwrap();
    told("certificates", true);
    let line = degraded(&gateway, "certificates").unwrap();
    assert!(line.contains("stay as they were") && line.contains("own.pem"), "{line}");
    fs::write(&certificate, good).unwrap();
    told("certificates", false);

    gateway.reload("rules.toml", "quality_min = ");
    told("rules and signals", true);
    gateway.reload("rules.toml", RULES);
    told("rules and signals", false);
    fs::write(&certificate, "no certificate").unwrap();
    told("certificates", true);
    let ready = || (gateway.ask("/readyz").0 == 200).then_some(());
    eventually("none of it is in the way of readiness", ready);
}

/// A pipe that nobody reads.
fn closed_pipe() -> PipeWriter {
    pipe().unwrap().1
}

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    let gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    gateway.mqtt("dev-1").telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
    let store = gateway.store();
    let dir = store.to_str().unwrap();
    for args in [
        &["verify", "--dir", dir][..],
        &["audit", "--dir", dir, "key"],
        &["audit", "--dir", dir, "head"],
        &["status", "--dir", dir],
        &["config", "show"],
        &["check"],
        &["device", "--dir", dir, "list"],
        &["export", "--dir", dir],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_vitalgate"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(closed_pipe())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(141), "{args:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("ERROR"), "{args:?}: {said}");
    }
}

#[test]
fn what_a_deadline_did_is_a_row_though_nobody_is_told() {
    let rules = RULES.replacen(
        "low = [\"88 %\"]",
        "low = [\"88 %\"]\nacknowledge_for = { low = \"2s\" }",
        1,
    );
    let mut gateway = Setup::default().rules(&rules).start();
    gateway.admit("p1", "dev-1");
    let low = telemetry(1, gateway.now(), &[("spo2", 84.0, "%")]);
    gateway.mqtt("dev-1").telemetry("dev-1", &low);
    let alarm = eventually("it is raised", || gateway.alarms("p1").pop());
    assert_eq!(gateway.command(&alarm, "acknowledge").0, 200);
    // The acknowledgement runs out and nothing came since: nobody is told. Rows without any cause are 10 s apart.
    let sql = "SELECT j.n, j.at - (SELECT max(b.at) FROM journal b WHERE b.n < j.n) FROM journal j
        WHERE NOT EXISTS (SELECT 1 FROM transitions t WHERE t.n = j.n) ORDER BY j.n";
    let (n, waited) = eventually("the deadline makes a row", || {
        let rows = gateway.rows(sql, |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)));
        let is_empty = |n: u64| gateway.journal_after(n - 1)[0].1.is_empty();
        let mut rows =
            rows.into_iter().map(|(n, waited): (u64, Option<i64>)| (n, waited.unwrap_or(0)));
        rows.find(|(n, _)| is_empty(*n))
    });
    assert!((500_000..9_000_000).contains(&waited), "row {n} {waited} us after the one before");
    // Killed right behind it the state is the same: `verify` says so at the end.
    gateway.restart();
    assert_eq!(gateway.alarms("p1")[0]["state"], "acknowledged");
}
