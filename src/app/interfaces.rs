//! The interfaces of the gateway: devices, brokers, people, InfluxDB, and who watches over it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::rota::TeamsInForce;
use super::{Addresses, RunMode};
use crate::answers::Answers;
use crate::app::settings;
use crate::app::stage::Stage;
use crate::config::{self, Config, DeadMan, TeamsFile};
use crate::delivery::{self, Channel, Company, Waits};
use crate::handles::Handles;
use crate::http::{AppState, Auth, AuthInForce, ExportedHistory, Limits, Server};
use crate::influx::archive::{Archive, Unread};
use crate::influx::{self, Sink};
use crate::ingest::sources::listener::{Listener, ListenerConfig};
use crate::ingest::sources::subscriber::Subscriber;
use crate::ingest::{Refusals, SourceHandles};
use crate::net::descriptors;
use crate::net::outbound::Outbound;
use crate::oidc::Provider;
use crate::operate::synthetic::{SyntheticPatient, own_address};
use crate::operate::systemd::{self, Notifier, Watchdog};
use crate::operate::{self, deadman, heads, times};
use crate::people::People;
use crate::pipeline::asked::Ask;
use crate::pipeline::load_shedding::Load;
use crate::pipeline::pulse::{Pulse, is_fresh, not_ready};
use crate::privacy::pseudonym::Pseudonyms;
use crate::projection::ring::Ring;
use crate::telemetry::{Metrics, Targets, watch_space};
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::input::Stretch;
use vitalgate_domain::model::time::Span;
use vitalgate_store::audit::SignedHead;
use vitalgate_store::consumers::{Consumer, Registration};
use vitalgate_store::{Opened, Reader};

/// Everything bound, nothing running.
#[derive(Debug)]
pub(super) struct Interfaces {
    pub(super) listener: Listener,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) source: SourceHandles,
    pub(super) server: Server,
    pub(super) state: AppState,
    pub(super) around: Around,
    pub(super) sink: Option<Sink>,
    pub(super) channels: Vec<Channel>,
}

/// What the interfaces have in common with the pipeline behind them.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) handles: Handles,
    pub(super) ring: Arc<Ring>,
    pub(super) pulse: Pulse,
    pub(super) refusals: Arc<Refusals>,
    pub(super) load: Load,
    /// Where the core is asked what is not on the board.
    pub(super) ask: Ask,
    /// Whether an alarm about InfluxDB is open.
    pub(super) sink_alarming: bool,
    /// The channels about which an alarm is open, with how grave it is.
    pub(super) undelivered: BTreeMap<ChannelId, Priority>,
    /// Whether an alarm is open that the synthetic patient stays away; `None` where it is not sent.
    pub(super) synthetic: Option<bool>,
    /// The stretches about which an alarm is open that alarms are late there.
    pub(super) late: Vec<Stretch>,
    /// Who is called for alarms.
    pub(super) teams: TeamsInForce,
    pub(super) teams_file: Option<Arc<TeamsFile>>,
    /// Who may use HTTP.
    pub(super) auth: AuthInForce,
    /// Who signs in by name.
    pub(super) people: Option<Arc<People>>,
    /// Who vouches for people.
    pub(super) oidc: Option<Arc<Provider>>,
    /// Where the audit stands.
    pub(super) heads: watch::Receiver<Option<SignedHead>>,
}

impl Interfaces {
    /// Reads secrets and certificates, and binds the sockets.
    pub(super) async fn bind(
        config: &Config,
        opened: &Opened,
        shared: Shared,
    ) -> anyhow::Result<Self> {
        let brokers = settings::subscribers(config)?.into_iter().map(Subscriber::new);
        let subscribers = brokers.collect::<Result<_, _>>().context("[[broker]]")?;
        let mut around = Around::new(config, opened, &shared)?;
        let listener = ListenerConfig::from(config);
        let sockets = listener.sockets() + limits(config).places().all();
        if let Err(too_few) = descriptors::raise_for(sockets) {
            tracing::warn!("{too_few}");
            shared.handles.degraded.set("file descriptors", Some(too_few.to_string()));
        }
        let listener = Listener::bind(listener).context("cannot listen for MQTT")?;
        around.synthetic = shared.synthetic.map(|told| SyntheticPatient {
            config: config.synthetic.clone(),
            listener: config
                .mqtt
                .listen
                .and_then(|_| listener.local_addrs().first().copied())
                .map(own_address),
            channels: config.channel.iter().map(|channel| channel.id.clone()).collect(),
            told,
            handles: shared.handles.clone(),
        });
        let server = Server::bind(config.http.listen)
            .await
            .with_context(|| format!("cannot listen for HTTP on {}", config.http.listen))?;
        let server = match &config.http.tls {
            None => server,
            Some(tls) => server
                .bind_tls(tls.listen, tls.into())
                .await
                .with_context(|| format!("cannot listen for HTTPS on {}", tls.listen))?,
        };
        let sink = sink(config, opened, &shared).await?;
        let public = config.http.public_address.as_ref();
        let answers = Answers::open(&config.store.dir, &opened.identity.store, public)?;
        let answers = Arc::new(answers);
        let channels = channels(config, opened, &shared, &answers)?;
        let waits = channels.iter().map(Channel::waits).collect();
        let state = state(config, opened, &shared, answers, waits)?;
        let source = SourceHandles {
            handles: shared.handles,
            refusals: shared.refusals,
            tracker: TaskTracker::new(),
            cancel: CancellationToken::new(),
        };
        Ok(Self { listener, subscribers, source, server, state, around, sink, channels })
    }

    /// Where they are.
    pub(super) fn addresses(&self, config: &Config) -> anyhow::Result<Addresses> {
        let mut bound = self.listener.local_addrs().into_iter();
        Ok(Addresses {
            http: Some(self.server.local_addr()?),
            https: self.server.tls_addr()?,
            mqtt: config.mqtt.listen.and_then(|_| bound.next()),
            mqtts: config.mqtt.tls.as_ref().and_then(|_| bound.next()),
        })
    }
}

/// The copy to InfluxDB, where there is one.
async fn sink(config: &Config, opened: &Opened, shared: &Shared) -> anyhow::Result<Option<Sink>> {
    let Some(influx) = &config.influx else { return Ok(None) };
    let parts = influx::Parts {
        identity: opened.identity.clone(),
        reader: opened.reader(),
        history: opened.history(),
        consumer: opened.consumer(influx::CONSUMER)?,
        handles: shared.handles.clone(),
        load: shared.load.clone(),
        alarming: shared.sink_alarming,
        heads: shared.heads.clone(),
    };
    Ok(Some(Sink::new(influx, &config.store.dir, parts).await?))
}

/// By which ways alarms are sent to others.
fn channels(
    config: &Config,
    opened: &Opened,
    shared: &Shared,
    answers: &Arc<Answers>,
) -> anyhow::Result<Vec<Channel>> {
    let channel = |channel: &config::Channel| {
        let parts = delivery::Parts {
            identity: opened.identity.clone(),
            reader: opened.reader(),
            consumer: opened.consumer(Registration::channel(&channel.id))?,
            handles: shared.handles.clone(),
            told: shared.undelivered.get(&channel.id).copied(),
            company: Company {
                people: shared.people.clone(),
                teams: shared.teams.clone(),
                push: config.push.clone(),
            },
            answers: Arc::clone(answers),
        };
        Ok(Channel::new(channel, parts)?)
    };
    config.channel.iter().map(channel).collect()
}

/// How HTTP knows who asks.
pub(super) fn auth(config: &Config, mode: RunMode) -> anyhow::Result<Auth> {
    if mode.demo {
        return Ok(Auth::Local("local:demo".to_owned()));
    }
    let tokens = config.http.tokens()?;
    // Where people sign in by name nobody comes in without.
    Ok(if config.people.is_some() { Auth::Tokens(tokens) } else { Auth::of(tokens) })
}

/// What the HTTP side works with.
fn state(
    config: &Config,
    opened: &Opened,
    shared: &Shared,
    answers: Arc<Answers>,
    waits: Vec<Waits>,
) -> anyhow::Result<AppState> {
    let Shared { handles, ring, pulse, refusals, load, auth, .. } = shared;
    Ok(AppState {
        handles: handles.clone(),
        ring: Arc::clone(ring),
        identity: opened.identity.clone(),
        auth: auth.clone(),
        answers,
        push: config.push.clone(),
        teams: shared.teams_file.clone(),
        refusals: Arc::clone(refusals),
        reader: opened.reader(),
        history: opened.history(),
        exported_history: exported_history(
            config,
            opened.consumer(influx::CONSUMER)?,
            &handles.metrics,
        )?,
        waits,
        pulse: pulse.clone(),
        load: load.clone(),
        ask: shared.ask.clone(),
        limits: limits(config),
    })
}

fn limits(config: &Config) -> Limits {
    Limits::of_streams(config.http.max_streams.get().into())
}

/// Where to ask for what the store no longer holds.
fn exported_history(
    config: &Config,
    exported: Consumer,
    metrics: &Metrics,
) -> anyhow::Result<Option<ExportedHistory>> {
    let Some(influx) = config.influx.as_ref().filter(|influx| influx.read) else { return Ok(None) };
    metrics.influx_queries_begin(&["answered"]);
    metrics.influx_queries_begin(&Unread::WORDS);
    let archive = Archive::new(influx).context("[influx]")?;
    let names = Pseudonyms::open(&config.store.dir, Purpose::Care)?;
    Ok(Some(ExportedHistory { archive, names, exported }))
}

/// Within how long alarms should be there.
fn targets(slo: &config::Slo) -> Targets {
    let within_s = [slo.announced_within, slo.taken_within].map(Span::as_secs_f64);
    Targets { within_s, objective: slo.objective }
}

/// What looks after the gateway beside its work, for people and programs that watch it.
#[derive(Debug)]
pub(super) struct Around {
    handles: Handles,
    pulse: Pulse,
    reader: Reader,
    deadman: Option<(DeadMan, Outbound)>,
    people: Option<Arc<People>>,
    oidc: Option<Arc<Provider>>,
    heads: watch::Receiver<Option<SignedHead>>,
    synthetic: Option<SyntheticPatient>,
    late: Vec<Stretch>,
}

impl Around {
    /// Reads the certificates of whoever waits for a ping.
    fn new(config: &Config, opened: &Opened, shared: &Shared) -> anyhow::Result<Self> {
        let deadman = match config.deadman.clone() {
            Some(config) => {
                let outbound = deadman::outbound(&config).context("[deadman]")?;
                Some((config, outbound))
            }
            None => None,
        };
        let (handles, pulse) = (shared.handles.clone(), shared.pulse.clone());
        let heads = shared.heads.clone();
        let (people, oidc) = (shared.people.clone(), shared.oidc.clone());
        handles.metrics.aim(targets(&config.slo));
        let (reader, late, synthetic) = (opened.reader(), shared.late.clone(), None);
        Ok(Self { handles, pulse, reader, deadman, people, oidc, heads, synthetic, late })
    }

    /// Starts all of it on a stage of its own, and has the pipeline feed the service manager's watchdog.
    pub(super) fn start(self) -> Stage {
        let Self { handles, pulse, reader, deadman, people, oidc, heads, synthetic, late } = self;
        let degraded = handles.degraded.clone();
        let of_people = handles.clone();
        let of_times = handles.clone();
        let Handles { board, clock, metrics, .. } = handles;
        let mut stage = Stage::default();
        stage.start("space", watch_space(reader, metrics.clone(), stage.token()));
        stage.start("audit head", heads::tell(heads.clone(), stage.token()));
        stage.start("times of alarms", times::watch(of_times, late, stage.token()));
        if let Some(patient) = synthetic {
            stage.start("synthetic patient", patient.run(stage.token()));
        }
        if let Some(people) = people {
            let (kept, told) = (Arc::clone(&people), of_people.clone());
            stage.start("people", operate::people::keep(kept, of_people, stage.token()));
            stage.start("acts of people", operate::people::tell(people, told, stage.token()));
        }
        if let Some(provider) = oidc {
            stage.start("oidc", operate::oidc::keep(provider, degraded, stage.token()));
        }
        if let Some((config, outbound)) = deadman {
            let (board, clock) = (board.clone(), clock.clone());
            let fresh = move || is_fresh(&board.borrow(), &clock);
            stage.start(
                "dead-man ping",
                deadman::ping(config, outbound, fresh, heads, metrics, stage.token()),
            );
        }
        if let Some(notifier) = Notifier::from_environment().map(Arc::new) {
            if let Some(watchdog) = Watchdog::new(Arc::clone(&notifier)) {
                pulse.notify(watchdog);
            }
            let ready = move || not_ready(&board.borrow(), &clock, &pulse).is_empty();
            stage.start("service manager", systemd::report_life(notifier, ready, stage.token()));
        }
        stage
    }
}
