//! Attempts at rewriting the record, each of which is found; and what is no such attempt.

use std::path::Path;

use rusqlite::Connection;

use super::check::{Checked, Evidence};
use super::head::SignedHead;
use super::key::AuditKey;
use super::{Chained, NOTHING, cut, link};
use crate::tests::{commit, purpose, series, write};
use crate::types::{Commit, RaisedOn, StoredTransition};
use crate::{Keep, OpenError, Opened, Reader, Store, restore};

/// Row `n` with an act and the moves of two alarms, one of which it raises.
fn row(n: u64) -> Commit {
    let mut row = commit(n);
    let seq = (n - 1) * 3;
    let transition = |seq, kind, change, alarm: Option<u64>| StoredTransition {
        seq,
        at: row.row.at,
        kind,
        change,
        alarm: alarm.map(|n| format!("A{n}").parse().unwrap()),
        patient: Some("p-1".parse().unwrap()),
        actor: (kind != "alarm").then(|| "nurse".to_owned()),
        body: format!("{{\"of\":{seq}}}"),
    };
    row.transitions = vec![
        transition(seq + 1, if n % 2 == 0 { "refusal" } else { "answer" }, "acknowledge", None),
        transition(seq + 2, "alarm", "raised", Some(n)),
        transition(seq + 3, "alarm", "closed", Some(n.saturating_sub(1).max(1))),
    ];
    row.raised = vec![RaisedOn {
        alarm: format!("A{n}").parse().unwrap(),
        series: Some(series()),
        until: row.row.at,
        limits: "[\"88 %\"]".to_owned(),
    }];
    row
}

/// A closed store of five rows: fifteen transitions, five acts, five alarms.
fn store(dir: &Path) {
    write(Store::create(dir, &purpose()).unwrap(), Keep::default(), (1..=5).map(row).collect());
}

fn check(dir: &Path) -> Checked {
    check_with(dir, Vec::new())
}

/// With the key that is beside the store, as `verify` does.
fn check_with(dir: &Path, heads: Vec<SignedHead>) -> Checked {
    let key = AuditKey::read(dir).unwrap().map(|key| key.public());
    Reader::of(dir).unwrap().check_audit(&Evidence { key, heads }).unwrap()
}

fn database(dir: &Path) -> Connection {
    Connection::open(Store::file(dir)).unwrap()
}

fn head(dir: &Path) -> SignedHead {
    let text = super::stand::kept(&database(dir)).unwrap().unwrap();
    text.parse().unwrap()
}

/// Makes the chain anew over what is there, as anybody can who has no key.
fn recompute(dir: &Path) {
    let db = database(dir);
    let mut before = NOTHING;
    let statement: Vec<u8> =
        db.query_row("SELECT link FROM statements WHERE id = 1", [], |row| row.get(0)).unwrap();
    before.copy_from_slice(&statement);
    let sql = "SELECT seq, n, at, kind, change, alarm, patient, actor, body, grounds
               FROM transitions ORDER BY seq";
    let mut all = db.prepare(sql).unwrap();
    let hashes = all.query_map([], |row| {
        let one = Chained::read(row)?;
        Ok((one.seq as i64, one.hash(), one.body))
    });
    for (seq, hash, body) in hashes.unwrap().map(Result::unwrap) {
        before = link(&before, &hash);
        db.execute("UPDATE transitions SET link = ?2 WHERE seq = ?1", (seq, before)).unwrap();
        let act = "UPDATE audit SET chain = ?2, hash = ?3 WHERE seq = ?1";
        db.execute(act, (seq, before, body)).unwrap();
    }
}

#[test]
fn what_was_written_in_order_is_whole_and_all_of_it_is_signed() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let checked = check(dir.path());
    assert!(checked.is_whole(), "{checked:?}");
    let Checked { transitions, acts, statements, unsigned, cut, .. } = checked;
    assert_eq!((transitions, acts, statements, unsigned, cut), (15, 5, 1, 0, 0));
    assert_eq!(checked.notes, Vec::<String>::new());
    let signed = head(dir.path());
    assert_eq!(Some(&signed.head), checked.end.as_ref());
    assert_eq!((signed.head.seq, signed.head.said), (15, 1));
}

/// Whatever is done to a closed store by whoever can write its file and has not its key.
#[test]
fn each_attempt_at_rewriting_is_found() {
    let whole = tempfile::tempdir().unwrap();
    store(whole.path());
    let original = std::fs::read(Store::file(whole.path())).unwrap();
    let attempt = |sql: &str, chain_anew: bool, expected: &str| {
        std::fs::write(Store::file(whole.path()), &original).unwrap();
        database(whole.path()).execute_batch(sql).unwrap();
        if chain_anew {
            recompute(whole.path());
        }
        let checked = check(whole.path());
        let found = checked.findings.join("\n");
        assert!(found.contains(expected), "{sql}: {found:?}");
        assert_eq!(checked.findings.len() as u64, checked.found);
    };
    let anew = "made anew";
    let at_the_end = "which is not there: the chain ends at transition";

    // What is deleted.
    let last = "DELETE FROM transitions WHERE seq = 15";
    attempt(last, false, at_the_end);
    attempt(last, true, at_the_end);
    let tail = "DELETE FROM transitions WHERE seq > 9; DELETE FROM audit WHERE seq > 9;
        DELETE FROM alarm_grounds WHERE alarm IN ('A4', 'A5'); DELETE FROM journal WHERE n > 3";
    attempt(tail, true, at_the_end);
    let all = "DELETE FROM transitions; DELETE FROM audit; DELETE FROM alarm_grounds";
    attempt(all, false, at_the_end);
    attempt(&format!("{all}; DELETE FROM statements"), false, at_the_end);
    let wiped = format!("{all}; DELETE FROM statements; DELETE FROM meta WHERE key = 'audit_head'");
    attempt(&wiped, false, "no signed head");
    let middle =
        "DELETE FROM transitions WHERE seq = 8; DELETE FROM alarm_grounds WHERE alarm = 'A3'";
    attempt(middle, false, "transitions 8 to 8 are missing");
    attempt(middle, true, anew);
    attempt("DELETE FROM audit WHERE seq = 13", false, "transition 13 and the list of acts");
    attempt("DELETE FROM audit", false, "transition 1 and the list of acts");
    // Once the journal is gone nothing else tells of them.
    attempt(
        "DELETE FROM journal WHERE n < 5; DELETE FROM transitions WHERE seq IN (5, 6)",
        false,
        "transitions 5 to 6 are missing",
    );
    attempt(
        "DELETE FROM alarm_grounds WHERE alarm = 'A2'",
        false,
        "what the alarm of transition 5 stands on is gone",
    );

    // What is changed.
    let body = "UPDATE transitions SET body = '{}' WHERE seq = 7; UPDATE audit SET hash = x''";
    attempt(body, false, "transition 7 is not what was chained");
    attempt("UPDATE transitions SET body = '' WHERE seq = 7", false, "transition 7 is not");
    attempt("UPDATE transitions SET body = '{}' WHERE seq = 7", true, anew);
    for column in ["n", "at"] {
        let sql = format!("UPDATE transitions SET {column} = {column} + 1 WHERE seq = 8");
        attempt(&sql, false, "transition 8 is not what was chained");
    }
    for column in ["change", "alarm", "patient", "actor", "grounds", "link"] {
        let sql = format!("UPDATE transitions SET {column} = x'3939' WHERE seq = 8");
        let sql =
            if matches!(column, "grounds" | "link") { sql } else { sql.replace("x'3939'", "'99'") };
        attempt(&sql, false, "transition 8 is not what was chained");
        let sql = sql.replace("x'3939'", "NULL").replace("'99'", "NULL");
        if column == "actor" {
            attempt(&sql.replace('8', "7"), false, "transition 7 is not what was chained");
        }
    }
    attempt("UPDATE transitions SET link = NULL WHERE seq = 8", false, "8 was never chained");
    attempt(
        "UPDATE audit SET actor = 'doctor' WHERE seq = 4",
        false,
        "act 4 is not as its transition",
    );
    attempt("UPDATE audit SET at = at + 1 WHERE seq = 4", false, "act 4 is not as its transition");
    attempt(
        "UPDATE alarm_grounds SET limits = '[]' WHERE alarm = 'A2'",
        false,
        "what the alarm of transition 5 stands on was changed",
    );
    attempt("UPDATE alarm_grounds SET readings = '[1]' WHERE alarm = 'A2'", false, "was changed");
    let swapped = "UPDATE transitions SET seq = -seq WHERE seq IN (8, 9);
        UPDATE transitions SET seq = 17 + seq WHERE seq < 0";
    attempt(swapped, false, "transition 8 is not what was chained");
    attempt(swapped, true, anew);

    // What is put in.
    let more = "INSERT INTO transitions SELECT seq + 1, n, at, kind, change, alarm, patient, actor,
        body, NULL, link FROM transitions WHERE seq = 15";
    attempt(more, false, "transition 16 is not what was chained");
    attempt("INSERT INTO alarm_grounds VALUES('A9', '[]', '[]')", false, "that was never chained");
    attempt(
        "INSERT INTO audit SELECT 2, at, actor, what, hash, chain FROM audit WHERE seq = 1",
        false,
        "transition 2 and the list of acts",
    );
    attempt(
        "INSERT INTO audit SELECT 99, at, actor, what, hash, chain FROM audit WHERE seq = 1",
        false,
        "1 acts are listed without their transition",
    );

    // What is said.
    attempt("DELETE FROM statements", false, "the key that signs is none");
    attempt(
        "UPDATE statements SET body = replace(body, 'begun', 'begum')",
        false,
        "statement 1 of the store is none",
    );
    attempt(
        "UPDATE statements SET after_seq = 3",
        false,
        "statement 1 of the store is not what was chained",
    );
    attempt("UPDATE statements SET signature = x'00'", false, "is not signed by its key");
    attempt(
        "INSERT INTO statements SELECT 2, 15, body, signature, link FROM statements",
        false,
        "only the first begins the chain",
    );
    let taken = "INSERT INTO cut SELECT seq, 2, link FROM transitions WHERE seq IN (5, 6);
        DELETE FROM transitions WHERE seq IN (5, 6)";
    attempt(taken, false, "are cut, and statement 2 does not say so");
    attempt(
        "UPDATE meta SET value = 'vg1' WHERE key = 'audit_head'",
        false,
        "the head beside the chain is none",
    );
    attempt(
        "UPDATE meta SET value = replace(value, '.15.', '.12.') WHERE key = 'audit_head'",
        false,
        "the head beside the chain is not signed",
    );
    attempt(
        "UPDATE meta SET value = 'other' WHERE key = 'store'",
        false,
        "another id than its statements",
    );

    // What is put beside it.
    for (sql, expected) in [
        (
            "CREATE TRIGGER hush AFTER INSERT ON transitions BEGIN DELETE FROM transitions; END",
            "the trigger \"hush\" of \"transitions\" is none of the store's",
        ),
        ("CREATE VIEW \"alarms\n\" AS SELECT 1", "the view \"alarms\\n\""),
        ("CREATE TABLE more(a)", "the table \"more\""),
        ("CREATE INDEX other ON transitions(at)", "the index \"other\" of \"transitions\""),
        ("ANALYZE", "the table \"sqlite_stat1\""),
        ("DROP TRIGGER block_in", "the trigger \"block_in\" is missing"),
        ("DROP INDEX transitions_n", "the index \"transitions_n\" is missing"),
        (
            "ALTER TABLE journal ADD COLUMN more ANY",
            "the table \"journal\" is not as the store makes it",
        ),
    ] {
        attempt(sql, false, expected);
    }
}

#[test]
fn who_has_another_key_is_found_by_the_key_that_is_beside_the_store() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store(dir.path());
    store(other.path());
    // All of it made anew: another store in the place of this one.
    let id: String = database(dir.path())
        .query_row("SELECT value FROM meta WHERE key = 'store'", [], |row| row.get(0))
        .unwrap();
    std::fs::copy(Store::file(other.path()), Store::file(dir.path())).unwrap();
    let checked = check(dir.path());
    assert!(checked.findings.join("\n").contains("the key that signs is "), "{checked:?}");
    assert_ne!(checked.end.unwrap().store, id);
}

/// A head that left the machine finds what the key beside the store cannot.
#[test]
fn a_store_in_whose_place_an_older_copy_was_put_is_found_by_a_head_that_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let older = std::fs::read(Store::file(dir.path())).unwrap();
    let early = head(dir.path());
    write(Store::open(dir.path()).unwrap(), Keep::default(), (6..=7).map(row).collect());
    let late = head(dir.path());
    assert_eq!((early.head.seq, late.head.seq), (15, 21));
    let checked = check_with(dir.path(), vec![early.clone(), late.clone()]);
    assert!(checked.is_whole() && checked.met == 2, "{checked:?}");

    std::fs::write(Store::file(dir.path()), older).unwrap();
    assert!(check(dir.path()).is_whole(), "of itself it cannot know");
    let checked = check_with(dir.path(), vec![early.clone(), late.clone()]);
    assert_eq!((checked.found, checked.met), (1, 1), "{checked:?}");
    assert!(checked.findings[0].contains("kept elsewhere stands at transition 21"), "{checked:?}");

    // Gone on from there, by the gateway itself, with other rows.
    let other = |n| {
        let mut other = row(n);
        other.transitions[1].body = "{}".to_owned();
        other
    };
    write(Store::open(dir.path()).unwrap(), Keep::default(), (6..=7).map(other).collect());
    assert!(check(dir.path()).is_whole());
    let checked = check_with(dir.path(), vec![early, late.clone()]);
    assert!(
        checked.findings[0].contains("up to transition 21 was made anew: the head that was kept")
    );

    let other = tempfile::tempdir().unwrap();
    store(other.path());
    let checked = check_with(other.path(), vec![late]);
    let found = checked.findings.join("\n");
    assert!(found.contains("kept is of another store") && found.contains("not there"), "{found}");
}

#[test]
fn a_head_that_nobody_signed_vouches_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let forged = head(dir.path()).head;
    let (stranger, known) = (tempfile::tempdir().unwrap(), AuditKey::read(dir.path()).unwrap());
    let forged = forged.signed(&AuditKey::open(stranger.path()).unwrap());
    let checked = check_with(dir.path(), vec![forged.clone()]);
    assert!(checked.findings[0].contains("is signed by no key of this store"), "{checked:?}");
    assert!(!forged.is_by(&known.unwrap().public()));
}

#[test]
fn what_was_found_at_a_start_is_said_in_the_chain_for_ever() {
    let check_start = |sql: &str, expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path());
        database(dir.path()).execute_batch(sql).unwrap();
        let opened = Store::open(dir.path()).unwrap();
        let why = opened.standing.broken.clone().unwrap_or_default();
        assert!(why.contains(expected), "{sql}: {why}");
        let last = opened.next_seq;
        let more = |n| {
            let mut more = row(n);
            more.transitions.iter_mut().zip(last..).for_each(|(t, seq)| t.seq = seq);
            more
        };
        write(opened, Keep::default(), vec![more(6)]);
        let opened = Store::open(dir.path()).unwrap();
        assert_eq!(opened.standing.broken, None, "it is said once");
        drop(opened);
        let found = check(dir.path()).findings.join("\n");
        assert!(
            found.contains("did not go on from its head") && found.contains(expected),
            "{found}"
        );
    };
    check_start(
        "DELETE FROM transitions WHERE seq > 9; DELETE FROM audit WHERE seq > 9;
        DELETE FROM alarm_grounds WHERE alarm > 'A3'",
        "transition 15 and statement 1, is not there",
    );
    check_start("UPDATE transitions SET link = x'00' WHERE seq = 15", "is not there");
    check_start("DELETE FROM meta WHERE key = 'audit_head'", "its signed head is gone");
    check_start("DELETE FROM statements", "nothing says how it begins");
    check_start("UPDATE meta SET value = 'other' WHERE key = 'store'", "is of the store");
}

/// What a crash leaves behind the last head is said, and is no fault.
#[test]
fn rows_after_the_last_head_are_counted_and_signed_with_the_next() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let signed = head(dir.path()).to_string();
    write(Store::open(dir.path()).unwrap(), Keep::default(), vec![row(6)]);
    let sql = "UPDATE meta SET value = ? WHERE key = 'audit_head'";
    database(dir.path()).execute(sql, [signed]).unwrap();
    let checked = check(dir.path());
    assert!(checked.is_whole() && checked.unsigned == 3, "{checked:?}");
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!((opened.standing.unsigned, &opened.standing.broken), (3, &None));
    write(opened, Keep::default(), Vec::new());
    assert_eq!(check(dir.path()).unsigned, 0);
}

#[test]
fn a_key_that_is_gone_is_replaced_by_another_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let kept = head(dir.path());
    std::fs::remove_file(dir.path().join("keys/audit.key")).unwrap();
    let opened = Store::open(dir.path()).unwrap();
    assert!(opened.standing.other_key && opened.standing.broken.is_none());
    write(opened, Keep::default(), vec![row(6)]);
    let checked = check_with(dir.path(), vec![kept]);
    assert!(checked.is_whole() && checked.met == 1, "{checked:?}");
    assert!(checked.notes[0].starts_with("after transition 15 another key signs: "), "{checked:?}");
}

/// What retention takes, and what somebody takes, are told apart.
#[test]
fn what_is_cut_is_stated_and_found_where_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let kept = head(dir.path());
    let key = AuditKey::read(dir.path()).unwrap().unwrap();
    let Opened { mut conn, lock, .. } = Store::open(dir.path()).unwrap();
    let mut take = |seqs: &[u64]| {
        let tx = conn.transaction().unwrap();
        let head = cut::cut(&tx, &key, seqs).unwrap();
        tx.commit().unwrap();
        head
    };
    let first = take(&[2, 3, 6]).unwrap();
    assert_eq!((first.head.seq, first.head.said), (15, 2));
    take(&[4, 5, 12]).unwrap();
    assert_eq!(take(&[2, 5, 99]), None, "none of them is there");
    drop((conn, lock));
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.standing, super::Standing::default());
    write(opened, Keep::default(), vec![row(6)]);
    let checked = check_with(dir.path(), vec![kept, first]);
    assert!(checked.is_whole(), "{checked:?}");
    let Checked { transitions, cut, statements, acts, met, .. } = checked;
    assert_eq!((transitions, cut, statements, acts, met), (12, 6, 3, 5, 2));
    let grounds: i64 = database(dir.path())
        .query_row("SELECT count(*) FROM alarm_grounds", [], |row| row.get(0))
        .unwrap();
    assert_eq!(grounds, 4, "what A1 and A2 stood on is gone with them");

    let whole = std::fs::read(Store::file(dir.path())).unwrap();
    for (sql, expected) in [
        ("DELETE FROM cut WHERE seq = 5", "transitions 5 to 5 are missing"),
        ("UPDATE cut SET hash = x'00' WHERE seq = 5", "statement 3 of the store does not name"),
        (
            "INSERT INTO cut SELECT 8, 2, link FROM transitions WHERE seq = 8;
            DELETE FROM transitions WHERE seq = 8",
            "statement 2 of the store does not name",
        ),
        ("DELETE FROM statements WHERE id = 3", "statement 3 does not say so"),
        ("DELETE FROM statements WHERE id = 2", "statements 2 to 2 of the store are missing"),
        ("INSERT INTO cut VALUES(8, 2, x'00')", "1 transitions are cut and there"),
    ] {
        std::fs::write(Store::file(dir.path()), &whole).unwrap();
        database(dir.path()).execute_batch(sql).unwrap();
        let found = check(dir.path()).findings.join("\n");
        assert!(found.contains(expected), "{sql}: {found}");
    }
}

#[test]
fn a_copy_is_signed_as_it_is_and_a_store_of_it_says_where_it_is_from() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store(dir.path());
    let file = other.path().join("copy.backup");
    let head = Reader::of(dir.path()).unwrap().backup(&file).unwrap().unwrap();
    assert_eq!(head.head.seq, 15);
    let new = other.path().join("new");
    restore(&file, &new).unwrap();
    let checked = check_with(&new, vec![head.clone()]);
    assert!(checked.is_whole() && checked.met == 1, "{checked:?}");
    let from = &head.head.store;
    assert_eq!(checked.notes[1], format!("up to transition 15 it is a copy of the store {from}"));
    write(Store::open(&new).unwrap(), Keep::default(), vec![row(6)]);
    assert!(check_with(&new, vec![head]).is_whole());
}

#[test]
fn a_copy_that_holds_what_the_store_does_not_make_is_not_restored() {
    for sql in [
        "CREATE TRIGGER hush AFTER INSERT ON transitions BEGIN DELETE FROM transitions; END",
        "CREATE VIEW hush AS SELECT 1",
        "CREATE TABLE hush(a)",
        "CREATE INDEX hush ON transitions(at)",
    ] {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        store(dir.path());
        let file = other.path().join("copy.backup");
        Reader::of(dir.path()).unwrap().backup(&file).unwrap();
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        let new = other.path().join("new");
        let refused = restore(&file, &new).unwrap_err();
        assert!(matches!(refused, OpenError::ForeignObjects { .. }), "{refused:?}");
        assert!(refused.to_string().contains("\"hush\""), "{refused}");
        assert!(!Store::exists(&new) && std::fs::read_dir(&new).unwrap().count() == 1);
    }
}
