//! One gateway process in a folder of its own, and what tests ask of it.

mod http;
mod messages;
mod ports;
mod programs;
mod settings;
mod store;
mod wait;
mod ward;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;
use vitalgate::clock::Clock;
use vitalgate::config::Config;
use vitalgate_domain::model::time::Timestamp;

use crate::mqtt::Client;
use crate::setup::{RULES, Setup};
use crate::sse::Events;

pub(crate) use messages::{measured_earlier, telemetry};
pub(crate) use ports::port_of_ones_own;
pub(crate) use programs::{node_modules, python, root, vitalgate};
pub(crate) use wait::{PATIENCE, eventually, eventually_within};

use programs::gateway_binary;

/// A running gateway. When it is dropped it is killed, and its store is verified.
pub(crate) struct Gateway {
    child: Option<Child>,
    addresses: Value,
    dir: TempDir,
    store: PathBuf,
    env: Vec<(String, String)>,
    args: Vec<String>,
    agent: Agent,
    clock: Clock,
    damaged: Option<&'static str>,
}

impl Gateway {
    /// With [`RULES`], on an empty store.
    pub(crate) fn start() -> Self {
        Setup::default().rules(RULES).start()
    }

    /// With the `gateway.toml` in `dir`.
    pub(crate) fn launched(
        dir: TempDir,
        store: PathBuf,
        env: Vec<(String, String)>,
        args: Vec<String>,
    ) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        let clock = Clock::system(Timestamp::from_micros(0));
        let addresses = Value::Null;
        let mut gateway =
            Self { child: None, addresses, dir, store, env, args, agent, clock, damaged: None };
        gateway.launch();
        gateway
    }

    /// SIGKILL, and the same store again.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and waits for the end, which must be a good one.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("running");
        eventually("the gateway ends", || child.try_wait().unwrap())
    }

    /// Starts it again on the same store.
    pub(crate) fn start_again(&mut self) {
        self.launch();
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("gateway.log")).unwrap()
    }

    /// Runs a command of the command line, such as `device`, under the gateway's configuration.
    pub(crate) fn command_line(&self, command: &str, args: &[&str]) -> Output {
        vitalgate(command, &self.dir.path().join("gateway.toml"), args)
    }

    /// Memory of the process.
    pub(crate) fn resident_kib(&self) -> u64 {
        let pid = self.child.as_ref().expect("running").id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.split_whitespace().next().expect("a number").parse().unwrap()
    }

    /// Sends the process a signal by name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("running").id();
        let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
        assert!(status.unwrap().success());
    }

    /// `127.0.0.1:port` of `http`, `mqtt` or `mqtts`.
    pub(crate) fn address(&self, of: &str) -> &str {
        self.addresses[of].as_str().unwrap_or_else(|| panic!("no {of} in {}", self.addresses))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address("http"))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// An MQTT 3.1.1 connection of its own.
    pub(crate) fn mqtt(&self, client_id: &str) -> Client {
        Client::connect(self.address("mqtt"), client_id)
    }

    /// The event stream from here on.
    pub(crate) fn events(&self) -> Events {
        Events::open(&self.url("/api/v1/stream"), None)
    }

    /// The event stream after an id.
    pub(crate) fn events_after(&self, id: &str) -> Events {
        Events::open(&self.url("/api/v1/stream"), Some(id))
    }

    fn launch(&mut self) {
        let addresses = self.dir.path().join("addresses.json");
        if addresses.exists() {
            fs::remove_file(&addresses).unwrap();
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("gateway.log"))
            .unwrap();
        let config = self.dir.path().join("gateway.toml");
        let mut child = Command::new(gateway_binary())
            .arg("run")
            .arg("--config")
            .arg(&config)
            .args(said_open(&config))
            .arg("--addresses")
            .arg(&addresses)
            .args(&self.args)
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let log = self.dir.path().join("gateway.log");
        self.addresses = eventually("the gateway listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the gateway ended: {status}\n{}", fs::read_to_string(&log).unwrap());
            }
            serde_json::from_slice(&fs::read(&addresses).ok()?).ok()
        });
        self.child = Some(child);
    }
}

/// `--open` where nobody has to sign in by this configuration.
fn said_open(config: &Path) -> Option<&'static str> {
    let open = Config::read(config).is_ok_and(|config| !config.open_doors().is_empty());
    open.then_some("--open")
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            show(&self.dir.path().join("gateway.log"));
            return;
        }
        match (self.verified(), self.damaged) {
            (Ok(()), Some(why)) => panic!("verify finds nothing, although {why}"),
            (Err(difference), None) => panic!("{difference}"),
            (Ok(()), None) | (Err(_), Some(_)) => {}
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log of the gateway explains a failed test")]
fn show(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let from = text.len().saturating_sub(8_000);
    eprintln!("--- gateway.log\n{}", text.get(from..).unwrap_or(&text));
}
