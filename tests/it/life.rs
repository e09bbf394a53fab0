//! Signs of life: what the service manager and a dead-man's switch receive, and when nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use serde_json::json;
use tempfile::TempDir;
use vitalgate::clock::Stopwatch;
use vitalgate_store::audit::SignedHead;

use crate::disk::Disk;
use crate::harness::{Gateway, PATIENCE, eventually, root, telemetry};
use crate::setup::{RULES, Setup};

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    dir: TempDir,
}

impl Manager {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, dir }
    }

    /// A gateway that it starts, which must give a sign of life within so many microseconds.
    fn under(&self, setup: Setup, watchdog: &str) -> Setup {
        let setup = setup.env("NOTIFY_SOCKET", &self.dir.path().join("notify"));
        setup.env("WATCHDOG_USEC", Path::new(watchdog))
    }

    /// What came since it listened last.
    fn received(&self) -> Vec<String> {
        let (mut received, mut bytes) = (Vec::new(), [0; 256]);
        while let Ok(count) = self.socket.recv(&mut bytes) {
            received.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        }
        received
    }

    fn receives(&self, state: &str) {
        eventually(state, || self.received().iter().any(|now| now == state).then_some(()));
    }
}

fn last_step_s(gateway: &Gateway) -> f64 {
    let mut answer = ureq::get(gateway.url("/healthz"))
        .config()
        .http_status_as_error(false)
        .build()
        .call()
        .unwrap();
    let body: serde_json::Value = answer.body_mut().read_json().unwrap();
    body["last_step_s"].as_f64().unwrap()
}

#[test]
fn the_service_manager_hears_of_the_beginning_the_steps_and_the_end() {
    let manager = Manager::new();
    let mut gateway = manager.under(Setup::default().rules(RULES), "300000").start();
    let mut received = Vec::new();
    eventually("a step after it was ready", || {
        received.extend(manager.received());
        let ready = received.iter().position(|state| *state == "READY=1")?;
        received[ready..].iter().find(|state| *state == "WATCHDOG=1").map(drop)
    });
    assert_eq!(received.iter().filter(|state| *state == "READY=1").count(), 1);
    assert_eq!(gateway.get("/readyz")["ready"], true);
    assert!(
        received.iter().all(|state| *state == "READY=1" || *state == "WATCHDOG=1"),
        "{received:?}"
    );
    gateway.stop();
    assert!(manager.received().contains(&"STOPPING=1".to_owned()));
}

#[test]
fn a_pipeline_that_does_not_step_feeds_no_watchdog() {
    let (manager, disk) = (Manager::new(), Disk::new());
    // To be fed within 0.3 s, which is every 0.1 s.
    let setup = manager.under(disk.under(Setup::default().rules(RULES)), "300000");
    let gateway = setup.start();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    manager.receives("WATCHDOG=1");
    let mut seq = 0;
    let mut send = || {
        seq += 1;
        device.send_telemetry("dev-1", &telemetry(seq, gateway.now(), &[("spo2", 97.0, "%")]));
    };
    // A machine too busy for it misses the moment, and gets another.
    eventually("a second without a step was seen", || {
        // With two batches on their way to the disk nothing is stepped, until the store counts as
        // failing after three seconds.
        let calls = disk.count("calls");
        disk.set("block", "");
        send();
        disk.entered_after(calls);
        send();
        let seen = a_second_without_a_step(&gateway, || drop(manager.received()));
        let fed = manager.received();
        disk.clear("block");
        seen.then(|| assert!(fed.is_empty(), "fed without a step: {fed:?}"))
    });
    manager.receives("WATCHDOG=1");
}

/// Whether the pipeline was seen not to step for a second, at whose beginning `begun` is called.
fn a_second_without_a_step(gateway: &Gateway, begun: impl FnOnce()) -> bool {
    let watch = Stopwatch::start();
    let first = loop {
        match last_step_s(gateway) {
            age if age > 0.3 => break age,
            _ if watch.seconds() > 5.0 => return false,
            _ => {}
        }
    };
    begun();
    loop {
        match last_step_s(gateway) {
            age if age < first => return false,
            age if age > first + 1.0 => return true,
            _ => {}
        }
    }
}

/// Somebody who waits for pings; passes on what each asked.
fn target() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping/1?site=a", listener.local_addr().unwrap());
    let (tx, rx) = sync_channel(1_000);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut asked) = (stream.unwrap(), [0; 1_024]);
            let count = stream.read(&mut asked).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            if tx.send(String::from_utf8_lossy(&asked[..count]).into_owned()).is_err() {
                return;
            }
        }
    });
    (url, rx)
}

fn pings(gateway: &Gateway, result: &str) -> u64 {
    let text =
        ureq::get(gateway.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    let line = format!("vitalgate_deadman_pings_total{{result=\"{result}\"}} ");
    text.lines().find_map(|l| l.strip_prefix(&line)).unwrap().parse().unwrap()
}

#[test]
fn the_dead_mans_switch_hears_nothing_while_judgement_is_behind() {
    let (disk, (url, asked)) = (Disk::new(), target());
    let setup = disk.under(Setup::default().rules(RULES));
    let gateway = setup.section("deadman", json!({ "url": url, "every": "1s" })).start();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    let first = asked.recv_timeout(PATIENCE).unwrap();
    assert!(first.starts_with("GET /ping/1?site=a"), "{first}");
    let head = eventually("a ping carries where the audit stands", || {
        SignedHead::find_all(&asked.recv_timeout(PATIENCE).unwrap()).pop()
    });
    let verified = gateway.command_line("verify", &["--head", &head.to_string()]);
    assert!(verified.status.success(), "{verified:?}");

    disk.set("block", "");
    let id = device.send_telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
    let withheld = pings(&gateway, "withheld");
    eventually("a ping is withheld", || (pings(&gateway, "withheld") > withheld).then_some(()));
    while asked.try_recv().is_ok() {}
    let withheld = pings(&gateway, "withheld");
    eventually("two more are", || (pings(&gateway, "withheld") > withheld + 1).then_some(()));
    assert!(asked.try_recv().is_err(), "a ping while judgement stands still");

    disk.clear("block");
    assert_eq!(device.receive_puback(), id);
    asked.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_target_that_never_answers_hurts_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let setup = Setup::default().rules(RULES);
    let mut gateway = setup.section("deadman", json!({ "url": url, "every": "1s" })).start();
    let _asked = silent.accept().unwrap();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 79.0, "%")]));
    assert_eq!(gateway.alarms("p1").len(), 1);
    gateway.stop();
    assert!(!gateway.log().contains("late at shutdown"), "{}", gateway.log());
}

#[test]
#[ignore = "needs systemd-analyze"]
fn the_unit_is_one_that_systemd_takes() {
    // The program and the user need not exist where the unit is checked.
    let unit = std::fs::read_to_string(root().join("deploy/vitalgate.service")).unwrap();
    let program = env!("CARGO_BIN_EXE_vitalgate");
    let unit = unit.replace("/usr/local/bin/vitalgate", program);
    assert!(unit.contains(&format!("ExecStart={program} run")), "{unit}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vitalgate.service");
    std::fs::write(&path, unit).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
    let verified = verified.unwrap();
    let errors = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !errors.contains("vitalgate.service"), "{errors}");
}
