//! The patient machine: limits, watches over series, silence, and the alarms that follow.
//!
//! Patient machines never see each other, and learn of devices only what a device machine says.

mod judge;
mod limits;
mod silence;
mod technical;
mod watch;

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

pub use limits::LimitSet;
pub use silence::Expectation;
pub(super) use technical::draft as technical_draft;
pub use watch::{LatestValue, SourceState};

use super::book::{Book, Key, Owner};
use super::command::{AgeClass, PatientDetails};
use super::device::{Device, Said};
use super::ids::{BedId, DeviceId, WardId};
use super::observation::{Content, Source, Timeliness};
use super::output::Output;
use super::rules::RuleSet;
use super::signal::SignalTable;
use super::time::Timestamp;
use super::transition::Change;

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
    pub sources: BTreeMap<Source, SourceState>,
    /// What should be heard.
    #[n(5)]
    pub expectations: Vec<Expectation>,
    /// Open alarms.
    #[n(6)]
    pub alarms: Book,
    /// The row of its last change; not part of its state.
    #[cbor(skip)]
    pub touched: u64,
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
    /// A delay runs out without a further reading.
    Delay(Source, String, usize),
    /// A continuous signal has been silent for longer than its gap.
    Gap(Source),
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
            sources: BTreeMap::new(),
            expectations: Vec::new(),
            alarms: Book::default(),
            touched: 0,
        }
    }

    /// Rules for adults judge adults only (contract §4).
    pub fn is_adult(&self) -> bool {
        self.details.age_class == AgeClass::Adult && self.details.pregnant != Some(true)
    }

    pub(super) fn owner<'a>(details: &'a PatientDetails, ward: Option<&'a WardId>) -> Owner<'a> {
        let bed: Option<&BedId> = details.bed.as_ref();
        Owner { patient: Some(&details.id), ward, bed }
    }

    /// Hears one thing a device machine said.
    pub fn hear(&mut self, said: &Said, device: &Device, context: Context<'_>, out: &mut Output) {
        if self.discharged_at.is_some() {
            return;
        }
        match said {
            Said::Reading(observation) => {
                let spot = context.rules.class(&device.details.class).is_some_and(|c| c.spot_only);
                match (&observation.content, observation.timing.timeliness) {
                    (Content::Number(number), Timeliness::Live) => {
                        self.judge_live(observation, number, spot, context, out);
                    }
                    (Content::Number(number), Timeliness::Late) => {
                        self.judge_late(observation, number, spot, context, out);
                    }
                    (Content::Word(_), Timeliness::Live) => self.alive(observation, context, out),
                    (Content::Word(_), Timeliness::Late) => {}
                    (Content::NoSensor, _) => self.no_sensor(observation, context, out),
                    (Content::Implausible(number), _) => {
                        self.implausible(observation, number, context, out);
                    }
                    (Content::NotJudged(reason), _) => {
                        self.not_judged(Some(&observation.source), &device.details.id, reason);
                    }
                    (Content::Withdrawn, _) => self.withdraw(observation, out),
                }
            }
            Said::Episode(episode) => self.judge_episode(episode, context, out),
            Said::Undecodable(reason, _) => {
                self.not_judged(None, &device.details.id, &format!("rejected: {reason}"));
            }
            Said::TestMode(on, cause) => self.test_mode(&device.details.id, *on, cause, out),
            Said::ClockSuspect(on, cause) => {
                self.clock_suspect(&device.details.id, *on, cause, out);
            }
            Said::Unattributed(cause) => self.unattributed(&device.details.id, cause, out),
            Said::Expects => self.expect(device, out.now),
        }
    }

    /// The earliest deadline, in the gateway's own time.
    pub fn next_deadline(&self, context: Context<'_>) -> Option<(Timestamp, Deadline)> {
        if self.discharged_at.is_some() {
            return None;
        }
        let watches = self.watch_deadlines(context);
        let silences = self.silence_deadlines(context);
        let alarms = self.alarms.next_deadline().map(|at| (at, Deadline::Alarm));
        watches.chain(silences).chain(alarms).min()
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
            Deadline::Delay(source, rule, level) => {
                self.delay_over(source, rule, *level, context, out);
            }
            Deadline::Gap(source) => self.lose(source, context, out),
            Deadline::Silence(place) => self.silent(*place, due, context, out),
            Deadline::Alarm => self.alarms.fire(due, out),
        }
    }

    /// A device is bound: it is expected to speak from now on.
    pub fn bind(&mut self, device: &Device, out: &Output) {
        self.expect(device, out.now);
    }

    /// A device is no longer bound (row 24): its alarms stay with the patient, unknown.
    pub fn unbind(&mut self, device: &DeviceId, out: &mut Output) {
        self.expectations.retain(|e| e.device != *device);
        self.sources.retain(|source, _| source.device != *device);
        let of_device = |open: &super::book::Open| open.alarm.device.as_ref() == Some(device);
        for key in self.alarms.keys_where(|_, open| of_device(open)) {
            if technical::is_about_link(&key.rule) {
                self.alarms.close(&key, Change::SourceUnbound, "source_unbound", None, out);
            } else {
                self.alarms.unbind(&key, out);
            }
        }
    }

    /// The binding was another patient's (row 26): what it raised was told in error.
    pub fn retract(&mut self, device: &DeviceId, actor: &str, out: &mut Output) {
        self.expectations.retain(|e| e.device != *device);
        self.sources.retain(|source, _| source.device != *device);
        for key in self.alarms.keys_where(|_, open| open.alarm.device.as_ref() == Some(device)) {
            self.alarms.close(&key, Change::Retracted, "retracted", Some(actor), out);
        }
    }

    /// The stay ends (row 25).
    pub fn discharge(&mut self, actor: &str, out: &mut Output) {
        for key in self.alarms.keys_where(|_, _| true) {
            self.alarms.close(&key, Change::Discharged, "discharged", Some(actor), out);
        }
        self.sources.clear();
        self.expectations.clear();
        self.discharged_at = Some(out.wall());
    }

    /// Rules changed or went (row 23): their alarms close, and what still holds is raised anew.
    pub fn reconfigure(&mut self, before: Context<'_>, after: Context<'_>, out: &mut Output) {
        let same = |rule: &super::ids::RuleId| {
            before.rules.limit(rule) == after.rules.limit(rule)
                && before.rules.event_rule(rule) == after.rules.event_rule(rule)
        };
        let limit_or_event = |rule: &super::ids::RuleId| {
            before.rules.limit(rule).is_some() || before.rules.event_rule(rule).is_some()
        };
        let changed =
            |key: &Key, _: &super::book::Open| limit_or_event(&key.rule) && !same(&key.rule);
        for key in self.alarms.keys_where(changed) {
            self.alarms.close(&key, Change::RuleChanged, "rule_changed", None, out);
        }
        for state in self.sources.values_mut() {
            state.watches.retain(|watch| same(&watch.rule));
        }
        if self.discharged_at.is_none() {
            self.judge_latest(|rule| !same(rule), after, out);
        }
    }

    fn withdraw(&mut self, observation: &super::observation::Observation, out: &mut Output) {
        let measured = observation.timing.measured;
        let device = &observation.source.device;
        let wanted = |_: &Key, open: &super::book::Open| {
            open.alarm.device.as_ref() == Some(device)
                && open.signal == Some(observation.source.signal)
                && open.alarm.trigger.measured_at == Some(measured)
        };
        for key in self.alarms.keys_where(wanted) {
            self.alarms.close(&key, Change::Retracted, "retracted", None, out);
            if let Some(state) = self.sources.get_mut(&observation.source) {
                state.forget(&key.rule);
            }
        }
    }
}
