//! What InfluxDB replied to each question, and what is missing of it: pure.

use std::collections::BTreeMap;

use super::query::PrunedPart;
use super::question::Question;
use crate::http::api::v1::series::OlderPart;
use crate::influx::query::{Origin, Reading, Summed};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::types::SeriesKey;

/// What became of the parts that retention pruned, as the answer states it.
#[derive(Debug)]
pub(super) struct Older {
    pub(super) parts: Vec<OlderPart>,
    /// Why not all of it is there; `None` where all is.
    pub(super) incomplete: Option<&'static str>,
}

/// Why words that retention took are missing.
const NOT_A_NUMBER: &str = "not_a_number";

/// A row of a reply.
pub(super) trait Row {
    /// Whose and what it is.
    fn origin(&self) -> &Origin;

    /// The last instant it covers.
    fn upto(&self) -> Timestamp;
}

/// The reply to one question.
#[derive(Debug)]
pub(super) struct Reply<T> {
    pub(super) question: Question,
    /// Rows of the series asked for, by the index of their part in the question; or why there are none.
    pub(super) rows: Result<Vec<(usize, T)>, &'static str>,
    /// Some rows carry a name that this gateway gives to none of its patients.
    pub(super) has_foreign_names: bool,
    /// From here on nothing is known; the next page covers it.
    pub(super) until: Option<Timestamp>,
}

impl Row for Reading {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn upto(&self) -> Timestamp {
        self.point.at
    }
}

impl Row for Summed {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn upto(&self) -> Timestamp {
        self.upto
    }
}

impl<T: Row> Reply<T> {
    /// Why not all of a part is there.
    fn doubt(&self, index: usize, part: &PrunedPart) -> Option<&'static str> {
        let rows = match &self.rows {
            Err(why) => return Some(*why),
            Ok(_) if self.has_foreign_names => return Some("another_name"),
            Ok(_) if !self.question.exported[index] => return Some("not_told"),
            Ok(rows) => rows,
        };
        if self.until.is_some_and(|until| until < part.to) {
            return None;
        }
        let of_part = rows.iter().filter(|(of, _)| *of == index);
        let is_held = match of_part.map(|(_, row)| row.upto()).max() {
            None => false,
            // The last number that was pruned is known: where it is missing, others may be too.
            Some(upto) => !part.held_something || upto + Span::micros(1) >= part.to,
        };
        (!is_held).then_some("not_held")
    }
}

/// What became of each part. The series of `store_alone` come from the store alone, for these reasons.
pub(super) fn older<T: Row>(
    replies: &[Reply<T>],
    store_alone: &BTreeMap<SeriesKey, &'static str>,
    table: &SignalTable,
) -> Older {
    let mut parts = Vec::new();
    for reply in replies {
        for (index, part) in reply.question.parts.iter().enumerate() {
            let alone = store_alone.get(&part.series).copied();
            let is_read = reply.rows.is_ok() && alone.is_none();
            let incomplete = reply.rows.as_ref().err().copied().or(alone);
            let PrunedPart { series, from, to, .. } = part.clone();
            parts.push(OlderPart {
                device: series.device,
                signal: table.name(series.signal),
                instance: series.instance,
                from,
                to,
                source: if is_read { "influxdb" } else { "store" },
                incomplete: incomplete.or_else(|| reply.doubt(index, part)),
            });
        }
    }
    let incomplete = parts.iter().find_map(|part| part.incomplete);
    Older { parts, incomplete }
}

impl Older {
    /// Where nothing but words is gone; `None` where not even these are.
    pub(super) fn of_words(gone: Vec<PrunedPart>, table: &SignalTable) -> Option<Self> {
        let nothing = Self { parts: Vec::new(), incomplete: None };
        (!gone.is_empty()).then(|| nothing.with_words(gone, table))
    }

    /// With the parts of which words are gone, which InfluxDB is not asked for.
    pub(super) fn with_words(mut self, gone: Vec<PrunedPart>, table: &SignalTable) -> Self {
        for part in gone {
            let PrunedPart { series, from, to, held_something: _ } = part;
            self.parts.push(OlderPart {
                device: series.device,
                signal: table.name(series.signal),
                instance: series.instance,
                from,
                to,
                source: "store",
                incomplete: Some(NOT_A_NUMBER),
            });
            self.incomplete = self.incomplete.or(Some(NOT_A_NUMBER));
        }
        self
    }
}

/// The series of which a part could not be read, and why: a chart of them is the store's alone.
pub(super) fn store_alone(replies: &[Reply<Summed>]) -> BTreeMap<SeriesKey, &'static str> {
    let mut alone = BTreeMap::new();
    for Reply { question, rows, .. } in replies {
        let Err(why) = rows else { continue };
        alone.extend(question.parts.iter().map(|part| (part.series.clone(), *why)));
    }
    alone
}
