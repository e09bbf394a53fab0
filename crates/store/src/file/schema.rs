//! What is on disk: the tables, their version, and the steps from an older version to this one.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::connection::set_up;

/// `application_id` of every store: the letters `VGAT`.
pub(crate) const APPLICATION_ID: u32 = 0x5647_4154;
/// The schema this program writes.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

const PAGE_BYTES: u32 = 8_192;

/// The step at index `v` leads from version `v` to `v + 1`; steps are only ever appended.
pub(crate) const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6];

pub(super) const V1: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- One row a commit. `body` is zstd of CBOR; times are microseconds since 1970; `upto` is the
-- length of all bodies up to this one, so that the size of what is kept is one subtraction.
CREATE TABLE journal(
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, offset_us INTEGER NOT NULL, core INTEGER NOT NULL,
  rules BLOB NOT NULL, upto INTEGER NOT NULL, body BLOB NOT NULL) STRICT;

CREATE TABLE transitions(
  seq INTEGER PRIMARY KEY, n INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
  change TEXT NOT NULL, alarm TEXT, patient TEXT, actor TEXT, body TEXT NOT NULL) STRICT;
CREATE INDEX transitions_n ON transitions(n);
CREATE INDEX transitions_alarm ON transitions(alarm, seq) WHERE alarm IS NOT NULL;
CREATE INDEX transitions_patient ON transitions(patient, seq) WHERE patient IS NOT NULL;

-- `sealed_to`: every sample of the series in rows up to this one is in a block.
CREATE TABLE series(
  id INTEGER PRIMARY KEY, device TEXT NOT NULL, signal INTEGER NOT NULL, instance TEXT NOT NULL,
  sealed_to INTEGER NOT NULL, UNIQUE(device, signal, instance)) STRICT;

-- The summary counts plausible samples not entered in error; with none, n is 0 and the rest NULL.
CREATE TABLE blocks(
  series INTEGER NOT NULL, t0 INTEGER NOT NULL, id INTEGER NOT NULL, t1 INTEGER NOT NULL,
  n INTEGER NOT NULL, vmin REAL, vmax REAL, vsum REAL, vlast REAL, unit INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY(series, t0, id)) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_t1 ON blocks(t1);

CREATE TABLE waves(
  id INTEGER PRIMARY KEY, n INTEGER NOT NULL, device TEXT NOT NULL, signal TEXT NOT NULL,
  at INTEGER NOT NULL, received INTEGER NOT NULL, rate_hz REAL NOT NULL, unit TEXT NOT NULL,
  scale REAL NOT NULL, summand REAL NOT NULL, samples INTEGER NOT NULL, upto INTEGER NOT NULL,
  body BLOB NOT NULL) STRICT;
CREATE INDEX waves_series ON waves(device, signal, at);

-- The state of a key is its newest part of a generation up to meta `snapshot_generation`.
CREATE TABLE snapshots(
  kind TEXT NOT NULL, key TEXT NOT NULL, generation INTEGER NOT NULL, n INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY(kind, key, generation)) STRICT;

CREATE TABLE dead_letters(
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, principal TEXT NOT NULL, device TEXT,
  topic TEXT NOT NULL, kind TEXT, reason TEXT NOT NULL, length INTEGER NOT NULL,
  head BLOB NOT NULL) STRICT;
CREATE INDEX dead_letters_owner ON dead_letters(ifnull(device, principal), id);
-- `total` counts for ever, `kept` and `bytes` what is still in dead_letters.
CREATE TABLE dead_letter_counts(
  owner TEXT PRIMARY KEY, total INTEGER NOT NULL, kept INTEGER NOT NULL,
  bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- chain = SHA-256(chain of the row before || SHA-256(seq, at, actor, what, hash)) with
-- hash = SHA-256(body); the first follows 32 zeros.
CREATE TABLE audit(
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT, what TEXT NOT NULL,
  hash BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
";

/// What raised an alarm is kept as long as its transitions: the limits in force and at most 20
/// readings, both as JSON. Meta `history_bytes` is what all blocks take: their bodies, and 100 bytes a block for its columns
/// and its place in the index. It follows the table, whoever changes it.
pub(super) const V2: &str = "
CREATE TABLE alarm_grounds(
  alarm TEXT PRIMARY KEY, limits TEXT NOT NULL, readings TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta SELECT 'history_bytes', ifnull(sum(length(body) + 100), 0) FROM blocks;
CREATE TRIGGER block_in AFTER INSERT ON blocks BEGIN
  UPDATE meta SET value = value + length(NEW.body) + 100 WHERE key = 'history_bytes'; END;
CREATE TRIGGER block_out AFTER DELETE ON blocks BEGIN
  UPDATE meta SET value = value - length(OLD.body) - 100 WHERE key = 'history_bytes'; END;
";

/// `gone` says up to which instant retention took blocks of a series: all that was measured later is
/// held. Of what an older version wrote nobody noted it: anything before the oldest block may be.
pub(super) const V3: &str = "
CREATE TABLE gone(series INTEGER PRIMARY KEY, upto INTEGER NOT NULL) STRICT;
INSERT INTO gone SELECT s.id, coalesce(
    (SELECT min(b.t0) - 1 FROM blocks b WHERE b.series = s.id),
    (SELECT max(j.at) FROM journal j WHERE j.n <= s.sealed_to),
    (SELECT min(j.at) FROM journal j), 0) FROM series s;
";

/// A reading that is no number is a row of `words`: `id >> 24` is the journal row it came with, `ahead` and
/// `period` say of what reading, `kind` is its field on the wire, or `number` where a number that was
/// corrected or entered in error took its place. It counts in `history_bytes` as a block does. Meta
/// `words_after` is the last row that came before there was such a table.
const V4: &str = "
CREATE TABLE word_series(
  id INTEGER PRIMARY KEY, device TEXT NOT NULL, signal INTEGER NOT NULL, instance TEXT NOT NULL,
  gone INTEGER, UNIQUE(device, signal, instance)) STRICT;
CREATE TABLE words(
  id INTEGER PRIMARY KEY, series INTEGER NOT NULL, at INTEGER NOT NULL, ahead INTEGER NOT NULL,
  period INTEGER, received INTEGER NOT NULL, flags INTEGER NOT NULL, kind TEXT NOT NULL,
  word TEXT NOT NULL) STRICT;
CREATE INDEX words_series ON words(series, at);
CREATE INDEX words_at ON words(at);
-- Corrected (64) or entered in error (128).
CREATE INDEX words_marks ON words(series, at) WHERE flags & 192 <> 0;
INSERT INTO meta SELECT 'words_after', ifnull(max(n), 0) FROM journal;
CREATE TRIGGER word_in AFTER INSERT ON words BEGIN
  UPDATE meta SET value = value + length(CAST(NEW.word AS BLOB)) + 100
    WHERE key = 'history_bytes'; END;
CREATE TRIGGER word_out AFTER DELETE ON words BEGIN
  UPDATE meta SET value = value - length(CAST(OLD.word AS BLOB)) - 100
    WHERE key = 'history_bytes'; END;
";

/// `link` is SHA-256 of the link before and the SHA-256 of the transition, of which `grounds`, that of what
/// the alarm stands on, is part. `statements` are entries of the same chain, each after transition
/// `after_seq`. Of a transition that retention took, `cut` keeps the SHA-256, and statement `by` says so.
/// From here on `audit.chain` is the link of the transition.
const V5: &str = "
ALTER TABLE transitions ADD COLUMN grounds BLOB;
ALTER TABLE transitions ADD COLUMN link BLOB;
CREATE TABLE statements(
  id INTEGER PRIMARY KEY, after_seq INTEGER NOT NULL, body TEXT NOT NULL, signature BLOB NOT NULL,
  link BLOB NOT NULL) STRICT;
CREATE TABLE cut(seq INTEGER PRIMARY KEY, by INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
";

/// What became of telling a transition by a channel: when it was tried first, when that was over, after how many tries,
/// and how it ended. It goes with its transition.
const V6: &str = "
CREATE TABLE deliveries(
  seq INTEGER NOT NULL, channel TEXT NOT NULL, tried INTEGER NOT NULL, at INTEGER NOT NULL,
  tries INTEGER NOT NULL, result TEXT NOT NULL, PRIMARY KEY(seq, channel)) STRICT, WITHOUT ROWID;
";

/// Makes the tables in an empty file that is not yet open anywhere else.
pub(crate) fn make(path: &Path) -> rusqlite::Result<Connection> {
    make_through(path, MIGRATIONS)
}

/// The same with other steps.
pub(crate) fn make_through(path: &Path, steps: &[&str]) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    set_up(&conn)?;
    let mut conn = conn;
    migrate(&mut conn, 0, steps, |_| Ok(()))?;
    Ok(conn)
}

/// Takes the steps after version `from`, and what `fill` does after them, all or none.
pub(super) fn migrate(
    conn: &mut Connection,
    from: u32,
    steps: &[&str],
    fill: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    for step in steps.iter().skip(from as usize) {
        tx.execute_batch(step)?;
    }
    if from > 0 {
        tx.execute(
            "INSERT OR REPLACE INTO meta SELECT 'upgraded_from', ?
               UNION ALL SELECT 'upgraded_at_row', ifnull(max(n), 0) FROM journal",
            [from],
        )?;
    }
    fill(&tx)?;
    tx.pragma_update(None, "user_version", steps.len() as u32)?;
    tx.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::disk::file_in;

    #[test]
    fn a_new_file_has_the_promised_settings() {
        let dir = tempfile::tempdir().unwrap();
        let conn = make(&file_in(dir.path())).unwrap();
        let number =
            |name: &str| -> i64 { conn.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
        assert_eq!(number("page_size"), i64::from(PAGE_BYTES));
        assert_eq!(number("auto_vacuum"), 2, "incremental");
        assert_eq!(number("application_id"), i64::from(APPLICATION_ID));
        assert_eq!(number("user_version"), i64::from(VERSION));
        assert_eq!(number("synchronous"), 2, "FULL");
    }
}
