//! The patient machine: what a patient's devices said, the rules that judge it, and the alarms that
//! follow.
//!
//! Patient machines never see each other, and learn of devices only what a device machine observed.
//!
//! A kind of rule is one file here, named in `KINDS`; what it may do stands in `judgement.rs`.

mod alarms;
mod combination;
mod count;
mod deadline;
mod event;
pub mod explain;
mod frozen;
mod judgement;
mod limit;
mod loss;
mod no_device;
mod prediction;
mod score;
mod series;
mod several;
mod silence;
mod technical;
mod trend;
mod withdrawn;

use std::cmp::Reverse;

use minicbor::{Decode, Encode};

pub use count::CountState;
pub use deadline::{Due, Intake};
pub use frozen::FrozenState;
use judgement::{Forgotten, Kind};
pub use limit::{Afterwards, Checked, LimitSet, Standing};
pub use loss::{LossWatch, Run};
pub use prediction::PredictionState;
pub use score::{InputShown, ScoreShown, ValueShown};
pub use series::{Doubt, DoubtfulValue, LatestValue, Newest, SeriesState, Words};
pub use several::Several;
use several::{Sayings, SeveralKind};
pub use silence::{Expectation, FirstSilence};
pub(crate) use technical::is_own_rule;
pub use trend::TrendState;

use crate::alarms::book::{Book, Key, Open};
use crate::device::{Device, Observed};
use crate::model::alarm::Condition;
use crate::model::cause::Cause;
use crate::model::command::{AgeClass, AlarmAct, PatientDetails};
use crate::model::ids::{DeviceId, RuleId, WardId};
use crate::model::observation::Source;
use crate::model::signal::{SignalId, SignalTable};
use crate::model::spo2_scale::PrescribedScale;
use crate::model::time::{IntakeGap, Timestamp};
use crate::model::vector_map::{self, VectorMap};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::{CombinationRule, Level, Person, REPEAT_DUE, Rule, RuleSet, ScoreRule};

/// The kinds in the order they judge. What limits judge certain ends technical alarms and silence,
/// and only then others judge it.
const KINDS: [&dyn Kind; 12] = [
    &limit::Limits,
    &technical::Technical,
    &silence::Silences,
    &loss::Losses,
    &event::Events,
    &Sayings,
    &SeveralKind::<ScoreRule>::IT,
    &SeveralKind::<CombinationRule>::IT,
    &trend::Trends,
    &count::Counts,
    &prediction::Predictions,
    &frozen::Frozen,
];

/// One admitted patient.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Patient {
    /// As admitted, bed included.
    #[n(0)]
    pub details: PatientDetails,
    /// The ward of the bed.
    #[n(1)]
    pub ward: Option<WardId>,
    /// By the shown clock; `None` while here.
    #[n(2)]
    pub discharged_at: Option<Timestamp>,
    /// Own limits, oldest first.
    #[n(3)]
    pub limits: Vec<LimitSet>,
    /// What is remembered of each series.
    #[n(4)]
    pub series: VectorMap<Source, SeriesState>,
    /// What its devices should send.
    #[n(5)]
    #[cbor(decode_with = "vector_map::list")]
    pub expectations: Vec<Expectation>,
    /// Open alarms.
    #[n(6)]
    pub alarms: Book,
    /// Signals whose loss a rule watches, by device.
    #[n(7)]
    #[cbor(default, decode_with = "vector_map::list")]
    pub losses: Vec<LossWatch>,
    /// Rises whenever what is known of the patient, or where he lies, changes.
    #[n(8)]
    #[cbor(default)]
    pub version: u64,
    /// Since when nothing watches a patient who is to be watched continuously, in the gateway's own time.
    #[n(9)]
    pub unwatched: Option<Timestamp>,
    /// Where rules over several signals stand; `None` where there is none, and nothing was said that one would read.
    #[n(10)]
    pub several: Option<Box<Several>>,
    /// By which scale SpO2 is scored, where somebody prescribed one in this stay.
    #[n(11)]
    pub scale: Option<Box<PrescribedScale>>,
    /// Series that trends follow.
    #[n(12)]
    #[cbor(default, decode_with = "vector_map::list")]
    pub trends: Vec<TrendState>,
    /// Events that are counted.
    #[n(13)]
    #[cbor(default, decode_with = "vector_map::list")]
    pub counts: Vec<CountState>,
    /// Predictions whose alarms stand.
    #[n(14)]
    #[cbor(default, decode_with = "vector_map::list")]
    pub predictions: Vec<PredictionState>,
    /// Signals that may stand still.
    #[n(15)]
    #[cbor(default, decode_with = "vector_map::list")]
    pub frozen: Vec<FrozenState>,
    /// What made its scores stale, until the message that did it is judged; not part of its state.
    #[cbor(skip)]
    stale_scores: Option<Box<Cause>>,
    /// The same of its combinations.
    #[cbor(skip)]
    stale_combinations: Option<Box<Cause>>,
    /// The row of its last change; not part of its state.
    #[cbor(skip)]
    pub touched: u64,
    /// The epoch of the core in which it was last put among what changed; not part of its state.
    #[cbor(skip)]
    pub(super) changed_in: u64,
    /// Its deadline on the agenda of the core; not part of its state.
    #[cbor(skip)]
    pub(super) noted: Option<Timestamp>,
}

/// What a device said, handed from one patient to another.
#[derive(Debug, Default)]
pub struct Handover {
    expectations: Vec<Expectation>,
    /// Alarms that the other patient had by it, and what began them.
    told: Vec<(Open, Option<Cause>)>,
    series: VectorMap<Source, SeriesState>,
    losses: Vec<LossWatch>,
    said: Vec<several::Said>,
    gone: Vec<several::Gone>,
}

impl Handover {
    /// The names of the events that were told, among others.
    pub fn names(&self) -> Vec<String> {
        self.told.iter().map(|(open, _)| open.alarm.trigger.signal.clone()).collect()
    }

    /// What was told, without what is known of the present.
    #[must_use]
    pub fn told_only(self) -> Self {
        Self { told: self.told, ..Self::default() }
    }
}

/// What rules are read by.
#[derive(Clone, Copy, Debug)]
pub struct RuleContext<'a> {
    /// Names and units.
    pub signals: &'a SignalTable,
    /// The rules in force.
    pub rules: &'a RuleSet,
    /// Windows without intake that put off what falls for want of data.
    pub intake: Intake<'a>,
}

/// A deadline, by kind in the order they are taken when they fall together. Series, watches and
/// expectations are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline<'r> {
    /// A delay runs out without a further reading.
    Delay {
        /// How much follows from what it finds: an emergency is told before that.
        explains: Reverse<usize>,
        /// Of which series.
        series: usize,
        /// By which limit rule.
        rule: &'r RuleId,
        /// Of which of its limits.
        level: Level,
    },
    /// A continuous signal has been silent for longer than its gap.
    Gap {
        /// Which series.
        series: usize,
    },
    /// Limits come into force that were put for later, or end, or it is told that they are about to.
    Limits,
    /// A signal is lost while its device goes on, by the index of its watch.
    Loss(usize),
    /// A rung of the silence ladder, by the index of the expectation.
    Silence(usize),
    /// No device has come for a patient who is to be watched continuously.
    NoDevice,
    /// An input of a score grows too old, or where it stands has held for its time, by its index.
    Score(usize),
    /// The same of a combination.
    Combination(usize),
    /// An acknowledgement or a momentary alarm runs out.
    Alarm,
}

impl Patient {
    /// A patient just admitted.
    pub fn new(details: PatientDetails, ward: Option<WardId>) -> Self {
        Self {
            details,
            ward,
            discharged_at: None,
            limits: Vec::new(),
            series: VectorMap::default(),
            expectations: Vec::new(),
            alarms: Book::default(),
            losses: Vec::new(),
            version: 1,
            unwatched: None,
            trends: Vec::new(),
            counts: Vec::new(),
            predictions: Vec::new(),
            frozen: Vec::new(),
            several: None,
            scale: None,
            stale_scores: None,
            stale_combinations: None,
            touched: 0,
            changed_in: 0,
            noted: None,
        }
    }

    /// Rules for adults judge adults only (contract §4).
    pub fn is_adult(&self) -> bool {
        self.details.age_class == AgeClass::Adult && self.details.pregnant != Some(true)
    }

    /// What decides which rules judge the patient.
    pub fn person(&self) -> Person {
        Person { age: self.details.age_class, adult: self.is_adult() }
    }

    /// Whether rules refuse to judge something that this patient's devices send, because they are
    /// for adults.
    pub fn rules_refuse(&self, rules: &RuleSet) -> bool {
        let expected = self.expectations.iter().filter_map(|e| e.signal);
        let is_bound = |device: &DeviceId| self.expectations.iter().any(|e| e.device == *device);
        let heard = self.series.keys().filter(|source| is_bound(&source.device));
        let mut signals = expected.chain(heard.map(|source| source.signal));
        signals.any(|signal| self.is_refused(signal, rules))
    }

    /// Whether a rule over a signal refuses this patient, because it is for adults.
    fn is_refused(&self, signal: SignalId, rules: &RuleSet) -> bool {
        !self.is_adult() && rules.over(signal).any(Rule::adults_only)
    }

    /// Reads something of each line of memory it takes; what is read says nothing.
    pub(super) fn glance(&self) -> usize {
        let Self { details, ward, limits, series, expectations, losses, alarms, .. } = self;
        usize::from(details.bed.is_some())
            + usize::from(details.continuous)
            + usize::from(ward.is_some())
            + limits.len()
            + series.len()
            + expectations.len()
            + losses.len()
            + usize::from(alarms.is_empty())
            + self.version as usize
            + self.touched as usize
            + usize::from(self.noted.is_some())
            + usize::from(self.unwatched.is_some())
            + usize::from(self.discharged_at.is_some())
    }

    /// The same of what that refers to,
    pub(super) fn glance_at_parts(&self) -> usize {
        let series =
            self.series.iter().map(|(source, state)| usize::from(source.signal.0) + state.glance());
        let expectations = self.expectations.iter().map(|e| usize::from(e.signal.is_some()));
        series.sum::<usize>() + expectations.sum::<usize>()
    }

    /// and of what that refers to.
    pub(super) fn glance_inside(&self) -> usize {
        self.series.values().map(SeriesState::glance_inside).sum()
    }

    /// Takes in one thing that a device machine observed.
    pub fn observe(
        &mut self,
        observed: &Observed,
        device: &Device,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if self.discharged_at.is_some() {
            return;
        }
        let id = &device.details.id;
        match observed {
            Observed::Reading(observation) => {
                let class = context.rules.class(&device.details.class);
                self.judge_reading(observation, class, context, out);
            }
            Observed::Episode(episode) => {
                self.judge(judgement::Occurrence::Episode(episode), context, out);
            }
            Observed::Undecodable(reason) => {
                self.not_judged(None, id, &format!("rejected: {reason}"));
            }
            Observed::TestMode(cause) => self.test_mode(id, cause, out),
            Observed::ClockSuspect(cause) => self.clock_suspect(id, cause, out),
            Observed::ClockStepped(cause) => self.clock_stepped(id, cause, out),
            Observed::BootReset(cause) => self.boot_reset(id, cause, out),
            Observed::TooRare(cause) => self.too_rare(id, cause, out),
            Observed::Unattributed(cause) => self.unattributed(id, cause, out),
            Observed::Expects => self.expect(device, true, context, out),
        }
    }

    /// Whether anything is counted that an intake gap interrupts.
    pub fn minds_intake_gaps(&self) -> bool {
        !self.losses.is_empty() || self.several.is_some()
    }

    /// Nothing was taken in for a time: that is no pause of any device.
    pub fn intake_gap(&mut self, gap: IntakeGap, context: RuleContext<'_>, out: &mut Output) {
        self.judge(judgement::Occurrence::IntakeGap(gap), context, out);
    }

    /// A device is bound, or registered anew: what it is expected to send, from now on.
    pub fn bind(&mut self, device: &Device, context: RuleContext<'_>, out: &mut Output) {
        self.alarms.bound(&device.details.id);
        let before = device.bindings.iter().rev().nth(1);
        if before.is_some_and(|before| before.patient.as_ref() != Some(&self.details.id)) {
            self.losses_begin_anew(&device.details.id);
        }
        self.expect(device, false, context, out);
        self.unwatched = None;
    }

    /// A device is no longer bound (row 24): its alarms stay with the patient, unknown.
    pub fn unbind(&mut self, device: &DeviceId, context: RuleContext<'_>, out: &mut Output) {
        let Handover { series, losses, .. } = self.release(device);
        self.losses_pause(losses);
        for (source, state) in series {
            // Bound again, it goes on where it was.
            if let Some(state) = state.left() {
                self.series.insert(source, state);
            }
        }
        for key in self.alarms.keys_where(|_, open| open.alarm.device.as_ref() == Some(device)) {
            let asks_again = key.rule.as_str().ends_with(REPEAT_DUE);
            if technical::is_about_link(&key.rule) || asks_again {
                self.alarms.close(&key, Change::SourceUnbound, "source_unbound", None, out);
            } else {
                self.alarms.unbind(&key, out);
            }
        }
        self.lose_device(out);
        self.changed(context, out);
    }

    /// The binding since then, in the gateway's own time, was another patient's (row 26): what it raised was
    /// announced in error. What the device said under it is handed back; what was before it stays.
    pub fn retract(
        &mut self,
        (device, since): (&DeviceId, Timestamp),
        actor: &str,
        context: RuleContext<'_>,
        out: &mut Output,
    ) -> Handover {
        let mut handover = self.release(device);
        let keys = self.alarms.keys_where(|_, open| open.alarm.device.as_ref() == Some(device));
        let retracted = |rule: &RuleId| keys.iter().any(|key| key.rule == *rule);
        for (source, state) in handover.series.iter_mut() {
            if let Some(before) = state.part_at(since, &retracted) {
                self.series.insert(source.clone(), before);
            }
        }
        for key in keys {
            let told = self.alarms.get(&key).cloned();
            handover.told.extend(told.map(|open| (open, self.alarms.cause(&key).cloned())));
            self.alarms.close(&key, Change::Retracted, "retracted", Some(actor), out);
        }
        self.lose_device(out);
        self.changed(context, out);
        handover
    }

    /// Carries out what a person asks of an open alarm. What a person ends while nobody knows how it is must begin
    /// anew before it is told again.
    pub fn act(
        &mut self,
        key: &Key,
        (actor, seen, act): (&str, u64, &AlarmAct),
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let before = self.alarms.get(key).map(|open| open.alarm.clone());
        self.alarms.act(key, actor, seen, act, out);
        let Some(closed) = before.filter(|_| self.alarms.get(key).is_none()) else { return };
        if closed.condition == Condition::Unknown {
            self.forget_watch(key);
        }
        if let Some(device) = &closed.device {
            self.told_no_more(std::slice::from_ref(&key.rule), device, context, out);
        }
    }

    /// The stay ends (row 25).
    pub fn discharge(&mut self, actor: &str, out: &mut Output) {
        self.alarms.pay_all(out);
        for key in self.alarms.keys_where(|_, _| true) {
            self.alarms.close(&key, Change::Discharged, "discharged", Some(actor), out);
        }
        self.alarms.tell_all_ended(out);
        self.end_limits(actor, out);
        self.series.clear();
        self.forget(&mut Forgotten::Stay);
        self.discharged_at = Some(out.wall());
    }
}
