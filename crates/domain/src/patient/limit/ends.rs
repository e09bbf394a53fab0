//! Limits of a patient's own that end: told a day before, and after where what holds then is wider (contract §4).

use super::own::{LimitSet, check_order, holding_at, of};
use crate::alarms::book::{Draft, Key, LIMIT_EXPIRED};
use crate::alarms::draft::technical;
use crate::model::alarm::{Alarm, Condition, LimitFrom, Priority, Side, Trigger};
use crate::model::cause::Cause;
use crate::model::command::{LimitEnd, PatientLimit};
use crate::model::observation::Number;
use crate::model::signal::{Signal, SignalTable};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::transition::Change;
use crate::output::{Output, rule};
use crate::patient::{Patient, RuleContext};
use crate::rules::{InForce, Level, LimitRule, RuleSet};
use crate::text;

pub(in crate::patient) const LIMIT_EXPIRING: &str = "limit.expiring";

/// So long before a limit ends it is told that it is about to.
const TOLD_BEFORE: Span = Span::hours(24);

/// What holds once a limit has ended.
pub(super) struct Then {
    /// Of several rules the widest limit.
    pub(super) limit: Option<Number>,
    /// Whether that is less strict than what ended.
    wider: bool,
}

impl Patient {
    /// Makes the sets anew that are left when limits end.
    pub(super) fn renew_ends(&mut self) {
        self.limits.retain(|set| !(set.waits && set.of_an_end));
        let mut at = 0;
        while let Some(set) = self.limits.get(at) {
            let next = self.limits.get(at + 1).map(|next| next.since);
            let ends = set.limits.iter().filter_map(|limit| limit.ends);
            let within = |end: &Timestamp| *end > set.since && next.is_none_or(|next| *end < next);
            if let Some(since) = ends.map(|end| end.at).filter(within).min() {
                self.limits.insert(at + 1, set.left_at(since));
            }
            at += 1;
        }
    }

    /// When it is told next that a limit is about to end, in the gateway's own time.
    pub(super) fn end_told_at(&self) -> Option<Timestamp> {
        let told_at = |limit: &PatientLimit| limit.ends?.told_at;
        let untold = |limit: &&PatientLimit| {
            told_at(limit).is_some() && !self.alarms.holds(&key(LIMIT_EXPIRING, limit))
        };
        self.ending().map(|(limit, _)| limit).filter(untold).filter_map(told_at).min()
    }

    /// Tells of the limits that are about to end.
    pub(super) fn tell_of_ends(
        &mut self,
        due: Timestamp,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let (adult, version) = (self.is_adult(), self.limits_at(out.now.at).version);
        let near = self.ending().filter(|(limit, _)| is_near(limit, due));
        let near: Vec<(PatientLimit, Then)> = near
            .map(|(limit, left)| {
                let left = InForce { own: &left.limits, version: left.version, adult };
                (limit.clone(), self.then(limit, left, context.signals, context.rules))
            })
            .collect();
        for (limit, Then { limit: then, .. }) in near {
            let key = key(LIMIT_EXPIRING, &limit);
            if self.alarms.holds(&key) {
                continue;
            }
            let (label, which, ends) = words(&limit, context);
            let text = text::limit_expiring(&label, which, ends, then);
            let draft = draft(key, &limit, Condition::Present, (text, version), due, out);
            self.raise(Draft { acknowledge_for: Some(TOLD_BEFORE), ..draft }, out);
        }
    }

    /// Those of the limits before that are over by then, and in whose place no other was put.
    pub(super) fn ended(&self, before: &[PatientLimit], by: Timestamp) -> Vec<PatientLimit> {
        let own = self.limits_at(by).own;
        let stands = |limit: &PatientLimit| own.iter().any(|own| own.is_in_place_of(limit));
        before.iter().filter(|limit| !limit.holds_at(by) && !stands(limit)).cloned().collect()
    }

    /// Notes that limits ended.
    pub(super) fn note_ended(
        &self,
        ended: &[PatientLimit],
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let after = self.limits_at(out.now.at);
        let said = ended.iter().map(|limit| {
            let (label, which, was) = words(limit, context);
            let then = self.then(limit, after, context.signals, context.rules);
            text::limit_expired(&label, which, was, then.limit)
        });
        let said = said.collect::<Vec<_>>().join("; ");
        out.note(Some(&self.details.id), None, "limit_ended", said);
    }

    /// Limits ended: that they are about to is over, and of what is wider since a person hears.
    pub(super) fn limits_ended(
        &mut self,
        ended: &[PatientLimit],
        at: Timestamp,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        for limit in ended {
            self.alarms.change(&key(LIMIT_EXPIRING, limit), None, out, Alarm::absent);
            let after = self.limits_at(out.now.at);
            let version = after.version;
            let Then { limit: now, wider } =
                self.then(limit, after, context.signals, context.rules);
            if wider {
                let (label, which, was) = words(limit, context);
                let text = text::limit_expired(&label, which, was, now);
                let key = key(LIMIT_EXPIRED, limit);
                let draft = draft(key, limit, Condition::Momentary, (text, version), at, out);
                self.raise(draft, out);
            }
        }
    }

    /// A person put others than those before: what was told of ends is over where they are others.
    pub(super) fn limits_changed_since(
        &mut self,
        before: &[PatientLimit],
        actor: &str,
        out: &mut Output,
    ) {
        if self.alarms.is_empty() {
            return;
        }
        let own = self.limits_at(out.now.at).own;
        let near: Vec<Key> = self
            .ending()
            .filter(|(limit, _)| is_near(limit, out.now.at))
            .map(|(limit, _)| key(LIMIT_EXPIRING, limit))
            .collect();
        let over = self.alarms.keys_where(|key, open| match key.rule.as_str() {
            LIMIT_EXPIRING => !near.contains(key),
            LIMIT_EXPIRED => {
                let signal = &open.alarm.trigger.signal;
                of(before, signal) != of(own, signal)
            }
            _ => false,
        });
        for key in over {
            self.alarms.close(&key, Change::LimitChanged, "limit_changed", Some(actor), out);
        }
    }

    /// The limits that will end, each with those that are left then.
    pub(super) fn ending(&self) -> impl Iterator<Item = (&PatientLimit, &LimitSet)> {
        let pairs = self.limits.windows(2).filter_map(|pair| match pair {
            [set, left] if left.waits => Some((set, left)),
            _ => None,
        });
        pairs.flat_map(|(set, left)| {
            let ends = move |limit: &&PatientLimit| {
                !limit.holds_at(left.since)
                    && !left.limits.iter().any(|other| other.is_in_place_of(limit))
            };
            set.limits.iter().filter(ends).map(move |limit| (limit, left))
        })
    }

    /// What holds in the place of a limit under those that are left.
    pub(super) fn then(
        &self,
        ended: &PatientLimit,
        left: InForce<'_>,
        signals: &SignalTable,
        rules: &RuleSet,
    ) -> Then {
        let mut then = Then { limit: None, wider: false };
        let Some(signal) = signals.find(&ended.signal) else { return then };
        let PatientLimit { side, unit, .. } = *ended;
        // A patient's own limit judges whom those for adults refuse, too.
        let judges = |rule: &&LimitRule| {
            let whom = rule.whom.adults_only || rule.whom.holds_for(self.person());
            rule.side == side && !rule.floor && whom
        };
        let is_wider = |now: f64, was: f64| match side {
            Side::Low => now < was,
            Side::High => now > was,
        };
        let mut rules = rules.limits_of(signal.id).filter(judges).peekable();
        if rules.peek().is_none() {
            return then;
        }
        let limits = rules.map(|rule| rule.limit(Level::of(ended), left, unit));
        let widest = limits.map(|limit| limit.map(|(value, _)| value)).reduce(|a, b| {
            let (a, b) = (a?, b?);
            Some(if is_wider(b, a) { b } else { a })
        });
        let widest = widest.flatten();
        then.limit = widest.map(|value| number(value, ended));
        then.wider =
            ended.value.is_some_and(|was| widest.is_none_or(|widest| is_wider(widest, was)));
        then
    }
}

impl LimitSet {
    /// What is left when some end.
    fn left_at(&self, since: Timestamp) -> Self {
        let (ends, limits): (Vec<PatientLimit>, Vec<PatientLimit>) =
            self.limits.iter().cloned().partition(|limit| !limit.holds_at(since));
        let from = ends.first().and_then(|limit| limit.until).unwrap_or(since);
        Self { from, limits, since, waits: true, of_an_end: true, ..self.clone() }
    }
}

/// A limit that is put, with its end: that of the one that stands where nothing is changed of it.
pub(super) fn with_end(
    asked: PatientLimit,
    stands: &[PatientLimit],
    since: Timestamp,
    now: Stamp,
) -> PatientLimit {
    if let Some(same) = stands.iter().find(|stands| stands.is_same(&asked)) {
        return same.clone();
    }
    let ends = asked.until.map(|until| {
        let at = now.own(until);
        let told_at = Some(at - TOLD_BEFORE).filter(|told| *told > since.max(now.at));
        LimitEnd { at, told_at }
    });
    PatientLimit { ends, ..asked }
}

/// Whether the limits of one signal can end when they are to, if they begin then.
pub(super) fn check_ends(
    signal: &Signal,
    limits: &[PatientLimit],
    begin: Timestamp,
    rules: &RuleSet,
) -> Result<(), String> {
    for limit in limits {
        let Some(end) = limit.ends else { continue };
        let PatientLimit { signal: name, side, .. } = limit;
        if end.at <= begin {
            return Err(format!("{name} {side} would end before it holds"));
        }
        let left = holding_at(limits.to_vec(), end.at);
        check_order(signal, &left, rules)
            .map_err(|why| format!("once {name} {side} has ended: {why}"))?;
    }
    Ok(())
}

/// Whether it is told of a limit by then that it is about to end.
fn is_near(limit: &PatientLimit, by: Timestamp) -> bool {
    limit.ends.and_then(|end| end.told_at).is_some_and(|told| told <= by)
}

fn key(name: &'static str, limit: &PatientLimit) -> Key {
    let critical = if limit.critical { "critical_" } else { "" };
    Key::new(rule(name), format!("{}.{critical}{}", limit.signal, limit.side))
}

fn number(value: f64, limit: &PatientLimit) -> Number {
    Number { value, unit: limit.unit, comparator: None, unit_doubtful: false }
}

/// What a limit is called, which of its signal it is, and its value.
fn words(limit: &PatientLimit, context: RuleContext<'_>) -> (String, (Side, bool), Option<Number>) {
    let signal = context.signals.find(&limit.signal);
    let label = signal.map_or_else(|| limit.signal.clone(), |signal| signal.label.clone());
    (label, (limit.side, limit.critical), limit.value.map(|value| number(value, limit)))
}

/// An alarm about the end of a limit, since an instant of the gateway's own time.
fn draft(
    key: Key,
    limit: &PatientLimit,
    condition: Condition,
    (text, rule_version): (String, u64),
    at: Timestamp,
    out: &Output,
) -> Draft {
    let cause = Cause::noticed(None, at);
    let draft = technical(key, None, Priority::Low, condition, text, cause, out);
    let trigger = Trigger {
        signal: limit.signal.clone(),
        side: Some(limit.side),
        limit: limit.value,
        unit: Some(limit.unit),
        limit_from: Some(LimitFrom::Patient),
        ..draft.trigger.clone()
    };
    Draft { trigger, rule_version, raised_at: out.now.shown(at), ..draft }
}
