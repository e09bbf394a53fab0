//! Where a series stands to each limit rule.

use std::ops::{Deref, DerefMut};

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::excursion::{Excursions, Told};
use crate::model::alarm::{LimitFrom, Priority, Side, TimeQuality};
use crate::model::cause::Cause;
use crate::model::crossing::Seen;
use crate::model::ids::RuleId;
use crate::model::observation::{DeviceInstant, Number, Observation};
use crate::model::time::{Span, Timestamp};
use crate::patient::RuleContext;
use crate::patient::judgement::Wanted;
use crate::rules::{Level, LimitRule, Rule};

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
    /// Past excursions beyond each of the two, as far as late readings may still add to them.
    #[n(3)]
    #[cbor(default)]
    pub past: [Excursions; 2],
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
    /// The last reading beyond, in rule time.
    #[n(3)]
    pub last: Option<Timestamp>,
    /// The one before it began, or began again after a gap, which was not.
    #[n(4)]
    pub after: Option<Timestamp>,
    /// While its delay runs, another reading beyond: it began with that one, should the first be taken back.
    #[n(5)]
    pub next: Option<Box<Evidence>>,
    /// When the reading that began it arrived, in the gateway's own time.
    #[n(6)]
    pub arrived: Option<Timestamp>,
    /// The worst reading beyond, if it is not the one that began it.
    #[n(7)]
    pub worst: Option<Box<Seen>>,
    /// The first reading beyond since the last gap, in rule time; what was before is told of by itself.
    #[n(8)]
    pub since: Option<Timestamp>,
    /// The first certain reading since the last one beyond that was not, in rule time.
    #[n(9)]
    pub over: Option<Timestamp>,
    /// The delay that the newest reading ended: it runs on where that is corrected to lie beyond.
    #[n(10)]
    pub ended: Option<Box<Ended>>,
    /// The last reading beyond, by its device's clock.
    #[n(11)]
    pub last_sent: Option<DeviceInstant>,
    /// Those beyond after `next`, the first of them.
    #[n(12)]
    #[cbor(default)]
    pub then: Vec<Evidence>,
}

/// While a delay runs so many readings are known with which it may have begun, should those before be taken back.
const BEGINNINGS: usize = 16;

/// A delay that ran until a reading that lies inside.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Ended {
    /// The track as it was.
    #[n(0)]
    pub track: Track,
    /// When, by its device's clock, the reading was measured that ended it.
    #[n(1)]
    pub by: DeviceInstant,
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
    /// When, by its device's clock.
    #[n(10)]
    pub sent: Option<DeviceInstant>,
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
            sent: observation.sent,
        }
    }
}

impl Evidence {
    /// Whether it was measured after another reading; what is stamped ahead, when it came.
    pub(super) fn is_after(&self, measured: Timestamp) -> bool {
        measured < self.measured.min(self.received)
    }
}

impl Watch {
    /// The worse of the levels that have held for their delay.
    pub fn active_level(&self) -> Option<Level> {
        Level::ALL.into_iter().rev().find(|level| self.tracks[*level].active)
    }

    /// The worst readings beyond its limits, if others than those that began it.
    pub(super) fn worst(&self) -> impl Iterator<Item = &Seen> {
        self.tracks.iter().filter_map(|track| track.worst.as_deref())
    }

    /// The worse of the levels that the newest reading beyond any of them lies beyond.
    pub(super) fn newest_level(&self) -> Option<Level> {
        let last = |level: &Level| self.tracks[*level].began.as_ref().and(self.tracks[*level].last);
        Level::ALL.into_iter().filter(|level| last(level).is_some()).max_by_key(last)
    }

    /// Whether a delay is running.
    pub fn is_pending(&self) -> bool {
        self.tracks.iter().any(|track| track.pending().is_some())
    }

    /// Whether there is nothing to remember.
    pub fn is_idle(&self) -> bool {
        self.past.iter().all(Excursions::is_empty)
            && self.is_at_rest()
            && self.tracks.iter().all(|track| track.ended.is_none())
    }

    /// Whether nothing lies beyond a limit, nor did until a moment ago.
    pub(in crate::patient) fn is_at_rest(&self) -> bool {
        self.tracks.iter().all(|track| track.began.is_none() && !track.active)
    }

    /// Whether it is beyond its critical limit, and the newest reading is not.
    pub(super) fn waits_for_a_second(&self) -> bool {
        let critical = &self.tracks[Level::Critical];
        critical.active && critical.inside_since.is_some()
    }

    /// Notes for readings that come late what a reading in time says of a limit: an announced excursion that was until
    /// then, and where nothing was beyond.
    pub(super) fn note_past(
        &mut self,
        rule: &LimitRule,
        level: Level,
        over: Option<Told>,
        (inside, observation): (bool, &Observation),
    ) {
        let at = observation.timing.rule_at;
        self.note_told(level, over);
        let past = &mut self.past[level];
        if inside {
            past.inside(at, &[]);
            past.forget_before(at - rule.actionable, rule.spot);
        }
    }

    /// Notes for readings that come late what was told of as it happened, and is no more.
    pub(super) fn note_told(&mut self, level: Level, told: Option<Told>) {
        let Some(told) = told else { return };
        self.past[level].announced(told, level);
        if level == Level::Critical {
            // It was beyond the ordinary limit as well; what lay beside it may have been.
            let told = Told { after: None, before: None, ..told };
            self.past[Level::Warning].announced(told, level);
        }
    }

    /// Whether what is told as it happens, as this or as graver, reaches as near to an instant as `gap`.
    pub(super) fn is_told_near(&self, level: Level, at: Timestamp, gap: Span) -> bool {
        let graver = Level::ALL.into_iter().filter(|graver| *graver >= level);
        let mut told = graver.filter_map(|graver| self.tracks[graver].told());
        told.any(|told| told.from - at <= gap && at - told.to <= gap)
    }

    /// What came of this instant is contradicted: it parts nothing any more.
    pub(in crate::patient) fn parts_no_more(&mut self, at: Timestamp) {
        self.past.iter_mut().for_each(|past| past.parts_no_more(at));
        for track in &mut self.tracks {
            track.after.take_if(|after| *after == at);
            track.over.take_if(|over| *over == at);
        }
    }

    /// What is critical needs no other measurement to confirm that it is beyond the ordinary limit.
    pub(super) fn confirm_by_critical(&mut self, rule: &LimitRule) {
        let [warning, critical] = &mut self.tracks;
        warning.active |= rule.spot && critical.active && warning.began.is_some();
    }
}

impl Track {
    /// A reading lies beyond.
    pub(super) fn beyond(began: Box<Evidence>) -> Self {
        let (last, last_sent) = (Some(began.rule_at), began.sent);
        Self { began: Some(began), last, last_sent, ..Self::default() }
    }

    /// Another reading lies beyond.
    pub(super) fn see(&mut self, number: &Number, sent: Option<DeviceInstant>, side: Side) {
        let worst = self.worst.as_deref().map(|worst| &worst.number);
        let worst = worst.or(self.began.as_deref().map(|began| &began.number));
        if worst.is_some_and(|worst| number.is_worse_than(worst, side)) {
            self.worst = Some(Box::new(Seen { number: number.clone(), sent }));
        }
    }

    /// What is known of when it lay beyond, if that was announced.
    pub(super) fn told(&self) -> Option<Told> {
        let first = self.began.as_deref().filter(|_| self.active)?;
        let began = first.rule_at;
        let (from, to) = (self.since.unwrap_or(began), self.last.unwrap_or(began));
        let sent = first.sent.filter(|sent| self.last_sent == Some(*sent));
        // What was measured later and came first lies beside nothing.
        let after = self.after.filter(|after| *after < from);
        Some(Told { from, to, after, before: self.over, sent })
    }

    /// A reading that lies inside ends what is pending.
    pub(super) fn end_pending(&mut self, by: Option<DeviceInstant>) {
        let mut track = std::mem::take(self);
        track.ended = None;
        let ended = by.filter(|_| track.began.is_some()).map(|by| Ended { track, by });
        self.ended = ended.map(Box::new);
    }

    /// The reading that ended it is corrected to lie beyond.
    pub(super) fn go_on_from(&mut self, corrected: Option<DeviceInstant>) {
        let ended = self.ended.take_if(|ended| Some(ended.by) == corrected);
        if let Some(ended) = ended.filter(|_| self.began.is_none()) {
            *self = ended.track;
        }
    }

    /// Another reading lies beyond while the delay runs.
    pub(super) fn may_begin_with(&mut self, evidence: impl FnOnce() -> Box<Evidence>) {
        if self.next.is_none() {
            self.next = Some(evidence());
        } else if self.then.len() + 2 < BEGINNINGS {
            self.then.push(*evidence());
        }
    }

    /// It has held for its delay: with which reading it began is settled.
    pub(super) fn settle_beginning(&mut self) {
        (self.next, self.then) = (None, Vec::new());
    }

    /// The reading of this instant counts no more: with which of those after it the delay begins, if with any.
    fn begin_without(&mut self, sent: Option<DeviceInstant>) {
        self.then.retain(|one| one.sent != sent);
        self.next.take_if(|next| next.sent == sent);
        if self.next.is_none() && !self.then.is_empty() {
            self.next = Some(Box::new(self.then.remove(0)));
        }
        if self.pending().is_some_and(|began| began.sent == sent) {
            self.began = self.next.take();
            if self.began.is_none() {
                *self = Self::default();
            } else if !self.then.is_empty() {
                self.next = Some(Box::new(self.then.remove(0)));
            }
        }
    }

    /// The reading that began a delay which is still running.
    pub(in crate::patient) fn pending(&self) -> Option<&Evidence> {
        self.began.as_deref().filter(|_| !self.active)
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
    fn push(&mut self, watch: Watch) {
        self.0.get_or_insert_default().push(watch);
    }

    /// The watch of a rule, if there is something to remember.
    pub fn of(&self, rule: &LimitRule) -> Option<&Watch> {
        self.iter().find(|watch| watch.rule == rule.id)
    }

    /// The watch of a rule, made if there was none.
    pub(super) fn of_mut(&mut self, rule: &LimitRule) -> &mut Watch {
        let known = self.iter().position(|watch| watch.rule == rule.id);
        let index = known.unwrap_or_else(|| {
            let tracks = [Track::default(), Track::default()];
            let past = [Excursions::default(), Excursions::default()];
            self.push(Watch { rule: rule.id.clone(), tracks, past });
            self.len() - 1
        });
        &mut self[index]
    }

    /// The series is lost: no delay runs on. The gravest that ran, with its priority.
    pub(super) fn lose(&mut self, context: RuleContext<'_>) -> Option<(Priority, Box<Evidence>)> {
        let mut gravest: Option<((Priority, usize), Box<Evidence>)> = None;
        for watch in self.iter_mut() {
            let Some(rule) = context.rules.get(&watch.rule).and_then(Rule::as_limit) else {
                continue;
            };
            // What is graver is told already.
            let told = watch.active_level().is_some();
            for level in Level::ALL {
                let track = &mut watch.tracks[level];
                (track.inside_since, track.ended) = (None, None);
                if !track.active
                    && let Some(began) = std::mem::take(track).began
                    && !told
                {
                    // Of two as grave the one from which more follows.
                    let rank = (rule.priority(level), rule.folds.len());
                    if gravest.as_ref().is_none_or(|(worst, _)| *worst < rank) {
                        gravest = Some((rank, began));
                    }
                }
            }
        }
        self.tidy();
        gravest.map(|((priority, _), began)| (priority, began))
    }

    /// The reading of this instant was entered in error: the delay it began does not run.
    pub(super) fn withdraw(&mut self, sent: Option<DeviceInstant>) {
        for track in self.iter_mut().flat_map(|watch| &mut watch.tracks) {
            track.worst.take_if(|worst| worst.sent == sent);
            track.begin_without(sent);
        }
        self.tidy();
    }

    /// What lies inside does so from the next reading on.
    pub(super) fn begin_clearing_anew(&mut self, rule: &LimitRule) {
        let watch = self.iter_mut().find(|watch| watch.rule == rule.id);
        for track in watch.into_iter().flat_map(|watch| &mut watch.tracks) {
            track.inside_since = None;
        }
    }

    /// Keeps past excursions that ended before an instant: what was since is another's, and what `retracted` rules
    /// told was told in error.
    pub(in crate::patient) fn end_before(&mut self, since: Timestamp, retracted: Wanted<'_>) {
        for watch in self.iter_mut() {
            watch.tracks = Default::default();
            let untold = retracted(&watch.rule);
            watch.past.iter_mut().for_each(|past| past.end_before(since, untold));
        }
        self.tidy();
    }

    /// Keeps what holds, and nothing else: its device was unbound.
    pub(in crate::patient) fn leave(&mut self) {
        for watch in self.iter_mut() {
            for level in Level::ALL {
                // What lay inside since parts what was told from what may come late.
                let told = watch.tracks[level].told().filter(|told| told.before.is_some());
                watch.note_told(level, told);
            }
        }
        for track in self.iter_mut().flat_map(|watch| &mut watch.tracks) {
            track.inside_since = None;
            if !track.active {
                *track = Track::default();
            }
        }
        self.retain(|watch| !watch.is_idle());
    }

    /// Forgets how the series stands to some rules; of what was told late readings must know.
    pub(super) fn begin_anew(&mut self, wanted: Wanted<'_>) {
        for watch in self.iter_mut().filter(|watch| wanted(&watch.rule)) {
            let [warning, critical] = std::mem::take(&mut watch.tracks);
            for (level, track) in [(Level::Warning, warning), (Level::Critical, critical)] {
                watch.note_told(level, track.told());
            }
        }
        self.tidy();
    }

    /// Forgets what is told by some rules, which was told in error; a delay that runs is told of by nothing.
    pub(super) fn forget(&mut self, wanted: Wanted<'_>) {
        for watch in self.iter_mut().filter(|watch| wanted(&watch.rule)) {
            for track in watch.tracks.iter_mut().filter(|track| track.active) {
                *track = Track::default();
            }
        }
        self.tidy();
    }

    /// Forgets rules with nothing to remember.
    pub(super) fn tidy(&mut self) {
        self.retain(|watch| !watch.is_idle());
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
