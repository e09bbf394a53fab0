//! What follows from an emergency of the same patient: shown, and not announced while that is present (contract §5).

use super::{Book, Key, Open};
use crate::model::alarm::{Alarm, Condition, State};
use crate::model::ids::AlarmId;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::output::transition::Change;

/// So long must an alarm outlast the one it followed from before it is announced by itself (contract §5): as often
/// as a monitor reports each of its signals.
const OUTLASTS: Span = Span::secs(2);

impl Book {
    /// The present alarm that what is found of a signal follows from.
    pub(super) fn folding(&self, key: &Key, signal: Option<SignalId>) -> Option<&Alarm> {
        let folds = |(other, open): &(&Key, &Open)| {
            *other != key
                && open.alarm.condition == Condition::Present
                && signal.is_some_and(|signal| open.folds.contains(&signal))
        };
        self.open.iter().find(folds).map(|(_, open)| &open.alarm)
    }

    /// What followed from an alarm that is over stands by itself in a moment: mostly both end together.
    pub(super) fn followed(&mut self, id: &AlarmId, out: &Output) {
        for open in self.open.values_mut() {
            if open.alarm.group.as_deref() == Some(id.as_str()) {
                open.unfolds_at = Some(out.now.at + OUTLASTS);
            }
        }
    }

    /// What outlasted the alarm it followed from stands by itself, and is announced.
    pub(super) fn unfold(&mut self, due: Timestamp, out: &mut Output) {
        for key in self.keys_where(|_, open| open.unfolds_at == Some(due)) {
            if let Some(open) = self.open.get_mut(&key) {
                open.unfolds_at = None;
            }
            let signal = self.open.get(&key).and_then(|open| open.signal);
            let other = self.folding(&key, signal).map(|alarm| alarm.id.to_string());
            self.change(&key, None, out, |alarm, now| {
                if alarm.group == other {
                    return None;
                }
                alarm.group = other;
                // What is not known to go on outlasts nothing.
                let goes_on = alarm.condition != Condition::Unknown;
                let alone = alarm.group.is_none() && alarm.state == State::Alarming && goes_on;
                Some(if alone { alarm.unfolded(now) } else { Change::Updated })
            });
        }
    }
}
