//! What a commit puts in, with everything else of its row.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::row::{Entry, first_of};
use super::series::WordSeries;
use crate::types::{Commit, Sample, WordSample, flag};
use vitalgate_domain::model::time::Timestamp;

/// The words of a commit, each with the number of its series.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    words: Vec<(i64, WordSample)>,
    /// Series that the file does not have yet, by their first word.
    new: Vec<usize>,
    /// Numbers that correct or withdraw, of series that hold words.
    marks: Vec<(i64, Sample)>,
}

impl Placed {
    /// Those of a commit.
    pub(crate) fn of(commit: &Commit, series: &WordSeries) -> Self {
        let mut placed = Self::default();
        for (index, word) in commit.words.iter().enumerate() {
            let (id, is_new) = series.place(&word.series);
            if is_new {
                placed.new.push(index);
            }
            placed.words.push((id, word.clone()));
        }
        let marks =
            commit.samples.iter().filter(|s| s.flags & (flag::CORRECTED | flag::ERROR) != 0);
        placed.marks =
            marks.filter_map(|mark| Some((series.known(&mark.series)?.id, mark.clone()))).collect();
        placed
    }

    /// About how many bytes they add to the log: a page of the index each.
    pub(crate) fn bytes(&self) -> u64 {
        let words = self.words.iter().map(|(_, word)| word.word.text().len() as u64 + 8_192);
        words.sum::<u64>()
    }

    /// Puts them in with journal row `n`.
    pub(crate) fn insert(&self, tx: &Transaction<'_>, n: u64) -> rusqlite::Result<()> {
        for (id, word) in self.new.iter().filter_map(|index| self.words.get(*index)) {
            let key = &word.series;
            tx.prepare_cached("INSERT INTO word_series VALUES(?, ?, ?, ?, NULL)")?
                .execute(params![id, key.device.as_str(), key.signal.0, key.instance.as_str()])?;
        }
        let mut row = first_of(n);
        for (series, word) in &self.words {
            entry(word).insert(tx, row, *series)?;
            row += 1;
        }
        for (series, mark) in &self.marks {
            if holds(tx, *series, mark)? {
                took_its_place(mark).insert(tx, row, *series)?;
                row += 1;
            }
        }
        Ok(())
    }
}

fn entry(sample: &WordSample) -> Entry {
    let WordSample { series: _, at, sent, received, word, flags } = sample;
    Entry {
        at: *at,
        sent: *sent,
        received: whole_millis(*received),
        flags: *flags,
        word: Some(word.clone()),
    }
}

/// What a number leaves in the place of the words of its reading.
fn took_its_place(mark: &Sample) -> Entry {
    let received = whole_millis(mark.received);
    Entry { at: mark.at, sent: mark.sent, received, flags: mark.flags, word: None }
}

fn holds(tx: &Transaction<'_>, series: i64, mark: &Sample) -> rusqlite::Result<bool> {
    let found = tx
        .prepare_cached("SELECT 1 FROM words WHERE series = ? AND at = ? AND ahead = ? LIMIT 1")?
        .query_row(params![series, mark.at.as_micros(), mark.sent.ahead], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis())
}
