//! Devices nobody registered, where they are let in: so many and no more.

use std::collections::BTreeMap;

use crate::projection::view::Board;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Whoever was let in stands on the board by then, or has gone again.
const UNDER_WAY: Span = Span::mins(1);

/// How many there may be, and who was let in a moment ago.
#[derive(Debug)]
pub(super) struct Admissions {
    most: usize,
    under_way: BTreeMap<DeviceId, Timestamp>,
}

impl Admissions {
    pub(super) fn new(most: usize) -> Self {
        Self { most, under_way: BTreeMap::new() }
    }

    /// Whether `id`, which the board may not know, is let in.
    pub(super) fn admits(&mut self, board: &Board, id: &DeviceId, now: Timestamp) -> bool {
        if board.devices.contains_key(id) || self.under_way.contains_key(id) {
            return true;
        }
        let there = |id: &DeviceId, since: Timestamp| {
            board.devices.contains_key(id) || now - since > UNDER_WAY || since > now
        };
        self.under_way.retain(|id, since| !there(id, *since));
        if board.admitted + self.under_way.len() >= self.most {
            return false;
        }
        self.under_way.insert(id.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::testing::{board, device};

    #[test]
    fn no_more_are_let_in_than_may_be_however_fast_they_come() {
        let mut admissions = Admissions::new(3);
        let now = |second: i64| Timestamp::from_millis(1_795_000_000_000 + second * 1_000);
        let id = |name: &str| name.parse().unwrap();
        let mut known = board([device("registered", &[])]);
        known.admitted = 1;
        let admitted: Vec<bool> = ["a", "b", "a", "c", "registered"]
            .map(|name| admissions.admits(&known, &id(name), now(0)))
            .into();
        assert_eq!(admitted, [true, true, true, false, true]);
        assert!(!admissions.admits(&known, &id("c"), now(60)));
        assert!(admissions.admits(&known, &id("c"), now(61)), "the others went again");
    }
}
