//! What work is shed when more comes in than the machine can do, and when.
//!
//! One place decides, at every turn of the pipeline: [`LoadShedding::observe`]. Everybody else asks
//! it through a [`Load`]. Decode, rules, commits and alarm events are not on the list: they are
//! never shed.

use tokio::sync::watch;

use crate::clock::Stopwatch;
use crate::inbox::INBOX_BYTES;
use crate::telemetry::Metrics;

/// What may be shed, in this order: no member is before all those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Waveforms on the stream.
    Waveforms,
    /// How often live numbers are published.
    Vitals,
    /// Queries over a stretch of history.
    RangeQueries,
    /// Packing what is in memory into blocks of history, and small blocks into larger ones.
    Sealing,
    /// Copying to InfluxDB.
    Influx,
}

impl Work {
    /// All of it, the first to be shed first.
    pub const ORDER: [Self; 5] =
        [Self::Waveforms, Self::Vitals, Self::RangeQueries, Self::Sealing, Self::Influx];

    /// Its word in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waveforms => "waveforms",
            Self::Vitals => "vitals",
            Self::RangeQueries => "range_query",
            Self::Sealing => "sealing",
            Self::Influx => "influxdb",
        }
    }

    /// From which pressure on it is shed: bytes between the sockets and the disk, or seconds for
    /// which a batch has waited to be committed. The bytes go from a quarter of the inbox, which one
    /// connection cannot fill, to three quarters; the seconds end before the store counts as failing.
    fn from(self) -> (usize, f64) {
        const EIGHTH: usize = INBOX_BYTES / 8;
        match self {
            Self::Waveforms => (2 * EIGHTH, 0.25),
            Self::Vitals => (3 * EIGHTH, 0.5),
            Self::RangeQueries => (4 * EIGHTH, 1.0),
            Self::Sealing => (5 * EIGHTH, 1.5),
            Self::Influx => (6 * EIGHTH, 2.0),
        }
    }
}

/// How hard the gateway is pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Bytes taken in and not committed.
    pub bytes: usize,
    /// Seconds for which the oldest batch has waited to be committed.
    pub waited_s: f64,
}

impl Pressure {
    /// The last of [`Work::ORDER`] that must be shed under it.
    pub fn level(self) -> Option<Work> {
        let is_shed = |work: &Work| {
            let (bytes, waited_s) = work.from();
            self.bytes >= bytes || self.waited_s >= waited_s
        };
        Work::ORDER.into_iter().rfind(is_shed)
    }
}

/// Work that is shed resumes only after the pressure was lower for so long, so that it does not
/// flutter.
const CALM_S: f64 = 1.0;

/// Decides what is shed.
#[derive(Debug)]
pub struct LoadShedding {
    level: watch::Sender<Option<Work>>,
    metrics: Metrics,
    /// Since the pressure last called for all that is shed now.
    pressed: Stopwatch,
}

/// What is shed at present; cheap to clone, and never waits when asked. The default is that
/// nothing ever is.
#[derive(Clone, Debug)]
pub struct Load(watch::Receiver<Option<Work>>);

impl LoadShedding {
    /// Nothing is shed yet.
    pub fn new(metrics: Metrics) -> Self {
        metrics.shedding_begins(&Work::ORDER.map(Work::as_str));
        Self { level: watch::channel(None).0, metrics, pressed: Stopwatch::start() }
    }

    /// What others ask.
    pub fn load(&self) -> Load {
        Load(self.level.subscribe())
    }

    /// Takes note of the pressure: more is shed at once, less only after a while.
    pub fn observe(&mut self, pressure: Pressure) {
        let (before, wanted) = (*self.level.borrow(), pressure.level());
        if wanted >= before {
            self.pressed = Stopwatch::start();
        } else if self.pressed.seconds() < CALM_S {
            return;
        }
        if wanted > before {
            // With what was shed before: so none is counted more often than the one before it.
            for work in Work::ORDER.into_iter().filter(|work| Some(*work) <= wanted) {
                self.metrics.overloaded(work.as_str());
            }
        }
        if wanted != before {
            tracing::debug!(?before, now = ?wanted, ?pressure, "what is shed has changed");
            self.level.send_replace(wanted);
        }
    }
}

impl Load {
    /// Whether this work is shed now. Whoever sheds something counts that in the metrics.
    pub fn is_shed(&self, work: Work) -> bool {
        *self.0.borrow() >= Some(work)
    }

    /// Waits until this work resumes, or the gateway ends.
    pub async fn resumed(&mut self, work: Work) {
        // An error says that nobody decides any more: then nothing is shed.
        drop(self.0.wait_for(|level| *level < Some(work)).await);
    }
}

impl Default for Load {
    fn default() -> Self {
        Self(watch::channel(None).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shed(load: &Load) -> Vec<Work> {
        Work::ORDER.into_iter().filter(|work| load.is_shed(*work)).collect()
    }

    #[test]
    fn more_pressure_sheds_more_and_always_from_the_beginning() {
        let by_bytes = (0..=INBOX_BYTES).step_by(INBOX_BYTES / 64);
        let by_time = (0..=40).map(|tenths| f64::from(tenths) / 10.0);
        let bytes = by_bytes.map(|bytes| Pressure { bytes, waited_s: 0.0 }.level());
        let waited = by_time.map(|waited_s| Pressure { bytes: 0, waited_s }.level());
        for levels in [bytes.collect::<Vec<_>>(), waited.collect()] {
            assert!(levels.is_sorted(), "{levels:?}");
            assert_eq!((levels[0], levels.last()), (None, Some(&Some(Work::Influx))));
            assert!(Work::ORDER.iter().all(|work| levels.contains(&Some(*work))), "{levels:?}");
        }
        assert!(Work::ORDER.is_sorted());
        let both = Pressure { bytes: Work::Vitals.from().0, waited_s: Work::Sealing.from().1 };
        assert_eq!(both.level(), Some(Work::Sealing));
        let one_connection = Pressure { bytes: 1 << 20, waited_s: 0.0 };
        assert_eq!(one_connection.level(), None);
    }

    #[test]
    fn what_is_shed_is_counted_in_order_and_resumes_only_after_a_calm() {
        let metrics = Metrics::default();
        let mut shedding = LoadShedding::new(metrics.clone());
        let load = shedding.load();
        let under = |work: Work| Pressure { bytes: work.from().0, waited_s: 0.0 };
        shedding.observe(under(Work::RangeQueries));
        assert_eq!(shed(&load), Work::ORDER[..3]);
        shedding.observe(under(Work::Influx));
        assert_eq!(shed(&load), Work::ORDER);
        shedding.observe(Pressure::default());
        assert_eq!(shed(&load), Work::ORDER, "a moment of calm is none");
        let text = metrics.exposition();
        for (work, count) in Work::ORDER.into_iter().zip([2, 2, 2, 1, 1]) {
            let line = format!("vitalgate_strained_total{{work=\"{}\"}} {count}", work.as_str());
            assert!(text.contains(&line), "{line} in {text}");
        }
    }

    #[tokio::test]
    async fn who_waits_for_work_to_resume_waits_for_its_own() {
        let mut shedding = LoadShedding::new(Metrics::default());
        let mut load = shedding.load();
        load.resumed(Work::Influx).await;
        shedding.observe(Pressure { bytes: 0, waited_s: 1.5 });
        load.resumed(Work::Influx).await;
        assert!(load.is_shed(Work::Sealing));
        drop(shedding);
        load.resumed(Work::Sealing).await;
    }
}
