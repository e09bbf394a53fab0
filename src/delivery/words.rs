//! What a person reads of an event.

use super::event::Event;
use crate::answers::Answer;
use crate::config::Detail;
use vitalgate_domain::model::alarm::{AlarmKind, Priority};
use vitalgate_domain::output::transition::Change;

/// A headline, and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) title: String,
    pub(super) message: String,
}

impl Words {
    /// Of an event: where, how grave, and as much of what it is as may be read by whoever holds the phone.
    pub(super) fn of(event: &Event, detail: Detail) -> Self {
        let alarm = &event.alarm;
        let place = event.place().unwrap_or_else(|| "Gateway".to_owned());
        let simulated = if alarm.simulated { "SIMULATED " } else { "" };
        let title = format!("{simulated}{}: {place}", lead(event));
        let shown = detail == Detail::Full || alarm.patient.is_none();
        let message = match (shown, alarm.kind) {
            (true, _) => alarm.text.clone(),
            (false, AlarmKind::Physiological) => {
                "Open the page: an alarm of the patient".to_owned()
            }
            (false, AlarmKind::Technical) => "Open the page: an alarm of the equipment".to_owned(),
        };
        Self { title, message }
    }

    /// Of what calls nobody.
    pub(super) fn of_test() -> Self {
        let (title, message) = ("vitalgate".to_owned(), "A test: this channel works".to_owned());
        Self { title, message }
    }
}

/// What a person reads first: how grave it is, or what became of it.
pub(super) fn lead(event: &Event) -> &'static str {
    if event.calls().is_none() {
        return outcome(event.change);
    }
    match event.alarm.priority {
        Priority::High => "High",
        Priority::Medium => "Medium",
        Priority::Low | Priority::Info => "Low",
    }
}

/// What stands on the button of an answer.
pub(super) fn label(answer: Answer) -> &'static str {
    match answer {
        Answer::Accept => "Accept",
        Answer::Acknowledge => "Acknowledge",
        Answer::Reject => "I cannot",
    }
}

/// How grave it is in the words of whoever watches machines.
pub(super) fn severity(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "critical",
        Priority::Medium => "error",
        Priority::Low => "warning",
        Priority::Info => "info",
    }
}

/// Whether somebody who was told of an alarm should hear of the change as well.
pub(super) fn ends(event: &Event) -> bool {
    // That is told at the end of the pause.
    let ended_while_paused = event.change == Change::Ended
        && event.alarm.closed_reason.as_deref() == Some("ended_while_paused");
    !ended_while_paused && !outcome(event.change).is_empty()
}

/// What became of an alarm, in a word; empty where nobody need hear of it.
fn outcome(change: Change) -> &'static str {
    match change {
        Change::EndedWhilePaused => "Over while paused",
        Change::Ended | Change::Latched | Change::BackAbsent | Change::LimitChanged => "Over",
        Change::Acknowledged | Change::Accepted | Change::HandedOver => "Taken",
        Change::Retracted => "Told in error",
        Change::Reset
        | Change::RuleChanged
        | Change::SourceReplaced
        | Change::Discharged
        | Change::Expired => "Closed",
        Change::Raised
        | Change::Unknown
        | Change::BackPresent
        | Change::AcknowledgementOver
        | Change::PriorityRose
        | Change::Recurred
        | Change::Unacknowledged
        | Change::SourceUnbound
        | Change::Updated
        | Change::Upgraded
        | Change::Moved
        | Change::Unfolded
        | Change::Notified
        | Change::Unassigned
        | Change::Exhausted
        | Change::Rejected
        | Change::Released
        | Change::ShiftOver
        | Change::Received
        | Change::Offered
        | Change::Paused
        | Change::SwitchedOff
        | Change::PauseOver
        | Change::Resumed
        | Change::Reminded
        | Change::Commented => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;

    #[test]
    fn a_phone_shows_where_and_how_grave_and_no_more_unless_it_may() {
        let raised = event(Change::Raised, |_| {});
        let place = Words::of(&raised, Detail::Place);
        assert_eq!(place.title, "High: icu, icu-2");
        assert!(!place.message.contains("84"), "{place:?}");
        assert_eq!(Words::of(&raised, Detail::Full).message, "SpO2 84 % below 88 %");
        let over = Words::of(&event(Change::Latched, |_| {}), Detail::Place);
        assert_eq!(over.title, "Over: icu, icu-2");
        let made = Words::of(&event(Change::Raised, |alarm| alarm.simulated = true), Detail::Place);
        assert_eq!(made.title, "SIMULATED High: icu, icu-2");
        let gateway = event(Change::Raised, |alarm| {
            (alarm.patient, alarm.ward, alarm.ward_now) = (None, None, None);
        });
        let words = Words::of(&gateway, Detail::Place);
        assert_eq!((&*words.title, &*words.message), ("High: Gateway", "SpO2 84 % below 88 %"));
    }
}
