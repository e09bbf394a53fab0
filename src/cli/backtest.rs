//! `vitalgate backtest`: other rules over recorded history.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use vitalgate::clock::Stopwatch;
use vitalgate::config::{BadConfig, Config, packs};
use vitalgate::tools::backtest::{
    BacktestError, Case, Report, Request, RulesText, Source, backtest,
};
use vitalgate_domain::model::pack::Pack;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::Store;

use super::{ConfigArgs, say};

/// How often a terminal is told how far it is, in seconds.
const EVERY_S: f64 = 0.5;

/// Which rules, and over what.
#[derive(Debug, clap::Args)]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The rules to try, a file like `config/rules.toml`; by default those of the configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "packs")]
    rules: Option<PathBuf>,
    /// The rules to compare with; by default those of the configuration.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Packs that are on beside the rules to try, with commas between them: names as in `rules.packs`, files with a `/`;
    /// `none` for none.
    ///
    /// By default those of the configuration, in a journal those that were on at that time.
    #[arg(long, value_name = "PACKS", value_delimiter = ',')]
    packs: Option<Vec<String>>,
    /// Packs that are on beside the rules to compare with, in the same words.
    #[arg(long, value_name = "PACKS", value_delimiter = ',')]
    against_packs: Option<Vec<String>>,
    /// How a recording is played: a JSON file as in `tests/model/cases`; may be given again.
    ///
    /// It names the `patient`, the `device` and its `class`, the `recording`, `interval_s` and for each of its `columns` the
    /// `signal` and the `unit`.
    #[arg(long, value_name = "FILE")]
    case: Vec<PathBuf>,
    /// Second 0 of the recordings, in RFC 3339; without it their shifts are not known.
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
    /// Differences listed; all are counted.
    #[arg(long, value_name = "N", default_value_t = 100)]
    differences: usize,
    /// With the site's own ids of patients in place of p1, p2, …
    #[arg(long)]
    patients: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Write the report as one HTML file too, which opens without a server.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// What is played: the folder of a store, whose journal is read; a CSV recording that a `--case` names; or a folder
    /// with the recordings of all cases.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
}

pub(super) fn run(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.read()?;
    let request = request(args, &config)?;
    for rules in [&request.against, &request.rules] {
        // A rules file that is wrong is a configuration that is.
        if let Err(error) = request.parsed(rules) {
            return Err(as_config(error));
        }
    }
    if let Some(html) = args.html.as_ref().filter(|html| html.exists()) {
        bail!("{} is there already: choose another name, or remove it", html.display());
    }
    let clock = Stopwatch::start();
    let (terminal, mut drawn_s) = (std::io::stderr().is_terminal(), 0.0);
    let report = backtest(&request, |readings| {
        let seconds = clock.seconds();
        if terminal && seconds - drawn_s >= EVERY_S {
            drawn_s = seconds;
            note(&format!(
                "\r{readings} readings, {:.0} a second\x1b[K",
                readings as f64 / seconds
            ));
        }
    })?;
    let seconds = clock.seconds();
    if terminal && drawn_s > 0.0 {
        note("\r\x1b[K");
    }
    if let Some(html) = &args.html {
        write(html, &report)?;
    }
    if args.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        say(report.table().trim_end());
    }
    let readings = report.covered.readings;
    note(&format!(
        "{readings} readings through two cores in {seconds:.1} s: {:.0} a second and core\n",
        2.0 * readings as f64 / seconds.max(1e-9)
    ));
    Ok(ExitCode::SUCCESS)
}

fn as_config(error: BacktestError) -> anyhow::Error {
    if let BacktestError::Rules(name, error) = error {
        return anyhow::Error::from(BadConfig::from(error)).context(name);
    }
    error.into()
}

fn request(args: &BacktestArgs, config: &Config) -> anyhow::Result<Request> {
    let configuration = config.configuration()?;
    let rules = |file: &Option<PathBuf>, packs: &Option<Vec<String>>| {
        let (mut name, text) = if let Some(path) = file {
            let read = std::fs::read_to_string(path);
            let wrong = |source| BadConfig::Read { path: path.clone(), source };
            (path.display().to_string(), read.map_err(wrong)?)
        } else {
            let own = config.rules.file.as_ref();
            let built_in = || "the built-in rules".to_owned();
            let name = own.map_or_else(built_in, |path| path.display().to_string());
            (name, configuration.texts.rules.clone())
        };
        let packs = packs.as_ref().map(|names| named(names, &mut name)).transpose()?;
        anyhow::Ok(RulesText { name, text, packs })
    };
    let (tried, against) =
        (rules(&args.rules, &args.packs)?, rules(&args.against, &args.against_packs)?);
    let cases = args.case.iter().map(|path| Case::read(path)).collect::<Result<Vec<_>, _>>()?;
    let mut sources = Vec::new();
    for input in &args.inputs {
        sources.extend(sources_of(input, &cases)?);
    }
    Ok(Request {
        texts: configuration.texts.clone(),
        site: config.site.id.clone(),
        zone: config.site.time_zone.name().to_owned(),
        rules: tried,
        against,
        sources,
        start: args.start,
        differences: args.differences,
        patients: args.patients,
    })
}

/// Packs, with which the rules are called otherwise.
fn named(names: &[String], rules: &mut String) -> Result<Vec<Pack>, BadConfig> {
    let names: Vec<String> = names.iter().filter(|name| *name != "none").cloned().collect();
    let said = if names.is_empty() { "no pack".to_owned() } else { names.join(", ") };
    *rules = format!("{rules} with {said}");
    packs(&names, Path::new(""))
}

/// A store, a recording, or the recordings of all cases in a folder.
fn sources_of(input: &Path, cases: &[Case]) -> anyhow::Result<Vec<Source>> {
    if Store::exists(input) {
        return Ok(vec![Source::Store(input.to_owned())]);
    }
    let played =
        |case: &Case, file: PathBuf| Source::Recording { file, case: Box::new(case.clone()) };
    let found: Vec<Source> = if input.is_dir() {
        cases.iter().map(|case| played(case, input.join(case.recording()))).collect()
    } else {
        let of_it = cases.iter().filter(|case| input.file_name() == case.recording().file_name());
        of_it.map(|case| played(case, input.to_owned())).collect()
    };
    if found.is_empty() {
        bail!(
            "{} is no folder of a store, and no --case names it as its recording",
            input.display()
        );
    }
    Ok(found)
}

/// The page, for its owner only: what it tells of patients is theirs.
fn write(path: &Path, report: &Report) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(report.html().as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Prints where no report goes.
fn note(text: &str) {
    let mut out = std::io::stderr().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
