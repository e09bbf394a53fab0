//! The open alarms of one patient, or of the gateway itself: at most one by (rule, source).

mod act;
mod budget;
mod causes;
mod crossed;
mod due;
mod folded;
mod hourly;
mod left;
mod muted;
mod ongoing;
mod open;
mod responsible;
mod unbound;
mod upgrade;

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use self::budget::Budget;
pub(crate) use self::budget::OVER_BUDGET;
use self::causes::Causes;
pub(crate) use self::due::LIMIT_EXPIRED;
use self::due::wake;
use self::hourly::Announced;
use self::muted::Ended;
pub use self::muted::Muted;
pub use self::ongoing::Ongoing;
pub use self::open::{Draft, Open, Way};
use super::responsibility::Ladder;
use crate::model::alarm::{Alarm, Condition, State};
use crate::model::cause::{Cause, alarm_id};
use crate::model::ids::{AlarmId, BedId, DeviceId, PatientId, RuleId, WardId};
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::output::context::AlarmContext;
use crate::output::transition::{Change, TransitionBody};

/// Which alarm: its rule and its source. The source is a text, because the ids of alarms are hashed
/// over it; it is compared, and never taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Key {
    /// The rule.
    #[n(0)]
    pub rule: RuleId,
    /// The source.
    #[n(1)]
    pub source: String,
}

impl Key {
    /// A key.
    pub fn new(rule: RuleId, source: impl Into<String>) -> Self {
        Self { rule, source: source.into() }
    }
}

/// Whose alarms, and where the patient lies.
#[derive(Clone, Copy, Debug)]
pub struct AlarmSubject<'a> {
    /// `None` for the gateway.
    pub patient: Option<&'a PatientId>,
    /// Ward at present.
    pub ward: Option<&'a WardId>,
    /// Bed at present.
    pub bed: Option<&'a BedId>,
}

/// The open alarms.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Book {
    #[n(0)]
    open: BTreeMap<Key, Open>,
    #[n(1)]
    causes: BTreeMap<Key, Causes>,
    /// How many alarms of a key an upgrade kept: what began them is not known, so what comes after
    /// has ordinals of its own.
    #[n(2)]
    #[cbor(default)]
    kept: BTreeMap<Key, u32>,
    /// What was announced of a patient's equipment in the last hour.
    #[n(3)]
    #[cbor(default)]
    announced: BTreeMap<Key, Announced>,
    /// What is left to devices that made news of late.
    #[n(4)]
    #[cbor(default)]
    budgets: BTreeMap<DeviceId, Budget>,
    /// What was over while its signals were kept back, the last of each key.
    #[n(5)]
    #[cbor(default)]
    ended: BTreeMap<Key, Ended>,
}

/// Ordinals after each alarm that an upgrade kept.
const KEPT: u32 = 1 << 24;

impl Book {
    /// The open alarms.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Open)> {
        self.open.iter().filter(|(_, open)| open.alarm.is_open())
    }

    /// The alarms of which people were not yet told that they are closed, open ones included.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Alarm> {
        self.open.values().map(|open| &open.alarm)
    }

    /// Whether no alarm is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What began the last alarm of a key.
    pub fn cause(&self, key: &Key) -> Option<&Cause> {
        self.causes.get(key).map(Causes::last)
    }

    /// The open alarm of a key.
    pub fn get(&self, key: &Key) -> Option<&Open> {
        self.open.get(key).filter(|open| open.alarm.is_open())
    }

    /// Whether the alarm of a key is open for more than a person to look at.
    pub fn holds(&self, key: &Key) -> bool {
        self.get(key).is_some_and(|open| open.alarm.condition != Condition::Absent)
    }

    /// Keys of open alarms for which `wanted` holds.
    pub fn keys_where(&self, wanted: impl Fn(&Key, &Open) -> bool) -> Vec<Key> {
        self.iter().filter(|(k, o)| wanted(k, o)).map(|(k, _)| k.clone()).collect()
    }

    /// Opens an alarm. If it is open, its condition holds again (rows 1, 7, 12, 20, 21).
    pub fn raise(&mut self, subject: AlarmSubject<'_>, draft: Draft, out: &mut Output) {
        if let Some(open) = self.open.get_mut(&draft.key) {
            open.reopen();
            self.renew(draft, out);
            return;
        }
        let (draft, unknown_since) = out.as_far_as_known(draft);
        let ordinal = self.next_ordinal(&draft);
        let found = draft.found(out.now.at, subject.ward);
        let group = self.folding(&draft.key, found, &out.outages);
        let now = out.wall();
        let alarm = Alarm {
            id: alarm_id(
                &out.site,
                subject.patient,
                &draft.key.rule,
                &draft.key.source,
                &draft.cause,
                ordinal,
            ),
            seq: 0,
            site: out.site.clone(),
            patient: subject.patient.cloned(),
            ward: subject.ward.cloned(),
            bed: subject.bed.cloned(),
            device: draft.device,
            source: draft.key.source.clone(),
            group,
            simulated: out.simulated,
            rule: draft.key.rule.clone(),
            rule_version: draft.rule_version,
            kind: draft.kind,
            text: draft.text,
            advice: draft.advice,
            priority: draft.priority,
            priority_peak: draft.priority,
            response: draft.response,
            state: State::Alarming,
            condition: draft.condition,
            condition_since: unknown_since.or(draft.trigger.measured_at).unwrap_or(draft.raised_at),
            condition_reason: draft.reason,
            acknowledged: None,
            trigger: draft.trigger,
            latest: draft.latest,
            raised_at: draft.raised_at,
            announced_at: now,
            ended_at: (draft.condition == Condition::Momentary).then_some(draft.raised_at),
            closed_at: None,
            closed_reason: None,
            late: draft.late,
            recurrence: 0,
            ward_now: subject.ward.cloned(),
            bed_now: subject.bed.cloned(),
            quiet_until: None,
            responsibility: None,
            comment: None,
            inactivation: None,
        };
        let mut open = Open {
            alarm,
            news_seq: 0,
            signal: draft.signal,
            unbound: false,
            wake_at: None,
            ongoing: Vec::new(),
            series: draft.series,
            sent: draft.sent,
            acknowledge_for: draft.acknowledge_for,
            by_reading: draft.by_reading,
            held_at: Some(out.now.at),
            resettable: draft.resettable,
            folds: draft.folds,
            unfolds_at: None,
            quiet_until: None,
            acknowledged_at: None,
            told_at: None,
            untold: false,
            crossing: draft.crossing,
            known_at: draft.known_at,
            owed: None,
            shown: None,
            shown_following: false,
            ladder: Ladder::default(),
            muted: None,
            way: draft.way,
        };
        open.begin_under(&out.pauses, out.now);
        self.open.insert(draft.key.clone(), open);
        self.record(&draft.key, Change::Raised, None, out);
        self.group_goes_on(&draft.key, out);
    }

    /// Keeps the id of an alarm apart from those of all alarms of its key before it.
    fn next_ordinal(&mut self, draft: &Draft) -> u32 {
        let ordinal = if let Some(causes) = self.causes.get_mut(&draft.key) {
            causes.next(&draft.cause)
        } else {
            self.causes.insert(draft.key.clone(), Causes::first(draft.cause.clone()));
            0
        };
        let kept = self.kept.get(&draft.key).copied().unwrap_or_default();
        ordinal.saturating_add(kept.saturating_mul(KEPT))
    }

    /// The condition of the open alarm holds again.
    fn renew(&mut self, draft: Draft, out: &mut Output) {
        let now = out.wall();
        let Some(open) = self.open.get(&draft.key) else { return };
        let ward = open.alarm.ward_now.as_ref();
        let found = draft.found(out.now.at, ward).at_least(open.alarm.priority);
        let found = found.by_way_of(open.way.as_ref());
        let folding = self.folding(&draft.key, found, &out.outages);
        let Some(open) = self.open.get_mut(&draft.key) else { return };
        let own = out.now.at;
        let spent = |device| self.budgets.get(device).is_some_and(|budget| budget.is_spent(own));
        let shown = open.alarm.inactivation.is_none() && open.is_shown_alarming();
        let just_told =
            open.was_just_told(own) || (shown && open.alarm.device.as_ref().is_some_and(spent));
        let is_member = open.is_member(draft.priority);
        let alarm = &mut open.alarm;
        let rises = draft.priority > alarm.priority;
        let was_over = alarm.condition == Condition::Absent;
        if (was_over || rises) && !is_member {
            // What is told now waits for nothing that it followed from before.
            (alarm.group, open.unfolds_at) = (folding, None);
        }
        let change = if draft.news || draft.condition == Condition::Momentary {
            alarm.reach(draft.priority, draft.response);
            let goes_on = matches!(alarm.condition, Condition::Present | Condition::Unknown);
            if just_told && !rises && !was_over {
                open.untold = true;
                alarm.condition = if goes_on { alarm.condition } else { draft.condition };
                (open.held_at, open.folds) = (Some(own), draft.folds);
                (alarm.text, alarm.trigger, alarm.late) = (draft.text, draft.trigger, draft.late);
                (open.sent, open.known_at) = (draft.sent, draft.known_at);
                return;
            }
            let begins = !goes_on || draft.condition == Condition::Present;
            let condition = if begins { draft.condition } else { alarm.condition };
            Some(alarm.recur(condition, draft.late, now))
        } else {
            alarm.present(draft.priority, draft.response, now)
        };
        let Some(change) = change else { return };
        open.unbound = false;
        (open.held_at, open.known_at) = (Some(own), draft.known_at);
        open.folds = draft.folds;
        let outlasted = open.way.as_ref().map_or(0, |way| way.outlasted);
        open.way = draft.way.map(|way| Way { outlasted, ..way }).or(open.way.take());
        let before = open.crossing.take();
        open.crossing = draft.crossing;
        if let (Some(crossing), Some(before)) = (&mut open.crossing, before) {
            crossing.reach(&before.worst);
        }
        open.acknowledge_for = draft.acknowledge_for;
        open.sent = draft.sent;
        alarm.text = draft.text;
        alarm.trigger = draft.trigger;
        alarm.condition_reason = draft.reason;
        alarm.device = draft.device;
        alarm.latest = draft.latest;
        let told = was_over || (rises && change != Change::Updated);
        if self.record(&draft.key, change, None, out)
            && told
            && let Some(open) = self.open.get_mut(&draft.key)
        {
            open.news_seq = open.alarm.seq;
        }
        self.outlast(&draft.key, out);
        self.group_goes_on(&draft.key, out);
    }

    /// Moves an open alarm by one of the functions of `lifecycle`, and records what came of it.
    pub fn change(
        &mut self,
        key: &Key,
        actor: Option<&str>,
        out: &mut Output,
        act: impl FnOnce(&mut Alarm, Timestamp) -> Option<Change>,
    ) {
        let now = out.wall();
        if let Some(open) = self.open.get_mut(key)
            && open.alarm.is_open()
            && let Some(change) = act(&mut open.alarm, now)
        {
            self.record(key, change, actor, out);
            if change == Change::Unknown {
                self.run_out(key, out);
            }
        }
    }

    /// The patient of the alarms lies elsewhere now.
    pub fn moved(&mut self, subject: AlarmSubject<'_>, out: &mut Output) {
        for key in self.keys_where(|_, _| true) {
            self.change(&key, None, out, |alarm, _| {
                alarm.ward_now = subject.ward.cloned();
                alarm.bed_now = subject.bed.cloned();
                Some(Change::Moved)
            });
            // What followed from an outage there may not follow from one here.
            if self.open.get(&key).is_some_and(|open| open.way.is_some()) {
                self.outlast(&key, out);
            }
        }
    }

    /// Closes an open alarm.
    pub fn close(
        &mut self,
        key: &Key,
        change: Change,
        reason: &str,
        actor: Option<&str>,
        out: &mut Output,
    ) {
        self.change(key, actor, out, |alarm, now| {
            alarm.close(reason, now);
            Some(change)
        });
    }

    /// Tells that an alarm moved; `false` where its device makes so much news that this waits.
    fn record(&mut self, key: &Key, change: Change, actor: Option<&str>, out: &mut Output) -> bool {
        if actor.is_none() && self.waits(key, change, out) {
            return false;
        }
        self.tell(key, change, actor, out);
        true
    }

    fn tell(&mut self, key: &Key, change: Change, actor: Option<&str>, out: &mut Output) {
        self.keep_back(key, change, out);
        self.settle_muted(key, change);
        let Some(open) = self.open.get_mut(key) else { return };
        let seq = out.next_seq();
        open.alarm.seq = seq;
        if open.is_news(change) {
            open.news_seq = seq;
        }
        if change.announces() {
            (open.told_at, open.untold) = (Some(out.now.at), false);
        }
        if change == Change::Acknowledged {
            open.acknowledged_at = Some(out.now.at);
        }
        open.wake_at = wake(open, change, out.now);
        open.reword();
        open.answer_for(change, actor, out);
        if let Some(cause) = open.alarm.group.as_ref().filter(|_| open.way.is_some()) {
            out.members.push((cause.clone(), open.alarm.priority));
        }
        (open.owed, open.shown) = (None, Some(open.alarm.state));
        open.shown_following = open.alarm.group.is_some();
        let closed = !open.alarm.is_open();
        let alarm = Box::new(open.alarm.clone());
        let context = (change == Change::Raised)
            .then(|| Box::new(AlarmContext::of(&alarm, open.series.as_ref())));
        let over = closed || alarm.condition != Condition::Present;
        if closed {
            self.open.remove(key);
        }
        let actor = actor.map(str::to_owned);
        let id = alarm.id.clone();
        out.emit(TransitionBody::Alarm { change, actor, alarm, context });
        if over {
            self.followed(&id, out);
        }
    }

    /// The key of an open alarm.
    pub fn key_of(&self, id: &AlarmId) -> Option<Key> {
        self.open.iter().find(|(_, open)| open.alarm.id == *id).map(|(key, _)| key.clone())
    }
}
