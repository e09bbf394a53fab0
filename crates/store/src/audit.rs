//! The chain of acts: what a person did, or a device was refused.

use ring::digest::{SHA256, digest};
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::types::StoredTransition;
use vitalgate_domain::model::time::Timestamp;

/// Adds an act to the hash chain: what a person did, or a device was refused.
pub(crate) fn append(tx: &Transaction<'_>, t: &StoredTransition) -> rusqlite::Result<()> {
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
