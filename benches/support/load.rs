//! The simulators' load in a process of its own.

use std::net::SocketAddr;
use std::process::{Child, Stdio};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use vitalgate::clock::Clock;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_sim::codec::Protocol;
use vitalgate_sim::load::{self, Extent, LoadOptions};
use vitalgate_sim::wire::Mode;

/// The part of a process that is the load.
pub(crate) const PART: &str = "load";

/// A load of messages with four readings.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) mqtt: SocketAddr,
    pub(crate) connections: u64,
    /// Devices a connection speaks for.
    pub(crate) devices: u64,
    /// Messages in flight a connection.
    pub(crate) window: usize,
    /// Messages a second over all connections; 0 is as fast as acknowledged.
    pub(crate) rate: u64,
    pub(crate) extent: Until,
}

/// When a load ends.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Until {
    Seconds(u64),
    Messages(u64),
}

/// What came of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) acked: u64,
    pub(crate) seconds: f64,
    /// Processor time of the load's own process.
    pub(crate) cpu_s: f64,
    /// Half of the messages were acknowledged within so many microseconds.
    pub(crate) p50_us: u64,
    /// 99 % were.
    pub(crate) p99_us: u64,
}

impl Done {
    pub(crate) fn rate(self) -> f64 {
        self.acked as f64 / self.seconds
    }
}

/// A load on its way.
pub(crate) struct Running(Child);

impl Load {
    /// Runs to the end.
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        self.start()?.wait()
    }

    pub(crate) fn start(self) -> anyhow::Result<Running> {
        let mut command = super::myself()?;
        command.args([PART, &serde_json::to_string(&self)?]).stdout(Stdio::piped());
        Ok(Running(command.spawn()?))
    }

    /// The load's own process: takes the load as JSON, answers in JSON.
    #[expect(clippy::print_stdout, reason = "the answer to the process that started this one")]
    pub(crate) fn play(arguments: &[String]) -> anyhow::Result<()> {
        let load: Self = serde_json::from_str(arguments.first().context("no load was given")?)?;
        let now = Clock::system(Timestamp::default()).wall();
        let options = LoadOptions {
            mqtt: load.mqtt,
            token: None,
            protocol: Protocol::V4,
            connections: load.connections,
            devices: load.devices,
            rate: load.rate,
            window: load.window,
            extent: match load.extent {
                Until::Seconds(seconds) => Extent::For(std::time::Duration::from_secs(seconds)),
                Until::Messages(count) => Extent::Messages(count),
            },
            readings: 4,
            // So that a second load of one store is no redelivery of the first.
            boot: now.as_millis().unsigned_abs() / 1_000,
            start_seq: 1,
            mode: Mode::Real,
            excursions: None,
            seed: 1,
            ledger: None,
            stagger: 0,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let report = runtime.block_on(load::run(&options, &CancellationToken::new()))?;
        anyhow::ensure!(report.rejected == 0, "{} messages were rejected", report.rejected);
        let (seconds, cpu_s) = (report.elapsed.as_secs_f64(), super::gateway::cpu_s("self")?);
        let within = |share| report.latency.quantile(share).as_micros() as u64;
        let (p50_us, p99_us) = (within(0.50), within(0.99));
        let done = Done { acked: report.acked, seconds, cpu_s, p50_us, p99_us };
        println!("{}", serde_json::to_string(&done)?);
        Ok(())
    }
}

impl Running {
    /// Ends it where it is.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    pub(crate) fn wait(self) -> anyhow::Result<Done> {
        let output = self.0.wait_with_output()?;
        anyhow::ensure!(output.status.success(), "the load failed: {}", output.status);
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
