//! Every metric that is counted as it happens, one function each. No patient, no device, no value
//! in a label.

mod delivery;
mod influx;
mod times;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use self::delivery::DeliveryMetrics;
use self::influx::InfluxMetrics;
use self::times::TimeMetrics;
use super::logging::lines_lost;
use super::sampled::Sampled;
use vitalgate_domain::model::alarm::Priority;

/// What every name begins with.
pub(super) const PREFIX: &str = "vitalgate";

type Label = [(&'static str, &'static str); 1];
type Named = [(&'static str, String); 1];

/// A stretch of the way from a measurement to the people who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Measured, by the device's corrected clock, to received.
    Device,
    /// Received to taken out of the inbox, of the oldest message of the batch.
    Inbox,
    /// Taken out of the inbox to durable.
    Commit,
    /// Durable to handed to an open stream.
    Stream,
    /// Durable to taken by a channel.
    Channel,
}

impl Hop {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Inbox => "inbox",
            Self::Commit => "commit",
            Self::Stream => "stream",
            Self::Channel => "channel",
        }
    }
}

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
    sign_ins_failed: Family<Label, Counter>,
    crowded_out: Family<Label, Counter>,
    slowed: Counter,
    log_lines_lost: Counter,
    brokers: Family<Named, Gauge>,
    broker_probe: Histogram,
    commit_seconds: Histogram,
    batch_inputs: Histogram,
    store_failures: Counter,
    alarms: Family<Label, Counter>,
    alarm_seconds: Family<[(&'static str, &'static str); 2], Histogram>,
    watchers: Gauge<i64, AtomicI64>,
    shed: Family<Label, Counter>,
    influx: InfluxMetrics,
    delivery: DeliveryMetrics,
    times: TimeMetrics,
    overloaded: Family<Label, Counter>,
    pruned: Family<Label, Counter>,
    merged: Counter,
    clock_steps: Counter,
    clock_offset: Gauge<f64, AtomicU64>,
    deadman: Family<Label, Counter>,
    store_bytes: Family<Label, Gauge>,
    store_disk_free: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let seconds = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let inner = Inner {
            messages: Family::default(),
            readings: Family::default(),
            refused: Family::default(),
            dead_letters: Counter::default(),
            connections: Gauge::default(),
            connects: Family::default(),
            sign_ins_failed: Family::default(),
            crowded_out: Family::default(),
            slowed: Counter::default(),
            log_lines_lost: Counter::default(),
            brokers: Family::default(),
            broker_probe: seconds(),
            commit_seconds: seconds(),
            batch_inputs: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            store_failures: Counter::default(),
            alarms: Family::default(),
            alarm_seconds: Family::new_with_constructor(|| {
                // From half a millisecond, a commit, to four minutes, a relay that calls in.
                Histogram::new(exponential_buckets(0.0005, 2.0, 20))
            }),
            watchers: Gauge::default(),
            shed: Family::default(),
            influx: InfluxMetrics::default(),
            delivery: DeliveryMetrics::default(),
            times: TimeMetrics::default(),
            overloaded: Family::default(),
            pruned: Family::default(),
            merged: Counter::default(),
            clock_steps: Counter::default(),
            clock_offset: Gauge::default(),
            deadman: Family::default(),
            store_bytes: Family::default(),
            store_disk_free: Gauge::default(),
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
        let failed = "Sign-ins that failed, by way";
        registry.register("sign_ins_failed", failed, m.sign_ins_failed.clone());
        let crowded_out = "Connections closed for want of places, by way";
        registry.register("crowded_out", crowded_out, m.crowded_out.clone());
        let slowed = "Pauses in reading from a sender that is over its budget";
        registry.register("slowed", slowed, m.slowed.clone());
        let lost = "Lines of the log that were lost, because nobody read it";
        registry.register("log_lines_lost", lost, m.log_lines_lost.clone());
        registry.register(
            "broker_connected",
            "Whether the broker of the site is connected, by its id",
            m.brokers.clone(),
        );
        registry.register_with_unit(
            "broker_probe",
            "From sending a probe through a broker to its commit",
            Unit::Seconds,
            m.broker_probe.clone(),
        );
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
            "The way of an alarm when it was raised, by hop and priority",
            Unit::Seconds,
            m.alarm_seconds.clone(),
        );
        registry.register("watchers", "Streams open", m.watchers.clone());
        registry.register("gave_way", "What was shed under load, by what", m.shed.clone());
        m.influx.register(&mut registry);
        m.delivery.register(&mut registry);
        m.times.register(&mut registry);
        registry.register(
            "strained",
            "How often the pressure rose to where work is shed",
            m.overloaded.clone(),
        );
        registry.register("let_go", "Rows that retention deleted, by why", m.pruned.clone());
        registry.register(
            "merged_blocks",
            "Small blocks of history that became part of a larger one",
            m.merged.clone(),
        );
        registry.register("clock_steps", "Steps of the wall clock", m.clock_steps.clone());
        registry.register_with_unit(
            "clock_offset",
            "Wall clock against the gateway's own time",
            Unit::Seconds,
            m.clock_offset.clone(),
        );
        registry.register("deadman_pings", "Dead-man pings, by result", m.deadman.clone());
        registry.register_with_unit(
            "store",
            "What the store's file and its log hold, by part",
            Unit::Bytes,
            m.store_bytes.clone(),
        );
        registry.register_with_unit(
            "store_disk_free",
            "Room left on the store's file system",
            Unit::Bytes,
            m.store_disk_free.clone(),
        );
        let metrics = Self(Arc::new(Inner { registry, ..inner }));
        metrics.begin_at_zero();
        metrics
    }
}

impl Metrics {
    /// What must be noticed the first time it happens stands at 0 before: a counter that appears
    /// with its first event has not risen, for those who watch rates.
    fn begin_at_zero(&self) {
        let zero = |family: &Family<Label, Counter>, key, words: &[&'static str]| {
            for word in words {
                drop(family.get_or_create(&[(key, *word)]));
            }
        };
        zero(&self.0.refused, "reason", &["too_large", "not_allowed"]);
        zero(&self.0.connects, "result", &["accepted", "refused", "bad"]);
        zero(&self.0.sign_ins_failed, "way", &["mqtt", "http"]);
        zero(&self.0.crowded_out, "way", &["mqtt", "http"]);
        zero(&self.0.shed, "what", &["stream", "stalled_stream"]);
        zero(&self.0.deadman, "result", &["sent", "failed", "withheld"]);
        zero(
            &self.0.pruned,
            "what",
            &["journal", "history_age", "history_bytes", "waves", "transitions", "dead_letters"],
        );
    }

    /// There is work that may be shed: all of it stands at 0 from now on.
    pub fn shedding_begins(&self, works: &[&'static str]) {
        for work in works {
            drop(self.0.overloaded.get_or_create(&[("work", *work)]));
            drop(self.0.shed.get_or_create(&[("what", *work)]));
        }
    }

    /// The text of what is counted as it happens.
    pub fn exposition(&self) -> String {
        written(&[&self.0.registry])
    }

    /// The text of `/metrics`: the same, and what was looked at for it.
    pub fn exposition_with(&self, sampled: &Sampled) -> String {
        self.0.log_lines_lost.inner().store(lines_lost(), Ordering::Relaxed);
        written(&[&self.0.registry, &sampled.registry()])
    }

    /// So many messages were taken in.
    pub fn messages(&self, kind: &'static str, count: u64) {
        self.0.messages.get_or_create(&[("kind", kind)]).inc_by(count);
    }

    /// Readings, events or messages met their fate: `judged`, `late`, `duplicate`, …
    pub fn readings(&self, fate: &'static str, count: u64) {
        self.0.readings.get_or_create(&[("fate", fate)]).inc_by(count);
    }

    /// The connection to a broker came or went; `id` is that of the configuration.
    pub fn broker_connected(&self, id: &str, connected: bool) {
        let broker = [("broker", id.to_owned())];
        self.0.brokers.get_or_create(&broker).set(i64::from(connected));
    }

    /// A probe through a broker was committed so many seconds after it was sent.
    pub fn broker_probe(&self, seconds: f64) {
        self.0.broker_probe.observe(seconds);
    }

    /// A message was refused whole: `too_large`, or `not_allowed`.
    pub fn refused(&self, reason: &'static str) {
        self.refusals(reason, 1);
    }

    /// Readings or events were refused, by [`RefusalReason`](vitalgate_domain::model::message::RefusalReason).
    pub fn refusals(&self, reason: &'static str, count: u64) {
        self.0.refused.get_or_create(&[("reason", reason)]).inc_by(count);
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

    /// Somebody could not prove who they are, over `mqtt` or `http`.
    pub fn sign_in_failed(&self, way: &'static str) {
        self.0.sign_ins_failed.get_or_create(&[("way", way)]).inc();
    }

    /// So many connections were closed for want of places, over `mqtt` or `http`.
    pub fn crowded_out(&self, way: &'static str, count: u64) {
        self.0.crowded_out.get_or_create(&[("way", way)]).inc_by(count);
    }

    /// A sender is not read for a moment, because it is over its budget.
    pub fn slowed(&self) {
        self.0.slowed.inc();
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

    /// An alarm that was raised took so long over this hop.
    pub fn alarm_latency(&self, hop: Hop, priority: Priority, seconds: f64) {
        let labels = [("hop", hop.as_str()), ("priority", priority.as_str())];
        self.0.alarm_seconds.get_or_create(&labels).observe(seconds);
    }

    /// A stream came (`1`) or went (`-1`).
    pub fn watchers(&self, change: i64) {
        self.0.watchers.inc_by(change);
    }

    /// Streams open now.
    pub fn watching(&self) -> i64 {
        self.0.watchers.get()
    }

    /// Something was shed under load: `vitals`, `range_query`, `sealing`, `stream`, …
    pub fn shed(&self, what: &'static str) {
        self.0.shed.get_or_create(&[("what", what)]).inc();
    }

    /// The pressure rose so far that this work is shed.
    pub fn overloaded(&self, work: &'static str) {
        self.0.overloaded.get_or_create(&[("work", work)]).inc();
    }

    /// Retention deleted rows: of the `journal`, or blocks of history by `history_age`, …
    pub fn pruned(&self, what: &'static str, rows: u64) {
        self.0.pruned.get_or_create(&[("what", what)]).inc_by(rows);
    }

    /// So many small blocks of history became part of larger ones.
    pub fn merged(&self, blocks: u64) {
        self.0.merged.inc_by(blocks);
    }

    /// The wall clock stepped.
    pub fn clock(&self, offset_seconds: f64, stepped: bool) {
        self.0.clock_offset.set(offset_seconds);
        if stepped {
            self.0.clock_steps.inc();
        }
    }

    /// A dead-man ping was due: `sent`, `failed`, or `withheld` because judgement is behind.
    pub fn deadman(&self, result: &'static str) {
        self.0.deadman.get_or_create(&[("result", result)]).inc();
    }

    /// So many bytes of the store are of this part: `journal`, `history`, `waves`, `free`, `log`.
    pub fn store_bytes(&self, part: &'static str, bytes: u64) {
        self.0.store_bytes.get_or_create(&[("part", part)]).set(bytes as i64);
    }

    /// So many bytes are left on the store's file system.
    pub fn store_disk_free(&self, bytes: u64) {
        self.0.store_disk_free.set(bytes as i64);
    }
}

/// In the text format of OpenMetrics; empty only if it could not be written, which a string always can.
fn written(registries: &[&Registry]) -> String {
    let mut text = String::new();
    let written = registries
        .iter()
        .try_for_each(|registry| encode_registry(&mut text, registry))
        .and_then(|()| encode_eof(&mut text));
    if written.is_err() {
        text.clear();
    }
    text
}
