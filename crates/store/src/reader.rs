//! Reading what is committed: the journal, transitions, alarms, dead letters, sizes.
//!
//! Every call opens the file read-only and holds no transaction when it returns, so that no reader
//! keeps the writer's log from being reused. Calls wait for the disk: from async code only through
//! `spawn_blocking`.

use std::path::{Path, PathBuf};
use vitalgate_domain::CORE_VERSION;

use rusqlite::{Connection, Row as SqlRow, params};

use crate::file::state::LastRow;
use crate::file::{schema, state};
use crate::history::block::BadBlock;
use crate::history::point::Point;
use crate::journal::Rows;
use crate::open;
use crate::types::{Identity, SeriesKey, SnapshotPart};
use crate::writer::{alarm_context, commit};
use vitalgate_domain::model::ids::{AlarmId, DeviceId, PatientId, WardId};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Timestamp;

/// Why something stored could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite said no.
    #[error("cannot read the store")]
    Sqlite(#[from] rusqlite::Error),
    /// A journal body cannot be decompressed.
    #[error("journal row {n} cannot be decompressed; restore a backup")]
    Body {
        /// Its row.
        n: u64,
        /// Why.
        source: std::io::Error,
    },
    /// A block of the history cannot be read.
    #[error(transparent)]
    Block(#[from] BadBlock),
    /// A column holds what this program never writes.
    #[error("the store holds a strange value: {0}")]
    Strange(String),
}

/// Reads a store, also one that another process is writing; cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
}

/// A transition read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionRow {
    /// Its number.
    pub seq: u64,
    /// The journal row that caused it.
    pub n: u64,
    /// Shown time.
    pub at: Timestamp,
    /// `alarm`, `answer`, `refusal` or `note`.
    pub kind: String,
    /// The word of the change, or what was asked.
    pub change: String,
    /// For alarms.
    pub alarm: Option<AlarmId>,
    /// Whom it concerns.
    pub patient: Option<PatientId>,
    /// Who did it, where a person did.
    pub actor: Option<String>,
    /// JSON.
    pub body: String,
}

/// Which alarms; `None` takes all.
#[derive(Debug, Clone, Default)]
pub struct AlarmFilter {
    /// Only these states: `alarming`, `closed`, …; empty takes all.
    pub states: Vec<String>,
    /// Only of this ward.
    pub ward: Option<WardId>,
    /// Only of this patient.
    pub patient: Option<PatientId>,
}

/// A dead letter read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRow {
    /// Rises with every dead letter of a store.
    pub id: u64,
    /// When it came, shown time.
    pub at: Timestamp,
    /// Who sent it.
    pub principal: DeviceId,
    /// Under whose name, if the topic said.
    pub device: Option<DeviceId>,
    /// The topic.
    pub topic: String,
    /// The word of the topic kind.
    pub kind: Option<String>,
    /// Why.
    pub reason: String,
    /// How long it was.
    pub length: u64,
    /// Its first bytes.
    pub head: Vec<u8>,
}

/// An act of the audit read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRow {
    /// The transition it is.
    pub seq: u64,
    /// Shown time.
    pub at: Timestamp,
    /// Who.
    pub actor: Option<String>,
    /// What was asked, or `not_allowed`.
    pub what: String,
    /// SHA-256 of the body.
    pub hash: Vec<u8>,
    /// The link of the chain.
    pub chain: Vec<u8>,
    /// What became of a command.
    pub outcome: Option<String>,
    /// The body of a refusal, JSON.
    pub tried: Option<String>,
}

/// How many bytes a table takes with its indexes, unused room in its pages included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The table, or `(free)` for pages to be used again.
    pub table: String,
    /// Whole pages.
    pub bytes: u64,
}

impl Reader {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Readers of the store in `dir`, without taking its lock; refuses what is no store. For other
    /// processes than the one that writes it, which has [`Opened::reader`](open::Opened::reader).
    pub fn of(dir: &Path) -> Result<Self, open::OpenError> {
        let path = open::Store::file(dir);
        open::check_header(&path)?;
        Ok(Self { path })
    }

    /// What the store says it is.
    pub fn identity(&self) -> Result<Identity, ReadError> {
        state::identity(&self.connect()?)?
            .ok_or_else(|| ReadError::Strange("it has no site".into()))
    }

    /// The newest row; `None` in a new store.
    pub fn last_row(&self) -> Result<Option<LastRow>, ReadError> {
        Ok(state::last_row(&self.connect()?)?)
    }

    /// The last complete snapshot and the row at which it was frozen; `None` before the first.
    pub fn snapshot(&self) -> Result<Option<(u64, Vec<SnapshotPart>)>, ReadError> {
        let mut conn = self.connect()?;
        let tx = conn.transaction()?;
        let Some(row) = state::row_number(&tx, "snapshot_row")? else { return Ok(None) };
        Ok(Some((row, state::snapshot(&tx)?)))
    }

    /// The journal after row `after`, in order, fetched in chunks, up to the newest there is.
    pub fn rows(&self, after: u64) -> Result<Rows, ReadError> {
        Ok(Rows::after(self.connect()?, after))
    }

    /// How many rows up to row `upto` another version of the core folded.
    pub fn rows_of_other_cores(&self, upto: u64) -> Result<u64, ReadError> {
        Ok(self.connect()?.query_row(
            "SELECT count(*) FROM journal WHERE n <= ? AND core <> ?",
            params![upto as i64, CORE_VERSION],
            |row| unsigned(row, 0),
        )?)
    }

    /// At most `limit` transitions after `seq`, oldest first.
    pub fn transitions(&self, seq: u64, limit: usize) -> Result<Vec<TransitionRow>, ReadError> {
        self.list(
            "SELECT * FROM transitions WHERE seq > ? ORDER BY seq LIMIT ?",
            params![seq as i64, limit as i64],
            transition,
        )
    }

    /// At most `limit` transitions of alarms after `seq`, oldest first.
    pub fn alarms_after(&self, seq: u64, limit: usize) -> Result<Vec<TransitionRow>, ReadError> {
        self.list(
            "SELECT * FROM transitions WHERE seq > ? AND kind = 'alarm' ORDER BY seq LIMIT ?",
            params![seq as i64, limit as i64],
            transition,
        )
    }

    /// The transitions caused by rows `first` to `last`, both included, oldest first.
    pub fn transitions_of_rows(
        &self,
        first: u64,
        last: u64,
    ) -> Result<Vec<TransitionRow>, ReadError> {
        self.list(
            "SELECT * FROM transitions WHERE n BETWEEN ? AND ? ORDER BY seq",
            [first as i64, last as i64],
            transition,
        )
    }

    /// How many transitions rows up to row `upto` caused.
    pub fn transitions_up_to(&self, upto: u64) -> Result<u64, ReadError> {
        Ok(self.connect()?.query_row(
            "SELECT count(*) FROM transitions WHERE n <= ?",
            [upto as i64],
            |row| unsigned(row, 0),
        )?)
    }

    /// Every transition of an alarm, oldest first; none if there is no such alarm.
    pub fn alarm_history(&self, alarm: &AlarmId) -> Result<Vec<TransitionRow>, ReadError> {
        self.list(
            "SELECT * FROM transitions WHERE alarm = ? ORDER BY seq",
            [alarm.as_str()],
            transition,
        )
    }

    /// What an alarm was raised on: the limits in force as JSON, and its last readings; `None` for
    /// alarms of stores that did not keep it.
    pub fn alarm_grounds(
        &self,
        alarm: &AlarmId,
    ) -> Result<Option<(String, Vec<Point>)>, ReadError> {
        alarm_context::read(&self.connect()?, alarm)
    }

    /// The newest transition of each alarm that passes the filter, newest first, at most `limit`,
    /// and only those whose newest is before transition `before`.
    pub fn alarms(
        &self,
        filter: &AlarmFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<TransitionRow>, ReadError> {
        let states =
            serde_json::to_string(&filter.states).map_err(|e| ReadError::Strange(e.to_string()))?;
        // Said outright, so that SQLite takes the index by patient.
        let of_patient = if filter.patient.is_some() { "patient = ?2" } else { "?2 IS NULL" };
        let sql = format!(
            "SELECT * FROM transitions t WHERE alarm IS NOT NULL AND kind = 'alarm' AND seq < ?1
               AND {of_patient} AND (?3 IS NULL OR body ->> 'ward' = ?3)
               AND (?4 = '[]' OR body ->> 'state' IN (SELECT value FROM json_each(?4)))
               AND NOT EXISTS (SELECT 1 FROM transitions later
                 WHERE later.alarm = t.alarm AND later.seq > t.seq AND later.kind = 'alarm')
             ORDER BY seq DESC LIMIT ?5"
        );
        self.list(
            &sql,
            params![
                before.map_or(i64::MAX, |seq| seq as i64),
                filter.patient.as_ref().map(PatientId::as_str),
                filter.ward.as_ref().map(WardId::as_str),
                states,
                limit as i64,
            ],
            transition,
        )
    }

    /// Dead letters, newest first: of one device or relay or of all, before number `before`.
    pub fn dead_letters(
        &self,
        of: Option<&DeviceId>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<DeadLetterRow>, ReadError> {
        let before = before.map_or(i64::MAX, |id| id as i64);
        match of {
            Some(of) => self.list(
                "SELECT * FROM dead_letters WHERE ifnull(device, principal) = ? AND id < ?
                   ORDER BY id DESC LIMIT ?",
                params![of.as_str(), before, limit as i64],
                dead_letter,
            ),
            None => self.list(
                "SELECT * FROM dead_letters WHERE id < ? ORDER BY id DESC LIMIT ?",
                [before, limit as i64],
                dead_letter,
            ),
        }
    }

    /// How many dead letters each device or relay ever caused, those that are gone included.
    pub fn dead_letter_counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        self.list("SELECT owner, total FROM dead_letter_counts ORDER BY owner", [], |row| {
            Ok((row.get(0)?, unsigned(row, 1)?))
        })
    }

    /// At most `limit` acts of the audit before number `before`, newest first.
    pub fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<ActRow>, ReadError> {
        self.list(
            "SELECT a.seq, a.at, a.actor, a.what, a.hash, a.chain,
                 CASE WHEN json_valid(t.body) THEN t.body ->> 'outcome' END,
                 CASE t.kind WHEN 'refusal' THEN t.body END
               FROM audit a LEFT JOIN transitions t USING(seq)
               WHERE a.seq < ? ORDER BY a.seq DESC LIMIT ?",
            [before.map_or(i64::MAX, |seq| seq as i64), limit as i64],
            |row| {
                Ok(ActRow {
                    seq: unsigned(row, 0)?,
                    at: Timestamp::from_micros(row.get(1)?),
                    actor: row.get(2)?,
                    what: row.get(3)?,
                    hash: row.get(4)?,
                    chain: row.get(5)?,
                    outcome: row.get(6)?,
                    tried: row.get(7)?,
                })
            },
        )
    }

    /// The first act that does not follow from the one before, or whose time, actor, word or body is
    /// not the one that was hashed; `None` when the chain is whole. Erased bodies pass.
    pub fn audit_break(&self) -> Result<Option<u64>, ReadError> {
        let conn = self.connect()?;
        let mut statement = conn.prepare(
            "SELECT a.seq, a.at, a.actor, a.what, a.hash, a.chain, t.body
               FROM audit a LEFT JOIN transitions t USING(seq) ORDER BY a.seq",
        )?;
        let mut rows = statement.query([])?;
        let mut before = vec![0; 32];
        while let Some(row) = rows.next()? {
            let (actor, what): (Option<String>, String) = (row.get(2)?, row.get(3)?);
            let (hash, chain): (Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?);
            let body: Option<String> = row.get(6)?;
            let act = commit::Act {
                seq: unsigned(row, 0)?,
                at: Timestamp::from_micros(row.get(1)?),
                actor: actor.as_deref(),
                what: &what,
                hash: &hash,
            };
            let erased = body.as_deref().is_none_or(str::is_empty);
            let same = erased || body.is_some_and(|body| commit::sha256(body.as_bytes()) == hash);
            if !same || act.chain(&before) != chain {
                return Ok(Some(act.seq));
            }
            before = chain;
        }
        Ok(None)
    }

    /// Bytes by table, largest first. Reads the whole file's page headers.
    pub fn sizes(&self) -> Result<Vec<TableSize>, ReadError> {
        self.list(
            "SELECT ifnull(m.tbl_name, s.name) AS t, sum(s.pgsize) FROM dbstat s
               LEFT JOIN sqlite_master m ON m.name = s.name WHERE s.aggregate = 1 GROUP BY t
             UNION ALL SELECT '(free)', freelist_count * page_size
               FROM pragma_freelist_count, pragma_page_size ORDER BY 2 DESC",
            [],
            |row| Ok(TableSize { table: row.get(0)?, bytes: unsigned(row, 1)? }),
        )
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn connect(&self) -> Result<Connection, ReadError> {
        Ok(schema::readable(&self.path)?)
    }

    fn list<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadError> {
        let conn = self.connect()?;
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The series in columns `at`, `at + 1` and `at + 2`.
pub(super) fn series_key(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<SeriesKey> {
    Ok(SeriesKey {
        device: id(row, at)?,
        signal: SignalId(row.get(at + 1)?),
        instance: row.get::<_, String>(at + 2)?.as_str().into(),
    })
}

fn transition(row: &SqlRow<'_>) -> rusqlite::Result<TransitionRow> {
    Ok(TransitionRow {
        seq: unsigned(row, 0)?,
        n: unsigned(row, 1)?,
        at: Timestamp::from_micros(row.get(2)?),
        kind: row.get(3)?,
        change: row.get(4)?,
        alarm: optional_id(row, 5)?,
        patient: optional_id(row, 6)?,
        actor: row.get(7)?,
        body: row.get(8)?,
    })
}

fn dead_letter(row: &SqlRow<'_>) -> rusqlite::Result<DeadLetterRow> {
    Ok(DeadLetterRow {
        id: unsigned(row, 0)?,
        at: Timestamp::from_micros(row.get(1)?),
        principal: id(row, 2)?,
        device: optional_id(row, 3)?,
        topic: row.get(4)?,
        kind: row.get(5)?,
        reason: row.get(6)?,
        length: unsigned(row, 7)?,
        head: row.get(8)?,
    })
}

pub(super) fn unsigned(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(|n| n as u64)
}

fn id<T>(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = vitalgate_domain::model::ids::NotAnId>,
{
    parse(row.get_ref(at)?.as_str()?, at)
}

fn optional_id<T>(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr<Err = vitalgate_domain::model::ids::NotAnId>,
{
    row.get_ref(at)?.as_str_or_null()?.map(|text| parse(text, at)).transpose()
}

fn parse<T>(text: &str, at: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = vitalgate_domain::model::ids::NotAnId>,
{
    text.parse().map_err(|e: vitalgate_domain::model::ids::NotAnId| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(e))
    })
}
