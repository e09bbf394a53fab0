//! What the benchmarks share: wards, gateways and loads as processes of their own, and figures.

#![expect(dead_code, reason = "each benchmark uses a part")]

pub(crate) mod alarms;
pub(crate) mod figures;
pub(crate) mod floor;
pub(crate) mod gateway;
pub(crate) mod load;
pub(crate) mod oximeter;
pub(crate) mod screens;
pub(crate) mod standin;
pub(crate) mod ward;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// How often each side is run, in turn.
pub(crate) const ROUNDS: usize = 3;

/// A folder on the disk that is measured: beside the build, never in memory.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench").join(name)
}

/// The same, empty.
pub(crate) fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let dir = path(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// This program again, to play another part in a process of its own.
pub(crate) fn myself() -> anyhow::Result<Command> {
    Ok(Command::new(std::env::current_exe().context("cannot find this program")?))
}

/// The part this process plays and its arguments; `None` for the benchmark itself.
pub(crate) fn part() -> Option<(String, Vec<String>)> {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    Some((args.next()?, args.collect()))
}
