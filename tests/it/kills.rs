//! kill -9 under load, some times; `vitalgate-sim chaos --kills 100` is the longer run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{python, root};

/// The binaries to kill: in `VITALGATE_BINARIES`, such as `target/release`, else those of this build.
fn binary(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_BIN_EXE_vitalgate")).parent().expect("a folder").to_owned();
    let folder = std::env::var_os("VITALGATE_BINARIES").map_or(here, PathBuf::from);
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

#[test]
#[ignore = "needs both binaries built"]
fn nothing_acknowledged_is_lost_in_five_kills() {
    five_kills(&[]);
}

#[test]
#[ignore = "needs both binaries built and mosquitto"]
fn nothing_the_broker_acknowledged_is_lost_in_five_kills() {
    five_kills(&["--broker", "/usr/sbin/mosquitto"]);
}

fn five_kills(more: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(binary("vitalgate-sim"))
        .args(["chaos", "--kills", "5", "--seed", "1", "--gateway"])
        .arg(binary("vitalgate"))
        .arg("--dir")
        .arg(dir.path())
        .arg("--readback")
        .arg(root().join("tests/external/readback.py"))
        .args(more)
        .env("PATH", python_first())
        .output()
        .expect("vitalgate-sim; build both first");
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{errors}", output.status);
}

/// `PATH` on which `python3` is the one with the packages of the read-back.
fn python_first() -> OsString {
    let python = python();
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        python.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).unwrap()
}
