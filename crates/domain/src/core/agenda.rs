//! When each machine next wants to be woken.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ids::PatientId;
use crate::model::time::Timestamp;

/// Whose deadline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    Site,
    Patient(PatientId),
}

/// The next deadline of each machine; an entry may be earlier than the true one, never later, so
/// that a reading which only moves a deadline on costs no re-ordering.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    order: BTreeSet<(Timestamp, Whose)>,
    of: BTreeMap<Whose, Timestamp>,
}

impl Agenda {
    /// Notes the next deadline of a machine; what stands of it from here on.
    pub(crate) fn set(&mut self, whose: Whose, due: Option<Timestamp>) -> Option<Timestamp> {
        match (self.of.get(&whose).copied(), due) {
            (Some(old), Some(new)) if old <= new => Some(old),
            (None, None) => None,
            (old, new) => {
                if let Some(old) = old {
                    self.order.remove(&(old, whose.clone()));
                    self.of.remove(&whose);
                }
                if let Some(new) = new {
                    self.order.insert((new, whose.clone()));
                    self.of.insert(whose, new);
                }
                new
            }
        }
    }

    /// The earliest of all, at the latest.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes the first deadline noted.
    pub(crate) fn take_first(&mut self, not_after: Timestamp) -> Option<(Timestamp, Whose)> {
        let (due, _) = self.order.first()?;
        if *due > not_after {
            return None;
        }
        let first = self.order.pop_first()?;
        self.of.remove(&first.1);
        Some(first)
    }
}
