//! What distinguishes the alarms of one key.

use std::cmp::Ordering;

use minicbor::{Decode, Encode};

use crate::model::cause::Cause;

/// What began the alarms of a key: keeps their ids apart, however late a cause comes again.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Causes {
    /// Of the last alarm.
    #[n(0)]
    last: Cause,
    /// The greatest of all.
    #[n(1)]
    newest: Cause,
    /// How many more alarms the newest made after its first.
    #[n(2)]
    again: u32,
    /// How many alarms lesser causes made after it.
    #[n(3)]
    older: u32,
}

/// Ordinals of causes older than one that came before them.
const OLDER: u32 = 1 << 16;

impl Causes {
    pub(super) fn first(cause: Cause) -> Self {
        Self { last: cause.clone(), newest: cause, again: 0, older: 0 }
    }

    /// Of the last alarm.
    pub(super) fn last(&self) -> &Cause {
        &self.last
    }

    /// The ordinal of the next alarm.
    pub(super) fn next(&mut self, cause: &Cause) -> u32 {
        self.last.clone_from(cause);
        match cause.cmp(&self.newest) {
            Ordering::Greater => {
                self.newest.clone_from(cause);
                self.again = 0;
                0
            }
            Ordering::Equal => {
                self.again += 1;
                self.again
            }
            Ordering::Less => {
                self.older += 1;
                OLDER + self.older
            }
        }
    }
}
