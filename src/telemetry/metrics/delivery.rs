//! What is counted of the ways by which alarms leave.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Metrics, Named};

/// What becomes of a request.
const RESULTS: [&str; 4] = ["taken", "refused", "failing", "given_up"];

impl Metrics {
    /// There is such a channel: everything of it stands at 0 from now on.
    pub fn delivery_begins(&self, channel: &str) {
        for result in RESULTS {
            drop(self.0.delivery.requests.get_or_create(&labels(channel, result)));
        }
        self.delivery_waits(channel, 0.0);
    }

    /// What became of a request, or of a message that was given up.
    pub fn delivery(&self, channel: &str, result: &'static str) {
        self.0.delivery.requests.get_or_create(&labels(channel, result)).inc();
    }

    /// For how long the oldest message waits.
    pub fn delivery_waits(&self, channel: &str, seconds: f64) {
        self.0.delivery.waits.get_or_create(&[("channel", channel.to_owned())]).set(seconds);
    }
}

fn labels(channel: &str, result: &'static str) -> Labels {
    [("channel", channel.to_owned()), ("result", result.to_owned())]
}

type Labels = [(&'static str, String); 2];

/// What is counted of channels; nothing of it is shown without one.
#[derive(Debug, Default)]
pub(super) struct DeliveryMetrics {
    requests: Family<Labels, Counter>,
    waits: Family<Named, Gauge<f64, AtomicU64>>,
}

impl DeliveryMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let requests = "Messages to a channel for alarms, by what became of them";
        registry.register("delivery_requests", requests, self.requests.clone());
        let waits = "Age of the oldest message that a channel for alarms has not taken";
        registry.register_with_unit("delivery_wait", waits, Unit::Seconds, self.waits.clone());
    }
}
