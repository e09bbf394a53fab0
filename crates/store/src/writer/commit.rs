//! One commit as one transaction: packed once, written as often as it takes.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::alarm_context;
use crate::audit::head::SignedHead;
use crate::audit::{self, Chained, End, Link, stand};
use crate::consumers::News;
use crate::dead_letters;
use crate::deliveries;
use crate::file::error::BadBlock;
use crate::file::meta;
use crate::history::block::{self, Block};
use crate::history::heads::Due;
use crate::history::point::Point;
use crate::history::words::write::Placed;
use crate::history::{table, wave};
use crate::types::Commit;
use vitalgate_domain::model::ids::{AlarmId, PatientId};
use vitalgate_domain::model::time::Timestamp;

/// What the pages that every commit touches take in the log.
const PAGES_BYTES: u64 = 3 * 8_192;

/// Why a commit did not succeed. Its outcome is unknown until it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// SQLite said no.
    #[error("cannot commit row {n}")]
    Sqlite {
        /// The row.
        n: u64,
        /// What it said.
        source: rusqlite::Error,
    },
    /// Another row has this number.
    #[error("row {n} is already in the journal with other contents")]
    Taken {
        /// The row.
        n: u64,
    },
}

impl CommitError {
    /// Whether the disk has no room.
    pub(crate) fn is_full_disk(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => is_full_disk(source),
            Self::Taken { .. } => false,
        }
    }
}

/// Whether SQLite found no room on the disk.
pub(crate) fn is_full_disk(error: &rusqlite::Error) -> bool {
    let shared_memory =
        |error: &rusqlite::ffi::Error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(shared_memory)
}

/// Why a commit could not even be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Compression failed.
    #[error("cannot compress a journal row")]
    Zstd(#[from] std::io::Error),
    /// A block or wave could not be packed.
    #[error(transparent)]
    Block(#[from] BadBlock),
}

/// Compresses one journal row after the other in the same memory.
pub(crate) struct RowCompressor(zstd::bulk::Compressor<'static>);

impl RowCompressor {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(zstd::bulk::Compressor::new(1)?))
    }
}

/// A commit with everything compressed, and the heads that are sealed with it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) commit: Commit,
    pub(crate) sealed: Vec<Due>,
    pub(crate) sealed_to: u64,
    pub(crate) news: Vec<News>,
    /// The newest head of the audit that is not on the disk yet.
    pub(crate) head: Option<SignedHead>,
    /// The last readings of each alarm that is raised.
    readings: Vec<Vec<Point>>,
    words: Placed,
    body: Vec<u8>,
    blocks: Vec<Vec<Block>>,
    waves: Vec<Vec<u8>>,
}

impl Packed {
    /// Compresses what can be; `sealed_to` is the row up to which nothing is left in memory.
    pub(crate) fn new(
        commit: Commit,
        sealed: Vec<Due>,
        sealed_to: u64,
        rows: &mut RowCompressor,
    ) -> Result<Self, PackError> {
        let body = rows.0.compress(&commit.row.body)?;
        let blocks =
            sealed.iter().map(|due| block::seal(due.points.clone())).collect::<Result<_, _>>()?;
        let waves =
            commit.waves.iter().map(|w| wave::pack(&w.samples)).collect::<Result<_, _>>()?;
        Ok(Self {
            commit,
            sealed,
            sealed_to,
            news: Vec::new(),
            head: None,
            readings: Vec::new(),
            words: Placed::default(),
            body,
            blocks,
            waves,
        })
    }

    /// With what the consumers left.
    pub(crate) fn with_news(self, news: Vec<News>) -> Self {
        Self { news, ..self }
    }

    /// With a head of the audit to be kept.
    pub(crate) fn with_head(self, head: Option<SignedHead>) -> Self {
        Self { head, ..self }
    }

    /// With the last readings of each alarm that is raised.
    pub(crate) fn with_readings(self, readings: Vec<Vec<Point>>) -> Self {
        Self { readings, ..self }
    }

    /// With its words, each under the number of its series.
    pub(crate) fn with_words(self, words: Placed) -> Self {
        Self { words, ..self }
    }

    /// About how many bytes it adds to the log.
    pub(crate) fn bytes(&self) -> u64 {
        let lengths = |bodies: &mut dyn Iterator<Item = usize>| bodies.sum::<usize>() as u64;
        let commit = &self.commit;
        PAGES_BYTES
            + self.body.len() as u64
            + self.words.bytes()
            + lengths(&mut self.blocks.iter().flatten().map(|b| b.body.len() + 8_192))
            + lengths(&mut self.waves.iter().map(Vec::len))
            + lengths(&mut commit.transitions.iter().map(|t| t.body.len() + 8_192))
            + lengths(&mut commit.raised.iter().map(|r| r.limits.len() + 8_192))
            + lengths(&mut commit.snapshot.iter().map(|s| s.body.len() + 8_192))
    }

    /// Writes all of it, or nothing, in one transaction.
    ///
    /// A row that is there already came with its whole transaction, so nothing is left to do: this
    /// is how a commit whose outcome was unknown is found to have succeeded.
    pub(crate) fn write(&self, conn: &mut Connection) -> Result<(), CommitError> {
        let n = self.commit.row.n;
        let failed = |source| CommitError::Sqlite { n, source };
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let there: Option<Vec<u8>> = tx
            .prepare_cached("SELECT body FROM journal WHERE n = ?")
            .and_then(|mut s| s.query_row([n as i64], |row| row.get(0)).optional())
            .map_err(failed)?;
        match there {
            Some(body) if body == self.body => return Ok(()),
            Some(_) => return Err(CommitError::Taken { n }),
            None => {}
        }
        self.insert(&tx).and_then(|()| tx.commit()).map_err(failed)
    }

    fn insert(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let row = &self.commit.row;
        tx.prepare_cached(
            "INSERT INTO journal VALUES(?1, ?2, ?3, ?4, ?5, length(?6) +
               ifnull((SELECT upto FROM journal ORDER BY n DESC LIMIT 1), 0), ?6)",
        )?
        .execute(params![
            row.n as i64,
            row.at.as_micros(),
            row.offset.as_micros(),
            row.core,
            row.rules.as_slice(),
            self.body,
        ])?;
        let grounds = alarm_context::insert(tx, &self.commit.raised, &self.readings)?;
        self.insert_transitions(tx, &grounds)?;
        if let Some(head) = &self.head {
            stand::keep(tx, head)?;
        }
        self.insert_dead_letters(tx)?;
        self.insert_waves(tx)?;
        self.insert_blocks(tx)?;
        self.words.insert(tx, row.n)?;
        for news in &self.news {
            insert_news(tx, row.at + row.offset, news)?;
        }
        self.insert_snapshot(tx)
    }

    /// Each follows in the chain from the one before. What an alarm stands on belongs to the first move of
    /// it in this row, which raises it.
    fn insert_transitions(
        &self,
        tx: &Transaction<'_>,
        grounds: &[(&AlarmId, Link)],
    ) -> rusqlite::Result<()> {
        if self.commit.transitions.is_empty() {
            return Ok(());
        }
        let mut before = End::of(tx)?.link;
        let mut grounds: BTreeMap<&AlarmId, Link> = grounds.iter().copied().collect();
        let mut insert =
            tx.prepare_cached("INSERT INTO transitions VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for t in &self.commit.transitions {
            let of_alarm = t.alarm.as_ref().filter(|_| t.kind == "alarm");
            let chained = Chained {
                seq: t.seq,
                n: self.commit.row.n,
                at: t.at,
                kind: t.kind.as_bytes(),
                change: t.change.as_bytes(),
                alarm: t.alarm.as_ref().map(|id| id.as_str().as_bytes()),
                patient: t.patient.as_ref().map(|id| id.as_str().as_bytes()),
                actor: t.actor.as_deref().map(str::as_bytes),
                body: audit::sha256(t.body.as_bytes()),
                grounds: of_alarm.and_then(|alarm| grounds.remove(alarm)),
            };
            let link = audit::link(&before, &chained.hash());
            before = link;
            insert.execute(params![
                t.seq as i64,
                self.commit.row.n as i64,
                t.at.as_micros(),
                t.kind,
                t.change,
                t.alarm.as_ref().map(AlarmId::as_str),
                t.patient.as_ref().map(PatientId::as_str),
                t.actor,
                t.body,
                chained.grounds,
                link,
            ])?;
            if chained.is_act() {
                audit::list(tx, &chained, &link)?;
            }
        }
        Ok(())
    }

    fn insert_dead_letters(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let row = &self.commit.row;
        for letter in &self.commit.dead_letters {
            dead_letters::keep(tx, row.at + row.offset, letter)?;
        }
        Ok(())
    }

    fn insert_waves(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let row = &self.commit.row;
        for (wave, body) in self.commit.waves.iter().zip(&self.waves) {
            let chunk = &wave.chunk;
            tx.prepare_cached(
                "INSERT INTO waves VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, length(?11)
                   + ifnull((SELECT upto FROM waves ORDER BY id DESC LIMIT 1), 0), ?11)",
            )?
            .execute(params![
                row.n as i64,
                wave.device.as_str(),
                chunk.signal,
                chunk.at.as_micros(),
                row.at.as_micros(),
                chunk.rate_hz,
                chunk.unit,
                chunk.scale,
                chunk.offset,
                chunk.samples,
                body,
            ])?;
        }
        Ok(())
    }

    fn insert_blocks(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.sealed.is_empty() && self.commit.snapshot_complete.is_none() {
            return Ok(());
        }
        // No sample of this row is in a block yet.
        let before = self.commit.row.n as i64 - 1;
        for (due, blocks) in self.sealed.iter().zip(&self.blocks) {
            if due.new {
                let key = &due.key;
                tx.prepare_cached("INSERT INTO series VALUES(?, ?, ?, ?, ?)")?.execute(params![
                    due.id,
                    key.device.as_str(),
                    key.signal.0,
                    key.instance.as_str(),
                    before,
                ])?;
            } else {
                tx.prepare_cached("UPDATE series SET sealed_to = ? WHERE id = ?")?
                    .execute([before, due.id])?;
            }
            for (part, block) in blocks.iter().enumerate() {
                table::insert(tx, due.id, (before << 10) | part as i64, block)?;
            }
        }
        meta::set(tx, "sealed_to", self.sealed_to as i64)
    }

    fn insert_snapshot(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for part in &self.commit.snapshot {
            tx.prepare_cached(
                "INSERT OR REPLACE INTO snapshots SELECT ?, ?, value + 1, ?, ? FROM meta
                   WHERE key = 'snapshot_generation'",
            )?
            .execute(params![part.kind, part.key, part.n as i64, part.body])?;
            // Of the parts of complete snapshots only the newest is ever read again.
            tx.prepare_cached(
                "DELETE FROM snapshots WHERE kind = ?1 AND key = ?2 AND generation <
                   (SELECT max(s.generation) FROM snapshots s, meta WHERE s.kind = ?1 AND s.key = ?2
                      AND meta.key = 'snapshot_generation' AND s.generation <= meta.value)",
            )?
            .execute([part.kind, &part.key])?;
        }
        if let Some(n) = self.commit.snapshot_complete {
            tx.execute("UPDATE meta SET value = value + 1 WHERE key = 'snapshot_generation'", [])?;
            meta::set(tx, "snapshot_row", n as i64)?;
        }
        Ok(())
    }
}

/// What a consumer left for this transaction.
pub(crate) fn insert_news(
    tx: &Transaction<'_>,
    at: Timestamp,
    news: &News,
) -> rusqlite::Result<()> {
    for letter in news.dead() {
        dead_letters::keep(tx, at, letter)?;
    }
    for delivered in news.delivered() {
        deliveries::insert(tx, delivered)?;
    }
    news.write_cursor(tx)
}
