//! How the signals of one alarm are kept back, and come back: rows 2 and 14 to 18 of contract §5.
//!
//! Times are shown times.

use super::lifecycle::Refusal;
use super::said::{self, is_said};
use crate::model::alarm::{Alarm, Condition, Priority, State};
use crate::model::command::Outcome;
use crate::model::pause::{How, Inactivation, Pause, What};
use crate::model::time::{Span, Timestamp};
use crate::output::transition::Change;

/// What is switched off, and a pause of a scope, has an end no further away than this: longer is forgotten.
pub const LONGEST: Span = Span::hours(24);

/// The longest pause of an alarm of a priority, and how long pauses hold the ladder of who is called in all.
pub const fn longest_pause(priority: Priority) -> Span {
    match priority {
        Priority::High => Span::mins(2),
        Priority::Medium => Span::mins(10),
        Priority::Low | Priority::Info => Span::mins(60),
    }
}

impl Alarm {
    /// A person keeps its signals back for a while: row 14.
    pub fn pause(
        &mut self,
        by: &str,
        (what, reason): (What, Option<&str>),
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        self.is_to_be_open()?;
        if reason.is_some_and(|reason| !reason.is_empty() && !is_said(reason)) {
            let most = said::LONGEST;
            return Err(invalid(format!(
                "a reason has 1 to {most} bytes, and something to be seen"
            )));
        }
        let longest = longest_pause(self.priority);
        let until = until.unwrap_or(now + longest);
        if until <= now {
            return Err(invalid("a pause has its end before it"));
        }
        if until > now + longest {
            let minutes = longest.as_micros() / Span::mins(1).as_micros();
            let priority = self.priority;
            return Err(invalid(format!("a {priority} alarm is paused for {minutes} min at most")));
        }
        self.inactivate(by, (what, How::Paused), reason, (now, until));
        Ok(Change::Paused)
    }

    /// It is high and nobody has heard of it: whoever pauses it anew keeps it back no longer than it was already.
    pub(super) fn pause_no_longer_than(&mut self, end: Timestamp) {
        if let Some(kept_back) = self.inactivation.as_mut() {
            kept_back.until = kept_back.until.min(end);
        }
    }

    /// A person keeps them back for as long as the reason for it lasts: row 14.
    pub fn switch_off(
        &mut self,
        by: &str,
        (what, reason): (What, Option<&str>),
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        self.is_to_be_open()?;
        let Some(reason) = reason.filter(|reason| is_said(reason)) else {
            let detail = format!(
                "a reason is needed to switch an alarm off, of {} bytes at most",
                said::LONGEST
            );
            return Err(invalid(detail));
        };
        let Some(until) = until.filter(|until| now < *until && *until <= now + LONGEST) else {
            return Err(invalid("an alarm is switched off until a time of the next 24 h"));
        };
        self.inactivate(by, (what, How::Off), Some(reason), (now, until));
        Ok(Change::SwitchedOff)
    }

    /// A person keeps them back no more: row 15, before its time.
    pub fn resume(&mut self, now: Timestamp) -> Result<Change, Refusal> {
        self.is_to_be_open()?;
        if self.inactivation.is_none() {
            return Err(Refusal {
                outcome: Outcome::AlreadySo,
                detail: "nobody has paused it".to_owned(),
            });
        }
        Ok(self.pause_over(now))
    }

    /// Its pause is at its end: row 15. What was over before waits for a person as before.
    pub fn pause_over(&mut self, now: Timestamp) -> Change {
        if self.condition == Condition::Absent {
            (self.inactivation, self.acknowledged) = (None, None);
            self.state = State::Latched;
            return Change::Resumed;
        }
        self.announce(now);
        Change::PauseOver
    }

    /// It began, and was over, under a pause, and nobody has ever heard of it: it is announced as it is.
    pub(super) fn told_first(&mut self, now: Timestamp) -> Change {
        (self.inactivation, self.acknowledged) = (None, None);
        (self.state, self.announced_at) = (State::Latched, now);
        Change::PauseOver
    }

    /// It begins under a pause: row 2. It is paused no longer than any alarm of its priority.
    pub fn begin_under(&mut self, pause: &Pause, now: Timestamp) {
        let until = pause.until.min(now + longest_pause(self.priority));
        let how = (What::Alarm, How::Paused);
        self.inactivate(&pause.by, how, Some(&pause.reason), (now, until));
    }

    /// Until when the ladder of who is called waits, if it does: for an end of what is more than a pause of sound, as long as
    /// one of its priority may be at most (row 2). A pause of sound never stops or delays it (row 14).
    pub fn ladder_held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let kept_back = self.inactivation.as_ref().filter(|one| one.what == What::Alarm)?;
        let until = kept_back.until.min(kept_back.at + longest_pause(self.priority));
        Some(until).filter(|until| *until > now)
    }

    /// How often people are reminded that it is switched off.
    pub(super) fn reminded_every(&self) -> Option<Span> {
        let off = self.inactivation.as_ref().is_some_and(|one| one.how == How::Off);
        off.then(|| longest_pause(self.priority))
    }

    fn is_to_be_open(&self) -> Result<(), Refusal> {
        if self.is_open() { Ok(()) } else { Err(Refusal::conflict("the alarm is closed")) }
    }

    fn inactivate(
        &mut self,
        by: &str,
        (what, how): (What, How),
        reason: Option<&str>,
        (at, until): (Timestamp, Timestamp),
    ) {
        let (by, reason) = (by.to_owned(), reason.map(str::to_owned));
        self.inactivation = Some(Inactivation { what, how, by, reason, at, until });
        self.state = match how {
            How::Paused => State::Paused,
            How::Off => State::Off,
        };
    }
}

fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal { outcome: Outcome::Invalid, detail: detail.into() }
}
