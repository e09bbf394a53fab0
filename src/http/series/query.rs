//! Which readings a request asks for, and how they are read from the store.

use std::collections::{BTreeMap, BTreeSet};

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::ReadError;
use vitalgate_store::history::buckets::{self, Grid};
use vitalgate_store::history::point::Point;
use vitalgate_store::history::range::{History, Piece};
use vitalgate_store::history::words::read::WordBucket;
use vitalgate_store::types::{Sample, SeriesKey, WordSample};

/// What a device measured from `from` (included) to `to` (excluded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Whose readings.
    pub(super) device: DeviceId,
    /// From.
    pub(super) from: Timestamp,
    /// To.
    pub(super) to: Timestamp,
}

/// Some signals over some stretches; a patient's history is the union over the bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeriesQuery {
    /// Which devices, when.
    pub(super) stretches: Vec<Stretch>,
    /// Which signals.
    pub(super) signals: Vec<SignalId>,
    /// Lead or channel; `None` is every one.
    pub(super) instance: Option<String>,
    /// From these series only what was measured from then on.
    pub(super) only_from: BTreeMap<SeriesKey, Timestamp>,
}

/// Part of a series that retention pruned: what the store still has of it are remnants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrunedPart {
    /// Which series.
    pub(super) series: SeriesKey,
    /// From.
    pub(super) from: Timestamp,
    /// To.
    pub(super) to: Timestamp,
    /// Whether it ends with the last number that was pruned: there was something in it.
    pub(super) held_something: bool,
}

/// The samples of one series in `[from, to)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bucket {
    /// Which series.
    pub(super) series: SeriesKey,
    /// The unit of the signal table; what was sent in another unit is converted.
    pub(super) unit: Unit,
    /// From.
    pub(super) from: Timestamp,
    /// To.
    pub(super) to: Timestamp,
    /// Their summary; `None` where there are none.
    pub(super) values: Option<Summary>,
}

/// What a bucket holds, whether the store counted it, InfluxDB, or both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    /// How many samples.
    pub(super) count: u64,
    /// The smallest.
    pub(super) min: f64,
    /// The largest.
    pub(super) max: f64,
    /// The mean.
    pub(super) mean: f64,
    /// The last.
    pub(super) last: f64,
}

impl SeriesQuery {
    /// How many series it asks for: at most so many hold anything.
    pub(super) fn series(&self, history: &History) -> usize {
        let pieces = self.pieces(history).into_iter().chain(self.word_pieces(history));
        pieces.map(|piece| piece.series).collect::<BTreeSet<_>>().len()
    }

    /// What retention pruned of its series in `[from, to)`: a part for each series and stretch. Does not
    /// wait for the disk. Asked after a read, it covers all that was missing from that read.
    pub(super) fn pruned(
        &self,
        history: &History,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<PrunedPart> {
        parts(self.pieces(history), |series| history.pruned_to(series), from, to)
    }

    /// The same of what it said in place of numbers.
    pub(super) fn words_pruned(
        &self,
        history: &History,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<PrunedPart> {
        parts(self.word_pieces(history), |series| history.words_pruned_to(series), from, to)
    }

    /// At most `limit` samples in `[from, to)` by time, then device, signal and instance.
    pub(super) fn samples(
        &self,
        history: &History,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>, ReadError> {
        let pieces = within(self.pieces(history), from, to);
        let page = history.raw(&pieces, None, limit)?;
        let sample =
            |(index, point): (usize, Point)| Some(point.sample(pieces.get(index)?.series.clone()));
        Ok(page.points.into_iter().filter_map(sample).collect())
    }

    /// At most `limit` words in `[from, to)` by time, then device, signal and instance.
    pub(super) fn words(
        &self,
        history: &History,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<WordSample>, ReadError> {
        let words = history.words(&within(self.word_pieces(history), from, to), limit)?;
        Ok(words.into_iter().map(|(_, word)| word).collect())
    }

    /// The buckets of the grid in which a series said anything in place of a number: by time, then device,
    /// signal and instance.
    pub(super) fn word_buckets(
        &self,
        history: &History,
        grid: Grid,
    ) -> Result<Vec<(SeriesKey, WordBucket)>, ReadError> {
        let mut pieces = self.word_pieces(history);
        pieces.sort_by(|a, b| (&a.series, a.from).cmp(&(&b.series, b.from)));
        let mut all = Vec::new();
        for of_series in pieces.chunk_by(|a, b| a.series == b.series) {
            let Some(Piece { series, .. }) = of_series.first() else { continue };
            let buckets = history.word_buckets(of_series, grid)?;
            all.extend(buckets.into_iter().map(|bucket| (series.clone(), bucket)));
        }
        // Stable: at each time the series stay in their order.
        all.sort_by_key(|(_, bucket)| bucket.from);
        Ok(all)
    }

    /// All buckets of the grid, also the empty ones, of every series that holds anything inside: by
    /// time, then device, signal and instance.
    pub(super) fn buckets(
        &self,
        history: &History,
        grid: Grid,
        table: &SignalTable,
    ) -> Result<Vec<Bucket>, ReadError> {
        let mut pieces = self.pieces(history);
        pieces.sort_by(|a, b| a.series.cmp(&b.series));
        let mut all = Vec::new();
        for of_series in pieces.chunk_by(|a, b| a.series == b.series) {
            let Some(Piece { series, .. }) = of_series.first() else { continue };
            let unit = unit_of(series, table);
            let mut filled = history.buckets(of_series, grid, unit)?.into_iter().peekable();
            if filled.peek().is_none() {
                continue;
            }
            all.extend(grid.all().map(|(from, to)| {
                let values = filled.next_if(|bucket| bucket.from == from).map(Summary::from);
                Bucket { series: series.clone(), unit, from, to, values }
            }));
        }
        // Stable: at each time the series stay in their order.
        all.sort_by_key(|bucket| bucket.from);
        Ok(all)
    }

    /// The series it asks for, each with its stretches.
    fn pieces(&self, history: &History) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for stretch in &self.stretches {
            let series = history.series_of(&stretch.device).into_iter();
            pieces.extend(series.filter(|key| self.wants(key)).map(|series| {
                let from = self.only_from.get(&series).copied().unwrap_or(stretch.from);
                Piece { from: from.max(stretch.from), to: stretch.to, series }
            }));
        }
        pieces
    }

    /// The series it asks for that hold words, each with its stretches.
    fn word_pieces(&self, history: &History) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for Stretch { device, from, to } in &self.stretches {
            let series = history.word_series_of(device).into_iter();
            let piece = |series| Piece { series, from: *from, to: *to };
            pieces.extend(series.filter(|key| self.wants(key)).map(piece));
        }
        pieces
    }

    fn wants(&self, key: &SeriesKey) -> bool {
        self.signals.contains(&key.signal)
            && self.instance.as_ref().is_none_or(|wanted| *wanted == key.instance.as_str())
    }
}

/// What of the pieces lies in `[from, to)`, by series.
fn within(mut pieces: Vec<Piece>, from: Timestamp, to: Timestamp) -> Vec<Piece> {
    for piece in &mut pieces {
        piece.from = piece.from.max(from);
        piece.to = piece.to.min(to);
    }
    pieces.retain(|piece| piece.from < piece.to);
    pieces.sort_by(|a, b| a.series.cmp(&b.series));
    pieces
}

/// What of the pieces was pruned in `[from, to)`.
fn parts(
    pieces: Vec<Piece>,
    pruned_to: impl Fn(&SeriesKey) -> Option<Timestamp>,
    from: Timestamp,
    to: Timestamp,
) -> Vec<PrunedPart> {
    let parts = pieces.into_iter().filter_map(|piece| {
        let end = pruned_to(&piece.series)? + Span::micros(1);
        let (from, to) = (piece.from.max(from), piece.to.min(to).min(end));
        let held_something = to == end;
        (from < to).then_some(PrunedPart { series: piece.series, from, to, held_something })
    });
    parts.collect()
}

impl From<buckets::Bucket> for Summary {
    fn from(bucket: buckets::Bucket) -> Self {
        let buckets::Bucket { from: _, min, max, mean, last, count } = bucket;
        Self { count, min, max, mean, last }
    }
}

/// The unit in which a series is summarised: that of the signal table.
pub(super) fn unit_of(series: &SeriesKey, table: &SignalTable) -> Unit {
    table.get(series.signal).and_then(|signal| signal.unit).unwrap_or(Unit::One)
}
