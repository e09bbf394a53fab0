//! Whether the disk has room for what devices send (docs/store.md).

use crate::inbox::SMALLEST_ON_DISK;
use vitalgate_store::Room;

/// What is left, as far as is known.
#[derive(Debug)]
pub(super) struct DiskRoom {
    room: Room,
    full: bool,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// From here on nothing of devices is taken in.
    Full,
    /// There is room again.
    RoomAgain,
}

impl DiskRoom {
    /// As the store finds it; where it `was_full` before a start it is until there is some to go on with.
    pub(super) fn new(room: Room, was_full: bool) -> Self {
        Self { room, full: was_full }
    }

    /// The store measured what is left.
    pub(super) fn measured(&mut self, left: u64) {
        self.room.left = left;
    }

    /// Whether nothing of devices is taken in.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether there is room for so much more, besides what was stepped and is not measured yet.
    pub(super) fn has(&self, bytes: u64, under_way: u64) -> bool {
        // Once it was full there must be some to go on with.
        let spare = if self.full { 2 * self.room.margin } else { self.room.margin };
        self.room.left >= spare.saturating_add(under_way).saturating_add(bytes)
    }

    /// What the next submission of a device changes, or, where there is none, that a small one would have no room.
    pub(super) fn turn(&mut self, next: Option<u64>) -> Option<Turn> {
        let has = self.has(next.unwrap_or(SMALLEST_ON_DISK), 0);
        match (self.full, has) {
            (false, false) => {
                self.full = true;
                Some(Turn::Full)
            }
            (true, true) => {
                self.full = false;
                Some(Turn::RoomAgain)
            }
            (false, true) | (true, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_before_the_margin_is_touched_and_has_room_again_only_with_some_to_spare() {
        let k = 1_000;
        let mut disk = DiskRoom::new(Room { left: 1_000 * k, margin: 100 * k }, false);
        assert_eq!(disk.turn(Some(900 * k)), None);
        assert!(disk.has(900 * k, 0) && !disk.has(900 * k, 1), "what is under way may take some");
        assert_eq!(disk.turn(Some(901 * k)), Some(Turn::Full));
        assert!(!disk.has(900 * k, 0), "now it takes more");
        assert_eq!(disk.turn(Some(901 * k)), None);
        disk.measured(1_101 * k);
        assert_eq!(disk.turn(Some(901 * k)), Some(Turn::RoomAgain));
    }

    #[test]
    fn a_full_disk_is_known_before_anybody_sends_something() {
        let (margin, smallest) = (100_000, SMALLEST_ON_DISK);
        let mut disk = DiskRoom::new(Room { left: margin + smallest, margin }, false);
        assert_eq!(disk.turn(None), None);
        disk.measured(margin + smallest - 1);
        assert_eq!(disk.turn(None), Some(Turn::Full));
        assert_eq!(disk.turn(Some(smallest)), None);
        disk.measured(2 * margin + smallest);
        assert_eq!(disk.turn(None), Some(Turn::RoomAgain), "whoever waited has gone");
    }

    #[test]
    fn what_was_full_before_a_start_is_until_there_is_room() {
        let (margin, smallest) = (100_000, SMALLEST_ON_DISK);
        let mut disk = DiskRoom::new(Room { left: margin, margin }, true);
        assert!(disk.is_full());
        assert_eq!(disk.turn(None), None, "nothing has changed");
        disk.measured(2 * margin + smallest);
        assert_eq!(disk.turn(None), Some(Turn::RoomAgain));
    }
}
