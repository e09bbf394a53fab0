//! What follows from an emergency of the same patient: shown, and not announced while that is known to be present
//! (contract §5).

use super::{Book, Draft, Key, Open};
use crate::model::alarm::{AlarmKind, Condition, Priority, State};
use crate::model::ids::{AlarmId, DeviceId};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::REPEAT_DUE;

/// So long must an alarm outlast the one it followed from before it is announced by itself (contract §5): as often
/// as a monitor reports each of its signals.
const OUTLASTS: Span = Span::secs(2);

/// For so long after its last event an episode without an end is known to go on, as far as others follow from it
/// (contract §5): as long as an acknowledgement of it holds.
const EPISODE_KNOWN: Span = Span::mins(10);

/// What an alarm has found, as far as that may follow from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    signal: Option<SignalId>,
    /// Whose equipment it is about; `None` of the patient.
    equipment: Option<&'a DeviceId>,
    priority: Priority,
    /// What follows from it in its turn.
    folds: &'a [SignalId],
}

impl<'a> Found<'a> {
    fn new(
        (key, kind, device): (&Key, AlarmKind, Option<&'a DeviceId>),
        (signal, folds): (Option<SignalId>, &'a [SignalId]),
        priority: Priority,
    ) -> Self {
        // A request for another measurement tells of the patient.
        let of_equipment = kind == AlarmKind::Technical && !key.rule.as_str().ends_with(REPEAT_DUE);
        Self { signal, equipment: device.filter(|_| of_equipment), priority, folds }
    }

    /// The gravest that an alarm has reached stands.
    pub(super) fn at_least(self, priority: Priority) -> Self {
        Self { priority: self.priority.max(priority), ..self }
    }
}

impl Draft {
    pub(super) fn found(&self) -> Found<'_> {
        let about = (&self.key, self.kind, self.device.as_ref());
        Found::new(about, (self.signal, &self.folds), self.priority)
    }
}

impl Open {
    fn found(&self, key: &Key) -> Found<'_> {
        let about = (key, self.alarm.kind, self.alarm.device.as_ref());
        Found::new(about, (self.signal, &self.folds), self.alarm.priority)
    }

    /// Whether something follows from this emergency: it is over one of its signals, no graver, not of other
    /// equipment, and no emergency from which more follows.
    fn explains(&self, found: Found<'_>) -> bool {
        let alarm = &self.alarm;
        alarm.condition == Condition::Present
            && alarm.group.is_none()
            && found.signal.is_some_and(|signal| self.folds.contains(&signal))
            && found.folds.iter().all(|signal| self.folds.contains(signal))
            && alarm.priority >= found.priority
            && found.equipment.is_none_or(|device| alarm.device.as_ref() == Some(device))
    }

    /// Until when an episode that nobody ended is known to go on, in the gateway's own time.
    pub(super) fn known_until(&self) -> Option<Timestamp> {
        let episode = self.signal.is_none()
            && !self.folds.is_empty()
            && self.alarm.condition == Condition::Present;
        self.held_at.filter(|_| episode).map(|held| held + EPISODE_KNOWN)
    }
}

impl Book {
    /// The id of the present emergency that something follows from.
    pub(super) fn folding(&self, key: &Key, found: Found<'_>) -> Option<String> {
        let explains = |(other, open): &(&Key, &Open)| *other != key && open.explains(found);
        self.open.iter().find(explains).map(|(_, open)| open.alarm.id.to_string())
    }

    /// What followed from an alarm that is over stands by itself in a moment: mostly both end together.
    pub(super) fn followed(&mut self, id: &AlarmId, out: &Output) {
        for open in self.open.values_mut() {
            if open.alarm.group.as_deref() == Some(id.as_str()) {
                open.unfolds_at = Some(out.now.at + OUTLASTS);
            }
        }
    }

    /// A device is silent: nobody knows whether an episode that it began goes on.
    pub fn episodes_unknown(&mut self, device: &DeviceId, out: &Output) {
        self.follow_no_more(out, |open| {
            open.known_until().is_some() && open.alarm.device.as_ref() == Some(device)
        });
    }

    /// Episodes of which nobody knows any more, since `due`, whether they go on.
    pub(super) fn forget_episodes(&mut self, due: Timestamp, out: &Output) {
        self.follow_no_more(out, |open| open.known_until() == Some(due));
    }

    fn follow_no_more(&mut self, out: &Output, wanted: impl Fn(&Open) -> bool) {
        for key in self.keys_where(|_, open| wanted(open)) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            open.folds = Vec::new();
            let id = open.alarm.id.clone();
            self.followed(&id, out);
        }
    }

    /// What outlasted the alarm it followed from stands by itself, and is announced: emergencies first, from which the
    /// others may follow.
    pub(super) fn unfold(&mut self, due: Timestamp, out: &mut Output) {
        let mut keys = self.keys_where(|_, open| open.unfolds_at == Some(due));
        keys.sort_by_key(|key| self.get(key).map(|open| std::cmp::Reverse(open.folds.len())));
        for key in keys {
            let Some(open) = self.open.get_mut(&key) else { continue };
            open.unfolds_at = None;
            let Some(open) = self.open.get(&key) else { continue };
            let other = self.folding(&key, open.found(&key));
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
