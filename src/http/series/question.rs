//! What InfluxDB is asked for: the parts that retention pruned, grouped.

use super::query::PrunedPart;
use crate::influx::line::READING;
use crate::influx::query::{Origin, Selection, Wanted};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Span;
use vitalgate_store::consumers::ConsumerCursor;
use vitalgate_store::types::Identity;

/// Parts that end so near each other are asked for together; blocks of one class end within a day.
const TOGETHER: Span = Span::days(2);

/// Parts of one device that are asked for at once.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) selection: Selection,
    pub(super) parts: Vec<PrunedPart>,
    /// Which of them were exported to InfluxDB before it was asked.
    pub(super) exported: Vec<bool>,
}

/// What the questions of one request have in common.
#[derive(Debug)]
pub(super) struct Common<'a> {
    pub(super) identity: &'a Identity,
    pub(super) table: &'a SignalTable,
    /// Lead or channel; `None` is every one.
    pub(super) instance: Option<&'a String>,
    /// How far readings are exported; `None` where they are not.
    pub(super) exported: Option<ConsumerCursor>,
}

impl Common<'_> {
    /// The questions that these parts make, by device and time.
    pub(super) fn questions(&self, pruned: Vec<PrunedPart>) -> Vec<Question> {
        grouped(pruned).into_iter().filter_map(|parts| self.question(parts)).collect()
    }

    /// One question for all of these parts; there is none without a part.
    fn question(&self, parts: Vec<PrunedPart>) -> Option<Question> {
        let first = parts.first()?;
        let wanted = |PrunedPart { series, to, .. }: &PrunedPart| Wanted {
            signal: self.table.name(series.signal),
            instance: series.instance.clone(),
            to: *to,
        };
        let selection = Selection {
            measurement: READING,
            site: self.identity.site.as_str().to_owned(),
            device: first.series.device.as_str().to_owned(),
            series: parts.iter().map(wanted).collect(),
            instance: self.instance.cloned(),
            from: first.from,
            simulated: self.identity.is_simulated(),
        };
        let is_exported = |part: &PrunedPart| {
            self.exported.as_ref().is_some_and(|cursor| cursor.covers(part.from, part.to))
        };
        let exported = parts.iter().map(is_exported).collect();
        Some(Question { selection, parts, exported })
    }
}

impl Question {
    /// Which part a row is of.
    pub(super) fn index_of(&self, origin: &Origin, table: &SignalTable) -> Option<usize> {
        self.parts.iter().position(|part| {
            part.series.instance == origin.instance
                && table.name(part.series.signal) == origin.signal
        })
    }
}

/// The parts by device and time, those that end near each other together.
pub(super) fn grouped(mut pruned: Vec<PrunedPart>) -> Vec<Vec<PrunedPart>> {
    pruned.sort_by_key(|part| (part.from, part.series.device.clone(), part.to));
    let belongs = |part: &PrunedPart, group: &[PrunedPart]| {
        group.first().is_some_and(|first| {
            first.series.device == part.series.device
                && first.from == part.from
                && part.to - first.to <= TOGETHER
        })
    };
    let mut groups: Vec<Vec<PrunedPart>> = Vec::new();
    for part in pruned {
        match groups.last_mut().filter(|group| belongs(&part, group)) {
            Some(group) => group.push(part),
            None => groups.push(vec![part]),
        }
    }
    groups
}
