//! Words in the order in which they came.

use super::Reader;
use crate::file::error::ReadError;
use crate::file::meta;
use crate::file::row::{series_key, unsigned};
use crate::history::words::row::{COLUMNS, Entry, NUMBER, first_of};
use crate::types::{SeriesKey, WordSample};
use vitalgate_domain::model::time::Timestamp;

impl Reader {
    /// The words that came with rows up to and with `row`, in the order in which they came, from the number
    /// after `after` on; each with its own. At most `limit`, as they came: no correction is applied.
    pub fn words_after(
        &self,
        after: u64,
        row: u64,
        limit: usize,
    ) -> Result<Vec<(u64, WordSample)>, ReadError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.words_between(after, first_of(row.saturating_add(1)), limit)
    }

    /// The words that came with a row, as they came.
    pub fn words_of_row(&self, row: u64) -> Result<Vec<WordSample>, ReadError> {
        let (first, end) = (first_of(row), first_of(row.saturating_add(1)));
        let words = self.words_between(first - 1, end, usize::MAX >> 1)?;
        Ok(words.into_iter().map(|(_, word)| word).collect())
    }

    /// Up to and with which instant retention took words of any series, each by itself.
    pub fn words_pruned(&self) -> Result<Vec<(SeriesKey, Timestamp)>, ReadError> {
        self.list(
            "SELECT device, signal, instance, gone FROM word_series WHERE gone IS NOT NULL",
            [],
            |row| Ok((series_key(row, 0)?, Timestamp::from_micros(row.get(3)?))),
        )
    }

    /// The last row of which no word is kept, because the file had no place for them then. One of an older
    /// version has none yet.
    pub fn words_after_row(&self) -> Result<u64, ReadError> {
        Ok(meta::number(&self.connect()?, "words_after")?.unwrap_or(u64::MAX))
    }

    fn words_between(
        &self,
        after: i64,
        end: i64,
        limit: usize,
    ) -> Result<Vec<(u64, WordSample)>, ReadError> {
        let conn = self.connect()?;
        let mut statement = conn.prepare(&format!(
            "SELECT {COLUMNS}, s.device, s.signal, s.instance, w.id FROM words w
               JOIN word_series s ON s.id = w.series WHERE w.id > ? AND w.id < ? AND w.kind <> ?
               ORDER BY w.id LIMIT ?"
        ))?;
        let mut rows = statement.query(rusqlite::params![after, end, NUMBER, limit as i64])?;
        let mut words = Vec::new();
        while let Some(row) = rows.next()? {
            let series = series_key(row, 7)?;
            if let Some(word) = Entry::read(row, 0)?.sample(&series) {
                words.push((unsigned(row, 10)?, word));
            }
        }
        Ok(words)
    }
}
