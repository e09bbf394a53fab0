//! A server in a process of its own, and what the kernel says of it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use vitalgate::clock::Stopwatch;

/// The kernel counts processor time in these (`USER_HZ`).
const TICK_S: f64 = 0.01;
/// How often the addresses are looked for.
const LOOK_AGAIN: Duration = Duration::from_micros(500);
/// Longer than any start.
const PATIENCE_S: f64 = 120.0;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) mqtt: SocketAddr,
    pub(crate) http: Option<SocketAddr>,
    /// From its start until its addresses were written.
    pub(crate) start_s: f64,
}

impl Server {
    /// The gateway itself on a store folder made by [`super::ward`].
    pub(crate) fn gateway(dir: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vitalgate"));
        command.args(["run", "--open", "--config"]).arg(dir.join("gateway.toml"));
        Self::start(command.arg("--addresses").arg(dir.join("addresses.json")), dir)
    }

    /// Any program that writes where it listens to `addresses.json` in `dir`.
    pub(crate) fn start(command: &mut Command, dir: &Path) -> anyhow::Result<Self> {
        let addresses = dir.join("addresses.json");
        if addresses.exists() {
            fs::remove_file(&addresses)?;
        }
        let log = fs::File::create(dir.join("server.log"))?;
        let watch = Stopwatch::start();
        let mut child =
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let addresses: Value = loop {
            let read = fs::read(&addresses).ok();
            if let Some(addresses) = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                break addresses;
            }
            if let Some(status) = child.try_wait()? {
                bail!("the server ended: {status}; see {}", dir.join("server.log").display());
            }
            anyhow::ensure!(watch.seconds() < PATIENCE_S, "the server does not start");
            thread::sleep(LOOK_AGAIN);
        };
        let start_s = watch.seconds();
        let address = |of: &str| addresses[of].as_str().and_then(|text| text.parse().ok());
        let mqtt = address("mqtt").context("the server does not listen for MQTT")?;
        Ok(Self { mqtt, http: address("http"), start_s, child })
    }

    /// Any program that cannot say where it listens.
    pub(crate) fn announced(
        command: &mut Command,
        dir: &Path,
        mqtt: SocketAddr,
    ) -> anyhow::Result<Self> {
        let log = fs::File::create(dir.join("server.log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self { child, mqtt, http: None, start_s: 0.0 })
    }

    /// Seconds of processor time so far, all threads.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<f64> {
        cpu_s(&self.child.id().to_string())
    }

    /// Bytes in memory.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        resident(&self.child.id().to_string())
    }

    /// GET, as text.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<String> {
        let http = self.http.context("the server has no HTTP")?;
        let mut answer = ureq::get(format!("http://{http}{path}")).call()?;
        Ok(answer.body_mut().read_to_string()?)
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already, and then there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Seconds of processor time of process `of`, which may be `self`.
pub(crate) fn cpu_s(of: &str) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{of}/stat"))?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    // Fields 14 and 15 of proc(5); field 3 is the first after the name.
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).flat_map(str::parse::<f64>).sum();
    Ok(ticks * TICK_S)
}

/// Bytes in memory of process `of`, which may be `self`.
pub(crate) fn resident(of: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{of}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .context("the kernel does not say how much memory a process takes")?
        .parse()?;
    Ok(kib << 10)
}
