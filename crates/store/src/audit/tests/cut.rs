//! What retention takes, what a copy holds, and what is not restored.

use rusqlite::Connection;

use super::{check, check_with, database, head, row, store};
use crate::audit::check::Checked;
use crate::audit::key::AuditKey;
use crate::audit::{Standing, cut};
use crate::tests::write;
use crate::{Keep, OpenError, Opened, Reader, Store, restore};

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
    take(&[5, 9, 12]).unwrap();
    assert_eq!(take(&[2, 5, 99]), None, "none of them is there");
    drop((conn, lock));
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.standing, Standing::default());
    write(opened, Keep::default(), vec![row(6)]);
    let checked = check_with(dir.path(), vec![kept, first]);
    assert!(checked.is_whole(), "{checked:?}");
    let Checked { transitions, cut, statements, acts, met, .. } = checked;
    assert_eq!((transitions, cut, statements, acts, met), (12, 6, 3, 6, 2));
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
