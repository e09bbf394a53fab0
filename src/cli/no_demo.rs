//! `demo` in a build without the simulators.

use std::process::ExitCode;

use anyhow::bail;

/// Nothing to choose: there is no demo.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {}

/// Says that there is none.
pub(super) fn run(_: &DemoArgs) -> anyhow::Result<ExitCode> {
    bail!("this build has no demo: it was made without the feature `simulators`")
}
