//! The journal read back, row by row.

use std::collections::VecDeque;
use std::thread;

use rusqlite::Connection;

use crate::reader::{ReadError, unsigned};
use crate::types::Row;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Journal rows fetched at once.
const CHUNK: usize = 512;
/// Bodies fetched at once, compressed; a chunk ends at the first row beyond.
const CHUNK_BYTES: usize = 4 << 20;
/// No row is larger: a batch is bounded to 4 MiB of payloads.
const BODY_BYTES: usize = 64 << 20;

/// Journal rows in order.
#[derive(Debug)]
pub struct Rows {
    conn: Connection,
    after: u64,
    fetched: VecDeque<Row>,
    failed: bool,
}

impl Rows {
    /// The rows after row `after` that this connection will see.
    pub(super) fn after(conn: Connection, after: u64) -> Self {
        Self { conn, after, fetched: VecDeque::new(), failed: false }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.fetched.is_empty()
            && !self.failed
            && let Err(error) = self.fetch()
        {
            self.failed = true;
            return Some(Err(error));
        }
        let row = self.fetched.pop_front()?;
        self.after = row.n;
        Some(Ok(row))
    }
}

impl Rows {
    fn fetch(&mut self) -> Result<(), ReadError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT n, at, offset_us, core, rules, body FROM journal WHERE n > ? ORDER BY n LIMIT ?",
        )?;
        let mut rows = statement.query([self.after as i64, CHUNK as i64])?;
        let mut bytes = 0;
        while bytes < CHUNK_BYTES
            && let Some(row) = rows.next()?
        {
            // A chunk takes tens of milliseconds to decompress: others may have the processor.
            thread::yield_now();
            let n = unsigned(row, 0)?;
            let body = row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?;
            bytes += body.len();
            let rules = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
            self.fetched.push_back(Row {
                n,
                at: Timestamp::from_micros(row.get(1)?),
                offset: Span::micros(row.get(2)?),
                core: row.get(3)?,
                rules: rules
                    .try_into()
                    .map_err(|_| ReadError::Strange(format!("rules of row {n}")))?,
                body: zstd::bulk::decompress(body, BODY_BYTES)
                    .map_err(|source| ReadError::Body { n, source })?,
            });
        }
        Ok(())
    }
}
