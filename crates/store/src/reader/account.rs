//! What a store can give account of: which versions judged its rows, and what retention took.

use rusqlite::Connection;

use super::Reader;
use crate::file::error::ReadError;
use crate::file::row::unsigned;
use vitalgate_domain::model::time::Timestamp;

/// Rows of the journal that one version of the core folded under the same rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedBy {
    /// The version of the core.
    pub core: u32,
    /// The rules, by their hash.
    pub rules: Vec<u8>,
    /// The first of the rows.
    pub first: u64,
    /// The last of them; others may lie between.
    pub last: u64,
}

/// What retention took, as far as that is noted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Transitions.
    pub transitions: u64,
    /// Series of numbers of which blocks went, and up to which instant at the latest.
    pub numbers: (u64, Option<Timestamp>),
    /// Series of words likewise.
    pub words: (u64, Option<Timestamp>),
}

impl Reader {
    /// By which versions and rules the rows of the journal were judged, by when that began.
    pub fn judged_by(&self) -> Result<Vec<JudgedBy>, ReadError> {
        self.list(
            "SELECT core, rules, min(n), max(n) FROM journal GROUP BY core, rules ORDER BY min(n)",
            [],
            |row| {
                Ok(JudgedBy {
                    core: row.get(0)?,
                    rules: row.get(1)?,
                    first: unsigned(row, 2)?,
                    last: unsigned(row, 3)?,
                })
            },
        )
    }

    /// What retention took. A store of an older version does not know all of it.
    pub fn removed(&self) -> Result<Removed, ReadError> {
        let conn = self.connect()?;
        let pruned = |table: &str, column: &str| -> Result<(u64, Option<Timestamp>), ReadError> {
            if !has_table(&conn, table)? {
                return Ok((0, None));
            }
            // A series that is new, or of which an older version did not note it, says the beginning of time.
            let sql = format!(
                "SELECT count(*), max({column}) FROM {table} WHERE ifnull({column}, 0) > 0"
            );
            Ok(conn.query_row(&sql, [], |row| {
                let upto: Option<i64> = row.get(1)?;
                Ok((unsigned(row, 0)?, upto.map(Timestamp::from_micros)))
            })?)
        };
        let transitions = if has_table(&conn, "cut")? {
            conn.query_row("SELECT count(*) FROM cut", [], |row| unsigned(row, 0))?
        } else {
            0
        };
        let (numbers, words) = (pruned("gone", "upto")?, pruned("word_series", "gone")?);
        Ok(Removed { transitions, numbers, words })
    }
}

fn has_table(conn: &Connection, name: &str) -> Result<bool, ReadError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
    Ok(conn.query_row(sql, [name], |row| unsigned(row, 0))? > 0)
}
