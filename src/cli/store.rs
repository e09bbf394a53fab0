//! `verify`, `backup` and `restore`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use vitalgate::people::PeopleFile;
use vitalgate::tools::verify::verify as compare;
use vitalgate_store::Reader;
use vitalgate_store::audit::{Evidence, PublicKey, SignedHead};

use super::{StoreArgs, say};

/// Which store, and by what it is judged besides itself.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// A head of its audit that was kept elsewhere, or a file with any number of them, such as a log.
    #[arg(long, value_name = "HEAD|FILE")]
    head: Vec<String>,
    /// The public key that must have signed it, as `audit key` prints it; by default the one beside the store.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl VerifyArgs {
    fn evidence(&self) -> anyhow::Result<Evidence> {
        let mut heads = Vec::new();
        for given in &self.head {
            if let Ok(head) = given.parse() {
                heads.push(head);
                continue;
            }
            let text =
                std::fs::read(given).with_context(|| format!("{given} is no head, and no file"))?;
            let found = SignedHead::find_all(&String::from_utf8_lossy(&text));
            if found.is_empty() {
                bail!("there is no head in {given}");
            }
            heads.extend(found);
        }
        Ok(Evidence { key: self.key.as_deref().map(public_key).transpose()?, heads })
    }
}

fn public_key(file: &Path) -> anyhow::Result<PublicKey> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    PublicKey::of_pem(&text)
        .with_context(|| format!("{} is no Ed25519 public key in PEM", file.display()))
}

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

/// Exit 0 if the store holds exactly what its journal derives and its audit is whole, else 1.
pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let verdict = compare(&args.store.dir()?, args.evidence()?)?;
    for found in verdict.differences.iter().chain(&verdict.audit.findings) {
        say(found);
    }
    for note in &verdict.audit.notes {
        say(&format!("note: {note}"));
    }
    say(&verdict.line());
    for line in verdict.account.lines() {
        say(&line);
    }
    for unknown in &verdict.unknown {
        say(&format!("not known: {unknown}"));
    }
    if let Some(head) = &verdict.head {
        say(&format!("head, to be kept elsewhere: {head}"));
    }
    Ok(if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let (dir, people) = (args.store.dir()?, beside(&args.file));
    if people.exists() {
        bail!("{} exists already: name another file", people.display());
    }
    let head = Reader::of(&dir)?.backup(&args.file)?;
    say(&format!("copied to {}", args.file.display()));
    if let Some(head) = head {
        say(&format!("head, to be kept elsewhere: {head}"));
    }
    let copied = PeopleFile::of(&dir).copy_to(&people);
    if copied.context("the store was copied, and its people were not")? {
        say(&format!("its people, with digests of passwords: {}", people.display()));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let (dir, people) = (args.store.dir()?, beside(&args.file));
    vitalgate_store::restore(&args.file, &dir)?;
    say(&format!("restored into {}; it is a store of its own now", dir.display()));
    let restored = PeopleFile::of(&dir).restore_from(&people);
    if restored.context("the store was restored, and its people were not")? {
        say(
            "people are as of the copy: look at `person list` for whom to disable again; everybody signs in anew, each station waits for another link (`station link`), tokens of people are made anew, and push is on in a browser once its page is opened, signed in",
        );
    } else {
        say(&format!("no people: {} is not there", people.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the people of a copied store are.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".people.json");
    PathBuf::from(name)
}
