//! Where a series stands to the limit that an open alarm tells of: what its text says of now and of the worst.

use minicbor::{Decode, Encode};

use crate::model::alarm::{Side, Trigger};
use crate::model::observation::{DeviceInstant, Number};
use crate::model::unit::Unit;

/// A number that was judged.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Seen {
    /// The number.
    #[n(0)]
    pub number: Number,
    /// When, by its device's clock.
    #[n(1)]
    pub sent: Option<DeviceInstant>,
}

/// Where a series stands to a limit, since the alarm was raised.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Crossing {
    /// The name of the emergency, where it has one.
    #[n(0)]
    pub name: Option<String>,
    /// The signal's words for people.
    #[n(1)]
    pub label: String,
    /// Beyond which side.
    #[n(2)]
    pub side: Side,
    /// The limit.
    #[n(3)]
    pub limit: f64,
    /// Its unit.
    #[n(4)]
    pub unit: Unit,
    /// The number of now.
    #[n(5)]
    pub now: Number,
    /// The worst number beyond.
    #[n(6)]
    pub worst: Seen,
}

impl Crossing {
    /// A number is the newest.
    pub fn see(&mut self, number: &Number) {
        self.now.clone_from(number);
    }

    /// A number lies beyond.
    pub fn reach(&mut self, seen: &Seen) {
        if seen.number.is_worse_than(&self.worst.number, self.side) {
            self.worst.clone_from(seen);
        }
    }

    /// The number of an instant does not count any more: what the alarm stands on does.
    pub(crate) fn take_back(&mut self, sent: DeviceInstant, stands_on: &Trigger) {
        if self.worst.sent != Some(sent) {
            return;
        }
        if let (Some(value), Some(unit)) = (stands_on.value, stands_on.unit) {
            let Trigger { comparator, .. } = *stands_on;
            let number = Number { value, unit, comparator, unit_doubtful: false };
            self.worst = Seen { number, sent: None };
        }
    }

    /// Whether the number of now lies beyond the limit.
    pub(crate) fn is_beyond(&self) -> bool {
        let limit = Number { value: self.limit, unit: self.unit, ..self.now.clone() };
        self.now == self.worst.number || self.now.is_worse_than(&limit, self.side)
    }
}
