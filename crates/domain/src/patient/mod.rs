//! The patient machine: limits, watches over series, silence, and the alarms that follow.
//!
//! Patient machines never see each other, and learn of devices only what a device machine says.

mod episode;
mod judge;
mod late;
mod limits;
mod loss;
mod repeat;
mod silence;
mod technical;
mod watch;

use minicbor::{Decode, Encode};

pub use limits::LimitSet;
pub use loss::{LossWatch, Run};
pub use silence::Expectation;
use watch::Watches;
pub use watch::{LatestValue, SourceState, Words};

use crate::alarms::book::{AlarmSubject, Book, Key, Open};
use crate::device::{Device, Observed};
use crate::model::alarm::Condition;
use crate::model::command::{AgeClass, PatientDetails};
use crate::model::ids::{BedId, DeviceId, RuleId, WardId};
use crate::model::observation::{Content, Observation, Source, Timeliness};
use crate::model::signal::SignalTable;
use crate::model::time::Timestamp;
use crate::model::vector_map::{self, VectorMap};
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::{Level, Rule, RuleSet};

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
    /// Series heard.
    #[n(4)]
    pub sources: VectorMap<Source, SourceState>,
    /// What should be heard.
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
    /// The row of its last change; not part of its state.
    #[cbor(skip)]
    pub touched: u64,
    /// The epoch of the core in which it was last put among what changed; not part of its state.
    #[cbor(skip)]
    pub(super) changed_in: u64,
}

/// What was heard of a device, handed from one patient to another.
#[derive(Debug, Default)]
pub struct Heard {
    sources: VectorMap<Source, SourceState>,
    losses: Vec<LossWatch>,
}

/// What a patient machine needs to know besides what it hears.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Names and units.
    pub signals: &'a SignalTable,
    /// The rules in force.
    pub rules: &'a RuleSet,
}

/// A deadline, by kind in the order they are taken when they fall together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// A delay runs out without a further reading: of the series at an index, by a limit rule.
    Delay(usize, RuleId, Level),
    /// A continuous signal, of the series at an index, has been silent for longer than its gap.
    Gap(usize),
    /// A signal is lost while its device goes on, by the place of its watch.
    Loss(usize),
    /// A rung of the silence ladder, by the place of the expectation.
    Silence(usize),
    /// An acknowledgement or a momentary alarm runs out.
    Alarm,
}

impl Deadline {
    /// Why the core will wake, for logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Delay(..) => "delay",
            Self::Gap(_) => "gap",
            Self::Loss(_) => "loss",
            Self::Silence(_) => "silence",
            Self::Alarm => "alarm",
        }
    }
}

impl Patient {
    /// A patient just admitted.
    pub fn new(details: PatientDetails, ward: Option<WardId>) -> Self {
        Self {
            details,
            ward,
            discharged_at: None,
            limits: Vec::new(),
            sources: VectorMap::default(),
            expectations: Vec::new(),
            alarms: Book::default(),
            losses: Vec::new(),
            touched: 0,
            changed_in: 0,
        }
    }

    /// Rules for adults judge adults only (contract §4).
    pub fn is_adult(&self) -> bool {
        self.details.age_class == AgeClass::Adult && self.details.pregnant != Some(true)
    }

    /// Whether rules refuse to judge something that this patient's devices send, because they are
    /// for adults.
    pub fn rules_refuse(&self, rules: &RuleSet) -> bool {
        let expected = self.expectations.iter().filter_map(|e| e.signal);
        let mut signals = expected.chain(self.sources.keys().map(|source| source.signal));
        !self.is_adult()
            && signals.any(|signal| rules.limits_of(signal).any(|rule| rule.adults_only))
    }

    pub(super) fn owner<'a>(
        details: &'a PatientDetails,
        ward: Option<&'a WardId>,
    ) -> AlarmSubject<'a> {
        let bed: Option<&BedId> = details.bed.as_ref();
        AlarmSubject { patient: Some(&details.id), ward, bed }
    }

    /// Takes in one thing that a device machine observed.
    pub fn observe(
        &mut self,
        observed: &Observed,
        device: &Device,
        context: Context<'_>,
        out: &mut Output,
    ) {
        if self.discharged_at.is_some() {
            return;
        }
        match observed {
            Observed::Reading(observation) => {
                let spot = context.rules.class(&device.details.class).is_some_and(|c| c.spot_only);
                match (&observation.content, observation.timing.timeliness) {
                    (Content::Number(number), Timeliness::Live) => {
                        self.judge_live(observation, number, spot, context, out);
                    }
                    (Content::Number(number), Timeliness::Late) => {
                        self.judge_late(observation, number, spot, context, out);
                    }
                    (Content::Word(_), Timeliness::Live) => self.alive(observation, context, out),
                    (Content::Word(_), Timeliness::Late) => {
                        self.not_judged(Some(&observation.source), &device.details.id, "late");
                    }
                    (Content::NoSensor | Content::Implausible(_), Timeliness::Late) => {}
                    (Content::NoSensor, Timeliness::Live) => {
                        self.no_sensor(observation, context, out);
                    }
                    (Content::Implausible(number), Timeliness::Live) => {
                        self.implausible(observation, number, context, out);
                    }
                    (Content::NotJudged(reason), _) => {
                        self.not_judged(Some(&observation.source), &device.details.id, reason);
                    }
                    (Content::Withdrawn, _) => self.withdraw(observation, out),
                }
            }
            Observed::Episode(episode) => self.judge_episode(episode, context, out),
            Observed::Undecodable(reason) => {
                self.not_judged(None, &device.details.id, &format!("rejected: {reason}"));
            }
            Observed::TestMode(cause) => self.test_mode(&device.details.id, cause, out),
            Observed::ClockSuspect(cause) => self.clock_suspect(&device.details.id, cause, out),
            Observed::Unattributed(cause) => self.unattributed(&device.details.id, cause, out),
            Observed::Expects => self.announced(device, context, out),
        }
    }

    /// The earliest deadline, in the gateway's own time. Those that fall for want of data at
    /// `held` or later are held back: intake may stand still since then.
    pub fn next_deadline(
        &self,
        context: Context<'_>,
        held: Option<Timestamp>,
    ) -> Option<(Timestamp, Deadline)> {
        if self.discharged_at.is_some() {
            return None;
        }
        let counts = |(at, _): &(Timestamp, Deadline)| held.is_none_or(|held| *at < held);
        let watches = self.watch_deadlines(context).filter(counts);
        let losses = self.loss_deadlines().filter(counts);
        let silences = self.silence_deadlines(context).filter(counts);
        let alarms = self.alarms.next_deadline().map(|at| (at, Deadline::Alarm));
        watches.chain(losses).chain(silences).chain(alarms).min()
    }

    /// Takes a deadline that fell at `due`.
    pub fn fire(
        &mut self,
        due: Timestamp,
        deadline: &Deadline,
        context: Context<'_>,
        out: &mut Output,
    ) {
        match deadline {
            Deadline::Delay(series, rule, level) => {
                if let Some(source) = self.sources.key_at(*series).cloned() {
                    self.delay_over(&source, rule, *level, context, out);
                }
            }
            Deadline::Gap(series) => {
                if let Some(source) = self.sources.key_at(*series).cloned() {
                    self.lose(&source, due, context, out);
                }
            }
            Deadline::Loss(place) => self.loss_over(*place, context, out),
            Deadline::Silence(place) => self.silent(*place, due, context, out),
            Deadline::Alarm => self.alarms.fire(due, out),
        }
    }

    /// A device is bound, or registered anew: what it is expected to send, from now on.
    pub fn bind(&mut self, device: &Device, context: Context<'_>, out: &mut Output) {
        self.expect(device, false, context, out);
    }

    /// A device is no longer bound (row 24): its alarms stay with the patient, unknown.
    pub fn unbind(&mut self, device: &DeviceId, out: &mut Output) {
        self.expectations.retain(|e| e.device != *device);
        self.sources.retain(|source, _| source.device != *device);
        self.losses.retain(|watch| watch.source.device != *device);
        let of_device = |open: &Open| open.alarm.device.as_ref() == Some(device);
        for key in self.alarms.keys_where(|_, open| of_device(open)) {
            if technical::is_about_link(&key.rule) {
                self.alarms.close(&key, Change::SourceUnbound, "source_unbound", None, out);
            } else {
                self.alarms.unbind(&key, out);
            }
        }
    }

    /// The binding was another patient's (row 26): what it raised was told in error. What was heard
    /// under it is handed back.
    pub fn retract(&mut self, device: &DeviceId, actor: &str, out: &mut Output) -> Heard {
        self.expectations.retain(|e| e.device != *device);
        let sources = self.sources.take_out(|source, _| source.device == *device);
        let (losses, others) =
            std::mem::take(&mut self.losses).into_iter().partition(|w| w.source.device == *device);
        self.losses = others;
        for key in self.alarms.keys_where(|_, open| open.alarm.device.as_ref() == Some(device)) {
            self.alarms.close(&key, Change::Retracted, "retracted", Some(actor), out);
        }
        Heard { sources, losses }
    }

    /// What a device said under another's binding was of this patient: it is judged at once.
    pub fn inherit(&mut self, heard: Heard, context: Context<'_>, out: &mut Output) {
        let Heard { sources, losses } = heard;
        for (source, mut state) in sources {
            state.watches = Watches::default();
            self.put_state(&source, state);
            self.judge_latest(&source, |_| true, context, out);
        }
        self.losses.extend(losses);
        self.judge_losses(|_| true, context, out);
    }

    /// The stay ends (row 25).
    pub fn discharge(&mut self, actor: &str, out: &mut Output) {
        for key in self.alarms.keys_where(|_, _| true) {
            self.alarms.close(&key, Change::Discharged, "discharged", Some(actor), out);
        }
        self.sources.clear();
        self.losses.clear();
        self.expectations.clear();
        self.discharged_at = Some(out.wall());
    }

    /// Rules changed or went (row 23): their alarms close, and what still holds is raised anew.
    pub fn reconfigure(&mut self, before: Context<'_>, after: Context<'_>, out: &mut Output) {
        let same = |rule: &RuleId| before.rules.get(rule) == after.rules.get(rule);
        let changed = |key: &Key, _: &Open| !same(&key.rule);
        let was_loss = |rule: &RuleId| before.rules.get(rule).and_then(Rule::as_loss).is_some();
        let was_event = |rule: &RuleId| before.rules.get(rule).and_then(Rule::as_event).is_some();
        for key in self.alarms.keys_where(changed) {
            let open = self.alarms.get(&key).cloned();
            let cause = self.alarms.cause(&key).cloned();
            self.alarms.close(&key, Change::RuleChanged, "rule_changed", None, out);
            if let Some(open) = open.as_ref().filter(|_| was_loss(&key.rule)) {
                self.judge_loss_again(open, after, out);
            }
            let begun = open.zip(cause).filter(|(open, _)| {
                was_event(&key.rule)
                    && matches!(open.alarm.condition, Condition::Present | Condition::Unknown)
            });
            if let Some((open, cause)) = begun {
                self.judge_event_again(&open, cause, after, out);
            }
        }
        for state in self.sources.values_mut() {
            state.watches.retain(|watch| same(&watch.rule));
        }
        let sources: Vec<Source> = self.sources.keys().cloned().collect();
        for source in sources {
            self.judge_latest(&source, |rule| !same(rule), after, out);
        }
        self.judge_losses(|rule| !same(rule), after, out);
    }

    /// A reading was entered in error (row 26): nothing that stands on it stays.
    fn withdraw(&mut self, observation: &Observation, out: &mut Output) {
        let measured = observation.timing.measured;
        let source = &observation.source;
        let wanted = |_: &Key, open: &Open| {
            open.alarm.device.as_ref() == Some(&source.device)
                && open.signal == Some(source.signal)
                && open.alarm.trigger.measured_at == Some(measured)
        };
        let retracted = self.alarms.keys_where(wanted);
        if let Some(state) = self.sources.get_mut(source) {
            state.withdraw(measured);
            for key in &retracted {
                state.forget(&key.rule);
            }
        }
        for key in retracted {
            self.alarms.close(&key, Change::Retracted, "retracted", None, out);
        }
    }
}
