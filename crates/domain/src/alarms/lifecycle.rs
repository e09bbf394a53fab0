//! How one alarm moves: the rows of contract §5 that concern a single alarm.
//!
//! Each function returns the change it made, or `None` when nothing changed. Times are shown times.

use super::said::{LONGEST, is_said};
use crate::model::alarm::{
    Acknowledgement, Alarm, AlarmKind, Condition, Priority, Response, State,
};
use crate::model::command::Outcome;
use crate::model::pause::Comment;
use crate::model::time::{Span, Timestamp};
use crate::output::transition::Change;

/// Why a command about an alarm was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Already so, or a conflict.
    pub outcome: Outcome,
    /// In words.
    pub detail: String,
}

impl Refusal {
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Conflict, detail: detail.into() }
    }
}

/// How long an acknowledgement of an alarm holds: 10 min for high, 60 min otherwise; of a patient's equipment never
/// less than 30 min (contract §5).
pub fn acknowledged_for(alarm: &Alarm) -> Span {
    let of_equipment = alarm.kind == AlarmKind::Technical && alarm.patient.is_some();
    match alarm.priority {
        Priority::High if of_equipment => Span::mins(30),
        Priority::High => Span::mins(10),
        Priority::Medium | Priority::Low | Priority::Info => Span::mins(60),
    }
}

impl Alarm {
    /// The condition is known to hold, at this priority: rows 7, 12, 20, 21. The gravest it has reached stands until
    /// the alarm is closed.
    pub fn present(
        &mut self,
        priority: Priority,
        response: Response,
        now: Timestamp,
    ) -> Option<Change> {
        let (was, rises) = (self.condition, priority > self.priority);
        if was != Condition::Present {
            self.condition = Condition::Present;
            self.condition_since = now;
            self.condition_reason = None;
            self.ended_at = None;
        }
        self.reach(priority, response);
        match was {
            Condition::Unknown => {
                if rises {
                    self.announce(now);
                } else {
                    self.call_again(now);
                }
                Some(Change::BackPresent)
            }
            Condition::Absent | Condition::Momentary => {
                self.recurrence += 1;
                self.late = false;
                self.announce(now);
                Some(Change::Recurred)
            }
            // One loss is announced once, however it goes on, until it is high or somebody has answered.
            Condition::Present
                if rises
                    && self.kind == AlarmKind::Technical
                    && self.patient.is_some()
                    && priority < Priority::High
                    && self.acknowledged.is_none()
                    && self.quiet_until.is_none()
                    && self.inactivation.is_none() =>
            {
                Some(Change::Updated)
            }
            Condition::Present if rises => {
                self.announce(now);
                Some(Change::PriorityRose)
            }
            Condition::Present => None,
        }
    }

    /// No alarm becomes less grave, or less urgent, before it is closed.
    pub fn reach(&mut self, priority: Priority, response: Response) {
        // The most urgent response is the least.
        self.response = self.response.min(response);
        self.priority = self.priority.max(priority);
        self.priority_peak = self.priority_peak.max(priority);
    }

    /// The same alarm began once more by another cause, perhaps some time ago: rows 12 and 20.
    pub fn recur(&mut self, condition: Condition, late: bool, now: Timestamp) -> Change {
        self.condition = condition;
        self.condition_since = now;
        self.late = late;
        self.recurrence += 1;
        self.ended_at = None;
        self.announce(now);
        Change::Recurred
    }

    /// The condition is known to be over: rows 4, 5, 8, 11, 16.
    pub fn absent(&mut self, now: Timestamp) -> Option<Change> {
        let after_gap = match self.condition {
            Condition::Absent | Condition::Momentary => return None,
            Condition::Unknown => true,
            Condition::Present => false,
        };
        self.condition = Condition::Absent;
        self.condition_since = now;
        self.condition_reason = after_gap.then(|| "ended_after_gap".to_owned());
        self.ended_at = Some(now);
        let looked_at = self.state == State::Acknowledged;
        let paused = self.inactivation.is_some();
        if self.latches() && !looked_at {
            self.latch();
            Some(if after_gap { Change::BackAbsent } else { Change::Latched })
        } else {
            let reason = match (paused, after_gap) {
                (true, _) => "ended_while_paused",
                (false, true) => "ended_after_gap",
                (false, false) => "ended",
            };
            self.close(reason, now);
            Some(Change::Ended)
        }
    }

    /// The data that would decide are missing: row 6. No timer stops, nothing ends.
    pub fn input_lost(&mut self, reason: &str, now: Timestamp) -> Option<Change> {
        if self.condition != Condition::Present {
            return None;
        }
        self.condition = Condition::Unknown;
        self.condition_since = now;
        self.condition_reason = Some(reason.to_owned());
        Some(Change::Unknown)
    }

    /// A limit was changed so that the value is inside: row 22.
    pub fn limit_changed(&mut self, now: Timestamp) -> Option<Change> {
        match self.condition {
            Condition::Present | Condition::Unknown => {}
            Condition::Absent | Condition::Momentary => return None,
        }
        self.condition = Condition::Absent;
        self.condition_since = now;
        self.condition_reason = Some("limit_changed".to_owned());
        self.ended_at = Some(now);
        if self.latches() {
            self.latch();
        } else {
            self.close("limit_changed", now);
        }
        Some(Change::LimitChanged)
    }

    /// A person takes note: row 9, row 18, and row 19 for a latched alarm.
    pub fn acknowledge(
        &mut self,
        by: &str,
        seen: u64,
        holds: Span,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        match self.state {
            State::Paused | State::Off if self.condition == Condition::Absent => {
                self.close("reset", now);
                Ok(Change::Reset)
            }
            State::Alarming | State::Paused | State::Off => {
                self.inactivation = None;
                let until = (self.condition != Condition::Momentary).then(|| now + holds);
                self.acknowledged =
                    Some(Acknowledgement { by: by.to_owned(), at: now, until, seq: seen });
                self.state = State::Acknowledged;
                Ok(Change::Acknowledged)
            }
            State::Latched => {
                self.close("reset", now);
                Ok(Change::Reset)
            }
            State::Acknowledged => {
                let who = self.acknowledged.as_ref();
                Err(Refusal {
                    outcome: Outcome::AlreadySo,
                    detail: who.map_or_else(String::new, |a| {
                        format!("acknowledged by {} at {}", a.by, a.at)
                    }),
                })
            }
            State::Closed => Err(Refusal::conflict("the alarm is closed")),
        }
    }

    /// Who acknowledged it gives it back to others: that announces nothing.
    pub(super) fn give_back(&mut self) {
        self.acknowledged = None;
        if self.state == State::Acknowledged {
            self.state = State::Alarming;
        }
    }

    /// A person takes it back: row 13.
    pub fn unacknowledge(&mut self, now: Timestamp) -> Result<Change, Refusal> {
        match self.state {
            State::Acknowledged | State::Paused | State::Off if self.acknowledged.is_some() => {
                self.call_again(now);
                Ok(Change::Unacknowledged)
            }
            State::Alarming | State::Acknowledged | State::Paused | State::Off | State::Latched => {
                Err(Refusal {
                    outcome: Outcome::AlreadySo,
                    detail: "nobody has acknowledged it".to_owned(),
                })
            }
            State::Closed => Err(Refusal::conflict("the alarm is closed")),
        }
    }

    /// A person ends it: row 19, row 24 for an alarm whose source is gone, and with a reason one that holds and that
    /// nothing else may ever end (`resettable`).
    pub fn reset(
        &mut self,
        reason: Option<&str>,
        resettable: bool,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        if self.state == State::Closed {
            return Err(Refusal::conflict("the alarm is closed"));
        }
        match self.condition {
            Condition::Present if !(resettable && reason.is_some_and(|r| !r.trim().is_empty())) => {
                Err(Refusal::conflict("the condition is present"))
            }
            Condition::Unknown if reason.is_none_or(|r| r.trim().is_empty()) => Err(
                Refusal::conflict("the condition is unknown: a reason is needed to end the alarm"),
            ),
            Condition::Present | Condition::Unknown | Condition::Absent | Condition::Momentary => {
                self.condition_reason = reason.map(str::to_owned).or(self.condition_reason.take());
                self.close("reset", now);
                Ok(Change::Reset)
            }
        }
    }

    /// It is announced that was kept back: what it followed from is over, or the hour in which it was told twice.
    pub fn unfolded(&mut self, now: Timestamp) -> Change {
        self.call_again(now);
        Change::Unfolded
    }

    /// Tells what came right after it was told before.
    pub fn tell(&mut self, now: Timestamp) -> Change {
        self.recurrence += 1;
        self.announce(now);
        Change::Recurred
    }

    /// The acknowledgement ran out and the condition may still hold: row 10.
    pub fn acknowledgement_over(&mut self, now: Timestamp) -> Change {
        self.call_again(now);
        Change::AcknowledgementOver
    }

    /// An older version of the core announced it, and this one does not hold it: it stays until a
    /// person closes it.
    pub fn kept(&mut self, now: Timestamp) -> Change {
        if self.condition != Condition::Absent {
            self.condition = Condition::Absent;
            self.condition_since = now;
        }
        self.condition_reason = Some("upgraded".to_owned());
        self.ended_at.get_or_insert(now);
        self.latch();
        Change::Upgraded
    }

    /// This version of the core alone holds it, and announces it now. Whatever was made of it before
    /// was made of another alarm.
    pub fn announce_first(&mut self, now: Timestamp) -> Change {
        let state = self.state;
        self.announce(now);
        if state == State::Latched {
            self.state = state;
        }
        Change::Raised
    }

    /// This version of the core holds it, and an older one announced it otherwise. The judgement of
    /// this one counts, but the alarm is never less grave than it was, and an acknowledgement or a pause that
    /// the older one does not know is void.
    pub fn settle_with(&mut self, announced: &Self) -> Option<Change> {
        self.priority_peak = self.priority_peak.max(announced.priority_peak);
        if announced.inactivation.is_none() && self.inactivation.take().is_some() {
            self.state = match (self.condition, &self.acknowledged) {
                (Condition::Absent, _) => State::Latched,
                (_, Some(_)) => State::Acknowledged,
                (_, None) => State::Alarming,
            };
        }
        if announced.acknowledged.is_none()
            && self.acknowledged.take().is_some()
            && self.state == State::Acknowledged
        {
            self.state = State::Alarming;
        }
        (self.gist() != announced.gist()).then_some(Change::Upgraded)
    }

    /// What people act on.
    fn gist(&self) -> impl PartialEq {
        (
            (self.state, self.condition, self.acknowledged.clone(), self.inactivation.clone()),
            (self.priority, self.priority_peak, self.response),
            (self.text.clone(), self.late, self.recurrence),
        )
    }

    /// It is over, and stays until a person looks; nothing else holds of it.
    fn latch(&mut self) {
        (self.acknowledged, self.inactivation) = (None, None);
        self.state = State::Latched;
    }

    /// Somebody said something of it.
    pub fn comment(&mut self, by: &str, text: &str, now: Timestamp) -> Result<Change, Refusal> {
        let (said, by) = (text.trim(), by.to_owned());
        if self.state == State::Closed {
            return Err(Refusal::conflict("the alarm is closed"));
        }
        if !is_said(said) {
            let detail = format!("a comment has 1 to {LONGEST} bytes, and something to be seen");
            return Err(Refusal { outcome: Outcome::Invalid, detail });
        }
        self.comment = Some(Comment { by, at: now, text: said.to_owned() });
        Ok(Change::Commented)
    }

    /// Closes for a reason.
    pub fn close(&mut self, reason: &str, now: Timestamp) {
        self.inactivation = None;
        self.state = State::Closed;
        self.closed_at = Some(now);
        self.closed_reason = Some(reason.to_owned());
    }

    /// Announces what is no worse than before: whatever acknowledgement there was is void, and a pause stays.
    fn call_again(&mut self, now: Timestamp) {
        if self.inactivation.is_none() {
            return self.announce(now);
        }
        self.acknowledged = None;
        if !self.is_muted() {
            self.announced_at = now;
        }
    }

    /// Announces anew; whatever acknowledgement or pause there was is void.
    pub(super) fn announce(&mut self, now: Timestamp) {
        (self.acknowledged, self.inactivation) = (None, None);
        self.state = State::Alarming;
        self.announced_at = now;
    }
}
