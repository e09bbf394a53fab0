//! What watches a patient now, and why something does not alarm: a view of the state that judges, for people.
//!
//! Nothing is judged here. Deadlines are those that the kinds themselves offer, limits those that they compare with, and
//! what is known of an alarm stands in the book. A row is a rule over one series where it follows one, else over a device.

mod combinations;
mod events;
mod kept;
mod limits;
mod losses;
mod silences;
mod values;

pub use kept::{AlarmSeen, Inactive, KeptBack};
pub use limits::{LevelInForce, Put, Terms};
pub use silences::RungDue;
pub use values::{Doubtful, LastJudged};

use super::{Due, Intake, Patient, RuleContext, Standing};
use crate::alarms::book::{Key, Open};
use crate::model::alarm::Side;
use crate::model::ids::{AlarmId, DeviceId, RuleId};
use crate::model::instance::Instance;
use crate::model::observation::Source;
use crate::model::pause::Pause;
use crate::model::signal::SignalId;
use crate::model::time::{Stamp, Timestamp};
use crate::rules::{Level, Rule};

/// What watches a patient, as of one instant. Times are those of the shown clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// As of then.
    pub at: Timestamp,
    /// The version of the patient's own limits by which is judged; 0 for none.
    pub limits_version: u64,
    /// When others of the patient's own limits come into force, or it is told that some are about to end.
    pub limits_change_at: Option<Timestamp>,
    /// When the next deadline of the patient is decided, whatever it is about.
    pub due_at: Option<Timestamp>,
    /// Every rule that judges the patient, or would: what is not judged as well, each with why. None of who left.
    pub rules: Vec<Explained>,
}

/// A rule over one series, one device, or the patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Its name.
    pub rule: RuleId,
    /// How it judges.
    pub kind: RuleKind,
    /// The name of what it finds, where that has one: `Asystole`.
    pub name: Option<String>,
    /// What it watches, for people: the label of its signal, or what is read out of an event.
    pub label: String,
    /// The name of its signal, if it is over one.
    pub signal: Option<String>,
    /// Whose readings it follows; `None` where nobody sends them.
    pub device: Option<DeviceId>,
    /// Of which lead or channel.
    pub instance: Instance,
    /// Which side of a limit.
    pub side: Option<Side>,
    /// The limits it compares with: none, one or two.
    pub levels: Vec<LevelInForce>,
    /// How it compares, if it is a limit.
    pub terms: Option<Terms>,
    /// When its silence is told, the first rung first.
    pub rungs: Vec<RungDue>,
    /// Where it stands.
    pub state: State,
    /// Its open alarm.
    pub alarm: Option<AlarmSeen>,
    /// Why nobody hears of it, or would not: it is judged all the same.
    pub kept_back: Vec<KeptBack>,
    /// The last value of its series of which nothing was in doubt.
    pub last: Option<LastJudged>,
    /// A newer value that is in doubt.
    pub doubtful: Option<Doubtful>,
    /// When the next deadline of it, of its series or its alarm is decided.
    pub due_at: Option<Timestamp>,
}

/// How a rule judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// A number beyond a limit.
    Limit,
    /// A signal that stops while its device goes on.
    Loss,
    /// What a device itself announces.
    Event,
    /// Something that should come and does not.
    Silence,
    /// How a signal goes over days.
    Trend,
    /// So many events within a span.
    Count,
    /// A limit that is reached soon.
    Prediction,
    /// A signal that has not moved.
    Frozen,
    /// What several signals add up to.
    Score,
    /// Several conditions at once.
    Combination,
}

impl RuleKind {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Loss => "loss",
            Self::Event => "event",
            Self::Silence => "silence",
            Self::Trend => "trend",
            Self::Count => "count",
            Self::Prediction => "prediction",
            Self::Frozen => "frozen",
            Self::Score => "score",
            Self::Combination => "combination",
        }
    }
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nothing of what it looks for is there.
    Watching,
    /// What it looks for is there and has not lasted long enough.
    DelayRunning {
        /// Of which limit.
        level: Option<Level>,
        /// Since when.
        since: Timestamp,
        /// When it is an alarm unless what comes ends it; `None` where that depends on what comes, or on when intake goes
        /// on.
        fires_at: Option<Timestamp>,
        /// When it is told instead that nothing came any more.
        lost_at: Option<Timestamp>,
    },
    /// A single measurement lies beyond, and another one was asked for.
    RepeatAsked {
        /// Since when.
        since: Timestamp,
        /// When it is an alarm without another one.
        fires_at: Option<Timestamp>,
    },
    /// Its alarm is open, and what it looks for is there.
    Alarming {
        /// Of which limit.
        level: Option<Level>,
    },
    /// Its alarm is open; back inside, and not for long enough.
    Clearing {
        /// Since when.
        since: Timestamp,
        /// A reading inside, measured then or later, ends it.
        ends_at: Timestamp,
    },
    /// Nobody knows: nothing comes that would say so.
    Unknown {
        /// Since when, where something was known before.
        since: Option<Timestamp>,
        /// Why, as the gateway says it: `no data`.
        why: String,
    },
    /// It does not judge, or clears nothing.
    NotJudged(NotJudged),
}

/// Why a rule does not judge.
#[derive(Clone, Debug, PartialEq)]
pub enum NotJudged {
    /// It is for adults, and the patient is none, is pregnant, or nobody knows the age.
    AgeClass,
    /// A lethal limit that the limit of another rule says as soon and as gravely.
    Covered {
        /// That rule.
        by: RuleId,
    },
    /// A person switched it off for this patient.
    SwitchedOff,
    /// It has no limit for this patient.
    NoLimit,
    /// No device bound now sends what it looks at.
    NoDevice,
    /// Nothing of it has come since its device was bound.
    NeverHeard,
    /// What came last is in doubt: it may raise an alarm, and shows nothing to be well.
    Doubtful {
        /// Why, as the gateway says it: `late`, `quality 0.2`, `test mode`.
        why: String,
    },
    /// Its device says that the sensor is off.
    SensorOff,
    /// Its device measures singly: that nothing comes is no loss.
    Single,
    /// Nothing says after how long its silence would be told, as of what people enter.
    NoLadder,
    /// It is for other wards.
    OtherWard,
    /// Another alarm tells of the same loss.
    ToldElsewhere {
        /// That alarm.
        by: AlarmId,
    },
}

impl State {
    /// The word on the wire.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Watching => "watching",
            Self::DelayRunning { .. } => "delay_running",
            Self::RepeatAsked { .. } => "repeat_asked",
            Self::Alarming { .. } => "alarming",
            Self::Clearing { .. } => "clearing",
            Self::Unknown { .. } => "unknown",
            Self::NotJudged(_) => "not_judged",
        }
    }
}

impl NotJudged {
    /// The word on the wire.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AgeClass => "age_class",
            Self::Covered { .. } => "covered",
            Self::SwitchedOff => "switched_off",
            Self::NoLimit => "no_limit",
            Self::NoDevice => "no_device",
            Self::NeverHeard => "never_heard",
            Self::Doubtful { .. } => "doubtful",
            Self::SensorOff => "sensor_off",
            Self::Single => "single",
            Self::NoLadder => "no_ladder",
            Self::OtherWard => "other_ward",
            Self::ToldElsewhere { .. } => "told_elsewhere",
        }
    }
}

/// What the rows are read from.
#[derive(Clone, Copy)]
struct View<'a> {
    patient: &'a Patient,
    context: RuleContext<'a>,
    pauses: &'a [Pause],
    now: Stamp,
}

/// What of a rule every row of it has in common.
#[derive(Clone, Copy)]
struct Subject<'a> {
    rule: &'a RuleId,
    kind: RuleKind,
    name: Option<&'a String>,
    label: &'a str,
    signal: Option<SignalId>,
    side: Option<Side>,
}

impl Patient {
    /// What watches the patient, or of one signal what watches that. `pauses` are those of the site.
    pub fn explain(
        &self,
        only: Option<SignalId>,
        pauses: &[Pause],
        context: RuleContext<'_>,
        now: Stamp,
    ) -> Explanation {
        let view = View { patient: self, context, pauses, now };
        let mut rules = Vec::new();
        if self.discharged_at.is_none() {
            let over_several = |rule: &Rule| matches!(rule, Rule::Combination(_));
            let wanted =
                |rule: &&Rule| only.is_none() || rule.signal() == only || over_several(rule);
            let put = self.standing_limits(now.at, context.signals, context.rules);
            for rule in context.rules.iter().filter(wanted) {
                match rule {
                    Rule::Limit(rule) => view.limit(rule, &put, &mut rules),
                    Rule::Loss(rule) => view.loss(rule, &mut rules),
                    Rule::Event(rule) => view.event(rule, &mut rules),
                    Rule::Trend(_)
                    | Rule::Count(_)
                    | Rule::Prediction(_)
                    | Rule::Frozen(_)
                    | Rule::Score(_) => view.other(rule, &mut rules),
                    Rule::Combination(rule) => view.combination(rule, only, &mut rules),
                }
            }
            view.silences(only, &mut rules);
        }
        let due = self.next_deadline(context);
        Explanation {
            at: now.wall(),
            limits_version: self.limits_at(now.at).version,
            limits_change_at: self.limits_due().map(|at| now.shown(at)),
            due_at: due.map(|due| now.shown(due.decided)),
            rules,
        }
    }
}

impl<'a> View<'a> {
    /// Whether a device is bound now.
    fn is_bound(self, device: &DeviceId) -> bool {
        self.patient.expectations.iter().any(|expected| expected.device == *device)
    }

    /// The series that a rule over a signal follows: those of devices bound now, those in which it remembers something,
    /// and those of which it has an alarm.
    fn series_of(
        self,
        rule: &'a RuleId,
        signal: SignalId,
    ) -> impl Iterator<Item = (usize, &'a Source)> {
        let is_open = move |source: &Source| {
            self.patient.alarms.get(&Key::new(rule.clone(), source.name())).is_some()
        };
        let all = self.patient.series.iter().enumerate();
        let of_signal = all.filter(move |(_, (source, _))| source.signal == signal);
        let follows = move |source: &Source| self.is_bound(&source.device) || is_open(source);
        of_signal
            .filter(move |(_, (source, _))| follows(source))
            .map(|(at, (source, _))| (at, source))
    }

    /// The devices bound now that say they send a signal and of which no series is known.
    fn unheard(self, signal: SignalId) -> impl Iterator<Item = &'a DeviceId> {
        let known = move |device: &DeviceId| {
            let mut series = self.patient.series.iter();
            series.any(|(of, _)| of.device == *device && of.signal == signal)
        };
        let expected = self.patient.expectations.iter();
        let of_signal = expected.filter(move |expected| expected.signal == Some(signal));
        of_signal.map(|expected| &expected.device).filter(move |device| !known(device))
    }

    /// A row without anything to say of how it stands.
    fn row(self, subject: Subject<'_>, device: Option<&DeviceId>, state: State) -> Explained {
        let Subject { rule, kind, name, label, signal, side } = subject;
        Explained {
            rule: rule.clone(),
            kind,
            name: name.cloned(),
            label: label.to_owned(),
            signal: signal.map(|signal| self.context.signals.name(signal)),
            device: device.cloned(),
            instance: Instance::default(),
            side,
            levels: Vec::new(),
            terms: None,
            rungs: Vec::new(),
            state,
            alarm: None,
            kept_back: self.kept_back(rule, None),
            last: None,
            doubtful: None,
            due_at: None,
        }
    }

    /// The row of a rule over a signal that nobody sends, or of which nothing came.
    fn unsent(self, subject: Subject<'a>, signal: SignalId, rows: &mut Vec<Explained>) {
        let before = rows.len();
        for device in self.unheard(signal) {
            rows.push(self.row(subject, Some(device), State::NotJudged(NotJudged::NeverHeard)));
        }
        let is_known = rows[..before].iter().any(|row| row.rule == *subject.rule);
        if rows.len() == before && !is_known {
            rows.push(self.row(subject, None, State::NotJudged(NotJudged::NoDevice)));
        }
    }

    /// When something is decided that falls for want of data, by the shown clock.
    fn shown(self, due: Option<Due<'_>>) -> Option<Timestamp> {
        due.map(|due| self.now.shown(due.decided))
    }

    /// The open alarm of a key.
    fn alarms(self, key: &Key) -> Option<&'a Open> {
        self.patient.alarms.get(key)
    }

    fn intake(self) -> Intake<'a> {
        self.context.intake
    }
}
