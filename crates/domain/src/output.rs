//! What a step puts out: transitions with their numbers, samples for the history, counts.

use super::fate::Fate;
use super::few::Few;
use super::grounds::Grounds;
use super::ids::{DeviceId, PatientId, RuleId, SiteId};
use super::sample::Sample;
use super::time::{Stamp, Timestamp};
use super::transition::{Transition, TransitionBody};

/// Collects what one batch puts out.
#[derive(Debug)]
pub struct Output {
    /// The stamp of the step.
    pub now: Stamp,
    /// Transitions in order.
    pub transitions: Vec<Transition>,
    /// What the alarms raised stand on, in their order.
    pub grounds: Vec<Grounds>,
    /// Numbers for the history, each with its place among all numbers of the row.
    pub samples: Vec<(u32, Sample)>,
    /// Readings and messages by fate.
    pub fates: Few<Fate, u64>,
    /// Readings and events refused, by reason.
    pub refusals: Few<&'static str, u64>,
    /// Numbers in the messages before the present one.
    pub(super) numbers: u32,
    pub(super) next_seq: u64,
    pub(super) site: SiteId,
    pub(super) simulated: bool,
}

impl Output {
    /// An empty output whose first transition will be `next_seq`.
    pub(super) fn new(now: Stamp, next_seq: u64, site: SiteId, simulated: bool) -> Self {
        Self {
            now,
            transitions: Vec::new(),
            grounds: Vec::new(),
            samples: Vec::new(),
            fates: Few::default(),
            refusals: Few::default(),
            numbers: 0,
            next_seq,
            site,
            simulated,
        }
    }

    /// The shown time of the step.
    pub(super) fn wall(&self) -> Timestamp {
        self.now.wall()
    }

    /// The number the next transition will have.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Appends a transition and returns its number.
    pub(super) fn emit(&mut self, body: TransitionBody) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.transitions.push(Transition { seq, at: self.wall(), body });
        seq
    }

    /// Appends a note.
    pub(super) fn note(
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

    /// Appends what somebody was not allowed.
    pub(super) fn not_allowed(
        &mut self,
        principal: Option<&DeviceId>,
        name: Option<&DeviceId>,
        count: u64,
        since: Timestamp,
    ) {
        let (principal, name) = (principal.cloned(), name.cloned());
        self.emit(TransitionBody::NotAllowed { principal, name, count, since });
    }

    /// Counts a fate.
    pub(super) fn count(&mut self, fate: Fate) {
        let place = self.fates.place_of(&fate);
        *self.fates.at(place) += 1;
    }

    /// Counts a refusal.
    pub(super) fn count_refusal(&mut self, reason: &'static str) {
        let place = self.refusals.place_of(&reason);
        *self.refusals.at(place) += 1;
    }
}

/// A rule id that is part of the program.
///
/// # Panics
/// Never: every caller passes a literal that is an id, which the tests of each machine cover.
pub(super) fn rule(id: &'static str) -> RuleId {
    id.parse().unwrap_or_else(|_| unreachable!("`{id}` is a literal rule id"))
}
