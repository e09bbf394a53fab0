//! The composition root: the only place that starts long-lived tasks and threads.
//!
//! Shutdown goes in order: stop taking input, drain, commit, flush the sink, end the store, end
//! streams, close HTTP; whoever is late is named.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::board;
use crate::clock::Clock;
use crate::config::{self, Config, DeadMan};
use crate::control::Control;
use crate::domain::core::Core;
use crate::domain::input::{Input, Synchronised};
use crate::domain::time::Timestamp;
use crate::http::{AppState, Auth, Limits, Pulse, Server, is_fresh, not_ready};
use crate::inbox::Inbox;
use crate::influx::{self, Sink};
use crate::ingest::listener::Listener;
use crate::ingest::subscriber::Subscriber;
use crate::ingest::{Context, Refusals};
use crate::ops::deadman;
use crate::ops::degraded::Degraded;
use crate::ops::status::Sources;
use crate::ops::synchronised;
use crate::ops::systemd::{self, Notifier, Watchdog};
use crate::outbound::Outbound;
use crate::pipeline;
use crate::readers::StoreReaders;
use crate::recovery::{recover, upgraded};
use crate::reload::Reload;
use crate::stage::{GRACE, Stage, late};
use crate::store::{self, Opened, Purpose, Reader, Store};
use crate::strain::Strain;
use crate::telemetry::{Metrics, watch_space};
use crate::view::{Board, Ring};

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
    doors: Option<Doors>,
    control: Control,
    reload: Option<Reload>,
    clock_check: Option<config::Clock>,
    sources: Sources,
}

#[derive(Debug)]
struct Doors {
    listener: Listener,
    subscribers: Vec<Subscriber>,
    degraded: Degraded,
    context: Context,
    server: Server,
    state: AppState,
    around: Around,
    sink: Option<Sink>,
}

/// What looks after the gateway beside its work, for people and programs that watch it.
#[derive(Debug)]
struct Around {
    board: watch::Receiver<Arc<Board>>,
    clock: Clock,
    metrics: Metrics,
    pulse: Pulse,
    reader: Reader,
    deadman: Option<(DeadMan, Outbound)>,
}

impl Around {
    /// Starts all of it on a stage of its own, and has the pipeline feed the service manager's watchdog.
    fn start(self) -> Stage {
        let Self { board, clock, metrics, pulse, reader, deadman } = self;
        let mut stage = Stage::default();
        stage.start("space", watch_space(reader, metrics.clone(), stage.token()));
        if let Some((config, outbound)) = deadman {
            let (board, clock) = (board.clone(), clock.clone());
            let fresh = move || is_fresh(&board.borrow(), &clock);
            stage.start(
                "dead-man ping",
                deadman::ping(config, outbound, fresh, metrics, stage.token()),
            );
        }
        if let Some(notifier) = Notifier::from_environment().map(Arc::new) {
            if let Some(watchdog) = Watchdog::new(Arc::clone(&notifier)) {
                pulse.feed(watchdog);
            }
            let ready = move || not_ready(&board.borrow(), &clock, &pulse).is_empty();
            stage.start("service manager", systemd::tell_of_life(notifier, ready, stage.token()));
        }
        stage
    }
}

impl App {
    /// Opens the store, recovers the state, binds the sockets.
    pub async fn bind(config: &Config, mode: RunMode) -> anyhow::Result<Self> {
        let configuration = config.configuration()?;
        let opened = open_store(config, mode)?;
        let identity = opened.identity.clone();
        let core = recover(&opened).context("the store cannot be brought back")?;
        let folded = core.row() - opened.snapshot_row.unwrap_or(0);
        let last = opened.last_row.map(|row| row.at);
        let begin = last.unwrap_or(Timestamp::from_micros(0));
        let clock = if identity.stream_clock { Clock::stream(begin) } else { Clock::system(begin) };
        let upgraded = upgraded(&opened).context("the alarm log cannot be read")?;
        let mut first = Vec::from_iter(upgraded.clone());
        if let Some(from) = last {
            first.push(Input::Deaf { from, to: clock.stamp().at });
        }
        first.extend(ended_links(&core));
        if config.clock.check.is_empty() && core.site.doubts_the_clock() && !mode.headless {
            first.push(Input::Synchronised(Synchronised::NotAsked));
        }
        first.extend(forgotten_brokers(&core, config));
        let other_texts = core.configuration.hash() != configuration.hash();
        if core.row() == 0 || (other_texts && !mode.headless) {
            let texts = configuration.texts.clone();
            let (signals, rules, site) = (texts.signals, texts.rules, texts.site);
            first.push(Input::Configuration { signals, rules, site });
        }
        let (inbox, submissions) = Inbox::new();
        let metrics = Metrics::default();
        let strain = Strain::new(metrics.clone());
        let refusals = Arc::new(Refusals::default());
        let mut told = board::of(&core);
        if let Some(Input::Upgraded { next_seq, held, .. }) = upgraded {
            board::show_told(&mut told, next_seq, held);
        }
        let (board, board_seen) = watch::channel(Arc::new(told));
        let (signals_in_force, signals) = watch::channel(Arc::new(configuration.signals.clone()));
        let (kept, keep) = watch::channel(Arc::new(config.store.keep(&configuration.signals)));
        let reload = if mode.headless || mode.demo {
            None
        } else {
            let inbox = inbox.clone();
            Some(Reload::new(config, &configuration, inbox, signals_in_force, kept)?)
        };
        let ring = Arc::new(Ring::default());
        let pulse = Pulse::default();
        let control = Control::bind(&config.store.dir).context("cannot make the control socket")?;
        let sources = Sources {
            board: board_seen.clone(),
            clock: clock.clone(),
            pulse: pulse.clone(),
            inbox: inbox.clone(),
            metrics: metrics.clone(),
            identity: identity.clone(),
        };
        let mut addresses = Addresses::default();
        let reader = opened.reader();
        let readers =
            Arc::new(StoreReaders::new(opened.reader(), opened.history(), signals.clone()));
        let slot = opened.sink();
        if config.influx.is_some() {
            // A command of the command line must not let go what InfluxDB lacks either.
            slot.begin();
        } else if core.site.sink_told() {
            first.push(Input::Sink { refused: None, behind: false });
        }
        let tracker = TaskTracker::new();
        let doors = if mode.headless {
            None
        } else {
            let brokers = config.subscribers()?.into_iter().map(Subscriber::new);
            let subscribers = brokers.collect::<Result<_, _>>().context("[[broker]]")?;
            let degraded = Degraded::default();
            let deadman = match config.deadman.clone() {
                Some(config) => {
                    let outbound = deadman::outbound(&config).context("[deadman]")?;
                    Some((config, outbound))
                }
                None => None,
            };
            let listener = Listener::bind(config.listener()).context("cannot listen for MQTT")?;
            let server = Server::bind(config.http.listen)
                .await
                .with_context(|| format!("cannot listen for HTTP on {}", config.http.listen))?;
            addresses = addresses_of(config, &listener, &server)?;
            let sink = match &config.influx {
                None => None,
                Some(influx) => {
                    let parts = influx::Parts {
                        identity: identity.clone(),
                        reader: opened.reader(),
                        history: opened.history(),
                        slot,
                        board: board_seen.clone(),
                        signals: signals.clone(),
                        clock: clock.clone(),
                        metrics: metrics.clone(),
                        inbox: inbox.clone(),
                        load: strain.load(),
                        degraded: degraded.clone(),
                        told: core.site.sink_told(),
                    };
                    Some(Sink::new(influx, &config.store.dir, parts).await?)
                }
            };
            let context = Context {
                refusals: Arc::clone(&refusals),
                inbox: inbox.clone(),
                board: board_seen.clone(),
                signals: signals.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                tracker: tracker.clone(),
                cancel: CancellationToken::new(),
            };
            let state = AppState {
                board: board_seen,
                ring: Arc::clone(&ring),
                inbox: inbox.clone(),
                identity,
                metrics: metrics.clone(),
                clock: clock.clone(),
                auth: if mode.demo {
                    Auth::Local("local:demo".to_owned())
                } else {
                    config.http.auth()?
                },
                signals,
                log: Arc::clone(&readers) as Arc<_>,
                history: readers,
                pulse: pulse.clone(),
                load: strain.load(),
                degraded: degraded.clone(),
                limits: Limits::default(),
            };
            let around = Around {
                board: state.board.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                pulse: pulse.clone(),
                reader,
                deadman,
            };
            Some(Doors { listener, subscribers, degraded, context, server, state, around, sink })
        };
        let terms = store::Terms { keep, load: strain.load(), metrics: metrics.clone() };
        let running = store::start(opened, terms).context("cannot start the store")?;
        let pipeline = pipeline::Parts {
            core,
            clock,
            inbox: submissions,
            fill: inbox.fill(),
            refusals,
            strain,
            committer: running.committer,
            reports: running.reports,
            board,
            ring,
            metrics,
            pulse,
            first,
            folded,
        };
        // A simulated ward, and time by the messages, have nothing to do with the machine's clock.
        let real = !mode.headless && !mode.demo && !mode.stream_clock;
        let clock_check = Some(&config.clock).filter(|clock| real && !clock.check.is_empty());
        Ok(Self {
            addresses,
            inbox,
            pipeline,
            writer: running.thread,
            doors,
            control,
            reload,
            clock_check: clock_check.cloned(),
            sources,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The way in, for commands of this process.
    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Runs until `stop`, then shuts down in order. A task that ends early ends it with an error.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { inbox, pipeline, writer, doors, control, reload, clock_check, sources, .. } =
            self;
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
            let watch = synchronised::watch(clock, inbox.clone(), commands.token());
            commands.start("clock", watch);
        }
        if let Some(reload) = reload {
            commands.start("reload", reload.run(commands.token()));
        }
        commands.start("control", control.run(inbox, sources, commands.token()));
        let mut connections = TaskTracker::new();
        let streams = TaskTracker::new();
        if let Some(doors) = doors {
            let Doors { listener, subscribers, degraded, context, server, state, around, sink } =
                doors;
            connections = context.tracker.clone();
            intake = Stage::new(context.cancel.clone());
            for subscriber in subscribers {
                intake.start("subscriber", subscriber.run(context.clone(), degraded.clone()));
            }
            intake.start("listener", listener.run(context));
            serving.start("http", server.run(state, streams.clone(), serving.token()));
            pulse.set_listening(true);
            beside = around.start();
            if let Some(sink) = sink {
                sinks.start("influxdb", sink.run(sinks.token()));
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
        let writer = tokio::time::timeout(3 * GRACE, writer)
            .await
            .context("the store did not end in time; nobody was told of what it still held")??;
        writer.map_err(|_| anyhow::anyhow!("the store's thread panicked"))??;
        Ok(())
    }
}

fn open_store(config: &Config, mode: RunMode) -> anyhow::Result<Opened> {
    let dir = &config.store.dir;
    if mode.stream_clock && !config.is_loopback() {
        bail!("--clock stream is for loopback only: listen on 127.0.0.1");
    }
    if !Store::exists(dir) {
        if mode.headless {
            bail!("there is no store in {}; `run` makes one", dir.display());
        }
        let purpose = Purpose {
            site: config.site.id.clone(),
            simulated: mode.demo,
            stream_clock: mode.stream_clock,
        };
        return Ok(Store::create(dir, &purpose)?);
    }
    let opened = Store::open(dir)?;
    let identity = &opened.identity;
    if identity.simulated && !mode.demo && !mode.headless {
        bail!("{} is a simulated store, made by `demo`: `run` does not open it", dir.display());
    }
    if mode.demo && !identity.simulated {
        bail!("{} is not a simulated store: `demo` does not open it", dir.display());
    }
    if identity.stream_clock != mode.stream_clock && !mode.headless {
        bail!("{} was made with another --clock than it is opened with", dir.display());
    }
    if identity.site != config.site.id && !mode.demo {
        bail!(
            "{} belongs to site `{}`, the configuration says `{}`",
            dir.display(),
            identity.site,
            config.site.id
        );
    }
    Ok(opened)
}

/// Connections that a crash ended without a word.
fn ended_links(core: &Core) -> impl Iterator<Item = Input> {
    let connected = core.devices.values().filter(|device| device.connected == Some(true));
    connected.map(|device| Input::Link {
        principal: device.details.id.clone(),
        connected: false,
        clean: false,
    })
}

/// Brokers that were told as faulty and are configured no more: nobody would ever say otherwise.
fn forgotten_brokers(core: &Core, config: &Config) -> impl Iterator<Item = Input> {
    let faults = core.site.broker_faults();
    let gone = faults.filter(|id| config.broker.iter().all(|broker| broker.id != *id));
    gone.map(|id| Input::Broker { id, fault: None })
}

fn addresses_of(
    config: &Config,
    listener: &Listener,
    server: &Server,
) -> anyhow::Result<Addresses> {
    let mut bound = listener.local_addrs().into_iter();
    Ok(Addresses {
        http: Some(server.local_addr()?),
        mqtt: config.mqtt.listen.and_then(|_| bound.next()),
        mqtts: config.mqtt.tls.as_ref().and_then(|_| bound.next()),
    })
}
