//! kill -9 under load, some times; `vitalgate-sim chaos --kills 100` is the longer run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Built beside the gateway.
fn simulator() -> PathBuf {
    let gateway = Path::new(env!("CARGO_BIN_EXE_vitalgate"));
    gateway.with_file_name(format!("vitalgate-sim{}", std::env::consts::EXE_SUFFIX))
}

#[test]
#[ignore = "needs vitalgate-sim built beside the gateway"]
fn nothing_acknowledged_is_lost_in_five_kills() {
    let output = Command::new(simulator())
        .args(["chaos", "--kills", "5", "--seed", "1", "--gateway"])
        .arg(env!("CARGO_BIN_EXE_vitalgate"))
        .output()
        .expect("vitalgate-sim; run `cargo build` first");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}\n{errors}", output.status);
}
