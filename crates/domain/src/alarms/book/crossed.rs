//! What the text of an alarm says of its series: it moves with transitions, and makes none.

use super::{Book, Key, Open};
use crate::model::crossing::Seen;
use crate::model::observation::{DeviceInstant, Number, Source};
use crate::text;

impl Book {
    /// A series whose alarm is open was judged: its newest number, and the worst beyond.
    pub fn see<'a>(&mut self, key: &Key, now: &Number, worst: impl Iterator<Item = &'a Seen>) {
        let crossing = self.open.get_mut(key).and_then(|open| open.crossing.as_mut());
        if let Some(crossing) = crossing {
            crossing.see(now);
            worst.for_each(|seen| crossing.reach(seen));
        }
    }

    /// The reading of a series of that instant does not count any more, and its newest number is this.
    pub fn take_back(&mut self, source: &Source, sent: DeviceInstant, now: Option<&Number>) {
        let of_series = |open: &&mut Open| open.series.as_ref() == Some(source);
        for open in self.open.values_mut().filter(of_series) {
            if let Some(crossing) = &mut open.crossing {
                if let Some(now) = now {
                    crossing.see(now);
                }
                crossing.take_back(sent, &open.alarm.trigger);
            }
        }
    }
}

impl Open {
    /// Its text says what is known now.
    pub(super) fn reword(&mut self) {
        if let Some(crossing) = &self.crossing {
            self.alarm.text = text::crossing(crossing);
        }
    }
}
