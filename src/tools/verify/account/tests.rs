//! Each line of the account says what a store made for it holds, and nothing where it holds nothing.

use crate::tests::stores::{tamper, ward};
use crate::tools::verify::verify;
use vitalgate_store::audit::Evidence;

fn lines(sql: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    ward(dir.path());
    for sql in sql {
        tamper(dir.path(), sql);
    }
    verify(dir.path(), Evidence::default()).unwrap().account.lines()
}

#[test]
fn a_store_says_since_when_it_stands_and_by_what_it_was_judged() {
    let whole = lines(&[]);
    assert!(whole[0].starts_with("journal: rows 1 to 8, from 20"), "{whole:?}");
    assert!(whole[0].ends_with("compared from row 1 on"), "{whole:?}");
    assert_eq!(whole[1], "judged by: core 8, rules 0000000000000000: rows 1 to 8");
    assert_eq!(whole[2..], ["undelivered: nothing", "holes: nothing", "retention: nothing"]);
    let cut = lines(&["DELETE FROM journal WHERE n <= 3"]);
    assert!(cut[0].starts_with("journal: rows 4 to 8"), "{cut:?}");
    assert!(cut[0].ends_with("compared from row 5 on"), "{cut:?}");
    assert_eq!(cut[4], "retention: rows 1 to 3 of the journal");
    let other = lines(&["UPDATE journal SET rules = x'0101010101010101' WHERE n > 5"]);
    let expected = [
        "judged by: core 8, rules 0000000000000000: rows 1 to 5",
        "judged by: core 8, rules 0101010101010101: rows 6 to 8",
    ];
    assert_eq!(other[1..3], expected);
}

#[test]
fn what_retention_took_is_named_by_what_it_was() {
    let gone = lines(&[
        "INSERT INTO gone VALUES(1, 1795000000000000), (2, 1795000001000000)",
        "INSERT INTO word_series VALUES(1, 'dev-1', 3, '', 1795000000000000)",
    ]);
    let expected = [
        "retention: numbers of 2 series, measured up to 2026-11-18T11:06:41Z at the latest",
        "retention: words of 1 series, measured up to 2026-11-18T11:06:40Z at the latest",
    ];
    assert_eq!(gone[4..], expected);
}

#[test]
fn what_a_channel_has_not_told_or_gave_up_is_named_with_whom_it_was_for() {
    let told = lines(&[
        r#"INSERT INTO meta VALUES('channel:pager', '{"row":0,"upto":"2026-11-18T11:06:40Z","seq":3,"refill":null}')"#,
    ]);
    assert_eq!(told[2], "undelivered: nothing", "nothing was announced after it");
    let given_up = lines(&[
        "INSERT INTO deliveries VALUES(3, 'pager', 1795000000000000, 1795000001000000, 4, 'given up: status 422'),
           (2, 'pager', 1795000000000000, 1795000000000000, 1, 'taken')",
    ]);
    assert_eq!(
        given_up[2],
        "undelivered: channel pager gave up 1, the last at 2026-11-18T11:06:41Z"
    );
}
