//! What follows from an emergency of the same patient, from what is graver of the same series, or from what another
//! device finds by the same rule: shown, and not announced while that is known to be present (contract §5).

use std::cmp::Reverse;

use super::{Book, Draft, Key, Open, Way};
use crate::model::alarm::{AlarmKind, Condition, Priority, Side};
use crate::model::crossing::Crossing;
use crate::model::ids::{AlarmId, DeviceId, RuleId, WardId};
use crate::model::observation::Source;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::transition::Change;
use crate::output::{Outage, Output};
use crate::rules::REPEAT_DUE;

/// So long must an alarm outlast the one it followed from before it is announced by itself (contract §5): as often
/// as a monitor reports each of its signals.
const OUTLASTS: Span = Span::secs(2);

/// For so long after its last event an episode without an end is known to go on, as far as others follow from it
/// (contract §5): as long as an acknowledgement of it holds.
const EPISODE_KNOWN: Span = Span::mins(10);

/// What an alarm has found, as far as that may follow from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    rule: &'a RuleId,
    signal: Option<SignalId>,
    /// Whose equipment it is about; `None` of the patient.
    equipment: Option<&'a DeviceId>,
    priority: Priority,
    /// What follows from it in its turn.
    folds: &'a [SignalId],
    /// Beyond which side of its limits which series is.
    beyond: Option<(&'a Source, Side)>,
    /// When something last said how it is, in the gateway's own time.
    known: Option<Timestamp>,
    /// By whom its device came, and where the patient lies.
    way: Option<(&'a DeviceId, Option<&'a WardId>)>,
}

impl<'a> Found<'a> {
    fn new(
        (key, kind, device): (&'a Key, AlarmKind, Option<&'a DeviceId>),
        (signal, folds): (Option<SignalId>, &'a [SignalId]),
        beyond: Option<(&'a Source, Side)>,
        (priority, known): (Priority, Option<Timestamp>),
    ) -> Self {
        // A request for another measurement tells of the patient.
        let of_equipment = kind == AlarmKind::Technical && !key.rule.as_str().ends_with(REPEAT_DUE);
        let equipment = device.filter(|_| of_equipment);
        Self { rule: &key.rule, signal, equipment, priority, folds, beyond, known, way: None }
    }

    /// What has outlasted too many outages follows from none.
    pub(super) fn by_way_of(self, way: Option<&Way>) -> Self {
        let way = self.way.filter(|_| way.is_none_or(Way::may_follow));
        Self { way, ..self }
    }

    /// The gravest that an alarm has reached stands.
    pub(super) fn at_least(self, priority: Priority) -> Self {
        Self { priority: self.priority.max(priority), ..self }
    }
}

impl Draft {
    /// What it finds, at an instant of the gateway's own time.
    pub(super) fn found<'a>(&'a self, now: Timestamp, ward: Option<&'a WardId>) -> Found<'a> {
        let about = (&self.key, self.kind, self.device.as_ref());
        let beyond = side_of(self.series.as_ref(), self.crossing.as_ref());
        let known = Some(self.known_at.unwrap_or(now));
        let way = self.way.as_ref().map(|way| (&way.by, ward));
        let found = Found::new(about, (self.signal, &self.folds), beyond, (self.priority, known));
        Found { way, ..found }
    }
}

impl Open {
    fn found<'a>(&'a self, key: &'a Key) -> Found<'a> {
        let about = (key, self.alarm.kind, self.alarm.device.as_ref());
        let about_known = (self.alarm.priority, self.known());
        let way = self.way.as_ref().filter(|way| way.may_follow());
        let way = way.map(|way| (&way.by, self.alarm.ward_now.as_ref()));
        let found = Found::new(about, (self.signal, &self.folds), self.beyond(), about_known);
        Found { way, ..found }
    }

    /// Whether it follows from the outage of a sender, or did until a moment ago, and may go on to at this priority.
    pub(super) fn is_member(&self, priority: Priority) -> bool {
        self.way.is_some() && self.alarm.group.is_some() && priority < Priority::High
    }

    fn beyond(&self) -> Option<(&Source, Side)> {
        side_of(self.series.as_ref(), self.crossing.as_ref())
    }

    /// When something last said whether it holds, in the gateway's own time.
    fn known(&self) -> Option<Timestamp> {
        self.known_at.or(self.held_at)
    }

    /// Whether something follows from this alarm.
    fn explains(&self, found: Found<'_>) -> bool {
        self.alarm.group.is_none()
            && (self.names(found) || self.is_graver(found) || self.is_of_another_device(found))
            && self.stands_beside(found)
    }

    /// Whether it is an emergency over one of its signals, no less grave, not of other equipment, and none from which
    /// less follows.
    fn names(&self, found: Found<'_>) -> bool {
        found.signal.is_some_and(|signal| self.folds.contains(&signal))
            && found.folds.iter().all(|signal| self.folds.contains(signal))
            && self.alarm.priority >= found.priority
            && found.equipment.is_none_or(|device| self.alarm.device.as_ref() == Some(device))
    }

    /// Whether it finds the same series beyond the same side, and graver.
    fn is_graver(&self, found: Found<'_>) -> bool {
        found.beyond.is_some()
            && self.beyond() == found.beyond
            && self.alarm.priority > found.priority
    }

    /// Whether it is of the same rule, by another device, and no less grave.
    fn is_of_another_device(&self, found: Found<'_>) -> bool {
        let devices = self.beyond().zip(found.beyond).map(|(own, other)| (own.0, other.0));
        self.alarm.rule == *found.rule
            && devices.is_some_and(|(own, other)| own.device != other.device)
            && self.alarm.priority >= found.priority
    }

    /// Whether it is known to be present, or was when what is found was last heard of: that it is unknown since brings
    /// no news.
    fn stands_beside(&self, found: Found<'_>) -> bool {
        let outlasts = |known: Timestamp| found.known.is_none_or(|at| at - known >= OUTLASTS);
        match self.alarm.condition {
            Condition::Present if !self.is_forgotten() => true,
            Condition::Present | Condition::Unknown => !self.known().is_none_or(outlasts),
            Condition::Absent | Condition::Momentary => false,
        }
    }

    /// Whether nobody knows any more if the episode goes on that it tells of.
    fn is_forgotten(&self) -> bool {
        self.signal.is_none() && self.known_at.is_some()
    }

    /// Until when an episode that nobody ended is known to go on, in the gateway's own time.
    pub(super) fn known_until(&self) -> Option<Timestamp> {
        let episode = self.signal.is_none()
            && !self.folds.is_empty()
            && self.alarm.condition == Condition::Present
            && !self.is_forgotten();
        self.held_at.filter(|_| episode).map(|held| held + EPISODE_KNOWN)
    }
}

/// Beyond which side a series is whose text moves with it.
fn side_of<'a>(
    series: Option<&'a Source>,
    crossing: Option<&Crossing>,
) -> Option<(&'a Source, Side)> {
    series.zip(crossing.map(|crossing| crossing.side))
}

impl Book {
    /// The id of the alarm that something follows from: of one that is present before one that is unknown, and of these
    /// before the outage of a sender.
    pub(super) fn folding(
        &self,
        key: &Key,
        found: Found<'_>,
        outages: &[Outage],
    ) -> Option<String> {
        let explains = |(other, open): &(&Key, &Open)| *other != key && open.explains(found);
        let is_present = |(_, open): &(&Key, &Open)| open.alarm.condition == Condition::Present;
        let all = || self.open.iter().filter(explains);
        let first = all().find(is_present).or_else(|| all().next());
        let outage = || self.outage_of(key, found, outages).map(|outage| outage.alarm.to_string());
        first.map(|(_, open)| open.alarm.id.to_string()).or_else(outage)
    }

    /// The outage that explains a silence: not of what is high, or of somebody of whom more is told.
    fn outage_of<'o>(
        &self,
        key: &Key,
        found: Found<'_>,
        outages: &'o [Outage],
    ) -> Option<&'o Outage> {
        let (way, ward) = found.way?;
        let is_it = |outage: &&Outage| outage.way == *way && outage.ward.as_ref() == ward;
        let outage = outages.iter().find(is_it)?;
        self.may_be_member(key, found.priority).then_some(outage)
    }

    /// Whether the silence of a device may follow from an outage, as far as the patient's other alarms say so.
    pub fn may_be_member(&self, key: &Key, priority: Priority) -> bool {
        let mut others = self.iter().filter(|(other, _)| *other != key);
        priority < Priority::High && others.all(|(_, open)| open.alarm.is_shown_only())
    }

    /// Somebody is to be watched continuously from now on: what followed from an outage is announced.
    pub fn stand_alone(&mut self, out: &mut Output) {
        for key in self.keys_where(|_, open| open.way.is_some()) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            (open.way, open.unfolds_at) = (None, None);
            self.change(&key, None, out, |alarm, now| {
                alarm.group.take()?;
                Some(if alarm.calls() { alarm.unfolded(now) } else { Change::Updated })
            });
        }
    }

    /// Another device, or sensor, found the same as open alarms that are announced for it too: that is news of each of
    /// them as well.
    pub(super) fn group_goes_on(&mut self, key: &Key, out: &mut Output) {
        let Some(open) = self.open.get(key) else { return };
        // What came late says nothing of now.
        let is_present = |one: &Open| one.alarm.condition == Condition::Present;
        if open.alarm.group.is_none() || !is_present(open) {
            return;
        }
        let found = open.found(key);
        // So it is where it has the id of another emergency, from which it follows as well.
        let announced = self.keys_where(|other, one| {
            other != key && one.alarm.rule == key.rule && is_present(one) && one.explains(found)
        });
        for first in announced {
            if let Some(open) = self.open.get_mut(&first) {
                open.held_at = Some(out.now.at);
                self.run_out(&first, out);
            }
        }
    }

    /// Whether something was heard of an open alarm since it was last known how it is, up to an instant of the
    /// gateway's own time.
    pub fn is_heard_since(&self, key: &Key, at: Option<Timestamp>) -> bool {
        self.open.get(key).is_some_and(|open| at > open.known())
    }

    /// Something said how an open alarm is, last at an instant of the gateway's own time.
    pub fn known(&mut self, key: &Key, at: Option<Timestamp>, out: &mut Output) {
        let Some(open) = self.open.get_mut(key) else { return };
        open.known_at = at.or(open.known_at);
        self.outlast(key, out);
    }

    /// What follows from another alarm no more stands by itself in a moment: mostly both end together, or come back.
    /// What follows from yet another does so at once.
    pub(super) fn outlast(&mut self, key: &Key, out: &mut Output) {
        let Some(open) = self.open.get(key) else { return };
        if open.alarm.group.is_none() || open.unfolds_at.is_some() {
            return;
        }
        let other = self.folding(key, open.found(key), &out.outages);
        if other.is_some() {
            self.change(key, None, out, |alarm, _| {
                let moves = alarm.group != other;
                alarm.group = other;
                moves.then_some(Change::Updated)
            });
        } else if let Some(open) = self.open.get_mut(key) {
            let within = open.way.as_ref().map_or(OUTLASTS, |way| way.within);
            open.unfolds_at = Some(out.now.at + within);
        }
    }

    /// An alarm is not known to be present any more: of what followed from it some may not.
    pub(crate) fn followed(&mut self, id: &AlarmId, out: &mut Output) {
        let follows = |open: &Open| open.alarm.group.as_deref() == Some(id.as_str());
        for key in self.keys_where(|_, open| follows(open)) {
            self.outlast(&key, out);
        }
    }

    /// A device is silent: nobody knows whether an episode that it began goes on.
    pub fn episodes_unknown(&mut self, device: &DeviceId, out: &mut Output) {
        self.forget(out, |open| open.alarm.device.as_ref() == Some(device));
    }

    /// Episodes of which nobody knows any more, since `due`, whether they go on.
    pub(super) fn forget_episodes(&mut self, due: Timestamp, out: &mut Output) {
        self.forget(out, |open| open.known_until() == Some(due));
    }

    fn forget(&mut self, out: &mut Output, wanted: impl Fn(&Open) -> bool) {
        for key in self.keys_where(|_, open| open.known_until().is_some() && wanted(open)) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            open.known_at = Some(out.now.at);
            let id = open.alarm.id.clone();
            self.followed(&id, out);
        }
    }

    /// What outlasted the alarm it followed from stands by itself, and is announced: what is graver first, from which
    /// the others may follow.
    pub(super) fn unfold(&mut self, due: Timestamp, out: &mut Output) {
        let mut keys = self.keys_where(|_, open| open.unfolds_at == Some(due));
        let grave = |open: &Open| Reverse((open.folds.len(), open.alarm.priority));
        keys.sort_by_key(|key| self.get(key).map(grave));
        for key in keys {
            let Some(open) = self.open.get_mut(&key) else { continue };
            open.unfolds_at = None;
            if let Some(way) = &mut open.way {
                way.outlasted = way.outlasted.saturating_add(1);
            }
            let Some(open) = self.open.get(&key) else { continue };
            let other = self.folding(&key, open.found(&key), &out.outages);
            self.change(&key, None, out, |alarm, now| {
                if alarm.group == other {
                    return None;
                }
                alarm.group = other;
                // What is not known to go on outlasts nothing.
                let goes_on = alarm.condition != Condition::Unknown;
                let alone = alarm.group.is_none() && alarm.calls() && goes_on;
                Some(if alone { alarm.unfolded(now) } else { Change::Updated })
            });
        }
    }
}
