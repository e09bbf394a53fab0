//! What is remembered of what was said beside the record of the series: words, bounds, and values that were corrected to
//! none. The record holds neither as a rule over several signals needs them.

use minicbor::{Decode, Encode};

use super::inputs::{self, Saying, Value};
use super::{Forgotten, Kind, Occurrence, Patient, Reading, Reconfigured, RuleContext};
use crate::model::observation::{DeviceInstant, Number, Observation, Source};
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::rules::score;

/// As many of one series as there are numbers of one.
const OF_A_SERIES: usize = 4;

/// What was said beyond doubt.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(in crate::patient) struct Said {
    /// Of which series.
    #[n(0)]
    pub(super) source: Source,
    #[n(1)]
    what: What,
    /// When it was measured, corrected.
    #[n(2)]
    measured: Timestamp,
    /// When, in the gateway's own time.
    #[n(3)]
    rule_at: Timestamp,
    /// When, by its device's clock.
    #[n(4)]
    sent: Option<DeviceInstant>,
    /// Its device only measures singly.
    #[n(5)]
    spot: bool,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
enum What {
    #[n(0)]
    Word(#[n(0)] String),
    #[n(1)]
    Bound(#[n(0)] Number),
}

/// A number of an instant that was corrected to what is no value.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(in crate::patient) struct Gone {
    /// Of which series.
    #[n(0)]
    pub(super) source: Source,
    #[n(1)]
    sent: DeviceInstant,
}

impl Said {
    pub(super) fn is_word(&self) -> bool {
        matches!(self.what, What::Word(_))
    }

    pub(super) fn saying(&self) -> Saying<'_> {
        let Self { source, measured, rule_at, spot, .. } = self;
        let value = match &self.what {
            What::Word(word) => Value::Word(word),
            What::Bound(number) => Value::Number(number),
        };
        Saying { source, value, measured: *measured, rule_at: *rule_at, spot: *spot }
    }
}

/// Remembers what was said, before any rule over several signals looks at it.
pub(in crate::patient) struct Sayings;

impl Kind for Sayings {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        _out: &mut Output,
    ) {
        match occurrence {
            Occurrence::Number(reading) => patient.say_number(reading),
            Occurrence::Word(observation, word) => patient.say_word(observation, word, context),
            Occurrence::Implausible(observation, _) if observation.corrects => {
                patient.is_no_value(observation);
            }
            Occurrence::NoSensor { .. }
            | Occurrence::Implausible(..)
            | Occurrence::Changed(_)
            | Occurrence::IntakeGap(_)
            | Occurrence::Episode(_)
            | Occurrence::Silence(_) => {}
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        _context: RuleContext<'_>,
        _out: &mut Output,
    ) {
        let Reconfigured::Inherited(_, handover) = change else { return };
        let (said, gone) = (std::mem::take(&mut handover.said), std::mem::take(&mut handover.gone));
        if !said.is_empty() || !gone.is_empty() {
            let several = patient.several.get_or_insert_default();
            several.said.extend(said);
            several.gone.extend(gone);
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Device(device, handover) => {
                let Some(several) = &mut patient.several else { return };
                let of_device = |said: &mut Said| said.source.device == **device;
                handover.said.extend(several.said.extract_if(.., of_device));
                let of_device = |gone: &mut Gone| gone.source.device == **device;
                handover.gone.extend(several.gone.extract_if(.., of_device));
            }
            Forgotten::Reading(source, Some(sent), _) => patient.unsay(source, *sent),
            Forgotten::Stay => patient.several = None,
            Forgotten::Reading(_, None, _) | Forgotten::Rules(_) => {}
        }
    }
}

impl Patient {
    /// A number came. What is a bound is remembered whatever its signal: a rule that is new reads it as well.
    fn say_number(&mut self, reading: Reading<'_>) {
        let observation = reading.observation;
        let is_bound = reading.number.comparator.is_some();
        if is_bound && inputs::counts(reading) && !observation.earlier {
            self.keep_said(observation, What::Bound(reading.number.clone()), reading.spot);
        }
        if observation.earlier {
            // Nothing measured before a binding counts (contract §4), though limits know it.
            self.is_no_value(observation);
        } else if observation.corrects {
            self.is_a_value(observation);
        }
    }

    /// A word came live. What is in doubt, and a word that is none, says nothing; what is corrected is gone in any case.
    fn say_word(&mut self, observation: &Observation, word: &str, context: RuleContext<'_>) {
        let Observation { source, timing, sent, .. } = observation;
        let name = context.signals.get(source.signal).map_or("", |signal| &signal.name);
        if !score::reads_words(name) {
            return;
        }
        if let Some(sent) = sent.filter(|_| observation.corrects) {
            self.unsay(source, sent);
        }
        let certain = !timing.is_doubtful() && !observation.conflict;
        if certain && !observation.earlier && score::is_word(name, word) {
            let spot = self.class_of(&source.device, context).is_some_and(|class| class.spot_only);
            self.keep_said(observation, What::Word(word.to_owned()), spot);
        }
    }

    fn keep_said(&mut self, observation: &Observation, what: What, spot: bool) {
        let Observation { source, timing, sent, .. } = observation;
        let said = &mut self.several.get_or_insert_default().said;
        let of_series = said.iter().filter(|said| said.source == *source).count();
        let oldest = said.iter().position(|said| said.source == *source);
        if let Some(oldest) = oldest.filter(|_| of_series >= OF_A_SERIES) {
            said.remove(oldest);
        }
        said.push(Said {
            source: source.clone(),
            what,
            measured: timing.measured,
            rule_at: timing.rule_at,
            sent: *sent,
            spot,
        });
    }

    /// What was measured then was corrected to what is no value: no other value of its instant counts (contract §2).
    pub(in crate::patient) fn is_no_value(&mut self, observation: &Observation) {
        let Some(sent) = observation.sent else { return };
        let source = &observation.source;
        self.unsay(source, sent);
        // What is known of a series is known of as many.
        let known = self.series.get(source).is_some_and(|state| state.certain().is_some());
        if !known || self.is_gone(source, Some(sent)) {
            return;
        }
        let gone = &mut self.several.get_or_insert_default().gone;
        let of_series = gone.iter().filter(|gone| gone.source == *source).count();
        let oldest = gone.iter().position(|gone| gone.source == *source);
        if let Some(oldest) = oldest.filter(|_| of_series >= OF_A_SERIES) {
            gone.remove(oldest);
        }
        gone.push(Gone { source: source.clone(), sent });
    }

    /// It was corrected to a value again.
    pub(super) fn is_a_value(&mut self, observation: &Observation) {
        if let Some((several, sent)) = self.several.as_mut().zip(observation.sent) {
            let source = &observation.source;
            several.gone.retain(|gone| gone.source != *source || gone.sent != sent);
        }
    }

    pub(super) fn is_gone(&self, source: &Source, sent: Option<DeviceInstant>) -> bool {
        let gone = self.several.iter().flat_map(|several| &several.gone);
        let same = |gone: &Gone| gone.source == *source && Some(gone.sent) == sent;
        gone.into_iter().any(same)
    }

    /// What was said at that instant does not count any more.
    pub(in crate::patient) fn unsay(&mut self, source: &Source, sent: DeviceInstant) {
        if let Some(several) = &mut self.several {
            several.said.retain(|said| said.source != *source || said.sent != Some(sent));
        }
    }
}
