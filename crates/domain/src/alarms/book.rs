//! The open alarms of one patient, or of the gateway itself: at most one by (rule, source).

mod act;
mod causes;
mod crossed;
mod due;
mod folded;
mod hourly;
mod ongoing;
mod unbound;
mod upgrade;

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use self::causes::Causes;
use self::due::wake;
use self::hourly::Announced;
pub use self::ongoing::Ongoing;
use crate::model::alarm::{
    Alarm, AlarmKind, Condition, Latest, Priority, Response, State, Trigger,
};
use crate::model::cause::{Cause, alarm_id};
use crate::model::crossing::Crossing;
use crate::model::ids::{AlarmId, BedId, DeviceId, PatientId, RuleId, WardId};
use crate::model::observation::{DeviceInstant, Source};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
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

/// An open alarm with what only the core needs.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Open {
    /// The alarm.
    #[n(0)]
    pub alarm: Alarm,
    /// The transition of its last news: a command of somebody who saw less is refused.
    #[n(1)]
    pub news_seq: u64,
    /// The signal it watches.
    #[n(2)]
    pub signal: Option<SignalId>,
    /// Its device is no longer bound to the patient.
    #[n(3)]
    pub unbound: bool,
    /// When its acknowledgement runs out or it expires, in the gateway's own time.
    #[n(4)]
    pub wake_at: Option<Timestamp>,
    /// Episodes of a device that began and have not ended: the condition holds as long as one does.
    #[n(5)]
    #[cbor(default)]
    pub ongoing: Vec<Ongoing>,
    /// The series whose numbers raised it.
    #[n(6)]
    pub series: Option<Source>,
    /// Which of its readings raised it last, by its device's clock.
    #[n(7)]
    pub sent: Option<DeviceInstant>,
    /// How long an acknowledgement holds, where its rule says so.
    #[n(8)]
    pub acknowledge_for: Option<Span>,
    /// Whether only a reading beyond its limit shows that its condition goes on.
    #[n(9)]
    #[cbor(default)]
    pub by_reading: bool,
    /// Acknowledged last, in the gateway's own time.
    #[n(13)]
    pub acknowledged_at: Option<Timestamp>,
    /// When something last showed that it holds, in the gateway's own time.
    #[n(10)]
    pub held_at: Option<Timestamp>,
    /// Announced last, in the gateway's own time.
    #[n(11)]
    pub told_at: Option<Timestamp>,
    /// News since then that waits, so that there is one announcement a second.
    #[n(12)]
    #[cbor(default)]
    pub untold: bool,
    /// Whether a person may end it with a reason while it holds: nothing else may ever do.
    #[n(14)]
    #[cbor(default)]
    pub resettable: bool,
    /// What follows from it while it is present.
    #[n(15)]
    #[cbor(default)]
    pub folds: Vec<SignalId>,
    /// What it followed from is over: when it stands by itself if it still holds, in the gateway's own time.
    #[n(16)]
    pub unfolds_at: Option<Timestamp>,
    /// When it is announced that was kept back, in the gateway's own time.
    #[n(17)]
    pub quiet_until: Option<Timestamp>,
    /// Where its series stands to its limit: its text says so at each transition.
    #[n(18)]
    pub crossing: Option<Crossing>,
}

/// A new alarm, as its rule drafts it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Rule and source.
    pub key: Key,
    /// Physiological or technical.
    pub kind: AlarmKind,
    /// The device.
    pub device: Option<DeviceId>,
    /// The signal it watches.
    pub signal: Option<SignalId>,
    /// The series whose numbers raise it.
    pub series: Option<Source>,
    /// Which of its readings raises it, by its device's clock.
    pub sent: Option<DeviceInstant>,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// Present or momentary.
    pub condition: Condition,
    /// What to read out.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
    /// Why it is doubtful.
    pub reason: Option<String>,
    /// What began it.
    pub cause: Cause,
    /// The reading or event.
    pub trigger: Trigger,
    /// The limits it was judged by.
    pub rule_version: u64,
    /// When its condition had held for its delay, by the shown clock.
    pub raised_at: Timestamp,
    /// From late data.
    pub late: bool,
    /// The latest judged value of its signal.
    pub latest: Option<Latest>,
    /// News even if the alarm is open and its condition present: an event with an id of its own.
    pub news: bool,
    /// How long an acknowledgement holds, where its rule says so.
    pub acknowledge_for: Option<Span>,
    /// Whether only a reading beyond its limit shows that its condition goes on.
    pub by_reading: bool,
    /// Whether a person may end it with a reason while it holds: nothing else may ever do.
    pub resettable: bool,
    /// What follows from it: alarms over these signals are shown and not announced while it is present.
    pub folds: Vec<SignalId>,
    /// Where its series stands to its limit, if its text moves with that.
    pub crossing: Option<Crossing>,
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
}

/// Ordinals after each alarm that an upgrade kept.
const KEPT: u32 = 1 << 24;

impl Book {
    /// The open alarms.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Open)> {
        self.open.iter()
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
        self.open.get(key)
    }

    /// Whether the alarm of a key is open for more than a person to look at.
    pub fn holds(&self, key: &Key) -> bool {
        self.open.get(key).is_some_and(|open| open.alarm.condition != Condition::Absent)
    }

    /// Keys of open alarms for which `wanted` holds.
    pub fn keys_where(&self, wanted: impl Fn(&Key, &Open) -> bool) -> Vec<Key> {
        self.open.iter().filter(|(k, o)| wanted(k, o)).map(|(k, _)| k.clone()).collect()
    }

    /// Opens an alarm. If it is open, its condition holds again (rows 1, 7, 12, 20, 21).
    pub fn raise(&mut self, subject: AlarmSubject<'_>, draft: Draft, out: &mut Output) {
        if self.open.contains_key(&draft.key) {
            self.renew(draft, out);
            return;
        }
        let ordinal = self.next_ordinal(&draft);
        let group = self.folding(&draft.key, draft.found());
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
            condition_since: draft.trigger.measured_at.unwrap_or(draft.raised_at),
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
        };
        let open = Open {
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
        };
        self.open.insert(draft.key.clone(), open);
        self.record(&draft.key, Change::Raised, None, out);
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
        let stands = self.open.get(&draft.key).map_or(draft.priority, |open| open.alarm.priority);
        let folding = self.folding(&draft.key, draft.found().at_least(stands));
        let Some(open) = self.open.get_mut(&draft.key) else { return };
        let own = out.now.at;
        let just_told = open.was_just_told(own);
        let alarm = &mut open.alarm;
        let rises = draft.priority > alarm.priority;
        let was_over = alarm.condition == Condition::Absent;
        if was_over || rises {
            alarm.group = folding;
        }
        let change = if draft.news || draft.condition == Condition::Momentary {
            alarm.reach(draft.priority, draft.response);
            let goes_on = matches!(alarm.condition, Condition::Present | Condition::Unknown);
            if just_told && !rises && !was_over {
                open.untold = true;
                alarm.condition = if goes_on { alarm.condition } else { draft.condition };
                (open.held_at, open.folds) = (Some(own), draft.folds);
                (alarm.text, alarm.trigger, alarm.late) = (draft.text, draft.trigger, draft.late);
                open.sent = draft.sent;
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
        open.held_at = Some(own);
        open.folds = draft.folds;
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
        open.news_seq = if told { out.next_seq() } else { open.news_seq };
        self.record(&draft.key, change, None, out);
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

    fn record(&mut self, key: &Key, change: Change, actor: Option<&str>, out: &mut Output) {
        self.keep_back(key, change, out);
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
        let closed = !open.alarm.is_open();
        let alarm = Box::new(open.alarm.clone());
        let context = (change == Change::Raised)
            .then(|| Box::new(AlarmContext::of(&alarm, open.series.as_ref())));
        let over = !open.folds.is_empty() && (closed || alarm.condition != Condition::Present);
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
