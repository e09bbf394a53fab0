//! Somebody who is to be watched continuously, and whom no device watches (contract §4).

use super::{Deadline, Patient};
use crate::alarms::book::{Draft, Key};
use crate::alarms::draft::technical;
use crate::model::alarm::{Alarm, Condition, Priority};
use crate::model::cause::Cause;
use crate::model::time::{Span, Timestamp};
use crate::output::{Output, rule};
use crate::text;

pub(super) const NO_DEVICE: &str = "patient.no_device";

/// Whoever is to be watched has a device after so long, or an alarm.
const FIND_ONE: Span = Span::mins(5);

fn key() -> Key {
    Key::new(rule(NO_DEVICE), "patient")
}

impl Patient {
    /// When it is told that no device has come, in the gateway's own time.
    pub(super) fn no_device_due(&self) -> Option<(Timestamp, Deadline<'static>)> {
        self.unwatched.map(|since| (since + FIND_ONE, Deadline::NoDevice))
    }

    /// Admitted, or flagged anew: a device has some time to come.
    pub fn is_to_be_watched(&mut self, out: &mut Output) {
        self.unwatched = None;
        if self.details.continuous {
            self.alarms.stand_alone(out);
        }
        if !self.details.continuous {
            self.alarms.change(&key(), None, out, Alarm::absent);
        } else if self.expectations.is_empty() && !self.alarms.holds(&key()) {
            self.unwatched = Some(out.now.at);
        }
    }

    /// A device left; where it was the last of somebody who is here, that is told at once.
    pub(super) fn lose_device(&mut self, out: &mut Output) {
        if self.expectations.is_empty() && self.discharged_at.is_none() {
            self.no_device(out.now.at, out);
        }
    }

    /// No device watches the patient, who may be one to be watched; so it is since an instant of the gateway's own
    /// time.
    pub fn no_device(&mut self, at: Timestamp, out: &mut Output) {
        self.unwatched = None;
        if !self.details.continuous || self.alarms.holds(&key()) {
            return;
        }
        let (priority, condition) = (Priority::Medium, Condition::Present);
        let cause = Cause::noticed(None, at);
        let draft = technical(key(), None, priority, condition, text::no_device(), cause, out);
        self.raise(Draft { raised_at: out.now.shown(at), ..draft }, out);
    }

    /// Something of a device was judged: it watches.
    pub(super) fn is_watched(&mut self, out: &mut Output) {
        if !self.alarms.is_empty() {
            self.alarms.change(&key(), None, out, Alarm::absent);
        }
    }
}
