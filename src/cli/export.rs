//! `export`.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IsTerminal as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use vitalgate::tools::export::{Format, Report, Request, What, export, key_file};
use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::time::Timestamp;

use super::StoreArgs;
use super::progress::Bar;

/// What to export, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to make, or `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Of what: `readings` or `alarms`.
    #[arg(long, value_enum, default_value_t = WhatArg::Readings)]
    what: WhatArg,
    /// `csv` or `jsonl`.
    #[arg(long, default_value = "csv")]
    format: Format,
    /// From this instant on, such as 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Up to but without this instant.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Only of this patient; may be given several times.
    #[arg(long, value_name = "ID")]
    patient: Vec<PatientId>,
    /// Only this signal; may be given several times.
    #[arg(long, value_name = "NAME")]
    signal: Vec<String>,
    /// What for: `care`, or `research`, which needs consent.
    #[arg(long, default_value = "care")]
    purpose: Purpose,
    /// With the site's own ids of patients, devices and alarms in place of pseudonyms.
    #[arg(long)]
    identified: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum WhatArg {
    /// Numbers of the history.
    Readings,
    /// Every move of every alarm.
    Alarms,
}

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let dir = args.store.dir()?;
    let request = Request {
        what: match args.what {
            WhatArg::Readings => What::Readings,
            WhatArg::Alarms => What::Alarms,
        },
        from: args.from.unwrap_or_default(),
        to: args.to.unwrap_or(Timestamp::from_micros(i64::MAX)),
        patients: args.patient.clone(),
        signals: args.signal.clone(),
        format: args.format,
        purpose: args.purpose,
        identified: args.identified,
    };
    let mut bar = Bar::new(std::io::stderr().is_terminal());
    let written = if args.out == Path::new("-") {
        let out = std::io::stdout().lock();
        export(&dir, &request, out, |progress| bar.show(progress)).map_err(Into::into)
    } else {
        into_file(&args.out, |file| Ok(export(&dir, &request, file, |p| bar.show(p))?))
    };
    bar.end();
    for line in summary(&written?, &request, &dir) {
        note(&line);
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that has its name only once it is whole and on the disk. It is for its owner only:
/// it holds patients' data.
fn into_file<T>(path: &Path, write: impl FnOnce(&File) -> anyhow::Result<T>) -> anyhow::Result<T> {
    if path.exists() {
        bail!("{} is there already: choose another name, or remove it", path.display());
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let file = new_draft(&draft).with_context(|| format!("cannot write {}", draft.display()))?;
    let written = write(&file).and_then(|written| {
        file.sync_all()
            .and_then(|()| std::fs::rename(&draft, path))
            .with_context(|| format!("cannot finish {}", path.display()))?;
        Ok(written)
    });
    if written.is_err() {
        match std::fs::remove_file(&draft) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => note(&format!("{} is not whole and cannot be removed: {e}", draft.display())),
        }
    }
    written
}

/// A new file and no other: what lies there may be a link, or may be read by others.
fn new_draft(draft: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(draft) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)
}

/// What was exported, in words: beside the data, never in them.
fn summary(report: &Report, request: &Request, dir: &Path) -> Vec<String> {
    let Report { rows, patients, withheld, withheld_patients, row, at, simulated } = report;
    let what = match request.what {
        What::Readings => "readings",
        What::Alarms => "moves of alarms",
    };
    let purpose = request.purpose.as_str();
    let mut lines = vec![
        format!("{rows} {what} of {patients} patients, as the store stood at row {row}, {at}"),
        format!(
            "withheld without consent to {purpose}: {withheld} {what} of {withheld_patients} patients"
        ),
    ];
    lines.push(if request.identified {
        "identified: patients, devices and alarms by the site's own ids".to_owned()
    } else {
        let key = key_file(dir, request.purpose);
        format!("pseudonymised by {}: who has this file can trace patients", key.display())
    });
    if *simulated {
        lines.push("simulated: nothing of this happened to a patient".to_owned());
    }
    lines
}

/// Prints a line about the export where no data go.
#[expect(clippy::print_stderr, reason = "data go to standard output")]
fn note(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_old_draft_is_neither_followed_nor_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (out, draft) = (dir.path().join("out.csv"), dir.path().join("out.csv.part"));
        let other = dir.path().join("other");
        std::fs::write(&other, "another's").unwrap();
        let write = |mut file: &File| Ok(file.write_all(b"rows")?);
        let check = || {
            into_file(&out, write).unwrap();
            assert_eq!(std::fs::read(&out).unwrap(), b"rows");
            let made = std::fs::symlink_metadata(&out).unwrap();
            assert!(made.is_file() && made.permissions().mode() & 0o777 == 0o600, "{made:?}");
            std::fs::remove_file(&out).unwrap();
        };
        std::os::unix::fs::symlink(&other, &draft).unwrap();
        check();
        assert_eq!(std::fs::read(&other).unwrap(), b"another's");
        std::fs::write(&draft, "half").unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o644)).unwrap();
        check();
    }
}
