//! Whether alarms keep their time.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::{Label, Metrics};
use crate::telemetry::slo::{Slo, Targets};
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::input::{LateAlarms, Stretch};

/// What is counted of the time that alarms, and the synthetic patient, take.
#[derive(Debug)]
pub(super) struct TimeMetrics {
    timed: Family<Label, Counter>,
    late: Family<Label, Counter>,
    synthetic: Family<Label, Counter>,
    synthetic_seconds: Histogram,
    slo: Slo,
}

impl Default for TimeMetrics {
    fn default() -> Self {
        let times = Self {
            timed: Family::default(),
            late: Family::default(),
            synthetic: Family::default(),
            synthetic_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
            slo: Slo::default(),
        };
        for stretch in Stretch::ALL {
            let label = [("stretch", stretch.as_str())];
            drop(times.timed.get_or_create(&label));
            drop(times.late.get_or_create(&label));
        }
        for result in ["came", "stayed"] {
            drop(times.synthetic.get_or_create(&[("result", result)]));
        }
        times
    }
}

impl TimeMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let timed =
            "Alarms of high and medium priority that have a time to keep, by stretch of their way";
        registry.register("timed_alarms", timed, self.timed.clone());
        registry.register("late_alarms", "Of these, those that were late", self.late.clone());
        let synthetic = "Synthetic patients sent, by whether they came out in time";
        registry.register("synthetic_patients", synthetic, self.synthetic.clone());
        let seconds = "From sending the synthetic patient to its coming out everywhere";
        registry.register_with_unit(
            "synthetic_patient",
            seconds,
            Unit::Seconds,
            self.synthetic_seconds.clone(),
        );
    }
}

impl Metrics {
    /// Within how long alarms should be there from now on.
    pub fn aim(&self, targets: Targets) {
        self.0.times.slo.aim(targets);
    }

    /// An alarm that calls somebody took so long on a stretch of its way.
    pub fn kept_time(&self, stretch: Stretch, priority: Priority, seconds: f64) {
        if priority < Priority::Medium {
            return;
        }
        let label = [("stretch", stretch.as_str())];
        self.0.times.timed.get_or_create(&label).inc();
        if self.0.times.slo.took(stretch, seconds) {
            self.0.times.late.get_or_create(&label).inc();
        }
    }

    /// The late ones of the last hour, where they are more than may be.
    pub fn breach(&self, stretch: Stretch) -> Option<LateAlarms> {
        self.0.times.slo.breach(stretch)
    }

    /// Whether that is said of a whole hour.
    pub fn knows_an_hour(&self) -> bool {
        self.0.times.slo.is_whole()
    }

    /// The synthetic patient came out after so many seconds, or did not in time.
    pub fn synthetic_patient(&self, seconds: Option<f64>) {
        let result = if seconds.is_some() { "came" } else { "stayed" };
        self.0.times.synthetic.get_or_create(&[("result", result)]).inc();
        if let Some(seconds) = seconds {
            self.0.times.synthetic_seconds.observe(seconds);
        }
    }
}
