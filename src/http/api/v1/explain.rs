//! What watches a patient, and why something does not alarm.

use serde::Serialize;

use vitalgate_domain::model::alarm::{
    Condition, LimitFrom, Priority, Response, Side, State as AlarmState,
};
use vitalgate_domain::model::ids::{AlarmId, DeviceId, PatientId, RuleId};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::observation::Number;
use vitalgate_domain::model::pause::What;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_domain::patient::explain::{self as view, State};
use vitalgate_domain::rules::Level;

/// `GET patients/{id}/explain`.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// As of then: everything due by then is judged.
    pub at: Timestamp,
    /// When the next deadline of the patient falls, whatever it is about.
    pub due_at: Option<Timestamp>,
    /// When others of the patient's own limits come into force, or it is told that some are about to end.
    pub limits_change_at: Option<Timestamp>,
    /// The version of the patient's own limits by which is judged; 0 for none.
    pub limits_version: u64,
    /// Whom it is about.
    pub patient: PatientId,
    /// Every rule that judges the patient, or would; none of who left.
    pub rules: Vec<Rule>,
}

/// A rule over one series, one device, or the patient.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// Its open alarm.
    pub alarm: Option<Alarm>,
    /// Whose readings it follows; `null` where nobody sends them, and for what any device may announce.
    pub device: Option<DeviceId>,
    /// A value newer than `last` that is in doubt.
    pub doubtful: Option<Value>,
    /// When the next deadline of it, of its series or its alarm falls.
    pub due_at: Option<Timestamp>,
    /// Lead or channel.
    pub instance: String,
    /// Why nobody hears of it, or would not: it is judged all the same.
    pub kept_back: Vec<KeptBack>,
    /// `limit`, `loss`, `event`, `silence`, `combination`, and others of which only the alarm says where they stand.
    pub kind: &'static str,
    /// What it watches, for people.
    pub label: String,
    /// The last value of its series of which nothing was in doubt.
    pub last: Option<Value>,
    /// The limits it compares with: none, one or two.
    pub levels: Vec<LevelInForce>,
    /// The name of what it finds, where that has one.
    pub name: Option<String>,
    /// The rule.
    pub rule: RuleId,
    /// When its silence is told, the first rung first.
    pub rungs: Vec<Rung>,
    /// Which side of a limit.
    pub side: Option<Side>,
    /// The name of its signal.
    pub signal: Option<String>,
    /// Where it stands.
    pub state: Stands,
    /// How it compares, if it is a limit.
    pub terms: Option<Terms>,
}

/// Where a rule stands. What does not belong to its word is `null`.
#[derive(Debug, Default, Serialize)]
pub struct Stands {
    /// The rule, or alarm, that says it in its place.
    pub by: Option<String>,
    /// Of which limit: whether that is the critical one.
    pub critical: Option<bool>,
    /// A reading inside, measured then or later, ends the alarm.
    pub ends_at: Option<Timestamp>,
    /// When it is an alarm; `null` where that depends on what comes.
    pub fires_at: Option<Timestamp>,
    /// `watching`, `delay_running`, `repeat_asked`, `alarming`, `clearing`, `unknown` or `not_judged`.
    pub is: &'static str,
    /// When it is told instead that nothing came any more.
    pub lost_at: Option<Timestamp>,
    /// Why it does not judge.
    pub reason: Option<&'static str>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why nobody knows, or what is in doubt, in words of the gateway.
    pub why: Option<String>,
}

/// An open alarm.
#[derive(Debug, Serialize)]
pub struct Alarm {
    /// Whether it holds.
    pub condition: Condition,
    /// Which.
    pub id: AlarmId,
    /// How serious.
    pub priority: Priority,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// The word for lists.
    pub state: AlarmState,
}

/// Why nobody hears of a rule. What does not belong to its word is `null`.
#[derive(Debug, Default, Serialize)]
pub struct KeptBack {
    /// The alarm that it follows from.
    pub alarm: Option<String>,
    /// Who paused it.
    pub by: Option<String>,
    /// `paused`, `follows`, `quiet`, `budget` or `information`.
    pub is: &'static str,
    /// Why it is paused.
    pub reason: Option<String>,
    /// Whether the pause is one of a scope.
    pub scope: Option<bool>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// What is paused.
    pub what: Option<What>,
}

/// A limit as it holds for the patient.
#[derive(Debug, Serialize)]
pub struct LevelInForce {
    /// Who put it; `null` for one of the rule pack.
    pub by: Option<String>,
    /// Whether it is the critical limit.
    pub critical: bool,
    /// Beyond it for so long is an alarm, in seconds.
    pub delay_s: f64,
    /// When a delay that runs is over.
    pub due_at: Option<Timestamp>,
    /// Whose it is.
    pub from: LimitFrom,
    /// How serious it is.
    pub priority: Priority,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// How fast somebody must act.
    pub response: Response,
    /// From when on it holds; `null` for one of the rule pack.
    pub since: Option<Timestamp>,
    /// The unit of `value`.
    pub unit: Unit,
    /// When it ends; `null` is with the stay.
    pub until: Option<Timestamp>,
    /// The limit; `null` where it is switched off.
    pub value: Option<f64>,
}

/// How a limit compares.
#[derive(Debug, Serialize)]
pub struct Terms {
    /// Back inside for so long ends the alarm, in seconds.
    pub clear_delay_s: f64,
    /// No limit of the patient's own takes its place.
    pub floor: bool,
    /// Without a reading for so long nobody knows, in seconds; `null` where every reading counts by itself.
    pub gap_s: Option<f64>,
    /// Back inside means so far inside.
    pub hysteresis: f64,
    /// The unit of `hysteresis`.
    pub hysteresis_unit: Unit,
    /// A single measurement beyond asks for another, and stands by itself after so long, in seconds.
    pub repeat_within_s: Option<f64>,
    /// Every reading counts at once.
    pub single: bool,
}

/// A rung of the ladder by which a silence is told.
#[derive(Debug, Serialize)]
pub struct Rung {
    /// After so much silence, in seconds.
    pub after_s: f64,
    /// When that is, if nothing comes; `null` while the store fails.
    pub at: Option<Timestamp>,
    /// How serious it is then.
    pub priority: Priority,
    /// It is reached.
    pub reached: bool,
}

/// A value.
#[derive(Debug, Serialize)]
pub struct Value {
    /// `<`, `<=`, `>=` or `>`, where the device only knew a bound.
    pub comparator: Option<&'static str>,
    /// What is in doubt: `late`, `time`, `unit`, `conflict`, `bound` or `age_class`.
    pub doubt: Option<&'static str>,
    /// When it was measured, corrected.
    pub measured_at: Timestamp,
    /// The unit that the device sent.
    pub unit: Unit,
    /// The value.
    pub value: f64,
}

impl Explanation {
    /// That of a patient.
    pub fn new(patient: PatientId, explained: view::Explanation) -> Self {
        let view::Explanation { at, limits_version, limits_change_at, due_at, rules } = explained;
        let rules = rules.into_iter().map(Rule::from).collect();
        Self { at, due_at, limits_change_at, limits_version, patient, rules }
    }
}

impl From<view::Explained> for Rule {
    fn from(row: view::Explained) -> Self {
        let judged = |last: view::LastJudged| Value::new(&last.number, last.measured_at, None);
        let doubtful = |value: view::Doubtful| {
            Value::new(&value.number, value.measured_at, Some(value.doubt.as_str()))
        };
        Self {
            alarm: row.alarm.map(Alarm::from),
            device: row.device,
            doubtful: row.doubtful.map(doubtful),
            due_at: row.due_at,
            instance: row.instance.to_string(),
            kept_back: row.kept_back.into_iter().map(KeptBack::from).collect(),
            kind: row.kind.as_str(),
            label: row.label,
            last: row.last.map(judged),
            levels: row.levels.into_iter().map(LevelInForce::from).collect(),
            name: row.name,
            rule: row.rule,
            rungs: row.rungs.into_iter().map(Rung::from).collect(),
            side: row.side,
            signal: row.signal,
            state: row.state.into(),
            terms: row.terms.map(Terms::from),
        }
    }
}

impl From<State> for Stands {
    fn from(state: State) -> Self {
        let is = state.as_str();
        let critical = |level: Option<Level>| level.map(|level| level == Level::Critical);
        match state {
            State::Watching => Self { is, ..Self::default() },
            State::DelayRunning { level, since, fires_at, lost_at } => {
                let critical = critical(level);
                Self { is, critical, since: Some(since), fires_at, lost_at, ..Self::default() }
            }
            State::RepeatAsked { since, fires_at } => {
                Self { is, since: Some(since), fires_at, ..Self::default() }
            }
            State::Alarming { level } => Self { is, critical: critical(level), ..Self::default() },
            State::Clearing { since, ends_at } => {
                Self { is, since: Some(since), ends_at: Some(ends_at), ..Self::default() }
            }
            State::Unknown { since, why } => Self { is, since, why: Some(why), ..Self::default() },
            State::NotJudged(reason) => Self { is, ..reason.into() },
        }
    }
}

impl From<view::NotJudged> for Stands {
    fn from(not: view::NotJudged) -> Self {
        let reason = Some(not.as_str());
        let (by, why) = match not {
            view::NotJudged::Covered { by } => (Some(by.to_string()), None),
            view::NotJudged::ToldElsewhere { by } => (Some(by.to_string()), None),
            view::NotJudged::Doubtful { why } => (None, Some(why)),
            view::NotJudged::AgeClass
            | view::NotJudged::SwitchedOff
            | view::NotJudged::NoLimit
            | view::NotJudged::NoDevice
            | view::NotJudged::NeverHeard
            | view::NotJudged::SensorOff
            | view::NotJudged::Single
            | view::NotJudged::NoLadder
            | view::NotJudged::OtherWard => (None, None),
        };
        Self { by, reason, why, ..Self::default() }
    }
}

impl From<view::AlarmSeen> for Alarm {
    fn from(seen: view::AlarmSeen) -> Self {
        let view::AlarmSeen { id, state, condition, priority, raised_at } = seen;
        Self { condition, id, priority, raised_at, state }
    }
}

impl From<view::KeptBack> for KeptBack {
    fn from(kept: view::KeptBack) -> Self {
        let is = kept.as_str();
        match kept {
            view::KeptBack::Paused(view::Inactive { what, by, reason, until, scope }) => Self {
                is,
                by: Some(by),
                reason,
                scope: Some(scope),
                until: Some(until),
                what: Some(what),
                alarm: None,
            },
            view::KeptBack::Follows(id) => Self { is, alarm: Some(id), ..Self::default() },
            view::KeptBack::Quiet(until) => Self { is, until: Some(until), ..Self::default() },
            view::KeptBack::Budget(until) => Self { is, until, ..Self::default() },
            view::KeptBack::Information => Self { is, ..Self::default() },
        }
    }
}

impl From<view::LevelInForce> for LevelInForce {
    fn from(one: view::LevelInForce) -> Self {
        let view::LevelInForce { level, value, unit, from, put, delay, priority, response, due_at } =
            one;
        let (by, reason, since, until) = match put {
            Some(view::Put { by, reason, from, until }) => (Some(by), reason, Some(from), until),
            None => (None, None, None, None),
        };
        Self {
            by,
            critical: level == Level::Critical,
            delay_s: delay.as_secs_f64(),
            due_at,
            from,
            priority,
            reason,
            response,
            since,
            unit,
            until,
            value,
        }
    }
}

impl From<view::Terms> for Terms {
    fn from(terms: view::Terms) -> Self {
        let view::Terms { hysteresis, clear_delay, gap, single, floor, repeat_within } = terms;
        Self {
            clear_delay_s: clear_delay.as_secs_f64(),
            floor,
            gap_s: gap.map(Span::as_secs_f64),
            hysteresis: hysteresis.value,
            hysteresis_unit: hysteresis.unit,
            repeat_within_s: repeat_within.map(Span::as_secs_f64),
            single,
        }
    }
}

impl From<view::RungDue> for Rung {
    fn from(rung: view::RungDue) -> Self {
        let view::RungDue { after, priority, at, reached } = rung;
        Self { after_s: after.as_secs_f64(), at, priority, reached }
    }
}

impl Value {
    fn new(number: &Number, measured_at: Timestamp, doubt: Option<&'static str>) -> Self {
        let Number { value, unit, comparator, .. } = *number;
        let comparator = comparator.map(Comparator::as_str);
        Self { comparator, doubt, measured_at, unit, value }
    }
}
