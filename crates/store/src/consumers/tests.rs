use super::*;
use crate::tests::{commit, copy_files, purpose, second, write};
use crate::types::Commit;
use crate::{Keep, Opened, Report, Running, Store, start};
use vitalgate_domain::model::time::Span;

const ARCHIVE: Registration = Registration::new("archive");
const MIRROR: Registration = Registration::new("mirror");

fn at(row: u64) -> ConsumerCursor {
    ConsumerCursor { row, upto: second(row), seq: 2, word: 0, refill: None, lost: None }
}

fn holds(opened: &Opened) -> Vec<u64> {
    opened.consumers.holds().iter().map(|hold| hold.after_row).collect()
}

/// Rows `from..=to`, a thousand seconds apart, the last of them with a complete snapshot.
fn rows(from: u64, to: u64) -> Vec<Commit> {
    let row = |n: u64| {
        let mut row = commit(n);
        row.row.at = second(n * 1_000);
        row.snapshot_complete = (n == to).then_some(n);
        row
    };
    (from..=to).map(row).collect()
}

/// Journal rows are kept for ten rows, and so many bytes of them.
fn keep(bytes: u64) -> Keep {
    Keep { journal: Span::secs(10_000), journal_bytes: bytes, ..Keep::default() }
}

fn first_row(opened: &Opened) -> u64 {
    opened.reader().first_row().unwrap().unwrap().n
}

#[test]
fn the_cursor_is_on_the_disk_with_the_commit_that_follows_it() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let consumer = opened.consumer(ARCHIVE).unwrap();
    assert_eq!(consumer.begin(), ConsumerCursor::default());
    consumer.put(at(7), Vec::new());
    assert_eq!(holds(&opened), [0], "only what is on the disk lets rows be pruned");
    let all = opened.consumers.clone();
    write(opened, Keep::default(), vec![commit(1)]);
    assert_eq!(all.holds(), [Hold { after_row: 7, after_seq: 2, bytes: u64::MAX }]);
    assert_eq!(Store::open(dir.path()).unwrap().consumer(ARCHIVE).unwrap().begin(), at(7));
}

#[test]
fn what_is_left_at_the_end_is_written_without_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    opened.consumer(ARCHIVE).unwrap().put(at(7), Vec::new());
    opened.consumer(MIRROR).unwrap().put(at(3), Vec::new());
    write(opened, Keep::default(), Vec::new());
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.consumer(ARCHIVE).unwrap().begin(), at(7));
    assert_eq!(opened.consumer(MIRROR).unwrap().begin(), at(3));
}

#[test]
fn whoever_asks_by_one_name_shares_one_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    opened.consumer(ARCHIVE).unwrap().put(at(7), Vec::new());
    assert_eq!(opened.consumer(ARCHIVE).unwrap().cursor(), at(7));
    assert_eq!(opened.consumer(MIRROR).unwrap().cursor(), ConsumerCursor::default());
    assert_eq!(holds(&opened), [0; 0], "nobody has begun");
}

#[test]
fn a_cursor_that_cannot_be_read_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    opened.conn.execute("INSERT INTO meta VALUES('archive', 'garbage')", []).unwrap();
    assert_eq!(opened.consumer(ARCHIVE).unwrap().begin(), ConsumerCursor::default());
}

/// Two consumers; the process is killed and one of them never comes again.
#[test]
fn after_a_crash_each_goes_on_where_it_was_and_one_that_is_no_more_holds_nothing() {
    let (dir, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let (archive, mirror) = (opened.consumer(ARCHIVE).unwrap(), opened.consumer(MIRROR).unwrap());
    archive.begin();
    mirror.begin();
    let Running { committer, mut reports, thread, .. } = start(opened, keep(16 << 30)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        // What row 29 lets the writer prune it has pruned when it takes row 30.
        for row in rows(1, 29).into_iter().chain(rows(30, 30)) {
            let n = row.row.n;
            archive.put(at(n - 1), Vec::new());
            if n == 5 {
                mirror.put(at(4), Vec::new());
            }
            committer.send(row).await.unwrap();
            assert!(matches!(reports.recv().await, Some(Report::Committed { .. })));
        }
    });
    // What was left after the last commit is not on the disk yet.
    archive.put(at(30), Vec::new());
    copy_files(dir.path(), left.path());
    drop(committer);
    thread.join().unwrap().unwrap();

    let opened = Store::open(left.path()).unwrap();
    assert_eq!(first_row(&opened), 5, "the slower one held them");
    let archive = opened.consumer(ARCHIVE).unwrap();
    assert_eq!(archive.begin(), at(29));
    write(opened, keep(16 << 30), rows(31, 40));
    let opened = Store::open(left.path()).unwrap();
    assert_eq!(first_row(&opened), 30, "the archive stands at 29; the mirror holds nothing");

    // It comes again after all: its cursor is there, and it notes what was pruned meanwhile.
    let mut cursor = opened.consumer(MIRROR).unwrap().begin();
    assert_eq!(cursor, at(4));
    cursor.skip_to(opened.reader().first_row().unwrap().unwrap());
    assert_eq!(cursor.row, 29);
    assert_eq!(cursor.refill.map(|refill| refill.after_row), Some(4));
    assert_eq!(opened.consumer(ARCHIVE).unwrap().begin(), at(29), "the other is unaffected");
}

#[test]
fn each_holds_rows_up_to_its_own_bound_and_never_beyond_the_journals() {
    let body = zstd::bulk::compress(&commit(30).row.body, 1).unwrap().len() as u64;
    // Both are behind: the archive at row 0, the mirror at row 12.
    let check = |keep: Keep, archive: Registration, expected: u64| {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let mirror = opened.consumer(MIRROR).unwrap();
        mirror.begin();
        mirror.put(at(12), Vec::new());
        let archive = opened.consumer(archive).unwrap();
        archive.begin();
        write(opened, keep, rows(1, 30));
        let opened = Store::open(dir.path()).unwrap();
        let first = opened.reader().first_row().unwrap().unwrap();
        assert_eq!(first.n, expected);
        let (mut slow, mut fast) =
            (opened.consumer(ARCHIVE).unwrap().begin(), opened.consumer(MIRROR).unwrap().begin());
        slow.skip_to(first);
        fast.skip_to(first);
        (slow.refill.map(|refill| (refill.after_row, slow.row)), fast)
    };
    let large = 16 << 30;
    let (slow, fast) = check(keep(large), ARCHIVE, 1);
    assert_eq!((slow, fast), (None, at(12)));
    // Twenty rows: the archive loses ten, the mirror none.
    let twenty = ARCHIVE.holding_at_most(20 * body);
    let (slow, fast) = check(keep(large), twenty, 11);
    assert_eq!((slow, fast), (Some((0, 10)), at(12)));
    // The mirror's hold alone is left.
    let (slow, fast) = check(keep(large), ARCHIVE.holding_at_most(1), 13);
    assert_eq!((slow, fast), (Some((0, 12)), at(12)));
    // The journal has no room for what either wants.
    let (slow, fast) = check(keep(1), ARCHIVE, 30);
    assert_eq!(slow, Some((0, 29)));
    assert_eq!((fast.row, fast.refill.map(|refill| refill.after_row)), (29, Some(12)));
}

#[test]
fn every_key_in_meta_is_the_stores_own_or_a_consumers() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    opened.consumer(ARCHIVE).unwrap().put(at(1), Vec::new());
    write(opened, Keep::default(), rows(1, 300));
    let opened = Store::open(dir.path()).unwrap();
    let mut keys = opened.conn.prepare("SELECT key FROM meta").unwrap();
    let keys = keys.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let others: Vec<_> = keys.filter(|key| !meta::OWN_KEYS.contains(&key.as_str())).collect();
    assert_eq!(others, ["archive"]);
}
