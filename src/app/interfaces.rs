//! By what others reach the gateway, and it others: devices, brokers, people, InfluxDB, and who watches over it.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Addresses, RunMode};
use crate::app::readers::StoreReaders;
use crate::app::stage::Stage;
use crate::clock::Clock;
use crate::config::{Config, DeadMan};
use crate::http::{AppState, Auth, Elsewhere, Limits, Pulse, Server, is_fresh, not_ready};
use crate::inbox::Inbox;
use crate::influx::archive::{Archive, Unread};
use crate::influx::{self, Sink};
use crate::ingest::sources::listener::Listener;
use crate::ingest::sources::subscriber::Subscriber;
use crate::ingest::{Context, Refusals};
use crate::net::outbound::Outbound;
use crate::operate::deadman;
use crate::operate::degraded::Degraded;
use crate::operate::systemd::{self, Notifier, Watchdog};
use crate::pipeline::load_shedding::Load;
use crate::privacy::pseudonym::Pseudonyms;
use crate::projection::ring::Ring;
use crate::projection::view::Board;
use crate::telemetry::{Metrics, watch_space};
use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_store::consumers::Consumer;
use vitalgate_store::{Opened, Reader};

/// Everything bound, nothing running.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) listener: Listener,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) degraded: Degraded,
    pub(super) context: Context,
    pub(super) server: Server,
    pub(super) state: AppState,
    pub(super) around: Around,
    pub(super) sink: Option<Sink>,
}

/// What the doors have in common with the pipeline behind them.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) inbox: Inbox,
    pub(super) board: watch::Receiver<Arc<Board>>,
    pub(super) signals: watch::Receiver<Arc<SignalTable>>,
    pub(super) ring: Arc<Ring>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) pulse: Pulse,
    pub(super) refusals: Arc<Refusals>,
    pub(super) load: Load,
    /// Whether the core stands by a fault of InfluxDB.
    pub(super) sink_told: bool,
}

impl Doors {
    /// Reads secrets and certificates, and binds the sockets.
    pub(super) async fn bind(
        config: &Config,
        mode: RunMode,
        opened: &Opened,
        shared: Shared,
    ) -> anyhow::Result<Self> {
        let Shared {
            inbox,
            board,
            signals,
            ring,
            clock,
            metrics,
            pulse,
            refusals,
            load,
            sink_told,
        } = shared;
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
        let sink = match &config.influx {
            None => None,
            Some(influx) => {
                let parts = influx::Parts {
                    identity: opened.identity.clone(),
                    reader: opened.reader(),
                    history: opened.history(),
                    consumer: opened.consumer(influx::CONSUMER)?,
                    board: board.clone(),
                    signals: signals.clone(),
                    clock: clock.clone(),
                    metrics: metrics.clone(),
                    inbox: inbox.clone(),
                    load: load.clone(),
                    degraded: degraded.clone(),
                    told: sink_told,
                };
                Some(Sink::new(influx, &config.store.dir, parts).await?)
            }
        };
        let context = Context {
            refusals,
            inbox: inbox.clone(),
            board: board.clone(),
            signals: signals.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            tracker: TaskTracker::new(),
            cancel: CancellationToken::new(),
        };
        let around = Around {
            board: board.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            pulse: pulse.clone(),
            reader: opened.reader(),
            deadman,
        };
        let auth =
            if mode.demo { Auth::Local("local:demo".to_owned()) } else { config.http.auth()? };
        let readers =
            Arc::new(StoreReaders::new(opened.reader(), opened.history(), signals.clone()));
        let elsewhere = elsewhere(config, opened.consumer(influx::CONSUMER)?, &metrics)?;
        let state = AppState {
            board,
            ring,
            inbox,
            identity: opened.identity.clone(),
            metrics,
            clock,
            auth,
            signals,
            log: Arc::clone(&readers) as Arc<_>,
            history: readers,
            elsewhere,
            pulse,
            load,
            degraded: degraded.clone(),
            limits: Limits::default(),
        };
        Ok(Self { listener, subscribers, degraded, context, server, state, around, sink })
    }

    /// Where they are.
    pub(super) fn addresses(&self, config: &Config) -> anyhow::Result<Addresses> {
        let mut bound = self.listener.local_addrs().into_iter();
        Ok(Addresses {
            http: Some(self.server.local_addr()?),
            mqtt: config.mqtt.listen.and_then(|_| bound.next()),
            mqtts: config.mqtt.tls.as_ref().and_then(|_| bound.next()),
        })
    }
}

/// Where to ask for what the store no longer holds.
fn elsewhere(
    config: &Config,
    told: Consumer,
    metrics: &Metrics,
) -> anyhow::Result<Option<Elsewhere>> {
    let Some(influx) = config.influx.as_ref().filter(|influx| influx.read) else { return Ok(None) };
    metrics.influx_queries_begin(&["answered"]);
    metrics.influx_queries_begin(&Unread::WORDS);
    let archive = Archive::new(influx).context("[influx]")?;
    let names = Pseudonyms::open(&config.store.dir, Purpose::Care)?;
    Ok(Some(Elsewhere { archive, names, told }))
}

/// What looks after the gateway beside its work, for people and programs that watch it.
#[derive(Debug)]
pub(super) struct Around {
    board: watch::Receiver<Arc<Board>>,
    clock: Clock,
    metrics: Metrics,
    pulse: Pulse,
    reader: Reader,
    deadman: Option<(DeadMan, Outbound)>,
}

impl Around {
    /// Starts all of it on a stage of its own, and has the pipeline feed the service manager's watchdog.
    pub(super) fn start(self) -> Stage {
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
