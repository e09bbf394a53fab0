//! Which readings of a series came before (contract §2, "Same reading").

mod recent;

use minicbor::{Decode, Encode};

use self::recent::Recent;
use crate::model::observation::DeviceInstant;
use crate::model::sample::flag;
use crate::model::time::{Span, Stamp, Timestamp};

/// One series of a device.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Series {
    /// Rule time of the newest reading judged live and certain.
    #[n(0)]
    pub(super) newest: Option<Timestamp>,
    #[n(1)]
    recent: Recent,
    /// Rule time of the last reading that another one of the same time contradicts.
    #[n(2)]
    conflict: Option<Timestamp>,
    /// When the last of those arrived that are kept at their arrival, in the gateway's own time.
    #[n(3)]
    #[cbor(default)]
    at_arrival: Option<Timestamp>,
    /// When the newest was measured, by its device's clock.
    #[n(4)]
    #[cbor(default)]
    newest_sent: Option<DeviceInstant>,
}

/// A reading that came.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub(super) struct Seen {
    #[n(0)]
    at: Timestamp,
    #[n(1)]
    timeline: u64,
    /// Its value's fingerprint.
    #[n(2)]
    value: u64,
    /// When it was measured, as it was corrected the first time: the clock's offset may move since.
    #[n(3)]
    #[cbor(default)]
    pub(super) measured: Option<Timestamp>,
    /// When the first copy arrived, in the gateway's own time.
    #[n(4)]
    #[cbor(default)]
    pub(super) arrived: Option<Timestamp>,
    /// No copy of it was fit to be judged so far.
    #[n(5)]
    #[cbor(default)]
    pub(super) unjudged: bool,
    /// The flags it is stored with.
    #[n(6)]
    #[cbor(default)]
    pub(super) flags: u16,
    /// Its device withdrew or corrected it: a copy of it is one, and another value contradicts nothing.
    #[n(7)]
    #[cbor(default)]
    pub(super) withdrawn: bool,
    /// Its time for the rules, which no later stamp of the clock moves.
    #[n(8)]
    #[cbor(default)]
    pub(super) rule_at: Option<Timestamp>,
}

/// What came before of the time of a reading.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// The same value.
    Same(Seen),
    /// Another value, judged or not.
    Other(Seen),
}

impl Before {
    pub(super) fn seen(self) -> Option<Seen> {
        match self {
            Self::Nothing => None,
            Self::Same(seen) | Self::Other(seen) => Some(seen),
        }
    }
}

impl Series {
    /// Reads something of where the next reading will be noted.
    pub(super) fn glance(&self) -> usize {
        self.recent.glance()
    }

    /// Whether anything is known of this instant.
    pub(super) fn knows(&self, sent: DeviceInstant) -> bool {
        self.recent.of_instant(sent).next().is_some()
    }

    /// What came before of the instant of a reading; of several other values, one that was judged.
    pub(super) fn before(&self, sent: DeviceInstant, value: u64) -> Before {
        let of_instant = self.recent.of_instant(sent);
        if let Some(same) = of_instant.clone().find(|seen| seen.value == value) {
            return Before::Same(*same);
        }
        let mut stand = of_instant.filter(|seen| !seen.withdrawn);
        let judged = stand.clone().find(|seen| !seen.unjudged);
        judged.or_else(|| stand.next()).map_or(Before::Nothing, |seen| Before::Other(*seen))
    }

    /// The same before a correction: to one of several values it takes the place of the others.
    pub(super) fn before_correction(&self, sent: DeviceInstant, value: u64) -> Before {
        let before = self.before(sent, value);
        let Before::Same(same) = before else { return before };
        let other = self.recent.of_instant(sent).copied().find(|seen| {
            let counts = !seen.withdrawn && (!seen.unjudged || same.unjudged);
            seen.value != value && counts
        });
        other.map_or(before, Before::Other)
    }

    /// Notes a reading of an instant, or that a copy of it was judged.
    pub(super) fn note(&mut self, sent: DeviceInstant, value: u64, seen: Copied) {
        let Copied { measured, rule_at, arrived, judged, flags } = seen;
        if let Some(seen) = self.recent.of_instant_mut(sent).find(|seen| seen.value == value) {
            seen.unjudged &= !judged;
            // A copy that was not judged does not show that it is of now.
            seen.flags = if judged { flags } else { flags | (seen.flags & flag::LATE) };
            if std::mem::take(&mut seen.withdrawn) {
                // What came before does not count, not even for its time.
                let (measured, rule_at, arrived) = (Some(measured), Some(rule_at), Some(arrived));
                (seen.measured, seen.rule_at, seen.arrived) = (measured, rule_at, arrived);
            }
            return;
        }
        self.recent.push(Seen {
            measured: Some(measured),
            rule_at: Some(rule_at),
            arrived: Some(arrived),
            unjudged: !judged,
            flags,
            ..Seen::new(sent, value)
        });
    }

    /// When a reading is kept that has no time but its arrival: what arrives together is a microsecond apart, in
    /// the order in which it is judged, so that no two readings share a time that is of neither.
    pub(super) fn kept_at_arrival(&mut self, now: Stamp) -> Timestamp {
        let after = self.at_arrival.map_or(now.at, |last| now.at.max(last + Span::micros(1)));
        self.at_arrival = Some(after);
        now.shown(after)
    }

    /// What came of an instant is corrected, or was withdrawn, and this value with it, even where it comes later.
    pub(super) fn withdraw(&mut self, sent: DeviceInstant, value: Option<u64>) {
        let known = |value: &u64| self.recent.of_instant(sent).any(|seen| seen.value == *value);
        if let Some(value) = value.filter(|value| !known(value)) {
            self.recent.push(Seen::new(sent, value));
        }
        for seen in self.recent.of_instant_mut(sent) {
            (seen.withdrawn, seen.unjudged) = (true, false);
        }
    }

    /// What came of an instant is right: no other value of it counts but another correction.
    pub(super) fn confirm(&mut self, sent: DeviceInstant, value: u64) {
        if let Some(seen) = self.recent.of_instant_mut(sent).find(|seen| seen.value == value) {
            seen.flags |= flag::CORRECTED;
            // What was withdrawn was right after all; no copy of it was judged.
            seen.unjudged |= std::mem::take(&mut seen.withdrawn);
        }
    }

    /// Whether another value of this instant was judged, and still counts.
    pub(super) fn is_contradicted(&self, sent: DeviceInstant, value: u64) -> bool {
        let mut of_instant = self.recent.of_instant(sent);
        of_instant.any(|seen| seen.value != value && !seen.withdrawn && !seen.unjudged)
    }

    /// What came first of this instant and still counts.
    pub(super) fn first_of(&self, sent: DeviceInstant) -> Option<Seen> {
        self.recent.of_instant(sent).find(|seen| !seen.withdrawn).copied()
    }

    /// What was withdrawn of this instant, the last of it.
    pub(super) fn withdrawn(&self, sent: DeviceInstant) -> Option<Seen> {
        let gone = self.recent.of_instant(sent).filter(|seen| seen.withdrawn);
        gone.max_by_key(|seen| seen.arrived).copied()
    }

    /// A reading was judged live and certain.
    pub(super) fn judged(&mut self, rule_at: Timestamp, sent: Option<DeviceInstant>) {
        if self.newest.is_none_or(|newest| newest <= rule_at) {
            (self.newest, self.newest_sent) = (Some(rule_at), sent);
        }
    }

    /// Whether a value of this instant is, or was, the newest that was judged live and certain.
    pub(super) fn is_newest(&self, sent: DeviceInstant) -> bool {
        let mut of_instant = self.recent.of_instant(sent);
        self.newest.is_some()
            && (self.newest_sent == Some(sent)
                || of_instant.any(|seen| seen.rule_at == self.newest))
    }

    /// Whether what is known of this instant is a correction: nothing but another one takes its place.
    pub(super) fn is_corrected(&self, sent: DeviceInstant) -> bool {
        let mut stand = self.recent.of_instant(sent).filter(|seen| !seen.withdrawn);
        stand.any(|seen| seen.flags & flag::CORRECTED != 0)
    }

    /// Another value of the same time came at `rule_at`.
    pub(super) fn contradict(&mut self, rule_at: Timestamp) {
        self.conflict = self.conflict.max(Some(rule_at));
    }

    /// Whether values contradicted each other less than `window` before `rule_at`.
    pub(super) fn is_in_conflict(&self, rule_at: Timestamp, window: Span) -> bool {
        self.conflict.is_some_and(|conflict| rule_at - conflict < window)
    }
}

/// How a copy of a reading was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    pub(super) measured: Timestamp,
    pub(super) rule_at: Timestamp,
    pub(super) arrived: Timestamp,
    pub(super) judged: bool,
    pub(super) flags: u16,
}

impl Seen {
    fn new(sent: DeviceInstant, value: u64) -> Self {
        Self {
            at: sent.at,
            timeline: sent.timeline,
            value,
            measured: None,
            arrived: None,
            unjudged: false,
            flags: 0,
            withdrawn: false,
            rule_at: None,
        }
    }

    fn instant(&self) -> DeviceInstant {
        DeviceInstant { at: self.at, timeline: self.timeline }
    }
}
