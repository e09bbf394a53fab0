//! The device machine: sequence, clock, binding, and what of a message a patient machine observes.

mod binding;
mod content;
mod episodes;
mod event;
mod identity;
mod lag;
mod message;
mod offset;
mod pace;
mod reading;
mod refusal;
mod sequence;
mod timing;

use minicbor::{Decode, Encode};

pub use self::binding::{BINDING_UNCERTAINTY, Binding, Stretch, stretches};
pub(super) use self::content::flags_of;
use self::episodes::Episodes;
use self::identity::Series;
use self::lag::Behind;
use self::offset::ClockOffset;

use self::sequence::Sequence;
pub(super) use self::timing::device_time;
use self::timing::newest_reading;
use crate::model::cause::Cause;
use crate::model::command::{DeviceDetails, PrincipalKind};
use crate::model::fate::Fate;
use crate::model::ids::{DeviceId, PatientId};
use crate::model::instance::Instance;
use crate::model::message::{DeviceInfo, ExpectedSignal, Kind, Message};
use crate::model::observation::{Episode, Observation};
use crate::model::signal::SignalId;
use crate::model::time::{IntakeGap, Span, Stamp, Timestamp};
use crate::model::vector_map::{self, VectorMap};
use crate::output::Output;
use crate::rules::{RuleSet, UNKNOWN_CLASS};

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
    /// What it states of itself.
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
    /// The clocks of those who bring its messages: what one of them says of time says nothing of another.
    #[n(14)]
    #[cbor(default)]
    hops: VectorMap<DeviceId, ClockOffset>,
    /// Rises with every change of its registration.
    #[n(15)]
    #[cbor(default)]
    pub version: u64,
    /// Rises with every change of its bindings.
    #[n(16)]
    #[cbor(default)]
    pub binding_version: u64,
    /// When something came of it last, or of others by it, in the gateway's own time.
    #[n(17)]
    pub heard_at: Option<Timestamp>,
    /// Who brought its last message, where that was somebody else.
    #[n(18)]
    pub way: Option<DeviceId>,
    /// How many others it brought the last message of.
    #[n(19)]
    #[cbor(default)]
    pub brings: u32,
    /// The row of its last change; not part of its state.
    #[cbor(skip)]
    pub touched: u64,
    /// The epoch of the core in which it was last put among what changed; not part of its state.
    #[cbor(skip)]
    pub(super) changed_in: u64,
}

/// Clocks of others remembered by device.
const HOPS: usize = 16;

/// How a message was taken.
#[derive(Clone, Copy, Debug)]
struct Taken {
    /// It is known to be old, and never live.
    old: bool,
    /// The offset of its sender's clock before that was put right with this message.
    stepped: Option<Span>,
    /// Its clock lags, or stands still.
    behind: Option<Behind>,
}

/// Whether its time of sending is that of somebody else's clock.
fn is_brought(message: &Message) -> bool {
    message.principal != message.device
        || message.relay.as_ref().is_some_and(|r| r.sent_at.or(r.received_at).is_some())
}

/// What a device machine observed of a patient, for the patient machine.
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
    /// Its clock was put right.
    ClockStepped(Cause),
    /// Its `boot` went back: it lost its memory.
    BootReset(Cause),
    /// A reading fell between two bindings.
    Unattributed(Cause),
    /// The device stated which signals it will send.
    Expects,
    /// It stated that a continuous signal comes more rarely than is believed of its class.
    TooRare(Cause),
}

/// What a device machine needs to know besides the message.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The rules in force.
    pub rules: &'a RuleSet,
    /// The last intake gaps.
    pub intake_gaps: &'a [IntakeGap],
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
            hops: VectorMap::default(),
            version: 0,
            binding_version: 0,
            heard_at: None,
            way: None,
            brings: 0,
            touched: 0,
            changed_in: 0,
        }
    }

    /// A device nobody registered, just let in.
    pub(super) fn admitted(id: DeviceId, now: Stamp) -> Self {
        let details = DeviceDetails {
            id,
            class: UNKNOWN_CLASS.to_owned(),
            kind: PrincipalKind::Device,
            token_sha256: None,
            via: Vec::new(),
            signals: Vec::new(),
        };
        Self::new(details, now)
    }

    /// Whether anything was registered of it that could be overwritten.
    pub(super) fn is_registered(&self) -> bool {
        let DeviceDetails { id: _, class, kind, token_sha256, via, signals } = &self.details;
        class != UNKNOWN_CLASS
            || *kind != PrincipalKind::Device
            || token_sha256.is_some()
            || !via.is_empty()
            || !signals.is_empty()
    }

    /// Whether it speaks through `sender`.
    pub(super) fn waits_for(&self, sender: &DeviceId) -> bool {
        !self.revoked && self.details.via.contains(sender)
    }

    /// Forgets which readings and events came before.
    pub(crate) fn forget_content(&mut self) {
        (self.series, self.episodes) = (VectorMap::default(), Episodes::default());
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

    /// Events of these names, which were told of the wrong patient, are the right one's.
    pub fn events_belong_to(&mut self, names: &[String], wrong: &PatientId, right: &PatientId) {
        self.episodes.belong_to(names, wrong, right);
    }

    /// Something came of it, or by it.
    pub(super) fn heard(&mut self, now: Stamp) {
        self.last_contact = Some(now.wall());
        self.heard_at = Some(now.at);
    }

    /// Its connection came or went.
    pub fn link(&mut self, connected: bool) {
        self.connected = Some(connected);
    }

    /// The gateway's wall clock moved by so much, and those of devices did not.
    pub fn wall_stepped(&mut self, by: Span) {
        self.clock.wall_stepped(by);
        for clock in self.hops.values_mut() {
            clock.wall_stepped(by);
        }
    }

    /// The clock that a message's time of sending is of.
    fn clock_of(&self, message: &Message) -> &ClockOffset {
        let hop = is_brought(message).then(|| self.hops.get(&message.principal)).flatten();
        hop.unwrap_or(&self.clock)
    }

    fn clock_of_mut(&mut self, message: &Message) -> &mut ClockOffset {
        if !is_brought(message) {
            return &mut self.clock;
        }
        if self.hops.len() >= HOPS && self.hops.find(&message.principal).is_err() {
            self.hops.clear();
        }
        let index = self.hops.index_of(&message.principal);
        self.hops.at(index)
    }

    /// How often a signal should come, where that is stated.
    pub fn interval_of(&self, signal: SignalId) -> Option<Span> {
        self.expected().iter().find(|e| e.signal == signal).and_then(|e| e.interval)
    }

    /// Reads something of each line of memory it takes; what is read says nothing.
    pub(super) fn glance(&self) -> usize {
        let Self { details, registered_at, bindings, info, clock, sequences, .. } = self;
        let DeviceDetails { class, via, signals, .. } = details;
        class.len()
            + via.len()
            + signals.len()
            + registered_at.as_micros() as usize
            + bindings.len()
            + info.signals.len()
            + usize::from(clock.shown_ms().is_some())
            + sequences.len()
            + self.series.len()
            + self.fates.len()
            + self.hops.len()
            + self.version as usize
            + self.touched as usize
            + usize::from(self.last_cause.is_some())
            + usize::from(self.last_relay_contact.is_some())
    }

    /// The same of what that refers to,
    pub(super) fn glance_at_parts(&self) -> usize {
        let bound = self.patient().map_or(0, |id| id.as_str().len());
        let sequences = self.sequences.values().map(|numbers| numbers.holes() as usize);
        let series = self.series.values().map(|series| usize::from(series.newest.is_some()));
        let hops = self.hops.values().map(|clock| usize::from(clock.shown_ms().is_some()));
        bound + sequences.sum::<usize>() + series.sum::<usize>() + hops.sum::<usize>()
    }

    /// and of what that refers to.
    pub(super) fn glance_inside(&self) -> usize {
        let series = self.series.values().map(Series::glance);
        series.sum::<usize>() + self.sequences.values().map(Sequence::glance).sum::<usize>()
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
        let index = self.fates.index_of(&fate);
        *self.fates.at(index) += 1;
    }
}
