//! What becomes of a message: what of it is news, and who takes its parts.

use std::cmp::Reverse;

use super::content::{content, zero};
use super::reading::{Around, Place};
use super::sequence::SequenceOutcome;
use super::timing::{device_time, hop_sent_at, live_window, newest_reading};
use super::{Device, Observed, Surroundings, Taken};
use crate::model::fate::Fate;
use crate::model::ids::PatientId;
use crate::model::message::{Body, DeviceInfo, Message, Mode, Reading, Status, Value};
use crate::model::observation::Content;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::Output;
use crate::rules::RuleSet;

/// The longest interval a device may claim of a signal with a limit for continuous data, unless the interval of its
/// class is longer.
const CONTINUOUS: Span = Span::mins(1);

/// The same of any other signal, unless four intervals of its class are longer.
const SINGLE: Span = Span::hours(24);

impl Device {
    /// Takes in a message of this device. What it observes of patients is appended to `observed`.
    pub fn observe(
        &mut self,
        message: &Message,
        around: Surroundings<'_>,
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        let now = out.now;
        let newest = message.sent_at.or_else(|| newest_reading(message));
        let index = self.sequences.index_of(&message.body.kind());
        let sequence = self.sequences.at(index);
        let live = message.delivery.could_be_live().then_some(now.at);
        let outcome = sequence.take(message.boot, message.seq, message.hash, newest, live);
        self.note_contact(message, now);
        match outcome {
            SequenceOutcome::New | SequenceOutcome::Unnumbered => {}
            SequenceOutcome::Redelivered => return self.count(Fate::Redelivered, out),
            SequenceOutcome::Reused => self.count(Fate::SeqReused, out),
            SequenceOutcome::Reset | SequenceOutcome::BootReset => {
                self.count(Fate::SeqReset, out);
            }
            SequenceOutcome::Old => self.count(Fate::OldMessage, out),
        }
        if message.mode == Mode::Probe {
            return self.count(Fate::Probe, out);
        }
        let mut taken = Taken { old: outcome == SequenceOutcome::Old, stepped: None, behind: None };
        let cause = self.cause(message, 0, now);
        if let Some(clock) = &message.clock {
            self.clock_of_mut(message).is_kept_by(clock);
        }
        if message.delivery.could_be_live() && !taken.old {
            let sent_at = hop_sent_at(message).or(newest);
            taken.stepped =
                self.clock_of_mut(message).observe(sent_at, message.clock.as_ref(), now);
            taken.behind = self.observe_lag(message, now);
            if taken.stepped.is_some()
                && let Some(patient) = self.patient()
            {
                observed.push((patient.clone(), Observed::ClockStepped(cause.clone())));
            }
        }
        if outcome == SequenceOutcome::BootReset
            && let Some(patient) = self.patient()
        {
            observed.push((patient.clone(), Observed::BootReset(cause.clone())));
        }
        self.last_cause = Some(cause.clone());
        if matches!(message.mode, Mode::Test | Mode::Demo)
            && let Some(patient) = self.patient()
        {
            observed.push((patient.clone(), Observed::TestMode(cause)));
        }
        self.observe_body(message, taken, around, observed, out);
        if !out.too_old.is_empty() {
            let entries = std::mem::take(&mut out.too_old);
            out.dead_letters.extend(message.dead_letter_of_old(entries));
        }
    }

    /// What a broker retained was sent at another time, and is no contact.
    fn note_contact(&mut self, message: &Message, now: Stamp) {
        if message.delivery.retained {
            return;
        }
        self.heard(now);
        if message.relay.is_some() || message.principal != message.device {
            self.last_relay_contact = Some(now.wall());
        }
    }

    fn observe_body(
        &mut self,
        message: &Message,
        taken: Taken,
        around: Surroundings<'_>,
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        match &message.body {
            Body::Telemetry { readings, refused } => {
                let class = around.rules.class(&self.details.class);
                let around = Around { class, everywhere: around };
                let first = out.samples.len();
                let rules = around.everywhere.rules;
                let zeros = self.bindings.last().map(|last| last.zero_means_no_sensor.as_slice());
                let is_value = |reading: &Reading| {
                    let live = live_window(class, self.interval_of(reading.signal));
                    let content = content(message, reading, rules, live);
                    matches!(zero(content, zeros.unwrap_or(&[]), reading), Content::Number(_))
                };
                let places = in_order(message, readings, (out.numbers, taken), (rules, &is_value));
                for place in places {
                    self.reading(message, place, around, observed, out);
                }
                if let Some(samples) = out.samples.get_mut(first..) {
                    samples.sort_by_key(|(number, _)| *number);
                }
                self.refused(message, refused, observed, out);
            }
            Body::Events { events, refused } => {
                for event in events {
                    self.event(message, event, taken, around, observed, out);
                }
                self.refused(message, refused, observed, out);
            }
            Body::Waves { refused, .. } => self.refused(message, refused, observed, out),
            Body::Status { .. } => {}
            // What a device said in test mode, or before it started anew, says nothing of now.
            Body::Info { .. } if taken.old || message.mode != Mode::Real => {}
            Body::Info { info } => {
                let believed = self.take_info(info, around.rules);
                if let Some(patient) = self.patient() {
                    observed.push((patient.clone(), Observed::Expects));
                    if !believed {
                        let cause = self.cause(message, 0, out.now);
                        observed.push((patient.clone(), Observed::TooRare(cause)));
                    }
                }
            }
            Body::Undecodable { reason, .. } => {
                self.count(Fate::Undecodable, out);
                if let Some(patient) = self.patient() {
                    observed.push((patient.clone(), Observed::Undecodable(reason.clone())));
                }
            }
        }
    }

    /// Takes what the device states of itself. The intervals it claims are bounded, so that it cannot put
    /// off its own silence for ever; whether all those of continuous signals are believed.
    fn take_info(&mut self, info: &DeviceInfo, rules: &RuleSet) -> bool {
        self.info.take(info);
        let class = rules.class(&self.details.class);
        let usual = class.map_or(Span::ZERO, |class| class.expected_interval);
        let mut believed = true;
        for expected in &mut self.info.signals {
            let continuous = rules.limits_of(expected.signal).any(|rule| !rule.spot);
            let longest = if continuous {
                CONTINUOUS.max(usual)
            } else {
                SINGLE.max(usual + usual + usual + usual)
            };
            believed &= !continuous || expected.interval.is_none_or(|own| own <= longest);
            expected.interval = expected.interval.map(|own| own.min(longest));
        }
        believed
    }
}

/// A reading with when it was measured and how much follows from an emergency that its signal may name.
type Timed<'a> = ((Option<Timestamp>, Reverse<usize>), Place<'a>);

/// The readings of a message in the order they were measured, whatever the order they stand in; of one instant those
/// first that may name an emergency, so that what follows from it is folded. `numbers` stand before them in their row.
fn in_order<'a>(
    message: &Message,
    readings: &'a [Reading],
    (numbers, taken): (u32, Taken),
    (rules, is_value): (&RuleSet, &dyn Fn(&Reading) -> bool),
) -> Vec<Place<'a>> {
    let mut number = numbers;
    let mut places: Vec<Timed<'a>> = Vec::with_capacity(readings.len());
    for reading in readings {
        let place = Place { reading, number, contradicted: false, rival: false, taken };
        let rank = Reverse(rules.explains(reading.signal));
        places.push(((device_time(message, reading.time), rank), place));
        number += u32::from(matches!(reading.value, Value::Number { .. }));
    }
    places.sort_by_key(|(key, _)| *key);
    for group in places.chunk_by_mut(|((a, _), _), ((b, _), _)| a == b) {
        mark_contradictions(group, is_value);
    }
    places.into_iter().map(|(_, place)| place).collect()
}

/// Marks values of one time and series that differ, unless one of them says that it corrects. Of two that both say so
/// neither takes the place of the other. What is no value contradicts none.
fn mark_contradictions(group: &mut [Timed<'_>], is_value: &dyn Fn(&Reading) -> bool) {
    for i in 1..group.len() {
        let (before, rest) = group.split_at_mut(i);
        let Some(((Some(_), _), second)) = rest.first_mut() else { return };
        for (_, first) in before {
            if !differ(first.reading, second.reading) {
                continue;
            }
            let corrects = |place: &Place<'_>| place.reading.status == Status::Corrected;
            match (corrects(first), corrects(second)) {
                (true, true) => second.rival = true,
                (false, false) if is_value(first.reading) && is_value(second.reading) => {
                    (first.contradicted, second.contradicted) = (true, true);
                }
                (_, false) | (false, true) => {}
            }
        }
    }
}

/// Whether two numbers of one series, of which none is withdrawn, differ.
fn differ(first: &Reading, second: &Reading) -> bool {
    let speaks = |reading: &Reading| {
        reading.status != Status::EnteredInError && matches!(reading.value, Value::Number { .. })
    };
    first.signal == second.signal
        && first.instance == second.instance
        && speaks(first)
        && speaks(second)
        && first.value != second.value
}
