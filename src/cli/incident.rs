//! `vitalgate incident`: one alarm as one file, and the alarm derived from that file again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use vitalgate::tools::incident::{Bundle, make, replay};
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_store::Reader;

use super::{StoreArgs, say};

/// Which alarm, or which file.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct IncidentArgs {
    #[command(subcommand)]
    command: Option<IncidentCommand>,
    #[command(flatten)]
    store: StoreArgs,
    /// The alarm's id.
    #[arg(required = true)]
    id: Option<AlarmId>,
    /// A copy that `backup` made, in place of the store.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The file to make; by default `incident-ID.jsonl` in this folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum IncidentCommand {
    /// Derive the alarm from a file again, and compare: exit 0 where it is the same.
    Replay {
        /// What `incident ID` wrote, here or elsewhere.
        file: PathBuf,
    },
}

pub(super) fn run(args: &IncidentArgs) -> anyhow::Result<ExitCode> {
    match (&args.command, &args.id) {
        (Some(IncidentCommand::Replay { file }), _) => replayed(file),
        (None, Some(id)) => write(args, id),
        (None, None) => bail!("name an alarm, or `replay` and a file"),
    }
}

fn write(args: &IncidentArgs, id: &AlarmId) -> anyhow::Result<ExitCode> {
    let reader = match &args.from {
        Some(copy) => Reader::of_copy(copy)?,
        None => Reader::of(&args.store.dir()?)?,
    };
    let bundle = make(&reader, id)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("incident-{id}.jsonl")));
    let text = bundle.text()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&out)
        .with_context(|| format!("cannot make {}", out.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", out.display()))?;
    say(&bundle.line());
    let again = replay(&bundle)?;
    said(&again);
    say(&format!("written to {}, {} bytes", out.display(), text.len()));
    Ok(code(&again))
}

fn replayed(file: &Path) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let bundle = Bundle::read(&text)
        .with_context(|| format!("{} is no bundle of an incident", file.display()))?;
    say(&bundle.line());
    let again = replay(&bundle)?;
    said(&again);
    Ok(code(&again))
}

fn said(again: &vitalgate::tools::incident::Replayed) {
    for difference in &again.differences {
        say(difference);
    }
    say(&again.line());
}

fn code(again: &vitalgate::tools::incident::Replayed) -> ExitCode {
    if again.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
