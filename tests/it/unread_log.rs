//! A log that cannot be written, or that nobody reads, neither ends the gateway nor holds it up.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::{Gateway, eventually};
use crate::setup::{RULES, Setup};

/// Bytes that wait in a pipe on Linux.
const PIPE: u64 = 65_536;

/// A gateway whose standard output and error are what `make` puts in the place of its log.
fn logging_to(level: &str, make: impl FnOnce(&Path)) -> Gateway {
    let setup = Setup::default().rules(RULES).env("RUST_LOG", Path::new(level));
    let mut gateway = setup.start();
    gateway.kill();
    let log: PathBuf = gateway.config_file().with_file_name("gateway.log");
    fs::remove_file(&log).unwrap();
    make(&log);
    gateway.start_again();
    // It has it open; a test that fails shows an empty one.
    fs::remove_file(&log).unwrap();
    File::create(&log).unwrap();
    gateway.admit("p1", "dev-1");
    gateway
}

/// What a device sends is acknowledged, judged and announced.
fn an_alarm_comes(gateway: &Gateway) {
    let events = gateway.events();
    let mut device = gateway.mqtt("dev-1");
    let reading = json!({ "at": gateway.now(), "signal": "spo2", "value": 60, "unit": "%" });
    let message = json!({ "boot": 1, "seq": 1, "sent_at": gateway.now(), "readings": [reading] });
    device.telemetry("dev-1", &message);
    events.alarm("the alarm", |alarm| alarm["rule"] == "test.spo2_low");
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let gateway = logging_to("debug", |log| symlink("/dev/full", log).unwrap());
    gateway.signal("HUP");
    an_alarm_comes(&gateway);
    gateway.signal("HUP");
    assert_eq!(gateway.ask("/healthz").0, 200);
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let mut reader = None;
    let gateway = logging_to("debug", |log| {
        assert!(Command::new("mkfifo").arg(log).status().unwrap().success());
        // Open for both, so that opening it waits for nobody.
        reader = Some(OpenOptions::new().read(true).write(true).open(log).unwrap());
    });
    let log = reader.unwrap();
    eventually("it is full", || {
        for _ in 0..20 {
            gateway.signal("HUP");
            assert_eq!(gateway.ask("/healthz").0, 200);
        }
        let unread = rustix::io::ioctl_fionread(&log).unwrap();
        (unread + 4_096 > PIPE).then_some(())
    });
    an_alarm_comes(&gateway);
    assert_eq!(gateway.ask("/healthz").0, 200);
}
