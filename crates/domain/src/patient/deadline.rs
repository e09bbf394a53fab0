//! Which deadline of a patient is decided next, and when (contract §3).

use super::{Deadline, KINDS, Patient, RuleContext};
use crate::model::time::{IntakeGap, Span, Timestamp};
use crate::rules::Level;

/// The deadline of a patient that is decided first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due<'r> {
    /// When it is decided.
    pub decided: Timestamp,
    /// When it falls.
    pub at: Timestamp,
    /// What falls.
    pub deadline: Deadline<'r>,
}

impl Due<'_> {
    /// Of which limit a delay runs out, if it is one.
    pub(super) fn level(&self) -> Option<Level> {
        if let Deadline::Delay { level, .. } = self.deadline { Some(level) } else { None }
    }
}

/// When what falls for want of data is decided.
#[derive(Clone, Copy, Debug)]
pub struct Intake<'a> {
    /// It may stand still since then: what falls then or later is held back.
    pub held: Option<Timestamp>,
    /// It stood still then.
    pub gaps: &'a [IntakeGap],
}

/// What falls in a window in which nothing was taken in, or this soon after it, is put off until then: as long as
/// senders need to catch up.
const CATCHING_UP: Span = Span::secs(10);

impl Intake<'_> {
    /// Whether what falls then for want of data is decided by now.
    pub(super) fn is_decided(&self, due: Timestamp, now: Timestamp) -> bool {
        self.decided(due).is_some_and(|decided| decided <= now)
    }

    /// When something falls for want of data, and when that is decided; `None` while intake may stand still.
    pub(super) fn due<'r>(&self, at: Timestamp, deadline: Deadline<'r>) -> Option<Due<'r>> {
        self.decided(at).map(|decided| Due { decided, at, deadline })
    }

    fn decided(&self, due: Timestamp) -> Option<Timestamp> {
        if self.held.is_some_and(|held| due >= held) {
            return None;
        }
        let covers = |(from, to): &&IntakeGap| due > *from && due < *to + CATCHING_UP;
        Some(self.gaps.iter().find(covers).map_or(due, |(_, to)| *to + CATCHING_UP))
    }
}

/// The earliest of the deadlines offered.
pub(super) struct Earliest<'r, 'a> {
    intake: Intake<'a>,
    first: Option<Due<'r>>,
}

impl<'r> Earliest<'r, '_> {
    /// Offers a deadline that falls for want of data.
    pub(super) fn offer(&mut self, at: Timestamp, deadline: Deadline<'r>) {
        if let Some(due) = self.intake.due(at, deadline) {
            self.take(due);
        }
    }

    /// Offers a deadline that falls whatever comes.
    pub(super) fn offer_surely(&mut self, at: Timestamp, deadline: Deadline<'r>) {
        self.take(Due { decided: at, at, deadline });
    }

    fn take(&mut self, due: Due<'r>) {
        if self.first.is_none_or(|first| due < first) {
            self.first = Some(due);
        }
    }
}

impl Patient {
    /// The deadline that is decided first, in the gateway's own time.
    pub fn next_deadline<'r>(&self, context: RuleContext<'r>) -> Option<Due<'r>> {
        if self.discharged_at.is_some() {
            return None;
        }
        let mut earliest = Earliest { intake: context.intake, first: None };
        for kind in KINDS {
            kind.deadlines(self, context, &mut earliest);
        }
        if let Some((at, deadline)) = self.no_device_due() {
            earliest.offer(at, deadline);
        }
        // What an alarm waits for is no data.
        if let Some(at) = self.alarms.next_deadline() {
            earliest.offer_surely(at, Deadline::Alarm);
        }
        earliest.first
    }
}
