//! Episodes that hold an alarm present: it ends with the last of them.

use minicbor::{Decode, Encode};

use super::{Book, Key};
use crate::model::time::Timestamp;

/// Episodes remembered for an alarm, which bounds what a device costs that never ends what it begins.
const ONGOING: usize = 256;

/// An episode of a device that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ongoing {
    /// The event.
    #[n(0)]
    pub name: String,
    /// The device's own number of it.
    #[n(1)]
    pub id: Option<String>,
    /// When it began, corrected.
    #[n(2)]
    pub began: Timestamp,
}

impl Book {
    /// An episode of the open alarm began. A device that numbers none of its episodes has at most one
    /// of each event.
    pub fn begin(&mut self, key: &Key, episode: Ongoing) {
        let Some(open) = self.open.get_mut(key) else { return };
        let same = |known: &Ongoing| known.name == episode.name && known.id == episode.id;
        if open.ongoing.len() < ONGOING && !open.ongoing.iter().any(same) {
            open.ongoing.push(episode);
        }
    }

    /// An episode ended at `at`; whether it was the last of the open alarm. An end without a number
    /// ends the episode of its event that began before.
    pub fn end(&mut self, key: &Key, name: &str, id: Option<&str>, at: Timestamp) -> bool {
        let Some(open) = self.open.get_mut(key) else { return false };
        let known = !open.ongoing.is_empty();
        open.ongoing.retain(|ongoing| {
            ongoing.name != name
                || ongoing.id.as_deref() != id
                || (id.is_none() && ongoing.began > at)
        });
        known && open.ongoing.is_empty()
    }
}
