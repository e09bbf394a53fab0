//! Where a score stands: since when it has reached what.

use minicbor::{Decode, Encode};

use super::inputs::Counted;
use crate::model::cause::Cause;
use crate::model::ids::RuleId;
use crate::model::time::Timestamp;
use crate::rules::ScoreRule;
use crate::rules::news2::{Band, Input, Sum};

/// Where a score stands, all in the gateway's own time.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ScoreState {
    #[n(0)]
    pub(super) rule: RuleId,
    /// By [`Input::place`].
    #[n(1)]
    pub(super) inputs: [Option<Counted>; Input::ALL.len()],
    #[n(2)]
    pub(super) band: Option<Band>,
    /// Since when it is in that band, or in none.
    #[n(3)]
    pub(super) since: Timestamp,
    /// Since when it has reached each band, or passed it, by [`Band::place`].
    #[n(4)]
    pub(super) reached: [Option<Timestamp>; Band::ALL.len()],
    /// Since when it has been complete and in no band.
    #[n(5)]
    pub(super) calm: Option<Timestamp>,
    /// The band that its open alarm told last, when it was raised, rose or was back.
    #[n(6)]
    pub(super) told: Option<Band>,
    /// What brought it into a band.
    #[n(7)]
    pub(super) cause: Option<Cause>,
}

impl ScoreState {
    pub(super) fn begun(rule: &RuleId, now: Timestamp) -> Self {
        Self {
            rule: rule.clone(),
            inputs: [None; Input::ALL.len()],
            band: None,
            since: now,
            reached: [None; Band::ALL.len()],
            calm: None,
            told: None,
            cause: None,
        }
    }

    /// It is what its inputs add up to now; `cause` is what brought it there.
    pub(super) fn take(
        &mut self,
        inputs: [Option<Counted>; Input::ALL.len()],
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Sum {
        let sum = Sum::of(&inputs.map(|counted| counted.map(|counted| counted.points)));
        self.inputs = inputs;
        if self.band != sum.band {
            (self.band, self.since) = (sum.band, now);
        }
        if sum.band.is_none() {
            self.cause = None;
        } else if self.cause.is_none() {
            self.cause = Some(cause.cloned().unwrap_or_else(|| Cause::noticed(None, now)));
        }
        for band in Band::ALL {
            let reached = &mut self.reached[band.place()];
            *reached = if sum.band >= Some(band) { reached.or(Some(now)) } else { None };
        }
        let calm = sum.complete && sum.band.is_none();
        self.calm = if calm { self.calm.or(Some(now)) } else { None };
        sum
    }

    /// What ran while nothing was taken in begins anew after it.
    pub(super) fn leave_out(&mut self, to: Timestamp) {
        let since = self.reached.iter_mut().chain([&mut self.calm]);
        since.for_each(|since| *since = since.map(|since| since.max(to)));
    }

    /// The gravest band that has held for the delay, and since when it has.
    pub(super) fn held(
        &self,
        rule: &ScoreRule,
        is_decided: impl Fn(Timestamp) -> bool,
    ) -> Option<Held> {
        let held = |band: &Band| {
            let since = self.reached[band.place()]?;
            is_decided(since + rule.delay).then_some((*band, since + rule.delay))
        };
        Band::ALL.iter().rev().find_map(held)
    }
}

/// A band, and when it had held for long enough.
pub(super) type Held = (Band, Timestamp);
