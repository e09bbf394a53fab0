//! `config show`.

use std::process::ExitCode;

use clap::Subcommand;
use vitalgate::config::Config;

use super::{ConfigArgs, say};

#[derive(Debug, clap::Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    action: ConfigAction,
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Print the configuration in force: the file, or the built-in one with every key and default.
    Show(ConfigArgs),
}

pub(super) fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let ConfigAction::Show(args) = &command.action;
    // Checked before it is shown: what is printed is what `run` would take.
    args.read()?.configuration()?;
    let text = match &args.config {
        Some(path) => std::fs::read_to_string(path)?,
        None => Config::built_in_text().to_owned(),
    };
    say(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
