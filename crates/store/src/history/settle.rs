//! What becomes of several copies of one reading, whatever order they came in.

use std::cmp::Ordering;

use crate::types::flag;
use vitalgate_domain::model::time::Timestamp;

/// A copy of a reading, as history keeps it.
pub trait ReadingCopy {
    /// Which reading of its series it is of, by corrected time and by how far its device's clock was ahead:
    /// what has one time by its device's clock has one corrected time.
    fn identity(&self) -> (Timestamp, i64);

    /// Bits of [`flag`].
    fn flags(&self) -> u16;

    /// Whether it says what `other` says.
    fn says_the_same(&self, other: &Self) -> bool;

    /// By identity, then by arrival.
    fn order(&self, other: &Self) -> Ordering;

    /// Whether it speaks about what else was said of its time.
    fn is_mark(&self) -> bool {
        self.flags() & (flag::CORRECTED | flag::ERROR) != 0
    }
}

/// Sorts by time and settles each reading for itself, whatever order the copies came in. Of one reading
/// is what has one corrected time and one time by the device's clock.
///
/// The newest copy that is corrected or entered in error stands alone for its reading. Without
/// one, an equal value is a duplicate, of which the first to arrive stays, and different values all
/// stay, in order of arrival. Settling parts and then their union gives the same as settling all.
pub fn settle<T: ReadingCopy>(copies: &mut Vec<T>) {
    copies.sort_unstable_by(T::order);
    let mut kept = 0;
    let mut next = 0;
    while next < copies.len() {
        let identity = copies[next].identity();
        let same = |copy: &&T| copy.identity() == identity;
        let end = next + copies[next..].iter().take_while(same).count();
        if let Some(mark) = (next..end).rfind(|place| copies[*place].is_mark()) {
            copies.swap(kept, mark);
            kept += 1;
        } else {
            let first = kept;
            for from in next..end {
                let (known, rest) = copies.split_at(kept);
                let copy = &rest[from - kept];
                if !known[first..].iter().any(|known| known.says_the_same(copy)) {
                    copies.swap(kept, from);
                    kept += 1;
                }
            }
        }
        next = end;
    }
    copies.truncate(kept);
}
