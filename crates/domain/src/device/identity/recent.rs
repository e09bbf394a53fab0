//! The readings of a series that came last, and the newest of their times: what is newer than that came not before,
//! which is then known without looking at any of them.

use std::collections::VecDeque;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::Seen;
use crate::model::observation::DeviceInstant;
use crate::model::time::Timestamp;

/// Device times remembered by series, to know a reading that comes again.
const REMEMBERED: usize = 16;

/// The readings that came last, oldest first; on disk a list of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recent {
    seen: VecDeque<Seen>,
    /// The newest time among them.
    newest: Option<Timestamp>,
}

impl Recent {
    fn of(seen: VecDeque<Seen>) -> Self {
        Self { newest: seen.iter().map(|seen| seen.at).max(), seen }
    }

    /// Those of an instant, oldest first.
    pub(super) fn of_instant(&self, sent: DeviceInstant) -> impl Iterator<Item = &Seen> + Clone {
        let may_be_known = self.newest.is_some_and(|newest| sent.at <= newest);
        let seen = may_be_known.then(|| self.seen.iter()).into_iter().flatten();
        seen.filter(move |seen| seen.instant() == sent)
    }

    /// The same, to be changed; their times stay.
    pub(super) fn of_instant_mut(
        &mut self,
        sent: DeviceInstant,
    ) -> impl Iterator<Item = &mut Seen> {
        let may_be_known = self.newest.is_some_and(|newest| sent.at <= newest);
        let seen = may_be_known.then(|| self.seen.iter_mut()).into_iter().flatten();
        seen.filter(move |seen| seen.instant() == sent)
    }

    /// Reads something of the oldest, in whose place the next will stand.
    pub(super) fn glance(&self) -> usize {
        self.seen.front().map_or(0, |seen| seen.value as usize ^ usize::from(seen.flags))
    }

    /// Another reading came.
    pub(super) fn push(&mut self, seen: Seen) {
        if self.seen.len() == REMEMBERED
            && let Some(forgotten) = self.seen.pop_front()
            && Some(forgotten.at) == self.newest
        {
            *self = Self::of(std::mem::take(&mut self.seen));
        }
        self.newest = self.newest.max(Some(seen.at));
        self.seen.push_back(seen);
    }
}

impl<C> Encode<C> for Recent {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        self.seen.encode(e, context)
    }
}

impl<'b, C> Decode<'b, C> for Recent {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        VecDeque::decode(d, context).map(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Times come in any order, so that the newest is forgotten before older ones.
        #[test]
        fn nothing_that_is_remembered_is_overlooked(
            times in prop::collection::vec((0_i64..24, 0_u64..2), 0..80),
        ) {
            let mut recent = Recent::default();
            for (n, (at, timeline)) in times.iter().enumerate() {
                let instant = DeviceInstant { at: Timestamp::from_millis(*at), timeline: *timeline };
                recent.push(Seen::new(instant, n as u64));
                for at in 0..24 {
                    for timeline in 0..2 {
                        let sent = DeviceInstant { at: Timestamp::from_millis(at), timeline };
                        let known = recent.of_instant(sent).map(|seen| seen.value).collect::<Vec<_>>();
                        let all = recent.seen.iter().filter(|seen| seen.instant() == sent);
                        prop_assert_eq!(&known, &all.map(|seen| seen.value).collect::<Vec<_>>());
                    }
                }
                let bytes = minicbor::to_vec(&recent).unwrap();
                prop_assert_eq!(&bytes, &minicbor::to_vec(&recent.seen).unwrap());
                prop_assert_eq!(&minicbor::decode::<Recent>(&bytes).unwrap(), &recent);
            }
        }
    }
}
