//! Absence rules: silence never looks like health (contract §3, clinical §7.3 as corrected by §7).

use minicbor::{Decode, Encode};

use super::{Context, Deadline, Patient, technical};
use crate::alarms::book::Key;
use crate::alarms::draft;
use crate::device::Device;
use crate::model::alarm::{Alarm, Condition, Priority};
use crate::model::cause::Cause;
use crate::model::ids::DeviceId;
use crate::model::observation::{Observation, Source};
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::model::unit::Unit;
use crate::output::transition::Change;
use crate::output::{Output, rule};
use crate::rules::Rung;

/// The rule of silence alarms.
pub(super) const SILENCE: &str = "link.silence";
/// Contract §7: with the last glucose below this (mg/dL), or falling faster than 1 mg/dL a minute,
/// silence is high at its first rung.
const GLUCOSE_LOW: f64 = 80.0;

/// Silence of a device whose class is not configured is medium after so long.
const NO_CLASS: Span = Span::mins(5);

/// Something that should be heard.
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
    /// The last message heard, or the registration.
    #[n(7)]
    pub cause: Cause,
    /// `since` by the clock shown then; no later step of it changes what was told.
    #[n(8)]
    pub shown: Timestamp,
    /// Whether anything of it was judged since it is expected.
    #[n(9)]
    #[cbor(default)]
    pub judged: bool,
}

impl Patient {
    /// A device says itself what it will send. What is silent now stays expected: a device that
    /// drops a sensor from its list has not been heard.
    pub(super) fn announced(&mut self, device: &Device, context: Context<'_>, out: &mut Output) {
        self.expect(device, true, context, out);
    }

    /// What a device will send, as its registration or its own word has it.
    pub(super) fn expect(
        &mut self,
        device: &Device,
        keep_silent: bool,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let id = &device.details.id;
        let mut wanted: Vec<(Option<SignalId>, Option<Span>)> =
            device.expected().iter().map(|e| (Some(e.signal), e.interval)).collect();
        if wanted.is_empty() {
            wanted.push((None, None));
        }
        let known = std::mem::take(&mut self.expectations);
        let (mut same, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|e| e.device == *id);
        self.expectations = others;
        for (signal, interval) in wanted {
            let kept = same.iter().position(|e| e.signal == signal).map(|i| same.remove(i));
            let fresh = || Expectation {
                device: id.clone(),
                signal,
                interval,
                class: Box::default(),
                since: out.now.at,
                rung: None,
                doubt: None,
                cause: device.silence_cause(),
                shown: out.wall(),
                judged: false,
            };
            let class = device.details.class.as_str().into();
            self.expectations.push(Expectation { interval, class, ..kept.unwrap_or_else(fresh) });
        }
        if keep_silent {
            self.expectations.extend(same.into_iter().filter(|e| e.rung.is_some()));
        } else if self.alarms.get(&Key::new(rule(SILENCE), id.to_string())).is_some() {
            self.tell_silence(id, out.now.at, context, out);
        }
        self.expectations.shrink_to_fit();
    }

    /// How often a series should come: as the device said, else as its class does.
    pub(super) fn interval_of(&self, source: &Source, context: Context<'_>) -> Option<Span> {
        let of_device = || self.expectations.iter().filter(|e| e.device == source.device);
        let stated = of_device().find(|e| e.signal == Some(source.signal)).and_then(|e| e.interval);
        let class = || of_device().next().and_then(|e| context.rules.class(&e.class));
        stated.or_else(|| class().map(|c| c.expected_interval))
    }

    /// Deadlines of the silence ladder.
    pub(super) fn silence_deadlines<'a>(
        &'a self,
        context: Context<'a>,
    ) -> impl Iterator<Item = (Timestamp, Deadline)> + 'a {
        self.expectations.iter().enumerate().filter_map(move |(place, expectation)| {
            let rung = self.next_rung(expectation, context)?;
            Some((expectation.since + rung.after, Deadline::Silence(place)))
        })
    }

    fn next_rung(&self, expectation: &Expectation, context: Context<'_>) -> Option<Rung> {
        let Some(class) = context.rules.class(&expectation.class) else {
            let rung = Rung { after: NO_CLASS, priority: Priority::Medium };
            return expectation.rung.is_none().then_some(rung);
        };
        class
            .rungs(expectation.interval, self.details.continuous)
            .find(|rung| expectation.rung.is_none_or(|reached| rung.priority > reached))
    }

    /// A rung is reached.
    pub(super) fn silent(
        &mut self,
        place: usize,
        due: Timestamp,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let Some(expectation) = self.expectations.get(place) else { return };
        let Some(rung) = self.next_rung(expectation, context) else { return };
        let urgent = context.rules.class(&expectation.class).is_some_and(|c| c.high_if_glucose_low)
            && self.glucose_is_low(&expectation.device);
        let device = expectation.device.clone();
        let signal = expectation.signal;
        let priority = if urgent { Priority::High } else { rung.priority };
        if let Some(expectation) = self.expectations.get_mut(place) {
            expectation.rung = Some(priority.max(rung.priority));
        }
        let lost = |source: &&Source| {
            source.device == device && signal.is_none_or(|signal| source.signal == signal)
        };
        let lost: Vec<Source> = self.sources.keys().filter(lost).cloned().collect();
        let reason = self.expectations.get(place).and_then(|e| e.doubt.as_deref());
        let reason = reason.unwrap_or("no data").to_owned();
        for source in lost {
            for key in self.keys_of(&source, context) {
                self.alarms.change(&key, None, out, |alarm, now| alarm.input_lost(&reason, now));
            }
        }
        self.losses_unknown(&device, (due, rung.after), &reason, context, out);
        self.tell_silence(&device, due, context, out);
    }

    /// Brings the silence alarm of a device into line with its expectations.
    fn tell_silence(
        &mut self,
        device: &DeviceId,
        due: Timestamp,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let key = Key::new(rule(SILENCE), device.to_string());
        let silent: Vec<&Expectation> =
            self.expectations.iter().filter(|e| e.device == *device && e.rung.is_some()).collect();
        let Some(first) = silent.iter().min_by_key(|e| e.since) else {
            self.alarms.change(&key, None, out, Alarm::absent);
            return;
        };
        let priority = silent.iter().filter_map(|e| e.rung).max().unwrap_or(Priority::Low);
        let names: Vec<String> = silent.iter().map(|e| what(e, context)).collect();
        let text =
            format!("No judged data from {device} since {}: {}", first.shown, names.join(", "));
        let draft = draft::technical(
            key.clone(),
            Some(device),
            priority,
            Condition::Present,
            text.clone(),
            first.cause.clone(),
            out,
        );
        let signal = first.signal.map(|signal| context.signals.name(signal));
        let known = self.alarms.get(&key).map(|open| (open.alarm.condition, open.alarm.priority));
        match known {
            Some((Condition::Present, same)) if same == priority => {
                let acknowledged =
                    self.alarms.get(&key).is_some_and(|o| o.alarm.acknowledged.is_some());
                let more = self.alarms.get(&key).is_some_and(|o| o.alarm.text != text);
                self.alarms.change(&key, None, out, |alarm, now| {
                    alarm.text = text;
                    alarm.trigger.signal = signal.unwrap_or_default();
                    if acknowledged && more {
                        return Some(alarm.recur(Condition::Present, now));
                    }
                    more.then_some(Change::Updated)
                });
            }
            Some(_) | None => {
                let mut draft =
                    crate::alarms::book::Draft { raised_at: out.now.shown(due), ..draft };
                draft.trigger.signal = signal.unwrap_or_default();
                self.alarms.raise(Self::owner(&self.details, self.ward.as_ref()), draft, out);
            }
        }
    }

    /// A reading of this series was judged: its silence is over.
    pub(super) fn sign_of_life(
        &mut self,
        source: &Source,
        cause: &Cause,
        context: Context<'_>,
        out: &mut Output,
    ) {
        self.heard(&source.device, Some(source.signal), cause, context, out);
    }

    /// The device spoke of something else that counts, such as an event.
    pub(super) fn device_alive(
        &mut self,
        device: &DeviceId,
        cause: &Cause,
        context: Context<'_>,
        out: &mut Output,
    ) {
        self.device_back(device, out);
        self.heard(device, None, cause, context, out);
    }

    /// A code or text is a sign of life, its time beyond doubt.
    pub(super) fn alive(
        &mut self,
        observation: &Observation,
        context: Context<'_>,
        out: &mut Output,
    ) {
        if observation.timing.is_doubtful() {
            return self.doubted(observation, false);
        }
        if let super::Content::Word(word) = &observation.content {
            let place = self.sources.index_of(&observation.source);
            let state = self.sources.at(place);
            state.word = Some(Box::new(word.as_str().into()));
            state.arrival = Some(out.now.at);
        }
        self.device_back(&observation.source.device, out);
        self.sign_of_life(&observation.source, &observation.cause, context, out);
        self.goes_on(&observation.source, context, out.now.at);
    }

    fn heard(
        &mut self,
        device: &DeviceId,
        signal: Option<SignalId>,
        cause: &Cause,
        context: Context<'_>,
        out: &mut Output,
    ) {
        let mut was_silent = false;
        for expectation in &mut self.expectations {
            if expectation.device == *device
                && (expectation.signal.is_none() || expectation.signal == signal)
            {
                expectation.since = out.now.at;
                expectation.shown = out.wall();
                expectation.cause.clone_from(cause);
                expectation.doubt = None;
                expectation.judged = true;
                was_silent |= expectation.rung.take().is_some();
            }
        }
        if was_silent {
            self.tell_silence(device, out.now.at, context, out);
        }
    }

    /// A live reading came that clears nothing; its silence will name the reason.
    pub(super) fn doubted(&mut self, observation: &Observation, unit_doubtful: bool) {
        let source = &observation.source;
        let reason = match technical::doubt(&observation.timing) {
            Some(time) => format!("clock: {time}"),
            None if unit_doubtful => "unit doubtful".to_owned(),
            None => return,
        };
        self.not_judged(Some(source), &source.device, &reason);
    }

    /// Something came and was not judged; its silence will name the reason.
    pub(super) fn not_judged(&mut self, source: Option<&Source>, device: &DeviceId, reason: &str) {
        if let Some(source) = source
            && let Some(state) = self.sources.get_mut(source)
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

    fn glucose_is_low(&self, device: &DeviceId) -> bool {
        self.sources.iter().filter(|(source, _)| source.device == *device).any(|(_, state)| {
            let Some(latest) = &state.latest else { return false };
            let mg = |value| latest.number.unit.convert(value, Unit::MgPerDl);
            let Some(now) = mg(latest.number.value) else { return false };
            let falling = state.before.is_some_and(|(at, value)| {
                let minutes = (latest.rule_at - at).as_secs_f64() / 60.0;
                mg(value).is_some_and(|before| minutes > 0.0 && (now - before) / minutes < -1.0)
            });
            now < GLUCOSE_LOW || falling
        })
    }
}

fn what(expectation: &Expectation, context: Context<'_>) -> String {
    let name = expectation.signal.map_or_else(
        || "anything".to_owned(),
        |signal| context.signals.get(signal).map_or_else(|| "?".to_owned(), |s| s.label.clone()),
    );
    let reason = expectation.doubt.as_deref().unwrap_or("no data");
    format!("{name} ({reason})")
}
