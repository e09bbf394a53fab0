//! What of the log a channel has to send, in its order. Calls wait for the disk.

use std::sync::Arc;

use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::Change;
use vitalgate_store::reader::TransitionRow;
use vitalgate_store::{ReadError, Reader};

use super::event::Event;
use super::selection::Selection;
use crate::answers::{Answers, Replies};
use crate::pipeline::stored;

/// Transitions read at a time.
const PAGE: usize = 256;

/// The log, as one channel sees it.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) reader: Reader,
    pub(super) selection: Selection,
    /// The store it is of.
    pub(super) store: String,
    /// By which whoever is called answers.
    pub(super) answers: Arc<Answers>,
}

/// A page of the log.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What is to be sent of it.
    pub(super) events: Vec<Event>,
    /// The last transition looked at; `None` where there was none.
    pub(super) upto: Option<u64>,
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The gravest that calls somebody, among the next ones.
    pub(super) gravest: Option<Priority>,
    /// When the oldest of all that waits happened.
    pub(super) since: Timestamp,
}

impl Outbox {
    /// What follows transition `seq`.
    pub(super) fn after(&self, seq: u64) -> Result<Page, ReadError> {
        let rows = self.reader.alarms_after(seq, PAGE)?;
        let upto = rows.last().map(|row| row.seq);
        Ok(Page { events: rows.into_iter().filter_map(|row| self.event(row)).collect(), upto })
    }

    /// Of each of these alarms its last transition: what a channel that begins has to tell.
    pub(super) fn of_alarms(&self, alarms: &[AlarmId]) -> Result<Vec<Event>, ReadError> {
        let mut events = Vec::new();
        for alarm in alarms {
            let mut history = self.reader.alarm_history(alarm)?;
            let event = history.pop().and_then(|row| self.event(row));
            events.extend(event.map(|event| Event { begins: true, ..event }));
        }
        events.sort_by_key(|event| event.seq);
        Ok(events)
    }

    /// What waits after transition `seq`, `first` before all of it.
    pub(super) fn waiting(&self, first: &Event, seq: u64) -> Result<Waiting, ReadError> {
        let behind = self.after(seq)?.events;
        let calls = [first].into_iter().chain(&behind).filter_map(Event::calls);
        Ok(Waiting { gravest: calls.max(), since: first.at })
    }

    /// When an alarm was over, for good; `None` while it is open. What is not kept any more was over long ago.
    pub(super) fn closed(&self, alarm: &AlarmId) -> Result<Option<Timestamp>, ReadError> {
        let Some(last) = self.reader.alarm_history(alarm)?.pop() else {
            return Ok(Some(Timestamp::default()));
        };
        let is_open = stored::alarm(&last.body).is_ok_and(|alarm| alarm.closed_at.is_none());
        Ok((!is_open).then_some(last.at))
    }

    /// An erased body is no alarm any more: nothing is said of it.
    pub(super) fn event(&self, row: TransitionRow) -> Option<Event> {
        let alarm = stored::alarm(&row.body).ok().filter(|alarm| self.selection.takes(alarm))?;
        let event = Event::of(&self.store, row, alarm)?;
        if self.selection.is_somebodys() {
            let called = event.alarm.responsibility.as_ref();
            let calls = called.is_some_and(|r| r.calls_by(&self.selection.channel, event.seq));
            let replies = if calls { self.replies(&event) } else { None };
            let event = Event { calls_them: Some(calls), replies, ..event };
            return self.selection.is_for_them(&event).then_some(event);
        }
        let begins = event.change == Change::Moved && self.came_from_elsewhere(&event);
        Some(Event { begins, ..event })
    }

    /// The links of whoever is told, where the channel is that person's own: what others read is no answer of theirs.
    fn replies(&self, event: &Event) -> Option<Replies> {
        let person = self.selection.whose()?;
        let told = &event.alarm.responsibility.as_ref()?.told;
        let is_told = told.iter().any(|told| {
            told.to == person.as_str()
                && told.seq == event.seq
                && told.channel.as_ref() == Some(&self.selection.channel)
        });
        is_told.then(|| self.answers.to(&person, &event.alarm.id, event.seq, event.at))
    }

    /// Whether an alarm that moved was in none of the channel's wards before. What cannot be read counts as such.
    fn came_from_elsewhere(&self, event: &Event) -> bool {
        let history = self.reader.alarm_history(&event.alarm.id).unwrap_or_default();
        let before = history.iter().rev().find(|row| row.seq < event.seq);
        let before = before.and_then(|row| stored::alarm(&row.body).ok());
        !before.is_some_and(|alarm| self.selection.takes(&alarm))
    }
}
