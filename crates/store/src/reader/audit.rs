//! The audit read back, and whether its chain is whole.

use super::Reader;
use crate::audit::{Act, sha256};
use crate::file::error::ReadError;
use crate::file::row::unsigned;
use vitalgate_domain::model::time::Timestamp;

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

impl Reader {
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
            let act = Act {
                seq: unsigned(row, 0)?,
                at: Timestamp::from_micros(row.get(1)?),
                actor: actor.as_deref(),
                what: &what,
                hash: &hash,
            };
            let erased = body.as_deref().is_none_or(str::is_empty);
            let same = erased || body.is_some_and(|body| sha256(body.as_bytes()) == hash);
            if !same || act.chain(&before) != chain {
                return Ok(Some(act.seq));
            }
            before = chain;
        }
        Ok(None)
    }
}
