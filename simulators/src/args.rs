//! The command line.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args as ClapArgs, Parser, Subcommand};
use jiff::Timestamp;
use vitalgate_sim::bedside::{self, BedsideOptions};
use vitalgate_sim::chaos::{self, ChaosOptions};
use vitalgate_sim::clock;
use vitalgate_sim::codec::Protocol;
use vitalgate_sim::formula::Excursions;
use vitalgate_sim::http::{Api, Request};
use vitalgate_sim::implant::{self, ImplantOptions};
use vitalgate_sim::load::{Extent, LoadOptions};
use vitalgate_sim::plan::Plan;
use vitalgate_sim::send::SendOptions;
use vitalgate_sim::series::{self, Case};
use vitalgate_sim::ward::{Pace, WardOptions};
use vitalgate_sim::wire::Mode;

/// Simulated devices, load and chaos for vitalgate.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Simulate a ward: bedside monitors, and implants behind their relays.
    Ward(WardArgs),
    /// Send computed values over many connections and note every acknowledgement.
    Load(LoadArgs),
    /// Kill a gateway under load, again and again, and compare what is left with the ledger.
    Chaos(ChaosArgs),
    /// Print made series as histories for both judges: who measures × what happens × how it is sent.
    Series(SeriesArgs),
    /// Send one case of the series: an outbox, visits, a wrong clock that is put right.
    Send(SendArgs),
}

/// Devices as the plan of a demonstration has them, or so many of one kind.
#[derive(Debug, ClapArgs)]
pub(crate) struct WardArgs {
    /// The gateway's MQTT listener, or a broker to which the gateway subscribes.
    #[arg(long, default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// The gateway's HTTP interface, where the ward is registered.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    http: String,
    /// Token for the HTTP interface.
    #[arg(long)]
    token: Option<String>,
    /// Password of every device and relay.
    #[arg(long)]
    device_token: Option<String>,
    /// Bedside monitors with one scenario, in place of the demonstration's ward.
    #[arg(long)]
    beds: Option<u64>,
    /// What happens at the beds.
    #[arg(long, value_enum, default_value_t, requires = "beds")]
    scenario: bedside::Scenario,
    /// Implants with one scenario, in place of the demonstration's ward.
    #[arg(long)]
    implants: Option<u64>,
    /// What happens to the implants.
    #[arg(long, value_enum, default_value_t, requires = "implants")]
    implant_scenario: implant::Scenario,
    /// Seconds until it happens.
    #[arg(long, default_value_t = 60)]
    onset: u64,
    /// How simulated time passes: with the wall clock, or as fast as acknowledged.
    #[arg(long, value_enum, default_value_t)]
    clock: ClockKind,
    /// The first simulated moment under `--clock stream`.
    #[arg(long, default_value = "2026-01-01T00:00:00Z")]
    start: Timestamp,
    /// Simulated seconds; for ever without.
    #[arg(long)]
    seconds: Option<u64>,
    /// What the messages say they are; real is for a gateway in demo mode only.
    #[arg(long, value_enum, default_value = "real")]
    mode: Mode,
    /// The same seed gives the same patients.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How simulated time passes.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum ClockKind {
    /// With the wall clock.
    #[default]
    Wall,
    /// As fast as acknowledged; start the gateway with `--clock stream` as well.
    Stream,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ChaosArgs {
    /// How many kills.
    #[arg(long, default_value_t = 5)]
    kills: u32,
    /// Decides the moments of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The gateway's binary; it is run with `run --config FILE`.
    #[arg(long)]
    gateway: PathBuf,
    /// A new folder for stores, logs and ledgers.
    #[arg(long)]
    dir: PathBuf,
    /// Another configuration, with {dir}, {mqtt} and {http} to be filled in.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A further argument for the gateway; may be given again.
    #[arg(long = "gateway-arg", allow_hyphen_values = true)]
    gateway_args: Vec<String>,
    /// Connections, each with a device bound to a patient.
    #[arg(long, default_value_t = 50)]
    connections: u64,
    /// Messages a second over all connections.
    #[arg(long, default_value_t = 2000)]
    rate: u64,
    /// Mosquitto's binary: the load goes through a broker of its own, to which the gateway
    /// subscribes; it lives on while the gateway is killed.
    #[arg(long, value_name = "BINARY")]
    broker: Option<PathBuf>,
    /// A Python script that reads the store by itself: --db FILE --ledger FILE.
    #[arg(long)]
    readback: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// The gateway's MQTT listener, or a broker to which the gateway subscribes.
    #[arg(long, default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// Password of every principal (load-<c>), where the gateway asks for one.
    #[arg(long)]
    token: Option<String>,
    /// MQTT version.
    #[arg(long, value_enum, default_value_t)]
    protocol: Protocol,
    /// Connections; each is the principal load-<c>.
    #[arg(long, default_value_t = 50)]
    connections: u64,
    /// Devices a connection; more than 1 makes it a relay for load-<c>-<d>.
    #[arg(long, default_value_t = 1)]
    devices: u64,
    /// Messages a second over all connections; 0 is as fast as acknowledged.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Messages in flight a connection.
    #[arg(long, default_value_t = 1)]
    window: usize,
    /// Stop after so many seconds.
    #[arg(long, default_value_t = 10, conflicts_with = "messages")]
    seconds: u64,
    /// Stop after so many messages over all connections.
    #[arg(long)]
    messages: Option<u64>,
    /// Readings a message, 1 to 4.
    #[arg(long, default_value_t = 4)]
    readings: usize,
    /// `boot` of every message [default: seconds since 1970].
    #[arg(long)]
    boot: Option<u64>,
    /// First `seq` of every device.
    #[arg(long, default_value_t = 1)]
    start_seq: u64,
    /// What the messages say they are; real is for a gateway in demo mode only, and needs --http.
    #[arg(long, value_enum, default_value = "test")]
    mode: Mode,
    /// The gateway's HTTP interface, asked whether its store is simulated.
    #[arg(long)]
    http: Option<String>,
    /// Register the devices first, each bound to a patient of its own; needed for a relay.
    #[arg(long, requires = "http")]
    pub(crate) register: bool,
    /// Token for the HTTP interface.
    #[arg(long, requires = "http")]
    http_token: Option<String>,
    /// Devices leave their limits once in so many messages.
    #[arg(long, value_name = "MESSAGES", requires = "alarm_length")]
    alarm_period: Option<u64>,
    /// They stay outside for so many.
    #[arg(long, value_name = "MESSAGES", requires = "alarm_period")]
    alarm_length: Option<u64>,
    /// Shifts the connections against each other.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Note every acknowledgement here, a line each: device boot seq at.
    #[arg(long)]
    ledger: Option<PathBuf>,
}

/// Histories as JSON lines, each with what was truly measured in its first.
#[derive(Debug, ClapArgs)]
pub(crate) struct SeriesArgs {
    /// The same seed gives the same histories.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only every so many of the cases.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    every: u16,
    /// Only cases with this in their name, such as `cgm-glucose/` or `/lossy`.
    #[arg(long, default_value = "")]
    only: String,
    /// Print the names of the cases alone.
    #[arg(long)]
    names: bool,
}

/// One case, with the wall clock: a sender that was away comes back now, any other begins now.
#[derive(Debug, ClapArgs)]
pub(crate) struct SendArgs {
    /// Its name, such as `wearable-spo2/step/outbox-oldest`; `series --names` lists them.
    case: Case,
    /// The gateway's MQTT listener, or a broker to which the gateway subscribes.
    #[arg(long, default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// The gateway's HTTP interface, where device and patient are registered.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    http: String,
    /// Token for the HTTP interface.
    #[arg(long)]
    token: Option<String>,
    /// Password of the device.
    #[arg(long)]
    device_token: Option<String>,
    /// What the messages say they are; real is for a gateway in demo mode only.
    #[arg(long, value_enum, default_value = "real")]
    mode: Mode,
    /// The same seed gives the same values.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl SeriesArgs {
    /// Names, or lines of the histories.
    pub(crate) fn text(&self) -> String {
        let cases = series::all().into_iter().filter(|case| case.name().contains(&self.only));
        let cases = cases.step_by(usize::from(self.every));
        if self.names {
            return cases.map(Case::name).collect::<Vec<_>>().join("\n");
        }
        let lines =
            cases.flat_map(|case| case.series(self.seed, series::BEGIN, Mode::Real).lines());
        lines.map(|line| line.to_string()).collect::<Vec<_>>().join("\n")
    }
}

impl SendArgs {
    /// What to send from `now` on, and what to register before.
    pub(crate) fn options(self, now: Timestamp) -> (SendOptions, Vec<Request>) {
        let series = self.case.series_now(self.seed, now, self.mode);
        let options = SendOptions {
            mqtt: self.mqtt,
            http: Some(Api::new(&self.http, self.token)),
            principal: series.principal().to_owned(),
            device_token: self.device_token,
            sendings: series.sendings().to_vec(),
            mode: self.mode,
        };
        (options, series.registration())
    }
}

impl WardArgs {
    pub(crate) fn options(self) -> WardOptions {
        let api = Api::new(&self.http, self.token.clone());
        WardOptions {
            mqtt: self.mqtt,
            http: Some(api),
            device_token: self.device_token.clone(),
            plan: self.plan(),
            pace: match self.clock {
                ClockKind::Wall => Pace::Wall,
                ClockKind::Stream => Pace::Stream { start: self.start },
            },
            mode: self.mode,
            length: self.seconds.map(Duration::from_secs),
        }
    }

    fn plan(&self) -> Plan {
        if self.beds.is_none() && self.implants.is_none() {
            return Plan::demo(self.seed);
        }
        let mut plan = Plan { ward: "sim".to_owned(), places: Vec::new() };
        for seed in (0..self.beds.unwrap_or(0)).map(|n| self.seed.wrapping_add(n)) {
            let (scenario, onset_s) = (self.scenario, self.onset);
            plan.add_bed(BedsideOptions { scenario, onset_s, seed, ..BedsideOptions::default() });
        }
        for seed in (0..self.implants.unwrap_or(0)).map(|n| self.seed.wrapping_add(n)) {
            let (scenario, onset) = (self.implant_scenario, Duration::from_secs(self.onset));
            plan.add_implant(ImplantOptions { scenario, onset, seed, ..ImplantOptions::default() });
        }
        plan
    }
}

impl ChaosArgs {
    pub(crate) fn options(self) -> anyhow::Result<ChaosOptions> {
        let config = match &self.config {
            Some(path) => fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
            None => chaos::CONFIG.to_owned(),
        };
        Ok(ChaosOptions {
            gateway: self.gateway,
            gateway_args: self.gateway_args,
            config,
            dir: self.dir,
            kills: self.kills,
            seed: self.seed,
            connections: self.connections,
            rate: self.rate,
            broker: self.broker,
            readback: self.readback,
        })
    }
}

impl LoadArgs {
    /// The gateway's HTTP interface, where it was given.
    pub(crate) fn api(&self) -> Option<Api> {
        self.http.as_deref().map(|base| Api::new(base, self.http_token.clone()))
    }

    pub(crate) fn options(self) -> LoadOptions {
        let excursions = self.alarm_period.zip(self.alarm_length).map(|(period, length)| {
            let period = period.max(1);
            Excursions { period, length: length.min(period) }
        });
        LoadOptions {
            mqtt: self.mqtt,
            token: self.token,
            protocol: self.protocol,
            connections: self.connections,
            devices: self.devices,
            rate: self.rate,
            window: self.window,
            extent: self
                .messages
                .map_or(Extent::For(Duration::from_secs(self.seconds)), Extent::Messages),
            readings: self.readings,
            boot: self.boot.unwrap_or_else(|| clock::wall().as_second().unsigned_abs()),
            start_seq: self.start_seq,
            stagger: 0,
            mode: self.mode,
            excursions,
            seed: self.seed,
            ledger: self.ledger,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_ward_is_the_demonstration_unless_devices_are_asked_for() {
        let places = |line: &[&str]| match Args::try_parse_from(line).unwrap().command {
            Command::Ward(ward) => ward.options().plan.places.len(),
            Command::Load(_) | Command::Chaos(_) | Command::Series(_) | Command::Send(_) => {
                panic!("not a ward")
            }
        };
        assert_eq!(places(&["sim", "ward"]), Plan::demo(1).places.len());
        assert_eq!(places(&["sim", "ward", "--beds", "3", "--scenario", "arrest"]), 3);
        assert_eq!(places(&["sim", "ward", "--beds", "3", "--implants", "2"]), 5);
        assert_eq!(places(&["sim", "ward", "--implants", "2", "--implant-scenario", "eri"]), 2);
    }
}
