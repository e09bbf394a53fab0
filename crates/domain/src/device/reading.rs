//! What becomes of a reading: whether it came before, whose it is, and what the rules may see of it.

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use super::binding::{Attribution, attribution};
use super::content::{content, fate, fingerprint, flags, zero};
use super::timing::{Pace, device_time, timing};
use super::{Device, Observed, Surroundings};
use crate::model::fate::Fate;
use crate::model::ids::PatientId;
use crate::model::message::{Message, Reading, Status, Value};
use crate::model::observation::{Content, Observation, Source, Timeliness, Timing};
use crate::model::sample::{Sample, SeriesKey};
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::rules::Class;

/// Device times remembered by series, to know a reading that comes again.
const REMEMBERED: usize = 16;

/// Series of one device; what comes beyond them is refused.
const SERIES: usize = 256;

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Series {
    /// Rule time of the newest reading judged live.
    #[n(0)]
    newest: Option<Timestamp>,
    /// (device time, timeline, value) of the last readings.
    #[n(1)]
    recent: VecDeque<(Timestamp, u64, u64)>,
}

/// The surroundings of a reading, and the class of its device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) class: Option<&'a Class>,
    pub(super) everywhere: Surroundings<'a>,
}

/// A reading of a time that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// The same once more.
    Same,
    /// Another value, not marked as a correction: stored, not judged again.
    Other,
}

impl Device {
    /// Takes in one reading of a message: `number` is its place among all numbers of the row.
    pub(super) fn reading(
        &mut self,
        message: &Message,
        reading: &Reading,
        number: u32,
        around: Around<'_>,
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        let now = out.now;
        let Around { class, everywhere: Surroundings { rules, intake_gaps } } = around;
        let known = self.series_of(reading);
        if known.is_err() && self.series.len() >= SERIES {
            return self.one_too_many(message, reading, observed, out);
        }
        let newest = known.ok().and_then(|series| self.series.at(series).newest);
        let time = device_time(message, reading.time);
        let again = time.and_then(|time| self.seen_before(known, time, message, reading));
        if again == Some(Again::Same) {
            return self.count(Fate::Duplicate, out);
        }
        let pace = Pace { class, interval: self.interval_of(reading.signal), newest, intake_gaps };
        let (timing, suspect) = timing(self, message, reading.time, pace, now);
        let cause = self.cause(message, reading.index, now);
        if suspect && let Some(patient) = self.patient() {
            observed.push((patient.clone(), Observed::ClockSuspect(cause.clone())));
        }
        let content = content(message, reading, rules);
        let flags = flags(reading, &timing, &content);
        self.sample(reading, &timing, flags, number, out);
        if again == Some(Again::Other) {
            return self.count(Fate::Correction, out);
        }
        let (patient, content) = match attribution(&self.bindings, timing.own) {
            Attribution::Unbound => return self.count(Fate::Unbound, out),
            Attribution::Uncertain(patient) => {
                observed.push((patient.clone(), Observed::Unattributed(cause)));
                return self.count(Fate::Unattributed, out);
            }
            Attribution::Patient(patient, zeros) => {
                (patient.clone(), zero(content, zeros, reading))
            }
        };
        let judged = matches!(content, Content::Number(_) | Content::Word(_));
        let live = timing.timeliness == Timeliness::Live;
        if judged && live && !timing.is_doubtful() {
            let series = self.series_of(reading);
            let series = self.series_at(series, reading);
            series.newest = series.newest.max(Some(timing.rule_at));
        }
        self.count(fate(message, reading, &content, &timing), out);
        let source = Source {
            device: self.details.id.clone(),
            signal: reading.signal,
            instance: reading.instance.clone(),
        };
        observed.push((patient, Observed::Reading(Observation { source, cause, timing, content })));
    }

    /// The index of a reading's series, or the one it would take.
    fn series_of(&self, reading: &Reading) -> Result<usize, usize> {
        let wanted = (reading.signal, &reading.instance);
        self.series.find_by(|(signal, instance)| (*signal, instance).cmp(&wanted))
    }

    fn series_at(&mut self, index: Result<usize, usize>, reading: &Reading) -> &mut Series {
        let index = index.unwrap_or_else(|index| {
            let key = (reading.signal, reading.instance.clone());
            self.series.add(index, key, Series::default());
            index
        });
        self.series.at(index)
    }

    /// Whether a reading of the same time came before; one that is corrected or withdrawn is news.
    fn seen_before(
        &mut self,
        known: Result<usize, usize>,
        time: Timestamp,
        message: &Message,
        reading: &Reading,
    ) -> Option<Again> {
        let timeline = self.clock.timeline(message.clock.as_ref());
        let value = fingerprint(reading);
        let series = self.series_at(known, reading);
        let same_time = |(t, line, _): &&mut (_, _, _)| *t == time && *line == timeline;
        if let Some((_, _, known)) = series.recent.iter_mut().rev().find(same_time) {
            let same = *known == value;
            return match reading.status {
                Status::EnteredInError => None,
                _ if same => Some(Again::Same),
                Status::Corrected => {
                    *known = value;
                    None
                }
                Status::Final | Status::Preliminary => Some(Again::Other),
            };
        }
        if series.recent.len() == REMEMBERED {
            series.recent.pop_front();
        }
        series.recent.push_back((time, timeline, value));
        None
    }

    fn sample(&self, reading: &Reading, timing: &Timing, flags: u8, number: u32, out: &mut Output) {
        if let Value::Number { value, unit, .. } = reading.value {
            let sample = Sample {
                series: SeriesKey {
                    device: self.details.id.clone(),
                    signal: reading.signal,
                    instance: reading.instance.clone(),
                },
                at: timing.measured,
                received: timing.received,
                value,
                unit,
                flags,
            };
            out.samples.push((number, sample));
        }
    }
}
