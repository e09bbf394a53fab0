//! The chain of all transitions, so that none can be changed or taken out unnoticed.
//!
//! Its entries are the transitions by their number and, between them, *statements* of the store: how the
//! chain begins, with which key it is signed, what was cut by retention. The link of an entry is SHA-256 of
//! the link before it and of the SHA-256 of the entry; the first follows 32 zeros. What is vouched for is
//! the *head*, the last link with its place, signed by a key beside the store: about once a second while
//! there is news, and at the end. It is on the disk with the next commit, and leaves the machine by
//! [`Host::head`](crate::Host::head).
//!
//! The table `audit` lists the acts among the transitions once more, without patients.

pub(crate) mod adopt;
pub(crate) mod check;
pub(crate) mod cut;
pub(crate) mod head;
pub(crate) mod key;
pub(crate) mod stand;
pub(crate) mod statement;

pub use self::check::{Checked, Evidence};
pub use self::head::{Head, NotAHead, SignedHead};
pub use self::key::{AuditKey, PublicKey, accept};
pub use self::stand::Standing;

use ring::digest::{Context, SHA256, digest};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::file::row::unsigned;
use vitalgate_domain::model::time::Timestamp;

/// SHA-256 of all that is chained up to an entry.
pub(crate) type Link = [u8; 32];

/// Before the first entry.
pub(crate) const NOTHING: Link = [0; 32];

/// A transition as it is chained; texts as bytes, for a changed one may be anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chained<'a> {
    pub(crate) seq: u64,
    /// The row of the journal it came of.
    pub(crate) n: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: &'a [u8],
    pub(crate) change: &'a [u8],
    pub(crate) alarm: Option<&'a [u8]>,
    pub(crate) patient: Option<&'a [u8]>,
    pub(crate) actor: Option<&'a [u8]>,
    /// SHA-256 of the body.
    pub(crate) body: Link,
    /// [`grounds`] of the alarm it raises.
    pub(crate) grounds: Option<Link>,
}

impl<'a> Chained<'a> {
    /// The columns of one, in their order: `seq, n, at, kind, change, alarm, patient, actor, body, grounds`.
    pub(crate) fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_bytes_or_null()?);
        Ok(Self {
            seq: unsigned(row, 0)?,
            n: unsigned(row, 1)?,
            at: Timestamp::from_micros(row.get(2)?),
            kind: text(3)?.unwrap_or_default(),
            change: text(4)?.unwrap_or_default(),
            alarm: text(5)?,
            patient: text(6)?,
            actor: text(7)?,
            body: sha256(text(8)?.unwrap_or_default()),
            grounds: text(9)?.map(|hash| hash.try_into().unwrap_or(NOTHING)),
        })
    }

    /// Whether it is what a person did, or somebody was refused.
    pub(crate) fn is_act(&self) -> bool {
        matches!(self.kind, b"answer" | b"refusal")
    }

    /// Its SHA-256. Numbers are of eight bytes, big end first; a text follows its length and what may be
    /// missing a byte that says whether it is, so that none can pass for another.
    pub(crate) fn hash(&self) -> Link {
        let mut hash = Context::new(&SHA256);
        hash.update(b"t");
        for number in [self.seq, self.n, self.at.as_micros() as u64] {
            hash.update(&number.to_be_bytes());
        }
        let grounds = self.grounds.as_ref().map(|hash| &hash[..]);
        let texts = [self.alarm, self.patient, self.actor, grounds];
        for text in [Some(self.kind), Some(self.change), Some(&self.body)].into_iter().chain(texts)
        {
            hash.update(&[u8::from(text.is_some())]);
            let text = text.unwrap_or_default();
            hash.update(&(text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        array(hash.finish().as_ref())
    }
}

/// SHA-256 of what an alarm was raised on: its limits and last readings, as they are stored.
pub(crate) fn grounds(limits: &[u8], readings: &[u8]) -> Link {
    sha256(&[&(limits.len() as u64).to_be_bytes(), limits, readings].concat())
}

/// The next link.
pub(crate) fn link(before: &Link, hash: &Link) -> Link {
    sha256(&[&before[..], hash].concat())
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Link {
    array(digest(&SHA256, bytes).as_ref())
}

fn array(hash: &[u8]) -> Link {
    let mut array = [0; 32];
    array.copy_from_slice(hash);
    array
}

/// Where a chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// The number of the newest transition; 0 before the first.
    pub(crate) seq: u64,
    /// The number of the newest statement.
    pub(crate) said: u64,
    /// The last link.
    pub(crate) link: Link,
}

impl End {
    /// As the tables have it.
    pub(crate) fn of(conn: &Connection) -> rusqlite::Result<Self> {
        let mut newest = conn.prepare_cached(
            "SELECT max(seq), ifnull((SELECT link FROM transitions ORDER BY seq DESC LIMIT 1), x'')
               FROM transitions",
        )?;
        let (seq, of_transition) =
            newest.query_row([], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?)))?;
        let seq = seq.map_or(0, |seq| seq as u64);
        let mut said = conn.prepare_cached(
            "SELECT id, after_seq, link FROM statements ORDER BY id DESC LIMIT 1",
        )?;
        let said = said
            .query_row([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?, row.get(2)?)))
            .optional()?;
        Ok(match said {
            Some((said, after, link)) if after >= seq => {
                Self { seq: after, said, link: stored(link) }
            }
            said => {
                let said = said.map_or(0, |(said, ..): (u64, u64, Vec<u8>)| said);
                Self { seq, said, link: stored(of_transition) }
            }
        })
    }
}

/// A link as it was stored; where it is none, what follows cannot follow from it either.
pub(crate) fn stored(link: Vec<u8>) -> Link {
    link.try_into().unwrap_or(NOTHING)
}

/// Lists an act, with its link.
pub(crate) fn list(tx: &Transaction<'_>, act: &Chained<'_>, link: &Link) -> rusqlite::Result<()> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    tx.prepare_cached("INSERT INTO audit VALUES(?, ?, ?, ?, ?, ?)")?.execute(params![
        act.seq as i64,
        act.at.as_micros(),
        act.actor.map(text),
        text(act.change),
        act.body,
        link,
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
