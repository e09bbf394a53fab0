//! What the store itself says between two transitions: signed, chained with them, and never taken out.

use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};

use super::key::{AuditKey, PublicKey};
use super::{End, Link, link, sha256};
use crate::file::row::unsigned;

/// What is said, as the JSON that is stored and signed. It grows only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Statement {
    /// The chain begins, signed by this key.
    Begun {
        store: String,
        key: String,
        /// What an older version left, chained now.
        adopted: Option<Adopted>,
    },
    /// From here on another key signs.
    Key { key: String, head: Option<String> },
    /// The store was made from a copy of another, which stood at this head when it was last signed.
    Restored { store: String, key: String, from: String, head: Option<String> },
    /// The chain did not go on from its head when the store was opened.
    Broken { why: String, head: Option<String> },
    /// Retention took transitions; their hashes are in `cut`.
    Cut(Removed),
}

/// What an older version left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adopted {
    /// How many transitions.
    pub(crate) transitions: u64,
    /// Where the older chain, of acts only, was broken.
    pub(crate) broken_at: Option<u64>,
}

/// Transitions that were cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    /// The first and the last of them; not all between need to be.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// How many.
    pub(crate) count: u64,
    /// SHA-256 of number and hash of each, in order, in hexadecimal.
    pub(crate) hash: String,
}

impl Statement {
    /// The key that signs from here on, where it changes.
    pub(crate) fn key(&self) -> Option<PublicKey> {
        match self {
            Self::Begun { key, .. } | Self::Key { key, .. } | Self::Restored { key, .. } => {
                PublicKey::of_text(key)
            }
            Self::Broken { .. } | Self::Cut(_) => None,
        }
    }

    /// The store's id from here on, where it changes.
    pub(crate) fn store(&self) -> Option<&str> {
        match self {
            Self::Begun { store, .. } | Self::Restored { store, .. } => Some(store),
            Self::Key { .. } | Self::Broken { .. } | Self::Cut(_) => None,
        }
    }

    /// Says it at the end of the chain.
    pub(crate) fn say(&self, tx: &Transaction<'_>, key: &AuditKey) -> rusqlite::Result<End> {
        let end = End::of(tx)?;
        let body = serde_json::to_string(self)
            .unwrap_or_else(|e| unreachable!("a statement has text for keys: {e}"));
        let signature = key.sign(&signed(&end.link, &body));
        let said = Said { id: end.said + 1, after: end.seq, body, signature: signature.to_vec() };
        let link = link(&end.link, &said.hash());
        tx.execute(
            "INSERT INTO statements VALUES(?, ?, ?, ?, ?)",
            params![said.id as i64, said.after as i64, said.body, said.signature, link],
        )?;
        Ok(End { said: said.id, link, ..end })
    }
}

/// What is signed: where it is said, and what.
fn signed(before: &Link, body: &str) -> Vec<u8> {
    [b"vitalgate statement\n", &before[..], body.as_bytes()].concat()
}

/// A statement as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) id: u64,
    /// After which transition.
    pub(crate) after: u64,
    pub(crate) body: String,
    pub(crate) signature: Vec<u8>,
}

impl Said {
    /// Every statement with its link, in order.
    pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<(Self, Vec<u8>)>> {
        let mut all = conn.prepare(
            "SELECT id, after_seq, CAST(body AS BLOB), signature, link FROM statements ORDER BY id",
        )?;
        let all = all.query_map([], |row| {
            let body: Vec<u8> = row.get(2)?;
            let body = String::from_utf8_lossy(&body).into_owned();
            let said = Self {
                id: unsigned(row, 0)?,
                after: unsigned(row, 1)?,
                body,
                signature: row.get(3)?,
            };
            Ok((said, row.get(4)?))
        })?;
        all.collect()
    }

    /// Its SHA-256, laid out as that of a transition.
    pub(crate) fn hash(&self) -> Link {
        let mut all = vec![b's'];
        for number in [self.id, self.after, self.body.len() as u64] {
            all.extend(number.to_be_bytes());
        }
        all.extend(self.body.as_bytes());
        all.extend(&self.signature);
        sha256(&all)
    }

    /// What it says, if it is a statement.
    pub(crate) fn statement(&self) -> Option<Statement> {
        serde_json::from_str(&self.body).ok()
    }

    /// Whether this key signed it, said after this link.
    pub(crate) fn is_by(&self, key: &PublicKey, before: &Link) -> bool {
        key.verifies(&signed(before, &self.body), &self.signature)
    }
}
