//! What is counted of the way to InfluxDB.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Label, Metrics};

const INFLUX: (&str, &str) = ("sink", "influx");

impl Metrics {
    /// There is an InfluxDB to export to: everything of it stands at 0 from now on.
    pub fn influx_begins(&self, classes: &[&'static str], refusals: &[&'static str]) {
        for class in classes {
            drop(self.0.influx.requests.get_or_create(&[INFLUX, ("status", *class)]));
        }
        for why in refusals {
            self.influx_refused(why, 0);
        }
        self.influx_written(0);
        self.influx_paused(false);
        self.influx_lag(0, 0.0, false);
    }

    /// InfluxDB answered a request, by the class of the status.
    pub fn influx_request(&self, class: &'static str) {
        self.0.influx.requests.get_or_create(&[INFLUX, ("status", class)]).inc();
    }

    /// InfluxDB is to be asked: all that may come of a question stands at 0.
    pub fn influx_queries_begin(&self, results: &[&'static str]) {
        for result in results {
            drop(self.0.influx.queries.get_or_create(&[INFLUX, ("result", *result)]));
        }
    }

    /// What came of a question to InfluxDB: `answered`, or why not.
    pub fn influx_query(&self, result: &'static str) {
        self.0.influx.queries.get_or_create(&[INFLUX, ("result", result)]).inc();
    }

    /// InfluxDB has taken so many points.
    pub fn influx_written(&self, points: u64) {
        self.0.influx.points.get_or_create(&[INFLUX]).inc_by(points);
    }

    /// InfluxDB has refused so many lines for good, and why.
    pub fn influx_refused(&self, why: &'static str, lines: u64) {
        self.0.influx.refused.get_or_create(&[INFLUX]).inc_by(lines);
        self.0.influx.refusals.get_or_create(&[INFLUX, ("why", why)]).inc_by(lines);
    }

    /// So many readings have no form in line protocol.
    pub fn influx_unwritable(&self, readings: u64) {
        self.0.influx.refused.get_or_create(&[INFLUX]).inc_by(readings);
    }

    /// InfluxDB refuses everything until somebody changes something.
    pub fn influx_paused(&self, paused: bool) {
        self.0.influx.paused.get_or_create(&[INFLUX]).set(i64::from(paused));
    }

    /// How far InfluxDB is behind, and whether what the journal lost is exported to it.
    pub fn influx_lag(&self, rows: u64, seconds: f64, refilling: bool) {
        let influx = &self.0.influx;
        influx.lag_rows.get_or_create(&[INFLUX]).set(rows as i64);
        influx.lag.get_or_create(&[INFLUX]).set(seconds);
        influx.refilling.get_or_create(&[INFLUX]).set(i64::from(refilling));
    }
}

/// What is counted of the way to InfluxDB; nothing of it is shown without one.
#[derive(Debug, Default)]
pub(super) struct InfluxMetrics {
    requests: Family<[(&'static str, &'static str); 2], Counter>,
    queries: Family<[(&'static str, &'static str); 2], Counter>,
    points: Family<Label, Counter>,
    refused: Family<Label, Counter>,
    refusals: Family<[(&'static str, &'static str); 2], Counter>,
    paused: Family<Label, Gauge>,
    refilling: Family<Label, Gauge>,
    lag_rows: Family<Label, Gauge>,
    lag: Family<Label, Gauge<f64, AtomicU64>>,
}

impl InfluxMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("sink_requests", "Requests to a sink, by status", self.requests.clone());
        let queries =
            "Questions to a sink for what the store no longer holds, by what came of them";
        registry.register("sink_queries", queries, self.queries.clone());
        registry.register("sink_points", "Points a sink has taken", self.points.clone());
        let refused = "Lines a sink refused for good";
        registry.register("sink_refused_lines", refused, self.refused.clone());
        let refusals = "Lines a sink refused for good, by why";
        registry.register("sink_refusals", refusals, self.refusals.clone());
        let paused = "Whether a sink refuses everything";
        registry.register("sink_paused", paused, self.paused.clone());
        let refilling = "Whether what the journal lost is exported to a sink from history";
        registry.register("sink_refilling", refilling, self.refilling.clone());
        registry.register(
            "sink_lag_rows",
            "Rows not yet exported to a sink",
            self.lag_rows.clone(),
        );
        let lag = "Age of what was exported to a sink last, where it lacks something";
        registry.register_with_unit("sink_lag", lag, Unit::Seconds, self.lag.clone());
    }
}
