//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};
use vitalgate_sim::clock;
use vitalgate_sim::codec::Protocol;
use vitalgate_sim::formula::Excursions;
use vitalgate_sim::load::{Extent, LoadOptions};
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
    /// Send computed values over many connections and note every acknowledgement.
    Load(LoadArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// The gateway's MQTT listener.
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
    /// What the messages say they are.
    #[arg(long, value_enum, default_value = "real")]
    mode: Mode,
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

impl LoadArgs {
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
