//! A row of the table, and how it reads back.

use std::cmp::Ordering;

use rusqlite::{Row, params};

use super::super::settle::ReadingCopy;
use crate::file::error::ReadError;
use crate::types::{Sent, SeriesKey, Word, WordSample};
use vitalgate_domain::model::time::{Span, Timestamp};

/// The number of a row is that of the journal row it came with, then its place in that.
const PLACES: u32 = 24;
/// What stands for [`Entry::word`] where a number took its place.
pub(crate) const NUMBER: &str = "number";

/// The columns of [`Entry::read`], in order.
pub(crate) const COLUMNS: &str = "w.at, w.ahead, w.period, w.received, w.flags, w.kind, w.word";

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) sent: Sent,
    /// In whole milliseconds, as of numbers.
    pub(crate) received: Timestamp,
    pub(crate) flags: u16,
    /// `None` where a number that was corrected, or entered in error, took its place.
    pub(crate) word: Option<Word>,
}

/// The number of the first row that journal row `n` may have here.
pub(crate) fn first_of(n: u64) -> i64 {
    i64::try_from(n).map_or(i64::MAX, |n| n.saturating_mul(1 << PLACES))
}

impl Entry {
    pub(crate) fn read(row: &Row<'_>, at: usize) -> Result<Self, ReadError> {
        let time = |place: usize| row.get(place).map(Timestamp::from_micros);
        let period: Option<i64> = row.get(at + 2)?;
        let (kind, text): (String, String) = (row.get(at + 5)?, row.get(at + 6)?);
        let strange = || ReadError::Strange(format!("a reading of the kind {kind}"));
        let word =
            if kind == NUMBER { None } else { Some(Word::read(&kind, text).ok_or_else(strange)?) };
        Ok(Self {
            at: time(at)?,
            sent: Sent { ahead: row.get(at + 1)?, period: period.map(Span::micros) },
            received: time(at + 3)?,
            flags: row.get(at + 4)?,
            word,
        })
    }

    /// Puts it in under a number of its own.
    pub(crate) fn insert(
        &self,
        conn: &rusqlite::Connection,
        id: i64,
        series: i64,
    ) -> rusqlite::Result<()> {
        let Self { at, sent, received, flags, word } = self;
        let text = word.as_ref().map(Word::text);
        conn.prepare_cached("INSERT INTO words VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
            params![
                id,
                series,
                at.as_micros(),
                sent.ahead,
                sent.period.map(Span::as_micros),
                received.as_micros(),
                flags,
                word.as_ref().map_or(NUMBER, Word::kind),
                text.as_deref().unwrap_or_default(),
            ],
        )?;
        Ok(())
    }

    /// It as a reading of its series; `None` where it holds no word.
    pub(crate) fn sample(self, series: &SeriesKey) -> Option<WordSample> {
        let Self { at, sent, received, flags, word } = self;
        Some(WordSample { series: series.clone(), at, sent, received, word: word?, flags })
    }
}

impl ReadingCopy for Entry {
    fn identity(&self) -> (Timestamp, i64) {
        (self.at, self.sent.ahead)
    }

    fn flags(&self) -> u16 {
        self.flags
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.word == other.word
    }

    /// Of one arrival a number comes last: of two corrections it is the one that stands.
    fn order(&self, other: &Self) -> Ordering {
        self.identity()
            .cmp(&other.identity())
            .then(self.received.cmp(&other.received))
            .then(self.word.is_none().cmp(&other.word.is_none()))
            .then(self.flags.cmp(&other.flags))
            .then(self.word.cmp(&other.word))
    }
}
