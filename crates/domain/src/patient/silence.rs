//! Absence rules: silence never looks like health (contract §3, clinical §7.3 as corrected by §7).

mod expected;
mod told;

use minicbor::{Decode, Encode};

use super::deadline::Earliest;
use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured, Silent};
use super::{Deadline, Doubt, Patient, RuleContext};
use crate::alarms::book::Key;
use crate::model::alarm::Priority;
use crate::model::cause::Cause;
use crate::model::ids::DeviceId;
use crate::model::observation::{Observation, Source};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::model::unit::Unit;
use crate::output::{Output, rule};
use crate::rules::{Class, Rung};

/// The rule of silence alarms.
pub(super) const SILENCE: &str = "link.silence";
/// Contract §7: with the last glucose below this (mg/dL), or falling faster than 1 mg/dL a minute,
/// silence is high at its first rung.
const GLUCOSE_LOW: f64 = 80.0;

/// How the reason begins where what comes is of poor quality.
const POOR: &str = "quality";

/// Why a value over a period longer than what is live is not judged.
const STATISTIC: &str = "a statistic";

/// Silence of a device whose class is not configured is medium after so long.
const NO_CLASS: Span = Span::mins(5);

/// Something that a device should send.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Expectation {
    /// From whom.
    #[n(0)]
    pub device: DeviceId,
    /// What; `None` for a device that never said what it sends: any judged reading will do.
    #[n(1)]
    pub signal: Option<SignalId>,
    /// How often, where it differs from the class.
    #[n(2)]
    pub interval: Option<Span>,
    /// The device's class.
    #[n(3)]
    pub class: Box<str>,
    /// Judged last, or expected since, in the gateway's own time.
    #[n(4)]
    pub since: Timestamp,
    /// The rung reached.
    #[n(5)]
    pub rung: Option<Priority>,
    /// Why what came was not judged.
    #[n(6)]
    pub doubt: Option<Box<str>>,
    /// The last message of it, or the registration.
    #[n(7)]
    pub cause: Cause,
    /// `since` by the clock shown then; no later step of it changes what was announced.
    #[n(8)]
    pub shown: Timestamp,
    /// Whether anything of it was judged since it is expected.
    #[n(9)]
    #[cbor(default)]
    pub judged: bool,
    /// Something of it came since, and was of too low a quality.
    #[n(10)]
    #[cbor(default)]
    pub poor: bool,
    /// When its device was bound, in the gateway's own time.
    #[n(11)]
    pub bound: Option<Timestamp>,
    /// Its silence was told by the alarm that is open.
    #[n(12)]
    #[cbor(default)]
    pub told: bool,
    /// Where any signal will do: which of them came since and were of too low a quality, and since when.
    #[n(13)]
    #[cbor(default)]
    pub poor_of: Vec<(SignalId, Timestamp)>,
}

/// A silence of a device that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstSilence {
    /// Which device.
    pub device: DeviceId,
    /// After how long.
    pub after: Span,
    /// How grave it is.
    pub priority: Priority,
    /// It is told, unless it follows from an outage.
    pub is_news: bool,
}

/// What should come and does not: it has no rules in the text but the ladders of the classes.
pub(super) struct Silences;

impl Kind for Silences {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match occurrence {
            Occurrence::Number(reading) => patient.number_came(reading, context, out),
            Occurrence::Word(observation, word) => {
                patient.word_came(observation, word, context, out);
            }
            Occurrence::Episode(episode) if episode.is_certain() => {
                patient.end_silence(&episode.device, None, &episode.cause, context, out);
            }
            Occurrence::NoSensor { observation: Observation { source, .. }, .. } => {
                patient.not_judged(Some(source), &source.device, "0 or sensor off");
            }
            Occurrence::Implausible(Observation { source, .. }, _) => {
                patient.not_judged(Some(source), &source.device, "implausible");
            }
            Occurrence::Episode(_)
            | Occurrence::Silence(_)
            | Occurrence::IntakeGap(_)
            | Occurrence::Changed(_) => {}
        }
    }

    fn deadlines<'r>(
        &self,
        patient: &Patient,
        context: RuleContext<'r>,
        earliest: &mut Earliest<'r, '_>,
    ) {
        for (index, expectation) in patient.expectations.iter().enumerate() {
            if let Some(rung) = patient.next_rung(expectation, context) {
                earliest.offer(expectation.since + rung.after, Deadline::Silence(index));
            }
        }
    }

    fn fire(
        &self,
        patient: &mut Patient,
        due: Timestamp,
        deadline: Deadline<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Deadline::Silence(index) = deadline {
            patient.silent(index, due, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Reconfigured::Inherited(_, handover) = change {
            patient.inherit_silence(std::mem::take(&mut handover.expectations), context, out);
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Device(device, handover) => {
                let of_device = patient.expectations.extract_if(.., |e| e.device == **device);
                handover.expectations.extend(of_device);
            }
            Forgotten::Stay => patient.expectations.clear(),
            Forgotten::Reading(..) | Forgotten::Rules(_) => {}
        }
    }
}

impl Patient {
    /// How often a series should come: as the device said, else as its class does.
    pub(super) fn interval_of(&self, source: &Source, context: RuleContext<'_>) -> Option<Span> {
        let of_device = || self.expectations.iter().filter(|e| e.device == source.device);
        let stated = of_device().find(|e| e.signal == Some(source.signal)).and_then(|e| e.interval);
        stated.or_else(|| self.class_of(&source.device, context).map(|c| c.expected_interval))
    }

    /// The class of a bound device, if it is configured.
    pub(super) fn class_of<'r>(
        &self,
        device: &DeviceId,
        context: RuleContext<'r>,
    ) -> Option<&'r Class> {
        let of_device = self.expectations.iter().find(|e| e.device == *device);
        of_device.and_then(|e| context.rules.class(&e.class))
    }

    pub(super) fn next_rung(
        &self,
        expectation: &Expectation,
        context: RuleContext<'_>,
    ) -> Option<Rung> {
        let poor = if expectation.poor { 2 } else { 1 };
        let Some(class) = context.rules.class(&expectation.class) else {
            let rung = Rung { after: NO_CLASS, priority: Priority::Medium };
            return expectation.rung.is_none().then_some(rung);
        };
        class
            .rungs(expectation.interval, self.details.continuous)
            .enumerate()
            // What comes and is of poor quality is given longer before anybody is told.
            .map(|(place, rung)| match place {
                0 => Rung { after: Span::micros(rung.after.as_micros() * poor), ..rung },
                _ => rung,
            })
            .filter(|rung| expectation.rung.is_none_or(|reached| rung.priority > reached))
            .min_by_key(|rung| rung.after)
    }

    /// How long something may be silent before anybody is told.
    fn first_rung(&self, expectation: &Expectation, context: RuleContext<'_>) -> Span {
        let unheard = Expectation { rung: None, ..expectation.clone() };
        self.next_rung(&unheard, context).map_or(Span::ZERO, |rung| rung.after)
    }

    /// Why nobody knows where a series stands to its limits, if a rung of its silence that is over says so.
    pub(super) fn why_silent(
        &self,
        source: &Source,
        context: RuleContext<'_>,
        now: Timestamp,
    ) -> Option<String> {
        let state = self.series.get(source)?;
        let of_series = |e: &&Expectation| {
            e.device == source.device && e.signal.is_none_or(|signal| signal == source.signal)
        };
        let silent = |e: &&Expectation| {
            let within = self.first_rung(e, context);
            let due = self.last_due(e, context, now);
            e.rung.is_some() && due.is_some_and(|due| !state.speaks(due, within))
        };
        let silent = self.expectations.iter().filter(of_series).find(silent)?;
        Some(silent.doubt.as_deref().unwrap_or("no data").to_owned())
    }

    /// When the last rung was due that is decided by now.
    fn last_due(
        &self,
        expectation: &Expectation,
        context: RuleContext<'_>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut climbed = Expectation { rung: None, ..expectation.clone() };
        let mut last = None;
        while let Some(rung) = self.next_rung(&climbed, context) {
            let due = climbed.since + rung.after;
            if !context.intake.is_decided(due, now) {
                break;
            }
            (last, climbed.rung) = (Some(due), Some(rung.priority));
        }
        last
    }

    /// The rung that something silent reaches, and it as it is then: of those that were put off to one moment the
    /// highest is told.
    fn rung_due(
        &self,
        index: usize,
        context: RuleContext<'_>,
        now: Timestamp,
    ) -> Option<(Rung, Expectation)> {
        let mut reached = self.expectations.get(index)?.clone();
        let mut rung = self.next_rung(&reached, context)?;
        loop {
            reached.rung = Some(rung.priority);
            match self.next_rung(&reached, context) {
                Some(next) if context.intake.is_decided(reached.since + next.after, now) => {
                    rung = next;
                }
                Some(_) | None => return Some((rung, reached)),
            }
        }
    }

    /// What is silent by a deadline that is due, unless it concerns somebody who is never a mere member.
    pub fn silence_due(
        &self,
        index: usize,
        context: RuleContext<'_>,
        now: Timestamp,
    ) -> Option<FirstSilence> {
        let (Rung { after, priority }, Expectation { device, .. }) =
            self.rung_due(index, context, now)?;
        let grave = self.details.continuous || self.is_urgent(index, context);
        let is_news = self.would_hear_of(&device, priority);
        (!grave).then_some(FirstSilence { device, after, priority, is_news })
    }

    /// Whether the silence of a device may follow from the outage of its way.
    pub fn may_be_member(&self, device: &DeviceId, priority: Priority) -> bool {
        self.alarms.may_be_member(&Key::new(rule(SILENCE), device.as_str()), priority)
    }

    /// Whether a silence of this priority is news, or would be if its device stood alone.
    fn would_hear_of(&self, device: &DeviceId, priority: Priority) -> bool {
        let told = self.alarms.get(&Key::new(rule(SILENCE), device.as_str()));
        told.is_none_or(|open| open.alarm.priority < priority)
    }

    /// Whether a silence of theirs is not announced by itself for an outage of a sender, present or not long over.
    pub fn is_hidden_by(&self, way: &DeviceId) -> bool {
        self.alarms.iter().any(|(_, open)| {
            let may_follow = open.way.as_ref().is_some_and(|of| of.by == *way && of.may_follow());
            may_follow && open.alarm.group.is_some()
        })
    }

    /// A rung is reached.
    fn silent(&mut self, index: usize, due: Timestamp, context: RuleContext<'_>, out: &mut Output) {
        let Some((rung, reached)) = self.rung_due(index, context, out.now.at) else { return };
        let expectation = &self.expectations[index];
        let urgent = self.is_urgent(index, context);
        let device = expectation.device.clone();
        let signal = expectation.signal;
        let priority = if urgent { Priority::High } else { rung.priority };
        if let Some(expectation) = self.expectations.get_mut(index) {
            expectation.rung = Some(priority.max(rung.priority));
        }
        let reason = self.expectations.get(index).and_then(|e| e.doubt.as_deref());
        let reason = reason.unwrap_or("no data").to_owned();
        let within = self.first_rung(&reached, context);
        let due_of_rung = reached.since + rung.after;
        let silent = Silent { device: &device, signal, due: due_of_rung, within, reason: &reason };
        self.judge(Occurrence::Silence(silent), context, out);
        // Of rungs that fall to one moment the highest is told.
        self.climb(&device, context, out);
        self.announce_silence(&device, due, context, out);
    }

    /// A number came: if it is certain its silence is over, and else its silence will name why not.
    fn number_came(&mut self, reading: Reading<'_>, context: RuleContext<'_>, out: &mut Output) {
        let Reading { observation, series, .. } = reading;
        let source = &observation.source;
        let state = self.series.at(series);
        if reading.is_certain() {
            state.doubt = None;
            if observation.corrects {
                return;
            }
            let signal = Some(source.signal);
            return self.end_silence(&source.device, signal, &observation.cause, context, out);
        }
        if reading.is_live() {
            return self.doubted(observation, reading.doubt());
        }
        // A backlog beside live data says nothing against them.
        let interval = state.interval.unwrap_or_default();
        if state.arrival.is_none_or(|arrival| out.now.at - arrival > interval) {
            self.not_judged(Some(source), &source.device, "late");
        }
    }

    /// A code or text shows that its device is alive, if its time is beyond doubt.
    fn word_came(
        &mut self,
        observation: &Observation,
        word: &str,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if observation.timing.is_doubtful() {
            return self.doubted(observation, Some(Doubt::Time(observation.timing.quality)));
        }
        let source = &observation.source;
        let series = self.series.index_of(source);
        let state = self.series.at(series);
        state.word = Some(Box::new(word.into()));
        state.arrival = Some(out.now.at);
        self.end_silence(&source.device, Some(source.signal), &observation.cause, context, out);
    }

    /// Something that counts came of a device: of a signal, or such as an event of none.
    fn end_silence(
        &mut self,
        device: &DeviceId,
        signal: Option<SignalId>,
        cause: &Cause,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let mut was_silent = false;
        self.is_watched(out);
        for expectation in &mut self.expectations {
            if expectation.device == *device
                && (expectation.signal.is_none() || expectation.signal == signal)
            {
                expectation.since = out.now.at;
                expectation.shown = out.wall();
                expectation.cause.clone_from(cause);
                (expectation.doubt, expectation.poor) = (None, false);
                expectation.poor_of.clear();
                expectation.judged = true;
                was_silent |= expectation.rung.take().is_some();
            }
        }
        if was_silent {
            self.announce_silence(device, out.now.at, context, out);
        }
    }

    /// A live reading came that clears nothing; its silence will name the reason.
    fn doubted(&mut self, observation: &Observation, doubt: Option<Doubt>) {
        let source = &observation.source;
        let reason = match doubt {
            Some(Doubt::Time(quality)) => format!("clock: time {quality}"),
            Some(Doubt::Unit) => "unit doubtful".to_owned(),
            Some(Doubt::Conflict) => "two values of one time".to_owned(),
            Some(Doubt::Bound) => "only a bound is known".to_owned(),
            Some(Doubt::Refused) => "age class or pregnancy".to_owned(),
            Some(Doubt::Late) | None => return,
        };
        self.not_judged(Some(source), &source.device, &reason);
    }

    /// Something came and was not judged; its silence will name the reason.
    pub(super) fn not_judged(&mut self, source: Option<&Source>, device: &DeviceId, reason: &str) {
        if let Some(source) = source
            && let Some(state) = self.series.get_mut(source)
        {
            state.doubt = Some(Box::new(reason.into()));
        }
        for expectation in &mut self.expectations {
            let same = source.is_none_or(|s| expectation.signal.is_none_or(|e| e == s.signal));
            if expectation.device == *device && same {
                expectation.doubt = Some(reason.into());
            }
        }
    }

    /// Something came and was of too low a quality: it is given longer before anybody is told.
    pub(super) fn poor_came(&mut self, source: &Source, reason: &str, now: Timestamp) {
        let waits = |e: &&mut Expectation| e.device == source.device && e.rung.is_none();
        for expectation in self.expectations.iter_mut().filter(waits) {
            let of_any = expectation.signal.is_none();
            if !reason.starts_with(POOR) || !(of_any || expectation.signal == Some(source.signal)) {
                continue;
            }
            expectation.poor = true;
            let known = expectation.poor_of.iter().any(|(signal, _)| *signal == source.signal);
            if of_any && !known {
                expectation.poor_of.push((source.signal, now));
            }
        }
    }

    /// A statistic says nothing against live values: only where none came for two of its intervals its
    /// silence will name the reason.
    pub(super) fn statistic_came(
        &mut self,
        source: &Source,
        context: RuleContext<'_>,
        out: &Output,
    ) {
        let every = self.interval_of(source, context).unwrap_or_default();
        let is_due =
            |since: Option<Timestamp>| since.is_none_or(|at| out.now.at - at > every + every);
        if let Some(state) = self.series.get_mut(source).filter(|state| is_due(state.arrival)) {
            state.doubt = Some(Box::new(STATISTIC.into()));
        }
        for expectation in self.expectations.iter_mut().filter(|e| e.device == source.device) {
            let same = expectation.signal.is_none_or(|signal| signal == source.signal);
            if same && is_due(Some(expectation.since).filter(|_| expectation.judged)) {
                expectation.doubt = Some(STATISTIC.into());
            }
        }
    }

    fn glucose_is_low(&self, device: &DeviceId) -> bool {
        self.series.iter().filter(|(source, _)| source.device == *device).any(|(_, state)| {
            let Some(latest) = &state.latest else { return false };
            let mg = |value| latest.number.unit.convert(value, Unit::MgPerDl);
            let Some(now) = mg(latest.number.value) else { return false };
            let before = state.earlier.as_ref().and_then(|earlier| earlier.last());
            let falling = before.is_some_and(|before| {
                let minutes = (latest.rule_at - before.rule_at).as_secs_f64() / 60.0;
                before
                    .number
                    .unit
                    .convert(before.number.value, Unit::MgPerDl)
                    .is_some_and(|before| minutes > 0.0 && (now - before) / minutes < -1.0)
            });
            now < GLUCOSE_LOW || falling
        })
    }
}
