//! Numbers whose reading was corrected, or withdrawn, by a word.

use std::ops::Range;

use rusqlite::{Connection, params};

use super::super::point::Point;
use super::super::settle::ReadingCopy as _;
use super::row::NUMBER;
use crate::file::error::ReadError;
use vitalgate_domain::model::time::Timestamp;

/// The words of part of a series that correct or withdraw, by time; of nearly every series none.
#[derive(Debug, Default)]
pub(crate) struct Overruled(Vec<Mark>);

#[derive(Debug)]
struct Mark {
    identity: (Timestamp, i64),
    received: Timestamp,
}

impl Overruled {
    /// Of a series from `times.start` up to but without `times.end`, in rows with numbers below `ids_end`.
    pub(crate) fn of(
        conn: &Connection,
        series: i64,
        times: Range<Timestamp>,
        ids_end: i64,
    ) -> Result<Self, ReadError> {
        let mut statement = conn.prepare_cached(
            "SELECT at, ahead, received FROM words WHERE flags & 192 <> 0 AND series = ? AND at >= ?
               AND at < ? AND id < ? AND kind <> ? ORDER BY at",
        )?;
        let (from, to) = (times.start.as_micros(), times.end.as_micros());
        let rows = statement.query_map(params![series, from, to, ids_end, NUMBER], |row| {
            Ok(Mark {
                identity: (Timestamp::from_micros(row.get(0)?), row.get(1)?),
                received: Timestamp::from_micros(row.get(2)?),
            })
        })?;
        Ok(Self(rows.collect::<rusqlite::Result<_>>()?))
    }

    /// Whether a point still stands: of corrections the newest does.
    pub(crate) fn leaves(&self, point: &Point) -> bool {
        let first = self.0.partition_point(|mark| mark.identity.0 < point.at);
        let of_its_instant = self.0[first..].iter().take_while(|mark| mark.identity.0 == point.at);
        let mut of_it = of_its_instant.filter(|mark| mark.identity == point.identity());
        !of_it.any(|mark| !point.is_mark() || mark.received > point.received)
    }

    /// Whether a point between two instants, both included, may not stand.
    pub(crate) fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        let first = self.0.partition_point(|mark| mark.identity.0 < from);
        self.0.get(first).is_some_and(|mark| mark.identity.0 <= to)
    }
}
