//! A spell: one stretch for which an alarm stood under one set of rules.

use vitalgate_domain::model::alarm::{Alarm, AlarmKind, Priority, Side};
use vitalgate_domain::model::ids::{PatientId, RuleId};
use vitalgate_domain::model::time::{Span, Timestamp};

/// What is announced, the mildest first; [`Priority::Info`] never is.
pub(super) const ANNOUNCED: [Priority; 3] = [Priority::Low, Priority::Medium, Priority::High];

/// The place of a priority in [`ANNOUNCED`]; what is for the record has the first.
pub(super) fn place(priority: Priority) -> usize {
    match priority {
        Priority::Info | Priority::Low => 0,
        Priority::Medium => 1,
        Priority::High => 2,
    }
}

/// What two alarms must have in common to be of the same happening.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Whom it is about; `None` for the gateway itself.
    pub(super) patient: Option<PatientId>,
    /// The device, or what else raised it.
    pub(super) source: String,
    pub(super) about: About,
}

/// What an alarm is about, whatever its rule is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// A signal beyond a limit on one side.
    Limit(String, Side),
    /// Anything else: what only this rule finds.
    Rule(RuleId),
}

impl Key {
    pub(super) fn of(alarm: &Alarm) -> Self {
        let trigger = &alarm.trigger;
        let about = match trigger.side {
            Some(side) if alarm.kind == AlarmKind::Physiological => {
                About::Limit(trigger.signal.clone(), side)
            }
            Some(_) | None => About::Rule(alarm.rule.clone()),
        };
        Self { patient: alarm.patient.clone(), source: alarm.source.clone(), about }
    }
}

/// When people were first told with at least a priority, by its [`place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told([Option<Timestamp>; 3]);

impl Told {
    pub(super) fn note(&mut self, priority: Priority, at: Timestamp) {
        for first in &mut self.0[..=place(priority)] {
            first.get_or_insert(at);
        }
    }

    /// When first so gravely, or more.
    pub(super) fn first(self, priority: Priority) -> Option<Timestamp> {
        self.0[place(priority)]
    }

    /// Whether anybody was told at all.
    pub(super) fn anybody(self) -> bool {
        self.0[0].is_some()
    }

    /// The gravest that people were told.
    pub(super) fn gravest(self) -> Option<Priority> {
        ANNOUNCED.into_iter().rev().find(|priority| self.first(*priority).is_some())
    }
}

/// A number that an alarm stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// When it was measured, corrected.
    pub(super) at: Timestamp,
    /// In the unit sent.
    pub(super) value: f64,
}

/// What raised an alarm, and the readings before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trace {
    pub(super) signal: String,
    pub(super) side: Option<Side>,
    pub(super) limit: Option<f64>,
    pub(super) unit: Option<&'static str>,
    /// The last ones, oldest first.
    pub(super) readings: Vec<Reading>,
}

/// One stretch for which an alarm stood.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spell {
    pub(super) rule: RuleId,
    pub(super) begin: Timestamp,
    /// `None` where it stood at the end of what was recorded.
    pub(super) end: Option<Timestamp>,
    pub(super) told: Told,
    pub(super) trace: Trace,
}

impl Spell {
    /// Whether there is an instant at which both stand, give or take `grace`.
    pub(super) fn touches(&self, other: &Self, grace: Span) -> bool {
        let before = |a: &Self, b: &Self| b.end.is_none_or(|end| a.begin <= end + grace);
        before(self, other) && before(other, self)
    }

    /// Whether it stands at an instant, give or take `grace`.
    pub(super) fn stands_at(&self, at: Timestamp, grace: Span) -> bool {
        self.begin <= at + grace && self.end.is_none_or(|end| at <= end + grace)
    }
}
