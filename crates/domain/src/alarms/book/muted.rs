//! Open alarms whose signals are kept back: when that ends, and what is told then (rows 2 and 14 to 18).

use minicbor::{Decode, Encode};

use super::{Book, Key, Open};
use crate::model::alarm::{Alarm, Condition, Priority, State};
use crate::model::pause::Pause;
use crate::model::time::{Stamp, Timestamp};
use crate::output::Output;
use crate::output::transition::{Change, TransitionBody};

/// What an alarm waits for whose signals are kept back, in the gateway's own time.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Muted {
    /// When that ends. Of what was over before, and latched: when that is told.
    #[n(0)]
    pub ends_at: Timestamp,
    /// When people are reminded next.
    #[n(1)]
    pub reminds_at: Option<Timestamp>,
    /// The pause of a scope that it began under.
    #[n(2)]
    pub under: Option<u64>,
    /// It was over, and latched, before: there is nothing to tell of that at the end.
    #[n(3)]
    #[cbor(default)]
    pub over_before: bool,
}

/// It was over, and closed, while its signals were kept back: told at the end of that.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Ended {
    /// As it was closed.
    #[n(0)]
    alarm: Alarm,
    #[n(1)]
    muted: Muted,
}

impl Muted {
    pub(super) fn of(alarm: &Alarm, under: Option<u64>, now: Stamp) -> Option<Self> {
        let kept_back = alarm.inactivation.as_ref()?;
        let reminds_at = alarm.reminded_every().map(|every| now.at + every);
        let over_before = alarm.condition == Condition::Absent;
        Some(Self { ends_at: now.own(kept_back.until), reminds_at, under, over_before })
    }

    /// When it wants to be looked at.
    pub(super) fn deadline(&self) -> Timestamp {
        self.reminds_at.map_or(self.ends_at, |reminds| reminds.min(self.ends_at))
    }
}

impl Open {
    /// A new alarm begins under the pause that lasts longest of those it belongs to (row 2).
    pub(super) fn begin_under(&mut self, pauses: &[Pause], now: Stamp) {
        let alarm = &mut self.alarm;
        let Some(patient) = &alarm.patient else { return };
        let (rule, bed) = (&alarm.rule, alarm.bed_now.as_ref());
        let Some(pause) = Pause::over(pauses, (rule, patient, bed), now.wall()) else { return };
        alarm.begin_under(pause, now.wall());
        self.muted = Muted::of(alarm, Some(pause.id), now);
    }

    /// A person paused it. What is high and began under a pause of a scope is announced when it would have been: nobody
    /// has heard of it.
    pub(super) fn paused_anew(&mut self, now: Stamp) {
        let unheard = self
            .muted
            .take()
            .filter(|muted| muted.under.is_some() && self.alarm.priority_peak == Priority::High);
        if let Some(before) = &unheard {
            self.alarm.pause_no_longer_than(now.shown(before.ends_at));
        }
        let under = unheard.and_then(|muted| muted.under);
        self.muted = Muted::of(&self.alarm, under, now);
    }
}

impl Book {
    /// An alarm is about to be told as it is now: what it waited for while its signals were kept back.
    pub(super) fn settle_muted(&mut self, key: &Key, change: Change) {
        let Some(open) = self.open.get_mut(key) else { return };
        let alarm = &open.alarm;
        let waits = alarm.state == State::Latched && change != Change::Resumed;
        if alarm.inactivation.is_some() || waits {
            return;
        }
        let Some(muted) = open.muted.take() else { return };
        // Whoever changed the limit, reset it or took its reading back said why it is over.
        let is_said = matches!(change, Change::LimitChanged | Change::Reset | Change::Retracted);
        let was_over = alarm.condition == Condition::Absent && !muted.over_before;
        if !alarm.is_open() && was_over && !is_said {
            self.ended.insert(key.clone(), Ended { alarm: alarm.clone(), muted });
        }
    }

    /// What is due of what is kept back.
    pub(super) fn muted_due(&mut self, due: Timestamp, out: &mut Output) {
        let is_due = |open: &Open| open.muted.as_ref().is_some_and(|m| m.deadline() <= due);
        for key in self.keys_where(|_, open| is_due(open)) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            let Some(muted) = &mut open.muted else { continue };
            if muted.ends_at <= due {
                self.end_pause(&key, None, out);
            } else {
                let again = open.alarm.reminded_every().map(|every| due + every);
                muted.reminds_at = again;
                self.change(&key, None, out, |_, _| again.map(|_| Change::Reminded));
            }
        }
        self.tell_ended(|muted| muted.ends_at <= due, out);
    }

    /// Whether anything waits that began under a pause of a scope.
    pub fn is_under(&self, id: u64) -> bool {
        let waits = self.open.values().filter_map(|open| open.muted.as_ref());
        let ended = self.ended.values().map(|ended| &ended.muted);
        waits.chain(ended).any(|muted| muted.under == Some(id))
    }

    /// A pause of a scope ends before its time: so does that of what began under it.
    pub fn pause_ended(&mut self, id: u64, actor: &str, out: &mut Output) {
        let under = |open: &Open| open.muted.as_ref().is_some_and(|m| m.under == Some(id));
        for key in self.keys_where(|_, open| under(open)) {
            self.end_pause(&key, Some(actor), out);
        }
        self.tell_ended(|muted| muted.under == Some(id), out);
    }

    /// Tells at once all that was over and waits for the end of its pause.
    pub fn tell_all_ended(&mut self, out: &mut Output) {
        self.tell_ended(|_| true, out);
    }

    /// When the next of what was over while it was paused is told.
    pub(super) fn next_ended(&self) -> Option<Timestamp> {
        self.ended.values().map(|ended| ended.muted.ends_at).min()
    }

    fn end_pause(&mut self, key: &Key, actor: Option<&str>, out: &mut Output) {
        let Some(open) = self.open.get_mut(key) else { return };
        let muted = open.muted.take();
        let began_under = muted.is_some_and(|muted| muted.under.is_some());
        self.change(key, actor, out, |alarm, now| {
            let unheard = began_under && alarm.priority_peak == Priority::High;
            Some(match (&alarm.inactivation, alarm.condition) {
                (_, Condition::Absent) if unheard => alarm.told_first(now),
                (Some(_), _) => alarm.pause_over(now),
                (None, _) => Change::EndedWhilePaused,
            })
        });
    }

    fn tell_ended(&mut self, is_due: impl Fn(&Muted) -> bool, out: &mut Output) {
        let due = self.ended.iter().filter(|(_, ended)| is_due(&ended.muted));
        let due: Vec<Key> = due.map(|(key, _)| key.clone()).collect();
        for key in due {
            let Some(Ended { mut alarm, .. }) = self.ended.remove(&key) else { continue };
            alarm.seq = out.next_seq();
            let (change, actor, context) = (Change::EndedWhilePaused, None, None);
            out.emit(TransitionBody::Alarm { change, actor, alarm: Box::new(alarm), context });
        }
    }
}
