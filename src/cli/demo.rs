//! `demo`: a gateway, a page, and a simulated ward that publishes over real MQTT sockets.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use vitalgate::app::{App, RunMode};
use vitalgate::config::{Config, UnknownDevices};
use vitalgate_sim::http::Api;
use vitalgate_sim::plan::Plan;
use vitalgate_sim::ward::{self, Pace, WardOptions};
use vitalgate_sim::wire::Mode;

use super::gateway::stop_on_signal;
use super::{runtime, say};

/// The demo's ward is the same every time.
const SEED: u64 = 1;

#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Keep the store in this folder; without it everything is gone afterwards.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let temporary = Temporary::unless(args.dir.as_ref())?;
    let mut config = Config::built_in()?;
    config.store.dir = args.dir.clone().unwrap_or_else(|| temporary.0.clone());
    config.http.listen = free_or_any(config.http.listen);
    config.mqtt.listen = config.mqtt.listen.map(free_or_any);
    config.devices.unknown = UnknownDevices::Admit;
    runtime()?.block_on(demo(config))?;
    Ok(ExitCode::SUCCESS)
}

async fn demo(config: Config) -> anyhow::Result<()> {
    let app = App::bind(&config, RunMode { demo: true, ..RunMode::default() }).await?;
    let addresses = app.addresses().clone();
    let http = addresses.http.context("the page has no address")?;
    let mqtt = addresses.mqtt.context("the listener has no address")?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let running = tokio::spawn(app.run(stop.clone()));
    let api = Api::new(&format!("http://{http}"), None);
    let plan = Plan::demo(SEED);
    let (gateway, ward) = (api.clone(), plan.clone());
    tokio::task::spawn_blocking(move || ward.register(&gateway, vitalgate_sim::clock::wall()))
        .await?
        .context("the ward could not be registered")?;
    say("simulated ward: research and demonstration software, not a medical device");
    say(&format!("page  http://{http}"));
    say(&format!("mqtt  mqtt://{mqtt}"));
    say("an alarm comes within half a minute; Ctrl-C ends it");
    let options = WardOptions {
        mqtt,
        http: Some(api),
        device_token: None,
        plan,
        pace: Pace::Wall,
        mode: Mode::Real,
        length: None,
    };
    let ward = ward::run(options, stop.child_token()).await;
    stop.cancel();
    running.await??;
    ward.map(drop)
}

/// The usual address, or one with a free port if it is taken.
fn free_or_any(usual: SocketAddr) -> SocketAddr {
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::new(usual.ip(), 0),
    }
}

/// A folder that goes with the demo.
#[derive(Debug)]
struct Temporary(PathBuf, bool);

impl Temporary {
    fn unless(kept: Option<&PathBuf>) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("vitalgate-demo-{}", std::process::id()));
        if kept.is_none() {
            std::fs::create_dir_all(&dir)
                .with_context(|| format!("cannot make {}", dir.display()))?;
        }
        Ok(Self(dir, kept.is_none()))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.1
            && let Err(error) = std::fs::remove_dir_all(&self.0)
        {
            tracing::warn!(%error, dir = %self.0.display(), "the demo's folder stays behind");
        }
    }
}
