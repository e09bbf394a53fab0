//! Log set-up, and every metric as one function. No patient, no device, no value in a label.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::domain::alarm::Priority;

/// Sets up logging to standard error; `RUST_LOG` narrows or widens it.
pub fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if logging.try_init().is_err() {
        tracing::debug!("logging was set up before");
    }
}

type Label = [(&'static str, &'static str); 1];

/// All metrics of one gateway; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    messages: Family<Label, Counter>,
    readings: Family<Label, Counter>,
    refused: Family<Label, Counter>,
    dead_letters: Counter,
    connections: Gauge,
    connects: Family<Label, Counter>,
    commit_seconds: Histogram,
    batch_inputs: Histogram,
    store_failures: Counter,
    alarms: Family<Label, Counter>,
    alarm_seconds: Family<Label, Histogram>,
    judged_lag: Gauge<f64, AtomicU64>,
    watchers: Gauge<i64, AtomicI64>,
    gave_way: Family<Label, Counter>,
    strained: Family<Label, Counter>,
    let_go: Family<Label, Counter>,
    clock_steps: Counter,
    clock_offset: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("vitalgate");
        let seconds = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let inner = Inner {
            messages: Family::default(),
            readings: Family::default(),
            refused: Family::default(),
            dead_letters: Counter::default(),
            connections: Gauge::default(),
            connects: Family::default(),
            commit_seconds: seconds(),
            batch_inputs: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            store_failures: Counter::default(),
            alarms: Family::default(),
            alarm_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.0005, 2.0, 16))
            }),
            judged_lag: Gauge::default(),
            watchers: Gauge::default(),
            gave_way: Family::default(),
            strained: Family::default(),
            let_go: Family::default(),
            clock_steps: Counter::default(),
            clock_offset: Gauge::default(),
            registry: Registry::default(),
        };
        let m = &inner;
        registry.register("messages", "Messages taken in, by topic kind", m.messages.clone());
        registry.register(
            "readings",
            "Readings, events and messages by what became of them",
            m.readings.clone(),
        );
        registry.register("refused", "Readings and messages refused, by reason", m.refused.clone());
        registry.register("dead_letters", "Dead letters kept", m.dead_letters.clone());
        registry.register("connections", "MQTT connections open", m.connections.clone());
        registry.register("connects", "MQTT connects by result", m.connects.clone());
        registry.register_with_unit(
            "commit",
            "Time of one durable commit",
            Unit::Seconds,
            m.commit_seconds.clone(),
        );
        registry.register("batch_inputs", "Inputs in a commit", m.batch_inputs.clone());
        registry.register("store_failures", "Commits that failed", m.store_failures.clone());
        registry.register("alarms", "Alarm transitions, by change", m.alarms.clone());
        registry.register_with_unit(
            "alarm_latency",
            "From taking in a message to its alarm being committed, by priority",
            Unit::Seconds,
            m.alarm_seconds.clone(),
        );
        registry.register_with_unit(
            "judged_lag",
            "How far judgement is behind the clock",
            Unit::Seconds,
            m.judged_lag.clone(),
        );
        registry.register("watchers", "Streams open", m.watchers.clone());
        registry.register("gave_way", "What was shed under load, by what", m.gave_way.clone());
        registry.register("strained", "How often work began to give way", m.strained.clone());
        registry.register("let_go", "Rows that retention deleted, by why", m.let_go.clone());
        registry.register("clock_steps", "Steps of the wall clock", m.clock_steps.clone());
        registry.register_with_unit(
            "clock_offset",
            "Wall clock against the gateway's own time",
            Unit::Seconds,
            m.clock_offset.clone(),
        );
        Self(Arc::new(Inner { registry, ..inner }))
    }
}

impl Metrics {
    /// The text of `/metrics`.
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.0.registry).is_err() {
            text.clear();
            let _written = writeln!(text, "# EOF");
        }
        text
    }

    /// A message was taken in.
    pub fn message(&self, kind: &'static str) {
        self.0.messages.get_or_create(&[("kind", kind)]).inc();
    }

    /// Readings, events or messages met their fate: `judged`, `late`, `duplicate`, …
    pub fn readings(&self, fate: &'static str, count: u64) {
        self.0.readings.get_or_create(&[("fate", fate)]).inc_by(count);
    }

    /// Something was refused, by [`RefusalReason`](crate::domain::message::RefusalReason) or `not_allowed`.
    pub fn refused(&self, reason: &'static str) {
        self.0.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// So many dead letters were kept.
    pub fn dead_letters(&self, count: u64) {
        self.0.dead_letters.inc_by(count);
    }

    /// A connection came (`1`) or went (`-1`).
    pub fn connections(&self, change: i64) {
        self.0.connections.inc_by(change);
    }

    /// A CONNECT was answered: `accepted`, `refused`, `bad`.
    pub fn connect(&self, result: &'static str) {
        self.0.connects.get_or_create(&[("result", result)]).inc();
    }

    /// A commit succeeded.
    pub fn commit(&self, seconds: f64, inputs: usize) {
        self.0.commit_seconds.observe(seconds);
        self.0.batch_inputs.observe(inputs as f64);
    }

    /// A commit failed.
    pub fn store_failure(&self) {
        self.0.store_failures.inc();
    }

    /// An alarm moved.
    pub fn alarm(&self, change: &'static str) {
        self.0.alarms.get_or_create(&[("change", change)]).inc();
    }

    /// An alarm was committed so long after its message was taken in.
    pub fn alarm_latency(&self, priority: Priority, seconds: f64) {
        self.0.alarm_seconds.get_or_create(&[("priority", priority.as_str())]).observe(seconds);
    }

    /// How far judgement is behind.
    pub fn judged_lag(&self, seconds: f64) {
        self.0.judged_lag.set(seconds);
    }

    /// A stream came (`1`) or went (`-1`).
    pub fn watchers(&self, change: i64) {
        self.0.watchers.inc_by(change);
    }

    /// Streams open now.
    pub fn watching(&self) -> i64 {
        self.0.watchers.get()
    }

    /// Something gave way: `vitals`, `range_query`, `sealing`, `stream`, …
    pub fn gave_way(&self, what: &'static str) {
        self.0.gave_way.get_or_create(&[("what", what)]).inc();
    }

    /// Work began to give way, by [`Work`](crate::strain::Work).
    pub fn strained(&self, work: &'static str) {
        self.0.strained.get_or_create(&[("work", work)]).inc();
    }

    /// Retention deleted rows: of the `journal`, or blocks of history by `history_age`, …
    pub fn let_go(&self, what: &'static str, rows: u64) {
        self.0.let_go.get_or_create(&[("what", what)]).inc_by(rows);
    }

    /// The wall clock stepped.
    pub fn clock(&self, offset_seconds: f64, stepped: bool) {
        self.0.clock_offset.set(offset_seconds);
        if stepped {
            self.0.clock_steps.inc();
        }
    }
}
