//! `verify`, `backup` and `restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use vitalgate::tools::verify::verify as compare;
use vitalgate_store::Reader;

use super::{StoreArgs, say};

/// Where to copy the store to.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to make.
    file: PathBuf,
}

/// Where to make a store.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The copy to make it of.
    file: PathBuf,
}

/// Exit 0 if the store holds exactly what its journal derives, else 1.
pub(super) fn verify(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    let verdict = compare(&args.dir()?)?;
    for difference in &verdict.differences {
        say(difference);
    }
    say(&verdict.line());
    Ok(if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    Reader::of(&args.store.dir()?)?.backup(&args.file)?;
    say(&format!("copied to {}", args.file.display()));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let dir = args.store.dir()?;
    vitalgate_store::restore(&args.file, &dir)?;
    say(&format!("restored into {}; it is a store of its own now", dir.display()));
    Ok(ExitCode::SUCCESS)
}
