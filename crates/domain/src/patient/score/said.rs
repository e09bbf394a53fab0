//! Words and bounds that say something of an input: the record of a series holds neither as a score needs them.

use minicbor::{Decode, Encode};

use super::inputs::{self, Found, Value};
use super::{Patient, Reading, RuleContext};
use crate::model::observation::{DeviceInstant, Number, Observation, Source};
use crate::model::spo2_scale::Spo2Scale;
use crate::model::time::Timestamp;
use crate::rules::ScoreRule;
use crate::rules::score::{self, InputSignal};

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

    /// What it counts for, if it does.
    pub(super) fn counts(
        &self,
        rule: &ScoreRule,
        scale: Spo2Scale,
        on_oxygen: Option<bool>,
    ) -> Option<(InputSignal, Found<'_>)> {
        let Self { source, measured, rule_at, spot, .. } = self;
        let (rank, read) = rule.reads(source.signal)?;
        let (points, value) = match &self.what {
            What::Word(word) => (read.input.points_of_word(word)?, Value::Word(word)),
            What::Bound(number) => {
                (read.input.points(number, scale, on_oxygen)?, Value::Number(number))
            }
        };
        let until = *rule_at + rule.age_of(read.single || *spot);
        let (rule_at, measured) = (*rule_at, *measured);
        Some((read, Found { points, rule_at, measured, until, rank, source, value }))
    }
}

impl Patient {
    /// A word came live; whether what is known of an input may be other than before. What is in doubt, and a word that
    /// is none, says nothing; what is corrected is gone in any case.
    pub(super) fn say(
        &mut self,
        observation: &Observation,
        word: &str,
        context: RuleContext<'_>,
    ) -> bool {
        let Observation { source, timing, sent, .. } = observation;
        let name = context.signals.get(source.signal).map_or("", |signal| &signal.name);
        if !score::reads_words(name) {
            return false;
        }
        if let Some(sent) = sent.filter(|_| observation.corrects) {
            self.unsay(source, sent);
        }
        let certain = !timing.is_doubtful() && !observation.conflict;
        if certain && !observation.earlier && score::is_word(name, word) {
            let spot = self.class_of(&source.device, context).is_some_and(|class| class.spot_only);
            self.keep_said(observation, What::Word(word.to_owned()), spot);
        }
        true
    }

    /// A bound came live.
    pub(super) fn say_bound(&mut self, reading: Reading<'_>, context: RuleContext<'_>) {
        let signal = context.signals.get(reading.observation.source.signal);
        let is_read = signal.is_some_and(|signal| score::reads(&signal.name));
        let counts = inputs::counts(reading) && !reading.observation.earlier;
        if reading.number.comparator.is_some() && is_read && counts {
            self.keep_said(reading.observation, What::Bound(reading.number.clone()), reading.spot);
        }
    }

    fn keep_said(&mut self, observation: &Observation, what: What, spot: bool) {
        let Observation { source, timing, sent, .. } = observation;
        let said = &mut self.scores.get_or_insert_default().said;
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
        let gone = &mut self.scores.get_or_insert_default().gone;
        let of_series = gone.iter().filter(|gone| gone.source == *source).count();
        let oldest = gone.iter().position(|gone| gone.source == *source);
        if let Some(oldest) = oldest.filter(|_| of_series >= OF_A_SERIES) {
            gone.remove(oldest);
        }
        gone.push(Gone { source: source.clone(), sent });
    }

    /// It was corrected to a value again.
    pub(super) fn is_a_value(&mut self, observation: &Observation) {
        if let Some((scores, sent)) = self.scores.as_mut().zip(observation.sent) {
            let source = &observation.source;
            scores.gone.retain(|gone| gone.source != *source || gone.sent != sent);
        }
    }

    pub(super) fn is_gone(&self, source: &Source, sent: Option<DeviceInstant>) -> bool {
        let gone = self.scores.iter().flat_map(|scores| &scores.gone);
        let same = |gone: &Gone| gone.source == *source && Some(gone.sent) == sent;
        gone.into_iter().any(same)
    }

    /// What was said at that instant does not count any more.
    pub(in crate::patient) fn unsay(&mut self, source: &Source, sent: DeviceInstant) {
        if let Some(scores) = &mut self.scores {
            scores.said.retain(|said| said.source != *source || said.sent != Some(sent));
        }
    }
}
