//! Whether a store's audit is whole: every entry walked through, from the first link to the last, and every
//! head that vouches for it met on the way.

mod tables;
mod walk;

use rusqlite::Connection;

use super::adopt;
use super::head::{Head, SignedHead};
use super::key::PublicKey;
use super::stand;
use crate::file::error::ReadError;
use crate::file::foreign;

use self::walk::Walk;

/// Findings and notes that are listed; all findings are counted.
const LISTED: usize = 20;

/// By what an audit is judged, besides itself.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The key that must have signed it; without one any that the store names will do.
    pub key: Option<PublicKey>,
    /// Heads that were kept elsewhere: the store must hold each, and go on from it.
    pub heads: Vec<SignedHead>,
}

/// What was found of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Transitions that are there.
    pub transitions: u64,
    /// Of those, acts.
    pub acts: u64,
    /// Transitions that retention took, as the store states.
    pub cut: u64,
    /// Statements of the store.
    pub statements: u64,
    /// What is wrong: how often.
    pub found: u64,
    /// The first of it, in words.
    pub findings: Vec<String>,
    /// What is not wrong, and should be known.
    pub notes: Vec<String>,
    /// Entries after the head on the disk: nothing vouches for them yet.
    pub unsigned: u64,
    /// Heads kept elsewhere that the store holds.
    pub met: u64,
    /// Where the chain ends; `None` in a store of a version that has none yet.
    pub end: Option<Head>,
}

impl Checked {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.found == 0
    }

    fn find(&mut self, what: String) {
        self.found += 1;
        if self.findings.len() < LISTED {
            self.findings.push(what);
        }
    }

    fn note(&mut self, what: String) {
        if self.notes.len() < LISTED {
            self.notes.push(what);
        }
    }
}

/// Checks what one transaction sees.
pub(crate) fn check(conn: &Connection, evidence: &Evidence) -> Result<Checked, ReadError> {
    let mut checked = if adopt::is_chained(conn)? {
        let mut walk = Walk::new(conn, evidence)?;
        walk.go()?;
        let mut checked = walk.ended(evidence)?;
        checked.end = Some(stand::now(conn)?);
        tables::check(conn, &mut checked)?;
        checked
    } else {
        older(conn)?
    };
    for object in foreign::foreign(conn)? {
        checked.find(object);
    }
    Ok(checked)
}

/// Of a store that is not upgraded yet, all that can be said.
fn older(conn: &Connection) -> Result<Checked, ReadError> {
    let mut checked = Checked::default();
    if let Some(seq) = adopt::older_break(conn)? {
        checked.find(format!("the chain of acts is broken at transition {seq}"));
    }
    let what = "only acts are chained, and nothing is signed, before it is opened by this program";
    checked.note(format!("the store is of an older version: {what}"));
    Ok(checked)
}
