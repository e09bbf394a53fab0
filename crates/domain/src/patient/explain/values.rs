//! What is known last of a series, and what of it is in doubt.

use super::{NotJudged, State, View};
use crate::model::observation::{Number, Source};
use crate::model::time::{Span, Timestamp};
use crate::patient::{Doubt, SeriesState};
use crate::text;

/// The last value of which nothing was in doubt.
#[derive(Clone, Debug, PartialEq)]
pub struct LastJudged {
    /// The number.
    pub number: Number,
    /// When it was measured, corrected.
    pub measured_at: Timestamp,
}

/// A newer value that clears nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubtful {
    /// The number.
    pub number: Number,
    /// When it was measured, corrected.
    pub measured_at: Timestamp,
    /// What is in doubt.
    pub doubt: Doubt,
}

impl Doubt {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Time(_) => "time",
            Self::Unit => "unit",
            Self::Conflict => "conflict",
            Self::Bound => "bound",
            Self::Refused => "age_class",
        }
    }
}

impl SeriesState {
    /// The last value of which nothing was in doubt.
    pub(super) fn last_judged(&self) -> Option<LastJudged> {
        let latest = self.latest.as_ref()?;
        Some(LastJudged { number: latest.number.clone(), measured_at: latest.measured })
    }

    /// A newer one that clears nothing.
    pub(super) fn in_doubt(&self) -> Option<Doubtful> {
        let newest = self.newest()?;
        let doubt = newest.doubt?;
        Some(Doubtful { number: newest.number.clone(), measured_at: newest.measured, doubt })
    }
}

impl View<'_> {
    /// Where a series stands of which nothing lies beyond a limit: without a reading for longer than `gap`, if there is
    /// such, nobody knows.
    pub(super) fn at_rest(self, source: &Source, state: &SeriesState, gap: Option<Span>) -> State {
        let words = state.doubt.as_ref().map(ToString::to_string);
        let unknown = |why: String| {
            let since = state.latest.as_ref().map(|latest| latest.measured);
            State::Unknown { since, why }
        };
        if !self.is_bound(&source.device) {
            return unknown("source unbound".to_owned());
        }
        let silent = self.patient.why_silent(source, self.context, self.now.at);
        let stale = gap.and_then(|gap| state.latest_on(self.now, gap));
        if state.lost || silent.is_some() || stale.is_some_and(|latest| latest.stale) {
            let why = silent.or(words).unwrap_or_else(|| text::NO_DATA.to_owned());
            return unknown(why);
        }
        match (&state.latest, words) {
            (_, Some(why)) => State::NotJudged(NotJudged::Doubtful { why }),
            (None, None) => State::NotJudged(NotJudged::NeverHeard),
            (Some(_), None) => State::Watching,
        }
    }
}
