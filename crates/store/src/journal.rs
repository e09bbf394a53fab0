//! The journal read back, row by row.

use std::collections::VecDeque;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::thread;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::file::error::ReadError;
use crate::file::row::unsigned;
use crate::types::Row;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Journal rows fetched at once.
const CHUNK: usize = 512;
/// Bodies fetched at once, compressed; a chunk ends at the first row beyond.
const CHUNK_BYTES: usize = 4 << 20;
/// No row is larger: a batch is bounded to 4 MiB of payloads.
const BODY_BYTES: usize = 64 << 20;

/// Where a row is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPosition {
    /// Its number.
    pub n: u64,
    /// Its shown time.
    pub at: Timestamp,
    /// Its stamp, which never goes back, as the clock may.
    pub stamp: Timestamp,
}

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
    pub(crate) fn after(conn: Connection, after: u64) -> Self {
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

/// The oldest row the journal holds.
pub(crate) fn first(conn: &Connection) -> Result<Option<RowPosition>, ReadError> {
    let position = conn
        .query_row("SELECT n, at, offset_us FROM journal ORDER BY n LIMIT 1", [], |row| {
            let stamp = Timestamp::from_micros(row.get(1)?);
            let at = stamp + Span::micros(row.get(2)?);
            Ok(RowPosition { n: unsigned(row, 0)?, at, stamp })
        })
        .optional()?;
    Ok(position)
}

/// Calls `each` with the rows after `after`, in order, until it breaks off; only those that no
/// transition after `seq` belongs to, nor to a row before.
pub(crate) fn walk(
    conn: &Connection,
    after: u64,
    seq: u64,
    mut each: impl FnMut(Row) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut statement = conn.prepare(
        "SELECT n, at, offset_us, core, body FROM journal WHERE n > ?1 AND n < ifnull(
           (SELECT n FROM transitions WHERE seq > ?2 ORDER BY seq LIMIT 1), ?3) ORDER BY n",
    )?;
    let mut rows = statement.query(params![after as i64, seq as i64, i64::MAX])?;
    while let Some(row) = rows.next()? {
        let n = unsigned(row, 0)?;
        let body = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
        let row = Row {
            n,
            at: Timestamp::from_micros(row.get(1)?),
            offset: Span::micros(row.get(2)?),
            core: row.get(3)?,
            rules: [0; 8],
            body: decompressed(body).map_err(|source| ReadError::Body { n, source })?,
        };
        if each(row).is_break() {
            break;
        }
    }
    Ok(())
}

/// As large as it is, and no larger than any row may be.
fn decompressed(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::with_capacity(body.len() * 8);
    zstd::Decoder::with_buffer(body)?.take(BODY_BYTES as u64).read_to_end(&mut all)?;
    Ok(all)
}
