//! How much a device may make of a patient's alarms, and of findings of the past (contract §5).
//!
//! The first word of an alarm, whatever is graver, and what calls for a person anew are told at once. All else
//! waits once its device has spent what it may tell: then one at a time, the gravest first, and as it stands by
//! then. So an alarm that a device begins and ends many times stays open, as if it had lasted.

use std::cmp::Reverse;

use minicbor::{Decode, Encode};

use super::{AlarmSubject, Book, Key, Open};
use crate::alarms::draft::technical;
use crate::model::alarm::{Alarm, Condition, Priority, State};
use crate::model::cause::Cause;
use crate::model::ids::{DeviceId, PatientId};
use crate::model::time::{Span, Timestamp};
use crate::output::transition::Change;
use crate::output::{Output, rule};
use crate::rules::NewsBudget;
use crate::text;

/// Tells that a device has spent what it may tell.
pub(crate) const OVER_BUDGET: &str = "link.over_budget";

/// What is left to a device.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Budget {
    /// When all of it is there again, in the gateway's own time.
    #[n(0)]
    full_at: Timestamp,
    /// It is announced that it was spent.
    #[n(1)]
    announced: bool,
    /// Findings that were not noted one by one, and the last of them.
    #[n(2)]
    findings: Option<Findings>,
    /// All of it but one, as a time, as it was set when something was spent last.
    #[n(3)]
    but_one: Span,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Findings {
    #[n(0)]
    count: u64,
    #[n(1)]
    last: String,
    #[n(2)]
    patient: Option<PatientId>,
}

impl Budget {
    /// Whether what can wait must wait.
    pub(super) fn is_spent(&self, now: Timestamp) -> bool {
        self.full_at - now > self.but_one
    }

    fn spend(&mut self, out: &Output) {
        let (now, NewsBudget { each, but_one }) = (out.now.at, out.news);
        self.but_one = but_one;
        self.full_at = (self.full_at.max(now) + each).min(now + but_one + each);
    }

    /// When one more may be told.
    fn one_more_at(&self) -> Timestamp {
        self.full_at - self.but_one
    }
}

impl Open {
    /// Whether people are shown it as alarming, or as paused, as it still is.
    pub(super) fn is_shown_alarming(&self) -> bool {
        match self.shown {
            None | Some(State::Alarming) => true,
            Some(State::Paused | State::Off) => self.alarm.inactivation.is_some(),
            Some(State::Acknowledged | State::Latched | State::Closed) => false,
        }
    }

    /// It is closed, and nobody was told so: it goes on as if it had been over for a moment.
    pub(super) fn reopen(&mut self) {
        if self.alarm.is_open() {
            return;
        }
        let alarm = &mut self.alarm;
        (alarm.closed_at, alarm.closed_reason) = (None, None);
        (alarm.state, alarm.condition) = (State::Alarming, Condition::Absent);
        (self.owed, self.crossing) = (None, None);
        self.ongoing.clear();
    }
}

/// Whether a device alone can make an alarm move like this, as often as it likes, and it can wait.
fn can_wait(change: Change) -> bool {
    match change {
        Change::Ended
        | Change::Latched
        | Change::Unknown
        | Change::BackPresent
        | Change::BackAbsent
        | Change::Recurred
        | Change::Retracted
        | Change::Updated
        | Change::Unfolded => true,
        Change::Raised
        | Change::Acknowledged
        | Change::AcknowledgementOver
        | Change::PriorityRose
        | Change::Unacknowledged
        | Change::Reset
        | Change::LimitChanged
        | Change::RuleChanged
        | Change::SourceUnbound
        | Change::SourceReplaced
        | Change::Discharged
        | Change::Expired
        | Change::Upgraded
        | Change::Moved
        | Change::Notified
        | Change::Unassigned
        | Change::Exhausted
        | Change::Accepted
        | Change::Rejected
        | Change::Released
        | Change::HandedOver
        | Change::ShiftOver
        | Change::Received
        | Change::Offered
        | Change::Paused
        | Change::SwitchedOff
        | Change::PauseOver
        | Change::Resumed
        | Change::EndedWhilePaused
        | Change::Reminded
        | Change::Commented => false,
    }
}

impl Book {
    /// Whether what moved waits, because the device has spent its budget. What does not wait is spent.
    pub(super) fn waits(&mut self, key: &Key, change: Change, out: &mut Output) -> bool {
        let now = out.now.at;
        let Some(open) = self.open.get_mut(key) else { return false };
        let Some(device) = open.alarm.device.clone().filter(|_| open.alarm.patient.is_some())
        else {
            return false;
        };
        self.budgets.retain(|_, budget| budget.is_needed(now));
        let stands_alone = open.shown_following && open.alarm.group.is_none();
        // Nobody answers for it by answering for another any more.
        let calls_anew = (stands_alone && open.alarm.is_open())
            || (change.announces() && !open.is_shown_alarming());
        let waits = can_wait(change) && !calls_anew;
        let spent = self.budgets.get(&device).is_some_and(|budget| budget.is_spent(now));
        if !waits || !spent {
            self.budgets.entry(device).or_default().spend(out);
            return false;
        }
        open.owed = Some(change);
        open.untold &= open.alarm.is_open();
        let alarm = &open.alarm;
        let whose = (alarm.patient.clone(), alarm.ward_now.clone(), alarm.bed_now.clone());
        let (patient, ward, bed) = (whose.0.as_ref(), whose.1.as_ref(), whose.2.as_ref());
        self.announce_spent(AlarmSubject { patient, ward, bed }, &device, out);
        true
    }

    /// Notes a finding of the past, or counts it where its device has spent its budget.
    pub fn note(
        &mut self,
        subject: AlarmSubject<'_>,
        device: &DeviceId,
        (what, text): (&'static str, String),
        out: &mut Output,
    ) {
        let now = out.now.at;
        self.budgets.retain(|_, budget| budget.is_needed(now));
        let budget = self.budgets.entry(device.clone()).or_default();
        if !budget.is_spent(now) && budget.findings.is_none() {
            budget.spend(out);
            return out.note(subject.patient, Some(device), what, text);
        }
        let count = budget.findings.as_ref().map_or(0, |findings| findings.count) + 1;
        let patient = subject.patient.cloned();
        budget.findings = Some(Findings { count, last: text, patient });
        self.announce_spent(subject, device, out);
    }

    fn announce_spent(&mut self, subject: AlarmSubject<'_>, device: &DeviceId, out: &mut Output) {
        let budget = self.budgets.entry(device.clone()).or_default();
        if std::mem::replace(&mut budget.announced, true) {
            return;
        }
        let cause = Cause::noticed(Some(device.clone()), out.wall());
        let (priority, condition) = (Priority::Medium, Condition::Present);
        let key = Key::new(rule(OVER_BUDGET), device.as_str());
        let text = text::over_budget(device);
        self.raise(
            subject,
            technical(key, Some(device), priority, condition, text, cause, out),
            out,
        );
    }

    /// When what waits of an alarm is told.
    pub(super) fn tells_at(&self, open: &Open) -> Option<Timestamp> {
        let news_at = match open.owed {
            Some(_) => Timestamp::default(),
            None => open.news_at()?,
        };
        let device = open.alarm.device.as_ref();
        let budget = device.and_then(|device| self.budgets.get(device));
        Some(budget.map_or(news_at, |budget| budget.one_more_at().max(news_at)))
    }

    /// When a budget has an end to be told, or room for a note.
    pub(super) fn next_budget(&self) -> Option<Timestamp> {
        self.budgets.values().filter_map(Budget::deadline).min()
    }

    /// Tells what waited until `due`, as far as the budgets of its devices go.
    pub(super) fn tell_what_waits(&mut self, due: Timestamp, out: &mut Output) {
        let waits = |(_, open): &(&Key, &Open)| self.tells_at(open).is_some_and(|at| at <= due);
        let waiting = self.open.iter().filter(waits);
        let mut keys: Vec<_> =
            waiting.map(|(key, open)| (Reverse(open.alarm.priority), key.clone())).collect();
        keys.sort();
        for (_, key) in keys {
            let Some(open) = self.open.get(&key) else { continue };
            if self.tells_at(open).is_none_or(|at| at > due) {
                continue;
            }
            if open.owed.is_some() {
                self.pay(&key, out);
            } else {
                self.change(&key, None, out, |alarm, now| Some(alarm.tell(now)));
            }
        }
    }

    /// What budgets are due: an end of the news that they were spent, and what was counted.
    pub(super) fn budgets_due(&mut self, out: &mut Output) {
        let now = out.now.at;
        let mut over = Vec::new();
        for (device, budget) in &mut self.budgets {
            if budget.one_more_at() <= now
                && let Some(Findings { count, last, patient }) = budget.findings.take()
            {
                budget.spend(out);
                let text = text::more_findings(count, &last);
                out.note(patient.as_ref(), Some(device), "historical", text);
            }
            if budget.announced && budget.full_at <= now {
                budget.announced = false;
                over.push(device.clone());
            }
        }
        for device in over {
            let key = Key::new(rule(OVER_BUDGET), device.as_str());
            self.change(&key, None, out, Alarm::absent);
        }
    }

    /// Tells at once what waits of an alarm.
    pub(super) fn pay(&mut self, key: &Key, out: &mut Output) {
        let Some(open) = self.open.get(key) else { return };
        let Some(change) = open.owed else { return };
        let device = open.alarm.device.as_ref();
        if let Some(budget) = device.and_then(|device| self.budgets.get_mut(device)) {
            budget.spend(out);
        }
        self.tell(key, change, None, out);
    }

    /// Alarms of which something waits.
    pub(super) fn owed(&self) -> Vec<Key> {
        let owed = self.open.iter().filter(|(_, open)| open.owed.is_some());
        owed.map(|(key, _)| key.clone()).collect()
    }

    /// Tells at once all that waits.
    pub fn pay_all(&mut self, out: &mut Output) {
        for key in self.owed() {
            self.pay(&key, out);
        }
    }
}

impl Budget {
    fn is_needed(&self, now: Timestamp) -> bool {
        self.full_at > now || self.announced || self.findings.is_some()
    }

    fn deadline(&self) -> Option<Timestamp> {
        let findings = self.findings.is_some().then(|| self.one_more_at());
        let over = self.announced.then_some(self.full_at);
        findings.into_iter().chain(over).min()
    }
}
