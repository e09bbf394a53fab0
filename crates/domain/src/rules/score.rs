//! Score rules: points of several signals of a patient, added up (contract §5, Scores).

pub mod news2;

use serde::Deserialize;
use toml::Spanned;

use self::news2::{Band, Input};
use super::{BadRules, Person, Text};
use crate::model::alarm::{Priority, Response};
use crate::model::ids::{RuleId, WardId};
use crate::model::signal::{Cadence, SignalId, SignalTable};
use crate::model::time::Span;

/// By which table points are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The National Early Warning Score 2 (clinical §5).
    News2,
}

/// A score of a patient.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRule {
    /// Its name.
    pub id: RuleId,
    /// By which table.
    pub method: Method,
    /// Only for whoever lies in one of these; `None` for everybody.
    pub wards: Option<Vec<WardId>>,
    /// No reading that is older counts.
    pub age: Span,
    /// The same of a single measurement.
    pub age_single: Span,
    /// So long a band must hold before it is an alarm.
    pub delay: Span,
    /// So long the score must be complete and in no band before its alarm is over.
    pub clear_delay: Span,
    /// How serious each band is.
    pub priorities: ByBand<Priority>,
    /// How fast somebody must act.
    pub responses: ByBand<Response>,
    /// What to do.
    pub advice: Option<String>,
    /// The signals it reads. Of one input an earlier one goes before a later one.
    pub(crate) signals: Vec<InputSignal>,
}

/// Something of each band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByBand<T> {
    single: T,
    medium: T,
    high: T,
}

/// A signal that is read for an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputSignal {
    pub(crate) signal: SignalId,
    pub(crate) input: Input,
    /// It is measured singly, whatever its device.
    pub(crate) single: bool,
}

/// What is read for each input, by the names of the signal table.
const READS: [(Input, &str); 9] = [
    (Input::Respiration, "respiratory_rate"),
    (Input::Saturation, "spo2"),
    (Input::Oxygen, "supplemental_oxygen"),
    (Input::Systolic, "nibp_sys"),
    (Input::Systolic, "abp_sys"),
    (Input::Pulse, "heart_rate"),
    (Input::Pulse, "pulse_rate"),
    (Input::Consciousness, "consciousness"),
    (Input::Temperature, "temperature"),
];

impl<T: Copy> ByBand<T> {
    /// That of one.
    pub fn of(&self, band: Band) -> T {
        match band {
            Band::Single => self.single,
            Band::Medium => self.medium,
            Band::High => self.high,
        }
    }
}

impl ScoreRule {
    /// Whether it judges this person, who lies there.
    pub fn judges(&self, person: Person, ward: Option<&WardId>) -> bool {
        let there = |wards: &Vec<WardId>| ward.is_some_and(|ward| wards.contains(ward));
        person.adult && self.wards.as_ref().is_none_or(there)
    }

    /// How old a reading may be.
    pub(crate) fn age_of(&self, single: bool) -> Span {
        if single { self.age_single } else { self.age }
    }

    /// The inputs that a signal is read for, with its place among all signals.
    pub(crate) fn reads(&self, signal: SignalId) -> Option<(usize, InputSignal)> {
        let of_signal = |(_, read): &(usize, &InputSignal)| read.signal == signal;
        self.signals.iter().enumerate().find(of_signal).map(|(place, read)| (place, *read))
    }
}

/// Whether words of a signal are read for any input.
pub(crate) fn reads_words(name: &str) -> bool {
    let of_words = |input: Input| matches!(input, Input::Oxygen | Input::Consciousness);
    READS.iter().any(|(input, read)| *read == name && of_words(*input))
}

/// Whether a word of a signal says something of an input.
pub(crate) fn is_word(name: &str, word: &str) -> bool {
    READS.iter().any(|(input, read)| *read == name && input.points_of_word(word).is_some())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
    method: Spanned<Method>,
    #[serde(default)]
    wards: Option<Spanned<Vec<WardId>>>,
    age: Spanned<Span>,
    age_single: Spanned<Span>,
    delay: Spanned<Span>,
    clear_delay: Spanned<Span>,
    priorities: Spanned<ByBand<Priority>>,
    responses: Spanned<ByBand<Response>>,
    #[serde(default)]
    advice: Option<String>,
}

impl Entry {
    pub(super) fn rule(self, text: Text<'_>, signals: &SignalTable) -> Result<ScoreRule, BadRules> {
        for (name, span) in [("age", &self.age), ("age_single", &self.age_single)] {
            if *span.get_ref() <= Span::ZERO {
                let what = format!("`{name}` is some time: write a span such as `15m`");
                return Err(text.refuse(span, what));
            }
        }
        if self.age_single.get_ref() < self.age.get_ref() {
            let what = "`age_single` is no shorter than `age`".to_owned();
            return Err(text.refuse(&self.age_single, what));
        }
        if let Some(wards) = self.wards.as_ref().filter(|wards| wards.get_ref().is_empty()) {
            let what = "`wards` names none: leave it out for all of them".to_owned();
            return Err(text.refuse(wards, what));
        }
        let graver = |a: Band, b: Band| {
            let priority = |band| self.priorities.get_ref().of(band);
            priority(a) <= priority(b)
        };
        if !graver(Band::Single, Band::Medium) || !graver(Band::Medium, Band::High) {
            let what = "a graver band has no lower priority: high, medium, single".to_owned();
            return Err(text.refuse(&self.priorities, what));
        }
        let mut read = Vec::with_capacity(READS.len());
        for (input, name) in READS {
            let Some(signal) = signals.find(name) else {
                let what = format!("it reads `{name}`, which is no signal of signals.toml");
                return Err(text.refuse(&self.method, what));
            };
            let single = signal.cadence == Cadence::Spot;
            read.push(InputSignal { signal: signal.id, input, single });
        }
        Ok(ScoreRule {
            id: self.id.into_inner(),
            method: self.method.into_inner(),
            wards: self.wards.map(Spanned::into_inner),
            age: self.age.into_inner(),
            age_single: self.age_single.into_inner(),
            delay: self.delay.into_inner(),
            clear_delay: self.clear_delay.into_inner(),
            priorities: self.priorities.into_inner(),
            responses: self.responses.into_inner(),
            advice: self.advice,
            signals: read,
        })
    }
}
