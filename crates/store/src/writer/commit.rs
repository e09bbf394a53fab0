//! One commit as one transaction: packed once, written as often as it takes.

use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::alarm_context;
use crate::consumers::{self, SinkNews};
use crate::history::block::{self, BadBlock, Block};
use crate::history::heads::Due;
use crate::history::wave;
use crate::types::{Commit, StoredTransition};
use vitalgate_domain::model::ids::{AlarmId, DeviceId, PatientId};
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::message::Kind;
use vitalgate_domain::model::time::Timestamp;

/// Dead letters kept of one sender (contract §2).
pub const DEAD_LETTERS: u64 = 1_000;
/// Bytes of dead letters kept of one sender (contract §2).
pub const DEAD_LETTER_BYTES: u64 = 4 << 20;

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

/// A commit with everything compressed, and the heads that are sealed with it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) commit: Commit,
    pub(crate) sealed: Vec<Due>,
    pub(crate) sealed_to: u64,
    pub(crate) sink: Option<SinkNews>,
    body: Vec<u8>,
    blocks: Vec<Vec<Block>>,
    waves: Vec<Vec<u8>>,
}

impl Packed {
    /// Compresses what can be; `sealed_to` is the row up to which nothing is left in memory.
    pub(crate) fn new(commit: Commit, sealed: Vec<Due>, sealed_to: u64) -> Result<Self, PackError> {
        let body = zstd::bulk::compress(&commit.row.body, 1)?;
        let blocks =
            sealed.iter().map(|due| block::seal(due.points.clone())).collect::<Result<_, _>>()?;
        let waves =
            commit.waves.iter().map(|w| wave::pack(&w.samples)).collect::<Result<_, _>>()?;
        Ok(Self { commit, sealed, sealed_to, sink: None, body, blocks, waves })
    }

    /// With what the sink left.
    pub(crate) fn with(self, sink: Option<SinkNews>) -> Self {
        Self { sink, ..self }
    }

    /// About how many bytes it adds to the log.
    pub(crate) fn bytes(&self) -> u64 {
        let lengths = |bodies: &mut dyn Iterator<Item = usize>| bodies.sum::<usize>() as u64;
        let commit = &self.commit;
        PAGES_BYTES
            + self.body.len() as u64
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
        self.insert_transitions(tx)?;
        alarm_context::insert(tx, &self.commit.raised)?;
        self.insert_dead_letters(tx)?;
        self.insert_waves(tx)?;
        self.insert_blocks(tx)?;
        if let Some(news) = &self.sink {
            insert_sink(tx, row.at + row.offset, news)?;
        }
        self.insert_snapshot(tx)
    }

    fn insert_transitions(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.commit.transitions.is_empty() {
            return Ok(());
        }
        let mut insert =
            tx.prepare_cached("INSERT INTO transitions VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for t in &self.commit.transitions {
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
            ])?;
            if matches!(t.kind, "answer" | "refusal") {
                audit(tx, t)?;
            }
        }
        Ok(())
    }

    fn insert_dead_letters(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let row = &self.commit.row;
        for letter in &self.commit.dead_letters {
            keep_dead_letter(tx, row.at + row.offset, letter)?;
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
                insert_block(tx, due.id, (before << 10) | part as i64, block)?;
            }
        }
        set_meta(tx, "sealed_to", self.sealed_to as i64)
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
            set_meta(tx, "snapshot_row", n as i64)?;
        }
        Ok(())
    }
}

/// What the sink left for this transaction.
pub(crate) fn insert_sink(
    tx: &Transaction<'_>,
    at: Timestamp,
    news: &SinkNews,
) -> rusqlite::Result<()> {
    for letter in &news.dead {
        keep_dead_letter(tx, at, letter)?;
    }
    consumers::write(tx, &news.cursor)
}

/// The word of a topic kind, as stored.
pub(crate) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Telemetry => "telemetry",
        Kind::Events => "events",
        Kind::Waves => "waves",
        Kind::Status => "status",
        Kind::Info => "info",
    }
}

/// Remembers a number.
pub(crate) fn set_meta(tx: &Transaction<'_>, key: &str, number: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO meta VALUES(?, ?)")?.execute(params![key, number])?;
    Ok(())
}

/// Puts a block of a series in, under a number that no other of its blocks has.
pub(crate) fn insert_block(
    tx: &Transaction<'_>,
    series: i64,
    id: i64,
    block: &Block,
) -> rusqlite::Result<()> {
    let Block { summary, body } = block;
    let values = summary.values;
    tx.prepare_cached("INSERT INTO blocks VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            series,
            summary.t0.as_micros(),
            id,
            summary.t1.as_micros(),
            values.map_or(0, |v| v.count as i64),
            values.map(|v| v.min),
            values.map(|v| v.max),
            values.map(|v| v.sum),
            values.map(|v| v.last),
            summary.unit.number(),
            body,
        ],
    )?;
    Ok(())
}

/// Adds an act to the hash chain: what a person did, or a device was refused.
fn audit(tx: &Transaction<'_>, t: &StoredTransition) -> rusqlite::Result<()> {
    let before: Option<Vec<u8>> = tx
        .prepare_cached("SELECT chain FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let hash = sha256(t.body.as_bytes());
    let act = Act { seq: t.seq, at: t.at, actor: t.actor.as_deref(), what: t.change, hash: &hash };
    let chain = act.chain(&before.unwrap_or_else(|| vec![0; 32]));
    tx.prepare_cached("INSERT INTO audit VALUES(?, ?, ?, ?, ?, ?)")?.execute(params![
        t.seq as i64,
        t.at.as_micros(),
        t.actor,
        t.change,
        hash,
        chain,
    ])?;
    Ok(())
}

/// What the audit says of a person's act. Of the body only the hash, so that it can be erased.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) actor: Option<&'a str>,
    pub(crate) what: &'a str,
    /// SHA-256 of the body.
    pub(crate) hash: &'a [u8],
}

impl Act<'_> {
    /// The next link: SHA-256 over the link before and the SHA-256 of the act. Numbers are of eight
    /// bytes, big end first; texts follow their length, so that none can pass for another.
    pub(crate) fn chain(&self, before: &[u8]) -> Vec<u8> {
        let mut act = Vec::new();
        act.extend(self.seq.to_be_bytes());
        act.extend(self.at.as_micros().to_be_bytes());
        act.push(u8::from(self.actor.is_some()));
        for text in [self.actor.unwrap_or(""), self.what] {
            act.extend((text.len() as u64).to_be_bytes());
            act.extend(text.as_bytes());
        }
        act.extend(self.hash);
        sha256(&[before, &sha256(&act)].concat())
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// Keeps a dead letter and, of the same sender, lets the oldest beyond the bounds go.
fn keep_dead_letter(
    tx: &Transaction<'_>,
    at: Timestamp,
    letter: &DeadLetter,
) -> rusqlite::Result<()> {
    let owner = letter.device.as_ref().unwrap_or(&letter.principal).as_str();
    tx.prepare_cached("INSERT INTO dead_letters VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            at.as_micros(),
            letter.principal.as_str(),
            letter.device.as_ref().map(DeviceId::as_str),
            letter.topic,
            letter.kind.map(kind_word),
            letter.reason,
            letter.length as i64,
            letter.head,
        ],
    )?;
    let size = (letter.head.len() + letter.topic.len() + letter.reason.len()) as i64;
    tx.prepare_cached(
        "INSERT INTO dead_letter_counts VALUES(?1, 1, 1, ?2) ON CONFLICT(owner)
           DO UPDATE SET total = total + 1, kept = kept + 1, bytes = bytes + ?2",
    )?
    .execute(params![owner, size])?;
    loop {
        let (kept, bytes): (i64, i64) = tx
            .prepare_cached("SELECT kept, bytes FROM dead_letter_counts WHERE owner = ?")?
            .query_row([owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if kept as u64 <= DEAD_LETTERS && bytes as u64 <= DEAD_LETTER_BYTES {
            return Ok(());
        }
        let gone: i64 = tx
            .prepare_cached(
                "DELETE FROM dead_letters WHERE id = (SELECT min(id) FROM dead_letters
                   WHERE ifnull(device, principal) = ?)
                 RETURNING length(head) + length(CAST(topic AS BLOB)) + length(CAST(reason AS BLOB))",
            )?
            .query_row([owner], |row| row.get(0))?;
        tx.prepare_cached(
            "UPDATE dead_letter_counts SET kept = kept - 1, bytes = bytes - ? WHERE owner = ?",
        )?
        .execute(params![gone, owner])?;
    }
}
