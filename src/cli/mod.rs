//! The command line: one file a command.

mod audit;
mod backtest;
mod config;
#[cfg_attr(not(feature = "simulators"), path = "no_demo.rs")]
mod demo;
mod device;
mod doctor;
mod duty;
mod export;
mod gateway;
mod incident;
mod notify;
mod person;
mod progress;
mod station;
mod status;
mod store;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Parser, Subcommand, ValueEnum};
use vitalgate::app::settings::BadSettings;
use vitalgate::config::{BadConfig, Config};
use vitalgate::tools::replay::ReplayOptions;
use vitalgate_store::Store;

/// Bad usage or configuration, after sysexits.h.
const USAGE: u8 = 64;
/// As of a program that SIGPIPE ended, after the custom of shells.
const NOBODY_READS: u8 = 141;

/// An ingestion gateway for vital signs. Research and demonstration software, not a medical device.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Run(RunArgs),
    /// Run a gateway with a simulated ward, to look at.
    Demo(demo::DemoArgs),
    /// Check configuration, rules, secrets and certificates, and say what is wrong where.
    Check(CheckArgs),
    /// Derive every alarm again from the journal, compare with what is stored, and check the audit's chain.
    Verify(store::VerifyArgs),
    /// Print where the audit stands, signed, or the public key to check that with.
    Audit(audit::AuditArgs),
    /// Write one alarm and all it stands on as one file, or derive it from such a file again.
    Incident(incident::IncidentArgs),
    /// Judge recorded history again under other rules, and show what would have been announced beside today's.
    Backtest(backtest::BacktestArgs),
    /// Send a CSV recording through MQTT as a device would; judged as live under `--clock stream`.
    Replay(ReplayOptions),
    /// Register, bind, list or revoke devices.
    Device(device::DeviceArgs),
    /// Give people accounts, list them, or let somebody in no more.
    Person(person::PersonArgs),
    /// Make browsers stations of wards, where people sign acts by PIN.
    Station(station::StationArgs),
    /// Write readings or alarms as CSV or JSON Lines, also while the gateway runs.
    Export(export::ExportArgs),
    /// Show the running gateway on one screen, or what its store says when none runs.
    Status(status::StatusArgs),
    /// Look at disk, clock, brokers and InfluxDB, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// Show who is on duty for alarms and when nobody will be, and change it.
    Duty(duty::DutyArgs),
    /// Try a channel for alarms.
    Notify(notify::NotifyArgs),
    /// Show the configuration in force.
    Config(config::ConfigCommand),
    /// Copy the store to a file, also while the gateway runs.
    Backup(store::BackupArgs),
    /// Make a store out of a copy.
    Restore(store::RestoreArgs),
}

/// Which configuration.
#[derive(Debug, clap::Args)]
struct ConfigArgs {
    /// The configuration file; the built-in one without.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// What to check.
#[derive(Debug, clap::Args)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print every alarm condition of the configuration instead: priority, response, delays, latching, silence.
    #[arg(long)]
    disclose: bool,
}

/// How to run.
#[derive(Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// What time the gateway goes by.
    #[arg(long, value_enum, default_value_t = ClockArg::System)]
    clock: ClockArg,
    /// Run although nobody has to sign in, for this machine alone.
    #[arg(long)]
    open: bool,
    /// Write the addresses listened on to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    addresses: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClockArg {
    /// The machine's clock.
    System,
    /// The newest `sent_at` received: recordings and simulations at any speed, on a new store only.
    Stream,
}

/// Which store.
#[derive(Debug, clap::Args)]
struct StoreArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The store's folder; by default the configuration's.
    #[arg(long, value_name = "FOLDER", global = true)]
    dir: Option<PathBuf>,
}

impl ConfigArgs {
    fn read(&self) -> Result<Config, BadConfig> {
        match &self.config {
            Some(path) => Config::read(path),
            None => Config::built_in(),
        }
    }
}

impl StoreArgs {
    fn dir(&self) -> Result<PathBuf, BadConfig> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(self.config.read()?.store.dir),
        }
    }

    /// The configuration with the folder that is meant, in which a store must be.
    fn with_store(&self) -> anyhow::Result<Config> {
        let mut config = self.config.read()?;
        config.store.dir = self.dir()?;
        if !Store::exists(&config.store.dir) {
            bail!(
                "there is no store in {}: name its folder with --dir, or make one with `vitalgate run`",
                config.store.dir.display()
            );
        }
        Ok(config)
    }
}

/// Runs one command.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Run(args) => gateway::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => gateway::check(&args),
        Command::Verify(args) => store::verify(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Incident(args) => incident::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Replay(options) => replay(options),
        Command::Device(args) => device::run(&args),
        Command::Person(args) => person::run(&args),
        Command::Station(args) => station::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Duty(args) => duty::run(&args),
        Command::Notify(args) => notify::run(&args),
        Command::Config(command) => config::run(&command),
        Command::Backup(args) => store::backup(&args),
        Command::Restore(args) => store::restore(&args),
    }
}

fn replay(options: ReplayOptions) -> anyhow::Result<ExitCode> {
    say(&runtime()?.block_on(vitalgate::tools::replay::run(options))?.line());
    Ok(ExitCode::SUCCESS)
}

/// The exit code of an error: 64 for a bad configuration, else 1.
fn code_of(error: &anyhow::Error) -> ExitCode {
    if error.is::<BadConfig>() || error.is::<BadSettings>() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Prints a line of the command's own output. Where nobody reads it any more, as behind `head`, there is nothing left to
/// do.
fn say(line: &str) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{line}") {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(i32::from(NOBODY_READS));
        }
        tracing::error!(%error, "the answer cannot be printed");
    }
}

/// Whether an error is that nobody reads standard output any more.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Ends a command whose answer is an error: says it, unless there is nobody to say it to.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::from(NOBODY_READS);
    }
    tracing::error!("{error:#}");
    code_of(error)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser as _};

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn commands_are_taken_as_they_are_documented() {
        let page = include_str!("../../docs/config.md");
        let lines = page.lines().filter(|line| {
            ["vitalgate person ", "vitalgate station ", "vitalgate duty "]
                .iter()
                .any(|begin| line.starts_with(begin))
        });
        let mut seen = 0;
        for line in lines.chain(["vitalgate duty list --config gateway.toml"]) {
            let words = line.split('#').next().unwrap_or_default().split_whitespace();
            let parsed = super::Args::try_parse_from(words);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            seen += 1;
        }
        assert!(seen > 5, "{seen} commands");
    }
}
