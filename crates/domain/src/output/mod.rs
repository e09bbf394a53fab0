//! What a step puts out: transitions with their numbers, readings for the history, counts.

pub mod context;
pub mod transition;

use std::sync::Arc;

use crate::model::alarm::Priority;
use crate::model::duty::DutyPlan;
use crate::model::fate::Fate;
use crate::model::ids::{AlarmId, ChannelId, DeviceId, PatientId, RuleId, SiteId, TeamId, WardId};
use crate::model::input::FailedSignIns;
use crate::model::message::DeadLetter;
use crate::model::pause::Pause;
use crate::model::sample::{Sample, WordSample, flag};
use crate::model::synthetic::SyntheticSeen;
use crate::model::time::{Stamp, Timestamp};
use crate::model::vector_map::VectorMap;
use crate::output::transition::{Transition, TransitionBody};
use crate::rules::NewsBudget;

/// Collects what one batch puts out.
#[derive(Debug)]
pub struct Output {
    /// The stamp of the step.
    pub now: Stamp,
    /// Transitions in order.
    pub transitions: Vec<Transition>,
    /// Numbers for the history, each with its place among all numbers of the row.
    pub samples: Vec<(u32, Sample)>,
    /// What was said in place of a number, for the history.
    pub words: Vec<WordSample>,
    /// Readings and messages by fate.
    pub fates: VectorMap<Fate, u64>,
    /// Readings and events refused, by reason.
    pub refusals: VectorMap<&'static str, u64>,
    /// What is refused for its age, by its corrected time.
    pub dead_letters: Vec<DeadLetter>,
    /// The synthetic patient, where it was in it.
    pub synthetic: Option<SyntheticSeen>,
    /// Entries of the present message that are.
    pub(crate) too_old: Vec<u32>,
    /// Numbers in the messages before the present one.
    pub(crate) numbers: u32,
    /// How many of the transitions the core has looked at.
    pub(crate) noted: usize,
    /// Whether a deadline was decided.
    pub(crate) decided: bool,
    pub(crate) next_seq: u64,
    pub(crate) site: SiteId,
    pub(crate) simulated: bool,
    /// How much is told of one device.
    pub(crate) news: NewsBudget,
    /// The pauses of scopes that patients are given.
    pub(crate) pauses: Arc<[Pause]>,
    /// Who is on duty; `None` where no plan says so.
    pub(crate) duty: Option<Arc<DutyPlan>>,
    /// The channels that are known to take nothing now.
    pub(crate) failing: Vec<ChannelId>,
    /// Alarms that nobody takes, or of which that may have changed.
    pub(crate) unanswered: Vec<Unanswered>,
    /// By whom nothing comes any more.
    pub(crate) outages: Vec<Outage>,
    /// Devices whose silence may begin now, with the way of each.
    pub(crate) ways: Vec<(DeviceId, DeviceId)>,
    /// How grave alarms are that follow from others than their patient's, each with what it follows from.
    pub(crate) members: Vec<(String, Priority)>,
    /// Alarms that are unknown if they are raised in this step, by rule and source, and why.
    pub(crate) still_unknown: Vec<StillUnknown>,
}

/// Nothing comes by a sender any more, of devices of patients of one ward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// The sender.
    pub(crate) way: DeviceId,
    /// The ward; `None` is of patients in none.
    pub(crate) ward: Option<WardId>,
    /// The alarm that says so.
    pub(crate) alarm: AlarmId,
}

/// An alarm of which nobody knew whether it holds when it began to be judged anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StillUnknown {
    /// Of which rule.
    pub(crate) rule: RuleId,
    /// Of which source.
    pub(crate) source: String,
    /// Why nobody knew.
    pub(crate) reason: String,
    /// Since when nobody did.
    pub(crate) since: Timestamp,
}

/// Whether nobody takes an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    /// Which.
    pub(crate) alarm: AlarmId,
    /// Whose it would be.
    pub(crate) team: Option<TeamId>,
    /// Of which ward it is.
    pub(crate) ward: Option<WardId>,
    /// Whether nobody takes it, and nobody is asked who has not been.
    pub(crate) nobody: bool,
}

impl Output {
    /// An empty output whose first transition will be `next_seq`.
    pub(crate) fn new(
        now: Stamp,
        next_seq: u64,
        site: SiteId,
        simulated: bool,
        news: NewsBudget,
        pauses: Arc<[Pause]>,
    ) -> Self {
        Self {
            now,
            transitions: Vec::new(),
            samples: Vec::new(),
            words: Vec::new(),
            fates: VectorMap::default(),
            refusals: VectorMap::default(),
            dead_letters: Vec::new(),
            synthetic: None,
            too_old: Vec::new(),
            numbers: 0,
            noted: 0,
            decided: false,
            next_seq,
            site,
            simulated,
            news,
            duty: None,
            failing: Vec::new(),
            unanswered: Vec::new(),
            outages: Vec::new(),
            ways: Vec::new(),
            members: Vec::new(),
            still_unknown: Vec::new(),
            pauses,
        }
    }

    /// The shown time of the step.
    pub(crate) fn wall(&self) -> Timestamp {
        self.now.wall()
    }

    /// The number the next transition will have.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Appends a transition and returns its number.
    pub(crate) fn emit(&mut self, body: TransitionBody) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.transitions.push(Transition { seq, at: self.wall(), body });
        seq
    }

    /// The answer at a place shows who answers for its alarm as of the transition after it.
    pub(crate) fn answer_as_told(&mut self, place: usize) {
        let Some([answer, told, ..]) = self.transitions.get_mut(place..) else { return };
        if let TransitionBody::Answer { answer, .. } = &mut answer.body
            && let TransitionBody::Alarm { alarm: told, .. } = &told.body
            && let Some(alarm) = answer.alarm.as_mut().filter(|alarm| alarm.id == told.id)
        {
            alarm.responsibility.clone_from(&told.responsibility);
        }
    }

    /// Appends a note.
    pub(crate) fn note(
        &mut self,
        patient: Option<&PatientId>,
        device: Option<&DeviceId>,
        what: &'static str,
        text: String,
    ) {
        self.emit(TransitionBody::Note {
            patient: patient.cloned(),
            device: device.cloned(),
            what,
            text,
        });
    }

    /// Appends what somebody was not allowed: under whose name, or to which topic.
    pub(crate) fn not_allowed(
        &mut self,
        principal: Option<&DeviceId>,
        (name, topic): (Option<&DeviceId>, Option<&str>),
        count: u64,
        since: Timestamp,
    ) {
        let (principal, name) = (principal.cloned(), name.cloned());
        let topic = topic.map(str::to_owned);
        self.emit(TransitionBody::NotAllowed { principal, name, topic, count, since });
    }

    /// Appends attempts to sign in that failed.
    pub(crate) fn sign_ins_failed(&mut self, failed: &FailedSignIns) {
        self.emit(TransitionBody::SignInsFailed(Box::new(failed.clone())));
    }

    /// Nothing judged a number of the present message that is kept.
    pub(crate) fn not_judged(&mut self, number: u32) {
        let sample = self.samples.iter_mut().rev().find(|(place, _)| *place == number);
        if let Some((_, sample)) = sample {
            sample.flags |= flag::NOT_JUDGED;
        }
    }

    /// Counts a fate.
    pub(crate) fn count(&mut self, fate: Fate) {
        let index = self.fates.index_of(&fate);
        *self.fates.at(index) += 1;
    }

    /// Counts a refusal.
    pub(crate) fn count_refusal(&mut self, reason: &'static str) {
        let index = self.refusals.index_of(&reason);
        *self.refusals.at(index) += 1;
    }
}

/// A rule id that is part of the program.
///
/// # Panics
/// Never: every caller passes a literal that is an id, which the tests of each machine cover.
pub(crate) fn rule(id: &'static str) -> RuleId {
    id.parse().unwrap_or_else(|_| unreachable!("`{id}` is a literal rule id"))
}
