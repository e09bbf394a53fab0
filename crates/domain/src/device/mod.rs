//! The device machine: sequence, clock, binding, and what of a message a patient machine may hear.

mod binding;
mod content;
mod episodes;
mod event;
mod offset;
mod refusal;
mod sequence;
mod timing;

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use crate::device::episodes::Episodes;
use crate::device::offset::ClockOffset;
use crate::device::sequence::{Sequence, SequenceOutcome};
use crate::model::cause::Cause;
use crate::model::command::DeviceDetails;
use crate::model::fate::Fate;
use crate::model::ids::PatientId;
use crate::model::instance::Instance;
use crate::model::message::{
    Body, DeviceInfo, ExpectedSignal, Kind, Message, Mode, Reading, Status, Value,
};
use crate::model::observation::{Content, Episode, Observation, Source, Timeliness, Timing};
use crate::model::sample::{Sample, SeriesKey};
use crate::model::signal::SignalId;
use crate::model::time::IntakeGap;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::model::vector_map::{self, VectorMap};
use crate::output::Output;
use crate::rules::{Class, RuleSet};
pub use binding::BINDING_UNCERTAINTY;
use binding::{Attribution, attribution};
pub use binding::{Binding, Stretch, stretches};
pub(super) use content::flags_of;
use content::{content, fate, fingerprint, flags, zero};
use timing::{Pace, device_time, hop_sent_at, newest_reading, timing};

/// Device times remembered by series, to know a reading that comes again.
const REMEMBERED: usize = 16;

/// A device may say itself that a signal comes as rarely as every four intervals of its class, or
/// so rarely if that is longer: a signal with a limit for continuous data, and any other.
const CONTINUOUS: Span = Span::mins(1);
const SINGLE: Span = Span::hours(24);

/// Series of one device; what comes beyond them is refused.
const SERIES: usize = 256;

/// One registered device, relay or connector.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Device {
    /// As registered.
    #[n(0)]
    pub details: DeviceDetails,
    /// When, in the gateway's own time.
    #[n(1)]
    pub registered_at: Timestamp,
    /// It may not connect.
    #[n(2)]
    pub revoked: bool,
    /// Every binding, the open one last.
    #[n(3)]
    #[cbor(decode_with = "vector_map::list")]
    pub bindings: Vec<Binding>,
    /// Whether it is connected; `None` before the first time.
    #[n(4)]
    pub connected: Option<bool>,
    /// Its last message, by the shown clock.
    #[n(5)]
    pub last_contact: Option<Timestamp>,
    /// The last message a relay brought, by the shown clock.
    #[n(6)]
    pub last_relay_contact: Option<Timestamp>,
    /// What it says of itself.
    #[n(7)]
    pub info: DeviceInfo,
    /// Its clock.
    #[n(8)]
    pub clock: ClockOffset,
    #[n(9)]
    sequences: VectorMap<Kind, Sequence>,
    #[n(10)]
    series: VectorMap<(SignalId, Instance), Series>,
    #[n(11)]
    episodes: Episodes,
    #[n(12)]
    fates: VectorMap<Fate, u64>,
    /// The last message, for the id of a silence alarm.
    #[n(13)]
    last_cause: Option<Cause>,
    /// The row of its last change; not part of its state.
    #[cbor(skip)]
    pub touched: u64,
    /// The epoch of the core in which it was last put among what changed; not part of its state.
    #[cbor(skip)]
    pub(super) changed_in: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Series {
    /// Rule time of the newest reading judged live.
    #[n(0)]
    newest: Option<Timestamp>,
    /// (device time, timeline, value) of the last readings.
    #[n(1)]
    recent: VecDeque<(Timestamp, u64, u64)>,
}

/// What a patient machine hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// A reading.
    Reading(Observation),
    /// An event.
    Episode(Episode),
    /// A message of which nothing could be read.
    Undecodable(String),
    /// The device is in test or demo mode; a reading judged live ends that.
    TestMode(Cause),
    /// Its stamps are absurd; a reading judged live ends that.
    ClockSuspect(Cause),
    /// A reading fell between two bindings.
    Unattributed(Cause),
    /// It says which signals it will send.
    Expects,
}

/// What a device machine needs to know besides the message.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The rules in force.
    pub rules: &'a RuleSet,
    /// The last windows without intake.
    pub intake_gaps: &'a [IntakeGap],
}

/// The same, and the device's class.
#[derive(Clone, Copy, Debug)]
struct Around<'a> {
    class: Option<&'a Class>,
    everywhere: Surroundings<'a>,
}

/// A reading of a time that was heard before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// The same once more.
    Same,
    /// Another value, not said to be a correction: stored, not judged again.
    Other,
}

impl Device {
    /// A device just registered.
    pub fn new(details: DeviceDetails, now: Stamp) -> Self {
        Self {
            details,
            registered_at: now.at,
            revoked: false,
            bindings: Vec::new(),
            connected: None,
            last_contact: None,
            last_relay_contact: None,
            info: DeviceInfo::default(),
            clock: ClockOffset::default(),
            sequences: VectorMap::default(),
            series: VectorMap::default(),
            episodes: Episodes::default(),
            fates: VectorMap::default(),
            last_cause: None,
            touched: 0,
            changed_in: 0,
        }
    }

    /// The patient it is bound to now.
    pub fn patient(&self) -> Option<&PatientId> {
        self.bindings.last().filter(|b| b.to.is_none()).and_then(|b| b.patient.as_ref())
    }

    /// Signals expected of it: as registered, else as announced by `info`.
    pub fn expected(&self) -> &[ExpectedSignal] {
        if self.details.signals.is_empty() { &self.info.signals } else { &self.details.signals }
    }

    /// What began its present silence: its last message, or its registration.
    pub fn silence_cause(&self) -> Cause {
        self.last_cause
            .clone()
            .unwrap_or_else(|| Cause::noticed(Some(self.details.id.clone()), self.registered_at))
    }

    /// Readings and messages by fate.
    pub fn fates(&self) -> &VectorMap<Fate, u64> {
        &self.fates
    }

    /// Numbers jumped over and not yet come.
    pub fn holes(&self) -> u64 {
        self.sequences.values().map(Sequence::holes).sum()
    }

    /// Its connection came or went.
    pub fn link(&mut self, connected: bool, now: Stamp) {
        self.connected = Some(connected);
        if connected {
            self.clock.reconnected(now);
        }
    }

    /// Takes in a message of this device; what patients may hear is appended to `observed`.
    pub fn observe(
        &mut self,
        message: &Message,
        around: Surroundings<'_>,
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        let now = out.now;
        let newest = message.sent_at.or_else(|| newest_reading(message));
        let kind = message.body.kind();
        let place = self.sequences.index_of(&kind);
        let outcome =
            self.sequences.at(place).take(message.boot, message.seq, message.hash, newest);
        // What a broker retained was said at another time.
        if !message.delivery.retained {
            self.last_contact = Some(now.wall());
            if message.relay.is_some() || message.principal != message.device {
                self.last_relay_contact = Some(now.wall());
            }
        }
        match outcome {
            SequenceOutcome::New | SequenceOutcome::Unnumbered => {}
            SequenceOutcome::Redelivered => return self.count(Fate::Redelivered, out),
            SequenceOutcome::Reused => self.count(Fate::SeqReused, out),
            SequenceOutcome::Reset => self.count(Fate::SeqReset, out),
            SequenceOutcome::Old => self.count(Fate::OldMessage, out),
        }
        if message.mode == Mode::Probe {
            return self.count(Fate::Probe, out);
        }
        if message.delivery.could_be_live() && outcome != SequenceOutcome::Old {
            self.clock.heard(hop_sent_at(message).or(newest), message.clock.as_ref(), now);
        }
        let cause = self.cause(message, 0, now);
        self.last_cause = Some(cause.clone());
        if matches!(message.mode, Mode::Test | Mode::Demo)
            && let Some(patient) = self.patient()
        {
            observed.push((patient.clone(), Observed::TestMode(cause)));
        }
        match &message.body {
            Body::Telemetry { readings, refused } => {
                let around =
                    Around { class: around.rules.class(&self.details.class), everywhere: around };
                let mut place = out.numbers;
                for reading in readings {
                    self.reading(message, reading, place, around, observed, out);
                    place += u32::from(matches!(reading.value, Value::Number { .. }));
                }
                self.refused(message, refused, observed, out);
            }
            Body::Events { events, refused } => {
                for event in events {
                    self.event(message, event, around, observed, out);
                }
                self.refused(message, refused, observed, out);
            }
            Body::Waves { refused, .. } => self.refused(message, refused, observed, out),
            Body::Status { .. } => {}
            Body::Info { info } => {
                self.tells_of_itself(info, around.rules);
                if let Some(patient) = self.patient() {
                    observed.push((patient.clone(), Observed::Expects));
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

    /// A list of signals that is not given leaves what was said before. The intervals a device
    /// claims are bounded, so that it cannot put off its own silence for ever.
    fn tells_of_itself(&mut self, info: &DeviceInfo, rules: &RuleSet) {
        let before = std::mem::replace(&mut self.info, info.clone()).signals;
        if self.info.signals.is_empty() {
            self.info.signals = before;
        }
        let class = rules.class(&self.details.class);
        let usual = class.map_or(Span::ZERO, |class| class.expected_interval);
        for expected in &mut self.info.signals {
            let mut limits = rules.limits_of(expected.signal);
            let least = if limits.any(|rule| !rule.spot) { CONTINUOUS } else { SINGLE };
            let longest = least.max(usual + usual + usual + usual);
            expected.interval = expected.interval.map(|own| own.min(longest));
        }
    }

    fn reading(
        &mut self,
        message: &Message,
        reading: &Reading,
        place: u32,
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
        self.sample(reading, &timing, flags, place, out);
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

    /// The place of a reading's series, or the one it would take.
    fn series_of(&self, reading: &Reading) -> Result<usize, usize> {
        let wanted = (reading.signal, &reading.instance);
        self.series.find_by(|(signal, instance)| (*signal, instance).cmp(&wanted))
    }

    fn series_at(&mut self, place: Result<usize, usize>, reading: &Reading) -> &mut Series {
        let place = place.unwrap_or_else(|place| {
            let key = (reading.signal, reading.instance.clone());
            self.series.add(place, key, Series::default());
            place
        });
        self.series.at(place)
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

    fn sample(&self, reading: &Reading, timing: &Timing, flags: u8, place: u32, out: &mut Output) {
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
            out.samples.push((place, sample));
        }
    }

    /// How often a signal should come, where it was said.
    pub fn interval_of(&self, signal: SignalId) -> Option<Span> {
        self.expected().iter().find(|e| e.signal == signal).and_then(|e| e.interval)
    }

    fn cause(&self, message: &Message, index: u32, now: Stamp) -> Cause {
        Cause {
            device: Some(self.details.id.clone()),
            boot: message.boot,
            kind: message.body.kind(),
            seq: message.seq,
            index,
            stamp: message.seq.is_none().then(|| newest_reading(message).unwrap_or(now.wall())),
        }
    }

    fn count(&mut self, fate: Fate, out: &mut Output) {
        out.count(fate);
        let place = self.fates.index_of(&fate);
        *self.fates.at(place) += 1;
    }
}
