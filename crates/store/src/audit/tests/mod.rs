//! A store of a few rows, and what its audit is found to be.

mod attempts;
mod cut;
mod heads;

use std::path::Path;

use rusqlite::Connection;

use super::check::{Checked, Evidence};
use super::head::SignedHead;
use super::key::AuditKey;
use crate::tests::{commit, purpose, series, write};
use crate::types::{Commit, RaisedOn, StoredTransition};
use crate::{Keep, Reader, Store};

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
        transition(
            seq + 1,
            if n.is_multiple_of(2) { "refusal" } else { "answer" },
            "acknowledge",
            None,
        ),
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
