//! The audit read back, and whether it is whole.

use super::Reader;
use crate::audit::adopt;
use crate::audit::check::{Checked, Evidence, check};
use crate::audit::head::SignedHead;
use crate::audit::key::{AuditKey, PublicKey};
use crate::audit::stand;
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

    /// Whether the audit is whole: the chain of all transitions, the acts among them, what alarms stand on,
    /// the heads that vouch for it. Reads all of it in one transaction.
    pub fn check_audit(&self, evidence: &Evidence) -> Result<Checked, ReadError> {
        let mut conn = self.connect()?;
        check(&*conn.transaction()?, evidence)
    }

    /// Where the audit stands now, signed, if it goes on from the head on the disk. Nothing is written.
    pub fn sign_audit(&self, key: &AuditKey) -> Result<SignedHead, ReadError> {
        let mut conn = self.connect()?;
        let tx = conn.transaction()?;
        if !adopt::is_chained(&tx)? {
            return Err(ReadError::Strange("it is of a version without a chain of all".to_owned()));
        }
        stand::sign_whole(&tx, key)?.map_err(ReadError::Audit)
    }

    /// The key that the store names, by which it says it is signed.
    pub fn audit_key(&self) -> Result<Option<PublicKey>, ReadError> {
        Ok(stand::key_in_force(&self.connect()?)?)
    }
}
