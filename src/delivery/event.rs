//! Something to send: one transition of an alarm.

use super::words::ends;
use crate::answers::Replies;
use vitalgate_domain::model::alarm::{Alarm, Priority};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::Change;
use vitalgate_store::reader::TransitionRow;

/// One transition, and the alarm as it was then.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// Its place in the log.
    pub(super) seq: u64,
    /// When it happened, by the clock shown.
    pub(super) at: Timestamp,
    /// What happened.
    pub(super) change: Change,
    /// The alarm.
    pub(super) alarm: Alarm,
    /// The alarm as it was stored.
    pub(super) stored: String,
    /// The store it is from: a copy that is restored has numbers of its own.
    pub(super) store: String,
    /// The channel hears of the alarm for the first time, so that what stands calls.
    pub(super) begins: bool,
    /// Of a channel that is somebody's: whether they are called, or hear what became of what they were called for.
    pub(super) calls_them: Option<bool>,
    /// Of a channel that is one person's own: the links by which that person answers what calls them.
    pub(super) replies: Option<Replies>,
}

impl Event {
    /// Of a transition and the alarm it moved; `None` for a word of a later version.
    pub(super) fn of(store: &str, row: TransitionRow, alarm: Alarm) -> Option<Self> {
        let (store, change) = (store.to_owned(), Change::of_word(&row.change)?);
        Some(Self {
            seq: row.seq,
            at: row.at,
            change,
            alarm,
            stored: row.body,
            store,
            begins: false,
            calls_them: None,
            replies: None,
        })
    }

    /// What it is known by on the other side, however often it is sent.
    pub(super) fn key(&self) -> String {
        format!("{}-{}-{}", self.alarm.id, self.store, self.seq)
    }

    /// How grave what it calls for is; `None` where it calls nobody.
    pub(super) fn calls(&self) -> Option<Priority> {
        if let Some(calls) = self.calls_them {
            return calls.then_some(self.alarm.priority);
        }
        let stands = self.begins && self.alarm.calls();
        let announces = self.change.announces() || stands;
        (announces && !self.alarm.is_shown_only()).then_some(self.alarm.priority)
    }

    /// Whether a person is written to: it calls somebody, or says what became of what called.
    pub(super) fn is_for_people(&self) -> bool {
        self.calls().is_some() || ends(self) && !self.alarm.is_shown_only()
    }

    /// Where the patient lies; `None` for what belongs to no patient.
    pub(super) fn place(&self) -> Option<String> {
        let alarm = &self.alarm;
        let bed = alarm.bed_now.as_ref().or(alarm.bed.as_ref());
        let place = match (alarm.ward_shown(), bed) {
            (Some(ward), Some(bed)) => format!("{ward}, {bed}"),
            (Some(ward), None) => ward.to_string(),
            (None, _) if alarm.patient.is_some() => "a patient in no ward".to_owned(),
            (None, _) => return None,
        };
        Some(place)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use vitalgate_domain::model::alarm::State;
    use vitalgate_domain::model::pause::{How, Inactivation, What};

    use super::*;
    use crate::pipeline::stored::{alarm, tests::BODY};

    /// Transition 7, of [`BODY`] with a change.
    pub(crate) fn event(change: Change, edit: impl FnOnce(&mut Alarm)) -> Event {
        let mut alarm = alarm(BODY).unwrap();
        edit(&mut alarm);
        Event {
            seq: 7,
            at: alarm.raised_at,
            change,
            alarm,
            stored: BODY.to_owned(),
            store: "S1".into(),
            begins: false,
            calls_them: None,
            replies: None,
        }
    }

    /// The same, calling `n1` by a channel of their own.
    pub(crate) fn call(public: Option<&str>) -> Event {
        let dir = tempfile::tempdir().unwrap();
        let raised = event(Change::Raised, |_| {});
        let answers = crate::answers::tests::answers(dir.path(), &raised.store, public);
        let replies = answers.to(&"n1".parse().unwrap(), &raised.alarm.id, raised.seq, raised.at);
        Event { calls_them: Some(true), replies: Some(replies), ..raised }
    }

    #[test]
    fn what_is_only_shown_or_ends_calls_nobody() {
        let calls = |change, edit: fn(&mut Alarm)| event(change, edit).calls();
        assert_eq!(calls(Change::Raised, |_| {}), Some(Priority::High));
        assert_eq!(calls(Change::Ended, |_| {}), None);
        assert_eq!(calls(Change::Raised, |alarm| alarm.group = Some("A0".into())), None);
        assert_eq!(calls(Change::Raised, |alarm| alarm.priority = Priority::Info), None);
    }

    #[test]
    fn what_is_muted_calls_nobody_and_what_is_paused_in_sound_alone_does() {
        let calls = |what| {
            event(Change::BackPresent, |alarm| {
                let (by, reason, at) = ("anna".to_owned(), None, alarm.raised_at);
                let kept = Inactivation { what, how: How::Paused, by, reason, at, until: at };
                (alarm.state, alarm.inactivation) = (State::Paused, Some(kept));
            })
            .calls()
        };
        assert_eq!((calls(What::Alarm), calls(What::Audio)), (None, Some(Priority::High)));
    }

    #[test]
    fn what_stands_when_a_channel_begins_calls_whatever_moved_last() {
        let calls = |state| {
            let moved = event(Change::Moved, |alarm| alarm.state = state);
            Event { begins: true, ..moved }.calls()
        };
        assert_eq!(calls(State::Alarming), Some(Priority::High));
        assert_eq!((calls(State::Acknowledged), calls(State::Latched)), (None, None));
    }

    #[test]
    fn a_place_is_where_the_patient_lies_now() {
        let place = |edit: fn(&mut Alarm)| event(Change::Raised, edit).place();
        assert_eq!(place(|_| {}).unwrap(), "icu, icu-2");
        assert_eq!(place(|alarm| (alarm.bed, alarm.bed_now) = (None, None)).unwrap(), "icu");
        let nowhere = |alarm: &mut Alarm| (alarm.ward, alarm.ward_now) = (None, None);
        assert_eq!(place(nowhere).unwrap(), "a patient in no ward", "who it is, is nobody else's");
        let gateway = |alarm: &mut Alarm| {
            (alarm.patient, alarm.ward, alarm.ward_now) = (None, None, None);
        };
        assert_eq!(place(gateway), None);
    }
}
