//! The composition root: the only place that starts long-lived tasks and threads.
//!
//! Shutdown has an order: stop taking input, drain, commit, flush the sink, end the store, end
//! streams, close HTTP; whoever is late is named.

mod interfaces;
mod people;
pub mod reload;
mod rota;
pub mod settings;
pub(crate) mod stage;
mod startup;
mod store_host;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::people::known;

use self::interfaces::{Interfaces, Shared, auth};
use self::rota::Rota;
use self::startup::{audit_found, first_inputs, open_store};
use self::store_host::StoreHost;
use crate::app::reload::Reload;
use crate::app::stage::{GRACE, Stage, late};
use crate::clock::Clock;
use crate::config::{self, Config, TeamsFile};
use crate::handles::Handles;
use crate::http::AuthInForce;
use crate::inbox::Inbox;
use crate::ingest::Refusals;
use crate::operate::control::Control;
use crate::operate::heads;
use crate::operate::status::Sources;
use crate::operate::synchronised;
use crate::pipeline;
use crate::pipeline::asked::Ask;
use crate::pipeline::load_shedding::LoadShedding;
use crate::pipeline::pulse::Pulse;
use crate::projection::board;
use crate::projection::ring::Ring;
use crate::state::recovery::{Recovered, recover, upgraded};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store as store;
use vitalgate_store::audit::SignedHead;
use vitalgate_store::consumers::Registration;

/// How the gateway is run, beyond its configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunMode {
    /// Made by `demo`: everything it says is marked as simulated.
    pub demo: bool,
    /// `--clock stream`.
    pub stream_clock: bool,
    /// Without listeners and HTTP: for one command of the command line.
    pub headless: bool,
}

/// Where a gateway listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Addresses {
    /// HTTP.
    pub http: Option<SocketAddr>,
    /// HTTP over TLS.
    pub https: Option<SocketAddr>,
    /// MQTT.
    pub mqtt: Option<SocketAddr>,
    /// MQTT over TLS.
    pub mqtts: Option<SocketAddr>,
}

/// A gateway with its sockets bound and its state recovered, not yet running.
#[derive(Debug)]
pub struct App {
    addresses: Addresses,
    inbox: Inbox,
    pipeline: pipeline::Parts,
    writer: std::thread::JoinHandle<Result<(), store::writer::WriterError>>,
    interfaces: Option<Interfaces>,
    control: Control,
    reload: Option<Reload>,
    clock_check: Option<config::Clock>,
    rota: Option<Rota>,
    sources: Sources,
    heads: watch::Receiver<Option<SignedHead>>,
    setup: Option<String>,
}

impl App {
    /// Opens the store, recovers the state, binds the sockets.
    pub async fn bind(config: &Config, mode: RunMode) -> anyhow::Result<Self> {
        let configuration = config.configuration()?;
        let (teams_in_force, teams) = watch::channel(config.teams()?.map(Arc::new));
        let teams_file = TeamsFile::of(&Arc::new(config.clone()), teams_in_force);
        let mut opened = open_store(config, mode)?;
        let identity = opened.identity.clone();
        let Recovered { core, replayed } =
            recover(&opened).context("the store cannot be brought back")?;
        if replayed.is_some() {
            // Until there is another one no row may be pruned that only the journal holds.
            opened.snapshot_row = None;
        }
        let folded = core.row() - opened.snapshot_row.unwrap_or(0);
        let last = opened.last_row.map(|row| row.at);
        let begin = last.unwrap_or(Timestamp::from_micros(0));
        let clock = if identity.stream_clock { Clock::stream(begin) } else { Clock::system(begin) };
        let upgraded =
            upgraded(&opened, replayed.is_some()).context("the alarm log cannot be read")?;
        let mut first = Vec::from_iter(upgraded.clone());
        let missed = last.map(|from| (from, clock.stamp().at));
        first.extend(first_inputs(&core, &configuration, config, mode, missed));
        let mut first_board = board::of(&core);
        if let Some(Input::Upgraded { next_seq, held, .. }) = upgraded {
            board::show_announced(&mut first_board, next_seq, held);
        }
        let (board, board_seen) = watch::channel(Arc::new(first_board));
        let (signals_in_force, signals) = watch::channel(Arc::new(configuration.signals.clone()));
        let (kept, keep) = watch::channel(Arc::new(config.store.keep(&configuration.signals)));
        let (inbox, submissions) = Inbox::new();
        let handles = Handles::new(inbox, board_seen, signals, clock.clone());
        let shedding = LoadShedding::new(handles.metrics.clone());
        let max_admitted = config.devices.max_admitted;
        let refusals = Arc::new(Refusals::new(config.budget.into(), max_admitted));
        let ring = Arc::new(Ring::default());
        let pulse = Pulse::default();
        let (ask, questions) = Ask::new();
        let (auth_in_force, auth_seen) = watch::channel(Arc::new(auth(config, mode)?));
        let (people, setup) =
            people::open(config, mode, clock.wall(), &handles.degraded, last.is_none())?;
        let oidc = people::provider(config, people.as_ref())?;
        let known =
            AuthInForce::new(auth_seen).with_people(people.clone(), &clock).with_oidc(oidc.clone());
        let (signed, heads) = watch::channel(None);
        audit_found(&opened.standing, &handles.degraded);
        let why = replayed
            .map(|why| format!("{why}; the state was made of the whole journal, look at the disk"));
        handles.degraded.set("snapshot", why);
        let reload = if mode.headless || mode.demo {
            None
        } else {
            let inbox = handles.inbox.clone();
            let (signals, auth) = (signals_in_force, auth_in_force);
            let reload = Reload::new(config, &configuration, inbox, signals, kept, auth)?;
            let reload = reload.with_teams(teams_file.clone()).with_people(people.clone());
            Some(reload.with_audit(opened.standing.clone(), handles.degraded.clone()))
        };
        let control = Control::bind(&config.store.dir).context("cannot make the control socket")?;
        let sources = Sources { handles: handles.clone(), pulse: pulse.clone(), identity };
        if config.influx.is_some() {
            // A command of the command line must not prune what InfluxDB lacks either.
            opened.consumer(crate::influx::CONSUMER)?.begin();
        }
        for channel in &config.channel {
            opened.consumer(Registration::channel(&channel.id))?.begin();
        }
        let mut interfaces = if mode.headless {
            None
        } else {
            let shared = Shared {
                handles: handles.clone(),
                ring: Arc::clone(&ring),
                pulse: pulse.clone(),
                refusals: Arc::clone(&refusals),
                load: shedding.load(),
                ask: ask.clone(),
                sink_alarming: core.site.is_sink_alarming(),
                undelivered: core.site.undelivered_channels().collect(),
                // Where time goes by the messages nothing comes out in any time.
                synthetic: (config.synthetic.enabled && !mode.stream_clock)
                    .then(|| core.site.misses_the_synthetic()),
                late: core.site.late_stretches(),
                auth: known.clone(),
                oidc,
                people,
                teams: teams.clone(),
                teams_file,
                heads: heads.clone(),
            };
            Some(Interfaces::bind(config, &opened, shared).await?)
        };
        let tls =
            interfaces.as_mut().map(|all| (all.listener.tls_reload(), all.server.tls_reload()));
        let (of_mqtt, of_http) = tls.unwrap_or_default();
        let reload = reload.map(|reload| reload.with_tls(of_mqtt, of_http));
        let addresses = interfaces.as_ref().map(|all| all.addresses(config)).transpose()?;
        let host = StoreHost {
            load: shedding.load(),
            metrics: handles.metrics.clone(),
            degraded: handles.degraded.clone(),
            heads: signed,
        };
        let reserve = config.store.reserve_bytes;
        let terms = store::Terms { keep, host: Arc::new(host), reserve };
        let running = store::start(opened, terms).context("cannot start the store")?;
        let pipeline = pipeline::Parts {
            core,
            clock,
            inbox: submissions,
            questions,
            fill: handles.inbox.fill(),
            refusals,
            shedding,
            committer: running.committer,
            reports: running.reports,
            room: running.room,
            board,
            ring,
            metrics: handles.metrics.clone(),
            pulse,
            first,
            folded,
        };
        let rota = (!mode.headless).then(|| Rota {
            teams,
            zone: config.site.time_zone.clone(),
            handles: handles.clone(),
            auth: known,
            stands: pipeline.core.site.duty.plan().map(|plan| plan.until),
        });
        // A simulated ward, and time by the messages, have nothing to do with the machine's clock.
        let real = !mode.headless && !mode.demo && !mode.stream_clock;
        let clock_check = Some(&config.clock).filter(|clock| real && !clock.check.is_empty());
        Ok(Self {
            addresses: addresses.unwrap_or_default(),
            inbox: handles.inbox,
            pipeline,
            writer: running.thread,
            interfaces,
            control,
            reload,
            clock_check: clock_check.cloned(),
            rota,
            sources,
            heads,
            setup,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The link by which the first admin makes an account, where there is none.
    pub fn setup_link(&self) -> Option<String> {
        let secret = self.setup.as_ref()?;
        let Addresses { http, https, .. } = &self.addresses;
        let page = match (https, http) {
            (Some(https), _) => format!("https://{https}"),
            (None, Some(http)) => format!("http://{http}"),
            (None, None) => return None,
        };
        Some(format!("{page}/#setup/{secret}"))
    }

    /// The way in, for commands of this process.
    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Runs until `stop`, then shuts down in order. A task that ends early ends it with an error.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self {
            inbox,
            pipeline,
            writer,
            interfaces,
            control,
            reload,
            clock_check,
            rota,
            sources,
            heads,
            addresses: _,
            setup: _,
        } = self;
        let in_service = interfaces.is_some();
        let pulse = pipeline.pulse.clone();
        let mut intake = Stage::default();
        let mut commands = Stage::default();
        let mut core = Stage::default();
        let mut serving = Stage::default();
        let mut beside = Stage::default();
        let mut sinks = Stage::default();
        // The store takes from the sink how far it came, after the last commit too.
        let store = pipeline.committer.clone();
        core.start("pipeline", pipeline::run(pipeline, core.token()));
        if let Some(clock) = clock_check {
            let watch = synchronised::watch(clock, inbox, commands.token());
            commands.start("clock", watch);
        }
        if let Some(rota) = rota {
            commands.start("duty", rota.run(commands.token()));
        }
        if let Some(reload) = reload {
            commands.start("reload", reload.run(commands.token()));
        }
        commands.start("control", control.run(sources, commands.token()));
        let mut connections = TaskTracker::new();
        let streams = TaskTracker::new();
        if let Some(interfaces) = interfaces {
            let Interfaces { listener, subscribers, source, server, state, around, sink, channels } =
                interfaces;
            connections = source.tracker.clone();
            intake = Stage::new(source.cancel.clone());
            for subscriber in subscribers {
                intake.start("subscriber", subscriber.run(source.clone()));
            }
            intake.start("listener", listener.run(source));
            serving.start("http", server.run(state, streams.clone(), serving.token()));
            pulse.set_listening(true);
            beside = around.start();
            if let Some(sink) = sink {
                sinks.start("influxdb", sink.run(sinks.token()));
            }
            for channel in channels {
                sinks.start("channel", channel.run(sinks.token()));
            }
        }
        let ended_early = tokio::select! {
            () = stop.cancelled() => None,
            task = core.ended() => Some(task),
            task = commands.ended() => Some(task),
            task = intake.ended() => Some(task),
            task = serving.ended() => Some(task),
            task = beside.ended() => Some(task),
            task = sinks.ended() => Some(task),
        };
        pulse.set_listening(false);
        beside.stop().await;
        intake.stop().await;
        connections.close();
        late("connections", connections.wait()).await;
        commands.stop().await;
        core.stop().await;
        sinks.stop().await;
        drop(store);
        serving.stop().await;
        streams.close();
        late("streams", streams.wait()).await;
        if let Some(task) = ended_early {
            bail!("the {task} task ended early");
        }
        let writer = tokio::task::spawn_blocking(move || writer.join());
        let writer = tokio::time::timeout(3 * GRACE, writer).await.context(
            "the store did not end in time; nothing it still held was reported as committed",
        )??;
        writer.map_err(|_| anyhow::anyhow!("the store's thread panicked"))??;
        if in_service && let Some(head) = &*heads.borrow() {
            heads::say(head);
        }
        Ok(())
    }
}
