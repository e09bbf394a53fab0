//! Device classes: how often something should come, and what its silence means (clinical §7.3).

use serde::Deserialize;

use crate::model::alarm::Priority;
use crate::model::time::{Span, Timestamp};

/// The class of a device that nobody registered.
pub(crate) const UNKNOWN_CLASS: &str = "unknown";

/// A class of devices.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// How often a reading should come.
    pub expected_interval: Span,
    /// How late it may come by the maker's own word.
    pub max_delay: Span,
    /// What the gateway adds to both.
    #[serde(default)]
    pub slack: Span,
    /// Silence for so long is low, medium, high; none for hand-entered data.
    #[serde(default)]
    pub silence: Ladder,
    /// Silence is high only for patients flagged `continuous`.
    #[serde(default)]
    pub high_only_if_continuous: bool,
    /// The first rung is high where the last glucose was under 80 mg/dL or falling faster than
    /// 1 mg/dL a minute (contract §7).
    #[serde(default)]
    pub high_if_glucose_low: bool,
    /// People enter its readings: their times are those people's, and no clock is suspected.
    #[serde(default)]
    pub charted: bool,
    /// Hand-entered or hourly: every rule is judged as for single measurements.
    #[serde(default)]
    pub spot_only: bool,
    /// How long an acknowledgement of an alarm over its readings holds, where the rule says nothing of it.
    #[serde(default)]
    pub acknowledge_for: AcknowledgeFor,
}

/// How long an acknowledgement holds, by the priority of the limit that the newest reading lies beyond; none is for as
/// long as any of the alarm's priority does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeFor {
    low: Option<Span>,
    medium: Option<Span>,
    high: Option<Span>,
}

impl AcknowledgeFor {
    /// For a limit of a priority.
    pub fn of(self, priority: Priority) -> Option<Span> {
        match priority {
            Priority::Info | Priority::Low => self.low,
            Priority::Medium => self.medium,
            Priority::High => self.high,
        }
    }
}

/// The rungs of silence; each measured from the last judged reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    low: Option<Span>,
    medium: Option<Span>,
    high: Option<Span>,
}

/// One rung that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// After so much silence.
    pub after: Span,
    /// Of this priority.
    pub priority: Priority,
}

impl Class {
    /// `expected_interval + max_delay + slack`: what is younger counts as live (contract §3).
    pub fn live_window(&self) -> Span {
        self.expected_interval + self.max_delay + self.slack
    }

    /// The rungs for a signal that comes every `interval`, on the same base as its live window.
    pub fn rungs(&self, interval: Option<Span>, continuous: bool) -> impl Iterator<Item = Rung> {
        let stretch = interval.map_or(Span::ZERO, |own| own - self.expected_interval);
        let high = self.silence.high.filter(|_| continuous || !self.high_only_if_continuous);
        [
            (self.silence.low, Priority::Low),
            (self.silence.medium, Priority::Medium),
            (high, Priority::High),
        ]
        .into_iter()
        .filter_map(move |(after, priority)| {
            after.map(|after| Rung { after: after + stretch, priority })
        })
    }

    /// The live window of a signal that comes every `interval`.
    pub fn live_window_for(&self, interval: Option<Span>) -> Span {
        self.live_window() + interval.map_or(Span::ZERO, |own| own - self.expected_interval)
    }

    /// When the next reading should have come, after one at `last`.
    pub fn expected_next(&self, last: Timestamp) -> Timestamp {
        last + self.live_window()
    }
}
