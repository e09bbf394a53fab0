//! Attempts at rewriting the record, each of which is found.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::{check, database, store};
use crate::Store;
use crate::audit::{Chained, NOTHING, link};

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

/// Columns of which every bit counts.
const COLUMNS: [(&str, &str); 20] = [
    ("transitions", "seq"),
    ("transitions", "n"),
    ("transitions", "at"),
    ("transitions", "kind"),
    ("transitions", "change"),
    ("transitions", "alarm"),
    ("transitions", "patient"),
    ("transitions", "actor"),
    ("transitions", "body"),
    ("transitions", "grounds"),
    ("transitions", "link"),
    ("audit", "at"),
    ("audit", "actor"),
    ("audit", "what"),
    ("audit", "hash"),
    ("audit", "chain"),
    ("statements", "body"),
    ("statements", "signature"),
    ("alarm_grounds", "limits"),
    ("alarm_grounds", "readings"),
];

/// Another value of the same kind.
fn changed(value: Value, by: u8) -> Value {
    let by = by.max(1);
    match value {
        Value::Null => Value::Text("x".to_owned()),
        Value::Integer(number) => Value::Integer(number + 100 * i64::from(by)),
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Text(text) => Value::Text(format!("{text}{}", char::from(by))),
        Value::Blob(mut bytes) => {
            bytes[usize::from(by) % 32] ^= by;
            Value::Blob(bytes)
        }
    }
}

/// A store of [`store`], made once.
static STORE: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    dir
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_value_of_the_record_can_be_changed_unnoticed(
        column in prop::sample::select(&COLUMNS[..]),
        place in 0_u32..15,
        by in any::<u8>(),
        anew in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("keys")).unwrap();
        for file in ["vitalgate.db", "keys/audit.key"] {
            std::fs::copy(STORE.path().join(file), dir.path().join(file)).unwrap();
        }
        let (table, column) = column;
        let db = database(dir.path());
        let of = format!("FROM {table} LIMIT 1 OFFSET {place} % (SELECT count(*) FROM {table})");
        let key = if table == "alarm_grounds" { "alarm" } else { "rowid" };
        let (row, value): (Value, Value) = db
            .query_row(&format!("SELECT {key}, {column} {of}"), [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let mut new = changed(value, by);
        if matches!(column, "grounds" | "link") && matches!(new, Value::Text(_)) {
            new = Value::Blob(vec![by; 32]);
        }
        let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
        prop_assert_eq!(db.execute(&sql, (row, new)).unwrap(), 1);
        drop(db);
        // Whoever makes the chain anew from this is found too, by the head.
        if anew && table == "transitions" && column != "link" {
            recompute(dir.path());
        }
        prop_assert!(!check(dir.path()).is_whole());
    }
}
