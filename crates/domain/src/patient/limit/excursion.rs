//! Past excursions beyond one limit, put together from readings that come in any order (contract §3, "Late").

use minicbor::{Decode, Encode};

use super::watch::Evidence;
use crate::model::alarm::Side;
use crate::model::observation::DeviceInstant;
use crate::model::time::{Span, Timestamp};
use crate::rules::Level;

/// Excursions remembered by limit: late readings come from a few gaps, the oldest are forgotten.
const REMEMBERED: usize = 8;

/// Beside a reading that is not beyond, where nobody knows of the next.
const NEXT: Span = Span::micros(1);

/// Stretches of time in which every known reading lies beyond, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Excursions(#[n(0)] Vec<Excursion>);

/// One of them. In the gateway's own time.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Excursion {
    /// The first reading beyond.
    #[n(0)]
    from: Timestamp,
    /// The last one.
    #[n(1)]
    to: Timestamp,
    /// The nearest reading before that is not beyond.
    #[n(2)]
    after: Option<Timestamp>,
    /// The nearest one thereafter.
    #[n(3)]
    before: Option<Timestamp>,
    /// Whether it was announced, and if so whether as critical.
    #[n(4)]
    told: Option<bool>,
    /// Its worst reading, until it is announced.
    #[n(5)]
    worst: Option<Box<Evidence>>,
    /// Whether it was noted as too old to be announced, and if so whether as critical.
    #[n(6)]
    noted: Option<bool>,
    /// It was announced as it happened: its alarm stood, whatever lay inside meanwhile.
    #[n(7)]
    #[cbor(default)]
    stood: bool,
    /// When all of it was measured, by its device's clock, where that stood still.
    #[n(8)]
    sent: Option<DeviceInstant>,
}

/// When values that are remembered lay inside a limit, and when beyond it.
#[derive(Debug, Default)]
pub(super) struct Sides {
    pub(super) inside: Vec<Timestamp>,
    pub(super) beyond: Vec<Timestamp>,
}

/// What becomes of an excursion that came late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It is announced.
    Told,
    /// It is too old: it is noted, and announced where it turns out to have gone on until later.
    Noted,
}

/// What was announced as it happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// The first reading beyond.
    pub(super) from: Timestamp,
    /// The last one.
    pub(super) to: Timestamp,
    /// The one before it, which was not.
    pub(super) after: Option<Timestamp>,
    /// The one thereafter.
    pub(super) before: Option<Timestamp>,
    /// When all of it was measured, by its device's clock, where that stood still.
    pub(super) sent: Option<DeviceInstant>,
}

impl Sides {
    /// Other values lay inside at these instants.
    pub(super) fn inside_as_well(&mut self, instants: impl Iterator<Item = Timestamp>) {
        self.inside.extend(instants.filter(|at| !self.beyond.contains(at)));
    }
}

impl Excursions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A late reading beyond: nobody knows that it was over between it and another late one but where it was inside,
    /// or where they lie further apart than is told, and what was told is another where it is further away than `gap`.
    pub(super) fn beyond(
        &mut self,
        reading: Box<Evidence>,
        side: Side,
        (gap, actionable): (Option<Span>, Span),
        known: &Sides,
    ) {
        let at = reading.rule_at;
        // Of values of one time the milder one parts nothing.
        let inside = known.inside.iter().filter(|inside| **inside != at);
        let part = |all: &mut Self| inside.clone().for_each(|at| all.inside(*at, &known.beyond));
        // What lies within the gap of what was told is of it, whichever came first.
        for told in self.0.extract_if(.., |one| one.told.is_some()).collect::<Vec<_>>() {
            self.join(told, side, (gap, actionable));
        }
        part(self);
        if gap.is_none() {
            // Between two single measurements inside nothing lay beyond, as far as is known.
            let beyond = |one: &Excursion| known.beyond.iter().any(|at| one.holds(*at));
            self.0.retain(|one| !one.is_between() || beyond(one));
        }
        let sent = reading.sent;
        let one = Excursion { sent, ..Excursion::new(at, at, None, Some(reading)) };
        self.join(one, side, (gap, actionable));
        part(self);
    }

    /// When readings beside them lay inside.
    pub(super) fn inside_at(&self) -> impl Iterator<Item = Timestamp> {
        self.0.iter().flat_map(Excursion::inside_at)
    }

    /// The excursion around an instant.
    pub(super) fn around(&self, at: Timestamp) -> Option<&Excursion> {
        self.0.iter().find(|one| one.holds(at))
    }

    /// An excursion that was announced as it happened.
    pub(super) fn announced(&mut self, told: Told, level: Level) {
        let Told { from, to, after, before, sent } = told;
        let told = Some(level == Level::Critical);
        let one = Excursion::new(from, to.max(from), told, None);
        let one = Excursion { after, before, stood: true, sent, ..one };
        // It has no worst reading, of which the side would matter.
        self.join(one, Side::Low, (Some(Span::ZERO), Span::ZERO));
    }

    /// Makes one of an excursion and those it meets.
    fn join(&mut self, mut one: Excursion, side: Side, (gap, actionable): (Option<Span>, Span)) {
        let between = |a: &Excursion, b: &Excursion| (a.from - b.to).max(b.from - a.to);
        // What was told, and is another, parts what lies on both its sides.
        let told = self.0.iter().filter(|known| known.told.is_some());
        let told = told.filter(|known| gap.is_some_and(|gap| between(known, &one) > gap));
        let told: Vec<(Timestamp, Timestamp)> = told.map(|known| (known.from, known.to)).collect();
        // So does what lay inside, beside whichever of those that lie between.
        let inside: Vec<[Timestamp; 3]> = (self.0.iter())
            .flat_map(|known| known.inside_at().map(|at| [known.from, at, known.to]))
            .collect();
        let reached = |known: &Excursion, one: &Excursion| {
            let (first, last) = if known.from < one.from { (known, one) } else { (one, known) };
            let parts = |[from, at, to]: &[Timestamp; 3]| {
                first.from <= *from && *to <= last.to && first.to < *at && *at < last.from
            };
            !told.iter().any(|(from, to)| first.to < *from && *to < last.from)
                && !inside.iter().any(parts)
        };
        // What is of something that was told is told: what lies further away is another.
        for told_first in [true, false] {
            let joined = self.0.extract_if(.., |known| {
                let parts = |a: &Excursion, b: &Excursion| {
                    a.after.is_some_and(|after| after > b.to)
                        || a.before.is_some_and(|before| before < b.from)
                };
                let parted = parts(known, &one) || parts(&one, known);
                // A single measurement that was told stands.
                let is_told = known.told.is_some() || one.told.is_some();
                let reaches = if is_told { gap } else { Some(actionable) };
                let near = reaches.is_none_or(|reaches| between(known, &one) <= reaches);
                known.told.is_some() == told_first && !parted && near && reached(known, &one)
            });
            for known in joined.collect::<Vec<_>>() {
                one.take_in(known, side);
            }
        }
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        let place = self.0.partition_point(|known| known.from < one.from);
        self.0.insert(place, one);
    }

    /// A reading that is not beyond, of this instant: none of its two sides belongs to the other. Each ends with the
    /// nearest that is known to lie `beyond`.
    pub(super) fn inside(&mut self, at: Timestamp, beyond: &[Timestamp]) {
        if self.is_empty() {
            return;
        }
        let mut later = Vec::new();
        for one in &mut self.0 {
            // Of values of one instant the milder one parts nothing.
            if at < one.from {
                one.after = one.after.max(Some(at));
            } else if at > one.to {
                one.before = Some(one.before.map_or(at, |before| before.min(at)));
            } else if at > one.from && at < one.to && !one.stood {
                let known = || beyond.iter().copied().filter(|known| one.holds(*known));
                let from = known().filter(|known| *known > at).min().unwrap_or(at + NEXT);
                let to = known().filter(|known| *known < at).max().unwrap_or(at - NEXT);
                later.push(Excursion { from, after: Some(at), ..one.clone() });
                (one.to, one.before) = (to, Some(at));
            }
        }
        self.0.extend(later);
        self.0.sort_by_key(|one| one.from);
        self.0.drain(..self.0.len().saturating_sub(REMEMBERED));
    }

    /// The reading of an instant counts no more, at this time for the rules; what was told of it was told of what takes
    /// its place, if that is beyond as well.
    pub(super) fn take_back(&mut self, (sent, at): (DeviceInstant, Timestamp), is_beyond: bool) {
        // Several readings may have the time of one arrival.
        let alone = |one: &Excursion| {
            one.sent == Some(sent) || (one.sent.is_none() && one.from == at && one.to == at)
        };
        self.0.retain(|one| !alone(one) || (is_beyond && one.told.is_some()));
        for one in &mut self.0 {
            // Whatever lies between its ends stays what it is.
            if !is_beyond && one.to == at {
                one.to = one.from;
            } else if !is_beyond && one.from == at {
                one.from = one.to;
            }
            one.after.take_if(|after| *after == at);
            one.before.take_if(|before| *before == at);
        }
    }

    /// Whether this was said of the excursion around an instant, at this level or a graver one.
    pub(super) fn is_said_at(&self, at: Timestamp, word: Word, level: Level) -> bool {
        self.0.iter().any(|one| one.holds(at) && one.is_said(word, level))
    }

    /// This is said of the excursion around an instant.
    pub(super) fn say_at(&mut self, at: Timestamp, word: Word, level: Level) {
        for one in self.0.iter_mut().filter(|one| one.holds(at)) {
            one.say(word, level);
        }
    }

    /// Keeps those that ended before an instant, without what was told where that was told in error.
    pub(super) fn end_before(&mut self, since: Timestamp, untold: bool) {
        self.0.retain(|one| one.to < since && !(untold && one.told.is_some()));
    }

    /// A value of this instant is contradicted: nobody knows that anything was over then.
    pub(super) fn parts_no_more(&mut self, at: Timestamp) {
        for one in &mut self.0 {
            one.after.take_if(|after| *after == at);
            one.before.take_if(|before| *before == at);
        }
    }

    /// Forgets what nobody would be told of any more; a single measurement that was told stands until another lies
    /// inside.
    pub(super) fn forget_before(&mut self, at: Timestamp, single: bool) {
        self.0.retain(|one| {
            let stands = single && one.told.is_some() && one.before.is_none();
            stands || one.before.unwrap_or(one.to) >= at
        });
    }
}

impl Excursion {
    fn new(
        from: Timestamp,
        to: Timestamp,
        told: Option<bool>,
        worst: Option<Box<Evidence>>,
    ) -> Self {
        Self {
            from,
            to,
            after: None,
            before: None,
            told,
            worst,
            noted: None,
            stood: false,
            sent: None,
        }
    }

    fn take_in(&mut self, other: Self, side: Side) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        // What lies between the two parts nothing, nor does the milder of two values of one instant.
        let (from, to) = (self.from, self.to);
        let nearest = |known: [Option<Timestamp>; 2]| known.into_iter().flatten();
        self.after = nearest([self.after, other.after]).filter(|after| *after < from).max();
        self.before = nearest([self.before, other.before]).filter(|before| *before > to).min();
        self.told = self.told.max(other.told);
        self.noted = self.noted.max(other.noted);
        self.stood |= other.stood;
        self.sent = self.sent.filter(|sent| other.sent == Some(*sent));
        self.worst = match (self.worst.take(), other.worst) {
            (Some(one), Some(known)) if known.number.is_worse_than(&one.number, side) => {
                Some(known)
            }
            // Of two that are as bad the first.
            (Some(one), Some(known))
                if !one.number.is_worse_than(&known.number, side)
                    && known.rule_at < one.rule_at =>
            {
                Some(known)
            }
            (one, known) => one.or(known),
        };
    }

    fn inside_at(&self) -> impl Iterator<Item = Timestamp> + use<> {
        [self.after, self.before].into_iter().flatten()
    }

    /// Whether it is only what lies between two readings inside.
    fn is_between(&self) -> bool {
        self.after.is_some_and(|after| after + NEXT == self.from)
            && self.before.is_some_and(|before| before - NEXT == self.to)
    }

    fn holds(&self, at: Timestamp) -> bool {
        (self.from..=self.to).contains(&at)
    }

    pub(super) fn lasts(&self) -> Span {
        self.to - self.from
    }

    /// Whether this was said of it, at this level or a graver one; what was announced needs no note.
    pub(super) fn is_said(&self, word: Word, level: Level) -> bool {
        let said = match word {
            Word::Told => self.told,
            Word::Noted => self.noted.max(self.told),
        };
        said.is_some_and(|critical| critical || level == Level::Warning)
    }

    /// Its worst reading of those not announced.
    pub(super) fn worst(&self) -> Option<&Evidence> {
        self.worst.as_deref()
    }

    fn say(&mut self, word: Word, level: Level) {
        let critical = Some(level == Level::Critical);
        match word {
            Word::Told => (self.told, self.worst) = (self.told.max(critical), None),
            Word::Noted => self.noted = self.noted.max(critical),
        }
    }
}
