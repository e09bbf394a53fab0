//! How a chain stands when its store is opened, and its head on the disk.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::head::{Head, SignedHead};
use super::key::{AuditKey, PublicKey, is_accepted};
use super::statement::{Said, Statement};
use super::{End, Link, stored};
use crate::file::row::unsigned;
use crate::file::{meta, state};
use vitalgate_domain::model::time::{Span, Timestamp};

/// Where the newest head is kept. Only that one: an older one would vouch for a chain cut back to it.
const HEAD: &str = "audit_head";

/// A gateway signs about once a second while there is news, and the head is on the disk with the row that
/// follows. So a crash leaves rows of this long behind it, and one or two more.
const BEHIND: Span = Span::secs(5);
const ROWS_BEHIND: u64 = 2;

/// What was found of the audit when its store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Entries after the signed head: of the last seconds before a crash, or somebody else's.
    pub unsigned: u64,
    /// Why the chain does not go on from its head. From now on the store says so for ever.
    pub broken: Option<String>,
    /// Whether another key signs from now on.
    pub other_key: bool,
    /// The name of the key that signs, where it took the place of another and nobody has accepted it yet.
    pub replaced: Option<String>,
    /// Why the key that was there cannot be used.
    pub key_fault: Option<String>,
    /// Tables, indexes, views and triggers that no program of this name makes, and those that are missing.
    pub foreign: Vec<String>,
}

impl Standing {
    /// The same once more: whoever runs the store in `dir` may have accepted the key since.
    #[must_use]
    pub fn again(self, dir: &Path) -> Self {
        let accepted = self.replaced.as_ref().is_some_and(|name| is_accepted(dir, name));
        if accepted { Self { replaced: None, key_fault: None, ..self } } else { self }
    }
}

/// Signs the chain's end as the tables have it.
pub(crate) fn sign(conn: &Connection, key: &AuditKey) -> rusqlite::Result<SignedHead> {
    Ok(now(conn)?.signed(key))
}

/// The chain's end, unsigned.
pub(crate) fn now(conn: &Connection) -> rusqlite::Result<Head> {
    let End { seq, said, link } = End::of(conn)?;
    let store = meta::get(conn, "store")?.unwrap_or_default();
    let at = state::last_row(conn)?.map_or(Timestamp::default(), |row| row.at + row.offset);
    Ok(Head { store, seq, said, at, link })
}

/// Puts a head on the disk.
pub(crate) fn keep(conn: &Connection, head: &SignedHead) -> rusqlite::Result<()> {
    meta::set(conn, HEAD, head.to_string())
}

/// The head on the disk, whatever is written there.
pub(crate) fn kept(conn: &Connection) -> rusqlite::Result<Option<String>> {
    conn.query_row("SELECT CAST(value AS TEXT) FROM meta WHERE key = ?", [HEAD], |row| row.get(0))
        .optional()
}

/// Signs a chain that goes on from its head; else says why it does not.
pub(crate) fn sign_whole(
    conn: &Connection,
    key: &AuditKey,
) -> rusqlite::Result<Result<SignedHead, String>> {
    Ok(match why_broken(conn, key_in_force(conn)?, kept(conn)?.as_deref())? {
        Some(why) => Err(why),
        None => Ok(sign(conn, key)?),
    })
}

/// Both.
pub(crate) fn sign_and_keep(tx: &Transaction<'_>, key: &AuditKey) -> rusqlite::Result<SignedHead> {
    let head = sign(tx, key)?;
    keep(tx, &head)?;
    Ok(head)
}

/// Looks whether the chain goes on from its head. Where it does not, or another key signs from now on, that
/// is said in the chain, so that no later head covers it up.
pub(crate) fn stand(
    conn: &mut Connection,
    key: &AuditKey,
    dir: &Path,
) -> rusqlite::Result<Standing> {
    let tx = conn.transaction()?;
    let (named, head) = (key_in_force(&tx)?, kept(&tx)?);
    let broken = why_broken(&tx, named, head.as_deref())?;
    let parsed: Option<SignedHead> = head.as_deref().and_then(|text| text.parse().ok());
    let end = End::of(&tx)?;
    let unsigned = parsed.map_or(0, |signed| end.seq.saturating_sub(signed.head.seq));
    let other_key = named != Some(key.public());
    if let Some(why) = &broken {
        Statement::Broken { why: why.clone(), head: head.clone() }.say(&tx, key)?;
    }
    if other_key {
        Statement::Key { key: key.public().text(), head }.say(&tx, key)?;
    }
    let replaced = took_the_place_of_another(&tx)? && !is_accepted(dir, &key.public().name());
    if other_key || broken.is_some() {
        sign_and_keep(&tx, key)?;
        tx.commit()?;
    }
    let replaced = replaced.then(|| key.public().name());
    Ok(Standing { unsigned, broken, other_key, replaced, ..Standing::default() })
}

/// Whether the key in force is not the one that the store was made with.
fn took_the_place_of_another(conn: &Connection) -> rusqlite::Result<bool> {
    let all = Said::all(conn)?;
    let statements = all.iter().rev().filter_map(|(said, _)| said.statement());
    let named = statements.into_iter().find(|statement| statement.key().is_some());
    Ok(matches!(named, Some(Statement::Key { .. })))
}

/// The key that the statements name last.
pub(crate) fn key_in_force(conn: &Connection) -> rusqlite::Result<Option<PublicKey>> {
    let all = Said::all(conn)?;
    let mut statements = all.iter().rev().filter_map(|(said, _)| said.statement());
    Ok(statements.find_map(|statement| statement.key()))
}

/// Why the chain does not go on from its head, if it does not.
pub(crate) fn why_broken(
    conn: &Connection,
    named: Option<PublicKey>,
    head: Option<&str>,
) -> rusqlite::Result<Option<String>> {
    let Some(named) = named else {
        return Ok(Some("nothing says how it begins, and with which key".to_owned()));
    };
    let Some(Ok(signed)) = head.map(str::parse::<SignedHead>) else {
        return Ok(Some("its signed head is gone".to_owned()));
    };
    let head = &signed.head;
    let why = if !signed.is_by(&named) {
        format!("its head is not signed by its key {}", named.name())
    } else if meta::get(conn, "store")?.as_ref() != Some(&head.store) {
        format!("its head is of the store {}", head.store)
    } else if link_at(conn, head.seq, head.said)? != Some(head.link) {
        format!(
            "what its head vouches for, transition {} and statement {}, is not there",
            head.seq, head.said
        )
    } else {
        return too_much_behind(conn, head);
    };
    Ok(Some(why))
}

/// Why more stands behind a head than a crash can leave there.
fn too_much_behind(conn: &Connection, head: &Head) -> rusqlite::Result<Option<String>> {
    if End::of(conn)?.said > head.said {
        // A statement and the head that covers it are one transaction.
        return Ok(Some(format!("statements follow its head after {}", head.said)));
    }
    let (transitions, rows, first): (i64, i64, Option<i64>) = conn.query_row(
        "SELECT count(*), count(j.n), min(j.at) FROM transitions t LEFT JOIN journal j USING(n)
           WHERE t.seq > ?",
        [head.seq as i64],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if rows < transitions {
        return Ok(Some(format!("of transitions after its head, {}, the rows are gone", head.seq)));
    }
    // The time of a stream says nothing of seconds.
    let by_stream = meta::get(conn, "stream_clock")?.unwrap_or(false);
    let Some(first) = first.filter(|_| !by_stream) else { return Ok(None) };
    let sql = "SELECT count(*) FROM journal WHERE at > ?";
    let late = conn.query_row(sql, [first + BEHIND.as_micros()], |row| unsigned(row, 0))?;
    Ok((late > ROWS_BEHIND).then(|| {
        format!("{transitions} transitions follow its head and were never signed, though {late} rows came later")
    }))
}

/// The newest row up to which the head on the disk vouches for all transitions; `None` where it vouches for all there
/// are, or there is no head. The rows after it say where the transitions come from that a crash left unsigned.
pub(crate) fn vouched_to(conn: &Connection) -> rusqlite::Result<Option<u64>> {
    let head = kept(conn)?.and_then(|text| text.parse::<SignedHead>().ok());
    let Some(signed) = head else { return Ok(None) };
    let sql = "SELECT n FROM transitions WHERE seq > ? ORDER BY seq LIMIT 1";
    let mut first = conn.prepare_cached(sql)?;
    let first = first.query_row([signed.head.seq as i64], |row| unsigned(row, 0)).optional()?;
    Ok(first.map(|n| n.saturating_sub(1)))
}

/// The link of the chain that ended with these two.
fn link_at(conn: &Connection, seq: u64, said: u64) -> rusqlite::Result<Option<Link>> {
    let statement = |id: u64| {
        let sql = "SELECT after_seq, link FROM statements WHERE id = ?";
        let of = |row: &rusqlite::Row<'_>| Ok((unsigned(row, 0)?, row.get::<_, Vec<u8>>(1)?));
        conn.query_row(sql, [id as i64], of).optional()
    };
    // Every chain begins with a statement.
    let Some((after, link)) = statement(said)? else { return Ok(None) };
    if after == seq {
        return Ok(Some(stored(link)));
    }
    let next = statement(said + 1)?;
    if after > seq || next.is_some_and(|(after, _)| after < seq) {
        return Ok(None);
    }
    let sql = "SELECT ifnull(link, x'') FROM transitions WHERE seq = ?";
    let link = conn.query_row(sql, [seq as i64], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(link.map(stored))
}
