//! kill -9 under load, some times; `vitalgate-sim chaos --kills 100` is the longer run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The binaries to kill: in `VITALGATE_BINARIES`, such as `target/release`, else those of this build.
fn binary(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_BIN_EXE_vitalgate")).parent().expect("a folder").to_owned();
    let folder = std::env::var_os("VITALGATE_BINARIES").map_or(here, PathBuf::from);
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

#[test]
#[ignore = "needs both binaries built"]
fn nothing_acknowledged_is_lost_in_five_kills() {
    let output = Command::new(binary("vitalgate-sim"))
        .args(["chaos", "--kills", "5", "--seed", "1", "--gateway"])
        .arg(binary("vitalgate"))
        .output()
        .expect("vitalgate-sim; build both first");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}\n{errors}", output.status);
}
