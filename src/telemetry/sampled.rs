//! Gauges that are looked at when somebody asks: they cost nothing in between, and say the truth
//! also while the pipeline stands still.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::PREFIX;

/// What there is at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampled {
    /// How far judgement is behind the clock, in seconds.
    pub judged_lag_s: f64,
    /// Seconds since the pipeline's last step.
    pub last_step_s: f64,
    /// Whether commits fail.
    pub store_failing: bool,
    /// Whether the disk is full.
    pub disk_full: bool,
    /// Devices that have been silent for longer than they should be.
    pub silent_devices: usize,
    /// Messages between socket and commit.
    pub inflight_messages: usize,
    /// Their bytes.
    pub inflight_bytes: usize,
    /// Open alarms: priority, state, how many.
    pub open_alarms: Vec<(&'static str, &'static str, i64)>,
    /// Wards in order.
    pub wards: Vec<Ward>,
}

/// A ward in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ward {
    /// Its id.
    pub id: String,
    /// Patients by whether they are monitored: `monitored`, `partly`, `not`.
    pub patients: Vec<(&'static str, i64)>,
    /// Open alarms by priority.
    pub alarms: Vec<(&'static str, i64)>,
    /// Whether an open stream shows it.
    pub watched: bool,
}

type Pair<'a> = [(&'static str, &'a str); 2];

impl Sampled {
    /// As metrics.
    pub(super) fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        let seconds = |value: f64| {
            let gauge = Gauge::<f64, AtomicU64>::default();
            gauge.set(value);
            gauge
        };
        let count = |value: usize| {
            let gauge = Gauge::<i64>::default();
            gauge.set(value as i64);
            gauge
        };
        registry.register_with_unit(
            "judged_lag",
            "How far judgement is behind the clock",
            Unit::Seconds,
            seconds(self.judged_lag_s),
        );
        registry.register_with_unit(
            "last_step_age",
            "Time since the pipeline's last step",
            Unit::Seconds,
            seconds(self.last_step_s),
        );
        registry.register(
            "store_failing",
            "1 while commits fail",
            count(usize::from(self.store_failing)),
        );
        registry.register(
            "disk_full",
            "1 while the disk is full and nothing of devices is taken in",
            count(usize::from(self.disk_full)),
        );
        registry.register(
            "silent_devices",
            "Devices that have been silent for longer than they should be",
            count(self.silent_devices),
        );
        registry.register(
            "inflight_messages",
            "Messages between socket and commit",
            count(self.inflight_messages),
        );
        registry.register_with_unit(
            "inflight",
            "Bytes between socket and commit",
            Unit::Bytes,
            count(self.inflight_bytes),
        );
        let open = Family::<Pair<'static>, Gauge>::default();
        for (priority, state, count) in &self.open_alarms {
            open.get_or_create(&[("priority", priority), ("state", state)]).set(*count);
        }
        registry.register("open_alarms", "Open alarms by priority and state", open);
        self.add_wards(&mut registry);
        registry
    }

    fn add_wards(&self, registry: &mut Registry) {
        let patients = Family::<[(&'static str, String); 2], Gauge>::default();
        let alarms = Family::<[(&'static str, String); 2], Gauge>::default();
        let watched = Family::<[(&'static str, String); 1], Gauge>::default();
        let label = |key: &'static str, value: &str| (key, value.to_owned());
        for ward in &self.wards {
            for (monitored, count) in &ward.patients {
                let labels = [label("ward", &ward.id), label("monitored", monitored)];
                patients.get_or_create(&labels).set(*count);
            }
            for (priority, count) in &ward.alarms {
                let labels = [label("ward", &ward.id), label("priority", priority)];
                alarms.get_or_create(&labels).set(*count);
            }
            watched.get_or_create(&[label("ward", &ward.id)]).set(i64::from(ward.watched));
        }
        registry.register("ward_patients", "Patients by ward and by being monitored", patients);
        registry.register("ward_open_alarms", "Open alarms by ward and priority", alarms);
        registry.register("ward_watched", "1 where an open stream shows the ward", watched);
    }
}
