//! The programs a test runs, and where they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The gateway of this build, or that of the folder `VITALGATE_GATEWAYS` for long runs.
pub(super) fn gateway_binary() -> PathBuf {
    let here = || PathBuf::from(env!("CARGO_BIN_EXE_vitalgate"));
    std::env::var_os("VITALGATE_GATEWAYS")
        .map_or_else(here, |dir| PathBuf::from(dir).join("vitalgate"))
}

/// Runs a command of the command line under a configuration.
pub(crate) fn vitalgate(command: &str, config: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vitalgate"))
        .args([command, "--config"])
        .arg(config)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The workspace root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python with the packages the tests need: `VITALGATE_PYTHON`, else the one `.ci/run` sets up.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("VITALGATE_PYTHON")
        .map_or_else(|| root().join("target/ci/venv/bin/python"), PathBuf::from)
}

/// Where npm put its packages: `VITALGATE_NODE_MODULES`, else where `.ci/run` puts them.
pub(crate) fn node_modules() -> PathBuf {
    std::env::var_os("VITALGATE_NODE_MODULES")
        .map_or_else(|| root().join("target/ci/node_modules"), PathBuf::from)
}
