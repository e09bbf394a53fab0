//! What is waited for of a device, and since when (contract §3, "Silence").

use super::{Expectation, SILENCE};
use crate::alarms::book::Key;
use crate::device::Device;
use crate::model::alarm::Priority;
use crate::model::ids::DeviceId;
use crate::model::observation::Source;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};
use crate::output::{Output, rule};
use crate::patient::judgement::{Occurrence, Silent};
use crate::patient::{Patient, RuleContext, SeriesState};

impl Patient {
    /// What a device will send, by its registration or by its own message. A device that leaves out
    /// what is silent now (`keep_silent`) has not sent it: it stays expected.
    pub(in crate::patient) fn expect(
        &mut self,
        device: &Device,
        keep_silent: bool,
        context: RuleContext<'_>,
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
        let poor: Vec<_> = same.iter().flat_map(|e| e.poor_of.iter().copied()).collect();
        let bound = same.first().and_then(|e| e.bound).unwrap_or(out.now.at);
        for (signal, interval) in wanted {
            let class = device.details.class.as_str().into();
            let kept = same.iter().position(|e| e.signal == signal).map(|i| same.remove(i));
            if let Some(kept) = kept {
                self.expectations.push(Expectation { interval, class, ..kept });
                continue;
            }
            let since = self.judged_of(id, signal).max(Some(bound)).unwrap_or(bound);
            let fresh = Expectation {
                device: id.clone(),
                signal,
                interval,
                class,
                since,
                rung: None,
                poor: false,
                poor_of: Vec::new(),
                doubt: self.doubt_of(id, signal),
                cause: device.silence_cause(),
                shown: out.now.shown(since),
                bound: Some(bound),
                told: false,
                judged: false,
            };
            // What is poor is given longer, unless it was silent by then.
            let came = poor.iter().find(|(poor, _)| Some(*poor) == signal);
            let first = since + self.first_rung(&fresh, context);
            let poor = came.is_some_and(|(_, at)| !context.intake.is_decided(first, *at));
            self.expectations.push(Expectation { poor, ..fresh });
        }
        if keep_silent {
            // What it names takes the place of anything at all.
            let stays = |e: &Expectation| e.rung.is_some() && e.signal.is_some();
            self.expectations.extend(same.into_iter().filter(stays));
        }
        // What changes of a registration is no sign of life.
        self.reach_rungs(id, context, out);
        self.expectations.shrink_to_fit();
    }

    /// What another patient waited for of a device is waited for from the same time on.
    pub(super) fn inherit_silence(
        &mut self,
        inherited: Vec<Expectation>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Some(device) = inherited.first().map(|e| e.device.clone()) else { return };
        for before in inherited {
            let same = |e: &&mut Expectation| e.device == device && e.signal == before.signal;
            if let Some(expected) = self.expectations.iter_mut().find(same) {
                *expected = Expectation { rung: None, told: false, ..before };
            }
        }
        self.reach_rungs(&device, context, out);
    }

    /// Whether a silence is high at once, because of what was known last.
    pub(in crate::patient) fn is_urgent(&self, index: usize, context: RuleContext<'_>) -> bool {
        let expectation = &self.expectations[index];
        context.rules.class(&expectation.class).is_some_and(|c| c.high_if_glucose_low)
            && self.glucose_is_low(&expectation.device)
    }

    /// What was silent before it was expected here is silent at once.
    pub(super) fn reach_rungs(
        &mut self,
        device: &DeviceId,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        self.climb(device, context, out);
        let is_silent = self.expectations.iter().any(|e| e.device == *device && e.rung.is_some());
        if is_silent || self.alarms.get(&Key::new(rule(SILENCE), device.to_string())).is_some() {
            self.announce_silence(device, out.now.at, context, out);
        }
    }

    /// Reaches the rungs of a device that are decided by now.
    pub(super) fn climb(&mut self, device: &DeviceId, context: RuleContext<'_>, out: &mut Output) {
        for index in 0..self.expectations.len() {
            let reached = |patient: &Self| {
                let expected = &patient.expectations[index];
                let rung = patient.next_rung(expected, context)?;
                let is_past = context.intake.is_decided(expected.since + rung.after, out.now.at);
                (expected.device == *device && is_past).then_some(rung)
            };
            let mut due = None;
            while let Some(rung) = reached(self) {
                self.expectations[index].rung = Some(rung.priority);
                due = Some(self.expectations[index].since + rung.after);
            }
            let Some(due) = due else { continue };
            let within = self.first_rung(&self.expectations[index], context);
            let expected = &mut self.expectations[index];
            let signal = expected.signal;
            let reason = expected.doubt.as_deref().unwrap_or("no data").to_owned();
            if self.is_urgent(index, context) {
                self.expectations[index].rung = Some(Priority::High);
            }
            let silent = Silent { device, signal, due, within, reason: &reason };
            self.judge(Occurrence::Silence(silent), context, out);
        }
    }

    /// Why what came last of a signal was not judged.
    fn doubt_of(&self, device: &DeviceId, signal: Option<SignalId>) -> Option<Box<str>> {
        let of_signal = |(source, _): &(&Source, &SeriesState)| {
            source.device == *device && Some(source.signal) == signal
        };
        let mut series = self.series.iter().filter(of_signal);
        series.find_map(|(_, state)| state.doubt.as_deref().cloned())
    }

    /// When a signal of a device, or any, was judged last.
    fn judged_of(&self, device: &DeviceId, signal: Option<SignalId>) -> Option<Timestamp> {
        let of_signal = |source: &Source| {
            source.device == *device && signal.is_none_or(|signal| source.signal == signal)
        };
        let series = self.series.iter().filter(|(source, _)| of_signal(source));
        series.filter_map(|(_, state)| state.judged).max()
    }
}
