//! What follows from an emergency of the same patient: shown, and not announced while that is present (contract §5).

use super::{Book, Open};
use crate::model::alarm::{Alarm, Condition};
use crate::model::ids::AlarmId;
use crate::model::signal::SignalId;
use crate::output::Output;
use crate::output::transition::Change;

impl Book {
    /// The present alarm that what is found of a signal follows from.
    pub(super) fn folding(&self, signal: Option<SignalId>) -> Option<&Alarm> {
        let folds = |open: &&Open| {
            open.alarm.condition == Condition::Present
                && signal.is_some_and(|signal| open.folds.contains(&signal))
        };
        self.open.values().find(folds).map(|open| &open.alarm)
    }

    /// What followed from an alarm that is over stands by itself, and is announced.
    pub(super) fn unfold(&mut self, id: &AlarmId, out: &mut Output) {
        let followed = |open: &Open| open.alarm.group.as_deref() == Some(id.as_str());
        for key in self.keys_where(|_, open| followed(open)) {
            let signal = self.open.get(&key).and_then(|open| open.signal);
            let other = self.folding(signal).map(|alarm| alarm.id.to_string());
            self.change(&key, None, out, |alarm, now| {
                alarm.group = other;
                Some(if alarm.group.is_none() { alarm.unfolded(now) } else { Change::Updated })
            });
        }
    }
}
