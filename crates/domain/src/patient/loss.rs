//! Sudden loss: a signal that stops while its device goes on (contract §7).
//!
//! A loss lasts for as long as other signals of the device are judged. A pause of the device counts
//! as half the loss at most, and one as long as the whole loss begins it again. The signals of a
//! device come a moment apart: so long after another one nothing is decided.

use minicbor::{Decode, Encode};

use super::deadline::Earliest;
use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured, Silent, Wanted};
use super::{Deadline, Patient, RuleContext};
use crate::alarms::book::{Draft, Key, Open};
use crate::model::alarm::{Alarm, AlarmKind, Condition, Priority, Response, TimeQuality, Trigger};
use crate::model::cause::Cause;
use crate::model::ids::DeviceId;
use crate::model::instance::Instance;
use crate::model::observation::{Observation, Source};
use crate::model::time::{IntakeGap, Span, Timestamp};
use crate::output::Output;
use crate::rules::{LossRule, Rule};
use crate::text;

/// So long after another signal of its device one that belongs to it may come.
const MOMENT: Span = Span::secs(1);

/// Where one signal of one device stands to its loss rule.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LossWatch {
    /// The series of its last value. Another instance of the signal is as good: the loss is of the
    /// signal.
    #[n(0)]
    pub source: Source,
    /// The message of that value.
    #[n(1)]
    pub cause: Cause,
    /// When it was measured, corrected.
    #[n(2)]
    pub measured: Timestamp,
    /// When it arrived, in the gateway's own time.
    #[n(3)]
    pub arrival: Timestamp,
    /// How often the signal comes.
    #[n(4)]
    pub interval: Option<Span>,
    /// Since then the device said that there is no sensor, which has an alarm of its own.
    #[n(5)]
    pub off: bool,
    /// The loss, once the device went on without it.
    #[n(6)]
    pub run: Option<Run>,
    /// Its alarm may be open.
    #[n(7)]
    pub raised: bool,
    /// Its device was unbound since: the value is of an earlier binding.
    #[n(8)]
    #[cbor(default)]
    pub left: bool,
}

/// For how long a device has gone on without a signal. In the gateway's own time.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Run {
    /// The first reading of another signal.
    #[n(0)]
    pub since: Timestamp,
    /// The last one.
    #[n(1)]
    pub last: Timestamp,
    /// How long it has lasted at `counted`.
    #[n(2)]
    pub lasted: Span,
    /// The last reading, or a window without intake after it.
    #[n(3)]
    pub counted: Timestamp,
    /// When it is announced, if nothing comes before, and when it has lasted long enough then.
    #[n(4)]
    pub due: Option<(Timestamp, Timestamp)>,
    /// It was announced, or is none of a rule for adults.
    #[n(5)]
    pub decided: bool,
}

impl Run {
    fn begin(at: Timestamp) -> Self {
        Self { since: at, last: at, lasted: Span::ZERO, counted: at, due: None, decided: false }
    }

    fn count(&mut self, to: Timestamp, whole: Span) {
        let half = Span::micros(whole.as_micros() / 2);
        self.lasted = self.lasted + (to - self.counted).max(Span::ZERO).min(half);
        self.counted = self.counted.max(to);
    }

    /// When it has lasted long enough, if its device goes on.
    fn over(&self, whole: Span) -> Timestamp {
        self.counted + (whole - self.lasted)
    }
}

impl LossWatch {
    pub(super) fn key(&self, rule: &LossRule) -> Key {
        Key::new(rule.id.clone(), self.source.device.to_string())
    }

    /// Another signal of the device was judged.
    fn go_on(&mut self, rule: &LossRule, now: Timestamp) {
        // What arrives together says nothing of what is missing.
        if now <= self.arrival {
            return;
        }
        if self.off {
            // What is told already is known as long as its device goes on.
            self.run.iter_mut().for_each(|run| run.last = now);
            return;
        }
        let whole = rule.lasts(self.interval);
        match &mut self.run {
            Some(run) if now - run.counted < whole => {
                run.count(now, whole);
                run.last = now;
                if run.due.is_none() && !run.decided && run.over(whole) <= now + MOMENT {
                    run.due = Some((now + MOMENT, run.over(whole)));
                }
            }
            run => *run = Some(Run::begin(now)),
        }
    }
}

/// Sudden losses, each by its device and signal.
pub(super) struct Losses;

impl Kind for Losses {
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
                patient.not_lost(reading, context, out);
                patient.goes_on(&reading.observation.source, context, out);
            }
            Occurrence::Word(observation, _) if !observation.timing.is_doubtful() => {
                patient.goes_on(&observation.source, context, out);
            }
            Occurrence::NoSensor { observation, sudden }
                if sudden || !observation.timing.is_doubtful() =>
            {
                patient.sensor_off(&observation.source);
            }
            Occurrence::Silence(silent) => patient.losses_unknown(silent, context, out),
            Occurrence::IntakeGap(gap) => patient.leave_out(gap, context),
            Occurrence::Number(_)
            | Occurrence::Word(..)
            | Occurrence::NoSensor { .. }
            | Occurrence::Implausible(..)
            | Occurrence::Episode(_)
            | Occurrence::Changed(_) => {}
        }
    }

    fn deadlines<'r>(
        &self,
        patient: &Patient,
        _context: RuleContext<'r>,
        earliest: &mut Earliest<'r, '_>,
    ) {
        for (index, watch) in patient.losses.iter().enumerate() {
            if let Some((due, _)) = watch.run.as_ref().and_then(|run| run.due) {
                earliest.offer(due, Deadline::Loss(index));
            }
        }
    }

    fn fire(
        &self,
        patient: &mut Patient,
        _due: Timestamp,
        deadline: Deadline<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Deadline::Loss(index) = deadline
            && let Some((_, over)) = patient.losses.get(index).and_then(|w| w.run.as_ref()?.due)
        {
            patient.lost(index, over, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match change {
            Reconfigured::Closed { rule: Rule::Loss(_), open, .. } => {
                patient.judge_loss_again(open, context, out);
            }
            Reconfigured::Closed { .. } => {}
            Reconfigured::Rules(wanted) => patient.judge_losses(*wanted, None, context, out),
            Reconfigured::Inherited(_, handover) => {
                let same = |watch: &LossWatch, other: &LossWatch| {
                    watch.source.device == other.source.device
                        && watch.source.signal == other.source.signal
                };
                let handed = &mut handover.losses;
                let device = handed.first().map(|watch| watch.source.device.clone());
                patient.losses.retain(|watch| !handed.iter().any(|other| same(watch, other)));
                patient.losses.append(handed);
                if device.is_some() {
                    patient.judge_losses(&|_| true, device.as_ref(), context, out);
                }
                // One of which nothing is known since is the right patient's as well.
                let lost = |open: &&Open| {
                    context.rules.get(&open.alarm.rule).and_then(Rule::as_loss).is_some()
                };
                for open in handover.told.iter().map(|(open, _)| open).filter(lost) {
                    patient.judge_loss_again(open, context, out);
                }
            }
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Device(device, handover) => {
                // What is known by an earlier binding stays where it is.
                let of_device =
                    |watch: &mut LossWatch| watch.source.device == **device && !watch.left;
                handover.losses.extend(patient.losses.extract_if(.., of_device));
            }
            Forgotten::Stay => patient.losses = Vec::new(),
            // A loss is of the signal, not of one reading; a rule that changed is judged again.
            Forgotten::Reading(..) | Forgotten::Rules(_) => {}
        }
    }
}

impl Patient {
    /// A reading of a device was judged: what else it should send is missing since, if it is.
    fn goes_on(&mut self, source: &Source, context: RuleContext<'_>, out: &mut Output) {
        let (person, now) = (self.person(), out.now.at);
        for watch in &mut self.losses {
            if watch.source.device != source.device || watch.source.signal == source.signal {
                continue;
            }
            if let Some(rule) = context.rules.loss_of(watch.source.signal, person) {
                watch.go_on(rule, now);
                // That its device goes on does not show of what is unknown that it holds.
                let key = watch.key(rule);
                let known = self.alarms.get(&key).map(|open| open.alarm.condition);
                if watch.raised && known == Some(Condition::Present) {
                    self.alarms.known(&key, Some(now), out);
                }
            }
        }
    }

    /// A number was judged live and is certain: its signal is not lost.
    fn not_lost(&mut self, reading: Reading<'_>, context: RuleContext<'_>, out: &mut Output) {
        let Observation { source, cause, timing, .. } = reading.observation;
        let rule = context.rules.loss_of(source.signal, self.person());
        let Some(rule) = rule.filter(|_| !reading.spot) else { return };
        let interval = self.interval_of(source, context);
        let same = |watch: &LossWatch| {
            watch.source.device == source.device && watch.source.signal == source.signal
        };
        let index = self.losses.iter().position(same).unwrap_or_else(|| {
            self.losses.reserve_exact(1);
            // Of losses that fall together the one that others follow from is told first.
            let place = if rule.folds.is_empty() { self.losses.len() } else { 0 };
            let fresh = LossWatch {
                source: source.clone(),
                cause: cause.clone(),
                measured: timing.measured,
                arrival: out.now.at,
                interval,
                off: false,
                run: None,
                // By the binding before.
                raised: true,
                left: false,
            };
            self.losses.insert(place, fresh);
            place
        });
        let watch = &mut self.losses[index];
        watch.source.clone_from(source);
        watch.cause.clone_from(cause);
        (watch.measured, watch.arrival) = (timing.measured, out.now.at);
        (watch.interval, watch.off, watch.run) = (interval, false, None);
        watch.left = false;
        if std::mem::take(&mut watch.raised) {
            let key = watch.key(rule);
            let state = self.series.get(source);
            let latest = state.and_then(|s| s.latest_on(out.now, rule.lasts(interval)));
            self.alarms.change(&key, None, out, |alarm, now| {
                alarm.latest = latest;
                alarm.absent(now)
            });
        }
    }

    /// A device is no longer bound: bound to the same patient again its losses go on where they were, as after a
    /// pause of the device; what was told of must last anew.
    pub(super) fn losses_pause(&mut self, losses: Vec<LossWatch>) {
        self.losses.extend(losses.into_iter().map(|watch| {
            let run = watch.run.filter(|run| !run.decided);
            LossWatch { run: run.map(|run| Run { due: None, ..run }), left: true, ..watch }
        }));
    }

    /// A device is bound that was another's meanwhile: what was lost before is nothing of now.
    pub(super) fn losses_begin_anew(&mut self, device: &DeviceId) {
        self.losses.retain(|watch| watch.source.device != *device || !watch.left);
    }

    /// The device says that there is no sensor, which is announced by itself.
    fn sensor_off(&mut self, source: &Source) {
        for watch in &mut self.losses {
            if watch.source.device == source.device && watch.source.signal == source.signal {
                watch.off = true;
                watch.run.take_if(|run| !run.decided);
            }
        }
    }

    fn lost(&mut self, index: usize, over: Timestamp, context: RuleContext<'_>, out: &mut Output) {
        let person = self.person();
        let Some(watch) = self.losses.get_mut(index) else { return };
        let Some(run) = &mut watch.run else { return };
        (run.due, run.decided) = (None, true);
        let since = run.since;
        let Some(rule) = context.rules.loss_of(watch.source.signal, person) else { return };
        // It has lasted for as long as that by now, whoever it is judged for again.
        (run.lasted, run.counted) =
            (run.lasted.max(rule.lasts(watch.interval)), run.counted.max(over));
        watch.raised = true;
        if let Some(watch) = self.losses.get(index) {
            let draft = self.loss_draft(watch, (since, over), rule, out);
            self.raise(draft, out);
        }
    }

    fn loss_draft(
        &self,
        watch: &LossWatch,
        (since, over): (Timestamp, Timestamp),
        rule: &LossRule,
        out: &Output,
    ) -> Draft {
        let state = self.series.get(&watch.source);
        let whole = rule.lasts(watch.interval);
        Draft {
            key: watch.key(rule),
            kind: AlarmKind::Physiological,
            device: Some(watch.source.device.clone()),
            signal: Some(rule.signal),
            // One watch is over all instances of the signal.
            series: Some(Source { instance: Instance::default(), ..watch.source.clone() }),
            sent: None,
            priority: Priority::High,
            response: Response::Immediate,
            condition: Condition::Present,
            text: text::lost(rule.name.as_deref(), &rule.label),
            folds: rule.folds.clone(),
            advice: rule.advice.clone(),
            reason: state.and_then(|s| s.doubt.as_ref().map(ToString::to_string)),
            cause: watch.cause.clone(),
            trigger: Trigger {
                measured_at: Some(watch.measured),
                received_at: Some(out.now.shown(since)),
                ..Trigger::new(rule.signal_name.clone(), TimeQuality::Synced)
            },
            rule_version: 0,
            raised_at: out.now.shown(over),
            late: false,
            latest: state.and_then(|s| s.latest_on(out.now, whole)),
            news: false,
            acknowledge_for: None,
            by_reading: false,
            resettable: false,
            crossing: None,
            known_at: watch.run.as_ref().map(|run| run.last),
            way: None,
        }
    }

    /// Something of a device is silent. Where all of it is, nobody knows whether a signal of it is
    /// still lost (row 6).
    fn losses_unknown(&mut self, silent: Silent<'_>, context: RuleContext<'_>, out: &mut Output) {
        let Silent { device, due, within, reason, .. } = silent;
        let person = self.person();
        for watch in self.losses.iter_mut().filter(|w| w.raised && w.source.device == *device) {
            let Some(rule) = context.rules.loss_of(watch.source.signal, person) else { continue };
            if watch.run.as_ref().is_some_and(|run| due - run.last >= within) {
                watch.run = None;
                let key = watch.key(rule);
                self.alarms.change(&key, None, out, |alarm, now| alarm.input_lost(reason, now));
            }
        }
    }

    /// Nothing was taken in for a time: that is no pause of any device.
    fn leave_out(&mut self, (from, to): IntakeGap, context: RuleContext<'_>) {
        let person = self.person();
        for watch in &mut self.losses {
            let rule = context.rules.loss_of(watch.source.signal, person);
            if let Some((run, rule)) = watch.run.as_mut().zip(rule) {
                let whole = rule.lasts(watch.interval);
                if from - run.counted < whole {
                    run.count(to, whole);
                }
            }
        }
    }

    /// Raises at once what still holds under rules that are new to it (row 23); or of one device, for somebody else.
    fn judge_losses(
        &mut self,
        wanted: Wanted<'_>,
        only: Option<&DeviceId>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let person = self.person();
        self.losses.retain(|watch| context.rules.losses_of(watch.source.signal).next().is_some());
        for index in 0..self.losses.len() {
            let Some(watch) = self.losses.get_mut(index) else { return };
            if only.is_some_and(|device| *device != watch.source.device) {
                continue;
            }
            if !self.expectations.iter().any(|expected| expected.device == watch.source.device) {
                // Its device is not bound.
                continue;
            }
            let Some(rule) = context.rules.loss_of(watch.source.signal, person) else { continue };
            let Some(run) = watch.run.as_mut().filter(|_| wanted(&rule.id)) else { continue };
            if only.is_some() && !run.decided {
                // It is decided when its device goes on.
                continue;
            }
            (run.due, run.decided) = (None, false);
            let whole = rule.lasts(watch.interval);
            if run.lasted >= whole {
                let over = run.over(whole);
                self.lost(index, over, context, out);
            }
        }
    }

    /// Raises anew, under a changed rule, a loss of which nothing is known since its device is
    /// silent (row 23).
    fn judge_loss_again(&mut self, before: &Open, context: RuleContext<'_>, out: &mut Output) {
        let Alarm { device, condition, .. } = &before.alarm;
        let wanted = |watch: &LossWatch| {
            Some(&watch.source.device) == device.as_ref()
                && Some(watch.source.signal) == before.signal
        };
        let Some(watch) = self.losses.iter().find(|watch| wanted(watch)) else { return };
        let Some(rule) = context.rules.loss_of(watch.source.signal, self.person()) else { return };
        if *condition == Condition::Unknown {
            let now = out.now.at;
            let draft = Draft {
                trigger: before.alarm.trigger.clone(),
                condition: Condition::Unknown,
                reason: before.alarm.condition_reason.clone(),
                ..self.loss_draft(watch, (now, now), rule, out)
            };
            self.raise(draft, out);
        }
    }
}
