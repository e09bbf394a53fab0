//! What is technical of a patient's equipment is announced at most twice an hour for one cause (contract §5).

use minicbor::{Decode, Encode};

use super::{Book, Key, Open};
use crate::model::alarm::{AlarmKind, Priority};
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::REPEAT_DUE;

const HOUR: Span = Span::hours(1);

/// The last two announcements of a key. An earlier one never counts: a third in an hour is graver than all before it.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Announced {
    #[n(0)]
    before: Option<Announcement>,
    #[n(1)]
    last: Option<Announcement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Announcement {
    /// In the gateway's own time.
    #[n(0)]
    at: Timestamp,
    #[n(1)]
    priority: Priority,
}

impl Announced {
    /// Until when one more of a priority must wait; it is noted if it need not.
    fn one_more(&mut self, priority: Priority, now: Timestamp) -> Option<Timestamp> {
        let heard = |one: &Announcement| one.at + HOUR > now;
        let (before, last) = (self.before.filter(heard), self.last.filter(heard));
        if let (Some(before), Some(last)) = (before, last)
            && priority <= before.priority.max(last.priority)
        {
            return Some(before.at + HOUR);
        }
        *self = Self { before: last, last: Some(Announcement { at: now, priority }) };
        None
    }
}

impl Book {
    /// Keeps an announcement back that would be the third in an hour, and notes any other.
    pub(super) fn keep_back(&mut self, key: &Key, change: Change, out: &Output) {
        let now = out.now.at;
        let Some(open) = self.open.get_mut(key) else { return };
        if !open.alarm.calls() {
            open.quiet_until = None;
        } else if open.announces(change) {
            self.announced.retain(|_, known| known.last.is_some_and(|one| one.at + HOUR > now));
            let known = self.announced.entry(key.clone()).or_default();
            open.quiet_until = known.one_more(open.alarm.priority, now);
        }
        open.alarm.quiet_until = open.quiet_until.map(|until| out.wall() + (until - now));
    }

    /// Announces what was kept back until `due`, and still is there. What follows from another by now is announced once it
    /// outlasts that.
    pub(super) fn announce_kept_back(&mut self, due: Timestamp, out: &mut Output) {
        for key in self.keys_where(|_, open| open.quiet_until == Some(due)) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            // Whatever becomes of it, it waits for this no more.
            open.quiet_until = None;
            self.change(&key, None, out, |alarm, now| {
                alarm.quiet_until = None;
                let alone = alarm.group.is_none();
                Some(if alone { alarm.unfolded(now) } else { Change::Updated })
            });
        }
    }
}

impl Open {
    /// Whether a change of a patient's equipment would be announced.
    fn announces(&self, change: Change) -> bool {
        let alarm = &self.alarm;
        // A request for another measurement tells of the patient.
        let of_patient = alarm.rule.as_str().ends_with(REPEAT_DUE);
        change.announces()
            && alarm.kind == AlarmKind::Technical
            && !of_patient
            && alarm.patient.is_some()
            && alarm.priority != Priority::Info
            && alarm.group.is_none()
    }
}
