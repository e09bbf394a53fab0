//! How far a consumer has come in journal, words and transitions, and what the journal pruned before it.
//!
//! The field names are those of the JSON in `meta`.

use serde::{Deserialize, Serialize};

use crate::history::scan::ScanPosition;
use crate::journal::RowPosition;
use crate::types::SeriesKey;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};

/// What came later than this into rows the journal pruned is not looked for: a scan of everything
/// older would take hours.
pub const LATEST: Span = Span::days(31);
/// A device's clock may be ahead by so much and still be believed (contract §3).
pub const AHEAD: Span = Span::mins(10);

/// How far a consumer has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerCursor {
    /// Every row up to this one.
    pub row: u64,
    /// The shown time of that row.
    pub upto: Timestamp,
    /// Every transition up to this one.
    pub seq: u64,
    /// Every word up to the one with this number, which tells its row too.
    #[serde(default)]
    pub word: u64,
    /// What the journal pruned before the consumer had it.
    pub refill: Option<Refill>,
    /// What neither journal nor history held any more when the consumer came for it.
    #[serde(default)]
    pub lost: Option<Lost>,
}

/// Something that was measured in this range the consumer may never get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// From, included.
    pub from: Timestamp,
    /// To, included.
    pub to: Timestamp,
}

/// A range of rows that the journal holds no more, to be read from history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refill {
    /// The last row before it.
    pub after_row: u64,
    /// The shown time of that row.
    pub from: Timestamp,
    /// The stamp of the first row after it, shown or not: what is shown is never later than the
    /// stamp, and stamps never go back, so that no row of the range showed a later time.
    pub to: Timestamp,
    /// Where in the history it has come to.
    pub place: Option<SavedPosition>,
}

/// A [`ScanPosition`] as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPosition {
    device: DeviceId,
    signal: u32,
    instance: String,
    cursor: Option<String>,
}

impl From<ScanPosition> for SavedPosition {
    fn from(ScanPosition { series, cursor }: ScanPosition) -> Self {
        Self {
            device: series.device,
            signal: u32::from(series.signal.0),
            instance: series.instance.to_string(),
            cursor: cursor.map(|cursor| cursor.to_string()),
        }
    }
}

impl SavedPosition {
    /// Where to go on; the beginning of the series if the cursor in it cannot be read.
    pub fn position(&self) -> Option<ScanPosition> {
        let signal = SignalId(self.signal.try_into().ok()?);
        let instance = self.instance.as_str().into();
        let series = SeriesKey { device: self.device.clone(), signal, instance };
        let cursor = self.cursor.as_ref().and_then(|text| text.parse().ok());
        Some(ScanPosition { series, cursor })
    }
}

impl ConsumerCursor {
    /// The journal begins only at row `first`: what lies between is to be read from history.
    pub fn skip_to(&mut self, first: RowPosition) {
        if first.n <= self.row + 1 {
            return;
        }
        let (mut after_row, mut from, mut to) = (self.row, self.upto, first.stamp);
        if let Some(earlier) = &self.refill {
            after_row = after_row.min(earlier.after_row);
            from = from.min(earlier.from);
            to = to.max(earlier.to);
        }
        self.refill = Some(Refill { after_row, from, to, place: None });
        self.row = first.n - 1;
        self.upto = first.at;
    }

    /// The consumer has what history held of the range. What retention pruned until then, of any
    /// series up to `pruned_to`, may have been part of it.
    pub fn refilled(&mut self, pruned_to: Option<Timestamp>) {
        let Some(refill) = self.refill.take() else { return };
        let Some(pruned_to) = pruned_to.filter(|pruned_to| *pruned_to >= refill.from) else {
            return;
        };
        let (mut from, mut to) = (refill.from, pruned_to.min(refill.to + AHEAD));
        if let Some(earlier) = self.lost {
            from = from.min(earlier.from);
            to = to.max(earlier.to);
        }
        self.lost = Some(Lost { from, to });
    }

    /// Whether the consumer has what was measured in `[from, to)`, but for what came late. Where
    /// that is not sure it has not.
    pub fn covers(&self, from: Timestamp, to: Timestamp) -> bool {
        let is_apart = |first: Timestamp, last: Timestamp| to <= first || last < from;
        let refilled = |refill: &Refill| is_apart(refill.from - LATEST, refill.to + AHEAD);
        to + AHEAD <= self.upto
            && self.refill.as_ref().is_none_or(refilled)
            && self.lost.is_none_or(|lost| is_apart(lost.from, lost.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{sample, second};

    fn position(n: u64) -> RowPosition {
        let at = second(n);
        RowPosition { n, at, stamp: at }
    }

    #[test]
    fn after_the_clock_was_set_back_what_was_shown_before_is_still_within_the_range() {
        let mut cursor =
            ConsumerCursor { row: 10, upto: second(10), seq: 3, word: 0, refill: None, lost: None };
        // Rows 11 to 20 showed up to second 3620; then the clock went back by an hour.
        cursor.skip_to(RowPosition { n: 21, at: second(21), stamp: second(3_621) });
        assert_eq!((cursor.row, cursor.upto), (20, second(21)));
        assert_eq!(cursor.refill.map(|r| r.to), Some(second(3_621)));
    }

    #[test]
    fn what_the_journal_pruned_is_noted_and_grows_with_what_it_prunes_later() {
        let mut cursor =
            ConsumerCursor { row: 10, upto: second(10), seq: 3, word: 0, refill: None, lost: None };
        cursor.skip_to(position(11));
        assert_eq!(cursor.refill, None);
        cursor.skip_to(position(21));
        assert_eq!((cursor.row, cursor.upto), (20, second(21)));
        let refill = Refill { after_row: 10, from: second(10), to: second(21), place: None };
        assert_eq!(cursor.refill, Some(refill));
        cursor.skip_to(position(31));
        let refill = Refill { after_row: 10, from: second(10), to: second(31), place: None };
        assert_eq!(cursor.refill, Some(refill));
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<ConsumerCursor>(&text).unwrap(), cursor);
    }

    #[test]
    fn what_the_consumer_may_lack_never_counts_as_covered() {
        let (minute, mins) = (|n: i64| second(0) + Span::mins(n), Span::mins);
        let mut cursor = ConsumerCursor { row: 10, upto: minute(100), ..ConsumerCursor::default() };
        assert!(cursor.covers(minute(0), minute(90)));
        assert!(!cursor.covers(minute(0), minute(91)), "it is behind");
        cursor.skip_to(RowPosition { n: 21, at: minute(300), stamp: minute(300) });
        assert!(!cursor.covers(minute(0), minute(90)), "it came late, perhaps");
        assert!(!cursor.covers(minute(200), minute(201)), "only from history, and not yet");
        cursor.upto = minute(1_000);
        assert!(cursor.covers(minute(300) + mins(11), minute(400)));
        let mut whole = cursor.clone();
        whole.refilled(Some(minute(99)));
        assert!(whole.lost.is_none() && whole.covers(minute(0), minute(400)));
        // Retention was faster.
        cursor.refilled(Some(minute(200)));
        assert_eq!(cursor.refill, None);
        assert!(cursor.covers(minute(0), minute(100)));
        assert!(!cursor.covers(minute(0), minute(101)));
        assert!(!cursor.covers(minute(200), minute(400)));
        assert!(cursor.covers(minute(201), minute(400)));
        cursor.skip_to(RowPosition { n: 2_000, at: minute(2_000), stamp: minute(2_000) });
        cursor.refilled(Some(minute(5_000)));
        let lost = Lost { from: minute(100), to: minute(2_000) + AHEAD };
        assert_eq!(cursor.lost, Some(lost), "it grows");
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<ConsumerCursor>(&text).unwrap(), cursor);
    }

    #[test]
    fn a_position_comes_back_as_it_was_saved() {
        let series = SeriesKey { instance: "lead II".into(), ..sample(second(1), 1.0).series };
        let position = ScanPosition { series, cursor: Some("17.3".parse().unwrap()) };
        let saved = serde_json::to_string(&SavedPosition::from(position.clone())).unwrap();
        let saved: SavedPosition = serde_json::from_str(&saved).unwrap();
        assert_eq!(saved.position(), Some(position));
    }
}
