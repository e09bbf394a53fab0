//! What is counted of one set of rules. Pure, and bounded by rules, beds and patients, not by time.

use std::collections::{BTreeMap, VecDeque};

use super::spell::place;
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::ids::{BedId, PatientId, RuleId};
use vitalgate_domain::model::time::{Span, Timestamp};

/// More announcements of one patient than this within [`FLOOD_WITHIN`] are a flood.
pub(super) const FLOOD: usize = 10;
/// Any span of so long.
pub(super) const FLOOD_WITHIN: Span = Span::mins(10);
/// What is over by itself within so long need hardly have called anybody.
pub(super) const BRIEF: Span = Span::secs(15);

/// By priority: low, medium, high.
pub(super) type ByPriority = [u64; 3];

/// The figures of one set of rules.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) by_priority: ByPriority,
    pub(super) by_rule: BTreeMap<RuleId, ByPriority>,
    pub(super) by_bed: BTreeMap<Option<BedId>, u64>,
    /// Early, late, night; zeros where no wall clock is known.
    pub(super) by_shift: [u64; 3],
    pub(super) floods: Floods,
    pub(super) durations: Durations,
    /// Of the durations: over by themselves within [`BRIEF`].
    pub(super) brief: u64,
    /// Announced, and still standing at the end.
    pub(super) standing: u64,
    /// Stood, and nobody was told.
    pub(super) shown_only: u64,
    /// Announcements about no patient.
    pub(super) of_gateway: u64,
}

/// Whose an announcement is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) patient: &'a PatientId,
    pub(super) bed: Option<&'a BedId>,
    /// 0 to 2; `None` where no wall clock is known.
    pub(super) shift: Option<usize>,
}

impl Figures {
    /// Somebody is told.
    pub(super) fn announced(
        &mut self,
        rule: &RuleId,
        priority: Priority,
        at: Timestamp,
        of: Option<Place<'_>>,
    ) {
        let Some(of) = of else {
            self.of_gateway += 1;
            return;
        };
        let place = place(priority);
        self.by_priority[place] += 1;
        self.by_rule.entry(rule.clone()).or_default()[place] += 1;
        *self.by_bed.entry(of.bed.cloned()).or_default() += 1;
        if let Some(shift) = of.shift {
            self.by_shift[shift] += 1;
        }
        self.floods.note(of.patient, at);
    }
}

/// Floods, each counted once: it lasts for as long as each announcement makes more than [`FLOOD`] of any ten minutes.
#[derive(Debug, Default)]
pub(super) struct Floods {
    of: BTreeMap<PatientId, Flood>,
    pub(super) count: u64,
}

#[derive(Debug, Default)]
struct Flood {
    last: VecDeque<Timestamp>,
    on: bool,
}

impl Floods {
    /// What comes now is of others, whatever they are called.
    pub(super) fn part(&mut self) {
        self.of.clear();
    }

    pub(super) fn note(&mut self, patient: &PatientId, at: Timestamp) {
        let flood = match self.of.get_mut(patient) {
            Some(flood) => flood,
            None => self.of.entry(patient.clone()).or_default(),
        };
        flood.last.push_back(at);
        while flood.last.len() > FLOOD + 1
            || flood.last.front().is_some_and(|first| at - *first >= FLOOD_WITHIN)
        {
            flood.last.pop_front();
        }
        let on = flood.last.len() > FLOOD;
        self.count += u64::from(on && !flood.on);
        flood.on = on;
    }
}

/// Durations by length: to the second below an hour, to the minute below a week, to the hour beyond.
#[derive(Debug, Default)]
pub(super) struct Durations {
    counts: BTreeMap<i64, u64>,
    pub(super) of: u64,
    pub(super) longest: Option<Span>,
}

impl Durations {
    pub(super) fn note(&mut self, span: Span) {
        let seconds = span.as_micros().max(0) / 1_000_000;
        let step = match seconds {
            ..3_600 => 1,
            3_600..604_800 => 60,
            _ => 3_600,
        };
        *self.counts.entry(seconds - seconds % step).or_default() += 1;
        self.of += 1;
        self.longest = self.longest.max(Some(span));
    }

    /// The lower one of two in the middle.
    pub(super) fn median_s(&self) -> Option<i64> {
        let mut before = 0;
        self.counts.iter().find_map(|(seconds, count)| {
            before += count;
            (before * 2 >= self.of).then_some(*seconds)
        })
    }
}
