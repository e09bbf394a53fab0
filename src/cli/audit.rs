//! `audit`: what is to be kept elsewhere, so that nobody can rewrite the store unnoticed.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use vitalgate_store::Reader;
use vitalgate_store::audit::{AuditKey, accept};

use super::{StoreArgs, say};

/// Which store, and what of its audit.
#[derive(Debug, clap::Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// What to print.
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// The public half of the key that signs, as PEM.
    Key,
    /// Where the chain stands now, signed, also while the gateway runs.
    Head,
    /// Say that you have seen that this key signs, where it took the place of another; it is printed as well.
    Accept,
}

pub(super) fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let dir = args.store.dir()?;
    let reader = Reader::of(&dir)?;
    let key = AuditKey::read(&dir)?.context("the store has no key yet: `run` makes one")?;
    match args.what {
        What::Key => say(key.public().pem().trim_end()),
        What::Head => say(&reader.sign_audit(&key)?.to_string()),
        What::Accept => {
            accept(&dir, &key.public()).context("cannot say so beside the key")?;
            say(key.public().pem().trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}
