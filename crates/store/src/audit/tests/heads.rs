//! What heads and keys find, and what is said of them at a start.

use super::{check, check_with, database, head, row, store};
use crate::audit::Evidence;
use crate::audit::key::AuditKey;
use crate::audit::stand;
use crate::tests::{second, write};
use crate::{Keep, Reader, Store};

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
    let forged = forged.signed(&AuditKey::open(stranger.path()).unwrap().0);
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
    let vouched_to = || stand::vouched_to(&database(dir.path())).unwrap();
    assert_eq!(vouched_to(), Some(5), "retention leaves the rows after it");
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!((opened.standing.unsigned, &opened.standing.broken), (3, &None));
    write(opened, Keep::default(), Vec::new());
    assert_eq!((check(dir.path()).unsigned, vouched_to()), (0, None));
}

/// Else whoever has an old head and not the key could have the next start sign what he puts behind it.
#[test]
fn more_behind_a_head_than_a_crash_leaves_is_told() {
    let behind = |rows: std::ops::RangeInclusive<u64>, apart: u64, sql: &str| {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path());
        let signed = head(dir.path()).to_string();
        let late = |n: u64| {
            let mut late = row(n);
            late.row.at = second(n * apart);
            late
        };
        write(Store::open(dir.path()).unwrap(), Keep::default(), rows.map(late).collect());
        let db = database(dir.path());
        db.execute("UPDATE meta SET value = ? WHERE key = 'audit_head'", [signed]).unwrap();
        db.execute_batch(sql).unwrap();
        let opened = Store::open(dir.path()).unwrap();
        (opened.standing.unsigned, opened.standing.broken.unwrap_or_default())
    };
    assert_eq!(behind(6..=9, 1, ""), (12, String::new()));
    assert_eq!(behind(6..=8, 60, ""), (9, String::new()), "it stood still in between");
    let (unsigned, why) = behind(6..=99, 1, "");
    assert!(unsigned == 282 && why.contains("never signed, though 88 rows came later"), "{why}");
    let (_, why) = behind(6..=9, 1, "DELETE FROM journal WHERE n = 8");
    assert!(why.contains("the rows are gone"), "{why}");
    let said = "INSERT INTO statements SELECT 2, 27, body, signature, link FROM statements";
    let (_, why) = behind(6..=9, 1, said);
    assert!(why.contains("statements follow its head"), "{why}");
}

#[test]
fn what_does_not_go_on_from_its_head_is_signed_by_nothing() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store(dir.path());
    let last = "DELETE FROM transitions WHERE seq = 15";
    database(dir.path()).execute(last, []).unwrap();
    let reader = Reader::of(dir.path()).unwrap();
    let key = AuditKey::read(dir.path()).unwrap().unwrap();
    let refused = reader.sign_audit(&key).unwrap_err().to_string();
    assert!(refused.contains("is not there; `verify`"), "{refused}");
    assert_eq!(reader.backup(&other.path().join("copy")).unwrap(), None);
}

#[test]
fn a_key_that_can_neither_be_used_nor_replaced_stops_no_start() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    // Whatever stands in the place of the folder: no key can be read, made or put aside.
    std::fs::remove_dir_all(dir.path().join("keys")).unwrap();
    std::fs::write(dir.path().join("keys"), "no folder").unwrap();
    let opened = Store::open(dir.path()).unwrap();
    let (fault, replaced) = (opened.standing.key_fault.clone(), opened.standing.replaced.clone());
    assert!(fault.is_some_and(|why| why.contains("audit.key")) && replaced.is_some());
    write(opened, Keep::default(), vec![row(6)]);
    let checked = Reader::of(dir.path()).unwrap().check_audit(&Evidence::default()).unwrap();
    assert!(checked.is_whole(), "what it signed is whole: {checked:?}");
}

#[test]
fn a_key_that_took_the_place_of_another_is_told_until_it_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let replaced = || Store::open(dir.path()).unwrap().standing.replaced;
    assert_eq!(replaced(), None, "the first is nobody's follower");
    std::fs::write(dir.path().join("keys/audit.key"), "").unwrap();
    let opened = Store::open(dir.path()).unwrap();
    let standing = opened.standing.clone();
    drop(opened);
    let key = AuditKey::read(dir.path()).unwrap().unwrap().public();
    assert_eq!(standing.replaced, Some(key.name()));
    assert!(standing.key_fault.as_ref().is_some_and(|why| why.contains("not a key")));
    assert_eq!(replaced(), Some(key.name()), "at the next start, too");
    assert_eq!(standing.clone().again(dir.path()), standing);
    crate::audit::accept(dir.path(), &key).unwrap();
    let again = standing.again(dir.path());
    assert_eq!((again.replaced, again.key_fault, replaced()), (None, None, None));
    // The next one is another.
    std::fs::remove_file(dir.path().join("keys/audit.key")).unwrap();
    assert!(replaced().is_some_and(|name| name != key.name()));
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
