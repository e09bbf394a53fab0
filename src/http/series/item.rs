//! Readings of both kinds in one order: by time, then by series, and of one reading the number first.

use super::query::Bucket;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::history::words::read::WordBucket;
use vitalgate_store::types::{Sample, SeriesKey, WordSample};

/// A reading of the history.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// A number.
    Number(Sample),
    /// What was said in place of one.
    Word(WordSample),
}

/// What a chart has of a bucket of one series.
#[derive(Debug, Clone, Copy)]
pub(super) enum ChartItem<'a> {
    /// Of its numbers.
    Numbers(&'a Bucket),
    /// Of its words.
    Words(&'a SeriesKey, &'a WordBucket),
}

impl Item {
    /// When it was measured.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Number(sample) => sample.at,
            Self::Word(word) => word.at,
        }
    }

    /// Which series it is of.
    pub(super) fn series(&self) -> &SeriesKey {
        match self {
            Self::Number(sample) => &sample.series,
            Self::Word(word) => &word.series,
        }
    }
}

impl<'a> ChartItem<'a> {
    fn from(&self) -> Timestamp {
        match self {
            Self::Numbers(bucket) => bucket.from,
            Self::Words(_, bucket) => bucket.from,
        }
    }

    /// Which series it is of.
    pub(super) fn series(&self) -> &'a SeriesKey {
        match self {
            Self::Numbers(bucket) => &bucket.series,
            Self::Words(series, _) => series,
        }
    }
}

/// Both as one list, each of which is in order.
pub(super) fn items(samples: Vec<Sample>, words: Vec<WordSample>) -> Vec<Item> {
    let mixed = !words.is_empty();
    let mut items: Vec<Item> = samples.into_iter().map(Item::Number).collect();
    items.extend(words.into_iter().map(Item::Word));
    if mixed {
        items.sort_by(|a, b| (a.at(), a.series()).cmp(&(b.at(), b.series())));
    }
    items
}

/// The same of a chart.
pub(super) fn chart_items<'a>(
    numbers: &'a [Bucket],
    words: &'a [(SeriesKey, WordBucket)],
) -> Vec<ChartItem<'a>> {
    let mut items: Vec<ChartItem<'_>> = numbers.iter().map(ChartItem::Numbers).collect();
    items.extend(words.iter().map(|(series, bucket)| ChartItem::Words(series, bucket)));
    if !words.is_empty() {
        items.sort_by(|a, b| (a.from(), a.series()).cmp(&(b.from(), b.series())));
    }
    items
}
