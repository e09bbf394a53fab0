//! Technical alarms on a patient: what stands between the patient and judgement.

use super::judgement::{Kind, Occurrence};
use super::limit::{Evidence, LIMIT_EXPIRING};
use super::{Patient, RuleContext, no_device, silence};
use crate::alarms::book::{Key, LIMIT_EXPIRED, OVER_BUDGET, Open};
use crate::alarms::draft::technical;
use crate::model::alarm::{Alarm, Condition, Priority, TimeQuality};
use crate::model::cause::Cause;
use crate::model::ids::{DeviceId, RuleId};
use crate::model::observation::{Number, Observation, Source, Timing};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::transition::Change;
use crate::output::{Output, rule};
use crate::rules::Level;
use crate::text;

const IMPLAUSIBLE: &str = "link.implausible";
pub(super) const ZERO_OR_OFF: &str = "link.zero_or_off";
const TEST_MODE: &str = "link.test_mode";
const CLOCK_SUSPECT: &str = "clock.suspect";
const CLOCK_STEPPED: &str = "clock.stepped";
const BOOT_RESET: &str = "link.boot_reset";
const UNATTRIBUTED: &str = "link.unattributed";
const INTERVAL: &str = "link.interval";
const READ_SLOWLY: &str = "link.read_slowly";
const LOST_WHILE_PENDING: &str = "link.lost_while_pending";
const AGE_CLASS: &str = "rules.age_class";

/// Of these an implausible value after a good one is as grave as a critical one (contract §2).
const IMPLAUSIBLE_IS_GRAVE: [&str; 9] = [
    "heart_rate",
    "pulse_rate",
    "spo2",
    "abp_sys",
    "abp_dia",
    "abp_mean",
    "nibp_sys",
    "nibp_dia",
    "nibp_mean",
];

/// A clock is right again when no stamp of it was suspect for so long.
const SETTLED: Span = Span::mins(30);

/// What stands in the way of judging: it has no rules in the text.
pub(super) struct Technical;

impl Kind for Technical {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match occurrence {
            // What corrects an earlier value is no sign of life.
            Occurrence::Number(reading)
                if reading.is_certain() && !reading.observation.corrects =>
            {
                patient.series_back(&reading.observation.source, out);
            }
            Occurrence::Word(observation, _) if !observation.timing.is_doubtful() => {
                patient.device_back(&observation.source.device, out);
            }
            Occurrence::Episode(episode) if episode.is_certain() => {
                patient.device_back(&episode.device, out);
            }
            Occurrence::NoSensor { observation, sudden: true } => {
                patient.no_sensor(observation, context, out);
            }
            Occurrence::Implausible(observation, number) => {
                patient.implausible(observation, number, context, out);
            }
            Occurrence::Number(_)
            | Occurrence::Word(..)
            | Occurrence::NoSensor { .. }
            | Occurrence::Episode(_)
            | Occurrence::Silence(_)
            | Occurrence::IntakeGap(_)
            | Occurrence::Changed(_) => {}
        }
    }
}

impl Patient {
    /// A number outside the plausible range.
    fn implausible(
        &mut self,
        observation: &Observation,
        number: &Number,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let source = &observation.source;
        let grave = IMPLAUSIBLE_IS_GRAVE.contains(&context.signals.name(source.signal).as_str());
        let priority = if grave && self.was_inside(source, context) {
            critical_priority(source.signal, context).unwrap_or(Priority::Medium)
        } else {
            Priority::Medium
        };
        let text = text::implausible(&label(source.signal, context), number);
        self.raise_technical(IMPLAUSIBLE, source, priority, text, observation, context, out);
    }

    /// A zero that means "no sensor" where there was a value a moment ago.
    fn no_sensor(&mut self, observation: &Observation, context: RuleContext<'_>, out: &mut Output) {
        let source = &observation.source;
        let key = Key::new(rule(ZERO_OR_OFF), source_name(source));
        if self.alarms.holds(&key) {
            return;
        }
        let priority = critical_priority(source.signal, context).unwrap_or(Priority::Medium);
        let text = text::zero_or_off(&label(source.signal, context));
        self.raise_technical(ZERO_OR_OFF, source, priority, text, observation, context, out);
        self.told_elsewhere(&source.device, context, out);
    }

    #[expect(clippy::too_many_arguments, reason = "one alarm in full")]
    fn raise_technical(
        &mut self,
        rule_id: &'static str,
        source: &Source,
        priority: Priority,
        text: String,
        observation: &Observation,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let key = Key::new(rule(rule_id), source_name(source));
        let device = Some(&source.device);
        let cause = observation.cause.clone();
        let mut draft = technical(key, device, priority, Condition::Present, text, cause, out);
        draft.signal = Some(source.signal);
        draft.series = Some(source.clone());
        draft.trigger.signal = context.signals.name(source.signal);
        draft.trigger.measured_at = Some(observation.timing.measured);
        draft.trigger.received_at = Some(observation.timing.received);
        draft.trigger.time_quality = observation.timing.quality;
        draft.sent = observation.sent;
        self.raise(draft, out);
    }

    /// Contract §5 row 3: a delay was running when the data stopped.
    pub(super) fn lost_while_pending(
        &mut self,
        source: &Source,
        priority: Priority,
        began: &Evidence,
        since: Timestamp,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let key = Key::new(rule(LOST_WHILE_PENDING), source_name(source));
        let text = text::lost_beyond(&label(source.signal, context), &began.number);
        let device = Some(&source.device);
        let cause = began.cause.clone();
        let mut draft = technical(key, device, priority, Condition::Present, text, cause, out);
        draft.signal = Some(source.signal);
        draft.series = Some(source.clone());
        draft.trigger.signal = context.signals.name(source.signal);
        draft.sent = began.sent;
        draft.trigger.value = Some(began.number.value);
        draft.trigger.unit = Some(began.number.unit);
        draft.trigger.limit = Some(began.limit);
        draft.trigger.measured_at = Some(began.measured);
        draft.raised_at = out.now.shown(since);
        draft.resettable = true;
        self.raise(draft, out);
        self.told_elsewhere(&source.device, context, out);
    }

    /// A plausible value ends what stood in its way, and closes the alarms of another series of its
    /// signal whose device is no longer bound (row 24).
    fn series_back(&mut self, source: &Source, out: &mut Output) {
        if self.alarms.is_empty() {
            return;
        }
        let replaced = self.alarms.keys_where(|_, open| {
            open.unbound
                && open.alarm.condition == Condition::Unknown
                && open.signal == Some(source.signal)
                && open.alarm.device.as_ref() != Some(&source.device)
        });
        for key in replaced {
            self.forget_watch(&key);
            self.alarms.close(&key, Change::SourceReplaced, "source_replaced", None, out);
        }
        let over = |key: &Key, open: &Open| match key.rule.as_str() {
            IMPLAUSIBLE | ZERO_OR_OFF | LOST_WHILE_PENDING => {
                open.signal == Some(source.signal) && key.source == source_name(source)
            }
            _ => false,
        };
        for key in self.alarms.keys_where(over) {
            self.alarms.change(&key, None, out, Alarm::absent);
        }
        self.device_back(&source.device, out);
    }

    /// Live data of a device, their time beyond doubt: it is in real mode, and its clock is right.
    fn device_back(&mut self, device: &DeviceId, out: &mut Output) {
        let now = out.now.at;
        let settled = |open: &Open| open.held_at.is_none_or(|held| now - held >= SETTLED);
        let over = |key: &Key, open: &Open| {
            let ends = match key.rule.as_str() {
                TEST_MODE => true,
                CLOCK_SUSPECT => settled(open),
                _ => false,
            };
            ends && key.source == device.as_str()
        };
        for key in self.alarms.keys_where(over) {
            self.alarms.change(&key, None, out, Alarm::absent);
        }
    }

    /// `mode: test|demo` on a device bound to a patient (contract §2).
    pub(super) fn test_mode(&mut self, device: &DeviceId, cause: &Cause, out: &mut Output) {
        self.device_wide(TEST_MODE, device, text::test_mode, cause, out);
    }

    /// Stamps that cannot be (contract §3).
    pub(super) fn clock_suspect(&mut self, device: &DeviceId, cause: &Cause, out: &mut Output) {
        self.device_wide(CLOCK_SUSPECT, device, text::clock_suspect, cause, out);
    }

    fn device_wide(
        &mut self,
        rule_id: &'static str,
        device: &DeviceId,
        text: fn(&DeviceId) -> String,
        cause: &Cause,
        out: &mut Output,
    ) {
        let key = Key::new(rule(rule_id), device.to_string());
        if self.alarms.get(&key).is_none_or(|open| open.alarm.condition != Condition::Present) {
            let (priority, condition) = (Priority::Medium, Condition::Present);
            let cause = cause.clone();
            let mut draft =
                technical(key, Some(device), priority, condition, text(device), cause, out);
            draft.resettable = rule_id == CLOCK_SUSPECT;
            self.raise(draft, out);
        } else {
            self.alarms.goes_on(&key, out);
        }
    }

    /// A reading fell between two patients' bindings (contract §4).
    pub(super) fn unattributed(&mut self, device: &DeviceId, cause: &Cause, out: &mut Output) {
        self.device_moment(UNATTRIBUTED, device, text::unattributed, cause, out);
    }

    /// The clock of a device was put right (contract §3).
    pub(super) fn clock_stepped(&mut self, device: &DeviceId, cause: &Cause, out: &mut Output) {
        self.device_moment(CLOCK_STEPPED, device, text::clock_stepped, cause, out);
    }

    /// The counter of a device went back: it lost its memory (contract §2).
    pub(super) fn boot_reset(&mut self, device: &DeviceId, cause: &Cause, out: &mut Output) {
        self.device_moment(BOOT_RESET, device, text::boot_reset, cause, out);
    }

    /// A device says that it sends more rarely than is believed (contract §3).
    pub(super) fn too_rare(&mut self, device: &DeviceId, cause: &Cause, out: &mut Output) {
        self.device_moment(INTERVAL, device, text::too_rare, cause, out);
    }

    /// A device, or what it speaks through, sends more than its budget: what it measures comes late.
    pub fn waits_for(&mut self, sender: &DeviceId, device: &DeviceId, out: &mut Output) {
        let key = Key::new(rule(READ_SLOWLY), sender.to_string());
        if self.alarms.holds(&key) || self.discharged_at.is_some() {
            return;
        }
        let cause = Cause::noticed(Some(sender.clone()), out.wall());
        let (priority, text) = if sender == device {
            (Priority::Medium, text::read_slowly(device))
        } else {
            (Priority::Low, text::waits_behind(device, sender))
        };
        let condition = Condition::Present;
        self.raise(technical(key, Some(device), priority, condition, text, cause, out), out);
    }

    /// Whether that was told, and is not over.
    pub fn is_told_of_waiting(&self, sender: &DeviceId) -> bool {
        self.alarms.holds(&Key::new(rule(READ_SLOWLY), sender.to_string()))
    }

    /// It sends no more than its budget.
    pub fn waits_no_more(&mut self, sender: &DeviceId, out: &mut Output) {
        let key = Key::new(rule(READ_SLOWLY), sender.to_string());
        self.alarms.change(&key, None, out, Alarm::absent);
    }

    fn device_moment(
        &mut self,
        rule_id: &'static str,
        device: &DeviceId,
        text: fn(&DeviceId) -> String,
        cause: &Cause,
        out: &mut Output,
    ) {
        let key = Key::new(rule(rule_id), device.to_string());
        if self.alarms.holds(&key) {
            return;
        }
        let text = text(device);
        let (priority, condition) = (Priority::Low, Condition::Momentary);
        let draft = technical(key, Some(device), priority, condition, text, cause.clone(), out);
        self.raise(draft, out);
    }

    /// Rules for adults refuse this patient (contract §4).
    pub(super) fn refuse_age(&mut self, cause: &Cause, out: &mut Output) {
        let key = Key::new(rule(AGE_CLASS), "patient");
        if self.alarms.holds(&key) {
            return;
        }
        let text = text::age_class();
        let (priority, condition) = (Priority::Medium, Condition::Present);
        let draft = technical(key, None, priority, condition, text, cause.clone(), out);
        self.raise(draft, out);
    }

    /// Rules for adults judge this patient now.
    pub(super) fn accept_age(&mut self, out: &mut Output) {
        let key = Key::new(rule(AGE_CLASS), "patient");
        self.alarms.change(&key, None, out, Alarm::absent);
    }
}

/// Whether an alarm speaks of the link to a device alone, and ends with it.
pub(super) fn is_about_link(rule: &RuleId) -> bool {
    is_of_link(rule.as_str())
}

/// Whether alarms of patients can be of this rule of the program's own.
pub(crate) fn is_own_rule(rule: &str) -> bool {
    is_of_link(rule)
        || matches!(
            rule,
            IMPLAUSIBLE
                | ZERO_OR_OFF
                | LOST_WHILE_PENDING
                | AGE_CLASS
                | LIMIT_EXPIRED
                | LIMIT_EXPIRING
                | no_device::NO_DEVICE
        )
}

fn is_of_link(rule: &str) -> bool {
    matches!(
        rule,
        silence::SILENCE
            | TEST_MODE
            | CLOCK_SUSPECT
            | CLOCK_STEPPED
            | BOOT_RESET
            | UNATTRIBUTED
            | INTERVAL
            | OVER_BUDGET
            | READ_SLOWLY
    )
}

/// Whether an alarm says that a signal is lost.
pub(super) fn is_loss(rule: &RuleId) -> bool {
    matches!(rule.as_str(), ZERO_OR_OFF | LOST_WHILE_PENDING)
}

/// Why the time of something is doubtful, in words.
pub(super) fn doubt(timing: &Timing) -> Option<String> {
    doubt_of(timing.quality)
}

/// See [`doubt`].
pub(super) fn doubt_of(quality: TimeQuality) -> Option<String> {
    (quality != TimeQuality::Synced).then(|| format!("time {quality}"))
}

fn label(signal: SignalId, context: RuleContext<'_>) -> String {
    context.signals.get(signal).map_or_else(|| context.signals.name(signal), |s| s.label.clone())
}

/// Technical alarms of one series carry its signal, so that two signals of a device do not share one.
fn source_name(source: &Source) -> String {
    format!("{}/{}", source.name(), source.signal.0)
}

fn critical_priority(signal: SignalId, context: RuleContext<'_>) -> Option<Priority> {
    let rules = context.rules.limits_of(signal);
    rules.filter(|r| r.levels[Level::Critical].is_some()).map(|r| r.priority(Level::Critical)).max()
}
