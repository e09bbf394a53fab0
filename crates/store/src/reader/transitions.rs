//! Transitions and alarms read back.

use rusqlite::{Row, params};

use super::Reader;
use crate::file::error::ReadError;
use crate::file::row::{id, optional_id, unsigned};
use crate::history::point::Point;
use vitalgate_domain::model::ids::{AlarmId, PatientId, WardId};
use vitalgate_domain::model::time::Timestamp;

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
    /// Only of these wards, or of no patient.
    pub wards: Option<Vec<WardId>>,
}

impl Reader {
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

    /// Every move of an alarm of a patient, or of the gateway itself, up to row `upto`: its row, its number, and which alarm.
    pub fn moves_of(
        &self,
        patient: Option<&PatientId>,
        upto: u64,
    ) -> Result<Vec<(u64, u64, AlarmId)>, ReadError> {
        self.list(
            "SELECT n, seq, alarm FROM transitions
               WHERE kind = 'alarm' AND patient IS ?1 AND n <= ?2 ORDER BY seq",
            params![patient.map(PatientId::as_str), upto as i64],
            |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?, id(row, 2)?)),
        )
    }

    /// The number of each answer to a command of rows `first` to `last`, with its row.
    pub fn answers_of_rows(&self, first: u64, last: u64) -> Result<Vec<(u64, u64)>, ReadError> {
        self.list(
            "SELECT n, seq FROM transitions WHERE kind = 'answer' AND n BETWEEN ?1 AND ?2 ORDER BY seq",
            [first as i64, last as i64],
            |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)),
        )
    }

    /// What an alarm was raised on: the limits in force as JSON, and its last readings; `None` for
    /// alarms of stores that did not keep it.
    pub fn alarm_grounds(
        &self,
        alarm: &AlarmId,
    ) -> Result<Option<(String, Vec<Point>)>, ReadError> {
        let conn = self.connect()?;
        let mut statement =
            conn.prepare("SELECT limits, readings FROM alarm_grounds WHERE alarm = ?")?;
        let mut rows = statement.query([alarm.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let readings =
            serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
                .map_err(|e| ReadError::Strange(e.to_string()))?;
        Ok(Some((row.get(0)?, readings)))
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
        let wards = filter.wards.as_ref().map(serde_json::to_string).transpose();
        let wards = wards.map_err(|e| ReadError::Strange(e.to_string()))?;
        // Said outright, so that SQLite takes the index by patient.
        let of_patient = if filter.patient.is_some() { "patient = ?2" } else { "?2 IS NULL" };
        let sql = format!(
            "SELECT * FROM transitions t WHERE alarm IS NOT NULL AND kind = 'alarm' AND seq < ?1
               AND {of_patient} AND (?3 IS NULL OR coalesce(body ->> 'ward_now', body ->> 'ward') = ?3)
               AND (?6 IS NULL OR patient IS NULL
                 OR coalesce(body ->> 'ward_now', body ->> 'ward') IN (SELECT value FROM json_each(?6)))
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
                wards,
            ],
            transition,
        )
    }
}

fn transition(row: &Row<'_>) -> rusqlite::Result<TransitionRow> {
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
