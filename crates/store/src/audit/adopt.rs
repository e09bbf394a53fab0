//! A store of a version that chained acts only: what it holds is chained when it is upgraded.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, params};

use super::key::AuditKey;
use super::statement::{Adopted, Statement};
use super::{Chained, Link, NOTHING, grounds, link, sha256, stand};
use crate::file::meta;
use crate::file::row::unsigned;

/// The first version that chains all transitions.
pub(crate) const SINCE: u32 = 5;
/// Transitions chained at a time.
const AT_A_TIME: i64 = 1_000;

/// Whether a file is of a version that chains all transitions.
pub(crate) fn is_chained(conn: &Connection) -> rusqlite::Result<bool> {
    conn.pragma_query_value(None, "user_version", |row| Ok(row.get::<_, u32>(0)? >= SINCE))
}

/// A transition without a link.
struct Unchained {
    seq: u64,
    is_act: bool,
    hash: Link,
    grounds: Option<Link>,
}

/// Chains what there is, and begins.
pub(crate) fn adopt(tx: &Transaction<'_>, key: &AuditKey) -> rusqlite::Result<()> {
    let broken_at = older_break(tx)?;
    let (mut after, mut before, mut transitions) = (0, NOTHING, 0);
    // An alarm stands on one place: with the first move of it.
    let mut grounds = grounds_of_all(tx)?;
    loop {
        let rows = next(tx, after, &mut grounds)?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for Unchained { seq, is_act, hash, grounds } in rows {
            before = link(&before, &hash);
            tx.prepare_cached("UPDATE transitions SET link = ?2, grounds = ?3 WHERE seq = ?1")?
                .execute(params![seq as i64, before, grounds])?;
            if is_act {
                tx.prepare_cached("UPDATE audit SET chain = ?2 WHERE seq = ?1")?
                    .execute(params![seq as i64, before])?;
            }
            transitions += 1;
        }
    }
    let adopted = Adopted { transitions, broken_at };
    let store = meta::get(tx, "store")?.unwrap_or_default();
    let key_text = key.public().text();
    Statement::Begun { store, key: key_text, adopted: Some(adopted) }.say(tx, key)?;
    stand::sign_and_keep(tx, key).map(drop)
}

fn next(
    tx: &Transaction<'_>,
    after: u64,
    grounds: &mut HashMap<Vec<u8>, Link>,
) -> rusqlite::Result<Vec<Unchained>> {
    let mut rows = tx.prepare_cached(
        "SELECT seq, n, at, kind, change, alarm, patient, actor, body, NULL FROM transitions
           WHERE seq > ? ORDER BY seq LIMIT ?",
    )?;
    let rows = rows.query_map([after as i64, AT_A_TIME], |row| {
        let mut one = Chained::read(row)?;
        let alarm = one.alarm.filter(|_| one.kind == b"alarm");
        one.grounds = alarm.and_then(|alarm| grounds.remove(alarm));
        let (seq, is_act, grounds) = (one.seq, one.is_act(), one.grounds);
        Ok(Unchained { seq, is_act, hash: one.hash(), grounds })
    })?;
    rows.collect()
}

fn grounds_of_all(tx: &Transaction<'_>) -> rusqlite::Result<HashMap<Vec<u8>, Link>> {
    let mut all = tx.prepare("SELECT alarm, limits, readings FROM alarm_grounds")?;
    let all = all.query_map([], |row| {
        let text = |at| row.get_ref(at)?.as_bytes().map_err(rusqlite::Error::from);
        Ok((text(0)?.to_vec(), grounds(text(1)?, text(2)?)))
    })?;
    all.collect()
}

/// Where the chain of acts of an older version is broken: a link was SHA-256 of the link before and the
/// SHA-256 of number, time, actor, word and hash of the body. An act whose body is gone passed.
pub(crate) fn older_break(conn: &Connection) -> rusqlite::Result<Option<u64>> {
    let mut acts = conn.prepare(
        "SELECT a.seq, a.at, a.actor, a.what, a.hash, a.chain, t.body
           FROM audit a LEFT JOIN transitions t USING(seq) ORDER BY a.seq",
    )?;
    let mut acts = acts.query([])?;
    let mut before = NOTHING.to_vec();
    while let Some(row) = acts.next()? {
        let text = |at| row.get_ref(at)?.as_bytes_or_null().map_err(rusqlite::Error::from);
        let (seq, hash, chain) = (unsigned(row, 0)?, text(4)?, text(5)?);
        let actor = text(2)?;
        let mut act = [seq.to_be_bytes(), row.get::<_, i64>(1)?.to_be_bytes()].concat();
        act.push(u8::from(actor.is_some()));
        for text in [actor.unwrap_or_default(), text(3)?.unwrap_or_default()] {
            act.extend((text.len() as u64).to_be_bytes());
            act.extend(text);
        }
        act.extend(hash.unwrap_or_default());
        let expected = sha256(&[&before, &sha256(&act)[..]].concat());
        let body = text(6)?.unwrap_or_default();
        let same = body.is_empty() || hash == Some(&sha256(body));
        if !same || chain != Some(&expected) {
            return Ok(Some(seq));
        }
        before = expected.to_vec();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check::Evidence;
    use crate::file::schema::{MIGRATIONS, make_through};
    use crate::tests::{commit, write};
    use crate::{Keep, Reader, Store, restore};

    /// A store of version 4 with four transitions, two of which are acts, and an alarm's grounds.
    fn version_4(dir: &std::path::Path, act: &str) {
        let conn = make_through(&Store::file(dir), &MIGRATIONS[..4]).unwrap();
        conn.execute_batch(
            "INSERT INTO meta VALUES('store', 'abc'), ('site', 'ward'), ('simulated', 0),
               ('stream_clock', 0), ('snapshot_generation', 0), ('sealed_to', 0);
             INSERT INTO journal VALUES(1, 700, 5, 1, x'', 0, x'');
             INSERT INTO transitions VALUES(1, 1, 7, 'answer', 'bind', NULL, NULL, 'nurse', '{}'),
               (2, 1, 7, 'alarm', 'raised', 'A1', 'p-1', NULL, '{\"a\":1}'),
               (3, 1, 8, 'alarm', 'closed', 'A1', 'p-1', NULL, '{\"a\":2}'),
               (4, 1, 9, 'refusal', 'not_allowed', NULL, NULL, NULL, '[]');
             INSERT INTO alarm_grounds VALUES('A1', '[]', '[1]')",
        )
        .unwrap();
        let mut before = NOTHING;
        let acts = [(1_u64, 7_i64, Some("nurse"), "bind", "{}"), (4, 9, None, "not_allowed", "[]")];
        for (seq, at, actor, what, body) in acts {
            let hash = sha256(body.as_bytes());
            let text = |text: &str| [&(text.len() as u64).to_be_bytes(), text.as_bytes()].concat();
            let act = [
                &seq.to_be_bytes()[..],
                &at.to_be_bytes(),
                &[u8::from(actor.is_some())],
                &text(actor.unwrap_or_default()),
                &text(what),
                &hash,
            ];
            before = sha256(&[before, sha256(&act.concat())].concat());
            let sql = "INSERT INTO audit VALUES(?, ?, ?, ?, ?, ?)";
            conn.execute(sql, params![seq as i64, at, actor, what, hash, before]).unwrap();
        }
        conn.execute_batch(act).unwrap();
    }

    fn check(dir: &std::path::Path) -> crate::audit::Checked {
        Reader::of(dir).unwrap().check_audit(&Evidence::default()).unwrap()
    }

    #[test]
    fn what_an_older_version_left_is_chained_and_what_comes_goes_on_from_it() {
        let dir = tempfile::tempdir().unwrap();
        version_4(dir.path(), "");
        let before = check(dir.path());
        assert!(before.is_whole() && before.notes[0].contains("of an older version"), "{before:?}");
        let opened = Store::open(dir.path()).unwrap();
        assert_eq!(opened.standing, stand::Standing::default());
        write(opened, Keep::default(), vec![commit(2)]);
        let checked = check(dir.path());
        assert!(checked.is_whole(), "{checked:?}");
        assert_eq!((checked.transitions, checked.acts, checked.statements), (4, 2, 1));
        assert!(checked.notes[0].contains("up to 4 came with an upgrade"), "{checked:?}");
        let acts = Reader::of(dir.path()).unwrap().audit(None, 9).unwrap();
        let file = rusqlite::Connection::open(Store::file(dir.path())).unwrap();
        let link: Vec<u8> = file
            .query_row("SELECT link FROM transitions WHERE seq = 4", [], |row| row.get(0))
            .unwrap();
        assert_eq!(acts[0].chain, link, "the list of acts shows the links of the one chain");
        for sql in [
            "UPDATE transitions SET body = '' WHERE seq = 2",
            "DELETE FROM alarm_grounds",
            "DELETE FROM transitions",
        ] {
            file.execute(sql, []).unwrap();
            assert!(!check(dir.path()).is_whole(), "{sql}");
        }
    }

    #[test]
    fn a_chain_that_was_broken_before_the_upgrade_is_said_to_be_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        version_4(dir.path(), "UPDATE transitions SET body = '[1]' WHERE seq = 4");
        let expected = "the chain of acts is broken at transition 4";
        assert_eq!(check(dir.path()).findings, [expected]);
        drop(Store::open(dir.path()).unwrap());
        let found = check(dir.path()).findings;
        let expected = "the chain of acts of the older version was broken at transition 4";
        assert!(found.iter().any(|found| found == expected), "{found:?}");
    }

    #[test]
    fn gaps_that_an_older_version_left_are_no_finding_and_later_ones_are() {
        let dir = tempfile::tempdir().unwrap();
        version_4(dir.path(), "DELETE FROM transitions WHERE seq = 2; DELETE FROM alarm_grounds");
        drop(Store::open(dir.path()).unwrap());
        assert!(check(dir.path()).is_whole());
        let file = rusqlite::Connection::open(Store::file(dir.path())).unwrap();
        file.execute("DELETE FROM transitions WHERE seq = 3", []).unwrap();
        assert!(check(dir.path()).findings[0].contains("2 to 3 are missing"));
    }

    #[test]
    fn a_copy_of_an_older_version_is_restored_and_chained_when_it_is_opened() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        version_4(dir.path(), "");
        let (file, new) = (other.path().join("copy"), other.path().join("new"));
        assert_eq!(Reader::of(dir.path()).unwrap().backup(&file).unwrap(), None);
        restore(&file, &new).unwrap();
        let id = Store::open(&new).unwrap().identity.store;
        let checked = check(&new);
        assert!(checked.is_whole(), "{checked:?}");
        assert_eq!(checked.end.unwrap().store, id);
    }
}
