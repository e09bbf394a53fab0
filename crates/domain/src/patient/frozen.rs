//! Signals that do not move (contract §5, Frozen values).

use minicbor::{Decode, Encode};

use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured, Silent, Wanted};
use super::{Patient, RuleContext};
use crate::alarms::book::{Draft, Key};
use crate::alarms::draft::technical;
use crate::model::alarm::{Alarm, Condition, Trigger};
use crate::model::cause::Cause;
use crate::model::observation::{Number, Source};
use crate::output::Output;
use crate::rules::FrozenRule;
use crate::text;

/// How long a series has stood still.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct FrozenState {
    /// Which.
    #[n(0)]
    source: Source,
    /// Its last value.
    #[n(1)]
    number: Number,
    /// So many readings had it, one after the other.
    #[n(2)]
    readings: u32,
}

/// Signals that do not move.
pub(super) struct Frozen;

impl Kind for Frozen {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Occurrence::Number(reading) = occurrence
            && reading.is_certain()
            && !reading.observation.corrects
        {
            patient.moves(reading, context, out);
        } else if let Occurrence::Silence(silent) = occurrence {
            patient.frozen_unknown(silent, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Reconfigured::Rules(wanted) = change {
            patient.frozen_again(*wanted, context, out);
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Device(device, _) => {
                patient.frozen.retain(|state| state.source.device != **device);
            }
            Forgotten::Stay => patient.frozen = Vec::new(),
            Forgotten::Reading(..) | Forgotten::Rules(_) => {}
        }
    }
}

impl Patient {
    /// A value came: it is another, or once more the same.
    fn moves(&mut self, reading: Reading<'_>, context: RuleContext<'_>, out: &mut Output) {
        let source = &reading.observation.source;
        if context.rules.frozen_of(source.signal).next().is_none() {
            return;
        }
        let index = self.frozen.iter().position(|state| state.source == *source);
        let index = index.unwrap_or_else(|| {
            let (source, number) = (source.clone(), reading.number.clone());
            self.frozen.push(FrozenState { source, number, readings: 0 });
            self.frozen.len() - 1
        });
        let Some(state) = self.frozen.get_mut(index) else { return };
        if state.number == *reading.number {
            state.readings = state.readings.saturating_add(1);
        } else {
            state.number = reading.number.clone();
            state.readings = 1;
        }
        let source = source.clone();
        for rule in context.rules.frozen_of(source.signal) {
            self.judge_frozen(index, rule, Some(&reading.observation.cause), out);
        }
    }

    fn judge_frozen(
        &mut self,
        index: usize,
        rule: &FrozenRule,
        cause: Option<&Cause>,
        out: &mut Output,
    ) {
        let Some(FrozenState { source, number, readings }) = self.frozen.get(index) else { return };
        let key = Key::new(rule.id.clone(), source.name());
        let condition = self.alarms.get(&key).map(|open| open.alarm.condition);
        if *readings < rule.readings {
            // That it came again is not yet that it moves; that it is another is.
            if *readings == 1 && condition.is_some() {
                self.alarms.change(&key, None, out, Alarm::absent);
            }
        } else if condition != Some(Condition::Present) {
            let cause = cause.cloned().unwrap_or_else(|| Cause::noticed(None, out.now.at));
            let device = Some(&source.device);
            let words = text::frozen(&rule.label, number);
            let draft =
                technical(key, device, rule.priority, Condition::Present, words, cause, out);
            let draft = Draft {
                signal: Some(source.signal),
                response: rule.response,
                advice: rule.advice.clone(),
                trigger: Trigger {
                    value: Some(number.value),
                    comparator: number.comparator,
                    unit: Some(number.unit),
                    received_at: Some(out.wall()),
                    ..Trigger::new(rule.signal_name.clone(), draft.trigger.time_quality)
                },
                ..draft
            };
            self.raise(draft, out);
        }
    }

    /// Nothing was judged of a signal for too long: nobody knows whether it moves (row 6).
    fn frozen_unknown(&mut self, silent: Silent<'_>, context: RuleContext<'_>, out: &mut Output) {
        let Silent { device, signal, reason, .. } = silent;
        let is_silent = |source: &Source| {
            source.device == *device && signal.is_none_or(|signal| signal == source.signal)
        };
        for state in self.frozen.iter().filter(|state| is_silent(&state.source)) {
            for rule in context.rules.frozen_of(state.source.signal) {
                let key = Key::new(rule.id.clone(), state.source.name());
                self.alarms.change(&key, None, out, |alarm, now| alarm.input_lost(reason, now));
            }
        }
    }

    /// The rules are others (row 23): what still holds is found anew.
    fn frozen_again(&mut self, wanted: Wanted<'_>, context: RuleContext<'_>, out: &mut Output) {
        self.frozen.retain(|state| context.rules.frozen_of(state.source.signal).next().is_some());
        for index in 0..self.frozen.len() {
            let Some(signal) = self.frozen.get(index).map(|state| state.source.signal) else {
                return;
            };
            for rule in context.rules.frozen_of(signal).filter(|rule| wanted(&rule.id)) {
                self.judge_frozen(index, rule, None, out);
            }
        }
    }
}
