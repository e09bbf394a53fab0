//! Values of a series before its latest, and those that came late: what parts one excursion from the next, and
//! what counts again where the latest is taken back (contract §2, §3).

use minicbor::{Decode, Encode};

use super::LatestValue;
use crate::model::observation::{DeviceInstant, Number};
use crate::model::time::{Span, Timestamp};
use crate::model::vector_map;

/// With the latest, the last four.
const BEFORE: usize = 3;
const LATE: usize = 16;

/// What is remembered beside the latest value.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Earlier {
    /// Values that were the latest, the newest last.
    #[n(0)]
    #[cbor(decode_with = "vector_map::list")]
    before: Vec<LatestValue>,
    /// Values that came late, in the order in which they came.
    #[n(1)]
    late: Vec<LateValue>,
    /// So many of the first are of a binding before: they part excursions, and are no value of now.
    #[n(2)]
    #[cbor(default)]
    left: usize,
    /// When the last came, by the shown clock, that no limit judged and that counts no more: its series was heard then.
    #[n(3)]
    #[cbor(default)]
    heard: Option<Timestamp>,
}

/// A value that came late.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct LateValue {
    #[n(0)]
    number: Number,
    #[n(1)]
    rule_at: Timestamp,
    #[n(2)]
    sent: Option<DeviceInstant>,
}

impl Earlier {
    /// The value before the latest.
    pub(in crate::patient) fn last(&self) -> Option<&LatestValue> {
        if self.before.len() > self.left { self.before.last() } else { None }
    }

    /// Those before it, the newest first.
    pub(in crate::patient) fn newest_first(&self) -> impl Iterator<Item = &LatestValue> {
        self.before.iter().skip(self.left).rev()
    }

    /// The same, also of a binding before.
    pub(in crate::patient) fn newest(&self) -> Option<&LatestValue> {
        self.before.last()
    }

    /// Every value, with its rule time, and whether another of its instant came.
    pub(in crate::patient) fn all(&self) -> impl Iterator<Item = (&Number, Timestamp, bool)> {
        let before = self.before.iter();
        let before = before.map(|value| (&value.number, value.rule_at, value.contradicted));
        before.chain(self.late.iter().map(|value| (&value.number, value.rule_at, false)))
    }

    /// Every value, with its rule time.
    pub(in crate::patient) fn values(&self) -> impl Iterator<Item = (&Number, Timestamp)> {
        let before = self.before.iter().map(|value| (&value.number, value.rule_at));
        before.chain(self.late.iter().map(|value| (&value.number, value.rule_at)))
    }

    /// When every value was measured, by its device's clock, with its rule time.
    pub(super) fn instants(&self) -> impl Iterator<Item = (Option<DeviceInstant>, Timestamp)> {
        let before = self.before.iter().map(|value| (value.sent, value.rule_at));
        before.chain(self.late.iter().map(|value| (value.sent, value.rule_at)))
    }

    /// A value is the latest no more, and another is.
    pub(super) fn push(&mut self, value: LatestValue) {
        self.forget_down_to(BEFORE - 1);
        self.add(value);
    }

    /// The latest value is known no more as what speaks of now.
    pub(super) fn leave(&mut self, latest: LatestValue) {
        self.add(latest);
        self.left = self.before.len();
    }

    /// Knows as well what came of a binding before.
    pub(super) fn know_as_well(&mut self, mut left: Self) {
        self.left += left.before.len();
        left.before.append(&mut self.before);
        self.before = left.before;
        self.late.splice(0..0, left.late);
        self.late.drain(..self.late.len().saturating_sub(LATE));
    }

    /// Values from an instant on stay; those before it, of a binding before, are returned.
    pub(super) fn part_at(&mut self, since: Timestamp) -> Self {
        let is_before = |value: &LatestValue| value.rule_at < since;
        let late = self.late.extract_if(.., |value| value.rule_at < since).collect();
        let (before, after): (Vec<_>, _) = self.before.drain(..).partition(is_before);
        self.before = after;
        self.left = 0;
        Self { left: before.len(), before, late, heard: None }
    }

    /// What no limit judged, and came then, counts no more.
    pub(super) fn heard_at(&mut self, received: Timestamp) {
        self.heard = self.heard.max(Some(received));
    }

    /// When the last such came, by the shown clock.
    pub(in crate::patient) fn heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// There is a latest value beside these.
    pub(super) fn beside_latest(&mut self) {
        self.forget_down_to(BEFORE);
    }

    fn forget_down_to(&mut self, most: usize) {
        let forgotten = self.before.len().saturating_sub(most);
        self.before.drain(..forgotten);
        self.left = self.left.saturating_sub(forgotten);
    }

    /// Adds without the room that a growing list keeps: there are as many of these as there are series.
    fn add(&mut self, value: LatestValue) {
        self.before.reserve_exact(1);
        self.before.push(value);
    }

    /// The value before the latest is the latest again.
    pub(super) fn pop(&mut self) -> Option<LatestValue> {
        if self.before.len() > self.left { self.before.pop() } else { None }
    }

    /// A value came late, at `now`; older ones than `kept` are forgotten.
    pub(in crate::patient) fn push_late(
        &mut self,
        (number, rule_at, sent): (&Number, Timestamp, Option<DeviceInstant>),
        (now, kept): (Timestamp, Span),
    ) {
        self.late.retain(|value| now - value.rule_at <= kept);
        if self.late.len() == LATE {
            self.late.remove(0);
        }
        self.late.push(LateValue { number: number.clone(), rule_at, sent });
    }

    /// Another value of an instant came: nothing of it parts anything. The rule times of that are added.
    pub(super) fn contradict(&mut self, sent: DeviceInstant, instants: &mut Vec<Timestamp>) {
        self.before.iter_mut().for_each(|value| value.contradict(sent, instants));
        let of_instant = self.late.extract_if(.., |value| value.sent == Some(sent));
        instants.extend(of_instant.map(|value| value.rule_at));
    }

    /// The reading of an instant does not count any more.
    pub(super) fn take_back(&mut self, sent: DeviceInstant) {
        let of_instant = |value: &&LatestValue| value.sent == Some(sent);
        self.left -= self.before.iter().take(self.left).filter(of_instant).count();
        self.before.retain(|value| value.sent != Some(sent));
        self.late.retain(|value| value.sent != Some(sent));
    }
}
