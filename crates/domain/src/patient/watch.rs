//! What is remembered of one series: its latest value, and where it stands to each limit.

use std::ops::{Deref, DerefMut};

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use crate::model::alarm::{LimitFrom, TimeQuality};
use crate::model::cause::{Cause, MessagePosition};
use crate::model::ids::RuleId;
use crate::model::observation::{Number, Observation};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::rules::{Level, LimitRule};

/// One series of one patient.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct SourceState {
    /// The latest value judged live, its time beyond doubt.
    #[n(0)]
    pub latest: Option<LatestValue>,
    /// The one before, for its rate.
    #[n(1)]
    pub before: Option<(Timestamp, f64)>,
    /// Arrival of the latest reading that was judged, in the gateway's own time.
    #[n(2)]
    pub arrival: Option<Timestamp>,
    /// Its rule time.
    #[n(3)]
    pub rule_at: Option<Timestamp>,
    /// Silent for longer than its gap.
    #[n(4)]
    pub lost: bool,
    /// Why the last reading was not judged, if it was not.
    #[n(5)]
    pub doubt: Words,
    /// Rules with something to remember.
    #[n(6)]
    pub watches: Watches,
    /// The words of a code or text, where that is what the signal has.
    #[n(7)]
    pub word: Words,
    /// How often it comes, by the device's registration or class.
    #[n(8)]
    pub interval: Option<Span>,
}

/// Words that are hardly ever there, and then take one word of memory: `Box<str>` alone takes two.
pub type Words = Option<Box<Box<str>>>;

/// A value fit to be shown as the latest.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LatestValue {
    /// The number.
    #[n(0)]
    pub number: Number,
    /// Which message of its device.
    #[n(1)]
    pub place: MessagePosition,
    /// When it was measured, corrected.
    #[n(2)]
    pub measured: Timestamp,
    /// When it arrived, by the shown clock.
    #[n(3)]
    pub received: Timestamp,
    /// When, in the gateway's own time.
    #[n(4)]
    pub rule_at: Timestamp,
}

/// The watches of a series: hardly ever any, so that none takes little room.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::box_collection, reason = "one word where there is nothing")]
pub struct Watches(Option<Box<Vec<Watch>>>);

/// Where a series stands to one rule.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Watch {
    /// Which.
    #[n(0)]
    pub rule: RuleId,
    /// The ordinary limit and the critical one.
    #[n(1)]
    pub tracks: [Track; 2],
    /// A run of late readings beyond each of the two: since when, and whether it was told.
    #[n(2)]
    pub late: [Option<(Timestamp, bool)>; 2],
}

/// Where a series stands to one limit.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Track {
    /// The reading that began it; `None` while inside.
    #[n(0)]
    pub began: Option<Box<Evidence>>,
    /// It has held for its delay.
    #[n(1)]
    pub active: bool,
    /// Back inside since.
    #[n(2)]
    pub inside_since: Option<Timestamp>,
}

/// A reading beyond a limit.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Evidence {
    /// The number.
    #[n(0)]
    pub number: Number,
    /// Which message.
    #[n(1)]
    pub cause: Cause,
    /// When it was measured, corrected.
    #[n(2)]
    pub measured: Timestamp,
    /// When a relay took it.
    #[n(3)]
    pub relay_at: Option<Timestamp>,
    /// When it arrived.
    #[n(4)]
    pub received: Timestamp,
    /// How far its time can be trusted.
    #[n(5)]
    pub quality: TimeQuality,
    /// Its rule time.
    #[n(6)]
    pub rule_at: Timestamp,
    /// The limit, in the unit sent.
    #[n(7)]
    pub limit: f64,
    /// Whose limit.
    #[n(8)]
    pub from: LimitFrom,
    /// The version of the patient's limits.
    #[n(9)]
    pub version: u64,
}

impl Evidence {
    /// A reading beyond `limit`.
    pub fn new(
        observation: &Observation,
        number: &Number,
        limit: f64,
        from: LimitFrom,
        version: u64,
    ) -> Self {
        let timing = &observation.timing;
        Self {
            number: number.clone(),
            cause: observation.cause.clone(),
            measured: timing.measured,
            relay_at: timing.relay_at,
            received: timing.received,
            quality: timing.quality,
            rule_at: timing.rule_at,
            limit,
            from,
            version,
        }
    }
}

impl Watch {
    /// The worse of the levels that have held for their delay.
    pub fn active_level(&self) -> Option<Level> {
        Level::ALL.into_iter().rev().find(|level| self.tracks[*level].active)
    }

    /// Whether a delay is running.
    pub fn is_pending(&self) -> bool {
        self.tracks.iter().any(|t| t.began.is_some() && !t.active)
    }

    /// Whether there is nothing to remember.
    pub fn is_idle(&self) -> bool {
        self.late == [None; 2] && self.tracks.iter().all(|t| t.began.is_none() && !t.active)
    }
}

impl Deref for Watches {
    type Target = [Watch];
    fn deref(&self) -> &[Watch] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl DerefMut for Watches {
    fn deref_mut(&mut self) -> &mut [Watch] {
        self.0.as_deref_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

impl Watches {
    /// Adds one.
    pub fn push(&mut self, watch: Watch) {
        self.0.get_or_insert_default().push(watch);
    }

    /// Keeps those for which `wanted` holds.
    pub fn retain(&mut self, wanted: impl FnMut(&Watch) -> bool) {
        if let Some(watches) = &mut self.0 {
            watches.retain(wanted);
            if watches.is_empty() {
                self.0 = None;
            }
        }
    }
}

impl<C> Encode<C> for Watches {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        self[..].encode(e, context)
    }
}

impl<'b, C> Decode<'b, C> for Watches {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let watches = Vec::decode(d, context)?;
        Ok(Self((!watches.is_empty()).then(|| Box::new(watches))))
    }
}

impl SourceState {
    /// The watch of a rule, made if there was none.
    pub fn watch(&mut self, rule: &LimitRule) -> &mut Watch {
        let known = self.watches.iter().position(|w| w.rule == rule.id);
        let place = known.unwrap_or_else(|| {
            let tracks = [Track::default(), Track::default()];
            self.watches.push(Watch { rule: rule.id.clone(), tracks, late: [None; 2] });
            self.watches.len() - 1
        });
        &mut self.watches[place]
    }

    /// The watch of a rule, if there is something to remember.
    pub fn known(&self, rule: &LimitRule) -> Option<&Watch> {
        self.watches.iter().find(|w| w.rule == rule.id)
    }

    /// Forgets a rule.
    pub fn forget(&mut self, rule: &RuleId) {
        self.watches.retain(|w| w.rule != *rule);
    }

    /// The reading measured then never was.
    pub fn withdraw(&mut self, measured: Timestamp) {
        if self.latest.as_ref().is_some_and(|l| l.measured == measured) {
            self.latest = None;
        }
        for track in self.watches.iter_mut().flat_map(|w| &mut w.tracks) {
            if !track.active && track.began.as_ref().is_some_and(|b| b.measured == measured) {
                *track = Track::default();
            }
        }
        self.tidy();
    }

    /// Forgets rules with nothing to remember.
    pub fn tidy(&mut self) {
        self.watches.retain(|w| !w.is_idle());
    }

    /// The silence tolerated before it is unknown: the rule's gap, though never less than two of
    /// the intervals it comes in.
    pub fn gap(&self, rule: &LimitRule) -> Span {
        let two = self.interval.map_or(Span::ZERO, |interval| interval + interval);
        rule.gap.max(two)
    }

    /// A live reading with a number was judged.
    pub fn judged(&mut self, observation: &Observation, now: Stamp) {
        self.arrival = Some(now.at);
        self.rule_at = self.rule_at.max(Some(observation.timing.rule_at));
    }
}
